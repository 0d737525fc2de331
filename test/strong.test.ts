// Calls that ask Redis what was cleared before they came.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { engineOf, openCache } from '../src/cache.ts'
import { createCache, type CacheOptions, type MemoizeOptions } from '../src/index.ts'
import { newProxy } from './redis/proxy.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

let redis: RedisServer
beforeAll(async () => void (redis = await startRedis()))
afterAll(() => redis.stop())

let prefixes = 0

function newPair(options: CacheOptions) {
  const prefix = `strong-${++prefixes}`
  const db = { row: 'old', loads: 0 }
  const make = () => {
    const cache = createCache({ redis: redis.url, prefix, commandTimeout: 10_000, onError: () => undefined, ...options })
    return { cache, row: cache.memoize(async (_key: string) => (db.loads++, db.row), { name: 'row' }) }
  }
  return { db, here: make(), there: make() }
}

test('a call that starts after a clear was acknowledged elsewhere never gets what was computed before it', async () => {
  const { db, here, there } = newPair({ consistency: 'strong' })
  for (let n = 0; n < 50; n++) {
    db.row = `before ${n}`
    await here.row.clear('a')
    expect(await there.row('a')).toBe(`before ${n}`)
    expect(await here.row('a')).toBe(`before ${n}`)
  }
  await Promise.all([here.cache.close(), there.cache.close()])
})

test('what was not cleared is a hit, here and there', async () => {
  const { db, here, there } = newPair({ consistency: 'strong' })
  await here.row('a')
  await expect.poll(() => there.row('a').then(() => there.row.stats().hits)).toBeGreaterThan(0)
  const { loads } = db
  await here.row('a')
  await there.row('a')
  await here.row.clear('b')
  await there.row('a')
  expect(db.loads).toBe(loads)
  await Promise.all([here.cache.close(), there.cache.close()])
})

test('a load that began before a clear elsewhere is not joined by a call that starts after it', async () => {
  const { here, there } = newPair({ consistency: 'strong' })
  const gate = newGate()
  let row = 'old'
  const slow = there.cache.memoize(
    async () => {
      const seen = row
      if (seen === 'old') await gate.wait()
      return seen
    },
    { name: 'slow' },
  )
  const before = slow()
  await gate.reached()
  row = 'new'
  await here.cache.clear(here.cache.ref('slow'))
  const after = slow()
  expect(await after).toBe('new')
  gate.open()
  expect(await before).toBe('old')
  expect(await slow()).toBe('new')
  await Promise.all([here.cache.close(), there.cache.close()])
})

test('where Redis does not answer, a call loads: at most one load runs and one waits, which all who come meanwhile share', async () => {
  await using away = await startRedis()
  const cache = createCache({ redis: away.url, consistency: 'strong', commandTimeout: 5000, onError: () => undefined })
  const gates = [newGate(), newGate(), newGate()]
  let loads = 0
  const read = cache.memoize(
    async () => {
      const load = loads++
      await gates[load]!.wait()
      return load
    },
    { name: 'row' },
  )
  await cache.clear(cache.tag('connected'))
  await away.kill()
  const first = read()
  await gates[0]!.reached()
  const waiting = [read(), read(), read()]
  await expect.poll(() => read.stats().coalesced).toBe(2)
  gates[0]!.open()
  expect(await first).toBe(0)
  await gates[1]!.reached()
  gates[1]!.open()
  expect(await Promise.all(waiting)).toEqual([1, 1, 1])
  const again = read()
  await gates[2]!.reached()
  gates[2]!.open()
  expect(await again).toBe(2)
  await cache.close()
})

test('who has waited for a load that runs a transaction, whose result is its own caller’s alone, loads by itself', async () => {
  const cache = createCache({ redis: redis.url, prefix: `strong-${++prefixes}`, consistency: 'strong' })
  onTestFinished(() => cache.close())
  let loads = 0
  const name = cache.memoize(async () => 'name', { name: 'name' })
  const page = cache.memoize(async () => cache.transaction(async () => `${await name()} ${++loads}`), { name: 'page' })
  expect((await Promise.all([page(), page(), page()])).toSorted()).toEqual(['name 1', 'name 2', 'name 3'])
  expect(page.stats().coalesced).toBe(2)
})

test('so does who has queued behind one, where Redis does not answer', async () => {
  const cache = createCache({ redis: 'redis://127.0.0.1:1', consistency: 'strong', commandTimeout: 50, onError: () => undefined })
  onTestFinished(() => cache.close())
  const gate = newGate()
  let loads = 0
  const name = cache.memoize(async () => 'name', { name: 'name' })
  const load = async (): Promise<number> => {
    const mine = ++loads
    if (mine === 1) await gate.wait()
    await cache.transaction(() => name())
    return mine
  }
  const page = cache.memoize(load, { name: 'page' })
  const first = page()
  await gate.reached()
  const queued = [page(), page()]
  // The second has seen the first in the queue.
  await expect.poll(() => page.stats().coalesced).toBe(1)
  gate.open()
  expect((await Promise.all([first, ...queued])).toSorted()).toEqual([1, 2, 3])
})

