// Knows when a caller came, and what that leaves of what others have begun: nothing that was cleared before.

import type { Engine } from './engine.ts'
import type { Flight } from './flight.ts'
import type { Ref } from './ref.ts'
import type { Outcome } from './runs.ts'

/** When a caller came, or what it was told by Redis: what was cleared until then is over for it. */
export interface Arrival {
  /** By the clear log. */
  readonly position: number
  /** By the clock, in milliseconds. */
  readonly time: number
}

/** A load or a result, and of what. */
interface Computed {
  readonly refs: Iterable<Ref>
}

export class Arrivals {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Whether what was computed from `since` on was cleared or expired after that. */
  isOvertaken(computed: Computed, since: number): boolean {
    const { log } = this.#engine
    if (since === log.position) return false
    const list = Array.from(computed.refs)
    return log.clearedSince(list, since) || log.expiredSince(list, since) !== undefined
  }

  /** Whether what began at `since` may be given to a caller that came at `arrived`: nobody who came before it waits twice. */
  isLater(since: number, arrived: Arrival, computed: Computed): boolean {
    return since >= arrived.position || !this.isOvertaken(computed, since)
  }

  /** Whether a caller may wait for what a flight will give. */
  mayJoin({ position, frame }: Flight<unknown>, arrived: Arrival): boolean {
    // While it looks for an entry or waits for its turn: whatever it then finds or loads is later than all who have come.
    if (position === undefined) return true
    // What began after the caller came will do, whatever is cleared meanwhile: a herd under clears without end is two loads, not one each.
    return this.isLater(position, arrived, frame) && this.#engine.freshness.isTrusted(frame, arrived.time)
  }

  /** Whether what a flight ended with may be given to a caller: no clear lies between, and where Redis is silent none can. */
  isFor<V>(arrived: Arrival | 'load', flight: Flight<Outcome<V>>, { from, entry }: Outcome<V>): boolean {
    const isLoad = from === 'load'
    if (arrived === 'load') return isLoad
    if (!this.isLater(isLoad ? flight.position! : entry.checked, arrived, entry)) return false
    // What began after the caller came will do, whoever can vouch for it.
    return (isLoad && flight.frame.began >= arrived.time) || this.#engine.freshness.isTrusted(entry, arrived.time)
  }
}
