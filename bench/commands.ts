// Knows how many commands clients send to a Redis meanwhile: what a script does there is no round trip.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What was said is counted once the work is done: it is measured. Questions that a client asks all the time are among it. */
export async function clientCommandsDuring<T>(port: number | undefined, work: () => Promise<T>): Promise<T & { commands: number }> {
  if (port === undefined) return { ...(await work()), commands: 0 }
  const chunks: Buffer[] = []
  const socket: Socket = connect(port, '127.0.0.1')
  socket.write('MONITOR\r\n')
  await once(socket, 'data')
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const done = await work()
  await quiet(chunks)
  socket.destroy()
  const lines = Buffer.concat(chunks).toString('latin1').split('\r\n')
  return { ...done, commands: lines.filter((line) => /^\+[\d.]+ \[\d+ (?!lua)/.test(line)).length }
}

/** Nothing has come for a while. */
async function quiet(chunks: readonly Buffer[]): Promise<void> {
  for (let before = -1; before !== chunks.length; await delay(5)) before = chunks.length
}
