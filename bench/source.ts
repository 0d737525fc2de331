// Knows what is cached here, and what of it is right.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { setImmediate as turn } from 'node:timers/promises'
import type { Case } from './rounds.ts'

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
export interface Source<T = Value> {
  loads: number
  readonly load: (id: string) => Promise<T>
  readonly loadSync: (id: string) => T
}

export function newSource(): Source {
  return newSourceOf(valueOf)
}

export function newSourceOf<T>(give: (id: string) => T): Source<T> {
  const source: Source<T> = {
    loads: 0,
    load: async (id) => source.loadSync(id),
    loadSync(id) {
      source.loads++
      return give(id)
    },
  }
  return source
}

/** Arguments, and what each is to give. */
export interface Asked<K> {
  readonly keys: readonly K[]
  expected(key: K): object
}

/** Asks for every key until no more is loaded, then checks that each gives what it should. */
export async function checkHits<K>(
  call: (key: K) => unknown,
  { keys, expected }: Asked<K>,
  source: { readonly loads: number },
): Promise<void> {
  const passes = 20
  for (let pass = 0, loads = -1; loads !== source.loads; pass++) {
    if (pass === passes) throw new Error(`Every pass of ${passes} has loaded: these are no hits.`)
    loads = source.loads
    for (const key of keys) await call(key)
    // A store may be written to behind the answer.
    await turn()
  }
  const { loads } = source
  for (const key of keys) deepStrictEqual(await call(key), expected(key))
  strictEqual(source.loads, loads, 'a hit has loaded')
}

/** Work that is to be hits, which fails where something was loaded meanwhile. */
export function hitting(run: Case['run'], source: { readonly loads: number }): (times: number) => Promise<void> {
  return async (times) => {
    const { loads } = source
    await run(times)
    strictEqual(source.loads, loads, 'a hit has loaded')
  }
}
