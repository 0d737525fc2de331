import { setImmediate as nextRound } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { Row, type Turn } from './support/row.ts'

let clock: Clock
let cache: Cache
let errors: CacheError[]

beforeEach(() => {
  clock = newClock()
  errors = []
  cache = openCache({ redis: false, onError: (error) => errors.push(error) }, clock.now)
})

describe('staleWhileRevalidate', () => {
  const options = { name: 'row', ttl: '1m', staleWhileRevalidate: '1h' }

  test('serves the old value past the time to live, while one caller loads the new one', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    clock.advance(59_999)
    expect(await read()).toBe('old')
    expect(row.loads).toBe(1)
    clock.advance(1)
    const turn = row.turn()
    expect(await Promise.all([read(), read(), read()])).toEqual(['old', 'old', 'old'])
    expect(await read()).toBe('old')
    turn.gate.open()
    await expect.poll(() => read()).toBe('new')
    expect(row.loads).toBe(2)
    expect(read.stats()).toMatchObject({ staleHits: expect.any(Number), loads: 2, errors: 0 })
  })

  test('past its window the caller waits for the new value', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    clock.advance(61 * 60_000)
    expect(await read()).toBe('new')
  })

  test('a clear while the new value loads: the old one is not served again, nor is the new one that was overtaken', async () => {
    const row = new Row()
    row.turn().gate.open()
    const turn = row.turn()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    expect(await read()).toBe('old')
    await turn.gate.reached()
    row.value = 'new'
    await read.clear()
    expect(await read()).toBe('new')
    turn.gate.open()
    await nextRound()
    expect([await read(), row.loads]).toEqual(['new', 3])
  })

  test('a refresh behind is no call: it is counted as a load, and its failure as an error', async () => {
    const row = new Row()
    row.turn().gate.open()
    const failing = row.turn()
    failing.fails = true
    failing.gate.open()
    const read = cache.memoize(row.read, options)
    const stats: unknown[] = []
    for (let call = 0; call < 3; call++) {
      await read()
      await nextRound()
      stats.push(read.stats())
      clock.advance(60_000)
    }
    expect(stats).toMatchObject([
      { misses: 1, hits: 0, staleHits: 0, loads: 1, errors: 0 },
      { misses: 1, hits: 0, staleHits: 1, loads: 2, errors: 1 },
      { misses: 1, hits: 0, staleHits: 2, loads: 3, errors: 1 },
    ])
  })

  test('a clear ends an old value that nobody has asked for again', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    row.value = 'new'
    await read.clear()
    expect(await read()).toBe('new')
  })

  test('an expire makes a value stale at once, and its refresh begins after it', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    await read.expire()
    expect(await read()).toBe('old')
    await nextRound()
    expect([await read(), row.loads]).toEqual(['new', 2])
  })

  test('an expire while a refresh runs begins another: what began before it makes nothing fresh', async () => {
    const row = new Row()
    row.turn().gate.open()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, options)
    await read()
    await read.expire()
    expect(await read()).toBe('old')
    await first.gate.reached()
    row.value = 'new'
    await read.expire()
    expect(await read()).toBe('old')
    await second.gate.reached()
    second.gate.open()
    await nextRound()
    first.gate.open()
    await nextRound()
    expect([await read(), row.loads]).toEqual(['new', 3])
  })

  test.each([{}, { staleIfError: '1h' }])(
    'a refresh that fails keeps the old value, is reported, and is tried again by the next reader: %o',
    async (more) => {
      const row = new Row()
      row.turn().gate.open()
      const failing = [row.turn(), row.turn()]
      const read = cache.memoize(row.read, { ...options, ...more })
      await read()
      clock.advance(60_000)
      row.value = 'new'
      for (const turn of failing) {
        turn.fails = true
        turn.gate.open()
        expect(await read()).toBe('old')
        await nextRound()
      }
      expect(errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
        ['LOAD', 'the database is away'],
        ['LOAD', 'the database is away'],
      ])
      expect(row.loads).toBe(3)
      expect(await read()).toBe('old')
      await nextRound()
      expect([await read(), row.loads, cache.stats().storeErrors]).toEqual(['new', 4, 0])
    },
  )
})

