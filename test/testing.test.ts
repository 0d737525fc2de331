// The contracts of stores and codecs, as users run them: what keeps them passes, and each way to break one fails a test that names it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, structured, type Codec, type Store } from '../src/index.ts'
import { codecContract, storeContract, type ContractTest } from '../src/testing.ts'
import { newFaultyStore, newFileStore, newMapStore } from './support/stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'cache-alchemy-'))
let folders = 0
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const stores: Record<string, () => Store> = {
  'a store in a map': newMapStore,
  'a store in a folder': () => newFileStore(join(folder, `${++folders}`)),
  'a store that can fail, and does not': () => newFaultyStore(newMapStore()),
}

describe.each(Object.entries(stores))('%s keeps the contract', (_, make) => {
  for (const { name, run } of storeContract(make)) test(name, run)
})

async function broken(tests: readonly ContractTest[]): Promise<string[]> {
  const names: string[] = []
  for (const { name, run } of tests) await run().catch(() => names.push(name))
  return names
}

describe('the contract of stores is broken by one', () => {
  const over = (change: (store: Store) => Partial<Store>) => () => {
    const store = newMapStore()
    return { ...store, ...change(store) }
  }
  const text = (bytes: Uint8Array): Uint8Array => Buffer.from(Buffer.from(bytes).toString())

  test.each<[string, (store: Store) => Partial<Store>, RegExp]>([
    ['that gives null for nothing', (it) => ({ get: async (key) => (await it.get(key)) ?? (null as never) }), /never set/],
    ['that keeps bytes as text', (it) => ({ set: (key, bytes, ttl) => it.set(key, text(bytes), ttl) }), /whatever they are/],
    ['that gives text', (it) => ({ get: async (key) => String(await it.get(key)) as never }), /as a Uint8Array/],
    [
      'that folds keys',
      (it) => ({ get: (key) => it.get(key.toLowerCase()), set: (key, bytes, ttl) => it.set(key.toLowerCase(), bytes, ttl) }),
      /tells keys apart/,
    ],
    [
      'that cuts keys',
      (it) => ({ get: (key) => it.get(key.slice(0, 255)), set: (key, bytes, ttl) => it.set(key.slice(0, 255), bytes, ttl) }),
      /tells keys apart/,
    ],
    [
      'that keeps what was there',
      (it) => ({ set: async (key, bytes, ttl) => void ((await it.get(key)) ?? (await it.set(key, bytes, ttl))) }),
      /set last/,
    ],
    ['that deletes nothing', () => ({ delete: async () => {} }), /lets go/],
    ['that fails to delete what is not there', () => ({ delete: () => Promise.reject(new Error('nothing there')) }), /what is not there/],
    [
      'that counts in seconds',
      (it) => ({ set: async (key, bytes, ttl) => (ttl < 2000 ? undefined : it.set(key, bytes, ttl)) }),
      /time is up/,
    ],
    [
      'that writes in parts',
      (it) => ({
        async set(key, bytes, ttl) {
          await it.set(key, bytes.subarray(0, 1000), ttl)
          await new Promise(setImmediate)
          await it.set(key, bytes, ttl)
        },
      }),
      /whole bytes only/,
    ],
  ])('%s', async (_, change, title) => {
    expect(await broken(storeContract(over(change)))).toContainEqual(expect.stringMatching(title))
  })

  test('that forgets everything, also as a cache sees it', async () => {
    const names = await broken(storeContract(over(() => ({ get: async () => undefined }))))
    expect(names).toContain('keeps what a cached function gave, until it is cleared')
  })
})

describe('the contract of codecs', () => {
  class Money {
    readonly amount: number
    constructor(amount: number) {
      this.amount = amount
    }
  }
  const classes = { Money: { class: Money, encode: (it: Money) => it.amount, decode: (it: number) => new Money(it) } }

  describe('is kept by "structured" with a class of one\'s own', () => {
    const values = [undefined, null, 0, '', Number.NaN, { at: new Date(0), list: [1n] }, new Money(5), Buffer.from('bytes')]
    for (const { name, run } of codecContract(structured({ classes }), values)) test(name, run)
  })

  const plain: Codec = {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  }

  test.each<[string, Codec, RegExp]>([
    ['loses a type', plain, /as it was/],
    ['gives text', { ...plain, encode: (value) => JSON.stringify(value) as never }, /to bytes/],
    [
      'reads the buffer around its bytes',
      { ...plain, decode: (bytes) => JSON.parse(Buffer.from(bytes.buffer).toString()) },
      /among others/,
    ],
    ['gives a promise', { ...plain, decode: async (bytes) => plain.decode(bytes) }, /at once/],
  ])('is broken by one that %s', async (_, codec, title) => {
    expect(await broken(codecContract(codec, [{ at: new Date(0) }]))).toContainEqual(expect.stringMatching(title))
  })

  test('is kept by plain JSON for values that it keeps', async () => {
    expect(await broken(codecContract(plain, [{ a: 1 }, [null], 'text']))).toEqual([])
  })
})

test('a contract of nothing is a ConfigError and no list of tests that pass', () => {
  expect(() => storeContract(newMapStore() as never)).toThrow(
    new ConfigError('Expected storeContract to be given a function that makes a store, got an object (Object).'),
  )
  expect(() => codecContract(null as never, [1])).toThrow(/^Expected `codec` to be .* got null/)
  for (const values of [null, []]) expect(() => codecContract(structured(), values as never)).toThrow(ConfigError)
})
