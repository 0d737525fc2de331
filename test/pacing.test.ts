// When results expire and loads run: jitter, timeouts, concurrency, track.
import { setImmediate as nextRound } from 'node:timers/promises'
import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { openCache } from '../src/cache.ts'
import { ConfigError, createCache, TimeoutError, type CacheError } from '../src/index.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

function newScene() {
  const clock = newClock()
  const errors: CacheError[] = []
  const cache = openCache({ redis: false, onError: (error) => errors.push(error) }, clock.now)
  return { clock, errors, cache }
}

describe('jitter', () => {
  test('makes each result fresh for a part of its ttl, never for more', async () => {
    const { cache, clock } = newScene()
    const read = cache.memoize(async (n: number) => n, { name: 'read', ttl: 1000, jitter: 0.5 })
    for (let n = 0; n < 200; n++) await read(n)
    clock.advance(499)
    expect(await read.count()).toBe(200)
    clock.advance(251)
    const half = await read.count()
    expect(half).toBeGreaterThan(50)
    expect(half).toBeLessThan(150)
    clock.advance(250)
    expect(await read.count()).toBe(0)
  })

  test.each([-0.1, 1.1, Number.NaN, '1'])('of %s is refused', (jitter) => {
    const { cache } = newScene()
    expect(() => cache.memoize(async () => 1, { name: 'read', jitter: jitter as number })).toThrow(
      /Expected `jitter` to be a number from 0 to 1/,
    )
  })
})

describe('a load slower than loadTimeout', () => {
  test('is a TimeoutError for all its callers, and what it gives later is not stored', async () => {
    const { cache } = newScene()
    const gate = newGate()
    let row = 'old'
    const read = cache.memoize(
      async () => {
        const seen = row
        if (seen === 'old') await gate.wait()
        return seen
      },
      { name: 'row', loadTimeout: 5 },
    )
    const [first, second] = await Promise.allSettled([read(), read()])
    expect([first.status, second.status]).toEqual(['rejected', 'rejected'])
    expect((first as PromiseRejectedResult).reason).toBeInstanceOf(TimeoutError)
    row = 'new'
    gate.open()
    expect(await read()).toBe('new')
    expect(await read()).toBe('new')
  })

  test('is answered by the stale value where staleIfError kept one', async () => {
    const { cache, clock, errors } = newScene()
    const gate = newGate()
    let slow = false
    const read = cache.memoize(async () => (slow && (await gate.wait()), 'kept'), {
      name: 'row',
      ttl: 10,
      staleIfError: '1m',
      loadTimeout: 5,
    })
    await read()
    clock.advance(10)
    slow = true
    expect(await read()).toBe('kept')
    expect(errors[0]?.cause).toBeInstanceOf(TimeoutError)
    gate.open()
  })
})

