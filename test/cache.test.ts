import { execFile } from 'node:child_process'
import { setImmediate as nextRound } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createCache, engineOf, openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import { newClock, type Clock } from './support/clock.ts'
import { collected } from './support/garbage.ts'
import { newGate } from './support/gate.ts'

let clock: Clock
let cache: Cache
let errors: CacheError[]

beforeEach(() => {
  clock = newClock()
  errors = []
  cache = openCache({ redis: false, onError: (error) => errors.push(error) }, clock.now)
})

describe('clear and expire', () => {
  test('take several refs at one instant: who comes after it sees all of them cleared', async () => {
    const rows = { a: 'old', b: 'old' }
    const read = cache.memoize(async (id: 'a' | 'b') => rows[id], { name: 'row' })
    const count = cache.memoizeSync((id: 'a' | 'b') => rows[id].length, { name: 'count' })
    const both = async () => [await read('a'), await read('b'), count('a')]
    await both()
    Object.assign(rows, { a: 'new!', b: 'new!' })
    const clearing = cache.clear(read.ref('a'), read.ref('b'), count.ref())
    expect(await both()).toEqual(['new!', 'new!', 4])
    await clearing
  })

  test('of a function that this process does not have is no error', async () => {
    await expect(cache.clear(cache.ref('elsewhere', 1))).resolves.toBeUndefined()
    await expect(cache.expire(cache.tag('elsewhere'))).resolves.toBeUndefined()
    await expect(cache.clear()).resolves.toBeUndefined()
  })

  test.each(['clear', 'expire'] as const)('%s refuses what is no ref, and says what is one', async (how) => {
    const message = `Expected cache.${how} to be given refs, such as getUser.ref("42") or cache.tag("table:users"), got`
    for (const wrong of ['user', undefined, null, { name: 'user' }]) {
      // @ts-expect-error None of these is a ref.
      await expect(cache[how](wrong)).rejects.toThrow(message)
    }
    const read = cache.memoize(async (id: string) => id, { name: 'row' })
    await read('1')
    // @ts-expect-error Its ref is meant: one wrong ref and nothing is cleared.
    await expect(cache[how](read.ref('1'), read)).rejects.toThrow(`${message} the function`)
    expect(await read.peek('1')).toBe('1')
  })

  test('an expire leaves what may be served stale; a clear does not', async () => {
    const rows = { a: 'old', b: 'old' }
    const read = cache.memoize(async (id: 'a' | 'b') => rows[id], { name: 'row', staleWhileRevalidate: '1h' })
    await Promise.all([read('a'), read('b')])
    Object.assign(rows, { a: 'new', b: 'new' })
    await Promise.all([cache.expire(read.ref('a')), cache.clear(read.ref('b'))])
    expect(await Promise.all([read('a'), read('b')])).toEqual(['old', 'new'])
  })

  test('an expire without a stale window is as a clear', async () => {
    let row = 'old'
    const read = cache.memoize(async () => row, { name: 'row' })
    await read()
    row = 'new'
    await cache.expire(read.ref())
    expect([await read.peek(), await read()]).toEqual([undefined, 'new'])
  })
})

describe('names', () => {
  test("of tags and refs do not begin with #, which is the engine's", () => {
    for (const wrong of ['#all', '', undefined, 5]) {
      expect(() => cache.tag(wrong as string)).toThrow('Expected cache.tag to be given a name that does not begin with #, got')
      expect(() => cache.ref(wrong as string)).toThrow('Expected cache.ref to be given a name that does not begin with #, got')
    }
  })

  test('of tags are apart from those of functions', async () => {
    const read = cache.memoize(async () => 'row', { name: 'users' })
    await read()
    await cache.clear(cache.tag('users'))
    expect(await read.peek()).toBe('row')
  })
})

