import { expect, test } from 'vitest'
import { createCache, engineOf } from '../src/cache.ts'

function newCache(maxBytes: number) {
  const cache = createCache({ redis: false, maxBytes })
  return { cache, budget: engineOf(cache).budget }
}

test('past maxBytes the function that holds most loses what was not used for longest', async () => {
  const { cache } = newCache(100)
  const large = cache.memoize(async (n: number) => n, { name: 'large', size: () => 30 })
  const small = cache.memoize(async (n: number) => n, { name: 'small', size: () => 5 })
  await small(1)
  for (const n of [1, 2, 3]) await large(n)
  await large(1)
  await small(2)
  await small(3)
  expect(await Promise.all([1, 2, 3].map((n) => large.peek(n)))).toEqual([1, undefined, 3])
  expect(await Promise.all([1, 2, 3].map((n) => small.peek(n)))).toEqual([1, 2, 3])
  expect(large.stats().evictions).toBe(1)
})

test('values without a size take nothing of it', async () => {
  const { cache, budget } = newCache(10)
  const read = cache.memoize(async (n: number) => 'x'.repeat(n), { name: 'read' })
  await read(1000)
  expect(budget.total).toBe(0)
  expect(await read.peek(1000)).toHaveLength(1000)
})

test('what is replaced, cleared or dropped gives its bytes back', async () => {
  const { cache, budget } = newCache(1000)
  const read = cache.memoize(async (n: number) => n, { name: 'read', size: () => 10 })
  await read(1)
  await read(2)
  await read.refresh(1)
  expect(budget.total).toBe(20)
  await read.clear(1)
  await read.peek(1)
  expect(budget.total).toBe(10)
  await cache.flush()
  expect(budget.total).toBe(0)
})

test('an entry larger than all there is reaches its caller and is not kept', async () => {
  const { cache, budget } = newCache(10)
  const read = cache.memoize(async () => 'large', { name: 'read', size: () => 11 })
  expect(await read()).toBe('large')
  expect(await read.peek()).toBeUndefined()
  expect(budget.total).toBe(0)
})

test('with no limit on entries maxBytes still holds', async () => {
  const { cache, budget } = newCache(100)
  const read = cache.memoize(async (n: number) => n, { name: 'read', limit: Number.POSITIVE_INFINITY, size: () => 10 })
  for (let n = 0; n < 50; n++) await read(n)
  expect(budget.total).toBe(100)
  expect(await read.count()).toBe(10)
})
