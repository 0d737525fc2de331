// Knows what of a connection says who is at its other end, or for whom they took this one.

import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

const INPUTS: ReadonlyMap<string | symbol, string> = new Map([
  ...['authorized', 'getPeerCertificate', 'getPeerX509Certificate', 'remoteAddress', 'remoteFamily', 'remotePort'].map(
    (name) => [name, 'ip'] as const,
  ),
  // Private to Node.js, and what `remoteAddress` goes by.
  ['_getpeername', 'ip'],
  ['_peername', 'ip'],
  ['servername', 'host'],
  ['encrypted', 'protocol'],
])

// Of Node.js, on the connections of its servers.
const NODES: ReadonlySet<string | symbol> = new Set([
  ...Reflect.ownKeys(new Socket()),
  ...'alpnProtocol authorizationError on parser secureConnecting server ssl timeout'.split(' '),
])

/** The input that a property of a connection tells; undefined where it tells none. What is not Node.js's some layer has left. */
export function inputOfSocket(socket: object, name: string | symbol): string | undefined {
  const known = INPUTS.get(name)
  if (known !== undefined || typeof name === 'symbol' || name.startsWith('_') || NODES.has(name)) return known
  return Object.hasOwn(socket, name) && !(name in TLSSocket.prototype) ? `req.socket.${name}` : undefined
}
