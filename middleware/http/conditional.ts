// Knows when a client already has what it asks for, and what it is then told.

import etag from 'etag'
import { linesOf, valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { parseHttpDate } from './http-date.ts'

/** A tag for a body: weak, since an outer layer may re-code the body under it. RFC 9110 §8.8.3 */
export function weakTag(body: Uint8Array): string {
  return etag(Buffer.from(body.buffer, body.byteOffset, body.byteLength), { weak: true })
}

/** Whether a request is to be answered with 304 where this response is the answer to it. RFC 9110 §13.2.2, RFC 9111 §4.3.2 */
export function isNotModified(method: string, requestFields: Fields, status: number, fields: Fields, now: number): boolean {
  // RFC 9110 §13.1.2, §13.2.1: a 304 is for GET and HEAD, and a condition is asked of a success only.
  if (status !== 200 || (method !== 'GET' && method !== 'HEAD')) return false
  const tags = valueOf(requestFields, 'if-none-match')
  // RFC 9110 §13.1.3: If-None-Match, where it is there, decides alone.
  if (tags !== undefined) return matchesTag(tags, valueOf(fields, 'etag'))
  const since = linesOf(requestFields, 'if-modified-since')
  return since.length === 1 && isUnmodifiedSince(parseHttpDate(since[0], now), fields, now)
}

function isUnmodifiedSince(since: number | undefined, fields: Fields, now: number): boolean {
  if (since === undefined) return false
  const lastModified = linesOf(fields, 'last-modified')[0]
  if (lastModified !== undefined) return (parseHttpDate(lastModified, now) ?? Infinity) <= since
  // RFC 9111 §4.3.2: without Last-Modified, its Date. Not in the same second: two states of a resource may share it.
  return (parseHttpDate(linesOf(fields, 'date')[0], now) ?? Infinity) < since
}

/** Whether an If-None-Match names a tag, by weak comparison: RFC 9110 §8.8.3.2, §13.1.2. */
function matchesTag(list: string, tag: string | undefined): boolean {
  if (list.trim() === '*') return true
  if (tag === undefined) return false
  if (list === tag) return true
  const wanted = opaquePart(tag.trim())
  return splitTags(list).some((member) => opaquePart(member) === wanted)
}

/** Whether a tag is that of a stored response: by strong comparison, unless it is weak itself. RFC 9110 §8.8.3.2, RFC 9111 §4.3.4 */
export function hasSameTag(tag: string, stored: string | undefined): boolean {
  const [a, b] = [tag.trim(), stored?.trim()]
  return a === b || (b !== undefined && a.startsWith('W/') && opaquePart(a) === opaquePart(b))
}

function opaquePart(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

/** Splits at the commas outside tags. Not as other lists are split: a backslash in a tag is itself. RFC 9110 §8.8.3 */
function splitTags(list: string): string[] {
  const tags: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at <= list.length; at++) {
    if (list[at] === '"') quoted = !quoted
    else if (at === list.length || (list[at] === ',' && !quoted)) {
      tags.push(list.slice(start, at).trim())
      start = at + 1
    }
  }
  return tags
}

// RFC 9110 §15.4.5: a 304 carries what guides a cache; what describes the content that is not there stays out.
const OF_CONTENT: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-range',
  'content-digest',
  'repr-digest',
  'transfer-encoding',
  'trailer',
])

/** Whether a field of the 200 is also on the 304 that stands for it. `name` in lower case. RFC 9110 §15.4.5 */
export function isOnNotModified(name: string): boolean {
  return !OF_CONTENT.has(name)
}
