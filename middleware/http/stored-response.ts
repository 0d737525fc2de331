// Knows what a route stores of a response: the difference its handler made, and the body.

import { CodecError } from '../../src/index.ts'
import type { StaleWindows } from '../../src/door.ts'
import type { Codec, Ref } from '../../src/index.ts'
import { CACHE_NAME } from './cache-status.ts'
import { membersOf } from './fields.ts'
import type { Fields, FieldValue } from './fields.ts'
import type { Head } from './head.ts'
import { isSelection } from './vary.ts'
import type { Selection } from './vary.ts'

/** One field: its name as it was spelled, and its value; a list where it has several lines. */
export type StoredField = readonly [name: string, value: string | readonly string[]]

/** What a route stores of a response. */
export interface StoredResponse {
  readonly status: number
  /** Empty where it is the status's own. */
  readonly statusMessage: string
  /** The fields that the handler added or changed. */
  readonly fields: readonly StoredField[]
  /** Lower-case names of the fields that stood before the handler and that it took away. */
  readonly removed: readonly string[]
  readonly body: Uint8Array
  /** How long past its freshness it is of use, where it is at all. */
  readonly stale?: StaleWindows
  /** Whether a client may have it stale that asks for it so. */
  readonly mayBeStale?: true
  /** The handler's own Cache-Control, where its clients are told another; empty for none. */
  readonly said?: string
  /** The conditions with which its handler is asked whether it still holds. */
  readonly conditions?: Readonly<Record<string, string>>
  /** What its handler looked for on its request and did not find: it is for no request that has it. */
  readonly absent?: readonly string[]
  /** Where it is no response: what selects among those of its URI. */
  readonly selection?: Selection
}

/**
 * What is stored in a response's place where its URI has several. Its status is none, so that it can never be served. `kept`: how long past its
 * freshness it is there, in milliseconds, since it leads to what may be served stale.
 */
export function signOf(selection: Selection, kept: number = 0): StoredResponse {
  const stale = { whileRevalidate: 0, ifError: 0, kept }
  return { status: 0, statusMessage: '', fields: [], removed: [], body: new Uint8Array(), selection, ...(kept > 0 && { stale }) }
}

// RFC 9111 §3.1, RFC 9110 §7.6.1: of one connection or one hop. (Set-Cookie2 is a field like any other: no client reads it, RFC 6265 §9.4.) And a cookie is one client's, whatever let it come this far. RFC 9111 §7.3
const NOT_KEPT: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Whether a field may be kept and served again. `name` in lower case, `left` what the response itself says is not kept. */
export function isKept(name: string, left: readonly string[] = []): boolean {
  return !NOT_KEPT.has(name) && !left.includes(name)
}

/**
 * What is stored of a response: fields of outer layers (`baseline`, what stood before the handler) are theirs again on every hit. `withheld`: the
 * fields that it says are not for others, in lower case.
 */
export function toStored(head: Head, baseline: Fields, body: Uint8Array, withheld: readonly string[] = []): StoredResponse {
  const left = [...membersOf(head.fields, 'connection').map((name) => name.toLowerCase()), ...withheld]
  const fields: StoredField[] = []
  for (const [name, value] of Object.entries(head.fields)) {
    if (!isKept(name, left) || isSame(value, baseline[name])) continue
    const kept = name === 'cache-status' ? withoutOwnMembers(head.fields) : value
    if (kept !== undefined) fields.push([head.spelling.get(name) ?? name, Array.isArray(kept) ? kept.map(String) : String(kept)])
  }
  const removed = Object.keys(baseline).filter((name) => !(name in head.fields))
  return { status: head.status, statusMessage: head.statusMessage, fields, removed, body }
}

function isSame(a: FieldValue, b: FieldValue): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined) return false
  return JSON.stringify([a].flat().map(String)) === JSON.stringify([b].flat().map(String))
}

// RFC 9211 §2: members of caches behind this one stay; what this one said of a request is not true of the next.
function withoutOwnMembers(fields: Fields): string | undefined {
  const members = membersOf(fields, 'cache-status').filter((member) => member.split(';')[0]!.trim() !== CACHE_NAME)
  return members.join(', ') || undefined
}

/** A stored response as bytes and back: the length of its head, its head as JSON, its body. Nothing in it is run to read it. */
export const storedResponseCodec: Codec<StoredResponse> = {
  encode({ body, ...head }) {
    const json = Buffer.from(JSON.stringify(head))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(json.length)
    return Buffer.concat([length, json, body])
  },
  decode(bytes) {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const end = 4 + (all.length < 4 ? 0 : all.readUInt32BE())
    const head: unknown = end <= all.length ? JSON.parse(all.toString('utf8', 4, end)) : undefined
    if (isHead(head)) return { ...head, body: all.subarray(end) }
    // Another version, or another program, may have written it.
    throw new CodecError('Expected a stored response, got other bytes.')
  },
}

function isHead(value: unknown): value is Omit<StoredResponse, 'body'> {
  if (typeof value !== 'object' || value === null) return false
  const { status, statusMessage, fields, removed, selection, ...rest } = value as Partial<Record<keyof StoredResponse, unknown>>
  const isResponse = Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599 && selection === undefined
  const isWhole = (isResponse || (status === 0 && isSelection(selection))) && isText(statusMessage)
  const hasMeans =
    isStale(rest.stale) &&
    isConditions(rest.conditions) &&
    (rest.said === undefined || isText(rest.said)) &&
    isTexts(rest.absent ?? []) &&
    [undefined, true].includes(rest.mayBeStale as true)
  return isWhole && hasMeans && Array.isArray(fields) && fields.every(isField) && isTexts(removed)
}

function isStale(value: unknown): boolean {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  const { whileRevalidate, ifError, kept } = value as Partial<Record<keyof StaleWindows, unknown>>
  return [whileRevalidate, ifError, kept].every((window) => typeof window === 'number' && window >= 0)
}

function isConditions(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.values(value).every(isText))
}

function isField(field: unknown): boolean {
  if (!Array.isArray(field) || field.length !== 2) return false
  const [name, value] = field as unknown[]
  return isText(name) && (isText(value) || (Array.isArray(value) && value.every(isText)))
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** What a response takes of the cache's `maxBytes`: its body, its fields as text, and what it is kept under and depends on. */
export function bytesOf({ body, fields, selection, absent }: StoredResponse, refs: readonly Ref[] = []): number {
  let bytes = ENTRY + body.byteLength + (selection?.fields.join().length ?? 0) + (absent?.join().length ?? 0)
  for (const [name, value] of fields) bytes += name.length + (typeof value === 'string' ? value.length : value.join().length)
  // A client may ask for what it likes, and what it asked for is what an empty answer is kept under.
  for (const ref of refs) bytes += ref.text.length
  return bytes
}

// What any entry takes, about.
const ENTRY = 500
