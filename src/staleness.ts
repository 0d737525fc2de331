// Knows of what use an entry is at which age: due to be loaded anew, served while that is done, served where that fails.

import type { CallsOptions, Pacing, StaleWindows } from './call.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'

export class Staleness<V> {
  /** Whether what is not fresh any more is ever of use. */
  readonly isOfUse: boolean
  readonly #engine: Engine
  readonly #refreshAhead: number
  readonly #windowsOf: (value: V) => StaleWindows

  constructor(engine: Engine, options: CallsOptions<V> & Pacing, windowsOf: (value: V) => StaleWindows) {
    const { refreshAhead, staleWhileRevalidate, staleIfError, staleOf } = options
    this.isOfUse = staleWhileRevalidate > 0 || staleIfError > 0 || staleOf !== undefined
    this.#engine = engine
    this.#refreshAhead = refreshAhead
    this.#windowsOf = windowsOf
  }

  /** Whether a fresh entry should be loaded anew now, by the XFetch rule: never certain before its end, and the likelier the nearer. */
  isDue(entry: Entry<V>): boolean {
    if (this.#refreshAhead === 0) return false
    return this.#engine.clock() - entry.cost * this.#refreshAhead * Math.log(this.#engine.random()) >= entry.freshUntil
  }

  /** Whether it may be served while a load is on its way. */
  mayRevalidate({ freshUntil, value }: Entry<V>): boolean {
    return this.#engine.clock() < freshUntil + this.#windowsOf(value).whileRevalidate
  }

  /** Whether it may be served in place of a load that is slow: not once it is too old, or was cleared. */
  outlasts(entry: Entry<V>): boolean {
    const { whileRevalidate, ifError } = this.#windowsOf(entry.value)
    return this.#isWithin(entry, Math.max(whileRevalidate, ifError))
  }

  /** As `outlasts`, of a load that has failed. */
  mayReplace(entry: Entry<V>): boolean {
    return this.#isWithin(entry, this.#windowsOf(entry.value).ifError)
  }

  #isWithin(entry: Entry<V>, window: number): boolean {
    const { freshness, clock } = this.#engine
    return clock() < entry.freshUntil + window && freshness.survives(entry)
  }
}
