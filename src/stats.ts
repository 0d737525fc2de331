// Knows what is counted.

import type { Lag } from './redis/lag.ts'

/** What happened to the calls of one function or route since it was defined, in this process. @example getUser.stats().hits */
export interface FunctionStats {
  /** Calls answered by a fresh entry, wherever it was. */
  hits: number
  /** Calls that found no fresh entry: they loaded, or waited for a load. */
  misses: number
  /** Calls answered by a stale entry, while another load was on its way or after one had failed. */
  staleHits: number
  /** Misses that waited for another caller's load. */
  coalesced: number
  /** Times the function itself ran, also behind a value that was served: that is nobody's miss. */
  loads: number
  /** Loads that failed. */
  errors: number
  /** Entries that had to go for room in this process. */
  evictions: number
  /**
   * Entries found to be overtaken by a clear, when they were looked at again: a clear itself touches none. One is counted in each place in
   * which it is kept and found, so that an entry that is in this process and in Redis counts as two.
   */
  cleared: number
}

/** The statistics of a cache: of each function and route by name, and of the cache itself. @example cache.stats().storeErrors */
export interface CacheStats {
  /** Those of each function and route, by its name. @example cache.stats().functions['user']?.hits */
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
