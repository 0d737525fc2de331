// Knows what one cached result is.

import { keyOfString, type Keyed, type Label } from './label.ts'
import type { NameSet } from './name-sets.ts'
import { exactRef, type Ref } from './ref.ts'

/** What an entry is made of. Its label keeps nothing that it was cut out of. */
export interface NewEntry<V> extends Label {
  readonly value: V
  /** The call itself; or its function's name, where the key is the text of that. */
  readonly own: Ref | string
  /** What it was computed from besides the call itself. */
  readonly read: readonly Ref[]
  readonly order: number
  readonly checked: number
  readonly loadedAt: number
  readonly freshUntil: number
  readonly cost: number
  readonly bytes: number
  readonly trustFrom: number
}

const NONE: readonly Ref[] = []

/**
 * One cached result, as this process holds it: of the calls of a function there are many, so times are whole milliseconds, which V8 keeps in
 * the object itself, what most have none of is shared, and the ref of the call is made when it is asked for.
 */
export class Entry<V> implements Keyed {
  // What a hit reads comes first, so that it lies together in memory.
  readonly value: V
  /** Up to which position of the clear log nothing was found that clears it. */
  checked: number
  /** Until when it is fresh, in milliseconds of this process's monotonic clock. */
  freshUntil: number
  readonly label: string
  /** What it was computed from besides the call itself. */
  readonly read: readonly Ref[]
  /** The names of what it was computed from, once they were asked for. */
  names: NameSet | undefined = undefined
  /** When it was loaded, by the same clock. */
  readonly loadedAt: number
  /** Milliseconds that its load took. */
  readonly cost: number
  /** What it takes of the cache's `maxBytes`. */
  bytes: number
  /** From when on this process vouches for it without word from Redis. */
  trustFrom: number
  /** The call itself, of which the function's name says the rest while nobody has asked. */
  #own: Ref | string
  /** Twice its order, and one more where its label is a string: one number takes eight bytes less than two fields. */
  readonly #rank: number

  constructor({ label, isOfString, value, own, read, order, checked, loadedAt, freshUntil, cost, bytes, trustFrom }: NewEntry<V>) {
    this.#rank = order * 2 + (isOfString ? 1 : 0)
    this.label = label
    this.value = value
    this.read = read.length === 0 ? NONE : read
    this.checked = checked
    this.loadedAt = Math.floor(loadedAt)
    this.freshUntil = Math.floor(freshUntil)
    this.cost = Math.ceil(cost)
    this.bytes = bytes
    this.trustFrom = Math.floor(trustFrom)
    this.#own = own
  }

  get isOfString(): boolean {
    return this.#rank % 2 === 1
  }

  /** The place of its load among those of its function in this process, by when they began; 0 where another process loaded it. */
  get order(): number {
    return Math.floor(this.#rank / 2)
  }

  get key(): string {
    return this.isOfString ? keyOfString(this.label) : this.label
  }

  /** Of the function. */
  get name(): string {
    return typeof this.#own === 'string' ? this.#own : this.#own.name
  }

  /** The call itself. */
  get own(): Ref {
    if (typeof this.#own === 'string') this.#own = exactRef(this.#own, this.key)
    return this.#own
  }

  /** The call itself first, then everything it was computed from. */
  get refs(): readonly Ref[] {
    return [this.own, ...this.read]
  }

  /** The same, and stale. */
  get outdated(): Entry<V> {
    return new Entry({ ...this.made, freshUntil: Number.NEGATIVE_INFINITY })
  }

  /** What it was made of, as it is by now. */
  get made(): NewEntry<V> {
    const { label, isOfString, value, read, order, checked, loadedAt, freshUntil, cost, bytes, trustFrom } = this
    return { label, isOfString, value, own: this.#own, read, order, checked, loadedAt, freshUntil, cost, bytes, trustFrom }
  }
}