describe('a load slower than softTimeout', () => {
  test.each(['begun', 'joined'])('that a load has %s and had a stale value in place of may then need that load', async (how) => {
    const { cache, clock, errors } = newScene()
    const [gate, served] = [newGate(), newGate()]
    let isSlow = false
    const load = async (): Promise<string> => {
      if (!isSlow) return 'total'
      await gate.wait()
      return `total of ${await part()}`
    }
    const total = cache.memoize(load, { name: 'total', ttl: 10, staleIfError: '1h', softTimeout: 5 })
    const part: () => Promise<string> = cache.memoize(
      async () => {
        const seen = await total()
        await served.wait()
        return `part of ${seen}`
      },
      { name: 'part' },
    )
    await total()
    clock.advance(10)
    isSlow = true
    if (how === 'joined') expect(await total()).toBe('total')
    const reading = part()
    await served.reached()
    gate.open()
    await nextRound()
    served.open()
    expect(await reading).toBe('part of total')
    await nextRound()
    expect(errors).toEqual([])
  })

  function newSlow(options: { staleIfError: string }) {
    const scene = newScene()
    const gate = newGate()
    let row = 'old'
    const read = scene.cache.memoize(
      async () => {
        const seen = row
        if (seen !== 'old') await gate.wait()
        if (seen === 'broken') throw new Error('broken')
        return seen
      },
      { name: 'row', ttl: 10, softTimeout: 5, ...options },
    )
    return { ...scene, gate, read, write: (to: string) => void (row = to) }
  }

  test('is answered by the stale value, goes on, and is stored', async () => {
    const { clock, gate, read, write } = newSlow({ staleIfError: '1m' })
    await read()
    clock.advance(10)
    write('new')
    expect(await Promise.all([read(), read()])).toEqual(['old', 'old'])
    expect(read.stats()).toMatchObject({ loads: 2, staleHits: 2 })
    const late = read()
    gate.open()
    expect(await late).toBe('new')
    expect(await read.peek()).toBe('new')
  })

  test('is waited for where no stale value is kept', async () => {
    const { clock, gate, read, write } = newSlow({ staleIfError: '0ms' })
    await read()
    clock.advance(10)
    write('new')
    const waiting = read()
    await gate.reached()
    gate.open()
    expect(await waiting).toBe('new')
  })

  test('is never answered by what was cleared', async () => {
    const { clock, gate, read, write } = newSlow({ staleIfError: '1m' })
    await read()
    clock.advance(10)
    write('new')
    await read.clear()
    const waiting = read()
    await gate.reached()
    setTimeout(() => gate.open(), 20)
    expect(await waiting).toBe('new')
  })

  test('tells onError when it fails after all', async () => {
    const { clock, errors, gate, read, write } = newSlow({ staleIfError: '1m' })
    await read()
    clock.advance(10)
    write('broken')
    expect(await read()).toBe('old')
    clock.advance(60_000)
    gate.open()
    await expect.poll(() => errors.map((error) => error.message)).toEqual(['A load of "row" failed after its softTimeout.'])
  })
})

