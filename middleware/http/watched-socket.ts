// Knows the connection of a request as its handler sees it while it is watched, on the request and on the response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { HTTP2_PROPERTIES } from './http2.ts'
import { shadow } from './shadow.ts'
import { inputOfSocket } from './socket-input.ts'

export interface WatchedMessages {
  readonly req: IncomingMessage
  readonly res: ServerResponse | undefined
  read(input: string): void
  /** Whether nobody watches for the moment: Node.js and outer layers get the connection itself. */
  isPaused(): boolean
}

/** Notices what is read of the connection; returns what ends it. */
export function watchSocket({ req, res, read, isPaused }: WatchedMessages): ((() => void) | undefined)[] {
  // Of a request that is watched from further outside too, the watched one: both are to hear of what is read.
  const { socket } = req
  const watched = watchedSocket(socket, read)
  const seenOn = (label: string) => (value: () => unknown) => {
    const found = value()
    if (isPaused() || found === null || found === undefined) return found
    if (realOf(found) === realOf(socket)) return watched
    // A layer has put a client of its own there.
    read(label)
    return found
  }
  const restores = ['socket', 'connection', 'client'].map((name) => shadow(req, name, { get: seenOn(`req.${name}`) }))
  if (req.httpVersionMajor > 1) {
    for (const [name, input] of HTTP2_PROPERTIES) restores.push(shadow(req, name, { before: () => read(input) }))
    if (res !== undefined) restores.push(shadow(res, 'stream', { before: () => read('ip') }))
  }
  // What is called its connection is its socket. One that waits for the answer before it is given its own meanwhile.
  if (res !== undefined) restores.push(shadow(res, 'socket', { get: seenOn('res.socket'), getsWritten: true }))
  return restores
}

// Of a watched connection the one that it stands before: a watch may stand before another one.
const behind = new WeakMap<object, object>()

function realOf(socket: object): object {
  const real = behind.get(socket)
  return real === undefined ? socket : realOf(real)
}

function watchedSocket(socket: object, read: (input: string) => void): object {
  const watched = new Proxy(socket, {
    get(target, name) {
      const input = inputOfSocket(target, name)
      if (input !== undefined) read(input)
      return Reflect.get(target, name, target) as unknown
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  })
  behind.set(watched, socket)
  return watched
}
