// Knows the entries that live in this process, least recently used out first.

import type { Budget, Holder } from './budget.ts'
import type { Entry } from './entry.ts'
import { stringOf } from './label.ts'
import { NONE, Slots } from './slots.ts'

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

/**
 * The entries of one function by key, and in the order of their last use. A Map whose entries come and go is made anew again and again, and each
 * table that V8 leaves behind leads to the next: what is in them lives until all of them are collected. So the Maps have places, and no entries.
 */
export class Memory<V> implements Holder {
  readonly #byKey: Map<string, number> = new Map()
  /** Those that are found by the string that is the only argument: to make the key of each call would take longer than to find its entry. */
  readonly #byString: Map<string, number> = new Map()
  readonly #limit: number
  readonly #budget: Budget
  readonly #onEvict: () => void
  readonly #isDead: ((entry: Entry<V>) => boolean) | undefined
  #slots: Slots<Entry<V>> = new Slots()
  /** Goes round all entries, a few steps with each that comes: the place of the next one to look at. */
  #hand = NONE
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
    return this.#used(this.#placeOf(key))
  }

  /** As `get`, of the call with this string alone, if its key is that string as it is. */
  getOfString(string: string): Entry<V> | undefined {
    return this.#used(this.#byString.get(string))
  }

  /** Makes an entry the one that was used last. */
  #used(place: number | undefined): Entry<V> | undefined {
    if (place === undefined) return undefined
    if (place === this.#hand) this.#hand = this.#slots.olderThan(place)
    this.#slots.use(place)
    return this.#slots.at(place)
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry<V> | undefined {
    return this.#at(this.#placeOf(key))
  }

  /** What it has of the call that an entry is of. */
  sameCall(entry: Entry<V>): Entry<V> | undefined {
    return this.#at(this.#with(entry).get(entry.label))
  }

  set(entry: Entry<V>): void {
    this.replace(this.sameCall(entry), entry)
  }

  /** As `set`. `there`: what it has of the same call. */
  replace(there: Entry<V> | undefined, entry: Entry<V>): void {
    if (there === entry) return
    if (there !== undefined) this.#leave(there, this.#with(there).get(there.label)!)
    else if (this.#slots.size >= this.#limit) this.evictOldest()
    this.#with(entry).set(entry.label, this.#slots.add(entry))
    this.#count(entry.bytes)
    this.#budget.enforce()
    if (this.#isDead !== undefined) this.#sweep(this.#isDead)
  }

  /** Says how large an entry is, where that is known only after it was stored. */
  resize(entry: Entry<V>, bytes: number): void {
    if (this.sameCall(entry) !== entry) return
    this.#count(bytes - entry.bytes)
    entry.bytes = bytes
    this.#budget.enforce()
  }

  delete(entry: Entry<V>): void {
    const place = this.#with(entry).get(entry.label)
    if (place !== undefined && this.#slots.at(place) === entry) this.#remove(entry, place)
  }

  clear(): void {
    for (const entry of this.entries()) this.delete(entry)
  }

  /** What goes while they are walked may be any of them. */
  *entries(): Iterable<Entry<V>> {
    for (const map of [this.#byKey, this.#byString]) for (const place of map.values()) yield this.#slots.at(place)!
  }

  evictOldest(): boolean {
    const place = this.#slots.oldest
    if (place === NONE) return false
    this.#remove(this.#slots.at(place)!, place)
    this.#onEvict()
    return true
  }

  /** The one of the two Maps that an entry belongs to. */
  #with(entry: Entry<V>): Map<string, number> {
    return entry.isOfString ? this.#byString : this.#byKey
  }

  #placeOf(key: string): number | undefined {
    const string = stringOf(key)
    return string === undefined ? this.#byKey.get(key) : this.#byString.get(string)
  }

  #at(place: number | undefined): Entry<V> | undefined {
    return place === undefined ? undefined : this.#slots.at(place)
  }

  #remove(entry: Entry<V>, place: number): void {
    this.#with(entry).delete(entry.label)
    this.#leave(entry, place)
    if (this.#slots.isSparse) this.#close()
  }

  #leave(entry: Entry<V>, place: number): void {
    if (this.#hand === place) this.#hand = this.#slots.olderThan(place)
    this.#slots.remove(place)
    this.#count(-entry.bytes)
  }

  /** Gives back the places of what has gone. In the same Maps, of which somebody may be on a walk. */
  #close(): void {
    const slots = this.#slots
    this.#slots = new Slots()
    for (let place = slots.oldest; place !== NONE; place = slots.newerThan(place)) {
      const entry = slots.at(place)!
      this.#with(entry).set(entry.label, this.#slots.add(entry))
    }
    this.#hand = NONE
  }

  /** From the newest to the oldest: one that is used meanwhile is behind the hand, which so comes to an end. */
  #sweep(isDead: (entry: Entry<V>) => boolean): void {
    for (let looked = 0; looked < SWEPT_A_SET; looked++) {
      const place = this.#hand === NONE ? this.#slots.newest : this.#hand
      if (place === NONE) return
      this.#hand = this.#slots.olderThan(place)
      const entry = this.#slots.at(place)!
      if (isDead(entry)) this.#remove(entry, place)
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(bytes)
  }
}
