// What is remembered of keys must never show: each call has the key that its arguments have, whatever came before.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCache } from '../src/cache.ts'
import { keyOf, strictText } from '../src/key.ts'
import { RecentKeys, type Kind } from '../src/recent-keys.ts'
import { anyArguments } from './support/arguments.ts'

const list: Kind = { id: 1 }
const other: Kind = { id: 1 }

/** What a key is made of, as a text of its own. */
const written = (kind: Kind, values: readonly unknown[]): string =>
  `${kind === list ? 'list' : 'other'} ${values.map((value) => `${typeof value} ${String(value)}`).join()}`

describe('a key is that of its values', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(0, 1, 2 ** 32, 2 ** 32 + 1, '0', '1', '', true, false, null, undefined, 1.5, NaN, 1n),
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 }),
  )
  const calls = fc.array(fc.tuple(fc.constantFrom(list, other), fc.array(value, { maxLength: 3 })), { minLength: 1, maxLength: 30 })

  test('also when it comes again, and when others come between that have its place', () => {
    fc.assert(
      fc.property(calls, (calls) => {
        const recent = new RecentKeys()
        for (const [kind, values] of [...calls, ...calls, ...calls]) {
          const key = recent.get(kind, values, written)
          expect(key === undefined || key === written(kind, values)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
    const recent = new RecentKeys()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 60_000; i++) expect(recent.get(list, [i >> 1, 'x'], written)).toBe(`list number ${i >> 1},string x`)
    }
  })

  test('also where others that look alike have its place by chance', () => {
    const recent = new RecentKeys()
    let wrong = 0
    for (let i = 0; i < 150_000; i++) {
      for (const values of [[i], [String(i)], [i, null]]) {
        for (let again = 0; again < 2; again++) if (recent.get(list, values, written) !== written(list, values)) wrong++
      }
    }
    expect(wrong).toBe(0)
  })

  test('for arguments of every kind, one after the other', () => {
    fc.assert(
      fc.property(fc.array(anyArguments, { minLength: 1, maxLength: 10 }), (lists) => {
        const keys = lists.map((args) => strictText([...args, undefined, ...Array.from({ length: 10 }, () => undefined)]))
        for (let round = 0; round < 3; round++) expect(lists.map((args) => keyOf(args))).toEqual(keys)
      }),
      { numRuns: 500 },
    )
  })

  test('for a list that is changed afterwards', () => {
    const recent = new RecentKeys()
    const values = ['a', 'b']
    for (let i = 0; i < 3; i++) recent.get(list, values, written)
    values[0] = 'c'
    expect(recent.get(list, ['a', 'b'], written)).toBe('list string a,string b')
    expect(recent.get(list, values, written)).toBe('list string c,string b')
  })

  test('for a list that gives another element each time it is asked, which `key` or `many` may be given', async () => {
    const cache = openCache({ redis: false }, () => 0)
    const many = cache.memoize(async (who: string, year: string) => `${who} ${year}`, { name: 'many' })
    const chosen = cache.memoize(async (list: string[]) => list.length, { name: 'chosen', key: (list) => list })
    for (let seed = 0; seed < 50; seed++) {
      let looks = seed
      // A different look each time is the one at which it is another element.
      const lazy = (): string[] =>
        new Proxy(['', '2026'], {
          get: (list, name) => (name === '0' ? ((looks++ >> (seed % 5)) & 1 ? 'ann' : 'bob') : Reflect.get(list, name)),
        })
      await many.many([lazy() as [string, string]])
      await chosen(lazy())
    }
    const plain = cache.memoize(async (who: string, year: string) => `${who} ${year}`, { name: 'plain' })
    for (const who of ['bob', 'ann', 'bob', 'ann']) expect(await plain(who, '2026')).toBe(`${who} 2026`)
  })

  test('for an object whose getter gives another value each time', () => {
    let given = 0
    const odd = { get id() { return given++ }, lang: 'en' } // prettier-ignore
    const odds = Array.from({ length: 5 }, () => keyOf([odd]))
    expect(new Set(odds).size).toBe(5)
    for (let again = 0; again < 3; again++) {
      for (let id = 0; id < 20; id++) expect(keyOf([{ id, lang: 'en' }])).toBe(`{"id":${id},"lang":"en"}`)
      // Between two that are plain, and the same.
      given = 5
      keyOf([odd])
    }
  })
})

test('is made once for values that come again, and not remembered of those that come once', () => {
  const recent = new RecentKeys()
  let made = 0
  const make = (): string => `made ${++made}`
  const get = (...values: unknown[]): string | undefined => recent.get(list, values, make)
  expect([get('a', 1), get('a', 1), get('a', 1), get('a', 1)]).toEqual(['made 1', 'made 2', 'made 2', 'made 2'])
})

test('retains nothing of the texts that values were cut out of', () => {
  const before = heapUsed()
  const recent = new RecentKeys()
  for (let i = 0; i < 100; i++) {
    const body = `${i}`.padStart(20, '0') + 'x'.repeat(1_000_000)
    for (let again = 0; again < 3; again++) recent.get(list, [body.slice(0, 20)], () => 'key')
  }
  expect(heapUsed() - before).toBeLessThan(10_000_000)
  expect(recent.get(list, ['0'.repeat(20)], () => 'another')).toBe('key')
})

test('nor does what is written of them: the keys of entries, and what those depend on', async () => {
  const before = heapUsed()
  const cache = openCache({ redis: false }, () => 0)
  const plain = cache.memoize(async (id: string) => id.length, { name: 'plain' })
  const flat = cache.memoize(async (id: string) => id.length, { name: 'flat', strict: false })
  const object = cache.memoize(async ({ id }: { id: string }) => id.length, { name: 'object' })
  const tracking = cache.memoize(async (n: number, idOf: () => string) => cache.track(cache.tag(idOf())) ?? n, { name: 'n', key: (n) => n })
  for (let i = 0; i < 100; i++) {
    const id = (`${i}`.padStart(20, '0') + 'x'.repeat(1_000_000)).slice(0, 20)
    await Promise.all([plain(id), flat(id), object({ id }), tracking(i, () => id)])
  }
  expect(heapUsed() - before).toBeLessThan(10_000_000)
  expect(await flat.count()).toBe(100)
})

test('is bounded, however many keys come again', () => {
  const recent = new RecentKeys()
  const come = (first: number): void => {
    for (let i = first; i < first + 100_000; i++) {
      for (let again = 0; again < 3; again++) recent.get(list, [`${i}-${'x'.repeat(20)}`], written)
    }
  }
  come(0)
  const before = heapUsed()
  come(100_000)
  expect(heapUsed() - before).toBeLessThan(3_000_000)
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
