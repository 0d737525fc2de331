// Knows the keys that were made of plain values lately: to find one again by its values takes less time than to make it.

/** What values are values of: of an argument list of some length, or of objects with certain properties. */
export interface Kind {
  /** Different ones for different kinds, more or less. */
  readonly id: number
}

/** A key, and what it was made of. */
interface Made {
  readonly kind: Kind
  readonly values: readonly unknown[]
  readonly key: string
}

// A power of two.
const PLACES = 16_384
const LONGEST_TEXT = 40
// V8 may keep a text that is at least so long as a part of the one that it was cut out of.
const LONGEST_UNCUT = 12

/** A table with one place for each hash: of the keys that have one, the last that came twice in a row has it. */
export class RecentKeys {
  #made: Array<Made | undefined> | undefined
  readonly #hashes: Int32Array = new Int32Array(PLACES)

  /** The key that `make` makes of these values and nothing else; undefined where they are none that can be kept. */
  get<K extends Kind>(kind: K, values: readonly unknown[], make: (kind: K, values: readonly unknown[]) => string): string | undefined {
    const hash = hashOf(kind, values)
    if (hash === undefined) return undefined
    const place = hash & (PLACES - 1)
    const made = this.#made?.[place]
    if (made !== undefined && made.kind === kind && areSame(made.values, values)) return made.key
    const key = make(kind, values)
    // Keys that come once are not worth a place.
    if (this.#hashes[place] === hash) this.#keep(place, { kind, values: values.map(keepable), key })
    else this.#hashes[place] = hash
    return key
  }

  #keep(place: number, made: Made): void {
    this.#made ??= Array.from<undefined>({ length: PLACES })
    this.#made[place] = made
  }
}

/** Undefined where a value is none that `===` tells from all others, or is long. */
function hashOf(kind: Kind, values: readonly unknown[]): number | undefined {
  let hash = kind.id
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'string') {
      if (value.length > LONGEST_TEXT) return undefined
      for (let at = 0; at < value.length; at++) hash = mixed(hash, value.charCodeAt(at))
      hash = mixed(hash, -1)
    } else if (typeof value === 'number') {
      if (!Number.isInteger(value)) return undefined
      hash = mixed(hash, value | 0)
    } else if (typeof value === 'boolean') hash = mixed(hash, value ? -2 : -3)
    else if (value === undefined || value === null) hash = mixed(hash, -4)
    else return undefined
  }
  return hash ^ (hash >>> 15)
}

function mixed(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** What is kept must not keep the whole text, such as a body, that a value was cut out of. */
function keepable(value: unknown): unknown {
  return typeof value === 'string' && value.length > LONGEST_UNCUT ? JSON.parse(JSON.stringify(value)) : value
}
