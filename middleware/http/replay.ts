// Knows how to answer with a stored response, and what every answer of a cached route says to its client besides what the handler said.

import { ServerResponse, STATUS_CODES } from 'node:http'
import { parseCacheControl, permits, restricts } from './cache-control.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Outcome } from './cache-status.ts'
import { isNotModified, weakTag } from './conditional.ts'
import { membersOf, valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { leaveOutContent, setReason, turnPartial } from './head.ts'
import type { Head } from './head.ts'
import { propertyOf } from './property.ts'
import { partOf } from './range.ts'
import { readyOf } from './ready.ts'
import type { Answer, Ready, ReadyField } from './ready.ts'
import type { StoredResponse } from './stored-response.ts'
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
  /** The time of day, which few answers depend on. */
  readonly now: () => number
  /** What to say in Cache-Status; undefined for nothing. */
  readonly outcome?: Outcome | undefined
}

/** Answers with a stored response. Fields of outer layers stay, but those that the handler took away or set itself. */
export function replay(res: ServerResponse, stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): void {
  const answer = putAnswer(res, stored, request, options)
  const { status, body } = answer
  const isHead = request.method === 'HEAD'
  // RFC 9110 §9.3.2: what the GET would say.
  if (isHead && body !== undefined && status !== 204) res.setHeader('Content-Length', stored.body.byteLength)
  send(res, isHead || body?.byteLength === 0 ? { ...answer, body: undefined } : answer)
}

/** Ends what a layer has thrown in on the way out, where its head has left: who waits for the rest of it would wait for ever. */
export function breakOff(res: ServerResponse, error: unknown): void {
  if (res.headersSent && !res.writableEnded) res.destroy(error as Error)
}

interface Methods extends Pick<ServerResponse, 'setHeader'> {
  readonly end: ServerResponse['end'] | undefined
  readonly writeHead: (this: ServerResponse, status: number, reason: string) => ServerResponse
}

// As Node.js has them: who changes them for all responses is a layer too. An agent does so before this is loaded; then `end` is not Node.js's
// own, which comes to the head by this name.
const { end, writeHead, setHeader } = ServerResponse.prototype
/** The methods of Node.js itself. */
export const own: Methods = {
  end: Function.prototype.toString.call(end).includes('_implicitHeader') ? end : undefined,
  writeHead,
  setHeader,
}

/** Whether nothing stands around the way on which a head leaves. */
export function isPlain(res: ServerResponse): boolean {
  const isOwn = propertyOf(res, 'end') === own.end && propertyOf(res, 'writeHead') === own.writeHead
  // What a layer has made of a status is read where Node.js itself makes the head.
  return isOwn && !Object.hasOwn(res, 'statusCode') && !Object.hasOwn(res, '_implicitHeader')
}

function send(res: ServerResponse, { status, body, isSized }: Answer): void {
  const end = propertyOf(res, 'end') as (body?: Buffer) => unknown
  // Outer layers look at what `end` is given, and so does Node.js where the head says no length.
  if (isSized && isPlain(res)) own.writeHead.call(res, status, reasonFor(res, status))
  else res.statusCode = status
  if (body === undefined) end.call(res)
  else end.call(res, body)
}

// As Node.js has it where it is given none, but for how it looks at the response: `propertyOf` says why.
function reasonFor(res: ServerResponse, status: number): string {
  return propertyOf(res, 'statusMessage') || STATUS_CODES[status] || 'unknown'
}

/** Puts the fields of what a request gets of a stored response onto one that has sent nothing yet. */
export function putAnswer(res: ServerResponse, stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): Answer {
  const ready = readyOf(stored)
  const { fields } = request
  const isConditional = fields['if-none-match'] !== undefined || fields['if-modified-since'] !== undefined
  // RFC 9110 §13.2.2: in this order.
  if (isConditional && isNotModified(request.method, fields, stored.status, validatorsOf(res, ready, fields), options.now())) {
    putFields(res, ready, ready.onNotModified, options)
    // Of the 200 it stands for; Node.js fills in its own.
    setReason(res, '')
    leaveOutContent(res)
    return NOT_MODIFIED
  }
  putFields(res, ready, ready.fields, options)
  return fields['range'] === undefined ? ready.whole : partAskedFor(res, ready, request, options.now())
}

const NOT_MODIFIED: Answer = { status: 304, body: undefined, isSized: true }

/** What of a stored response, whose head is on `res`, a request gets. Makes the head that of a part. */
export function answerTo(res: ServerResponse, stored: StoredResponse, request: ReplayRequest, now: number): Answer {
  if (isNotModified(request.method, request.fields, stored.status, res.getHeaders(), now)) return NOT_MODIFIED
  return request.fields['range'] === undefined ? readyOf(stored).whole : partAskedFor(res, readyOf(stored), request, now)
}

/** Puts status and fields of a stored response onto one that has sent nothing yet. */
export function putHead(res: ServerResponse, stored: StoredResponse, options: ReplayOptions): void {
  const ready = readyOf(stored)
  res.statusCode = stored.status
  putFields(res, ready, ready.fields, options)
}

/** What a response will say, once a stored one is on it, that the conditions of a request ask for. */
function validatorsOf(res: ServerResponse, { stored, byName }: Ready, requestFields: Fields): Fields {
  const valueAfter = (name: string): Fields[string] => byName.get(name) ?? (stored.removed.includes(name) ? undefined : res.getHeader(name))
  // RFC 9110 §13.1.3: If-None-Match, where it is there, decides alone.
  return requestFields['if-none-match'] === undefined
    ? { 'last-modified': valueAfter('last-modified'), date: valueAfter('date') }
    : { etag: valueAfter('etag') }
}

function partAskedFor(res: ServerResponse, { stored, whole, byName }: Ready, request: ReplayRequest, now: number): Answer {
  const { body } = whole
  const part = partOf(request.method, request.fields, { status: stored.status, fields: res.getHeaders(), length: body.length }, now)
  if (part === undefined) return whole
  const status = turnPartial(res, part, body.length)
  return {
    status,
    body: part === 'none' ? body.subarray(0, 0) : body.subarray(part.first, part.last + 1),
    isSized: !byName.has('content-disposition'),
  }
}

/** Outer layers add to the list of a field's lines that they find on the response. */
function ownOf(value: string | readonly string[]): string | readonly string[] {
  return typeof value === 'string' ? value : [...value]
}

function putFields(res: ServerResponse, { stored }: Ready, fields: readonly ReadyField[], { age, outcome }: ReplayOptions): void {
  if (stored.statusMessage !== '') setReason(res, stored.statusMessage)
  for (const name of stored.removed) res.removeHeader(name)
  const get = propertyOf(res, 'getHeader')
  const there = propertyOf(res, 'setHeader')
  // A layer's may take itself away.
  const set: typeof there = there === own.setHeader ? there : (name, value) => res.setHeader(name, value)
  for (const { name, value, nominated } of fields)
    set.call(res, name, nominated === undefined ? ownOf(value) : (varyWith(get.call(res, 'vary'), nominated) ?? ''))
  // RFC 9111 §4, §5.1: in place of any Age it came with, which is part of the new one.
  const arrivedAt = Number(get.call(res, 'age') ?? 0) || 0
  if (age !== undefined) set.call(res, 'Age', String(arrivedAt + Math.max(0, Math.floor(age / 1000))))
  if (outcome !== undefined) set.call(res, 'Cache-Status', cacheStatusWith(get.call(res, 'cache-status'), outcome))
}