test('where Redis does not answer, two loads that wait for each other are an error and no deadlock', async () => {
  await using away = await startRedis()
  const cache = createCache({ redis: away.url, consistency: 'strong', commandTimeout: 5000, onError: () => undefined })
  const gate = newGate()
  const left = cache.memoize(async (): Promise<string> => (await gate.wait(), right()), { name: 'left' })
  const right = cache.memoize(async (): Promise<string> => (await gate.wait(), left()), { name: 'right' })
  await cache.clear(cache.tag('connected'))
  await away.kill()
  const both = Promise.allSettled([left(), right()])
  await gate.reached(2)
  gate.open()
  const codes = (await both).map((it) => (it.status === 'rejected' ? (it.reason as { code?: string }).code : it.value))
  expect(codes).toContain('CYCLE')
  await cache.close()
})

test('where Redis does not answer, who queues behind a load waits no longer once that is given up, whether or not it ends', async () => {
  const cache = createCache({ redis: 'redis://127.0.0.1:1', consistency: 'strong', commandTimeout: 50, onError: () => undefined })
  onTestFinished(() => cache.close())
  const gate = newGate()
  let loads = 0
  const row = cache.memoize(async (_: { signal?: AbortSignal }) => (++loads === 1 ? gate.wait().then(() => 'late') : 'loaded'), {
    name: 'row',
  })
  const leaving = new AbortController()
  const left = row({ signal: leaving.signal })
  await gate.reached()
  const queued = [row({}), row({})]
  // The second has seen the first in the queue.
  await expect.poll(() => row.stats().coalesced).toBe(1)
  leaving.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  expect([...(await Promise.all(queued)), await row({})]).toEqual(['loaded', 'loaded', 'loaded'])
  gate.open()
})

test('where Redis does not answer, a load that waits for the one which queues behind it is an error and no deadlock', async () => {
  await using away = await startRedis()
  const cache = createCache({ redis: away.url, consistency: 'strong', commandTimeout: 5000, onError: () => undefined })
  const gate = newGate()
  let loads = 0
  const row = cache.memoize(async (): Promise<string> => (++loads === 1 ? (await gate.wait(), 'row') : await page()), { name: 'row' })
  const page = cache.memoize(async (): Promise<string> => `page of ${await row()}`, { name: 'page' })
  await cache.clear(cache.tag('connected'))
  await away.kill()
  const running = row()
  await gate.reached()
  const queued = row()
  const reader = page()
  await expect.poll(() => row.stats().coalesced).toBe(1)
  gate.open()
  const codes = (await Promise.allSettled([running, queued, reader])).map((it) =>
    it.status === 'rejected' ? (it.reason as { code?: string }).code : it.value,
  )
  expect(codes).toEqual(['row', 'CYCLE', 'CYCLE'])
  await cache.close()
})

test('the question and the look beyond this process are sent together', async () => {
  const proxy = await newProxy(redis.port)
  const prefix = `strong-${++prefixes}`
  const [here, there] = [redis.url, proxy.url].map((url) =>
    createCache({ redis: url, prefix, commandTimeout: 10_000, consistency: 'strong' }),
  )
  const rows = [here!, there!].map((cache) => cache.memoize(async () => 'row', { name: 'row' }))
  await rows[0]!()
  await expect.poll(() => rows[1]!.peek()).toBe('row')
  const found = there!.memoize(async () => 'row', { name: 'other', store: 'redis' })
  await found()
  await expect.poll(() => found.peek()).toBe('row')
  const wire = proxy.asking()
  const before = wire.sent().length
  wire.hold()
  const reading = found()
  await expect.poll(() => wire.sent().slice(before)).toMatch(/evalsha[^]*time[^]*mget/)
  wire.release()
  expect(await reading).toBe('row')
  await Promise.all([here!.close(), there!.close()])
})

describe('a call that could not ask what was cleared gets no old value in place of a load that', () => {
  const read = { ttl: '1m', staleIfError: '1h' } as const
  const ways: [string, MemoizeOptions<() => Promise<string>>, () => Promise<string>, string][] = [
    ['fails', read, () => Promise.reject(new Error('the database is away')), 'the database is away'],
    ['is slow', { ...read, softTimeout: 5, loadTimeout: 50 }, () => new Promise(() => {}), 'loadTimeout'],
  ]
  const whens = ['before it asks', 'after it has asked, and before it looks'] as const

  test.each(ways.flatMap((way) => whens.map((when) => [way[0], when, way] as const)))(
    '%s: %s',
    async (_, when, [, options, load, error]) => {
      const proxy = await newProxy(redis.port)
      // At a clock that stands still this process trusts what it has: only the question can tell it that it must not.
      const clock = newClock()
      const cache = openCache(
        { redis: proxy.url, prefix: `strong-${++prefixes}`, consistency: 'strong', commandTimeout: 1000, onError: () => undefined },
        clock.now,
      )
      onTestFinished(() => cache.close())
      let next = () => Promise.resolve('old')
      const row = cache.memoize(() => next(), { name: 'row', ...options })
      await row()
      await row.expire()
      next = load
      expect(await row()).toBe('old')
      await expect.poll(() => row.stats().errors).toBe(1)
      if (when === whens[0]) proxy.refuse()
      const call = row()
      if (when === whens[1]) {
        expect(await engineOf(cache).shared!.log.ask()).toBe(true)
        proxy.refuse()
      }
      await expect(call).rejects.toThrow(error)
    },
  )
})

test('a synchronous function stays synchronous', async () => {
  const { here } = newPair({ consistency: 'strong' })
  const double = here.cache.memoizeSync((n: number) => 2 * n, { name: 'double' })
  expect(double(2)).toBe(4)
  expect(double(2)).toBe(4)
  expect(double.stats().loads).toBe(1)
  await here.cache.close()
})
