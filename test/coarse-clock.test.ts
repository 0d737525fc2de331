// A time that is good for a millisecond: exact for who asks now and then, held for who asks all the time, and never for longer than it says.
import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCache, engineOf, openCache, type Cache } from '../src/cache.ts'
import { CoarseClock } from '../src/coarse-clock.ts'
import { newClock, type Clock } from './support/clock.ts'

/** After so many looks within a millisecond a reading is held. */
const MANY = 32
/** The most reads that one is held for. */
const MOST = 250

interface Scene {
  readonly clock: Clock
  readonly coarse: CoarseClock
  /** Timers that were set and have not come. */
  readonly timers: Array<() => void>
}

function newScene(): Scene {
  const clock = newClock(1000)
  const timers: Array<() => void> = []
  return { clock, timers, coarse: new CoarseClock(clock.now, (drop) => void timers.push(drop)) }
}

/** Asks until a reading is held. */
function hold(coarse: CoarseClock): void {
  for (let asked = 0; asked < MANY; asked++) coarse.read()
}

describe('who asks now and then', () => {
  test('gets the exact time in whole milliseconds, and sets no timer', () => {
    const { clock, coarse, timers } = newScene()
    for (let asked = 0; asked < 10 * MANY; asked++) {
      clock.advance(1 / (MANY - 2))
      expect(coarse.read()).toBe(Math.floor(clock.now()))
    }
    expect(timers).toEqual([])
  })
})

describe('who asks all the time', () => {
  test('gets one reading until the timer comes, and then another', () => {
    const { clock, coarse, timers } = newScene()
    hold(coarse)
    clock.advance(5)
    expect([coarse.read(), coarse.read(), timers.length]).toEqual([1000, 1000, 1])
    timers.shift()!()
    expect([coarse.read(), timers.length]).toEqual([1005, 0])
  })

  test('sets one timer in a millisecond', () => {
    const { clock, coarse, timers } = newScene()
    for (let asked = 0; asked < 10 * MOST; asked++) coarse.read()
    expect(timers).toHaveLength(1)
    clock.advance(1)
    for (let asked = 0; asked < 10 * MOST; asked++) coarse.read()
    expect(timers).toHaveLength(2)
  })

  test('gets another reading after so many, though no timer comes', () => {
    const { clock, coarse } = newScene()
    hold(coarse)
    clock.advance(5)
    const got = Array.from({ length: MOST + 1 }, () => coarse.read())
    expect([got[0], got.indexOf(1005)]).toEqual([1000, MOST])
  })

  test('sets a timer again where the last one was thrown away', () => {
    const { clock, coarse, timers } = newScene()
    hold(coarse)
    timers.length = 0
    clock.advance(5)
    for (let asked = 0; asked < MOST; asked++) coarse.read()
    hold(coarse)
    clock.advance(5)
    expect([coarse.read(), timers.length]).toEqual([1005, 1])
    timers.shift()!()
    expect(coarse.read()).toBe(1010)
  })

  test('is told a time no earlier than the exact one that was told before', () => {
    const { clock, coarse } = newScene()
    hold(coarse)
    clock.advance(0.5)
    expect(coarse.now()).toBe(1000.5)
    clock.advance(0.75)
    expect([coarse.read(), coarse.now(), coarse.read()]).toEqual([1000, 1001.25, 1001])
  })
})

test('a clock that is another one, which is behind, is followed', () => {
  let time = 1_000_000
  let timers = 0
  const coarse = new CoarseClock(
    () => time,
    () => void timers++,
  )
  hold(coarse)
  time = 3
  for (let asked = 0; asked < MOST; asked++) coarse.read()
  expect(coarse.read()).toBe(3)
  hold(coarse)
  expect(timers).toBe(2)
})

test('whatever is asked when, a time is never ahead, nor behind what was told, nor older than a millisecond or what the timer was late', () => {
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), times: fc.nat(2 * MOST) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('now') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.double({ min: 0, max: 3, noNaN: true }) }) },
  ) as fc.Arbitrary<{ do: 'read'; times: number } | { do: 'now' } | { do: 'pass'; ms: number }>
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), fc.double({ min: 0, max: 2, noNaN: true }), (acts, late) => {
      const clock = newClock(1000)
      let timers: Array<{ at: number; drop: () => void }> = []
      const coarse = new CoarseClock(clock.now, (drop) => void timers.push({ at: clock.now() + 1 + late, drop }))
      let told = 0
      for (const it of acts) {
        if (it.do === 'now') expect((told = coarse.now())).toBe(clock.now())
        if (it.do === 'pass') {
          clock.advance(it.ms)
          const due = timers.filter(({ at }) => at <= clock.now())
          timers = timers.filter(({ at }) => at > clock.now())
          for (const { drop } of due) drop()
        }
        for (let asked = 0; it.do === 'read' && asked < it.times; asked++) {
          const time = coarse.read()
          expect(time).toBeLessThanOrEqual(clock.now())
          expect(time).toBeGreaterThanOrEqual(Math.floor(told))
          expect(clock.now() - time).toBeLessThan(2 + late)
          told = time
        }
      }
    }),
  )
})

