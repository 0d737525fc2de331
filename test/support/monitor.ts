// What Redis servers run, by MONITOR on sockets of their own: a client of ioredis takes another one's "hello" for an answer to itself.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const END = '"end of the work"'

/** The names of all commands that the servers at these ports of this machine run meanwhile, also those inside scripts. */
export async function commandsDuring(ports: readonly number[], work: () => Promise<unknown>): Promise<string[]> {
  const monitors = await Promise.all(ports.map(newMonitor))
  await work()
  return (await Promise.all(monitors.map((monitor) => monitor.end()))).flat()
}

async function newMonitor(port: number): Promise<{ end(): Promise<string[]> }> {
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.on('data', (bytes) => (said += bytes.toString('latin1')))
  const says = async (words: string): Promise<void> => {
    while (!said.includes(words)) await once(socket, 'data')
  }
  socket.write('MONITOR\r\n')
  await says('+OK')
  return {
    async end() {
      const asker: Socket = connect(port, '127.0.0.1')
      asker.write(`ECHO ${END}\r\n`)
      await says(END)
      for (const each of [asker, socket]) each.destroy()
      const lines = said.slice(0, said.indexOf(END)).split('\r\n')
      const names = lines.flatMap((line) => /^\+[\d.]+ \[[^\]]*\] "([^"]+)"/.exec(line)?.[1]?.toLowerCase() ?? [])
      return names.slice(0, -1)
    },
  }
}
