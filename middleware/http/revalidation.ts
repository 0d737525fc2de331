// Knows how what is stored is asked after, which answers speak of it, and what they make of it.

import { hasSameTag } from './conditional.ts'
import { linesOf, valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import type { Head } from './head.ts'
import { toStored } from './stored-response.ts'
import type { StoredField, StoredResponse } from './stored-response.ts'

/** The conditions with which a handler is asked whether its response still holds; undefined where it gave nothing to ask with. RFC 9111 §4.3.1 */
export function conditionsOf(fields: Fields): Readonly<Record<string, string>> | undefined {
  const tags = linesOf(fields, 'etag')
  const dates = linesOf(fields, 'last-modified')
  const conditions = {
    ...(tags.length === 1 && { 'if-none-match': tags[0]! }),
    ...(dates.length === 1 && { 'if-modified-since': dates[0]! }),
  }
  return Object.keys(conditions).length === 0 ? undefined : conditions
}

/** Whether a 304 speaks of the response that was asked after with these conditions, by the validators that it brings. RFC 9111 §4.3.4 */
export function isOfAsked(notModified: Fields, conditions: Readonly<Record<string, string>>): boolean {
  const tag = valueOf(notModified, 'etag')
  if (tag !== undefined) return hasSameTag(tag, conditions['if-none-match'])
  const date = valueOf(notModified, 'last-modified')
  // One without validators speaks of what it was asked for, which was this alone.
  return date === undefined || date === conditions['if-modified-since']
}

/**
 * Whether a GET would still bring what is stored, as the answer to a HEAD shows by what it brings of tag, date and length. RFC 9111 §4.3.5. With
 * neither tag nor date it does not show that: two contents may be of one length.
 */
export function renewedByHead({ status, fields }: Head, stored: StoredResponse): 'renewed' | 'changed' | undefined {
  if (status !== 200 || stored.status !== 200) return undefined
  const own = Object.fromEntries(stored.fields.map(([name, value]) => [name.toLowerCase(), value]))
  const [tag, date, length] = ['etag', 'last-modified', 'content-length'].map((name) => valueOf(fields, name))
  const isOther = (said: string | undefined, is: string | undefined): boolean => said !== undefined && said !== is
  if (isOther(tag, valueOf(own, 'etag')) || isOther(date, valueOf(own, 'last-modified'))) return 'changed'
  if (isOther(length, String(stored.body.byteLength))) return 'changed'
  return tag !== undefined || date !== undefined ? 'renewed' : undefined
}

// RFC 9111 §3.2: Content-Length never; the others describe the content, which such an answer does not bring. The tag is the one that was asked with.
const NOT_UPDATED: ReadonlySet<string> = new Set([
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'etag',
  'repr-digest',
])

/** A stored response with the fields of an answer that speaks of it in the place of its own. `now`: the time of day. RFC 9111 §3.2, §4.3.4, §4.3.5 */
export function updatedBy(answer: Head, baseline: Fields, stored: StoredResponse, now: number): StoredResponse {
  const fields = new Map<string, StoredField>(stored.fields.map((field) => [field[0].toLowerCase(), field]))
  // It was of when the stored response came.
  fields.delete('age')
  fields.delete('warning')
  // RFC 9110 §6.6.1: an answer without a date is of when it came.
  if (valueOf(answer.fields, 'date') === undefined) fields.set('date', ['Date', new Date(now).toUTCString()])
  if (stored.said === '') fields.delete('cache-control')
  else if (stored.said !== undefined) fields.set('cache-control', ['Cache-Control', stored.said])
  for (const field of toStored(answer, baseline, stored.body).fields) {
    const name = field[0].toLowerCase()
    if (!NOT_UPDATED.has(name)) fields.set(name, field)
  }
  return { ...stored, fields: [...fields.values()] }
}
