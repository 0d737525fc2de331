// Knows what a store and a codec of one's own have to do, as tests for whatever runs them: `cache-alchemy/testing`.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { types } from 'node:util'
import { createCache, type Cache } from './cache.ts'
import { resolveCodec, type Codec } from './codec.ts'
import { show } from './duration.ts'
import { ConfigError, type CacheError } from './errors.ts'
import type { Store } from './own-store.ts'

/** One promise of a contract. `run` rejects with an `AssertionError` where it is not kept. */
export interface ContractTest {
  /** A sentence, the test's title. */
  readonly name: string
  run(): Promise<void>
}

const HOUR = 3_600_000
const LARGE = 1024 * 1024

/**
 * What a {@link Store} has to do. Each test makes a store of its own, which has to be empty, and closes it.
 *
 * @example
 * for (const { name, run } of storeContract(() => new FileStore(newFolder()))) test(name, run)
 */
export function storeContract(make: () => Store | Promise<Store>): ContractTest[] {
  if (typeof make !== 'function')
    throw new ConfigError(`Expected storeContract to be given a function that makes a store, got ${show(make)}.`)
  const within = (name: string, work: (store: Store) => Promise<void>): ContractTest => ({
    name,
    async run() {
      const store = await make()
      try {
        await work(store)
      } finally {
        await store.close()
      }
    },
  })
  return [...Object.entries(overBytes).map(([name, work]) => within(name, work)), underACache(make)]
}

