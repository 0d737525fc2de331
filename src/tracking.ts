// Knows who is loading, and what it has read so far.

import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Flight } from './flight.ts'
import { isOneCall, type Keyed } from './label.ts'
import { isSame, wholeRef, type Ref } from './ref.ts'

const MOST_REFS = 500
// So many are compared with each other faster than by their ids.
const FEW = 16
const NONE: readonly Ref[] = []

/** Refs, each of them once: a list, since there are few of most, with an index once they are many. */
export class Refs implements Iterable<Ref> {
  readonly list: Ref[]
  #index: Set<Ref> | undefined

  constructor(first: Ref | undefined) {
    this.list = first === undefined ? [] : [first]
  }

  add(ref: Ref): void {
    if (this.#index?.has(ref) ?? this.list.includes(ref)) return
    this.list.push(ref)
    if (this.#index !== undefined) this.#index.add(ref)
    else if (this.list.length > FEW) this.#index = new Set(this.list)
  }

  [Symbol.iterator](): Iterator<Ref> {
    return this.list[Symbol.iterator]()
  }
}

/** How many loads and transactions of a cache are going on that something could be read in: none at most hits. */
export interface Readers {
  count: number
}

/** The call that a load is of. */
interface CallOfFrame extends Keyed {
  readonly name: string
  readonly ref: Ref
}

/** What one load has read. */
export class Frame {
  #refs: Refs | undefined
  /** The load that this one runs in, if any. */
  readonly parent: Frame | undefined
  flight: Flight<unknown> | undefined = undefined
  /** The call that it loads; undefined where it is a load for several. */
  readonly call: CallOfFrame | undefined
  /** The earliest moment at which something that was read was known to be fresh: trust does not add up along a chain. */
  trustFrom: number
  /** Whether a stale value was read: the result is then born stale. */
  stale = false
  /** Whether what was read may still be undone: the result is then nobody else's. */
  isTentative = false
  #isOpen = true
  #countedIn: Readers | undefined
  /** When it began, in milliseconds of the monotonic clock. */
  began: number
  /** Its place among the loads of its function, by when they began. */
  order = 0

  constructor(trustFrom: number, parent: Frame | undefined, call?: CallOfFrame) {
    this.trustFrom = this.began = trustFrom
    this.parent = parent
    this.call = call
  }

  /** Every ref that it is computed from so far, that of its own call first. */
  get refs(): Refs {
    return (this.#refs ??= new Refs(this.call?.ref))
  }

  /** Whether the load goes on: what is read after it has ended is no part of its result. */
  get open(): boolean {
    return this.#isOpen
  }

  /** Counts it until its load ends. */
  countIn(readers: Readers): void {
    if (!this.#isOpen || this.#countedIn !== undefined) return
    this.#countedIn = readers
    readers.count++
  }

  /** Adds what a cached call returned that was read in this load. */
  add(refs: Iterable<Ref>, trustFrom: number, stale: boolean): void {
    for (const ref of refs) this.refs.add(ref)
    if (trustFrom < this.trustFrom) this.trustFrom = trustFrom
    if (stale) this.stale = true
  }

  /** The flight that this code runs in. */
  get innermostFlight(): Flight<unknown> | undefined {
    if (this.open && this.flight !== undefined) return this.flight
    return this.parent?.innermostFlight
  }

  /** The load of this call that this code runs in, over any number of others. */
  loadOf(call: CallOfFrame): Frame | undefined {
    if (this.open && this.call !== undefined && isOneCall(this.call, call) && this.call.name === call.name) return this
    return this.parent?.loadOf(call)
  }

  /** Ends the load. */
  end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#countedIn !== undefined) this.#countedIn.count--
  }

  /** Ends the load: every ref it was computed from besides its own call, each once. Most loads have read nothing. */
  close(): readonly Ref[] {
    this.end()
    if (this.#refs === undefined) return NONE
    const refs = distinct(this.#refs.list)
    return this.call === undefined ? refs : refs.slice(1)
  }
}

/** Each pattern once: of equal refs the last, which is that of the entry that was read. */
function distinct(refs: readonly Ref[]): readonly Ref[] {
  if (refs.length <= FEW && !hasEqual(refs)) return refs
  const byId = new Map<string, Ref>()
  for (const ref of refs) byId.set(ref.id, ref)
  return byId.size <= MOST_REFS ? Array.from(byId.values()) : coarser(Array.from(byId.values()))
}

function hasEqual(refs: readonly Ref[]): boolean {
  for (let i = 1; i < refs.length; i++) {
    for (let j = 0; j < i; j++) if (isSame(refs[i]!, refs[j]!)) return true
  }
  return false
}

/** Past the bound the functions with the most refs count as a whole, which clears more than it must and never less. */
function coarser([own, ...others]: readonly Ref[]): readonly Ref[] {
  const byName = new Map<string, Ref[]>()
  for (const ref of others) {
    const refs = byName.get(ref.name)
    if (refs === undefined) byName.set(ref.name, [ref])
    else refs.push(ref)
  }
  let count = others.length
  for (const [name, refs] of Array.from(byName).toSorted(([, a], [, b]) => b.length - a.length)) {
    if (count < MOST_REFS) break
    byName.set(name, [wholeRef(name)])
    count -= refs.length - 1
  }
  // The first one says which call this is, and stays exact.
  return [own!, ...Array.from(byName.values()).flat()]
}

/** A load that code runs in, and the one around it: of the same cache or of another. */
interface Scope {
  readonly tracker: Tracker
  readonly frame: Frame
  readonly outer: Scope | undefined
}

// One for all caches: on Node 20 each storage in use makes every promise of the process dearer, for good.
const storage: AsyncLocalStorage<Scope> = new AsyncLocalStorage<Scope>()

/** Finds the load that code runs in, through every await. */
export class Tracker {
  readonly #outside: AsyncResource = new AsyncResource('cache-alchemy')
  readonly #readers: Readers

  constructor(readers: Readers) {
    this.#readers = readers
  }

  /** Whether neither a load of this cache is going on whose reads are collected, nor a transaction. One that never ends is counted for good, and only makes reads dearer. */
  get isIdle(): boolean {
    return this.#readers.count === 0
  }

  /** The innermost load of this cache that is still going on. */
  current(): Frame | undefined {
    // Most hits are in none, and to ask the storage takes as long as to find the entry.
    if (this.isIdle) return undefined
    for (let scope = storage.getStore(); scope !== undefined; scope = scope.outer) {
      if (scope.tracker === this && scope.frame.open) return scope.frame
    }
    return undefined
  }

  run<T>(frame: Frame, work: () => T): T {
    frame.countIn(this.#readers)
    return storage.run({ tracker: this, frame, outer: storage.getStore() }, work)
  }

  /** Runs work that belongs to no load and to no request: it retains nothing of who happened to start it. */
  runOutside<T>(work: () => T): T {
    // In a resource of its own: what the work enters (`enterWith`) would stay in the one that all share.
    return this.#outside.runInAsyncScope(() => new AsyncResource('cache-alchemy').runInAsyncScope(work))
  }
}
