// Knows of which names' refs entries were computed, once for all entries that share them.

import type { Ref } from './ref.ts'

/** The names of what several entries were computed from. What the clear log holds of them is looked up once for all of these entries. */
export class NameSet {
  readonly names: readonly string[]
  /** The position of the latest record of any of these names, as of the position `seen` of the clear log. */
  newest = -1
  seen = -1

  constructor(names: readonly string[]) {
    this.names = names
  }

  /** Whether these are the names of a call and of what it has read, as they come, each once. */
  is(own: string, read: readonly Ref[]): boolean {
    const { names } = this
    if (names[0] !== own || names.length !== read.length + 1) return false
    for (let i = 0; i < read.length; i++) if (names[i + 1] !== read[i]!.name) return false
    return true
  }
}

// Past so many the sets are begun anew: those that entries have stay theirs.
const MOST_SETS = 1000

export class NameSets {
  readonly #sets: Map<string, NameSet> = new Map()
  #last: NameSet | undefined

  /** The names of a call and of what it has read. */
  of(own: string, read: readonly Ref[]): NameSet {
    if (this.#last?.is(own, read) !== true) this.#last = this.#find(Array.from(new Set([own, ...read.map((ref) => ref.name)])))
    return this.#last
  }

  #find(names: readonly string[]): NameSet {
    const text = JSON.stringify(names)
    const found = this.#sets.get(text)
    if (found !== undefined) return found
    if (this.#sets.size >= MOST_SETS) this.#sets.clear()
    const set = new NameSet(names)
    this.#sets.set(text, set)
    return set
  }
}
