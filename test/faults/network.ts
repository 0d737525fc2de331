// A network in front of Redis that does to everything that passes what a test says: delays it, loses it, or answers in Redis' place.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export type Behaviour =
  | { readonly does: 'carry' | 'cut' }
  /** Answers come so many milliseconds late. */
  | { readonly does: 'delay'; readonly ms: number }
  /** Nothing arrives any more, in neither direction, and nobody is told; or only answers do not. */
  | { readonly does: 'swallow' | 'swallow answers' }
  /** Each command is answered by this, and does not arrive. `to`: only commands of this name are. */
  | { readonly does: 'answer'; readonly bytes: string; readonly to?: string }

export interface Network {
  readonly port: number
  /** How many connections there were. */
  readonly accepted: number
  be(behaviour: Behaviour): void
  close(): Promise<void>
}

/** A network that carries what passes to and from a port of this machine. */
export async function newNetwork(port: number): Promise<Network> {
  let behaviour: Behaviour = { does: 'carry' }
  const open = new Set<Wire>()
  let accepted = 0
  const server = createServer((client) => {
    accepted++
    if (behaviour.does === 'cut') return void client.destroy()
    const wire = newWire(
      client,
      connect(port, '127.0.0.1'),
      () => behaviour,
      () => open.delete(wire),
    )
    open.add(wire)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => open.forEach((wire) => wire.cut())
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    be(next) {
      // Whoever was answered by somebody else has to begin anew with the server.
      if (next.does === 'cut' || behaviour.does === 'answer') cut()
      behaviour = next
    },
    async close() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Wire {
  cut(): void
}

function newWire(client: Socket, server: Socket, behaviour: () => Behaviour, onClose: () => void): Wire {
  /** What was lost once is never made up for: such a connection stays dead, and nobody is told. */
  let isDead = false
  const cut = (): void => {
    client.destroy()
    server.destroy()
    onClose()
  }
  for (const socket of [client, server]) socket.on('error', cut).on('close', cut)
  client.on('data', (bytes) => {
    const now = behaviour()
    isDead ||= now.does === 'swallow'
    if (isAnswered(now, bytes)) client.write(now.bytes.repeat(commandsIn(bytes)))
    else if (!isDead || now.does === 'swallow answers') server.write(bytes)
  })
  server.on('data', (bytes) => {
    const now = behaviour()
    isDead ||= now.does === 'swallow' || now.does === 'swallow answers'
    if (isDead || (now.does === 'answer' && now.to === undefined)) return
    if (now.does === 'delay') setTimeout(() => client.write(bytes), now.ms).unref()
    else client.write(bytes)
  })
  return { cut }
}

function isAnswered(behaviour: Behaviour, sent: Buffer): behaviour is Behaviour & { does: 'answer' } {
  return behaviour.does === 'answer' && (behaviour.to === undefined || sent.includes(`\r\n${behaviour.to}\r\n`))
}

/** How many commands begin in these bytes: each is a list of texts. */
function commandsIn(bytes: Buffer): number {
  return bytes.toString('latin1').split(/(?:^|\r\n)\*\d+\r\n\$/).length - 1
}
