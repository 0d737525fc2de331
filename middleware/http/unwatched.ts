// Knows the headers and the connection of a request, and the fields of its response, without a word to who watches them.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { propertyOf } from './property.ts'

const visible = new WeakMap<IncomingMessage, () => IncomingHttpHeaders>()

/** The headers of a request as its handler sees them: for a route inside a route too. */
export function headersOf(req: IncomingMessage): IncomingHttpHeaders {
  return visible.get(req)?.() ?? propertyOf(req, 'headers')
}

/** Says what a request's handler sees of its headers from here on; returns what takes that back. */
export function showHeaders(req: IncomingMessage, headers: () => IncomingHttpHeaders): () => void {
  const before = visible.get(req)
  visible.set(req, headers)
  return () => void (before === undefined ? visible.delete(req) : visible.set(req, before))
}

type Quietly = <T>(work: () => T) => T

const quietly = new WeakMap<IncomingMessage, Quietly>()

/** Says how a request is read without a word to who watches all layers; returns what takes that back. */
export function keepQuiet(req: IncomingMessage, how: Quietly): () => void {
  quietly.set(req, how)
  return () => void quietly.delete(req)
}

/** Reads a request for a handler, of which its route hears: who watches all layers does not. */
export function readForHandler<T>(req: IncomingMessage, read: () => T): T {
  const how = quietly.get(req)
  return how === undefined ? read() : how(read)
}

const sockets = new WeakMap<IncomingMessage, Socket>()

/** The connection of a request. */
export function socketOf(req: IncomingMessage): Socket {
  return sockets.get(req) ?? req.socket
}

/** Keeps the connection of a request that is about to be watched. */
export function keepSocket(req: IncomingMessage): void {
  sockets.set(req, socketOf(req))
}

const quiet = new WeakMap<ServerResponse, () => OutgoingHttpHeaders>()

/** The fields of a response as they stand now. */
export function fieldsOf(res: ServerResponse): OutgoingHttpHeaders {
  return quiet.get(res)?.() ?? res.getHeaders()
}

/** Keeps the way to the fields of a response that is about to be watched, and gives those that stand there. */
export function keepFields(res: ServerResponse): OutgoingHttpHeaders {
  if (!quiet.has(res)) quiet.set(res, res.getHeaders.bind(res))
  return fieldsOf(res)
}
