import type { Redis } from 'ioredis'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import { cachedFunction } from '../src/cached-function.ts'
import { ConfigError, UnsupportedError } from '../src/errors.ts'
import type { CachedFunction } from '../src/index.ts'
import { newWorld } from './redis/world.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

let clock: Clock
let cache: Cache

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false }, clock.now)
})

/** A function of one argument that tells which calls it was made, one by one and at once. */
function newReader(options: { ttl?: number } = {}) {
  const single: string[] = []
  const batches: string[][] = []
  const read = cache.memoize(
    async (id: string) => {
      single.push(id)
      return `${id} alone`
    },
    {
      name: 'row',
      loadMany: async (calls) => {
        batches.push(calls.map(([id]) => id))
        return calls.map(([id]) => `${id} together`)
      },
      ...options,
    },
  )
  return { read, single, batches }
}

describe('many', () => {
  test('gives the results in the order of its calls, and loads equal ones once', async () => {
    const loads: string[] = []
    const read = cache.memoize(
      async (id: string) => {
        loads.push(id)
        return id.toUpperCase()
      },
      { name: 'row' },
    )
    expect(await read.many([['b'], ['a'], ['b'], ['a']])).toEqual(['B', 'A', 'B', 'A'])
    expect(loads).toEqual(['b', 'a'])
    expect(await read.many([])).toEqual([])
    expect(await Promise.all([read('a'), read('b')])).toEqual(['A', 'B'])
    expect(loads).toHaveLength(2)
  })

  test('hands what is missing, and only that, to one `loadMany`, and stores each result by itself', async () => {
    const { read, single, batches } = newReader()
    expect(await read('1')).toBe('1 alone')
    expect(await read.many([['3'], ['1'], ['2'], ['3']])).toEqual(['3 together', '1 alone', '2 together', '3 together'])
    expect(batches).toEqual([['3', '2']])
    expect([await read('2'), await read('3'), await read.peek('3')]).toEqual(['2 together', '3 together', '3 together'])
    expect(single).toEqual(['1'])
    await read.clear('2')
    expect(await read.many([['1'], ['2'], ['3']])).toEqual(['1 alone', '2 together', '3 together'])
    expect(batches).toEqual([['3', '2'], ['2']])
  })

  test('lets `loadMany` take out of its list what is done', async () => {
    const loadMany = async (calls: [string][]): Promise<string[]> => calls.splice(0).map(([id]) => id.toUpperCase())
    const read = cache.memoize(async (id: string) => id, { name: 'row', loadMany })
    expect(await read.many([['a'], ['b']])).toEqual(['A', 'B'])
  })

  test('joins loads that run, and its own are joined', async () => {
    const gate = newGate()
    const loads: string[] = []
    const read = cache.memoize(
      async (id: string) => {
        loads.push(id)
        await gate.wait()
        return id
      },
      {
        name: 'row',
        loadMany: async (calls) => {
          loads.push(calls.join())
          await gate.wait()
          return calls.map(([id]) => id)
        },
      },
    )
    const first = read('1')
    const some = read.many([['1'], ['2'], ['3']])
    const last = [read('2'), read.many([['3'], ['2']])]
    await gate.reached(2)
    gate.open()
    expect([await first, await some, ...(await Promise.all(last))]).toEqual(['1', ['1', '2', '3'], '2', ['3', '2']])
    expect(loads).toEqual(['1', '2,3'])
    expect(read.stats().coalesced).toBe(4)
  })

  test('rejects with the first rejection, and the others are stored', async () => {
    const read = cache.memoize(async (id: string) => (id === 'bad' ? Promise.reject(new Error('bad row')) : id), { name: 'row' })
    await expect(read.many([['1'], ['bad'], ['2']])).rejects.toThrow('bad row')
    expect(await read.count()).toBe(2)
  })

  test('takes an `Error` among the results for the rejection of its call alone', async () => {
    const missing = new TypeError('no such row')
    const read = cache.memoize(async (id: string) => id, {
      name: 'row',
      loadMany: async (calls) => calls.map(([id]) => (id === 'bad' ? missing : id)),
    })
    await expect(read.many([['1'], ['bad'], ['2']])).rejects.toBe(missing)
    expect([await read.peek('1'), await read.peek('bad'), await read.peek('2')]).toEqual(['1', undefined, '2'])
  })

  test('rejects with what `loadMany` rejects with or throws, and stores nothing of it', async () => {
    const reason = new Error('away')
    const load = async (id: string) => id
    const rejects = cache.memoize(load, { name: 'rejects', loadMany: async () => Promise.reject(reason) })
    const throws = cache.memoize(load, {
      name: 'throws',
      loadMany: () => {
        throw reason
      },
    })
    await expect(rejects.many([['1'], ['2']])).rejects.toBe(reason)
    await expect(throws.many([['1'], ['2']])).rejects.toBe(reason)
    expect([await rejects.count(), await throws.count(), rejects.stats().errors]).toEqual([0, 0, 2])
  })

  test.each<[string, unknown, string]>([
    ['too few', ['1'], 'one of 1'],
    ['too many', ['1', '2', '3'], 'one of 3'],
    ['no list', { 1: '1' }, 'an object (Object)'],
    ['nothing', undefined, 'undefined'],
  ])('refuses results of `loadMany` that are %s', async (_, results, shown) => {
    const read = cache.memoize(async (id: string) => id, { name: 'row', loadMany: async () => results as string[] })
    const given = read.many([['1'], ['2']])
    await expect(given).rejects.toThrow(ConfigError)
    await expect(given).rejects.toThrow(
      `Expected \`loadMany\` of "row" to give a list of 2 results, in the order of its calls, got ${shown}.`,
    )
    expect(await read.count()).toBe(0)
  })

  test('refuses what is no list of argument lists', async () => {
    const read = cache.memoize(async (id: string) => id, { name: 'row' })
    await expect(read.many(['1', '2'] as never)).rejects.toThrow(
      'Expected many of "row" to be given a list of argument lists, such as [["1"], ["2"]], got "1" in it.',
    )
    await expect(read.many('1' as never)).rejects.toThrow(ConfigError)
    expect(() => cache.memoize(async () => 1, { name: 'wrong', loadMany: 'all' as never })).toThrow(
      'Expected `loadMany` to be a function, got "all".',
    )
    expect(() => cache.memoizeSync(() => 1, { name: 'sync', loadMany: () => [] } as never)).toThrow('has no option `loadMany`')
  })

  test('calls `loadMany` with the `this` it has', async () => {
    class Users {
      readonly prefix = 'user'

      async find(id: string): Promise<string> {
        return `${this.prefix} ${id}`
      }
    }
    const find = cache.memoize(Users.prototype.find, {
      loadMany: async function (this: Users, calls: [string][]) {
        return calls.map(([id]) => `${this.prefix} ${id}!`)
      },
    })
    expect(await find.many.call(new Users(), [['1']])).toEqual(['user 1!'])
    const plain = cache.memoize(Users.prototype.find, { name: 'plain' })
    expect(await plain.many.call(new Users(), [['1']])).toEqual(['user 1'])
    const object = Object.assign(new Users(), { find: plain })
    expect(await cachedFunction(object, 'find').many([['2']])).toEqual(['user 2'])
  })

  test('keeps by what `ttl` and `shouldCache` say of each result', async () => {
    const read = cache.memoize(async (id: string) => id, {
      name: 'row',
      loadMany: async (calls) => calls.map(([id]) => id),
      ttl: (_value, id) => (id === 'short' ? '1s' : '1m'),
      shouldCache: (_value, id) => id !== 'never',
    })
    await read.many([['short'], ['long'], ['never']])
    expect(await read.count()).toBe(2)
    clock.advance(1000)
    expect([await read.peek('short'), await read.peek('long'), await read.peek('never')]).toEqual([undefined, 'long', undefined])
  })

  test('that is overtaken by a clear gives the results and keeps what was not cleared', async () => {
    const gate = newGate()
    const read = cache.memoize(async (id: string) => id, {
      name: 'row',
      loadMany: async (calls) => {
        await gate.wait()
        return calls.map(([id]) => id)
      },
    })
    const given = read.many([['1'], ['2']])
    await gate.reached()
    await read.clear('1')
    gate.open()
    expect(await given).toEqual(['1', '2'])
    expect([await read.peek('1'), await read.peek('2')]).toEqual([undefined, '2'])
  })

  test('depends, each of its calls, on its own declared refs and on all that was read while they were loaded', async () => {
    const names = cache.memoize(async () => ['Ada', 'Grace'], { name: 'names' })
    const { read } = newReader()
    const ages = cache.memoize(async (id: string) => id.length, {
      name: 'ages',
      dependsOn: (id) => [cache.tag(`age:${id}`)],
      loadMany: async (calls) => {
        await names()
        return calls.map(([id]) => id.length)
      },
    })
    const page = cache.memoize(async () => [await ages.many([['1'], ['2']]), await read.many([['x']])], { name: 'page' })
    await page()
    await cache.clear(cache.tag('age:1'))
    expect([await ages.count(), await page.count()]).toEqual([1, 0])
    await page()
    await read.clear('x')
    expect([await ages.count(), await page.count()]).toEqual([2, 0])
    await page()
    await names.clear()
    expect([await ages.count(), await page.count()]).toEqual([0, 0])
  })

  test('whose `loadMany` calls what it loads is a cycle and no deadlock', async () => {
    const read: CachedFunction<(id: string) => Promise<string>> = cache.memoize(async (id: string) => id, {
      name: 'row',
      loadMany: async (calls): Promise<string[]> => Promise.all(calls.map(([id]) => read(id))),
    })
    const given = read.many([['1'], ['2']])
    await expect(given).rejects.toThrow(UnsupportedError)
    await expect(given).rejects.toMatchObject({ code: 'CYCLE' })
  })

  test('is one load in one lane where `concurrency` bounds loads', async () => {
    const gate = newGate()
    const batches: number[] = []
    const read = cache.memoize(async (id: string) => id, {
      name: 'row',
      concurrency: 1,
      loadMany: async (calls) => {
        batches.push(calls.length)
        await gate.wait()
        return calls.map(([id]) => id)
      },
    })
    const first = read.many([['1'], ['2'], ['3']])
    const second = read.many([['4'], ['5']])
    await gate.reached()
    expect(batches).toEqual([3])
    gate.open()
    expect([await first, await second]).toEqual([
      ['1', '2', '3'],
      ['4', '5'],
    ])
    expect(batches).toEqual([3, 2])
  })

  test('serves stale values and renews them at once behind them', async () => {
    const batches: string[][] = []
    let version = 1
    const read = cache.memoize(async (id: string) => `${id}@${version}`, {
      name: 'row',
      ttl: '1s',
      staleWhileRevalidate: '1m',
      loadMany: async (calls) => {
        batches.push(calls.map(([id]) => id))
        return calls.map(([id]) => `${id}@${version}`)
      },
    })
    await read.many([['1'], ['2']])
    clock.advance(1000)
    version = 2
    expect(await read.many([['1'], ['2'], ['3']])).toEqual(['1@1', '2@1', '3@2'])
    expect(batches.slice(1)).toEqual([['1', '2', '3']])
    expect(await read.many([['1'], ['2']])).toEqual(['1@2', '2@2'])
  })

  test('inside a transaction loads equal calls once, and keeps nothing', async () => {
    const { read, batches } = newReader()
    await cache.transaction(async () => {
      expect(await read.many([['1'], ['2'], ['1']])).toEqual(['1 together', '2 together', '1 together'])
    })
    expect(batches).toEqual([['1', '2']])
    expect(await read.count()).toBe(0)
  })
})

