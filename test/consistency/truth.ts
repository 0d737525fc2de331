// The source of truth, outside the cache: a number for each key, which counts its writes.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface Truth extends AsyncDisposable {
  readonly port: number
}

/** Answers lines of `[id, "read" | "write", key]` with `[id, version]`, in the order they come. */
export async function startTruth(): Promise<Truth> {
  const versions = new Map<string, number>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const lines = createInterface({ input: socket })
    // A process that is killed breaks its connection off.
    lines.on('error', () => socket.destroy())
    lines.on('line', (line) => {
      const [id, deed, key] = JSON.parse(line) as [number, 'read' | 'write', string]
      const version = (versions.get(key) ?? 0) + (deed === 'write' ? 1 : 0)
      versions.set(key, version)
      socket.write(`${JSON.stringify([id, version])}\n`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Expected a port.')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface TruthClient {
  read(key: string): Promise<number>
  /** Resolves to the number of this write. */
  write(key: string): Promise<number>
}

/** One process's connection to the truth. */
export function newTruthClient(port: number): TruthClient {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  const waiting = new Map<number, (version: number) => void>()
  let count = 0
  createInterface({ input: socket }).on('line', (line) => {
    const [id, version] = JSON.parse(line) as [number, number]
    waiting.get(id)?.(version)
    waiting.delete(id)
  })
  const ask = (deed: 'read' | 'write', key: string): Promise<number> =>
    new Promise((resolve) => {
      waiting.set(++count, resolve)
      socket.write(`${JSON.stringify([count, deed, key])}\n`)
    })
  return { read: (key) => ask('read', key), write: (key) => ask('write', key) }
}
