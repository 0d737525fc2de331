// Knows one load at a time for a key, and whether waiting for one would be waiting for oneself.

import type { Audience } from './abort.ts'
import type { Frame } from './tracking.ts'

/** Told whenever one load begins to wait for another. */
export const waitListeners: Set<() => void> = new Set()

/** One run of a load that several callers may share. */
export class Flight<T> {
  /**
   * The clear log's position when its load began: a caller that came later than a clear never takes what began before it. Undefined while
   * it looks for an entry or waits for its turn: whatever it then finds or loads is later than all who have come.
   */
  position: number | undefined
  readonly frame: Frame
  /** Who waits for it, where its load is to be told that nobody does any more. */
  audience: Audience | undefined
  /** Whether it ends with an entry that it finds, if that will do. Who waits for one that loads in any case looks by itself. */
  finds = true
  /** The one that begins when this one has ended, where somebody waits for that. */
  next: Flight<T> | undefined
  /** What who waits for it may have instead, where it takes too long: undefined once that may not be served. */
  fallback: (() => T | undefined) | undefined
  /** The flights that this one's load waits for right now. */
  readonly #awaited: Map<Flight<unknown>, number> = new Map()
  #result!: Promise<T>

  constructor(newFrame: (flight: Flight<T>) => Frame) {
    this.frame = newFrame(this)
  }

  /** Begins, and waits for the result as `awaitedBy` does. */
  begin(run: () => Promise<T>, waiter: Flight<unknown> | undefined): Promise<T> {
    let settle!: (running: Promise<T>) => void
    this.#result = new Promise((resolve) => (settle = resolve))
    // There is a result to wait for, and the wait is known, before the load runs: it may come back here in the same tick.
    const result = this.awaitedBy(waiter)
    settle(run())
    return result
  }

  /** Resolves when it has ended, however, or was given up: its load may not heed that. */
  async settled(): Promise<void> {
    const ended = this.#result.catch(() => undefined)
    await (this.audience === undefined ? ended : Promise.race([ended, this.audience.gone()]))
  }

  /** Whether this flight's load waits, over any number of others, for `target`. */
  waitsFor(target: Flight<unknown>, seen: Set<Flight<unknown>> = new Set()): boolean {
    if (target === (this as Flight<unknown>)) return true
    seen.add(this)
    for (const next of this.#awaited.keys()) if (!seen.has(next) && next.waitsFor(target, seen)) return true
    return false
  }

  /** This flight's result, noting while it is waited for that the load of flight `waiter` waits. */
  awaitedBy(waiter: Flight<unknown> | undefined): Promise<T> {
    return this.whileAwaitedBy(waiter, this.#result)
  }

  /** What a promise gives, noting until then that the load of flight `waiter` waits for this one. */
  async whileAwaitedBy<R>(waiter: Flight<unknown> | undefined, work: Promise<R>): Promise<R> {
    if (waiter === undefined) return work
    const self = this as Flight<unknown>
    waiter.#awaited.set(self, (waiter.#awaited.get(self) ?? 0) + 1)
    for (const listener of waitListeners) listener()
    try {
      return await work
    } finally {
      const left = waiter.#awaited.get(self)! - 1
      if (left === 0) waiter.#awaited.delete(self)
      else waiter.#awaited.set(self, left)
    }
  }
}