describe('a cache of this process alone', () => {
  let clock: Clock
  let cache: Cache

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    // So that half a millisecond leads into the next one.
    clock = newClock(1_000_000.7)
    cache = openCache({ redis: false, onError: () => {} }, clock.now, { isCoarse: true })
  })

  /** Time that passes while no timer comes. */
  function block(ms: number): void {
    clock.advance(ms)
  }

  function pass(ms: number): void {
    clock.advance(ms)
    vi.advanceTimersByTime(ms)
  }

  function newCount(ttl: number) {
    let loads = 0
    return cache.memoizeSync((_id: string) => ++loads, { name: 'count', ttl })
  }

  function often<T>(read: () => T): T[] {
    return Array.from({ length: MANY }, () => read())
  }

  test('serves a result for its time to live, and the millisecond after it at most', () => {
    const count = newCount(10)
    count('a')
    pass(9)
    often(() => count('a'))
    pass(1)
    expect(count('a')).toBe(2)
    pass(9)
    expect(often(() => count('a'))).toEqual(Array.from({ length: MANY }, () => 2))
  })

  test('sees one time for so many calls of a loop that lets nobody in, and no more', () => {
    const count = newCount(10)
    count('a')
    often(() => count('a'))
    block(3_600_000)
    const values = Array.from({ length: MOST + 1 }, () => count('a'))
    expect(values.indexOf(2)).toBe(MOST)
  })

  test.each([1, 2, 5])('serves nothing for longer that lives for %d ms', (ttl) => {
    const count = newCount(ttl)
    for (let turn = 1; turn < 10; turn++) {
      expect(count('a')).toBe(turn)
      expect(new Set(often(() => count('a')))).toEqual(new Set([turn]))
      pass(ttl)
    }
  })

  test('a result that is stored while a time is held lives as long as any', () => {
    const count = newCount(10)
    count('a')
    often(() => count('a'))
    block(5)
    count('b')
    pass(9)
    expect(count('b')).toBe(2)
    pass(1)
    expect(count('b')).toBe(3)
  })

  test('what is expired or cleared is so at once', () => {
    const count = newCount(60_000)
    count('a')
    often(() => count('a'))
    block(0.5)
    void count.expire('a')
    expect(count('a')).toBe(2)
    often(() => count('a'))
    block(0.5)
    void count.clear('a')
    expect(count('a')).toBe(3)
  })

  test('who waits for the answer in any case is given it by the exact time', async () => {
    let loads = 0
    const [read, held] = [cache.memoize(async (_id: string) => ++loads, { name: 'row', ttl: 10 }), newCount(60_000)]
    expect([await read('a'), held('a')]).toEqual([1, 1])
    often(() => held('a'))
    block(10)
    expect(await read('a')).toBe(2)
  })

  test('sets no timer where nobody reads, and none that keeps the process or anything of its caller', async () => {
    const caller = new AsyncLocalStorage<string>()
    const set = vi.spyOn(globalThis, 'setTimeout')
    const unref = vi.fn<() => void>()
    const stores: unknown[] = []
    set.mockImplementation(((_act: () => void, ms: number) => {
      stores.push(caller.getStore(), engineOf(cache).tracker.current(), ms)
      return { unref }
    }) as never)
    const count = newCount(60_000)
    count('a')
    const load = cache.memoizeSync(() => often(() => count('a')), { name: 'load' })
    caller.run('request', load)
    expect([stores, unref.mock.calls.length]).toEqual([[undefined, undefined, 1], 1])
    clock.advance(3_600_000)
    await cache.close()
    expect(set).toHaveBeenCalledOnce()
  })

  test('goes on where timers are numbers, as those of a browser are', () => {
    vi.spyOn(globalThis, 'setTimeout').mockImplementation((() => 7) as never)
    const count = newCount(60_000)
    count('a')
    expect(new Set(often(() => count('a')))).toEqual(new Set([1]))
  })
})

describe('a cache as it is made', () => {
  test('follows fake timers and their clock at once, and the real ones afterwards', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const cache = createCache({ redis: false, ttl: 1000 })
    let loads = 0
    const count = cache.memoizeSync((_id: string) => ++loads, { name: 'count' })
    const often = (): number[] => Array.from({ length: 2 * MANY }, () => count('a'))
    expect(often().at(-1)).toBe(1)
    vi.advanceTimersByTime(999)
    expect(often().at(-1)).toBe(1)
    vi.advanceTimersByTime(1)
    expect(count('a')).toBe(2)
    often()
    // With a timer on its way that never comes.
    vi.useRealTimers()
    const short = cache.memoizeSync((_id: string) => ++loads, { name: 'short', ttl: 5 })
    const first = short('a')
    await expect.poll(() => Array.from({ length: MANY }, () => short('a')).at(-1), { interval: 1 }).toBeGreaterThan(first)
  })

  test('goes by the exact clock at each hit where Redis has a word in it', async () => {
    const alone = createCache({ redis: false })
    const shared = createCache({ redis: 'redis://127.0.0.1:1', commandTimeout: 20, onError: () => {} })
    expect([engineOf(alone).coarse, engineOf(shared).coarse]).toEqual([expect.any(CoarseClock), undefined])
    await shared.close()
  })
})
