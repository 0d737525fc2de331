// Knows how to answer with a stored response, and what every answer of a cached route says to its client besides what the handler said.

import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { ServerResponse } from 'node:http'
import { parseCacheControl, permits, restricts } from './cache-control.ts'
import { isNotModified, weakTag } from './conditional.ts'
import { membersOf, valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { setReason, turnNotModified, turnPartial } from './head.ts'
import type { Head } from './head.ts'
import { partOf } from './range.ts'
import { isKept } from './stored-response.ts'
import type { StoredField, StoredResponse } from './stored-response.ts'
import { privateTargets } from './targeted.ts'
import { varyWith } from './vary.ts'

export interface DressOptions {
  /** Lower-case names of the request fields that are arguments. */
  readonly keyed: readonly string[]
  /** Whether the response is one owner's. */
  readonly partitioned: boolean
  /** Whether it is one to be stored, as far as its head tells. */
  readonly mayStore: boolean
  /** Whether Node.js would add a Date. */
  readonly sendsDate: boolean
  /** The time of day. */
  readonly now: number
}

/** The fields that a cached route adds to its handler's, or changes: by their usual names. The same on the first answer and on every hit. */
export function dress(head: Head, body: Uint8Array | undefined, options: DressOptions): Readonly<Record<string, string>> {
  const { fields } = head
  const dressed: Record<string, string> = {}
  const control = cacheControlFor(fields, options)
  if (control !== undefined) dressed['Cache-Control'] = control
  if (options.partitioned) Object.assign(dressed, privateTargets(fields))
  // RFC 9110 §12.5.5
  const vary = varyWith(fields['vary'], options.keyed)
  if (options.keyed.length > 0 && vary !== undefined) dressed['Vary'] = vary
  if (!options.mayStore) return dressed
  if (body !== undefined && isTagged(head)) dressed['ETag'] = weakTag(body)
  // RFC 9110 §6.6.1: as Node.js would, but now, so that a hit has the same.
  if (options.sendsDate && fields['date'] === undefined) dressed['Date'] = new Date(options.now).toUTCString()
  return dressed
}

/** Whether a response without a tag of its own gets one. */
export function isTagged(head: Head): boolean {
  return head.status === 200 && valueOf(head.fields, 'etag') === undefined
}

function cacheControlFor(fields: Fields, { partitioned, mayStore }: DressOptions): string | undefined {
  const said = valueOf(fields, 'cache-control')
  if (said !== undefined) return partitioned ? asPrivate(fields) : undefined
  if (partitioned) return mayStore && valueOf(fields, 'expires') === undefined ? 'private, no-cache' : 'private'
  // A write may clear the response at any moment: who has a copy asks again, and is told 304.
  return mayStore && valueOf(fields, 'expires') === undefined ? 'no-cache' : undefined
}

// What lets others keep it, or all of it but some fields: RFC 9111 §5.2.2.9, §5.2.2.10, §5.2.2.8, §5.2.2.7.
const FOR_SHARED = /^(?:public\b|s-maxage\b|proxy-revalidate\b|private=)/i

function asPrivate(fields: Fields): string | undefined {
  const directives = parseCacheControl(fields['cache-control'])
  const kept = membersOf(fields, 'cache-control').filter((member) => !FOR_SHARED.test(member))
  // RFC 9111 §5.2.2.3: beside `must-understand` others may ignore `no-store`.
  const isNotStored = restricts(directives, 'no-store') && !restricts(directives, 'must-understand')
  if (!permits(directives, 'private') && !isNotStored) kept.unshift('private')
  return kept.join(', ')
}

/** A request as its answer from the store depends on it. */
export interface ReplayRequest {
  readonly method: string
  readonly fields: Fields
}

export interface ReplayOptions {
  /** Milliseconds since it was stored; undefined for what never was. */
  readonly age: number | undefined
  /** The time of day. */
  readonly now: number
  /** The Cache-Status field to send with it, given what is there; undefined for none. */
  cacheStatus?(existing: string | undefined): string
}

/** Answers with a stored response. Fields of outer layers stay, but those that the handler took away or set itself. */
export function replay(res: ServerResponse, stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): void {
  putHead(res, stored, options)
  const answer = answerTo(res, stored, request, options.now)
  if (answer === 'not modified') res.end()
  else if (request.method === 'HEAD') {
    // RFC 9110 §9.3.2: what the GET would say.
    if (stored.status !== 204) res.setHeader('Content-Length', stored.body.byteLength)
    res.end()
  } else if (answer.byteLength === 0) res.end()
  else res.end(answer)
}

/** What of a stored response, whose head is on `res`, a request gets: its body, a part of it, or nothing. Makes the head that of it. */
export function answerTo(res: ServerResponse, stored: StoredResponse, request: ReplayRequest, now: number): Buffer | 'not modified' {
  const body = Buffer.from(stored.body.buffer, stored.body.byteOffset, stored.body.byteLength)
  const { status } = stored
  // RFC 9110 §13.2.2: in this order.
  if (isNotModified(request.method, request.fields, status, res.getHeaders(), now)) {
    turnNotModified(res)
    return 'not modified'
  }
  if (request.fields['range'] === undefined) return body
  const part = partOf(request.method, request.fields, { status, fields: res.getHeaders(), length: body.length }, now)
  if (part === undefined) return body
  turnPartial(res, part, body.length)
  return part === 'none' ? body.subarray(0, 0) : body.subarray(part.first, part.last + 1)
}

/** Puts status and fields of a stored response onto one that has sent nothing yet. */
export function putHead(res: ServerResponse, stored: StoredResponse, options: ReplayOptions): void {
  res.statusCode = stored.status
  if (stored.statusMessage !== '') setReason(res, stored.statusMessage)
  for (const name of stored.removed) res.removeHeader(name)
  for (const field of stored.fields) putField(res, field)
  // RFC 9111 §4, §5.1: in place of any Age it came with, which is part of the new one.
  const arrivedAt = Number(res.getHeader('age') ?? 0) || 0
  if (options.age !== undefined) res.setHeader('Age', String(arrivedAt + Math.max(0, Math.floor(options.age / 1000))))
  const status = options.cacheStatus?.(valueOf(res.getHeaders(), 'cache-status'))
  if (status !== undefined) res.setHeader('Cache-Status', status)
}

function putField(res: ServerResponse, [name, value]: StoredField): void {
  const key = name.toLowerCase()
  if (!isKept(key) || !isValid(name, value)) return
  // An outer layer may vary by more today than when this was stored.
  if (key === 'vary') res.setHeader(name, varyWith(res.getHeader('vary'), membersOf({ vary: value }, 'vary')) ?? '')
  else res.setHeader(name, value)
}

// RFC 9110 §5.5: what a store gives back may be someone else's doing; a line break in it would be a field, or a response, of theirs.
function isValid(name: string, value: string | readonly string[]): boolean {
  try {
    validateHeaderName(name)
    for (const line of [value].flat()) validateHeaderValue(name, line)
    return true
  } catch {
    return false
  }
}
