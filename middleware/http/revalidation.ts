// Knows how what is stored is asked after, and what a 304 makes of it.

import { linesOf } from './fields.ts'
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

// RFC 9111 §3.2: Content-Length never; the others describe the content, which a 304 does not bring. The tag is the one that was asked with.
const NOT_UPDATED: ReadonlySet<string> = new Set([
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'etag',
  'repr-digest',
])

/** A stored response with the fields of a 304 in the place of its own, as its handler would have answered. RFC 9111 §3.2, §4.3.4 */
export function updatedBy(notModified: Head, baseline: Fields, stored: StoredResponse): StoredResponse {
  const fields = new Map<string, StoredField>(stored.fields.map((field) => [field[0].toLowerCase(), field]))
  // It was of when the stored response came.
  fields.delete('age')
  fields.delete('warning')
  if (stored.said === '') fields.delete('cache-control')
  else if (stored.said !== undefined) fields.set('cache-control', ['Cache-Control', stored.said])
  for (const field of toStored(notModified, baseline, stored.body).fields) {
    const name = field[0].toLowerCase()
    if (!NOT_UPDATED.has(name)) fields.set(name, field)
  }
  return { ...stored, fields: [...fields.values()] }
}