const overBytes: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  'gives undefined for a key that was never set': async (store) => {
    strictEqual(await store.get('app:user("42")'), undefined)
  },
  'gives back the bytes that were set, whatever they are': async (store) => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    for (const [key, bytes] of [every, new Uint8Array(), filled(LARGE, 7), every.subarray(100, 110)].entries()) {
      await store.set(`${key}`, bytes, HOUR)
      await holds(store, `${key}`, bytes)
    }
  },
  'gives bytes as a Uint8Array': async (store) => {
    await store.set('key', Uint8Array.of(1), HOUR)
    ok((await store.get('key')) instanceof Uint8Array)
  },
  'tells keys apart, whatever is in them': async (store) => {
    for (const [index, key] of KEYS.entries()) await store.set(key, Uint8Array.of(index), HOUR)
    for (const [index, key] of KEYS.entries()) await holds(store, key, Uint8Array.of(index))
  },
  'keeps the bytes that were set last': async (store) => {
    for (const length of [10, 1000, 1]) await store.set('key', filled(length, length % 256), HOUR)
    await holds(store, 'key', filled(1, 1))
  },
  'lets go of what is deleted, and of nothing else': async (store) => {
    await store.set('one', Uint8Array.of(1), HOUR)
    await store.set('two', Uint8Array.of(2), HOUR)
    await store.delete('one')
    strictEqual(await store.get('one'), undefined)
    await holds(store, 'two', Uint8Array.of(2))
  },
  'takes a delete of what is not there': async (store) => {
    await store.delete('key')
    strictEqual(await store.get('key'), undefined)
  },
  'keeps bytes until their time is up, from a second to thirty days': async (store) => {
    for (const ttl of [1000, HOUR, 30 * 24 * HOUR]) {
      await store.set('key', Uint8Array.of(3), ttl)
      await holds(store, 'key', Uint8Array.of(3))
    }
    await store.set('short', Uint8Array.of(3), 1)
  },
  'gives whole bytes only, while others are being set': async (store) => {
    const [old, young] = [filled(LARGE, 1), filled(LARGE / 2, 2)]
    await store.set('key', old, HOUR)
    const setting = store.set('key', young, HOUR)
    const seen = await Promise.all(Array.from({ length: 20 }, () => store.get('key')))
    await setting
    for (const bytes of seen)
      ok(bytes === undefined || same(bytes, old) || same(bytes, young), 'a get gave neither the old bytes nor the new')
    await holds(store, 'key', young)
  },
  'serves many keys at once': async (store) => {
    const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`)
    await Promise.all(keys.map((key, index) => store.set(key, filled(100, index), HOUR)))
    await Promise.all(keys.map((key, index) => holds(store, key, filled(100, index))))
  },
}

/** Keys are of the cache's making, but what is in them is of its users'. */
const KEYS: readonly string[] = [
  ['a', 'A', 'a/b', 'a\\b', '../a', '/a', 'a.b', 'a:b', 'a b', 'a%2Fb', 'a\nb', 'a\0b', 'a*', '"a"', 'CON', '.', '..'],
  ['é', 'e\u0301', '✓', '😀', '__proto__', 'constructor'],
  ['x', 'y'].map((last) => `app:user(${'k'.repeat(900)}${last})`),
].flat()

function underACache(make: () => Store | Promise<Store>): ContractTest {
  return {
    name: 'keeps what a cached function gave, until it is cleared',
    async run() {
      const { store, stored } = watched(await make())
      await withCache(async (cache) => {
        let loads = 0
        const load = async (id: string): Promise<unknown> => ({ id, at: new Date(++loads), none: undefined })
        const read = cache.memoize(load, { name: 'contract', store })
        const first = await read('1')
        // Until then the bytes on their way would be read.
        await stored()
        deepStrictEqual(await read('1'), first)
        strictEqual(loads, 1, 'the second call loaded again: what was set did not come back')
        await read.clear('1')
        deepStrictEqual(await read('1'), { id: '1', at: new Date(2), none: undefined })
      })
    },
  }
}

/**
 * What a {@link Codec} has to do with values such as it will be given: each comes back as it was. For values with classes, the classes'
 * own fields are compared.
 *
 * @example
 * for (const { name, run } of codecContract(users, [new User('Ada'), new User('')])) test(name, run)
 */
export function codecContract<V>(codec: Codec<V>, values: readonly V[]): ContractTest[] {
  resolveCodec(codec)
  if (!Array.isArray(values) || values.length === 0)
    throw new ConfigError(`Expected codecContract to be given a list of values, at least one, got ${show(values)}.`)
  return [
    {
      name: 'encodes to bytes, at once',
      async run() {
        for (const value of values) ok(codec.encode(value) instanceof Uint8Array)
      },
    },
    {
      name: 'brings back each value as it was, and changes none',
      async run() {
        for (const value of values) {
          const bytes = codec.encode(value)
          const decoded = codec.decode(bytes)
          ok(!types.isPromise(decoded), 'decode gave a promise')
          deepStrictEqual(decoded, value)
        }
      },
    },
    {
      // What comes from a store often is a part of a larger buffer: `bytes.buffer` is not the bytes.
      name: 'reads bytes that lie among others',
      async run() {
        for (const value of values) {
          const bytes = codec.encode(value)
          const room = filled(bytes.byteLength + 20, 255)
          room.set(bytes, 7)
          deepStrictEqual(codec.decode(room.subarray(7, 7 + bytes.byteLength)), value)
        }
      },
    },
    {
      name: 'keeps what a cached function gave',
      async run() {
        const store = mapStore()
        await withCache(async (cache) => {
          let loads = 0
          const load = async (index: number): Promise<unknown> => (loads++, values[index])
          const read = cache.memoize(load, { name: 'contract', store, codec: codec as Codec })
          for (const index of values.keys()) await read(index)
          for (const [index, value] of values.entries()) deepStrictEqual(await read(index), value)
          strictEqual(loads, values.length)
        })
      },
    },
    {
      name: 'answers garbage at once, by an error where it can tell',
      async run() {
        for (const bytes of [new Uint8Array(), filled(100, 255), Buffer.from('{"a":')]) {
          const answer: unknown = attempted(() => codec.decode(bytes))
          if (types.isPromise(answer)) await answer.catch(() => undefined)
          ok(!types.isPromise(answer), 'decode gave a promise')
        }
      },
    },
  ]
}

async function withCache(work: (cache: Cache) => Promise<void>): Promise<void> {
  const errors: CacheError[] = []
  // A test of a store is no test of its speed.
  const cache = createCache({ redis: false, commandTimeout: '10s', onError: (error) => errors.push(error) })
  try {
    await work(cache)
  } finally {
    await cache.close()
  }
  if (errors[0] !== undefined) throw errors[0]
}

/** A store, and the end of all that was set in it. */
function watched(behind: Store): { store: Store; stored: () => Promise<void> } {
  const sets: Promise<void>[] = []
  const store: Store = {
    get: (key) => behind.get(key),
    set(key, bytes, ttlMs) {
      const set = behind.set(key, bytes, ttlMs)
      sets.push(set)
      return set
    },
    delete: (key) => behind.delete(key),
    close: () => behind.close(),
  }
  const stored = async (): Promise<void> => {
    await nextRound()
    await Promise.all(sets)
    await nextRound()
  }
  return { store, stored }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function mapStore(): Store {
  const bytes = new Map<string, Uint8Array>()
  return {
    get: async (key) => bytes.get(key),
    set: async (key, value) => void bytes.set(key, value),
    delete: async (key) => void bytes.delete(key),
    close: async () => bytes.clear(),
  }
}

function attempted<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

async function holds(store: Store, key: string, expected: Uint8Array): Promise<void> {
  const bytes = await store.get(key)
  ok(bytes !== undefined && same(bytes, expected), `the bytes of the key ${JSON.stringify(key.slice(0, 60))} are not those that were set`)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}
