// Knows what a response's Vary nominates, what of it selects among the responses of one URI, and what a route's own key adds to it.

import { append } from 'vary'
import { isToken, membersOf, valueOf } from './fields.ts'
import type { Fields, FieldValue } from './fields.ts'

/** What a response varies on: lower-case field names, or "*" for what no request field tells. RFC 9110 §12.5.5 */
export function nominatedBy(fields: Fields): readonly string[] | '*' {
  const names = membersOf(fields, 'vary').map((name) => name.toLowerCase())
  return names.includes('*') ? '*' : names
}

/** A response's fields, those that stood before its handler, and what the key of its route always holds. */
export interface Varying {
  readonly fields: Fields
  readonly baseline: Fields
  /** Lower-case names of the request fields that are arguments of the route. */
  readonly keyed: readonly string[]
  /** Whether the route's `partition` named an owner for the request. */
  readonly partitioned: boolean
}

/** The request fields that select a response besides what its key always holds: lower-case names. RFC 9111 §4.1 */
export function selectingFields({ fields, baseline, keyed, partitioned }: Varying): readonly string[] {
  const nominated = nominatedBy(fields)
  if (nominated === '*') return ['*']
  const outer = nominatedBy(baseline)
  const isHeld = (name: string): boolean => keyed.includes(name) || (partitioned && OF_OWNERS.has(name))
  return [...new Set(nominated)].filter((name) => !isHeld(name) && !(outer.includes(name) && isOfOuterLayers(name, fields, baseline)))
}

// Who asks: what their values select is one client's, and no key of a store that others read should hold them.
const OF_OWNERS: ReadonlySet<string> = new Set(['authorization', 'cookie'])
// What a response may nominate: each name costs every request of its URI a look, and every variant room.
const MOST_FIELDS = 8
const LONGEST_NAMES = 256

/** What of a response's Vary forbids to store it, in a word; undefined where nothing does. */
export function whyNotSelectable(varying: Varying): string | undefined {
  const names = selectingFields(varying)
  // RFC 9111 §4.1: "*" always fails to match. What is no name of a field says nothing that could be matched.
  const wrong = names.find((name) => name === '*' || OF_OWNERS.has(name) || !isToken(name))
  return wrong ?? (isWithinBounds(names) ? undefined : 'too long')
}

function isWithinBounds(names: readonly string[]): boolean {
  return names.length <= MOST_FIELDS && names.join().length <= LONGEST_NAMES
}

/** Which request fields select among the responses of one URI: in lower case, sorted. */
export interface Selection {
  readonly fields: readonly string[]
  /** Those of them that a handler was seen to read: no two spellings of their values are the same to it. */
  readonly asRead: readonly string[]
}

/**
 * What selects once a response with these fields has come: all that selected before too, so that what it selected stays found. RFC 9111 §4
 * lets the most recent response decide, which it does alone where both are too much.
 */
export function learn(before: Selection | undefined, selects: Selection): Selection {
  const fields = sorted([...(before?.fields ?? []), ...selects.fields])
  return isWithinBounds(fields) ? { fields, asRead: sorted([...(before?.asRead ?? []), ...selects.asRead]) } : selects
}

/** Whether two say the same. */
export function isSameSelection(a: Selection | undefined, b: Selection): boolean {
  return a !== undefined && a.fields.join() === b.fields.join() && a.asRead.join() === b.asRead.join()
}

/** What a response says and a handler has read, as a selection; undefined where nothing selects. Within the bounds of `whyNotSelectable`. */
export function selectionOf(nominated: readonly string[], read: readonly string[]): Selection | undefined {
  const fields = sorted([...nominated, ...read])
  return fields.length === 0 ? undefined : { fields, asRead: sorted(read) }
}

/** What a store gives back as a selection may be someone else's doing. */
export function isSelection(value: unknown): value is Selection {
  if (typeof value !== 'object' || value === null) return false
  const { fields, asRead } = value as Partial<Record<keyof Selection, unknown>>
  return areNames(fields) && fields.length > 0 && areNames(asRead) && isWithinBounds(fields)
}

function areNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && isToken(name) && !OF_OWNERS.has(name))
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}

// What a layer around the route varies by such a field: its own fields or the coding of the body, both of which it applies to a hit as to a
// miss. Of any other field (Accept-Language, Cookie) an outer layer may have told the handler what it found, so those must be keyed.
const APPLIED_OUTSIDE: ReadonlyMap<string, string> = new Map([
  ['origin', 'access-control-allow-origin'],
  ['accept-encoding', 'content-encoding'],
])

function isOfOuterLayers(name: string, fields: Fields, baseline: Fields): boolean {
  const answer = APPLIED_OUTSIDE.get(name)
  // Where the handler changed what the field is for, the nomination is the handler's too.
  return answer !== undefined && valueOf(fields, answer) === valueOf(baseline, answer)
}

/** The Vary field of a response whose key holds these request fields; undefined when it varies on nothing. RFC 9110 §12.5.5 */
export function varyWith(existing: FieldValue, keyed: readonly string[]): string | undefined {
  const before = valueOf({ vary: existing }, 'vary') ?? ''
  return (keyed.length === 0 ? before : append(before, [...keyed])) || undefined
}