describe('flush', () => {
  test('clears everything, loads that run included, as one clear', async () => {
    let row = 'old'
    const gate = newGate()
    const read = cache.memoize(async (_id: string) => row, { name: 'row' })
    const slow = cache.memoize(
      async () => {
        const seen = row
        await gate.wait()
        return seen
      },
      { name: 'slow' },
    )
    await Promise.all([read('1'), read('2')])
    const before = slow()
    await gate.reached()
    row = 'new'
    await cache.flush()
    expect([await read.count(), cache.stats().clearLogSize]).toEqual([0, 1])
    gate.open()
    expect([await before, await slow(), await read('1')]).toEqual(['old', 'new', 'new'])
  })

  test('gives the space back at once', async () => {
    const released: WeakRef<object>[] = []
    const read = cache.memoize(
      async (_n: number) => {
        const value = { large: true }
        released.push(new WeakRef(value))
        return value
      },
      { name: 'row', limit: Infinity },
    )
    for (let n = 0; n < 2000; n++) await read(n)
    await cache.flush()
    const kept = (): number => released.filter((it) => it.deref() !== undefined).length
    await collected(() => kept() === 0)
    expect(kept()).toBe(0)
  })
})

describe('stats', () => {
  test('are of each function by name, and of the cache', async () => {
    const read = cache.memoize(async (n: number) => n, { name: 'row' })
    cache.memoizeSync((n: number) => n, { name: 'sync' })(1)
    await read(1)
    await read(1)
    await read.clear(1)
    await read(1)
    const none = { hits: 0, misses: 0, staleHits: 0, coalesced: 0, loads: 0, errors: 0, evictions: 0, cleared: 0 }
    expect(cache.stats()).toEqual({
      functions: { row: { ...none, hits: 1, misses: 2, loads: 2, cleared: 1 }, sync: { ...none, misses: 1, loads: 1 } },
      storeErrors: 0,
      clearLogSize: 1,
    })
    expect(read.stats()).toEqual(cache.stats().functions['row'])
  })

  test('are a copy: a change of them changes nothing', () => {
    const read = cache.memoize(async () => 1, { name: 'row' })
    read.stats().hits = 100
    expect(read.stats().hits).toBe(0)
  })

  test('do not count a load that failed as a failure of a store', async () => {
    let isBroken = false
    const read = cache.memoize(
      async () => {
        if (isBroken) throw new Error('broken')
      },
      { name: 'row', ttl: 1000, staleIfError: 60_000 },
    )
    await read()
    isBroken = true
    clock.advance(1000)
    await read()
    expect([errors.length, cache.stats().storeErrors]).toEqual([1, 0])
  })
})

describe('an onError that throws', () => {
  test.each<[how: string, unknown, string]>([
    ['at once', new Error('the handler is broken'), 'Error: the handler is broken'],
    ['at once, something that has no text', Object.create(null), 'an object (of no class)'],
    ['later, where it is asynchronous', new Error('the handler is broken'), 'Error: the handler is broken'],
  ])('%s does not fail the call that it is told of, nor the process', async (how, thrown, told) => {
    const warned: unknown[] = []
    const listen = (warning: Error): void => void warned.push(warning.message)
    process.on('warning', listen)
    const loud = openCache(
      {
        redis: false,
        onError: () => {
          if (how.startsWith('later')) return Promise.reject(thrown)
          throw thrown
        },
      },
      clock.now,
    )
    let isBroken = false
    const read = loud.memoize(
      async () => {
        if (isBroken) throw new Error('broken')
        return 'old'
      },
      { name: 'row', ttl: 1000, staleIfError: 60_000 },
    )
    await read()
    isBroken = true
    clock.advance(1000)
    expect(await read()).toBe('old')
    await nextRound()
    process.off('warning', listen)
    expect(warned).toEqual([`onError of a cache threw: ${told}`])
  })
})

