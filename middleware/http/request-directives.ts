// Knows what a client's own directives demand of the answer to its request, and whether a stored response meets that.

import { parseCacheControl, permits, restricts, validSeconds } from './cache-control.ts'
import type { CacheControl } from './cache-control.ts'
import { linesOf } from './fields.ts'
import type { Fields } from './fields.ts'

/** What a request demands of its answer. Times in milliseconds. RFC 9111 §5.2.1 */
export interface Demands {
  /** Whether nothing stored will do before its handler has said that it holds: `no-cache`. */
  readonly validated: boolean
  /** Whether its answer may be stored: not with `no-store`. */
  readonly stored: boolean
  /** Whether its handler may not be asked: `only-if-cached`. */
  readonly onlyStored: boolean
  /** How old a stored response may be at most. */
  readonly maxAge: number | undefined
  /** How long it must still be fresh. */
  readonly minFresh: number | undefined
  /** How long past its freshness it may be, by the client's word. */
  readonly maxStale: number | undefined
}

const NOTHING: Demands = {
  validated: false,
  stored: true,
  onlyStored: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
}

/** What a request demands; undefined where it demands nothing. What is badly written restricts as far as it can, and permits nothing. */
export function demandsOf(requestFields: Fields): Demands | undefined {
  const lines = linesOf(requestFields, 'cache-control')
  // RFC 9111 §5.4: it stands for `no-cache` where there is no Cache-Control.
  if (lines.length === 0)
    return restricts(parseCacheControl(requestFields['pragma']), 'no-cache') ? { ...NOTHING, validated: true } : undefined
  const directives = parseCacheControl(requestFields['cache-control'])
  if (!DIRECTIVES.some((name) => restricts(directives, name))) return undefined
  const maxAge = restricted(directives, 'max-age', 0)
  return {
    // §5.2.1.1 with 0, as browsers reload: what came in this very instant was asked for before.
    validated: restricts(directives, 'no-cache') || maxAge === 0,
    stored: !restricts(directives, 'no-store'),
    // Badly written it is none: a 504 would do more harm than the handler.
    onlyStored: permits(directives, 'only-if-cached'),
    maxAge,
    minFresh: restricted(directives, 'min-fresh', Number.POSITIVE_INFINITY),
    maxStale: maxStaleOf(directives),
  }
}

const DIRECTIVES = ['no-cache', 'no-store', 'max-age', 'max-stale', 'min-fresh', 'only-if-cached']

/** The milliseconds of a directive that restricts; the strictest there are where it says no number. */
function restricted(directives: CacheControl, name: string, strictest: number): number | undefined {
  if (!restricts(directives, name)) return undefined
  const seconds = validSeconds(directives, name)
  return seconds === undefined ? strictest : seconds * 1000
}

// §5.2.1.2: without a value, "a stale response of any age". With a value that is no number it permits nothing.
function maxStaleOf(directives: CacheControl): number | undefined {
  if (permits(directives, 'max-stale')) return Number.POSITIVE_INFINITY
  const seconds = validSeconds(directives, 'max-stale')
  return seconds === undefined ? undefined : seconds * 1000
}

/** A stored response as a client sees it. Times in milliseconds. */
export interface Condition {
  /** RFC 9111 §4.2.3 */
  readonly age: number
  /** How long it will still be fresh; 0 or less where it is stale. */
  readonly freshFor: number
  /** How long past its freshness it may be served to anyone. */
  readonly staleFor: number
  /** Whether a client that accepts it stale may have it so: RFC 9111 §4.2.4. */
  readonly mayBeStale: boolean
}

/** Whether a stored response may answer a request with these demands. */
export function meets(demands: Demands, { age, freshFor, staleFor, mayBeStale }: Condition): boolean {
  const { validated, maxAge = Number.POSITIVE_INFINITY, minFresh = 0, maxStale } = demands
  if (validated || age > maxAge) return false
  if (freshFor > 0) return freshFor >= minFresh
  // Who says how old, how fresh or how stale it may be does not take it stale by anyone else's word.
  const says = maxStale !== undefined || demands.maxAge !== undefined || demands.minFresh !== undefined
  if (!says) return -freshFor < staleFor
  return minFresh === 0 && mayBeStale && maxStale !== undefined && -freshFor <= maxStale
}
