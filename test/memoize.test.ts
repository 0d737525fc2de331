import { beforeEach, describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { isClearable } from '../src/clearable.ts'
import { ConfigError, KeyError, StoreError, type CacheError } from '../src/errors.ts'
import { any } from '../src/key.ts'
import type { MemoizeOptions } from '../src/memoize-options.ts'
import { newClock, type Clock } from './support/clock.ts'

let clock: Clock
let cache: Cache

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false }, clock.now)
})

describe('a result', () => {
  const values: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['0', 0],
    ['-0', -0],
    ['an empty string', ''],
    ['NaN', Number.NaN],
    ['0n', 0n],
    ['a function', () => 1],
    ['an error that is returned', new Error('a value')],
    ['an object', { a: 1 }],
  ]

  test.each(values)('that is %s is loaded once, and given again as it is', async (_, value) => {
    const read = cache.memoize(async () => value, { name: 'row' })
    const sync = cache.memoizeSync(() => value, { name: 'sync' })
    for (const given of [await read(), await read(), sync(), sync()]) expect(Object.is(given, value)).toBe(true)
    expect([read.stats(), sync.stats()]).toEqual([
      expect.objectContaining({ loads: 1, hits: 1 }),
      expect.objectContaining({ loads: 1, hits: 1 }),
    ])
    expect(Object.is(await read.peek(), value)).toBe(true)
  })

  test('in this process is the stored object itself, for every caller: a change of it is seen by all', async () => {
    const read = cache.memoize(async () => ({ names: ['Ada'] }), { name: 'row' })
    const [led, joined] = await Promise.all([read(), read()])
    led.names.push('Grace')
    expect([joined, await read(), await read.peek()]).toEqual([led, led, led])
    expect(joined).toBe(led)
  })

  test('of a synchronous function given to memoize is a promise', async () => {
    const read = cache.memoize((n: number) => n + 1, { name: 'row' })
    const given = read(1)
    expect(given).toBeInstanceOf(Promise)
    expect([await given, await read(1), read.stats().loads]).toEqual([2, 2, 1])
  })

  test('that `shouldCache` refuses is not stored, and it sees the arguments', async () => {
    let loads = 0
    const read = cache.memoize(async (id: string) => (++loads % 2 === 0 ? id : undefined), {
      name: 'row',
      shouldCache: (value, id) => value === id,
    })
    expect([await read('1'), await read('1'), await read('1')]).toEqual([undefined, '1', '1'])
  })

  test('may say for how long it is fresh', async () => {
    const read = cache.memoize(async (kind: string) => ({ kind, at: clock.now() }), {
      name: 'row',
      ttl: (value, kind) => (kind === 'none' ? 0 : value.kind === 'short' ? '1s' : -1),
    })
    const [short, long] = [await read('short'), await read('long')]
    expect(await read('none')).not.toBe(await read('none'))
    clock.advance(999)
    expect(await read('short')).toBe(short)
    clock.advance(1)
    expect(await read('short')).not.toBe(short)
    clock.advance(1e12)
    expect(await read('long')).toBe(long)
  })
})

