// Ports of a test's own: nobody else in this run of the tests takes them, also while nobody listens there.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { randomInt } from 'node:crypto'

// Below those that systems hand to outgoing connections: a client that reconnects to a server that is down could get its port as its own,
// and be connected to itself.
const [FIRST, END] = [10_000, 32_000]
// Each worker takes its ports where no other one does: a server that a test has killed is not replaced by another test's.
const PARTS = 8
const PART = (END - FIRST) / PARTS
const start = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % PARTS) * PART
const taken = new Set<number>()

/** The first of `count` ports in a row that nobody here was given before. */
export function newPorts(count: number): number {
  const first = start + randomInt(PART - count + 1)
  const all = Array.from({ length: count }, (_, index) => first + index)
  if (all.some((port) => taken.has(port))) return newPorts(count)
  for (const port of all) taken.add(port)
  return first
}

/** The first of `count` such ports that nobody listens on either. */
export async function freePorts(count: number): Promise<number> {
  const first = newPorts(count)
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