describe('CACHE_ALCHEMY_DISABLED=1', () => {
  beforeEach(() => {
    vi.stubEnv('CACHE_ALCHEMY_DISABLED', '1')
    cache = openCache({ redis: 'redis://127.0.0.1:1' }, clock.now)
  })

  test('every call loads, and every clear succeeds', async () => {
    let loads = 0
    const read = cache.memoize(async (_id: string) => ++loads, { name: 'row', store: 'tiered' })
    const sync = cache.memoizeSync(() => ++loads, { name: 'sync' })
    expect([await read('1'), await read('1'), sync(), sync()]).toEqual([1, 2, 3, 4])
    await Promise.all([read.clear('1'), read.expire(), cache.clear(cache.tag('users')), cache.flush()])
    expect([await read.peek('1'), await read.count(), await read.refresh('1'), sync.peek()]).toEqual([undefined, 0, 5, undefined])
    await cache.close()
  })

  test('also with arguments that cannot be a key', async () => {
    class Node {
      readonly inner: Node | undefined
      constructor(inner?: Node) {
        this.inner = inner
      }
      @cache.getter({ name: 'depth', key: (...args: unknown[]) => [() => args] })
      get depth(): number {
        return this.inner === undefined ? 0 : this.inner.depth + 1
      }
    }
    const read = cache.memoize(async (give: () => string, _signal?: AbortSignal) => give(), { name: 'row' })
    const flat = cache.memoize(async (give: () => string) => give(), { name: 'flat', strict: false })
    const sync = cache.memoizeSync((give: () => string): string => give(), { name: 'sync' })
    const one = () => '1'
    const { signal } = new AbortController()
    expect([await read(one), await read(one, signal), await flat(one), await read.refresh(one), await read.peek(one)]).toEqual([
      '1',
      '1',
      '1',
      '1',
      undefined,
    ])
    expect(await read.many([[one], [() => '2']])).toEqual(['1', '2'])
    expect([sync(() => sync(() => sync(one))), sync.peek(one), new Node(new Node(new Node())).depth]).toEqual(['1', undefined, 2])
    await Promise.all([read.clear(one), read.expire(one), sync.clear(one)])
    await expect(flat.clear(...([one] as unknown as []))).rejects.toThrow('are flat')
  })

  test("also calls at one time: none has another one's value, which a clear between them would not part", async () => {
    const gate = newGate()
    let row = 'old'
    const read = cache.memoize(
      async () => {
        const seen = row
        await gate.wait()
        return seen
      },
      { name: 'row' },
    )
    const before = read()
    await gate.reached()
    row = 'new'
    await read.clear()
    const after = read()
    gate.open()
    expect([await before, await after]).toEqual(['old', 'new'])
  })
})

describe('time', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a result is fresh for its time to live, to the millisecond', async () => {
    const read = cache.memoize(async () => clock.now(), { name: 'row', ttl: '1m' })
    const loaded = await read()
    clock.advance(59_999)
    expect(await read()).toBe(loaded)
    clock.advance(1)
    expect(await read()).toBe(loaded + 60_000)
  })

  test.each<[ttl: number | string, fresh: number, over: number]>([
    ['60d', 60 * 86_400_000 - 1, 1],
    [2 ** 31 + 1, 2 ** 31, 1],
    [-1, 1e15, 0],
    [Number.POSITIVE_INFINITY, 1e15, 0],
    ['0.5s', 499, 1],
  ])('a time to live of %s is no more and no less', async (ttl, fresh, over) => {
    const read = cache.memoize(async () => clock.now(), { name: 'row', ttl })
    const loaded = await read()
    clock.advance(fresh)
    expect(await read()).toBe(loaded)
    clock.advance(over)
    expect((await read()) === loaded).toBe(over === 0)
  })

  test("is the cache's where the function gives none, a day where that gives none either", async () => {
    for (const [options, ttl] of [
      [{}, 86_400_000],
      [{ ttl: '10s' }, 10_000],
    ] as const) {
      const read = openCache({ redis: false, ...options }, clock.now).memoize(async () => clock.now(), { name: 'row' })
      const loaded = await read()
      clock.advance(ttl - 1)
      expect(await read()).toBe(loaded)
      clock.advance(1)
      expect(await read()).toBe(loaded + ttl)
    }
  })

  test('0 is not cached', async () => {
    let loads = 0
    const read = cache.memoize(async () => ++loads, { name: 'row', ttl: 0, staleWhileRevalidate: 60_000, staleIfError: 60_000 })
    expect([await read(), await read()]).toEqual([1, 2])
  })

  test('does not follow the system clock: it may be set back and forth', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const real = createCache({ redis: false, ttl: '1h' })
    let loads = 0
    const read = real.memoize(async () => ++loads, { name: 'row' })
    await read()
    vi.setSystemTime(Date.now() + 365 * 86_400_000)
    expect(await read()).toBe(1)
    vi.setSystemTime(0)
    expect(await read()).toBe(1)
  })

  test('stands and goes with fake timers', async () => {
    vi.useFakeTimers()
    const fake = createCache({ redis: false, ttl: '1h' })
    let loads = 0
    const read = fake.memoize(async () => ++loads, { name: 'row' })
    await read()
    vi.advanceTimersByTime(3_599_999)
    expect(await read()).toBe(1)
    vi.advanceTimersByTime(1)
    expect([await read(), vi.getTimerCount()]).toEqual([2, 0])
  })
})