describe('a failure', () => {
  test("is the caller's, as it was thrown, and never stored", async () => {
    for (const reason of [new TypeError('broken'), 'a string', undefined, null]) {
      const cache = openCache({ redis: false }, clock.now)
      const read = cache.memoize(async () => Promise.reject(reason as Error), { name: 'row' })
      const sync = cache.memoizeSync(
        (): string => {
          throw reason
        },
        { name: 'sync' },
      )
      for (const loads of [1, 2]) {
        expect(
          await read().then(
            () => 'a value',
            (error: unknown) => [error],
          ),
        ).toEqual([reason])
        expect(caught(sync)).toEqual([reason])
        expect([read.stats(), sync.stats()]).toEqual([
          expect.objectContaining({ loads, errors: loads, hits: 0 }),
          expect.objectContaining({ loads, errors: loads, hits: 0 }),
        ])
      }
      expect([await read.peek(), await read.count(), sync.peek()]).toEqual([undefined, 0, undefined])
    }
  })

  const broken = (): never => {
    throw new Error('broken')
  }
  test('of `key` is a rejection and no throw: without one there is no call', async () => {
    const read = cache.memoize(async (id: string) => id, { name: 'row', key: broken })
    await expect(read('1')).rejects.toThrow('broken')
    await expect(read.refresh('1')).rejects.toThrow('broken')
  })

  test('of the function before its first await is a rejection too', async () => {
    const read = cache.memoize((): number => broken(), { name: 'row' })
    await expect(read()).rejects.toThrow('broken')
  })

  test('of a `then` that a promise has of its own is a rejection too, for all who wait', async () => {
    const given = Promise.resolve('row')
    Reflect.set(given, 'then', broken)
    const read = cache.memoize(() => given, { name: 'row' })
    for (const loads of [1, 2]) {
      const both = await Promise.allSettled([read(), read()])
      expect(both).toEqual([1, 2].map(() => ({ status: 'rejected', reason: new Error('broken') })))
      expect(read.stats().loads).toBe(loads)
    }
  })

  test('of an argument that cannot be a key names it', async () => {
    const read = cache.memoize(async (_filter: object) => 1, { name: 'row' })
    await expect(read({ onDone: () => 1 })).rejects.toThrow(KeyError)
    await expect(read({ onDone: () => 1 })).rejects.toThrow('Argument 0.onDone cannot be part of a key: it is a function.')
    await expect(read.clear({ onDone: () => 1 })).rejects.toThrow(KeyError)
    expect(() => cache.memoizeSync((_of: unknown) => 1, { name: 'sync' })(Symbol('s'))).toThrow(KeyError)
  })
})

describe('an option that fails where a call asks it', () => {
  const broken = (): never => {
    throw new Error('broken')
  }
  const brokenLater = async (): Promise<never> => broken()
  const duration = (got: string) => `Expected \`ttl\` to be a duration such as 5000 or "5m", got ${got}.`
  const refs = 'Expected `dependsOn` to give a list of refs, such as [getUser.ref(id)], got undefined.'
  const failing: [option: string, options: object, message: string][] = [
    ['ttl', { ttl: broken }, 'broken'],
    ['ttl', { ttl: () => 'soon' }, duration('"soon"')],
    ['ttl', { ttl: () => Number.NaN }, duration('NaN')],
    ['shouldCache', { shouldCache: broken }, 'broken'],
    ['size', { size: broken }, 'broken'],
    ['size', { size: () => -1 }, 'Expected `size` to give a number of bytes, 0 or more, got -1.'],
    ['size', { size: broken, isolate: 'copy' }, 'broken'],
    ['dependsOn', { dependsOn: broken }, 'broken'],
    ['dependsOn', { dependsOn: () => undefined }, refs],
    ['shouldCache', { shouldCache: brokenLater }, 'Expected `shouldCache` to give true or false, got a promise.'],
    ['ttl', { ttl: brokenLater }, expect.stringMatching(/^Expected `ttl` /) as string],
    ['size', { size: brokenLater }, expect.stringMatching(/^Expected `size` /) as string],
    ['dependsOn', { dependsOn: brokenLater }, expect.stringMatching(/^Expected `dependsOn` /) as string],
  ]

  let errors: CacheError[]
  let loads: number
  beforeEach(() => {
    errors = []
    loads = 0
    cache = openCache({ redis: false, onError: (error) => void errors.push(error) }, clock.now)
  })

  const told = (option: string, name: string, message: string) => ({
    name: 'ConfigError',
    code: 'CONFIG',
    message: `\`${option}\` of "${name}" failed: the caller gets the value, and what was loaded is not stored.`,
    cause: expect.objectContaining({ message }),
  })

  test.each(failing)(
    '%s: %o leaves the value its callers’, who wait for one load; it is not stored, and onError is told',
    async (option, options, message) => {
      const read = cache.memoize(async (id: string) => (loads++, `row ${id}`), { name: 'row', ...options })
      expect(await Promise.all([read('1'), read('1')])).toEqual(['row 1', 'row 1'])
      expect(loads).toBe(1)
      expect(await read.refresh('1')).toBe('row 1')
      expect(await read.many([['1'], ['2']])).toEqual(['row 1', 'row 2'])
      expect([await read.count(), read.stats().errors, cache.stats().storeErrors, loads]).toEqual([0, 0, 4, 4])
      expect(errors).toMatchObject(Array.from({ length: 4 }, () => told(option, 'row', message)))
    },
  )

  test.each(failing)('%s: %o of a synchronous function, and of a getter, alike', (option, options, message) => {
    const sync = cache.memoizeSync((id: string) => (loads++, `row ${id}`), { name: 'sync', ...options })
    expect([sync('1'), sync('1'), loads]).toEqual(['row 1', 'row 1', 2])
    class Config {
      @cache.getter({ name: 'flags', ...options })
      get flags(): number {
        return ++loads
      }
    }
    const config = new Config()
    expect([config.flags, config.flags]).toEqual([3, 4])
    expect(errors).toMatchObject(['sync', 'sync', 'flags', 'flags'].map((name) => told(option, name, message)))
  })

  test('is not asked for how long a value is fresh that is not kept', async () => {
    const read = cache.memoize(async (): Promise<{ seconds: number } | undefined> => undefined, {
      name: 'row',
      shouldCache: (value) => value !== undefined,
      ttl: (value) => value!.seconds * 1000,
    })
    expect([await read(), errors]).toEqual([undefined, []])
  })
})

