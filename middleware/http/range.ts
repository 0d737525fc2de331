// Knows which part of a stored response a request asks for, and whether it may have a part at all.

import { linesOf, valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { parseHttpDate } from './http-date.ts'

/** Bytes of a body: from the first to the last, both of them in it. */
export interface Part {
  readonly first: number
  readonly last: number
}

/** A response that a part is asked of. */
export interface Whole {
  readonly status: number
  readonly fields: Fields
  /** The bytes of its body. */
  readonly length: number
}

/**
 * The part of a response that a request is answered with; "none" where it asks for one that there is not (416), undefined where it gets the
 * whole. `now` is the time of day. RFC 9110 §14.2
 */
export function partOf(method: string, requestFields: Fields, whole: Whole, now: number): Part | 'none' | undefined {
  if (method !== 'GET' || whole.status !== 200) return undefined
  const ranges = linesOf(requestFields, 'range')
  const range = ranges.length === 1 ? readRange(ranges[0]!) : undefined
  return range !== undefined && mayHavePart(requestFields, whole.fields, now) ? within(range, whole.length) : undefined
}

interface Range {
  /** Undefined: so many bytes from the end, as `last` says. */
  readonly first: number | undefined
  /** Undefined: to the end. */
  readonly last: number | undefined
}

// RFC 9110 §14.1.1. Digits without a bound are one number to this, and cost one look at each.
const RANGE = /^bytes=[ \t]*(\d*)-(\d*)$/i

/** One range of bytes. RFC 9110 §14.2: units that are not known are ignored, what is invalid may be; and several ranges, which cost more. */
function readRange(text: string): Range | undefined {
  const [, from, to] = RANGE.exec(text.trim()) ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  const first = from === '' ? undefined : Number(from)
  const last = to === '' ? undefined : Number(to)
  // RFC 9110 §14.1.1: it is invalid, which is not the same as one that there is not.
  return first !== undefined && last !== undefined && last < first ? undefined : { first, last }
}

// RFC 9110 §14.1.2
function within({ first, last }: Range, length: number): Part | 'none' | undefined {
  if (first !== undefined) return first < length ? { first, last: Math.min(last ?? length, length - 1) } : 'none'
  if (last === 0) return 'none'
  // All of nothing is a part that Content-Range cannot say.
  return length === 0 ? undefined : { first: Math.max(0, length - last!), last: length - 1 }
}

/** Whether the client's copy is a copy of this, if it says which it has. RFC 9110 §13.1.5 */
function mayHavePart(requestFields: Fields, fields: Fields, now: number): boolean {
  const condition = valueOf(requestFields, 'if-range')?.trim()
  if (condition === undefined) return true
  // By strong comparison: bytes under one weak tag may differ. RFC 9110 §8.8.3.2
  if (condition.startsWith('"')) return condition === valueOf(fields, 'etag')?.trim()
  const date = parseHttpDate(condition, now)
  return date !== undefined && date === strongDate(fields, now)
}

// RFC 9110 §8.8.2.2: of two states in one second a date tells nothing.
function strongDate(fields: Fields, now: number): number | undefined {
  const modified = parseHttpDate(linesOf(fields, 'last-modified')[0], now)
  const date = parseHttpDate(linesOf(fields, 'date')[0], now)
  return modified !== undefined && date !== undefined && date - modified >= 1000 ? modified : undefined
}
