// Knows whether the client of a request is there to hear the answer, and when it goes.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isHttp2 } from './head.ts'
import { socketOf } from './unwatched.ts'

/** Whether nobody hears a response any more: its client has gone, or it is over. In each event that tells a handler so, too. */
export function isGone(res: ServerResponse): boolean {
  // Before the response is destroyed, a handler hears of this; one that waits behind another on its connection never is.
  if (res.req.aborted) return true
  // That of HTTP/2 does not say so itself.
  if (isHttp2(res)) return res.socket?.destroyed !== false
  const { destroyed, writable } = socketOf(res.req)
  // A client that has ended its side is not written to either.
  return res.destroyed || destroyed || !writable
}

/** Whether a response is closed, or its connection while it waits behind another one, for which Node.js never says so. */
export function isClosed(res: ServerResponse): boolean {
  if (res.closed) return true
  return !res.socket && (isHttp2(res) || socketOf(res.req).closed)
}

// Of each connection, one listener for all: Node.js warns of many.
const onConnection = new WeakMap<Socket, Set<() => void>>()

/** Calls once when a response is closed; soon, where it is. Returns what takes that back. */
export function onceClosed(res: ServerResponse, closed: () => void): () => void {
  const all = isHttp2(res) ? undefined : closingOf(socketOf(res.req))
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

function closingOf(socket: Socket): Set<() => void> {
  const known = onConnection.get(socket)
  if (known !== undefined) return known
  const all = new Set<() => void>()
  onConnection.set(socket, all)
  socket.once('close', () => {
    for (const each of all) each()
  })
  return all
}
