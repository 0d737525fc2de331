// Knows when a function's results expire and its loads run, as its options have it.

import type { Pacing } from './call.ts'
import { toLifetime, type Duration } from './duration.ts'
import type { AnyFunction, MemoizeOptions } from './memoize-options.ts'
import { toBoolean, toNumber } from './options.ts'

/** When results expire and loads run, beyond what every function and route has. Throws a `ConfigError`. */
export function pacingOf(options: MemoizeOptions<AnyFunction, unknown>): Partial<Pacing> {
  const { jitter = 0, refreshAhead = 0, softTimeout = -1, loadTimeout = -1, concurrency = Number.POSITIVE_INFINITY, track = true } = options
  return {
    jitter: toNumber(jitter, 'jitter', 'a number from 0 to 1', (it) => it >= 0 && it <= 1),
    refreshAhead: toNumber(refreshAhead, 'refreshAhead', 'a number, 0 or more', (it) => it >= 0 && it < Number.POSITIVE_INFINITY),
    softTimeout: toTimeout(softTimeout, 'softTimeout'),
    loadTimeout: toTimeout(loadTimeout, 'loadTimeout'),
    concurrency: toNumber(
      concurrency,
      'concurrency',
      'a whole number of loads, 1 or more, or Infinity',
      (it) => it >= 1 && (Number.isInteger(it) || it === Number.POSITIVE_INFINITY),
    ),
    track: toBoolean(track, 'track'),
  }
}

// Node takes a longer timer for one of a millisecond.
const LONGEST_TIMER = 2 ** 31 - 1

function toTimeout(value: Duration, option: string): number {
  const milliseconds = toLifetime(value, option)
  return milliseconds > LONGEST_TIMER ? Number.POSITIVE_INFINITY : milliseconds
}