describe('`this`', () => {
  class Users {
    readonly prefix: string

    constructor(prefix: string) {
      this.prefix = prefix
    }

    async find(id: string): Promise<string> {
      return `${this.prefix} ${id}`
    }
  }

  test('reaches the function, and is no argument', async () => {
    const find = cache.memoize(Users.prototype.find)
    expect(await find.call(new Users('a'), '1')).toBe('a 1')
    expect(await find.call(new Users('b'), '1')).toBe('a 1')
    expect(await find.refresh.call(new Users('b'), '1')).toBe('b 1')
    const sync = cache.memoizeSync(
      function (this: Users, id: string) {
        return `${this.prefix} ${id}`
      },
      { name: 'sync' },
    )
    expect([sync.call(new Users('a'), '1'), sync.call(new Users('b'), '1')]).toEqual(['a 1', 'a 1'])
  })

  test('is an argument where `key` makes it one', async () => {
    const find = cache.memoize(Users.prototype.find, {
      key(this: Users, id: string) {
        return [this.prefix, id]
      },
    })
    expect(await find.call(new Users('a'), '1')).toBe('a 1')
    expect(await find.call(new Users('b'), '1')).toBe('b 1')
    await find.clear('a')
    expect([await find.count('a'), await find.count('b')]).toEqual([0, 1])
  })
})

describe('`key`', () => {
  test('is what selects the result: an array as the argument list, anything else as a list of one', async () => {
    let loads = 0
    const load = async (_request: { user: string; at: Date }, _part: string) => ++loads
    const byList = cache.memoize(load, { name: 'list', key: ({ user }, part) => [user, part] })
    const byOne = cache.memoize(load, { name: 'one', key: ({ user }) => user })
    const at = (time: number) => ({ user: 'Ada', at: new Date(time) })
    expect([await byList(at(1), 'x'), await byList(at(2), 'x'), await byList(at(1), 'y')]).toEqual([1, 1, 2])
    expect([await byOne(at(1), 'x'), await byOne(at(2), 'y')]).toEqual([3, 3])
    expect([await byList.count('Ada', 'x'), await byList.count(any, 'y'), await byOne.count('Ada')]).toEqual([1, 1, 1])
  })

  test('is asked once a call', async () => {
    let asked = 0
    const key = (id: string) => {
      asked++
      return id
    }
    const read = cache.memoize(async (id: string) => id, { name: 'row', key })
    const sync = cache.memoizeSync((id: string) => id, { name: 'sync', key })
    for (const call of [read, sync]) for (let times = 0; times < 2; times++) await call('1')
    expect(asked).toBe(4)
  })
})

