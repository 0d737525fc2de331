// Knows whether the client of a request is there to hear the answer, and when it goes.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isHttp2 } from './head.ts'
import { socketOf } from './unwatched.ts'

/** Whether nobody hears a response any more: its client has gone, or it is over. In each event that tells a handler so, too. */
export function isGone(res: ServerResponse): boolean {
  // Before the response is destroyed, a handler hears of this; one that waits behind another on its connection never is.
  if (requestOf(res)?.aborted === true) return true
  // That of HTTP/2 does not say so itself.
  if (isHttp2(res)) return res.socket?.destroyed !== false
  const connection = connectionOf(res)
  // A client that has ended its side is not written to either.
  return res.destroyed || connection?.destroyed === true || connection?.writable === false
}

/** Whether a response is closed, or its connection while it waits behind another one, for which Node.js never says so. */
export function isClosed(res: ServerResponse): boolean {
  if (res.closed) return true
  return !res.socket && (isHttp2(res) || connectionOf(res)?.closed === true)
}

// Of each connection, one listener for all: Node.js warns of many.
const onConnection = new WeakMap<Partial<Socket>, Set<() => void>>()

/** Calls once when a response is closed; soon, where it is. Returns what takes that back. */
export function onceClosed(res: ServerResponse, closed: () => void): () => void {
  const connection = isHttp2(res) ? undefined : connectionOf(res)
  const all = connection && closingOf(connection)
  let isStopped = false
  const stop = (): void => {
    isStopped = true
    res.off('close', tell)
    all?.delete(onDisconnected)
  }
  const tell = (): void => {
    if (isStopped) return
    stop()
    closed()
  }
  // One that has its turn is closed itself in the next moment.
  const onDisconnected = (): void => {
    if (!res.socket) tell()
  }
  res.once('close', tell)
  all?.add(onDisconnected)
  if (isClosed(res)) process.nextTick(tell)
  return stop
}

// Who runs an application without a server gives it no request, no connection, or what is little of one.
function requestOf(res: ServerResponse): IncomingMessage | undefined {
  return res.req
}

function connectionOf(res: ServerResponse): Partial<Socket> | undefined {
  const req = requestOf(res)
  return req && socketOf(req)
}

function closingOf(connection: Partial<Socket>): Set<() => void> | undefined {
  const known = onConnection.get(connection)
  if (known !== undefined) return known
  if (connection.once === undefined) return undefined
  const all = new Set<() => void>()
  onConnection.set(connection, all)
  connection.once('close', () => {
    for (const each of all) each()
  })
  return all
}
