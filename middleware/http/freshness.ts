// Knows how long a response is fresh: by what it says itself, else by the route's ttl.

import { deltaSeconds, parseCacheControl, permits, restricts, validSeconds } from './cache-control.ts'
import { restrictsWhole } from './field-lists.ts'
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
export function freshFor(answer: Answer, ttl: number | 'heuristic', now: number): number {
  // RFC 9111 §5.2.2.4
  if (restrictsWhole(parseCacheControl(answer.fields['cache-control']), 'no-cache')) return 0
  const lifetime = explicitLifetime(answer.fields, now) ?? (ttl === 'heuristic' ? heuristicLifetime(answer, now) : undefined)
  if (lifetime !== undefined) return Math.max(0, lifetime - ageOf(answer.fields, now))
  return ttl !== 'heuristic' && STATUSES_OF_TTL.has(answer.status) ? ttl : 0
}

// RFC 9110 §15.1
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
// RFC 9111 §4.2.2: "a typical setting of this fraction might be 10%". What was last changed years ago is no more certain for it.
const FRACTION = 0.1
const LONGEST_GUESS = 24 * 60 * 60 * 1000

/** The freshness lifetime of a response that gives itself none, by how long it has been as it is; 0 where that is not told. RFC 9111 §4.2.2 */
function heuristicLifetime({ status, fields }: Answer, now: number): number {
  const isCacheable = HEURISTICALLY_CACHEABLE.has(status) || permits(parseCacheControl(fields['cache-control']), 'public')
  const changed = parseHttpDate(linesOf(fields, 'last-modified')[0], now)
  if (!isCacheable || changed === undefined) return 0
  return Math.min(LONGEST_GUESS, Math.max(0, (dateOf(fields, now) - changed) * FRACTION))
}

/** Whether a response may be stored that is fresh for no time at all, to be asked after or served stale. RFC 9111 §3 */
export function mayStoreStale({ status, fields }: Answer, ttl: number | 'heuristic', now: number): boolean {
  const directives = parseCacheControl(fields['cache-control'])
  if (explicitLifetime(fields, now) !== undefined || restrictsWhole(directives, 'no-cache')) return true
  if (ttl === 'heuristic') return HEURISTICALLY_CACHEABLE.has(status) || permits(directives, 'public')
  return ttl > 0 && STATUSES_OF_TTL.has(status)
}

// RFC 9111 §4.2.4: these forbid to serve it stale. `s-maxage` means `proxy-revalidate` too: §5.2.2.10.
const FORBID_STALE = ['must-revalidate', 'proxy-revalidate', 's-maxage']

/** Whether a response forbids in no way that it is served stale. RFC 9111 §4.2.4 */
export function mayBeStale(fields: Fields): boolean {
  const directives = parseCacheControl(fields['cache-control'])
  return !restrictsWhole(directives, 'no-cache') && !FORBID_STALE.some((name) => restricts(directives, name))
}

/**
 * How long past its freshness a response may be served stale, in milliseconds: what it says itself, else what is `given`. RFC 5861 §3, §4
 */
export function staleFor(fields: Fields, given: StaleFor): StaleFor {
  const directives = parseCacheControl(fields['cache-control'])
  if (!mayBeStale(fields)) return { whileRevalidate: 0, ifError: 0 }
  const windowOf = (name: string, otherwise: number): number =>
    restricts(directives, name) ? (validSeconds(directives, name) ?? 0) * 1000 : otherwise
  return {
    whileRevalidate: windowOf('stale-while-revalidate', given.whileRevalidate),
    ifError: windowOf('stale-if-error', given.ifError),
  }
}

/** For how long a response may be served stale, in milliseconds. */
export interface StaleFor {
  readonly whileRevalidate: number
  readonly ifError: number
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