describe('the cached function', () => {
  test('has the name and the length of the original, which it gives', () => {
    const original = async (a: string, b: string) => a + b
    const read = cache.memoize(original, { name: 'row' })
    expect([read.name, read.length, read.cacheName, read.original]).toEqual(['original', 2, 'row', original])
    expect(isClearable(read)).toBe(true)
    expect(isClearable(original)).toBe(false)
    expect(String(read.ref('x'))).toBe('row("x",…)')
  })

  test('is named after the original where no name is given', async () => {
    async function findUser(id: string): Promise<string> {
      return id
    }
    expect(cache.memoize(findUser).cacheName).toBe('findUser')
    expect(() => cache.memoize(findUser)).toThrow(
      'A function or route named "findUser" is already cached here. Names are keys: give this one its own `name`.',
    )
    expect(cache.memoize(findUser, { name: 'findUser2' }).cacheName).toBe('findUser2')
    expect(cache.memoizeSync(() => 1, { name: 'sync' }).cacheName).toBe('sync')
    expect(() => cache.memoize(findUser, { name: 'sync' })).toThrow('already cached here')
  })

  test('a name whose definition failed is free', () => {
    expect(() => cache.memoize(async () => 1, { name: 'row', ttl: 'soon' })).toThrow(ConfigError)
    expect(cache.memoize(async () => 1, { name: 'row' }).cacheName).toBe('row')
  })

  test('peek gives what is stored and fresh; it never loads, and counts as nothing', async () => {
    let loads = 0
    const read = cache.memoize(async (_id: string) => ++loads, { name: 'row', ttl: 1000, staleWhileRevalidate: 1000 })
    expect(await read.peek('1')).toBeUndefined()
    await read('1')
    expect(await read.peek('1')).toBe(1)
    clock.advance(1000)
    expect(await read.peek('1')).toBeUndefined()
    expect([loads, read.stats()]).toEqual([1, expect.objectContaining({ hits: 0, misses: 1, staleHits: 0 })])
    const sync = cache.memoizeSync((_id: string) => ++loads, { name: 'sync' })
    expect([sync.peek('1'), sync('1'), sync.peek('1'), sync.stats().hits]).toEqual([undefined, 2, 2, 0])
  })

  test('peek sees nothing inside a transaction that the transaction has cleared', async () => {
    const read = cache.memoize(async () => 1, { name: 'row' })
    const sync = cache.memoizeSync(() => 1, { name: 'sync' })
    const seen = async () => [await read.peek(), sync.peek()]
    await read()
    sync()
    const work = cache.transaction(async () => {
      const before = await seen()
      await cache.clear(read.ref(), sync.ref())
      return [before, await seen()]
    })
    expect(await work).toEqual([
      [1, 1],
      [undefined, undefined],
    ])
  })

  test('count is of fresh entries that the arguments cover', async () => {
    const read = cache.memoize(async (of: { id: string; part: string }) => of, {
      name: 'row',
      ttl: (of) => (of.part === 'short' ? 1000 : -1),
    })
    for (const id of ['1', '2']) for (const part of ['short', 'long']) await read({ id, part })
    expect([await read.count(), await read.count({ id: '1' }), await read.count({ part: 'long' }), await read.count({ id: '3' })]).toEqual([
      4, 2, 2, 0,
    ])
    await read.clear({ id: '1', part: 'long' })
    clock.advance(1000)
    expect([await read.count(), await read.count({ id: '1' })]).toEqual([1, 0])
  })

  test('count rejects where Redis does not answer: what this process has is a part', async () => {
    const away = openCache({ redis: 'redis://127.0.0.1:1', commandTimeout: 50, onError: () => undefined }, clock.now)
    onTestFinished(() => away.close())
    const read = away.memoize(async (id: string) => id, { name: 'row' })
    await read('1')
    await expect(read.count()).rejects.toThrow(StoreError)
  })

  test('count counts nothing inside a transaction that the transaction has cleared', async () => {
    const read = cache.memoize(async (id: string) => id, { name: 'row' })
    const page = cache.memoize(async (id: string) => `<${await read(id)}>`, { name: 'page' })
    await page.many([['1'], ['2'], ['3']])
    await cache.transaction(async () => {
      await read.clear('2')
      expect([await page.count(), await page.count('2'), await read.count()]).toEqual([2, 0, 2])
    })
  })

  test('stats tell hits, misses, loads and what was cleared', async () => {
    const read = cache.memoize(async (id: string) => id, { name: 'row' })
    await Promise.all([read('1'), read('1'), read('2')])
    await read('1')
    await read.clear('1')
    await read('1')
    expect(read.stats()).toEqual({ hits: 1, misses: 4, staleHits: 0, coalesced: 1, loads: 3, errors: 0, evictions: 0, cleared: 1 })
  })
})

