// A network between a process and Redis that can hold answers back, cut connections and refuse new ones.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Wire {
  /** What the client has sent so far. */
  sent(): string
  /** In how many pieces it was sent. */
  pieces(): number
  /** From now on answers do not reach the client. */
  hold(): void
  /** What is held back. */
  held(): string
  /** What was held back arrives, and what follows. */
  release(): void
  /** The first piece of what was held back arrives. */
  releaseOne(): void
  cut(): void
}

export interface Proxy {
  readonly url: string
  /** All connections that are open now. */
  wires(): Wire[]
  /** The one that listens to the channel, and the one that does not. */
  listening(): Wire
  asking(): Wire
  /** Cuts all connections and refuses new ones until `restore`. */
  refuse(): void
  restore(): void
  /** How many connections were refused. */
  refused(): number
}

/** A proxy in front of a port of this machine. It is gone when the test is. */
export async function newProxy(port: number): Promise<Proxy> {
  const open = new Set<Wire>()
  let isRefusing = false
  let refused = 0
  const server = createServer((client) => {
    if (isRefusing) {
      refused++
      return void client.destroy()
    }
    const wire = newWire(client, connect(port, '127.0.0.1'), () => open.delete(wire))
    open.add(wire)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const wire of open) wire.cut()
    server.close()
    await once(server, 'close')
  })
  const find = (isListening: boolean) =>
    Array.from(open).find((wire) => wire.sent().toLowerCase().includes('\r\nsubscribe\r\n') === isListening)!
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wires: () => Array.from(open),
    listening: () => find(true),
    asking: () => find(false),
    refuse() {
      isRefusing = true
      for (const wire of open) wire.cut()
    },
    restore() {
      isRefusing = false
    },
    refused: () => refused,
  }
}

function newWire(client: Socket, server: Socket, onClose: () => void): Wire {
  const held: Buffer[] = []
  let isHeld = false
  let sent = ''
  let pieces = 0
  const end = () => {
    client.destroy()
    server.destroy()
    onClose()
  }
  for (const socket of [client, server]) socket.on('error', end).on('close', end)
  client.on('data', (bytes) => {
    sent += bytes.toString('latin1')
    pieces++
    server.write(bytes)
  })
  server.on('data', (bytes) => void (isHeld ? held.push(bytes) : client.write(bytes)))
  return {
    sent: () => sent,
    pieces: () => pieces,
    hold() {
      isHeld = true
    },
    held: () => Buffer.concat(held).toString('latin1'),
    release() {
      isHeld = false
      for (const bytes of held.splice(0)) client.write(bytes)
    },
    releaseOne() {
      const [bytes] = held.splice(0, 1)
      if (bytes !== undefined) client.write(bytes)
    },
    cut: end,
  }
}
