// Knows what becomes of an entry that a caller is given: it is counted, and read in the load and the transaction that there may be around it.

import type { CallsOptions, Led } from './call.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import type { Loads } from './loads.ts'
import type { FunctionStats } from './stats.ts'
import type { Frame, Readers } from './tracking.ts'

export class Hits<V> {
  readonly #engine: Engine
  readonly #loads: Loads<V>
  readonly #stats: FunctionStats
  // Fields of their own, since each hit reads them: of little code V8 makes a part of the caller's.
  readonly #isSign: CallsOptions<V>['isSign']
  readonly #readers: Readers

  constructor(engine: Engine, loads: Loads<V>, stats: FunctionStats, isSign: CallsOptions<V>['isSign']) {
    this.#engine = engine
    this.#loads = loads
    this.#stats = stats
    this.#isSign = isSign
    this.#readers = engine.readers
  }

  /** A fresh entry, as it is given; undefined where the transaction around it has cleared it. */
  of(entry: Entry<V> | undefined): Entry<V> | undefined {
    if (entry === undefined || (this.#readers.count > 0 && !this.#readWithin(entry))) return undefined
    if (this.#isSign?.(entry.value) !== true) this.#stats.hits++
    return entry
  }

  /** Reads a fresh entry in the load and the transaction that there may be around it. False: the transaction has cleared it. */
  #readWithin(entry: Entry<V>): boolean {
    if (this.#engine.transactions.current()?.covers(entry.refs) === true) return false
    this.#loads.report(this.#engine.tracker.current(), entry, false)
    return true
  }

  /** An answer with what was found beyond this process, or while a load runs that is made in any case: fresh, or stale where that may be served. */
  beside(entry: Entry<V>, reader: Frame | undefined): Led<V> {
    const stale = this.#engine.clock() >= entry.freshUntil
    if (stale) this.#stats.staleHits++
    else this.#stats.hits++
    this.#loads.report(reader, entry, stale)
    return { from: 'store', entry, stale }
  }

  /** A fresh entry, as who only looks is given it: uncounted. */
  seen(reader: Frame | undefined, found: Entry<V> | undefined): Entry<V> | undefined {
    if (found === undefined || this.#engine.clock() >= found.freshUntil) return undefined
    if (this.#engine.transactions.current()?.covers(found.refs) === true) return undefined
    this.#loads.report(reader, found, false)
    return found
  }
}
