// Knows what is cached here, and what of it is right.
import { deepStrictEqual, strictEqual } from 'node:assert'

/** What a load gives. */
export interface Value {
  readonly id: string
  readonly name: string
  readonly tags: readonly string[]
}

export function valueOf(id: string): Value {
  return { id, name: `User ${id}`, tags: ['one', 'two'] }
}

/** How long results are fresh, for all who can be told: none ends while it is measured. */
export const TTL = 3_600_000

/** How many entries a cache may hold, for all who can be told. */
export const LIMIT = 1000

/** Loads values, and counts. */
export interface Source {
  loads: number
  readonly load: (id: string) => Promise<Value>
  readonly loadSync: (id: string) => Value
}

export function newSource(): Source {
  const source: Source = {
    loads: 0,
    load: async (id) => source.loadSync(id),
    loadSync(id) {
      source.loads++
      return valueOf(id)
    },
  }
  return source
}

/** Arguments, and whose value each asks for. */
export interface Asked<K> {
  readonly keys: readonly K[]
  idOf(key: K): string
}

/** Fills a cache, and checks that each key gives its own value, and from then on without a load. */
export async function checkHits<K>(call: (key: K) => unknown, { keys, idOf }: Asked<K>, source: Source): Promise<void> {
  for (const key of keys) await call(key)
  const { loads } = source
  for (const key of keys) deepStrictEqual(await call(key), valueOf(idOf(key)))
  strictEqual(source.loads, loads, 'a hit has loaded')
}
