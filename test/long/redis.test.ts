// With Redis: a hundred thousand distinct calls and as many clears leave a bounded number of keys, a bounded log, and the heap as it was.
import { expect, onTestFinished, test } from 'vitest'
import { createCache, type Cache, type CacheError, type CacheOptions } from '../../src/index.ts'
import { newWorld } from '../redis/world.ts'
import { expectFlat } from './heap.ts'

const world = newWorld()
const TIMES = 100_000
const FULL = 60_000

function newCache(options: CacheOptions = {}): { cache: Cache; errors: CacheError[] } {
  const errors: CacheError[] = []
  const cache = createCache({
    redis: world.server.url,
    prefix: world.prefix,
    commandTimeout: 10_000,
    onError: (error) => errors.push(error),
    ...options,
  })
  onTestFinished(() => cache.close())
  return { cache, errors }
}

const load = async (id: number): Promise<string> => `row ${id}`

async function keys(): Promise<number> {
  return (await world.plain.keys('*')).filter((key) => key.includes(encodeURIComponent(world.prefix))).length
}

test('distinct calls of a function with a limit', async () => {
  const { cache, errors } = newCache()
  const row = cache.memoize(load, { name: 'row', limit: 1000 })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, row)
  // The log, the index and its ends, and leases that are about to end.
  expect(await keys()).toBeLessThanOrEqual(1100 + 64 + 3 + 100)
  await cache.close()
  expect(await keys()).toBeLessThanOrEqual(1000 + 3)
  expect(errors).toEqual([])
})

test('distinct calls without a limit, whose time is up soon', async () => {
  const { cache, errors } = newCache()
  const row = cache.memoize(load, { name: 'row', store: 'redis', ttl: 50 })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, row)
  await expect.poll(keys).toBeLessThanOrEqual(1)
  expect(errors).toEqual([])
})

test.each(['clear', 'expire'] as const)('distinct records of kind %s', async (kind) => {
  const { cache, errors } = newCache()
  const row = cache.memoize(load, { name: 'row' })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, (id) => row[kind](id))
  // Records one by one, whole functions, the names of appends, and the marker.
  expect(await world.plain.zcard(world.logKey())).toBeLessThanOrEqual(10_000 + 1000 + 1000 + 1)
  expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
  expect(await keys()).toBe(1)
  expect(errors).toEqual([])
})

test('records of tags and of names that were never defined, in a process that only hears of them too', async () => {
  const [a, b] = [newCache(), newCache()]
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, (n) =>
    a.cache.clear(n % 2 === 0 ? a.cache.tag(`tag ${n}`) : a.cache.ref(`name ${n}`, n)),
  )
  // Records one by one, whole functions, the names of appends, and the marker.
  expect(await world.plain.zcard(world.logKey())).toBeLessThanOrEqual(10_000 + 1000 + 1000 + 1)
  for (const { cache, errors } of [a, b]) {
    expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
    expect(errors).toEqual([])
  }
})

test('calls while Redis is away, and clears that wait for it', async () => {
  const { cache } = newCache({ redis: 'redis://127.0.0.1:1', commandTimeout: 50 })
  const row = cache.memoize(load, { name: 'row', limit: 1000 })
  await expectFlat({ times: TIMES, full: FULL, at: 100 }, async (n) => {
    await row(n)
    await row.clear(n).catch(() => undefined)
  })
  expect(cache.stats().clearLogSize).toBeLessThanOrEqual(20_000)
})
