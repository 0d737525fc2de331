// Knows how long a response is fresh: by what it says itself, else by the route's ttl.

import { deltaSeconds, parseCacheControl, restricts, validSeconds } from './cache-control.ts'
import { linesOf, membersOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { parseHttpDate } from './http-date.ts'

/** A response, its fields in full, as it is when it is complete. */
export interface Answer {
  readonly status: number
  readonly fields: Fields
}

// What a person means by "cache this route for a minute": answers, not errors, not redirects that may be temporary.
const STATUSES_OF_TTL: ReadonlySet<number> = new Set([200, 203, 204, 301, 308])

/**
 * Milliseconds for which a response may be served from now on: its explicit lifetime less its age, else `ttl` where that applies to its
 * status. 0: not at all. `now` is the time of day, for dates in fields.
 */
export function freshFor(answer: Answer, ttl: number, now: number): number {
  const explicit = explicitLifetime(answer.fields, now)
  if (explicit !== undefined) return Math.max(0, explicit - ageOf(answer.fields, now))
  return STATUSES_OF_TTL.has(answer.status) ? ttl : 0
}

/**
 * The freshness lifetime that a response gives itself in a shared cache, in milliseconds: `s-maxage`, else `max-age`, else `Expires`.
 * Undefined when it gives none, 0 when what it gives is invalid or contradicts itself. RFC 9111 §4.2.1
 */
export function explicitLifetime(fields: Fields, now: number): number | undefined {
  const directives = parseCacheControl(fields['cache-control'])
  for (const name of ['s-maxage', 'max-age']) {
    if (restricts(directives, name)) return (validSeconds(directives, name) ?? 0) * 1000
  }
  const expires = linesOf(fields, 'expires')
  if (expires.length === 0) return undefined
  // RFC 9111 §5.3: an invalid date, "0" above all, is one in the past. So is one said twice in two ways.
  if (expires.some((line) => line !== expires[0])) return 0
  const end = parseHttpDate(expires[0], now)
  return end === undefined ? 0 : Math.max(0, end - dateOf(fields, now))
}

/** How old a response already is when it arrives here, in milliseconds: not 0 where the handler forwards another cache's. RFC 9111 §4.2.3 */
export function ageOf(fields: Fields, now: number): number {
  const apparent = Math.max(0, now - dateOf(fields, now))
  // RFC 9111 §5.1: the first member counts; what is no number is ignored.
  const said = (deltaSeconds(membersOf(fields, 'age')[0]) ?? 0) * 1000
  return Math.max(apparent, said)
}

// RFC 9110 §6.6.1: a response without a Date is taken to be made when it is received.
function dateOf(fields: Fields, now: number): number {
  return parseHttpDate(linesOf(fields, 'date')[0], now) ?? now
}
