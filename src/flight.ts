// Knows one load at a time for a key, and whether waiting for one would be waiting for oneself.

import type { Audience } from './abort.ts'
import type { Frame } from './tracking.ts'

/** Told whenever one load begins to wait for another. */
export const waitListeners: Set<() => void> = new Set()

/** Where the flight of one call stands while it runs. */
export interface Place<T> {
  flight: Flight<T> | undefined
}

/** One run of a load that several callers may share. */
export class Flight<T> {
  /**
   * The clear log's position when its load began: a caller that came later than a clear never takes what began before it. Undefined while
   * it looks for an entry or waits for its turn: whatever it then finds or loads is later than all who have come.
   */
  position: number | undefined
  readonly frame: Frame
  /** Where it stands, or stood last; undefined where nobody may join it. */
  place: Place<T> | undefined
  /** Who waits for it, where its load is to be told that nobody does any more. */
  audience: Audience | undefined
  /** Whether it ends with an entry that it finds, if that will do. Who waits for one that loads in any case looks by itself. */
  finds = true
  /** The one that begins when this one has ended, where somebody waits for that. */
  next: Flight<T> | undefined
  /** What who waits for it may have instead, where it takes too long: undefined once that may not be served. */
  fallback: (() => T | undefined) | undefined
  /** Lets other processes load, where they wait for this one's load: its result will be nobody's who comes later. */
  giveWay: (() => void) | undefined
  /** The flights that this one's load waits for right now, and how often. */
  #awaited: Map<Flight<unknown>, number> | undefined
  #landing: Landing<T> | undefined
  #isOver = false

  constructor(frame: Frame) {
    this.frame = frame
    frame.flight = this
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** It has ended: who waits for it gets its result. */
  land(result: T): void {
    this.#landing?.resolve(result)
    this.#end()
  }

  /** It has failed: so has what who waits for it waits for. */
  fail(error: unknown): void {
    this.#landing?.reject(error)
    this.#end()
  }

  /**
   * It lets go of what it gave. A Map whose entries come and go is made anew again and again, and each table that V8 leaves behind leads to
   * the next: what flew then would live until all of them are collected.
   */
  #end(): void {
    this.#isOver = true
    this.#landing = undefined
  }

  /** What it ends with: asked before it has. Of most flights nobody but their leader ever does. */
  get result(): Promise<T> {
    return (this.#landing ??= new Landing<T>()).promise
  }

  /** Resolves when it has ended, however, or was given up: its load may not heed that. */
  async settled(): Promise<void> {
    if (this.#isOver) return
    const ended = this.result.catch(() => undefined)
    await (this.audience === undefined ? ended : Promise.race([ended, this.audience.gone()]))
  }

  /** Whether this flight's load waits, over any number of others, for `target`. */
  waitsFor(target: Flight<unknown>, seen: Set<Flight<unknown>> = new Set()): boolean {
    if (target === (this as Flight<unknown>)) return true
    seen.add(this)
    for (const next of this.#awaited?.keys() ?? []) if (!seen.has(next) && next.waitsFor(target, seen)) return true
    return false
  }

  /** Notes that this flight's load waits for another one, until it says that it does no more. */
  await(other: Flight<unknown>): void {
    this.#awaited ??= new Map()
    this.#awaited.set(other, (this.#awaited.get(other) ?? 0) + 1)
    for (const listener of waitListeners) listener()
  }

  awaitNoMore(other: Flight<unknown>): void {
    const left = this.#awaited!.get(other)! - 1
    if (left === 0) this.#awaited!.delete(other)
    else this.#awaited!.set(other, left)
  }

  /** What a promise gives, noting until then that the load of flight `waiter`, if there is one, waits for this one. */
  awaitedBy<R>(waiter: Flight<unknown> | undefined, work: Promise<R>): Promise<R> {
    return waiter === undefined ? work : this.whileAwaitedBy(waiter, work)
  }

  async whileAwaitedBy<R>(waiter: Flight<unknown>, work: Promise<R>): Promise<R> {
    const self = this as Flight<unknown>
    waiter.await(self)
    try {
      return await work
    } finally {
      waiter.awaitNoMore(self)
    }
  }
}

/** The end of a flight, as who waits for it does. */
class Landing<T> {
  resolve!: (result: unknown) => void
  reject!: (error: unknown) => void
  readonly promise: Promise<T>

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve as (result: unknown) => void
      this.reject = reject
    })
  }
}