describe('concurrency', () => {
  test('lets so many loads run at a time, and the rest in the order they came', async () => {
    const { cache } = newScene()
    const gates = Array.from({ length: 4 }, () => newGate())
    const begun: number[] = []
    const read = cache.memoize(async (n: number) => (begun.push(n), await gates[n]!.wait(), n), { name: 'read', concurrency: 2 })
    const all = Promise.all([0, 1, 2, 3].map((n) => read(n)))
    await gates[1]!.reached()
    expect(begun).toEqual([0, 1])
    gates[1]!.open()
    await gates[2]!.reached()
    expect(begun).toEqual([0, 1, 2])
    gates[0]!.open()
    await gates[3]!.reached()
    for (const gate of gates) gate.open()
    expect(await all).toEqual([0, 1, 2, 3])
  })

  test('gives a lane back when a load fails', async () => {
    const { cache } = newScene()
    const read = cache.memoize(async (n: number) => (n === 0 ? Promise.reject(new Error('broken')) : n), { name: 'read', concurrency: 1 })
    const [broken, fine] = await Promise.allSettled([read(0), read(1)])
    expect([broken.status, fine.status]).toEqual(['rejected', 'fulfilled'])
  })

  test('does not make a load wait for itself, nor two functions for each other', async () => {
    const { cache } = newScene()
    const sum = cache.memoize(async (n: number): Promise<number> => (n === 0 ? 0 : n + (await sum(n - 1))), { name: 'sum', concurrency: 1 })
    expect(await sum(5)).toBe(15)
    const gate = newGate()
    const left = cache.memoize(async (n: number): Promise<number> => (n === 0 ? 0 : (await gate.wait(), 1 + (await right(0)))), {
      name: 'left',
      concurrency: 1,
    })
    const right = cache.memoize(async (n: number): Promise<number> => (n === 0 ? 0 : (await gate.wait(), 1 + (await left(0)))), {
      name: 'right',
      concurrency: 1,
    })
    const both = Promise.all([left(1), right(1)])
    await gate.reached(2)
    gate.open()
    expect(await both).toEqual([1, 1])
  })

  test('does not keep a load in line for which one waits that has a lane, whoever began it', async () => {
    const { cache } = newScene()
    const gate = newGate()
    const read = cache.memoize(async (n: number): Promise<number> => (n === 1 ? (await gate.wait(), 1 + (await read(2))) : n), {
      name: 'read',
      concurrency: 1,
    })
    const outer = read(1)
    await gate.reached()
    const inLine = read(2)
    gate.open()
    expect(await Promise.all([outer, inLine])).toEqual([3, 2])
  })

  test('keeps no load in line that all its callers have given up', async () => {
    const { cache } = newScene()
    const gate = newGate()
    const begun: number[] = []
    const read = cache.memoize(async (n: number, _signal?: AbortSignal) => (begun.push(n), await gate.wait(), n), {
      name: 'read',
      concurrency: 1,
    })
    const first = read(1)
    await gate.reached()
    const controller = new AbortController()
    const left = read(2, controller.signal)
    const last = read(3)
    controller.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    // It has ended already, though the lane is not free: it was counted as a miss.
    expect(read.stats().misses).toBe(1)
    gate.open()
    expect(await Promise.all([first, last])).toEqual([1, 3])
    expect(begun).toEqual([1, 3])
  })

  test('times a batch from when it has its lane', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { cache } = newScene()
    const gates = [newGate(), newGate()]
    const loadMany = async (calls: readonly [number][]): Promise<number[]> => (await gates[calls[0]![0]]!.wait(), calls.map(([n]) => n))
    const read = cache.memoize(async (n: number) => n, { name: 'read', concurrency: 1, loadTimeout: 100, loadMany })
    const first = read.many([[0]])
    await gates[0]!.reached()
    const second = read.many([[1], [2]])
    vi.advanceTimersByTime(90)
    gates[0]!.open()
    await gates[1]!.reached()
    vi.advanceTimersByTime(90)
    gates[1]!.open()
    expect(await Promise.all([first, second])).toEqual([[0], [1, 2]])
    vi.useRealTimers()
  })

  test('counts a load that waited as begun when it runs: a clear while it waits does not overtake it', async () => {
    const { cache } = newScene()
    const gate = newGate()
    let row = 'old'
    const read = cache.memoize(async (n: number) => (n === 0 ? gate.wait().then(() => row) : row), { name: 'read', concurrency: 1 })
    const first = read(0)
    const waiting = read(1)
    await gate.reached()
    row = 'new'
    await read.clear(1)
    gate.open()
    await first
    expect(await waiting).toBe('new')
    expect(await read.peek(1)).toBe('new')
  })

  test.each([0, -1, 1.5, '2'])('of %s is refused', (concurrency) => {
    const { cache } = newScene()
    expect(() => cache.memoize(async () => 1, { name: 'read', concurrency: concurrency as number })).toThrow(ConfigError)
  })
})

describe('track: false', () => {
  test('leaves a result to its own call and to what is declared', async () => {
    const { cache } = newScene()
    const user = cache.memoize(async () => 'Ada', { name: 'user' })
    let loads = 0
    const page = cache.memoize(async () => (loads++, user()), { name: 'page', track: false, dependsOn: [cache.tag('pages')] })
    await page()
    await user.clear()
    await page()
    expect(loads).toBe(1)
    await cache.clear(cache.tag('pages'))
    await page()
    await page.clear()
    await page()
    expect(loads).toBe(3)
  })

  test('still tells the load that reads it what it depends on', async () => {
    const { cache } = newScene()
    const user = cache.memoize(async () => 'Ada', { name: 'user', track: false, dependsOn: [cache.tag('users')] })
    let loads = 0
    const page = cache.memoize(async () => (loads++, user()), { name: 'page' })
    await page()
    await cache.clear(cache.tag('users'))
    await page()
    expect(loads).toBe(2)
  })
})

test('options of asynchronous loads are no options of a synchronous function', () => {
  const cache = createCache({ redis: false })
  // @ts-expect-error: memoizeSync has no timeouts
  expect(() => cache.memoizeSync(() => 1, { name: 'one', loadTimeout: 5 })).toThrow(/no option `loadTimeout`/)
  expectTypeOf(cache.memoizeSync(() => 1, { name: 'two', jitter: 0.1 })).returns.toEqualTypeOf<number>()
})
