// Knows the head of a response that is about to be sent: its status and fields, and what `writeHead` adds to them.

import { validateHeaderValue } from 'node:http'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { parseCacheControl, restricts } from './cache-control.ts'
import { isOnNotModified } from './conditional.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { propertyOf } from './property.ts'
import type { Part } from './range.ts'
import { fieldsOf } from './unwatched.ts'

/** A response's status and all its fields, outer layers' too, as they stand at one moment. */
export interface Head {
  readonly status: number
  readonly statusMessage: string
  /** By lower-case name. */
  readonly fields: Fields
  /** Names as they were spelled, by lower-case name. */
  readonly spelling: ReadonlyMap<string, string>
}

/** The head of a response as it stands now. */
export function headOf(res: ServerResponse): Head {
  const spelling = new Map<string, string>()
  for (const name of rawNames(res)) spelling.set(name.toLowerCase(), name)
  return { status: res.statusCode, statusMessage: reasonOf(res), fields: copied(fieldsOf(res)), spelling }
}

/** Node.js hands out the list of a field's lines that it keeps, and adds to it. */
function copied(fields: OutgoingHttpHeaders): OutgoingHttpHeaders {
  for (const [name, value] of Object.entries(fields)) if (Array.isArray(value)) fields[name] = [...value]
  return fields
}

/** Whether a response is one of HTTP/2. By what it has: while it is watched its prototype is another. */
export function isHttp2(res: ServerResponse): boolean {
  return 'createPushResponse' in res
}

/** A response's own reason phrase; empty for none. RFC 9113 §8.3.2: HTTP/2 has none, and Node.js warns who asks for it there. */
export function reasonOf(res: ServerResponse): string {
  return isHttp2(res) ? '' : (res.statusMessage ?? '')
}

/** Sets a response's reason phrase, where it can have one; an empty one leaves it to Node.js. */
export function setReason(res: ServerResponse, reason: string): void {
  if (!isHttp2(res) && (reason !== '' || propertyOf(res, 'statusMessage'))) res.statusMessage = reason
}

// An HTTP/2 response has lower-case names only, and no such method; the types know it of requests only.
function rawNames(res: ServerResponse & { getRawHeaderNames?(): string[] }): string[] {
  return res.getRawHeaderNames?.() ?? res.getHeaderNames()
}

/** Whether `writeHead` would take this for a status; what it refuses is left for it to throw. */
export function isStatus(value: unknown): boolean {
  const status = Number(value) | 0
  return status >= 100 && status <= 999
}

/** Whether Node.js would send a head with the status and the message that are on a response; if not it throws when the head is to leave. */
export function isSendable(res: ServerResponse): boolean {
  return isStatus(res.statusCode) && !UNSENDABLE.test(reasonOf(res))
}

// RFC 9112 §4, as Node.js has it.
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/

/** Puts the arguments of a `writeHead` onto the response, as it would itself, without sealing the head. Throws as it does. */
export function mergeWriteHead(res: ServerResponse, args: readonly unknown[]): void {
  const [status, reason, more] = args
  const fields = typeof reason === 'string' ? more : (more ?? reason)
  if (typeof reason === 'string') validateHeaderValue('statusMessage', reason)
  for (const [name, value] of pairsOf(fields)) res.setHeader(name, value as string)
  res.statusCode = Number(status) | 0
  if (typeof reason === 'string') setReason(res, reason)
}

/** Object, flat list or list of pairs: Node.js takes all three. */
function pairsOf(fields: unknown): Iterable<readonly [string, unknown]> {
  if (fields === undefined || fields === null) return []
  if (!Array.isArray(fields)) return Object.entries(fields).filter(([name]) => name !== '')
  return byName(Array.isArray(fields[0]) ? (fields as [string, unknown][]) : flatPairs(fields))
}

// A name without a value has none that `setHeader` takes.
function* flatPairs(list: readonly unknown[]): Iterable<readonly [string, unknown]> {
  for (let at = 0; at < list.length; at += 2) yield [String(list[at]), list[at + 1]]
}

/** In a list a name may come twice; `setHeader` wants its lines together. */
function byName(pairs: Iterable<readonly [string, unknown]>): Iterable<readonly [string, unknown]> {
  const found = new Map<string, [string, unknown]>()
  for (const [name, value] of pairs) {
    const before = found.get(name.toLowerCase())
    if (before === undefined) found.set(name.toLowerCase(), [name, value])
    else before[1] = [before[1], value].flat()
  }
  return found.values()
}

/** Makes a 304 of a response whose client has its content already. RFC 9110 §15.4.5 */
export function turnNotModified(res: ServerResponse): void {
  res.statusCode = 304
  // Of the 200 it stands for; Node.js fills in its own.
  setReason(res, '')
  leaveOutContent(res)
}

/** Takes away what describes content that does not go out. */
export function leaveOutContent(res: ServerResponse): void {
  for (const name of propertyOf(res, 'getHeaderNames').call(res)) if (!isOnNotModified(name)) res.removeHeader(name)
}

/**
 * Makes of a 200's fields those of the answer to who asked for a part of its content: that part, or the word that there is none. Returns its status.
 * RFC 9110 §15.3.7, §15.5.17
 */
export function turnPartial(res: ServerResponse, part: Part | 'none', length: number): 206 | 416 {
  setReason(res, '')
  if (part === 'none') {
    leaveOutContent(res)
    // Of this one range: who keeps it is not to tell it to others.
    res.setHeader('Cache-Control', 'no-store')
    res.setHeader('Content-Range', `bytes */${length}`)
    res.setHeader('Content-Length', 0)
    return 416
  }
  // RFC 9530 §2, RFC 9110 §8.6: these are of the content, which is another now.
  for (const name of ['content-digest', 'content-md5']) res.removeHeader(name)
  res.setHeader('Content-Range', `bytes ${part.first}-${part.last}/${length}`)
  res.setHeader('Content-Length', part.last - part.first + 1)
  // RFC 9110 §7.7: an outer layer that compressed it would make of these bytes a part of something that nobody has.
  const control = valueOf(res.getHeaders(), 'cache-control')
  if (!restricts(parseCacheControl(control), 'no-transform'))
    res.setHeader('Cache-Control', control ? `${control}, no-transform` : 'no-transform')
  return 206
}