describe('a wrong definition fails at once, and says what to write', () => {
  const duration = (option: string, got: string) => `Expected \`${option}\` to be a duration such as 5000 or "5m", got ${got}.`
  const limit = (got: string) => `Expected \`limit\` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got ${got}.`

  test.each<[unknown, string]>([
    [{ ttl: 'soon' }, duration('ttl', '"soon"')],
    [{ ttl: '5' }, duration('ttl', '"5"')],
    [{ ttl: Number.NaN }, duration('ttl', 'NaN')],
    [{ ttl: -5 }, duration('ttl', '-5')],
    [{ ttl: null }, duration('ttl', 'null')],
    [{ ttl: 5n }, duration('ttl', '5n')],
    [{ staleWhileRevalidate: -1 }, duration('staleWhileRevalidate', '-1')],
    [{ staleWhileRevalidate: 'a while' }, duration('staleWhileRevalidate', '"a while"')],
    [{ staleIfError: {} }, duration('staleIfError', 'an object (Object)')],
    [{ limit: 1.5 }, limit('1.5')],
    [{ limit: -2 }, limit('-2')],
    [{ limit: '10' }, limit('"10"')],
    [{ limit: Number.NaN }, limit('NaN')],
    [{ store: 'disk' }, 'Expected `store` to be one of "memory", "redis", "tiered", got "disk".'],
    [{ store: 'redis' }, '`store: "redis"` needs Redis: give `redis` to createCache, or set CACHE_ALCHEMY_REDIS_URL.'],
    [{ store: 'tiered' }, '`store: "tiered"` needs Redis'],
    [{ key: 'id' }, 'Expected `key` to be a function, got "id".'],
    [{ shouldCache: true }, 'Expected `shouldCache` to be a function, got true.'],
    [{ dependsOn: 'users' }, 'Expected `dependsOn` to be a list of refs, such as [getUser.ref("42")], or a function that gives one.'],
    [{ dependsOn: ['users'] }, 'Expected `dependsOn` to be a list of refs'],
    [{ name: 5 }, 'Expected `name` to be a string, got 5.'],
    [{ name: '' }, 'A cached function needs a name, which is its key: name the function, or give `name`.'],
    [{ name: '#user' }, 'Expected `name` to begin with another character than # and to have at most 500, got "#user".'],
    [{ name: '\ud800' }, 'Expected `name` to be well-formed Unicode, got half of a surrogate pair in it.'],
    [{ name: 'x'.repeat(501) }, 'to have at most 500, got "xxx'],
    [{ tttl: 5 }, 'memoize has no option `tttl`. It has: name,'],
    [{ name: null }, 'Expected `name` to be a string, got null.'],
    [{ version: null }, 'Expected `version` to be at most 100 letters'],
    [{ limit: null }, limit('null')],
    [{ store: null }, 'Expected `store` to have the functions get, set, delete, close, got null'],
    [{ codec: null }, 'Expected `codec` to be "structured", "json", "reference" or an object'],
    [{ key: null }, 'Expected `key` to be a function, got null.'],
    [{ dependsOn: null }, 'Expected `dependsOn` to be a list of refs'],
    [{ staleWhileRevalidate: null }, duration('staleWhileRevalidate', 'null')],
    [{ staleIfError: null }, duration('staleIfError', 'null')],
    [{ strict: null }, 'Expected `strict` to be true or false, got null.'],
    [{ isolate: null }, 'Expected `isolate` to be one of "freeze", "copy", got null.'],
    [{ jitter: null }, 'Expected `jitter` to be a number from 0 to 1, got null.'],
    [{ refreshAhead: null }, 'Expected `refreshAhead` to be a number, 0 or more, got null.'],
    [{ softTimeout: null }, duration('softTimeout', 'null')],
    [{ loadTimeout: null }, duration('loadTimeout', 'null')],
    [{ concurrency: null }, 'Expected `concurrency` to be a whole number of loads, 1 or more, or Infinity, got null.'],
    [{ track: null }, 'Expected `track` to be true or false, got null.'],
    [{ size: null }, 'Expected `size` to be a function, got null.'],
    [{ shouldCache: null }, 'Expected `shouldCache` to be a function, got null.'],
    [{ loadMany: null }, 'Expected `loadMany` to be a function, got null.'],
    [null, 'Expected the options of memoize to be an object, got null.'],
  ])('%o', (options, message) => {
    const wrong = typeof options === 'object' && options !== null ? { name: 'row', ...options } : options
    const define = (): unknown => cache.memoize(async () => 1, wrong as MemoizeOptions<() => Promise<number>>)
    expect(define).toThrow(ConfigError)
    expect(define).toThrow(message)
  })

  test('what is no function', () => {
    for (const wrong of [undefined, null, 'user', {}, Promise.resolve(1)]) {
      expect(() => cache.memoize(wrong as () => 1, { name: 'row' })).toThrow('Expected memoize to be given a function, got')
      expect(() => cache.memoizeSync(wrong as () => 1, { name: 'row' })).toThrow('Expected memoizeSync to be given a function, got')
    }
  })

  test('a function without a name, and none given', () => {
    expect(() => cache.memoize(async () => 1)).toThrow(
      'A cached function needs a name, which is its key: name the function, or give `name`.',
    )
  })

  test('options of an asynchronous function on a synchronous one', () => {
    for (const wrong of [{ store: 'memory' }, { codec: 'json' }, { staleWhileRevalidate: 5 }, { staleIfError: 5 }]) {
      expect(() => cache.memoizeSync(() => 1, { name: 'row', ...wrong })).toThrow(
        /^memoizeSync has no option `\w+`\. It has: name, ttl, limit, key, dependsOn, shouldCache/,
      )
    }
  })

  test('a function that gives a promise on memoizeSync: known by its kind, or by what it gives', () => {
    const message = '"row" gives a promise, and memoizeSync keeps values that are there at once: use memoize.'
    // @ts-expect-error It returns a promise.
    expect(() => cache.memoizeSync(async () => 1, { name: 'row' })).toThrow(message)
    const read = cache.memoizeSync((): unknown => Promise.resolve(1), { name: 'row' })
    expect(() => read()).toThrow(message)
    expect(read.peek()).toBeUndefined()
  })
})

