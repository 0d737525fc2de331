// Knows what is counted.

import type { Lag } from './redis/lag.ts'

/** What happened to the calls of one function since it was defined, in this process. */
export interface FunctionStats {
  /** Calls answered by a fresh entry. */
  hits: number
  /** Calls that found no fresh entry: they loaded, or waited for a load. */
  misses: number
  /** Calls answered by a stale entry, while another load was on its way or after one had failed. */
  staleHits: number
  /** Misses that waited for another caller's load. */
  coalesced: number
  /** Times the function itself ran. */
  loads: number
  /** Loads that failed. */
  errors: number
  /** Entries that had to go for room in this process. */
  evictions: number
  /** Entries found to be overtaken by a clear. */
  cleared: number
}

/** The statistics of a cache: of each function and route by name, and of the cache itself. */
export interface CacheStats {
  readonly functions: Readonly<Record<string, Readonly<FunctionStats>>>
  /** Failures of a store, a codec or an option that a load answered instead. */
  readonly storeErrors: number
  /** Records that the clear log holds one by one. */
  readonly clearLogSize: number
  /**
   * How late this process heard of other processes' clears, of the latest 1000, in milliseconds: from when Redis recorded one to when it
   * counted here, by a message or by a question where the message was lost. Both ends are taken by the clock of the Redis server, which
   * the questions set beside this process's own, so that no wall clock of another machine plays a part; the error is at most half of
   * a round trip to Redis. Undefined without Redis, and until another process has cleared something.
   */
  readonly lag: Lag | undefined
}

export function newFunctionStats(): FunctionStats {
  return { hits: 0, misses: 0, staleHits: 0, coalesced: 0, loads: 0, errors: 0, evictions: 0, cleared: 0 }
}
