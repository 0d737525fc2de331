// Knows the entries that live in this process, least recently used out first.

import { LRUCache } from 'lru-cache'
import type { Budget, Holder } from './budget.ts'
import type { Entry } from './entry.ts'

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

const LARGEST_RESERVED = 10_000

// Where no bound pushes them out, each new entry looks at this many old ones: space is given back as fast as it is taken.
const SWEPT_A_SET = 2

/** The entries of one function by key. */
export class Memory<V> implements Holder {
  readonly #lru: LRUCache<string, Entry<V>>
  readonly #budget: Budget
  readonly #isDead: ((entry: Entry<V>) => boolean) | undefined
  /** Goes round all entries, a few steps with each that comes; and the entry that it comes from. */
  #hand: Iterator<[string, Entry<V>]> | undefined
  #left: [string, Entry<V>] | undefined
  #bytes = 0

  constructor({ limit, budget, onEvict, isDead }: MemoryOptions<V>) {
    const dispose = (entry: Entry<V>, _key: string, reason: LRUCache.DisposeReason): void => {
      this.#count(-entry.bytes)
      if (reason === 'evict') onEvict()
    }
    const isReserved = limit <= LARGEST_RESERVED
    // `max` takes the room for all entries at once, gigabytes where it is large. Without it there is room as it is filled; each entry counts as one.
    const bound = isReserved ? { max: limit } : { maxSize: Math.min(limit, Number.MAX_SAFE_INTEGER), sizeCalculation: () => 1 }
    this.#lru = new LRUCache({ ...bound, dispose })
    this.#isDead = isReserved ? undefined : isDead
    this.#budget = budget
    budget.join(this)
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): Entry<V> | undefined {
    return this.#lru.get(key)
  }

  /** As `get`, without counting as a use. */
  peek(key: string): Entry<V> | undefined {
    return this.#lru.peek(key)
  }

  set(key: string, entry: Entry<V>): void {
    if (this.#lru.peek(key) === entry) return
    this.#lru.set(key, entry)
    this.#count(entry.bytes)
    this.#budget.enforce()
    if (this.#isDead !== undefined) this.#sweep(this.#isDead)
  }

  /** Says how large an entry is, where that is known only after it was stored. */
  resize(key: string, entry: Entry<V>, bytes: number): void {
    if (this.#lru.peek(key) !== entry) return
    this.#count(bytes - entry.bytes)
    entry.bytes = bytes
    this.#budget.enforce()
  }

  delete(key: string): void {
    this.#lru.delete(key)
  }

  clear(): void {
    this.#lru.clear()
  }

  entries(): Iterable<[string, Entry<V>]> {
    return this.#lru.entries() as Iterable<[string, Entry<V>]>
  }

  evictOldest(): boolean {
    return this.#lru.pop() !== undefined
  }

  #sweep(isDead: (entry: Entry<V>) => boolean): void {
    this.#hand ??= this.entries()[Symbol.iterator]()
    for (let looked = 0; looked < SWEPT_A_SET; looked++) {
      const next = this.#hand.next()
      // An entry is let go of when the hand has left it: the next that comes takes its place in the list, and the hand would go there too.
      const [key, entry] = this.#left ?? []
      if (entry !== undefined && this.#lru.peek(key!) === entry && isDead(entry)) this.#lru.delete(key!)
      this.#left = next.done === true ? undefined : next.value
      if (next.done === true) return void (this.#hand = undefined)
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(bytes)
  }
}
