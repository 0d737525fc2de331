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
  /** The flights that this one's load waits for right now, and how often. */
  #awaited: Map<Flight<unknown>, number> | undefined
  #result: Promise<T> | undefined
  #settle: ((running: unknown) => void) | undefined
  #refuse: ((error: unknown) => void) | undefined
  #isOver = false

  constructor(frame: Frame) {
    this.frame = frame
    frame.flight = this
  }

  /** Begins: it ends with what is given here. */
  begin(running: Promise<T>): Promise<T> {
    if (this.#settle === undefined) this.#result = running
    else this.#settle(running)
    return running
  }

  /** Tells those who wait for it what it ends with: most have nobody, and make no promise. */
  land(result: T): void {
    this.#settle?.(result)
  }

  /** As `land`, where it failed. */
  fail(error: unknown): void {
    this.#refuse?.(error)
  }

  /**
   * It has ended and can be found no more: who waits for it has its result, and it lets go of that. A Map whose entries come and go is made
   * anew again and again, and each table that V8 leaves behind leads to the next: what flew then would live until all of them are collected.
   */
  end(): void {
    this.#isOver = true
    this.#result = undefined
  }

  /** What it ends with: asked before it has. */
  get result(): Promise<T> {
    // Its load may come back here in the tick in which it begins.
    return (this.#result ??= new Promise((resolve, reject) => {
      this.#settle = resolve as (running: unknown) => void
      this.#refuse = reject
    }))
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

  /** This flight's result, noting while it is waited for that the load of flight `waiter` waits. */
  awaitedBy(waiter: Flight<unknown> | undefined): Promise<T> {
    return waiter === undefined ? this.result : this.whileAwaitedBy(waiter, this.result)
  }

  /** What a promise gives, noting until then that the load of flight `waiter` waits for this one. */
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

/** What work gives; what it throws is a rejection. */
export function promised<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    const given = work()
    return given instanceof Promise ? given : Promise.resolve(given)
  } catch (error) {
    return Promise.reject(error)
  }
}
