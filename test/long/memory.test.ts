// In one process: a million distinct calls and a million distinct clears leave the heap as it was.
import { expect, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../../src/cache.ts'
import { any } from '../../src/index.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { expectFlat } from './heap.ts'

const TIMES = 1_000_000
const FULL = 100_000

function newCache(): { cache: Cache; clock: Clock } {
  const clock = newClock()
  const cache = openCache({ redis: false, onError: () => undefined }, clock.now)
  onTestFinished(() => cache.close())
  return { cache, clock }
}

interface Row {
  readonly id: number
  readonly text: string
}

const load = async (id: number): Promise<Row> => ({ id, text: `row ${id}` })

test('a million distinct calls', async () => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row' })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, row)
  expect(await row.count()).toBe(1000)
})

test('a million distinct calls of a synchronous function', async () => {
  const { cache } = newCache()
  const row = cache.memoizeSync((id: number) => ({ id }), { name: 'row' })
  await expectFlat({ times: TIMES, full: FULL }, row)
  expect(await row.count()).toBe(1000)
})

test('a million distinct calls that fail', async () => {
  const { cache } = newCache()
  const fail = cache.memoize(async (id: number) => Promise.reject(new Error(`no ${id}`)), { name: 'fail' })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, (id) => fail(id).catch(() => undefined))
})

test('a million distinct calls without a limit, whose time is up soon', async () => {
  const { cache, clock } = newCache()
  const row = cache.memoize(load, { name: 'row', limit: Infinity, ttl: 1000, staleWhileRevalidate: 1000 })
  await expectFlat({ times: TIMES, full: FULL }, (id) => {
    clock.advance(1)
    return row(id)
  })
  expect(await row.count()).toBe(1000)
})

test('a million distinct calls with the dependencies that each has', async () => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row' })
  const page = cache.memoize(async (id: number) => [await row(id), await row(id + 1)], {
    name: 'page',
    dependsOn: (id) => [cache.tag(`tag ${id}`), cache.ref('elsewhere', id)],
  })
  await expectFlat({ times: TIMES / 2, full: FULL, at: 10 }, page)
})

test('loads that read without end depend on a bounded number of refs', async () => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row' })
  const all = cache.memoize(
    async (from: number) => {
      for (let id = from; id < from + 1000; id++) await row(id)
    },
    { name: 'all' },
  )
  await expectFlat({ times: 1000, full: 1000 - 100 }, (n) => all(1000 * n))
  let loads = 0
  const again = cache.memoize(
    async () => {
      loads++
      await all(0)
    },
    { name: 'again' },
  )
  await again()
  await row.clear(5)
  await again()
  expect(loads).toBe(2)
})

test.each(['clear', 'expire'] as const)('a million distinct records of kind %s', async (kind) => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row', ttl: Infinity })
  await row(-1)
  await expectFlat({ times: TIMES, full: FULL }, (id) => row[kind](id))
  expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
})

test('a million distinct calls, each cleared', async () => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row', limit: Infinity })
  await expectFlat({ times: TIMES, full: FULL }, async (id) => {
    await row(id)
    await row.clear(id)
  })
})

test.each(['clear', 'expire'] as const)('a million tags, and names that were never defined, of kind %s', async (kind) => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row', ttl: Infinity })
  await row(1)
  await expectFlat({ times: TIMES, full: FULL }, (n) => cache[kind](n % 2 === 0 ? cache.tag(`tag ${n}`) : cache.ref(`name ${n}`, n)))
  expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
})

test('a million clears of distinct shapes', async () => {
  const { cache } = newCache()
  const row = cache.memoize(async (filter: Record<string, number>, page: number) => [filter, page], { name: 'row' })
  await row({ a: 1 }, 1)
  await expectFlat({ times: TIMES, full: FULL }, (n) => (n % 2 === 0 ? row.clear({ [`field ${n}`]: n }) : row.clear(any, n)))
  expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
})

test('a hundred thousand transactions', async () => {
  const { cache } = newCache()
  const row = cache.memoize(load, { name: 'row' })
  await expectFlat({ times: FULL, full: FULL / 2 }, (id) =>
    cache.transaction(async () => {
      await row.clear(id)
      await row(id)
    }),
  )
})

test('twenty thousand caches that are forgotten and never closed', async () => {
  await expectFlat({ times: 20_000, full: 10_000, within: 0.4 }, async (id) => {
    const cache = openCache({ redis: false }, () => 0)
    await cache.memoize(load, { name: 'row' })(id)
  })
})
