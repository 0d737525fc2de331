// Knows a stored response as it is served again and again: what of it may go out, worked out once.

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { isOnNotModified } from './conditional.ts'
import { membersOf } from './fields.ts'
import { isKept } from './stored-response.ts'
import type { StoredField, StoredResponse } from './stored-response.ts'

/** One field as it is put onto a response. */
export interface ReadyField {
  readonly name: string
  readonly value: string | readonly string[]
  /** The members of a Vary: an outer layer may vary by more today than when this was stored. */
  readonly nominated?: readonly string[]
}

/** A stored response, ready to be served. */
export interface Ready {
  readonly stored: StoredResponse
  /** What may go out of its fields. */
  readonly fields: readonly ReadyField[]
  /** Those of them that a 304 has that stands for it. */
  readonly onNotModified: readonly ReadyField[]
  /** By lower-case name. */
  readonly byName: ReadonlyMap<string, string | readonly string[]>
  /** What a request gets that wants all of it: the same bytes, as Node.js sends them. */
  readonly whole: Answer & { readonly body: Buffer }
}

/** What goes out with the fields that were put. */
export interface Answer {
  readonly status: number
  /** Undefined with a 304. */
  readonly body: Buffer | undefined
  /** Whether the fields may leave before it: they say how long it is, or need not, and are written as with it. */
  readonly isSized: boolean
}

const ready = new WeakMap<StoredResponse, Ready>()

/** A stored response, ready to be served: the same each time. */
export function readyOf(stored: StoredResponse): Ready {
  const known = ready.get(stored)
  if (known !== undefined) return known
  const made = makeReady(stored)
  ready.set(stored, made)
  return made
}

function makeReady(stored: StoredResponse): Ready {
  const { buffer, byteOffset, byteLength } = stored.body
  const kept = stored.fields.filter(isServed)
  const byName = new Map(kept.map(([name, value]) => [name.toLowerCase(), value]))
  return {
    stored,
    fields: kept.map(toReady),
    onNotModified: kept.filter(([name]) => isOnNotModified(name.toLowerCase())).map(toReady),
    byName,
    whole: { status: stored.status, body: Buffer.from(buffer, byteOffset, byteLength), isSized: isSized(byName) },
  }
}

// Where Node.js learns the length of a body by its end, it writes a Content-Disposition of other than ASCII in another way.
function isSized(byName: Ready['byName']): boolean {
  return byName.has('content-length') && !byName.has('content-disposition')
}

function toReady([name, value]: StoredField): ReadyField {
  return name.toLowerCase() === 'vary' ? { name, value, nominated: membersOf({ vary: value }, 'vary') } : { name, value }
}

// RFC 9110 §5.5: what a store gives back may be someone else's doing; a line break in it would be a field, or a response, of theirs.
function isServed([name, value]: StoredField): boolean {
  if (!isKept(name.toLowerCase())) return false
  try {
    validateHeaderName(name)
    for (const line of [value].flat()) validateHeaderValue(name, line)
    return true
  } catch {
    return false
  }
}
