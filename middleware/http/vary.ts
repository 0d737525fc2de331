// Knows what a response's Vary nominates, whether the key covers it, and what a route's own key adds to it.

import { append } from 'vary'
import { membersOf, valueOf } from './fields.ts'
import type { Fields, FieldValue } from './fields.ts'

/** What a response varies on: lower-case field names, or "*" for what no request field tells. RFC 9110 §12.5.5 */
export function nominatedBy(fields: Fields): readonly string[] | '*' {
  const names = membersOf(fields, 'vary').map((name) => name.toLowerCase())
  return names.includes('*') ? '*' : names
}

/**
 * The first field that the response varies on and its key does not hold, or undefined. `baseline` is what stood before the handler, `keyed`
 * the lower-case names of the request fields that are arguments. RFC 9111 §4.1
 */
export function unkeyedNomination(fields: Fields, baseline: Fields, keyed: readonly string[]): string | undefined {
  const nominated = nominatedBy(fields)
  if (nominated === '*') return '*'
  const outer = nominatedBy(baseline)
  return nominated.find((name) => !keyed.includes(name) && !(outer.includes(name) && isOfOuterLayers(name, fields, baseline)))
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
