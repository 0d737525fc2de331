// A network between processes and a server: it can be cut, fall silent, be slow, or lead to another server.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Network extends AsyncDisposable {
  readonly port: number
  /** Where new connections lead. */
  leadTo(port: number): void
  /** Cuts all connections; new ones are made. */
  cut(): void
  /** Cuts all connections and refuses new ones until `heal`. */
  refuse(): void
  /** Nothing comes through the connections that there are, and nobody is told: their other end is gone. */
  silence(): void
  /** As `silence`, and for new ones too, until `heal`. */
  part(): void
  /** What the server says by channels does not arrive, until `heal`. */
  deafen(): void
  /** What the server says arrives so many milliseconds later, until `heal`. */
  slow(ms: number): void
  heal(): void
}

interface Wire {
  isSilent: boolean
  readonly end: () => void
}

/** A network in front of a port of this machine. */
export async function newNetwork(port: number): Promise<Network> {
  const wires = new Set<Wire>()
  let target = port
  let mode: 'open' | 'refusing' | 'parted' = 'open'
  let isDeaf = false
  let delay = 0
  const server = createServer((client) => {
    if (mode === 'refusing') return void client.destroy()
    const upstream = connect(target, '127.0.0.1')
    const wire: Wire = {
      isSilent: mode === 'parted',
      end() {
        client.destroy()
        upstream.destroy()
        wires.delete(wire)
      },
    }
    wires.add(wire)
    let isListening = false
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', wire.end).on('close', wire.end)
    carry(client, upstream, (bytes) => {
      isListening ||= bytes.includes('\r\nsubscribe\r\n')
      return wire.isSilent ? undefined : 0
    })
    carry(upstream, client, () => (wire.isSilent || (isDeaf && isListening) ? undefined : delay))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Expected a port.')
  const cut = (): void => {
    for (const wire of wires) wire.end()
  }
  const silence = (): void => {
    for (const wire of wires) wire.isSilent = true
  }
  return {
    port: address.port,
    leadTo: (port) => void (target = port),
    cut,
    silence,
    refuse() {
      mode = 'refusing'
      cut()
    },
    part() {
      mode = 'parted'
      silence()
    },
    deafen: () => void (isDeaf = true),
    slow: (ms) => void (delay = ms),
    heal() {
      mode = 'open'
      isDeaf = false
      delay = 0
      // What fell silent stays so: nobody can take back the bytes that were lost.
      for (const wire of wires) if (wire.isSilent) wire.end()
    },
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Carries bytes in their order, each part after the delay that it is given when it comes; undefined: never. */
function carry(from: Socket, to: Socket, delayOf: (bytes: Buffer) => number | undefined): void {
  let last = Promise.resolve()
  let waiting = 0
  from.on('data', (bytes) => {
    const delay = delayOf(bytes)
    if (delay === undefined) return
    if (delay === 0 && waiting === 0) return void to.write(bytes)
    waiting++
    last = deliver(bytes, last, sleep(delay))
  })
  async function deliver(bytes: Buffer, last: Promise<void>, due: Promise<void>): Promise<void> {
    await Promise.all([last, due])
    waiting--
    if (!to.destroyed) to.write(bytes)
  }
}
