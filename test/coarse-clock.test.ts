// A time that is good for code without a break: exact for who asks now and then, held for who asks many times, and never for longer than it says.
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCache, engineOf, openCache, type Cache } from '../src/cache.ts'
import { CoarseClock } from '../src/coarse-clock.ts'

/** After so many looks within a millisecond a reading is held. */
const MANY = 32
/** The most reads that one is held for. */
const MOST = 250
/** What passes between two looks at a clock, in milliseconds: a number that is exact. */
const TICK = 2 ** -10

/** A clock that passes, as a real one does, and counts who looks at it. */
class PassingClock {
  time = 1000
  looks = 0

  readonly now = (): number => {
    this.looks++
    return (this.time += TICK)
  }

  advance(ms: number): void {
    this.time += ms
  }
}

function newScene(): { clock: PassingClock; coarse: CoarseClock } {
  const clock = new PassingClock()
  return { clock, coarse: new CoarseClock(clock.now) }
}

/** Asks until a reading is held. */
function hold(coarse: CoarseClock): void {
  for (let asked = 0; asked < MANY; asked++) coarse.read()
}

test('who asks now and then gets the exact time in whole milliseconds', () => {
  const { clock, coarse } = newScene()
  for (let asked = 1; asked <= 10 * MANY; asked++) {
    clock.advance(1 / (MANY - 2))
    expect([coarse.read(), clock.looks]).toEqual([Math.floor(clock.time), asked])
  }
})

describe('who asks many times within a millisecond', () => {
  test('gets one reading for so many more, and then another', () => {
    const { clock, coarse } = newScene()
    hold(coarse)
    clock.advance(5)
    const got = Array.from({ length: MOST + 1 }, () => coarse.read())
    expect([got[0], got.indexOf(1005), clock.looks]).toEqual([1000, MOST, MANY + 1])
  })

  test('gets another one after it has awaited something', async () => {
    const { clock, coarse } = newScene()
    for (const time of [1000, 1005, 1010]) {
      hold(coarse)
      expect(coarse.read()).toBe(time)
      await Promise.resolve()
      clock.advance(5)
    }
    expect(coarse.read()).toBe(1015)
  })

  test('gets the exact time again until that is many times again, in whatever code', async () => {
    const { clock, coarse } = newScene()
    hold(coarse)
    await Promise.resolve()
    clock.looks = 0
    hold(coarse)
    coarse.read()
    expect(clock.looks).toBe(MANY)
  })

  test('is told a time no earlier than the exact one that was told before', () => {
    const { clock, coarse } = newScene()
    hold(coarse)
    clock.advance(1.5)
    expect([coarse.now(), coarse.read()]).toEqual([clock.time, 1001])
  })
})

test('a clock that stands still is looked at each time, and so is one that goes back', () => {
  let time = 1_000_000
  const coarse = new CoarseClock(() => time)
  for (let asked = 0; asked < 10 * MANY; asked++) coarse.read()
  time += 5
  expect(coarse.read()).toBe(1_000_005)
  for (let asked = 0; asked < 10 * MANY; asked++, time -= 3) expect(coarse.read()).toBe(time)
})

test('whatever is asked when, a time is exact or the one that was told before, and that for so many reads of code without a break', async () => {
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), times: fc.nat(2 * MOST) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('now', 'await') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.double({ min: 0, max: 3, noNaN: true }) }) },
  ) as fc.Arbitrary<{ do: 'read'; times: number } | { do: 'now' | 'await' } | { do: 'pass'; ms: number }>
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const { clock, coarse } = newScene()
      let told = 0
      let held = MOST
      for (const it of acts) {
        if (it.do === 'now') expect((told = Math.floor(coarse.now()))).toBe(Math.floor(clock.time))
        if (it.do === 'pass') clock.advance(it.ms)
        if (it.do === 'await') await Promise.resolve()
        if (it.do === 'await') held = MOST
        for (let asked = 0; it.do === 'read' && asked < it.times; asked++) {
          const { looks } = clock
          const time = coarse.read()
          const isLook = clock.looks > looks
          held = isLook ? 0 : held + 1
          expect(time).toBe(isLook ? Math.floor(clock.time) : told)
          expect(held).toBeLessThanOrEqual(MOST)
          told = time
        }
      }
    }),
  )
})

describe('a cache of this process alone', () => {
  let clock: PassingClock
  let cache: Cache

  beforeEach(() => {
    clock = new PassingClock()
    cache = openCache({ redis: false, onError: () => {} }, clock.now, { isCoarse: true })
  })

  function newCount(ttl: number) {
    let loads = 0
    return cache.memoizeSync((_id: string) => ++loads, { name: 'count', ttl })
  }

  function often<T>(read: () => T): T[] {
    return Array.from({ length: MANY }, () => read())
  }

  test('looks at its clock once for many hits', () => {
    const count = newCount(60_000)
    count('a')
    often(() => count('a'))
    clock.looks = 0
    for (let call = 0; call < 10 * MOST; call++) count('a')
    expect(clock.looks).toBeLessThan(11)
  })

  test('serves what is over to so many calls of code without a break, and to none after an await', async () => {
    const count = newCount(10)
    count('a')
    often(() => count('a'))
    clock.advance(3_600_000)
    const values = Array.from({ length: MOST + 1 }, () => count('a'))
    expect(values.indexOf(2)).toBe(MOST)
    often(() => count('a'))
    await Promise.resolve()
    clock.advance(3_600_000)
    expect(count('a')).toBe(3)
  })

  test('a result that is stored while a time is held lives as long as any', async () => {
    const count = newCount(10)
    count('a')
    often(() => count('a'))
    clock.advance(5)
    count('b')
    await Promise.resolve()
    clock.advance(9)
    expect(count('b')).toBe(2)
    clock.advance(1)
    expect(count('b')).toBe(3)
  })

  test('what is expired or cleared is so at once', () => {
    const count = newCount(60_000)
    count('a')
    often(() => count('a'))
    clock.advance(0.5)
    void count.expire('a')
    expect(count('a')).toBe(2)
    often(() => count('a'))
    clock.advance(0.5)
    void count.clear('a')
    expect(count('a')).toBe(3)
  })

  test('who waits for the answer in any case is given it by the exact time', async () => {
    let loads = 0
    const [read, held] = [cache.memoize(async (_id: string) => ++loads, { name: 'row', ttl: 10 }), newCount(60_000)]
    expect([await read('a'), held('a')]).toEqual([1, 1])
    often(() => held('a'))
    clock.advance(10)
    expect(await read('a')).toBe(2)
  })
})

describe('a cache as it is made', () => {
  test.each<[string, Array<'performance' | 'Date'> | undefined]>([
    ['with the timers', undefined],
    ['without them', ['performance', 'Date']],
  ])('follows a clock that is faked at once, and the real one afterwards: %s', async (_, toFake) => {
    vi.useFakeTimers(toFake && { toFake })
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
