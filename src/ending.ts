// Knows how a flight ends: with an outcome, or with the failure that all who wait for it are told.

import type { Entry } from './entry.ts'
import type { Outcome } from './runs.ts'
import type { Staleness } from './staleness.ts'

/** What a refresh behind a stale value ends with where another process makes it. */
export const LEFT: Error = new Error('Another process refreshes this call.')

/** What a flight ends with that has no outcome. */
export class Failure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

export type Ending<V> = Outcome<V> | Failure

/** What a caller may have in place of a load that is slow. */
export function inPlaceOfSlow<V>(staleness: Staleness<V>, entry: Entry<V>): Outcome<V> | undefined {
  return staleness.outlasts(entry) ? staleOf(entry) : undefined
}

export function staleOf<V>(entry: Entry<V>): Outcome<V> {
  return { from: 'store', entry, stale: true, stored: true, share: true }
}

/** What a flight ended with; throws where it failed. */
export function outcomeOf<V>(ending: Ending<V>): Outcome<V> {
  if (ending instanceof Failure) throw ending.error
  return ending
}
