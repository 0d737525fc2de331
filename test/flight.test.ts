import { setImmediate as nextRound } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { Flight } from '../src/flight.ts'
import { Frame } from '../src/tracking.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { collected } from './support/garbage.ts'

let cache: Cache

beforeEach(() => {
  cache = openCache({ redis: false }, newClock().now)
})

const cycle = { name: 'UnsupportedError', code: 'CYCLE' }

describe('one load', () => {
  test('answers all who call while it runs, and those who come later', async () => {
    const gate = newGate()
    let loads = 0
    const read = cache.memoize(
      async (id: string) => {
        loads++
        await gate.wait()
        return { id }
      },
      { name: 'row' },
    )
    const callers = Array.from({ length: 50 }, () => read('1'))
    gate.open()
    const values = await Promise.all(callers)
    expect(new Set([...values, await read('1')])).toEqual(new Set([{ id: '1' }]))
    expect(loads).toBe(1)
    expect(read.stats()).toMatchObject({ loads: 1, hits: 1, misses: 50, coalesced: 49 })
  })

  test('of each key: others do not wait for it', async () => {
    const gate = newGate()
    const read = cache.memoize(
      async (id: string) => {
        if (id === 'slow') await gate.wait()
        return id
      },
      { name: 'row' },
    )
    const slow = read('slow')
    expect(await read('fast')).toBe('fast')
    gate.open()
    await slow
  })

  test('that fails runs once a herd: all get its error, which is not stored', async () => {
    const gate = newGate()
    let loads = 0
    const read = cache.memoize(
      async () => {
        loads++
        await gate.wait()
        throw new Error(`load ${loads} failed`)
      },
      { name: 'row' },
    )
    const callers = Promise.allSettled([read(), read(), read()])
    gate.open()
    const reasons = (await callers).map((it) => (it.status === 'rejected' ? (it.reason as unknown) : it))
    expect(reasons[0]).toMatchObject({ message: 'load 1 failed' })
    expect(new Set(reasons).size).toBe(1)
    await expect(read()).rejects.toThrow('load 2 failed')
    expect(read.stats()).toMatchObject({ loads: 2, errors: 2, misses: 4, hits: 0 })
  })

  test.each([{ limit: 0 }, { ttl: 0 }, { shouldCache: () => false }])(
    'is shared by those who wait, also where nothing is stored: %o',
    async (options) => {
      const gate = newGate()
      let loads = 0
      const read = cache.memoize(
        async () => {
          await gate.wait()
          return ++loads
        },
        { name: 'row', ...options },
      )
      const callers = [read(), read()]
      gate.open()
      expect([...(await Promise.all(callers)), await read()]).toEqual([1, 1, 2])
    },
  )

  test('that fails after a clear fails those who came before it; who came later loads anew', async () => {
    const gate = newGate()
    let isBroken = true
    const read = cache.memoize(
      async () => {
        const fails = isBroken
        if (fails) await gate.wait()
        if (fails) throw new Error('broken')
        return 'mended'
      },
      { name: 'row' },
    )
    const before = Promise.allSettled([read(), read()])
    await gate.reached()
    isBroken = false
    await read.clear()
    const after = read()
    gate.open()
    expect((await before).map((it) => it.status)).toEqual(['rejected', 'rejected'])
    expect(await after).toBe('mended')
  })
})