describe('many, with Redis', () => {
  const world = newWorld()

  function newNode() {
    const node = openCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000 }, () => performance.now())
    onTestFinished(() => node.close())
    const batches: string[][] = []
    const gate = newGate()
    const read = node.memoize(async (id: string) => id, {
      name: 'row',
      loadMany: async (calls) => {
        batches.push(calls.map(([id]) => id))
        await gate.wait()
        return calls.map(([id]) => id)
      },
    })
    return { node, read, batches, gate }
  }

  test('finds what another process has stored in one pipeline, and loads the rest at once', async () => {
    const [a, b] = [newNode(), newNode()]
    a.gate.open()
    b.gate.open()
    const ids = Array.from({ length: 20 }, (_, index) => [`${index}`] as [string])
    await a.read.many(ids)
    await a.node.close()
    await b.read('other')
    const before = await readsOf(world.plain)
    expect(await b.read.many(ids)).toEqual(ids.flat())
    // Its own two questions, and those about the log, are among them.
    expect((await readsOf(world.plain)) - before).toBeLessThan(10)
    expect(await b.read.many([...ids, ['new'], ['newer']])).toEqual([...ids.flat(), 'new', 'newer'])
    expect(b.batches).toEqual([['new', 'newer']])
  })

  test('does not hold up its other calls for one that another process loads', async () => {
    const [a, b] = [newNode(), newNode()]
    await Promise.all([a.node, b.node].map((node) => engineOf(node).shared!.log.ask()))
    const first = a.read.many([['1']])
    await a.gate.reached()
    b.gate.open()
    const both = b.read.many([['1'], ['2']])
    await b.gate.reached()
    expect(b.batches).toEqual([['2']])
    a.gate.open()
    expect([await first, await both]).toEqual([['1'], ['1', '2']])
    expect(b.batches).toEqual([['2']])
  })
})

/** How often the server has read from a connection. */
async function readsOf(redis: Redis): Promise<number> {
  const [, count] = /total_reads_processed:(\d+)/.exec(await redis.info('stats'))!
  return Number(count)
}
