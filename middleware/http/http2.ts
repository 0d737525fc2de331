// Knows what a request of HTTP/2 calls what one of HTTP/1 has under another name, or has not.

import { IncomingMessage, ServerResponse } from 'node:http'
import type { Fields } from './fields.ts'

/** Pseudo-fields, and what they are called where there are none. RFC 9113 §8.3.1 */
export const PSEUDO_FIELDS: ReadonlyMap<string, string> = new Map([
  [':authority', 'host'],
  [':scheme', 'protocol'],
])

/** Properties that its request alone has, and what they tell. Its stream has a session, which has a socket. */
export const HTTP2_PROPERTIES: ReadonlyMap<string, string> = new Map([
  ['authority', 'host'],
  ['scheme', 'protocol'],
  ['stream', 'ip'],
])

const SYMBOLS: ReadonlySet<string | undefined> = new Set(
  'aborted begin-send headers proxySocket rawHeaders rawTrailers request response sendInfo setHeader socket state stream trailers'.split(
    ' ',
  ),
)

/** Whether a symbol of a message is Node.js's own. They are no subclasses of those of HTTP/1, and cannot be made without a stream. */
export function isOwnSymbol(message: object, { description }: symbol): boolean {
  const isOfHttp2 = 'stream' in message && !(message instanceof IncomingMessage || message instanceof ServerResponse)
  return isOfHttp2 && SYMBOLS.has(description)
}

/** The fields of a request as they may select its response: an authority is its host. RFC 9113 §8.3.1 */
export function selectingFieldsOf(fields: Fields): Fields {
  const { ':authority': authority, host } = fields
  if (authority === undefined) return fields
  // A client may send two that differ, and a handler read either.
  return { ...fields, host: host === undefined || host === authority ? authority : [String(authority), String(host)] }
}