describe('who comes after a clear', () => {
  test.each(['clear', 'expire'] as const)('does not wait for a load that a %s has overtaken', async (how) => {
    const gate = newGate()
    let row = 'old'
    const read = cache.memoize(
      async () => {
        const seen = row
        if (seen === 'old') await gate.wait()
        return seen
      },
      { name: 'row' },
    )
    const before = read()
    await gate.reached()
    row = 'new'
    await read[how]()
    expect(await read()).toBe('new')
    gate.open()
    expect(await before).toBe('old')
  })

  test('does not wait where what it overtook is a call that the load is still waiting for', async () => {
    const gate = newGate()
    let row = 'old'
    const inner = cache.memoize(
      async () => {
        const seen = row
        if (seen === 'old') await gate.wait()
        return seen
      },
      { name: 'inner' },
    )
    const outer = cache.memoize(async () => `outer of ${await inner()}`, { name: 'outer' })
    const before = outer()
    await gate.reached()
    row = 'new'
    await inner.clear()
    expect(await outer()).toBe('outer of new')
    gate.open()
    expect(await before).toBe('outer of old')
  })

  test('joins a load that the clear has nothing to do with', async () => {
    const gate = newGate()
    let loads = 0
    const read = cache.memoize(
      async (id: string) => {
        loads++
        await gate.wait()
        return id
      },
      { name: 'row' },
    )
    const before = read('1')
    await read.clear('2')
    const after = read('1')
    gate.open()
    expect([await before, await after, loads]).toEqual(['1', '1', 1])
  })

  test('refuses what it waited for, where only its result shows that the clear had overtaken it', async () => {
    for (const fails of [false, true]) {
      const cache = openCache({ redis: false }, newClock().now)
      const gate = newGate()
      let row = 'old'
      const inner = cache.memoize(async () => row, { name: 'inner' })
      const middle = cache.memoize(
        async () => {
          const seen = await inner()
          await gate.wait()
          if (fails && seen === 'old') throw new Error(seen)
          return seen
        },
        { name: 'middle' },
      )
      const outer = cache.memoize(async () => middle(), { name: 'outer' })
      const before = outer()
      await gate.reached()
      row = 'new'
      await inner.clear()
      // What the outer load has read so far is the middle call alone: the inner one is not known to it before the middle ends.
      const after = outer()
      gate.open()
      expect(await before.catch((error: Error) => error.message)).toBe('old')
      expect(await after).toBe('new')
    }
  })
})

describe('a cycle is an error and no deadlock', () => {
  test('of a function that needs its own result', async () => {
    const read: () => Promise<number> = cache.memoize(async () => (await read()) + 1, { name: 'row' })
    await expect(read()).rejects.toMatchObject({
      ...cycle,
      message: 'The load of row() waits for itself. A cached function cannot need its own result.',
    })
    await expect(read()).rejects.toMatchObject(cycle)
  })

  test('of a function that refreshes itself', async () => {
    const read = cache.memoize(async (): Promise<number> => (await read.refresh()) + 1, { name: 'row' })
    await expect(read()).rejects.toMatchObject(cycle)
    await expect(read.refresh()).rejects.toMatchObject(cycle)
  })

  test('of a function that clears itself and then needs its own result', async () => {
    const read: ReturnType<typeof define> = define()
    function define() {
      const load = async (): Promise<number> => {
        await read.clear()
        return (await read()) + 1
      }
      return cache.memoize(load, { name: 'row' })
    }
    await expect(read()).rejects.toMatchObject(cycle)
  })

  test('of a function that needs its own result once another load has taken the place of its own', async () => {
    const [gate, refreshed] = [newGate(), newGate()]
    let loads = 0
    const read: ReturnType<typeof define> = define()
    function define() {
      const load = async (): Promise<string> => {
        if (++loads > 1) return refreshed.wait().then(() => 'refreshed')
        await gate.wait()
        return `of ${await read()}`
      }
      return cache.memoize(load, { name: 'row' })
    }
    const first = read()
    await gate.reached()
    const second = read.refresh()
    gate.open()
    await expect(first).rejects.toMatchObject(cycle)
    refreshed.open()
    expect(await second).toBe('refreshed')
  })

  test('of functions that need each other, whoever begins', async () => {
    const a: () => Promise<string> = cache.memoize(async () => `a ${await b()}`, { name: 'a' })
    const b: () => Promise<string> = cache.memoize(async () => `b ${await c()}`, { name: 'b' })
    const c: () => Promise<string> = cache.memoize(async () => `c ${await a()}`, { name: 'c' })
    for (const begin of [a, b, c]) await expect(begin()).rejects.toMatchObject(cycle)
  })

  test('of two running loads that come to wait for each other', async () => {
    const gates = { a: newGate(), b: newGate() }
    const a: () => Promise<string> = cache.memoize(
      async () => {
        await gates.a.wait()
        return `a ${await b()}`
      },
      { name: 'a' },
    )
    const b: () => Promise<string> = cache.memoize(
      async () => {
        await gates.b.wait()
        return `b ${await a().catch(() => 'alone')}`
      },
      { name: 'b' },
    )
    const results = [a(), b()]
    await Promise.all([gates.a.reached(), gates.b.reached()])
    gates.a.open()
    await nextRound()
    gates.b.open()
    expect(await Promise.all(results)).toEqual(['a b alone', 'b alone'])
  })

  test('of synchronous functions', () => {
    const a: (n: number) => number = cache.memoizeSync((n) => b(n), { name: 'a' })
    const b: (n: number) => number = cache.memoizeSync((n) => (n === 0 ? 0 : a(n)), { name: 'b' })
    expect(() => a(1)).toThrow(expect.objectContaining({ ...cycle, message: expect.stringContaining('a(1)') as string }))
    expect(a(0)).toBe(0)
    expect(() => b(1)).toThrow(expect.objectContaining(cycle))
  })

  test('through a synchronous function in between', async () => {
    const names = cache.memoizeSync((read: number) => (read === 1 ? [outer()] : []), { name: 'names', key: (read) => read })
    const outer: () => Promise<unknown> = cache.memoize(async () => Promise.all(names(1)), { name: 'outer' })
    await expect(outer()).rejects.toMatchObject(cycle)
  })
})