describe('staleIfError', () => {
  const options = { name: 'row', ttl: '1m', staleIfError: '1h' }

  /** A row whose first load gives "old" and whose second fails once its gate is open. */
  function newFailing(): { row: Row; turn: Turn } {
    const row = new Row()
    row.turn().gate.open()
    const turn = row.turn()
    turn.fails = true
    return { row, turn }
  }

  test('serves the old value to all who wait where loading the new one fails, and reports the failure', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    const callers = [read(), read()]
    turn.gate.open()
    expect(await Promise.all(callers)).toEqual(['old', 'old'])
    expect(errors).toMatchObject([{ code: 'LOAD', cause: { message: 'the database is away' } }])
    expect(read.stats()).toMatchObject({ loads: 2, errors: 1, staleHits: 2, misses: 1 })
    row.value = 'new'
    expect(await read()).toBe('new')
  })

  test("past its window the failure is the caller's", async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(61 * 60_000)
    turn.gate.open()
    await expect(read()).rejects.toThrow('the database is away')
  })

  test('counts its window from an expire, where that came first', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    await read.expire()
    clock.advance(60 * 60_000 - 1)
    turn.gate.open()
    expect(await read()).toBe('old')
    clock.advance(1)
    const failing = row.turn()
    failing.fails = true
    failing.gate.open()
    await expect(read()).rejects.toThrow('the database is away')
  })

  test('never serves what was cleared before the load, nor while it ran', async () => {
    for (const isDuring of [false, true]) {
      const cache = openCache({ redis: false, onError: () => {} }, clock.now)
      const { row, turn } = newFailing()
      const read = cache.memoize(row.read, options)
      await read()
      clock.advance(60_000)
      if (!isDuring) await read.clear()
      const caller = read()
      await turn.gate.reached()
      if (isDuring) await read.clear()
      turn.gate.open()
      await expect(caller).rejects.toThrow('the database is away')
    }
  })

  test('serves what an expire made stale while the load ran', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    const caller = read()
    await turn.gate.reached()
    await read.expire()
    turn.gate.open()
    expect(await caller).toBe('old')
  })
})

describe('a result that was computed from a stale one', () => {
  test('is born stale: it is served only where stale values may be, and made anew', async () => {
    const row = new Row()
    const inner = cache.memoize(row.read, { name: 'inner', ttl: '1m', staleWhileRevalidate: '1h' })
    const strict = cache.memoize(async () => `strict of ${await inner()}`, { name: 'strict' })
    const relaxed = cache.memoize(async () => `relaxed of ${await inner()}`, { name: 'relaxed', staleWhileRevalidate: '1h' })
    await inner()
    row.value = 'new'
    clock.advance(60_000)
    const turn = row.turn()
    expect([await strict(), await relaxed()]).toEqual(['strict of old', 'relaxed of old'])
    turn.gate.open()
    await nextRound()
    expect(await inner()).toBe('new')
    expect(await strict()).toBe('strict of new')
    expect(await relaxed()).toBe('relaxed of old')
    await nextRound()
    expect(await relaxed()).toBe('relaxed of new')
  })

  test('is born stale over any number of floors, and through a load that it joined', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner', ttl: '1m', staleWhileRevalidate: '1h' })
    const middle = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return seen
      },
      { name: 'middle' },
    )
    const outer = cache.memoize(async () => middle(), { name: 'outer' })
    await inner()
    row.value = 'new'
    clock.advance(60_000)
    const led = middle()
    await gate.reached()
    const joined = outer()
    gate.open()
    expect([await led, await joined]).toEqual(['old', 'old'])
    await nextRound()
    expect([await middle(), await outer()]).toEqual(['new', 'new'])
  })

  test('is stale as well where what it read was expired before it was stored', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner' })
    const outer = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return seen
      },
      { name: 'outer', staleWhileRevalidate: '1h' },
    )
    const before = outer()
    await gate.reached()
    row.value = 'new'
    await inner.expire()
    gate.open()
    expect([await before, await outer()]).toEqual(['old', 'old'])
    await nextRound()
    expect(await outer()).toBe('new')
  })
})

test('a refresh that fails is an error for who asked for it, whatever staleIfError keeps', async () => {
  const clock = newClock()
  const cache = openCache({ redis: false, onError: () => undefined }, clock.now)
  let isBroken = false
  const read = cache.memoize(async () => (isBroken ? Promise.reject(new Error('broken')) : 'kept'), {
    name: 'asked for',
    ttl: 1000,
    staleIfError: '1m',
  })
  await read()
  isBroken = true
  await expect(read.refresh()).rejects.toThrow('broken')
  expect(await read()).toBe('kept')
  clock.advance(1000)
  expect(await read()).toBe('kept')
})