describe('a process', () => {
  const run = promisify(execFile)

  test('ends by itself though its cache is not closed', async () => {
    const code = `
      import { createCache } from './src/index.ts'
      const cache = createCache({ redis: false })
      const read = cache.memoize(async () => 1, { name: 'row', ttl: 5, staleWhileRevalidate: '1h' })
      await read()
      await read.clear()
      await read()
      console.log('done')`
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { timeout: 50_000 })
    expect(stdout).toBe('done\n')
  })

  test('is not ended by a clear that Redis did not confirm and that nobody waits for', async () => {
    const rejections: unknown[] = []
    const listen = (reason: unknown): void => void rejections.push(reason)
    process.on('unhandledRejection', listen)
    const away = createCache({ redis: 'redis://127.0.0.1:1', commandTimeout: 20, onError: () => {} })
    const read = away.memoize(async () => 1, { name: 'row' })
    void read.clear()
    void read.expire()
    void away.clear(read.ref())
    void away.expire(read.ref())
    void away.flush()
    await expect(away.clear(read.ref())).rejects.toMatchObject({ name: 'StoreError', code: 'STORE' })
    await new Promise((resolve) => setTimeout(resolve))
    await away.close()
    process.off('unhandledRejection', listen)
    expect(rejections).toEqual([])
  })

  test('is not ended by a failure of what nobody waits for', async () => {
    const rejections: unknown[] = []
    const listen = (reason: unknown): void => void rejections.push(reason)
    process.on('unhandledRejection', listen)
    let isBroken = false
    const gate = newGate()
    const inner = cache.memoize(
      async () => {
        await gate.wait()
        if (isBroken) throw new Error('broken')
        return 'inner'
      },
      { name: 'inner', ttl: 1000, staleWhileRevalidate: 60_000 },
    )
    const outer = cache.memoize(async () => inner(), { name: 'outer', staleWhileRevalidate: 60_000 })
    gate.open()
    await outer()
    isBroken = true
    clock.advance(1000)
    await outer.expire()
    await outer()
    await inner.clear()
    await Promise.allSettled([outer(), outer(), inner(), inner.refresh(), outer.refresh()])
    await new Promise((resolve) => setTimeout(resolve))
    process.off('unhandledRejection', listen)
    expect(rejections).toEqual([])
    expect(errors.map(({ code }) => code)).toContain('LOAD')
  })
})

describe('close', () => {
  test('may be called twice, and by `await using`', async () => {
    await cache.close()
    await expect(cache.close()).resolves.toBeUndefined()
    await expect(openCache({ redis: false }, clock.now)[Symbol.asyncDispose]()).resolves.toBeUndefined()
  })

  test('leaves a cache of this process as it was', async () => {
    let row = 'old'
    const read = cache.memoize(async () => row, { name: 'row' })
    await read()
    await cache.close()
    row = 'new'
    expect(await read()).toBe('old')
    await read.clear()
    expect(await read()).toBe('new')
  })
})

test('engineOf refuses what is no cache', () => {
  for (const wrong of [undefined, null, {}, 'cache'])
    expect(() => engineOf(wrong as never)).toThrow('Expected a cache made by createCache, got')
  expect(engineOf(cache).clock()).toBe(clock.now())
})
