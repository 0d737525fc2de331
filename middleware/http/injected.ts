// Knows a request of this process's own to a server in it: over a connection in memory, and real to all that stands behind that server.

import { Server as HttpServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import { Duplex } from 'node:stream'
import { socketOf } from './unwatched.ts'

/** A server that takes connections which were made here. */
export type InjectableServer = HttpServer | HttpsServer

// At once and for one server: past them who wants one does without.
const MOST_CONNECTIONS = 64

const opened = new WeakMap<InjectableServer, Set<InjectedConnection>>()

/** The server that a request came by, where one more connection may be made to it; undefined for HTTP/2, and where there is none. */
export function serverOf(req: IncomingMessage): InjectableServer | undefined {
  // Node.js puts it there.
  const { server } = socketOf(req) as { readonly server?: unknown }
  const isInjectable = req.httpVersionMajor === 1 && (server instanceof HttpServer || server instanceof HttpsServer)
  return isInjectable && hasRoom(server) ? server : undefined
}

function hasRoom(server: InjectableServer): boolean {
  return (opened.get(server)?.size ?? 0) < MOST_CONNECTIONS
}

// What is asked of a connection and has no meaning where there is no wire.
const WITHOUT_EFFECT = ['setTimeout', 'setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const

/**
 * A connection as a server sees it: one request comes, and what is answered is dropped. It shows the address and the encryption of the
 * connection that it stands for, and none of its port or certificates, so that it is not taken for it.
 */
export class InjectedConnection extends Duplex {
  readonly remoteAddress: string | undefined
  readonly remoteFamily: string | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly encrypted: boolean | undefined
  readonly authorized: boolean = false
  readonly #server: InjectableServer

  constructor(server: InjectableServer, like: IncomingMessage) {
    super()
    const socket = socketOf(like) as IncomingMessage['socket'] & { readonly encrypted?: boolean }
    this.#server = server
    this.remoteAddress = socket.remoteAddress
    this.remoteFamily = socket.remoteFamily
    this.localAddress = socket.localAddress
    this.localPort = socket.localPort
    this.encrypted = socket.encrypted
    // A broken answer is whoever reads it to be told of: the server that writes it hears of it by itself.
    this.on('error', () => {})
  }

  /** Hands the connection to its server with a request on it. False where the server has as many as it may, or closes. Throws as its listeners do. */
  open(head: string): boolean {
    const server = this.#server
    if (!server.listening || !hasRoom(server)) return false
    const connections = connectionsOf(server)
    connections.add(this)
    this.once('close', () => connections.delete(this))
    // As Node.js documents of both events; what speaks TLS has its handshake before the second.
    server.emit(server instanceof HttpsServer ? 'secureConnection' : 'connection', this)
    // No sooner, since a listener that throws ends it.
    this.push(head, 'latin1')
    return true
  }

  address(): object {
    return { address: this.localAddress, family: this.remoteFamily, port: this.localPort }
  }

  getPeerCertificate(): object {
    return {}
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }

  override _final(done: () => void): void {
    done()
    // The answer is complete, and there is no one to close the other side.
    this.destroy()
  }
}

for (const name of WITHOUT_EFFECT) {
  Object.defineProperty(InjectedConnection.prototype, name, {
    configurable: true,
    writable: true,
    value(this: InjectedConnection) {
      return this
    },
  })
}

/** The connections to a server that are open: none outlives it, though a server does not wait for what it did not accept itself. */
function connectionsOf(server: InjectableServer): Set<InjectedConnection> {
  const known = opened.get(server)
  if (known !== undefined) return known
  const connections = new Set<InjectedConnection>()
  opened.set(server, connections)
  server.on('close', () => connections.forEach((connection) => connection.destroy()))
  return connections
}
