// Decorated getters: synchronous or not as they are, whose value they keep, and for how long.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCache, type Cache } from '../src/index.ts'
import { newGate } from './support/gate.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

let cache: Cache

beforeEach(() => {
  cache = createCache()
})

afterEach(() => cache.close())

describe('a decorated getter that gives a value', () => {
  test('stays synchronous and runs once, in the tick of its first call too', () => {
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): string[] {
        runs++
        return ['a']
      }
    }
    const config = new Config()
    expect(config.flags).toEqual(['a'])
    expect(config.flags).toBe(new Config().flags)
    expect(runs).toBe(1)
  })

  test('may be static, is cleared by its name, and runs again', async () => {
    class Config {
      static runs = 0
      readonly id = 1
      @cache.getter({ name: 'config.flags' })
      static get flags(): number {
        return ++this.runs
      }
    }
    expect([Config.flags, Config.flags]).toEqual([1, 1])
    const done = cache.clear(cache.ref('config.flags'))
    expect([Config.flags, Config.flags]).toEqual([2, 2])
    await done
  })

  test('is kept for each instance that `key` tells apart', () => {
    class Basket {
      readonly id: string
      constructor(id: string) {
        this.id = id
      }
      @cache.getter({
        key(this: Basket) {
          return this.id
        },
      })
      get total(): string {
        return `total of ${this.id}`
      }
    }
    expect([new Basket('1').total, new Basket('2').total, new Basket('1').total]).toEqual(['total of 1', 'total of 2', 'total of 1'])
    expect(cache.stats().functions['total']).toMatchObject({ loads: 2, hits: 1 })
  })

  test('hands on what it depends on to a synchronous reader, the first time too', () => {
    let price = 1
    class Basket {
      @cache.getter()
      get total(): number {
        cache.track(cache.tag('prices'))
        return price
      }
    }
    const basket = new Basket()
    const label = cache.memoizeSync(() => `total: ${basket.total}`, { name: 'label' })
    expect(label()).toBe('total: 1')
    price = 2
    void cache.clear(cache.tag('prices'))
    expect([label(), basket.total]).toEqual(['total: 2', 2])
  })

  test('throws what it throws, and then runs again', () => {
    const failure = new Error('not yet')
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): number {
        if (++runs === 1) throw failure
        return runs
      }
    }
    const config = new Config()
    expect(() => config.flags).toThrow(failure)
    expect([config.flags, config.flags]).toEqual([2, 2])
  })

  test('that reads itself is told so instead of filling the stack', () => {
    class Config {
      @cache.getter()
      get flags(): number {
        return (Reflect.get(this, 'flags') as number) + 1
      }
    }
    const config = new Config()
    expect(() => config.flags).toThrow(expect.objectContaining({ code: 'CYCLE' }))
    expect(() => config.flags).toThrow(expect.objectContaining({ code: 'CYCLE' }))
  })

  test('may read the same getter of another instance', () => {
    class Node {
      readonly children: Node[]
      readonly id: number
      constructor(id: number, ...children: Node[]) {
        this.id = id
        this.children = children
      }
      @cache.getter({
        key(this: Node) {
          return this.id
        },
      })
      get size(): number {
        return this.children.reduce((sum, child) => sum + child.size, 1)
      }
    }
    const tree = new Node(1, new Node(2), new Node(3, new Node(4)))
    expect([tree.size, tree.size]).toEqual([4, 4])
    expect(cache.stats().functions['size']).toMatchObject({ loads: 4 })
  })
})

describe('a decorated getter that gives a promise', () => {
  test('is run once for all who wait, from the first call on, and its value is kept', async () => {
    const gate = newGate()
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): Promise<object> {
        return gate.wait().then(() => ({ runs: ++runs }))
      }
    }
    const [one, other] = [new Config(), new Config()]
    const both = Promise.all([one.flags, other.flags])
    await gate.reached()
    gate.open()
    const [value, same] = await both
    expect(same).toBe(value)
    expect(await one.flags).toBe(value)
    expect(one.flags).toBeInstanceOf(Promise)
    expect(runs).toBe(1)
  })

  test('gives a rejection to its callers and keeps none', async () => {
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): Promise<number> {
        return Promise.resolve().then(() => {
          if (++runs === 1) throw new Error('not yet')
          return runs
        })
      }
    }
    const config = new Config()
    await expect(config.flags).rejects.toThrow('not yet')
    expect([await config.flags, await config.flags]).toEqual([2, 2])
  })

  test('depends on what its load read after an await, from the first load on', async () => {
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): Promise<number> {
        return Promise.resolve().then(() => {
          cache.track(cache.tag('flags'))
          return ++runs
        })
      }
    }
    const config = new Config()
    for (const run of [1, 2, 3]) {
      expect([await config.flags, await config.flags]).toEqual([run, run])
      await cache.clear(cache.tag('flags'))
    }
  })

  test('may be asked for in advance: `store` says that it gives a promise, whatever it gives', async () => {
    const decorate = cache.getter({ store: 'memory', name: 'flags' }) as unknown as (get: unknown, context: object) => () => unknown
    const get = decorate(() => 1, { kind: 'getter', name: 'flags', static: false, private: false })
    expect(get.call({})).toBeInstanceOf(Promise)
    expect(await get.call({})).toBe(1)
  })

  test('gives promises from then on, though it gave values before', async () => {
    let runs = 0
    class Config {
      @cache.getter()
      get flags(): number | Promise<number> {
        runs++
        return runs === 1 ? runs : Promise.resolve(runs)
      }
    }
    const config = new Config()
    expect([config.flags, config.flags]).toEqual([1, 1])
    await cache.clear(cache.ref('flags'))
    expect(await config.flags).toBe(2)
    expect(await config.flags).toBe(3)
    expect(await config.flags).toBe(3)
  })
})

describe('with Redis', () => {
  let redis: RedisServer

  beforeEach(async () => {
    redis = await startRedis()
  })

  afterEach(() => redis.stop())

  test('a method is shared by processes, and a synchronous getter stays synchronous', async () => {
    const caches = [
      createCache({ redis: redis.url, commandTimeout: 10_000 }),
      createCache({ redis: redis.url, commandTimeout: 10_000 }),
    ] as const
    const [here, there] = caches.map((cache) => {
      class Users {
        loads = 0
        @cache.method({ name: 'users.find' })
        async find(id: string): Promise<Date> {
          this.loads++
          return new Date(Number(id))
        }
        @cache.getter({ name: 'users.kind' })
        get kind(): string {
          this.loads++
          return 'users'
        }
        @cache.getter({ name: 'users.count', store: 'tiered' })
        get count(): Promise<number> {
          this.loads++
          return Promise.resolve(7)
        }
      }
      return new Users()
    }) as unknown as [Users, Users]
    interface Users {
      loads: number
      find(id: string): Promise<Date>
      kind: string
      count: Promise<number>
    }
    for (const cache of caches) await cache.clear(cache.tag('connected'))
    expect([here.kind, here.kind, here.loads]).toEqual(['users', 'users', 1])
    expect([await here.find('5'), await here.count]).toEqual([new Date(5), 7])
    await caches[0].close()
    expect([await there.find('5'), await there.count, there.loads]).toEqual([new Date(5), 7, 0])
    await caches[1].close()
  })
})