describe('what is no cycle', () => {
  test('a refresh behind, begun in the tick in which a load begins, that waits for this load', async () => {
    const clock = newClock()
    const cache = openCache({ redis: false }, clock.now)
    let needsTotal = false
    const part: () => Promise<string> = cache.memoize(async () => (needsTotal ? `part of ${await total()}` : 'part'), {
      name: 'part',
      ttl: 1000,
      staleWhileRevalidate: 1000,
    })
    const total: () => Promise<string> = cache.memoize(async () => `total of ${await part()}`, { name: 'total' })
    await part()
    clock.advance(1000)
    needsTotal = true
    expect(await total()).toBe('total of part')
    await nextRound()
    expect(await part()).toBe('part of total of part')
  })

  test('a function that calls itself with other arguments', async () => {
    let loads = 0
    const fibonacci: (n: number) => Promise<number> = cache.memoize(
      async (n) => {
        loads++
        return n < 2 ? n : (await fibonacci(n - 1)) + (await fibonacci(n - 2))
      },
      { name: 'fibonacci' },
    )
    expect([await fibonacci(30), loads]).toEqual([832_040, 31])
    const factorial: (n: number) => number = cache.memoizeSync((n) => (n < 2 ? 1 : n * factorial(n - 1)), { name: 'factorial' })
    expect(factorial(10)).toBe(3_628_800)
  })

  test('loads that wait for one and the same', async () => {
    const gate = newGate()
    const shared = cache.memoize(
      async () => {
        await gate.wait()
        return 1
      },
      { name: 'shared' },
    )
    const half = cache.memoize(async (_side: string) => shared(), { name: 'half' })
    const whole = cache.memoize(
      async () => {
        const [left, right, own] = await Promise.all([half('left'), half('right'), shared()])
        return left + right + own
      },
      { name: 'whole' },
    )
    const result = whole()
    gate.open()
    expect(await result).toBe(3)
  })

  test('a load that waits for one which has waited for it, and does no longer', async () => {
    const gate = newGate()
    let isSecond = false
    const a: () => Promise<string> = cache.memoize(
      async () => {
        const seen = await b()
        await gate.wait()
        return `a ${seen}`
      },
      { name: 'a' },
    )
    const b: () => Promise<string> = cache.memoize(async () => (isSecond ? `b ${await a()}` : 'b'), { name: 'b', limit: 0 })
    const first = a()
    await gate.reached()
    isSecond = true
    const second = b()
    gate.open()
    expect([await first, await second]).toEqual(['a b', 'b a b'])
  })
})

describe('a flight that has ended', () => {
  test('keeps nothing of what it gave', async () => {
    const { flight, given } = await ended()
    await collected()
    expect(given.deref()).toBeUndefined()
    await flight.settled()
  })

  /** A flight whose result all who waited for it have. */
  async function ended() {
    const flight = new Flight<object>(new Frame(0, undefined))
    const value = { large: true }
    const landing = flight.result
    flight.land(value)
    expect(await landing).toBe(value)
    return { flight, given: new WeakRef(value) }
  }
})