describe('types', () => {
  test('of the function come out again', () => {
    const read = cache.memoize(async (id: string, page = 1) => ({ id, page }), { name: 'row' })
    expectTypeOf(read).parameters.toEqualTypeOf<[id: string, page?: number | undefined]>()
    expectTypeOf(read).returns.toEqualTypeOf<Promise<{ id: string; page: number }>>()
    expectTypeOf(read.peek).returns.toEqualTypeOf<Promise<{ id: string; page: number } | undefined>>()
    expectTypeOf(read.refresh).parameters.toEqualTypeOf<[id: string, page?: number | undefined]>()
    expectTypeOf(cache.memoize((n: number) => n, { name: 'n' })).returns.toEqualTypeOf<Promise<number>>()
    expectTypeOf(cache.memoizeSync((n: number) => n, { name: 'sync' })).returns.toEqualTypeOf<number>()
  })

  test('of wrong arguments do not compile', () => {
    const read = cache.memoize(async (of: { author: string; page?: number }, sort: string) => [of, sort], { name: 'row' })
    const never = (): void => {
      void read.clear({ author: 'a' })
      void read.clear(any, 'new')
      void read.clear({ page: any })
      // @ts-expect-error A property of another type.
      void read.clear({ author: 5 })
      // @ts-expect-error A property that there is not.
      void read.clear({ writer: 'a' })
      // @ts-expect-error More arguments than there are.
      void read.clear({ author: 'a' }, 'new', 1)
      // @ts-expect-error A ref is wanted.
      void cache.clear('row')
      // @ts-expect-error The argument is missing.
      void read({ author: 'a' })
    }
    expect(never).toBeTypeOf('function')
  })

  test('of `key` are those of ref, clear and count', () => {
    const read = cache.memoize(async (request: { user: string }) => request.user, { name: 'row', key: ({ user }) => [user, 1] })
    const never = (): void => {
      void read.clear('a', 1)
      // @ts-expect-error The key is not the request.
      void read.clear({ user: 'a' })
    }
    expect(never).toBeTypeOf('function')
  })
})

/** What work throws, in a list: undefined can be thrown too. */
function caught(work: () => unknown): [unknown] | 'a value' {
  try {
    work()
    return 'a value'
  } catch (error) {
    return [error]
  }
}
