// Knows the entries that live in this process, least recently used out first.

import type { Budget, Holder } from './budget.ts'
import type { Entry } from './entry.ts'
import { stringOf } from './key.ts'
import { Slots } from './slots.ts'

export interface MemoryOptions<V> {
  /** How many entries; Infinity: no bound. */
  readonly limit: number
  /** The bytes of all entries of the cache together. */
  readonly budget: Budget
  /** Told of each entry that had to go for another. */
  readonly onEvict: () => void
  /** Whether an entry can be of no use any more. */
  readonly isDead: (entry: Entry<V>) => boolean
}

// So many are left to the bound, which pushes out what is of no use.
const MOST_UNSWEPT = 10_000

// Where no bound pushes them out soon, each new entry looks at this many old ones: space is given back as fast as it is taken.
const SWEPT_A_SET = 2

/** The entries of one function by key, and in the order of their last use: each knows its neighbours. */
export class Memory<V> implements Holder {
  readonly #byKey: Slots<Entry<V>> = new Slots()
  /** Those that are found by the string that is the only argument: to make the key of each call would take longer than to find its entry. */
  readonly #byString: Slots<Entry<V>> = new Slots()
  readonly #limit: number
  readonly #budget: Budget
  readonly #onEvict: () => void
  readonly #isDead: ((entry: Entry<V>) => boolean) | undefined
  #oldest: Entry<V> | undefined
  #newest: Entry<V> | undefined
  /** Goes round all entries, a few steps with each that comes: the next one to look at. */
  #hand: Entry<V> | undefined
  #bytes = 0

  constructor({ limit, budget, onEvict, isDead }: MemoryOptions<V>) {
    this.#limit = limit
    this.#onEvict = onEvict
    this.#isDead = limit <= MOST_UNSWEPT ? undefined : isDead
    this.#budget = budget
    budget.join(this)
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): Entry<V> | undefined {
    return this.#used(this.peek(key))
  }

  /** As `get`, of the call with this string alone, if its key is that string as it is. */
  getOfString(string: string): Entry<V> | undefined {
    return this.#used(this.#byString.get(string))
  }

  /** Makes an entry the one that was used last: in one piece, since nearly each hit does it. */
  #used(entry: Entry<V> | undefined): Entry<V> | undefined {
    if (entry?.newer === undefined) return entry
    const { older, newer } = entry
    if (this.#hand === entry) this.#hand = older
    newer.older = older
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    entry.newer = undefined
    entry.older = this.#newest
    this.#newest!.newer = entry
    this.#newest = entry
    return entry
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry<V> | undefined {
    const string = stringOf(key)
    return string === undefined ? this.#byKey.get(key) : this.#byString.get(string)
  }

  /** What it has of the call that an entry is of. */
  sameCall(entry: Entry<V>): Entry<V> | undefined {
    return this.#with(entry).get(entry.label)
  }

  set(entry: Entry<V>): void {
    this.replace(this.sameCall(entry), entry)
  }

  /** As `set`. `there`: what it has of the same call. */
  replace(there: Entry<V> | undefined, entry: Entry<V>): void {
    if (there === entry) return
    if (there !== undefined) this.#leave(there)
    else if (this.#byKey.size + this.#byString.size >= this.#limit) this.evictOldest()
    this.#with(entry).set(entry.label, entry)
    this.#link(entry)
    this.#count(entry.bytes)
    this.#budget.enforce()
    if (this.#isDead !== undefined) this.#sweep(this.#isDead)
  }

  /** Says how large an entry is, where that is known only after it was stored. */
  resize(entry: Entry<V>, bytes: number): void {
    if (!this.#has(entry)) return
    this.#count(bytes - entry.bytes)
    entry.bytes = bytes
    this.#budget.enforce()
  }

  delete(entry: Entry<V>): void {
    if (this.#has(entry)) this.#remove(entry)
  }

  clear(): void {
    for (const entry of this.entries()) this.#remove(entry)
  }

  *entries(): Iterable<Entry<V>> {
    yield* this.#byKey.values()
    yield* this.#byString.values()
  }

  evictOldest(): boolean {
    if (this.#oldest === undefined) return false
    this.#remove(this.#oldest)
    this.#onEvict()
    return true
  }

  /** The one of the two maps that an entry belongs to. */
  #with(entry: Entry<V>): Slots<Entry<V>> {
    return entry.isOfString ? this.#byString : this.#byKey
  }

  #has(entry: Entry<V>): boolean {
    return this.#with(entry).get(entry.label) === entry
  }

  #remove(entry: Entry<V>): void {
    this.#with(entry).delete(entry.label)
    this.#leave(entry)
  }

  #leave(entry: Entry<V>): void {
    this.#unlink(entry)
    this.#count(-entry.bytes)
  }

  /** Makes an entry the one that was used last. */
  #link(entry: Entry<V>): void {
    entry.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink(entry: Entry<V>): void {
    const { older, newer } = entry
    if (this.#hand === entry) this.#hand = older
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    // What was let go of keeps nothing else.
    entry.older = entry.newer = undefined
  }

  /** From the newest to the oldest: one that is used meanwhile is behind the hand, which so comes to an end. */
  #sweep(isDead: (entry: Entry<V>) => boolean): void {
    for (let looked = 0; looked < SWEPT_A_SET; looked++) {
      const entry = this.#hand ?? this.#newest
      if (entry === undefined) return
      this.#hand = entry.older
      if (isDead(entry)) this.#remove(entry)
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(bytes)
  }
}
