// Ports that nobody listens on.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { randomInt } from 'node:crypto'

/** The first of `count` free ports in a row. */
export async function freePorts(count: number): Promise<number> {
  // Below those that systems hand to outgoing connections.
  const first = randomInt(10_000, 32_000)
  const all = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)))
  return all.every(Boolean) ? first : freePorts(count)
}

/** Whether nobody listens on a port. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port)
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
