// What a user of the package may write, and what does not compile. `npm run types` is the test; what is inside of `compiles` never runs.
import type { Redis } from 'ioredis'
import { describe, expectTypeOf, test } from 'vitest'
import {
  any,
  cachedFunction,
  createCache,
  KeyError,
  type Cache,
  type CachedFunction,
  type CachedSyncFunction,
  type CacheError,
  type CacheOptions,
  type Clearable,
  type Duration,
  type FunctionStats,
  type MemoizeOptions,
  type PartialArgs,
  type Ref,
  type UnsupportedError,
} from '../src/index.ts'

function compiles(_code: (cache: Cache) => unknown): void {}

interface Query {
  where: { author: { id: number; name: string }; tags?: string[] }
  page: number
  since: Date
  weights: Map<string, number>
  onDone?: () => void
}

describe('a cached function', () => {
  test('is called as the function was', () => {
    compiles((cache) => {
      const getUser = cache.memoize(async (id: string, depth = 1) => ({ id, depth }), { name: 'user' })
      expectTypeOf(getUser).parameters.toEqualTypeOf<[id: string, depth?: number | undefined]>()
      expectTypeOf(getUser('42')).toEqualTypeOf<Promise<{ id: string; depth: number }>>()
      // @ts-expect-error an argument of another type
      void getUser(42)
      // @ts-expect-error one too many
      void getUser('42', 1, 2)
      // @ts-expect-error one too few
      void getUser()
    })
  })

  test('is asynchronous, also where the function is not', () => {
    compiles((cache) => {
      const length = cache.memoize((text: string) => text.length, { name: 'length' })
      expectTypeOf(length('a')).toEqualTypeOf<Promise<number>>()
      const either = cache.memoize((text: string): number | Promise<string> => text.length, { name: 'either' })
      expectTypeOf(either('a')).toEqualTypeOf<Promise<number | string>>()
      // @ts-expect-error an argument of another type
      void length(1)
      const thenable = cache.memoize((text: string): PromiseLike<number> => Promise.resolve(text.length), { name: 'thenable' })
      expectTypeOf(thenable('a')).toEqualTypeOf<Promise<number>>()
      expectTypeOf(cache.memoize(Math.max)(1, 2)).toEqualTypeOf<Promise<number>>()
    })
  })

  test('keeps its generics, overloads and this', () => {
    compiles((cache) => {
      const same = cache.memoize(async <T extends object>(value: T): Promise<T> => value, { name: 'same' })
      expectTypeOf(same({ a: 1 })).toEqualTypeOf<Promise<{ a: number }>>()
      // @ts-expect-error not what the generic allows
      void same(1)

      const find = cache.memoize(findByIdOrNames)
      expectTypeOf(find(1)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(find('a', 'b')).toEqualTypeOf<Promise<string[]>>()
      // @ts-expect-error no overload is like this
      void find(1, 'b')

      const owned = cache.memoize(async function (this: { db: string }, id: string) {
        return this.db + id
      })
      expectTypeOf(owned.call({ db: 'a' }, '42')).toEqualTypeOf<Promise<string>>()
      // @ts-expect-error called without its this
      void owned('42')
      expectTypeOf(owned.refresh.call({ db: 'a' }, '42')).toEqualTypeOf<Promise<string>>()
      // @ts-expect-error loaded without it
      void owned.refresh('42')
      const ownedNow = cache.memoize(function (this: { db: string }, id: string) {
        return this.db + id
      })
      expectTypeOf(ownedNow.call({ db: 'a' }, '42')).toEqualTypeOf<Promise<string>>()
      // @ts-expect-error called without its this
      void ownedNow('42')
    })
  })

  test('of a synchronous overloaded function has each overload, asynchronous', () => {
    compiles((cache) => {
      const read = cache.memoize(readIt)
      expectTypeOf(read(1)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(read('a')).toEqualTypeOf<Promise<string>>()
      expectTypeOf(read('a', { all: true })).toEqualTypeOf<Promise<string[]>>()
      expectTypeOf(read.refresh(1)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(read.peek('a')).toEqualTypeOf<Promise<string | undefined>>()
      // @ts-expect-error no overload is like this
      void read(1, { all: true })
      // @ts-expect-error nor like this
      void read(true)
      // One of them gives a promise already.
      const mixed = cache.memoize(nowOrLater)
      expectTypeOf(mixed(1)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(mixed('a')).toEqualTypeOf<Promise<string>>()
      const last = cache.memoize(laterOrNow)
      expectTypeOf(last(1)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(last('a')).toEqualTypeOf<Promise<string>>()
    })
  })

  test('of a synchronous generic function has the constraints of its type parameters, and these where an async one stands around it', () => {
    compiles((cache) => {
      const first = <T extends object>(list: readonly T[]): T | undefined => list[0]
      const bare = cache.memoize(first)
      expectTypeOf(bare([{ a: 1 }])).toEqualTypeOf<Promise<object | undefined>>()
      // @ts-expect-error not what the generic allows
      void bare([1])
      const kept = cache.memoize(async <T extends object>(list: readonly T[]) => first(list), { name: 'first' })
      expectTypeOf(kept([{ a: 1 }])).toEqualTypeOf<Promise<{ a: number } | undefined>>()
      expectTypeOf(kept.refresh([{ a: 1 }])).toEqualTypeOf<Promise<{ a: number } | undefined>>()
      const ofNames = cache.memoize((list: readonly { name: string }[]) => first(list), { name: 'ofNames' })
      expectTypeOf(ofNames([{ name: 'a' }])).toEqualTypeOf<Promise<{ name: string } | undefined>>()
    })
  })

  test('wraps a function of unknown arguments', () => {
    compiles((cache) => {
      const wrap = <A extends unknown[], R>(load: (...args: A) => Promise<R>) => {
        const cached = cache.memoize(load, { name: 'wrapped', shouldCache: (_value, ..._args) => true })
        return {
          call: (...args: A): Promise<R> => cached(...args),
          refresh: (...args: A): Promise<R> => cached.refresh(...args),
          many: (calls: A[]) => cached.many(calls),
        }
      }
      expectTypeOf(wrap(async (id: string) => id.length).refresh).toEqualTypeOf<(id: string) => Promise<number>>()
      const wrapAny = <F extends (...args: any[]) => Promise<unknown>>(load: F, options: MemoizeOptions<F>): CachedFunction<F> => {
        const cached = cache.memoize(load, options)
        compiles(() => (...args: Parameters<F>) => [cached(...args), cached.peek(...args), cached.refresh(...args), cached.many([args])])
        return cached
      }
      expectTypeOf(wrapAny(async (id: string) => id.length, { key: (...args) => args }).peek('a')).toEqualTypeOf<
        Promise<number | undefined>
      >()
    })
  })

  test('has the original, a name, peek, refresh and stats', () => {
    compiles((cache) => {
      const getUser = cache.memoize(async (id: string) => ({ id }), { name: 'user' })
      expectTypeOf(getUser.original).toEqualTypeOf<(id: string) => Promise<{ id: string }>>()
      expectTypeOf(getUser.cacheName).toEqualTypeOf<string>()
      expectTypeOf(getUser.peek('42')).toEqualTypeOf<Promise<{ id: string } | undefined>>()
      expectTypeOf(getUser.refresh('42')).toEqualTypeOf<Promise<{ id: string }>>()
      expectTypeOf(getUser.stats()).toEqualTypeOf<FunctionStats>()
      expectTypeOf(getUser).toExtend<Clearable>()
      expectTypeOf(getUser).toEqualTypeOf<CachedFunction<(id: string) => Promise<{ id: string }>, [id: string]>>()
      // @ts-expect-error peek takes the arguments of the function, not a pattern
      void getUser.peek(any)
      // @ts-expect-error so does refresh
      void getUser.refresh()
      // @ts-expect-error the handle is not to be changed
      getUser.cacheName = 'other'
    })
  })

  test('is none if it is no function, or has an argument of no known type', () => {
    compiles((cache) => {
      // @ts-expect-error a value
      cache.memoize('user')
      // @ts-expect-error a promise
      cache.memoize(Promise.resolve(1))
      const untyped = cache.memoize(async (id) => id, { name: 'untyped' })
      // @ts-expect-error `id` is not any
      void untyped('42')
    })
  })
})

describe('a synchronous cached function', () => {
  test('stays synchronous', () => {
    compiles((cache) => {
      const length = cache.memoizeSync((text: string, base = 10) => text.length + base, { name: 'length' })
      expectTypeOf(length('a')).toEqualTypeOf<number>()
      expectTypeOf(length.peek('a')).toEqualTypeOf<number | undefined>()
      expectTypeOf(length.clear('a')).toEqualTypeOf<Promise<void>>()
      expectTypeOf(length).toExtend<CachedSyncFunction<(text: string, base?: number) => number>>()
      const first = cache.memoizeSync(<T>(list: readonly T[]): T | undefined => list[0], { name: 'first' })
      expectTypeOf(first(['a'])).toEqualTypeOf<string | undefined>()
      // @ts-expect-error an argument of another type
      void length.clear(1)
      // @ts-expect-error the base is a number
      void length('a', 'b')

      const read = cache.memoizeSync(readIt)
      expectTypeOf(read('a', { all: true })).toEqualTypeOf<string[]>()
      expectTypeOf(read.peek(1)).toEqualTypeOf<number | undefined>()
      expectTypeOf(read.clear('a', { all: true })).toEqualTypeOf<Promise<void>>()
      // @ts-expect-error of no overload
      void read.clear(1, { all: true })
    })
  })

  test('has no store, no codec, nothing that goes on behind its back, and no promise', () => {
    compiles((cache) => {
      const length = (text: string): number => text.length
      // @ts-expect-error in this process only
      cache.memoizeSync(length, { store: 'redis' })
      // @ts-expect-error
      cache.memoizeSync(length, { codec: 'json' })
      // @ts-expect-error
      cache.memoizeSync(length, { staleWhileRevalidate: '1m' })
      // @ts-expect-error
      cache.memoizeSync(length, { staleIfError: '1m' })
      // @ts-expect-error its rejection would be kept
      cache.memoizeSync(async (text: string) => text.length, { name: 'length' })
      // @ts-expect-error one of its overloads gives a promise
      cache.memoizeSync(nowOrLater)
      // @ts-expect-error nothing is refreshed
      void cache.memoizeSync(length).refresh('a')
    })
  })
})

describe('the arguments of ref, clear, expire and count', () => {
  test('are leading ones, and any for one in between', () => {
    compiles((cache) => {
      const listPosts = cache.memoize(async (author: string, page = 1, all?: boolean) => [author, page, all], { name: 'posts' })
      expectTypeOf(listPosts.ref()).toEqualTypeOf<Ref>()
      expectTypeOf(listPosts.ref('a', 2, true)).toEqualTypeOf<Ref>()
      expectTypeOf(listPosts.clear('a')).toEqualTypeOf<Promise<void>>()
      expectTypeOf(listPosts.expire(any, 2)).toEqualTypeOf<Promise<void>>()
      expectTypeOf(listPosts.count(any, any, true)).toEqualTypeOf<Promise<number>>()
      // The value undefined, which an absent argument has too.
      void listPosts.clear(undefined)
      void listPosts.clear('a', undefined, true)
      // @ts-expect-error an author is text
      void listPosts.clear(1)
      // @ts-expect-error a page is a number
      void listPosts.ref('a', 'b')
      // @ts-expect-error after any too
      void listPosts.expire(any, 'b')
      // @ts-expect-error there are three
      void listPosts.count('a', 2, true, 4)
      // @ts-expect-error null is not undefined
      void listPosts.clear(null)
      // @ts-expect-error any other symbol
      void listPosts.clear(Symbol('any'))
      // @ts-expect-error a ref is not an argument: that is for cache.clear
      void listPosts.clear(listPosts.ref('a'))
    })
  })

  test('are some properties of a plain object, at any depth', () => {
    compiles((cache) => {
      const search = cache.memoize(async (query: Query, options?: { deep: boolean }) => [query, options], { name: 'search' })
      search.ref({})
      search.ref({ where: {} })
      search.ref({ where: { author: { id: 1 } }, page: 2 })
      search.ref({ where: { author: any } })
      search.ref({ where: { author: { id: any, name: 'Ada' } } })
      search.ref({ where: { tags: ['a'] }, since: new Date(0), weights: new Map([['a', 1]]) })
      search.ref(any, { deep: true })
      search.ref(any, {})
      // @ts-expect-error no such property
      search.ref({ wher: {} })
      // @ts-expect-error nor there
      search.ref({ where: { author: { idd: 1 } } })
      // @ts-expect-error a number
      search.ref({ where: { author: { id: '1' } } })
      // @ts-expect-error a list is compared as a whole
      search.ref({ where: { tags: [any] } })
      // @ts-expect-error so is a Date
      search.ref({ since: {} })
      // @ts-expect-error and a Map
      search.ref({ weights: new Map([['a', any]]) })
      // @ts-expect-error text is no object
      search.ref('Ada')
      // @ts-expect-error nor is a list
      search.ref([])
      // @ts-expect-error of the second argument too
      search.ref(any, { deeep: true })
    })
  })

  test('are whole where an argument is an object of another kind: it has no properties to name', () => {
    class Money {
      readonly amount = 1
      toJSON(): number {
        return this.amount
      }
    }
    compiles((cache) => {
      const keep = cache.memoize(
        async (value: Date | URL | RegExp | Map<string, number> | Set<string> | Uint8Array | ArrayBuffer | Money) => value,
      )
      for (const value of [
        new Date(0),
        new URL('http://a/'),
        /a/,
        new Map<string, number>(),
        new Set<string>(),
        new Uint8Array(),
        new Money(),
      ]) {
        keep.ref(value)
      }
      keep.ref(any)
      // @ts-expect-error of a Date, a Map, a class
      keep.ref({})
      // @ts-expect-error
      keep.ref({ size: 1 })
      // @ts-expect-error
      keep.ref({ href: 'http://a/' })
      // @ts-expect-error
      keep.ref({ source: 'a' })
      // @ts-expect-error
      keep.ref({ byteLength: 1 })
      // @ts-expect-error
      keep.ref({ amount: 1 })
    })
  })

  test('are those of one kind where an argument is of several', () => {
    compiles((cache) => {
      const draw = cache.memoize(async (shape: { kind: 'circle'; radius: number } | { kind: 'box'; side: number } | string) => shape, {
        name: 'draw',
      })
      draw.ref({ kind: 'circle' })
      draw.ref({ side: 1 })
      draw.ref('blob')
      // @ts-expect-error no kind is like this
      draw.ref({ kind: 'star' })
      // @ts-expect-error
      draw.ref({ radius: '1' })
    })
  })

  test('are those of a list, a tuple, a recursive type and an unknown one', () => {
    interface Tree {
      value: number
      left?: Tree
    }
    compiles((cache) => {
      const sum = cache.memoize(async (label: string, ...numbers: number[]) => [label, numbers], { name: 'sum' })
      sum.ref('a', 1, 2, 3)
      sum.ref(any, any, 2)
      // @ts-expect-error
      sum.ref('a', 1, '2')
      const depth = cache.memoize(async (tree: Tree) => tree.value, { name: 'depth' })
      depth.ref({ left: { left: { value: 1 } } })
      // @ts-expect-error
      depth.ref({ left: { left: { value: '1' } } })
      const near = cache.memoize(async (point: readonly [x: number, y: number]) => point, { name: 'near' })
      near.ref([1, 2])
      // @ts-expect-error a tuple is compared as a whole
      near.ref([1])
      cache.memoize(async (value: unknown) => value, { name: 'whatever' }).ref({ a: 1 })
      const none = cache.memoize(async () => 1, { name: 'none' })
      none.ref()
      // @ts-expect-error it has no arguments
      none.ref(any)
    })
  })

  test('of a generic function are what it allows', () => {
    compiles((cache) => {
      const same = cache.memoize(async <T extends { id: string }>(value: T): Promise<T> => value, { name: 'same' })
      same.ref({ id: 'a' })
      // @ts-expect-error
      same.ref({ id: 1 })
    })
  })

  test('of an overloaded function are those of one overload', () => {
    compiles((cache) => {
      const find = cache.memoize(findByIdOrNames)
      find.ref(1)
      find.ref('a', 'b')
      find.ref(any, 'b')
      expectTypeOf(find.clear(1)).toEqualTypeOf<Promise<void>>()
      expectTypeOf(find.expire('a')).toEqualTypeOf<Promise<void>>()
      expectTypeOf(find.count(any)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(find.peek(1)).toEqualTypeOf<Promise<number | undefined>>()
      expectTypeOf(find.refresh('a', 'b')).toEqualTypeOf<Promise<string[]>>()
      expectTypeOf(find.many([[1], ['a', 'b']])).toEqualTypeOf<Promise<(number | string[])[]>>()
      // @ts-expect-error of none
      find.ref(true)
      // @ts-expect-error of two
      void find.clear(1, 'b')
      // @ts-expect-error
      void find.expire('a', 2)
      // @ts-expect-error
      void find.count({})
      // @ts-expect-error
      void find.peek(1, 'b')
      // @ts-expect-error
      void find.refresh(true)
      // @ts-expect-error
      void find.many([[1, 'b']])

      const read = cache.memoize(readIt)
      read.ref(any, { all: any })
      read.ref('a', {})
      // @ts-expect-error a number is read whole
      read.ref(1, { all: true })
      // @ts-expect-error no such property
      read.ref('a', { some: true })
    })
  })

  test('of a function with more than four overloads are those of the last four', () => {
    compiles((cache) => {
      const five = cache.memoize(oneOfFive)
      expectTypeOf(five('one')).toEqualTypeOf<Promise<1>>()
      five.ref('two')
      five.ref('five')
      // @ts-expect-error the first
      five.ref('one')
    })
  })

  test('of a method are those of its overloads', () => {
    compiles((cache) => {
      class Users {
        readonly db = 'a'
        find(id: number): Promise<number>
        find(name: string, page?: number): Promise<string>
        @cache.method({ name: 'users.find', shouldCache: (value) => value !== undefined, key: (id: number | string) => [id] })
        async find(id: number | string): Promise<unknown> {
          return id
        }
        page(id: number): Promise<number>
        page(name: string, page: number): Promise<string>
        @cache.method({ name: 'users.page', key: (id: number | string) => id })
        async page(id: number | string): Promise<unknown> {
          return id
        }
        // @ts-expect-error The parameters of `key` are not those of the method.
        @cache.method({ key: (name: string) => name })
        async either(id: number | string): Promise<unknown> {
          return id
        }
        async here(this: Users, id: string): Promise<string> {
          return this.db + id
        }
      }
      const users = new Users()
      const find = cachedFunction(users, 'find')
      find.ref(1)
      find.ref('a', 2)
      expectTypeOf(find.refresh(1)).toEqualTypeOf<Promise<number>>()
      // @ts-expect-error of two
      find.ref(1, 2)
      // @ts-expect-error of none
      void find.clear(true)
      // It is bound, so that nobody need say what `this` is.
      expectTypeOf(cachedFunction(users, 'here')('a')).toEqualTypeOf<Promise<string>>()
      expectTypeOf(cachedFunction(users, 'here').refresh('a')).toEqualTypeOf<Promise<string>>()
      // @ts-expect-error of another type
      cachedFunction(users, 'here').ref(1)
    })
  })

  test('have a name: PartialArgs of the function', () => {
    expectTypeOf<PartialArgs<(id: string, page?: number) => void>>().toEqualTypeOf<
      [id?: string | typeof any, page?: number | typeof any | undefined]
    >()
    expectTypeOf<[string]>().toExtend<PartialArgs<(id: string) => void>>()
    expectTypeOf<[number]>().not.toExtend<PartialArgs<(id: string) => void>>()
    expectTypeOf<[42]>().toExtend<PartialArgs<(id: string) => void, number>>()
    expectTypeOf<[1]>().toExtend<PartialArgs<typeof findByIdOrNames>>()
    expectTypeOf<[1, 2]>().not.toExtend<PartialArgs<typeof findByIdOrNames>>()
  })
})

describe('the option key', () => {
  test('gives the arguments of ref and clear: an array is the list, anything else a list of one', () => {
    compiles((cache) => {
      const show = cache.memoize(async (user: { id: string; tenant: number; log: () => void }) => user.id, {
        name: 'show',
        key: (user) => user.id,
      })
      show.ref('42')
      // @ts-expect-error not the function's own arguments
      show.ref({ id: '42' })
      // @ts-expect-error one
      show.ref('42', 1)

      const scoped = cache.memoize(async (user: { id: string; tenant: number }) => user.id, {
        name: 'scoped',
        key: (user) => [user.tenant, user.id],
      })
      scoped.ref(1)
      scoped.ref(any, '42')
      // @ts-expect-error in this order
      scoped.ref('42', 1)

      const named = cache.memoize(async (id: string) => id, { name: 'named', key: (id) => ({ id, kind: 'user' }) })
      named.ref({ id: '42' })
      named.ref({ kind: 'user' })
      // @ts-expect-error
      named.ref({ kind: 'post' })

      const sorted = cache.memoize(async (ids: string[]) => ids, { name: 'sorted', key: (ids) => ids.toSorted() })
      sorted.ref('a', 'b')
      // @ts-expect-error
      sorted.ref(['a', 'b'])

      const constant = cache.memoize(async (_signal: AbortSignal) => 1, { name: 'constant', key: () => [] })
      constant.ref()
      // @ts-expect-error
      constant.ref('42')
      // The function itself is called as before.
      expectTypeOf(show).parameters.toEqualTypeOf<[user: { id: string; tenant: number; log: () => void }]>()
      expectTypeOf(cache.memoizeSync((text: string) => text, { name: 'text', key: (text) => text.length }).ref(5)).toEqualTypeOf<Ref>()
    })
  })

  test('is given the arguments', () => {
    compiles((cache) => {
      cache.memoize(async (id: string, depth = 1) => id + depth, {
        key: (id, depth) => {
          expectTypeOf(id).toEqualTypeOf<string>()
          expectTypeOf(depth).toEqualTypeOf<number | undefined>()
          return id
        },
      })
      // @ts-expect-error of another type
      cache.memoize(async (id: string) => id, { key: (id: number) => id })
    })
  })

  test('is given the arguments of any overload', () => {
    compiles((cache) => {
      const find = cache.memoize(findByIdOrNames, { key: (id) => id })
      find.ref(1)
      find.ref('a')
      // @ts-expect-error one
      find.ref('a', 'b')
      // @ts-expect-error of none
      find.ref(true)
      const read = cache.memoize(readIt, {
        key: (of, options) => {
          expectTypeOf(of).toEqualTypeOf<number | string>()
          expectTypeOf(options).toEqualTypeOf<{ all: true } | undefined>()
          return [String(of)]
        },
      })
      read.ref('1')
      // @ts-expect-error not what the key gives
      read.ref(1)
      // @ts-expect-error of one overload alone
      cache.memoize(findByIdOrNames, { key: (id: number) => id })
    })
  })
})

describe('the options of a cached function', () => {
  test('are given its value and its arguments, typed', () => {
    compiles((cache) => {
      const getTeam = cache.memoize(async (id: string) => ({ id }), { name: 'team' })
      cache.memoize(async (id: string, depth: number) => ({ id, depth }), {
        ttl: (value, id, depth) => {
          expectTypeOf([value, id, depth] as const).toEqualTypeOf<readonly [{ id: string; depth: number }, string, number]>()
          return value.depth > 1 ? '5m' : 1000
        },
        shouldCache: (value, id) => value.id === id,
        dependsOn: (id) => [getTeam.ref(id), cache.tag('table:teams')],
      })
      cache.memoize((id: string) => id.length, { shouldCache: (value) => value > 1, dependsOn: [getTeam.ref()] })
      // @ts-expect-error a function is no ref
      cache.memoize(async (id: string) => id, { dependsOn: [getTeam] })
      // @ts-expect-error nor is a name
      cache.memoize(async (id: string) => id, { dependsOn: () => ['team'] })
      // @ts-expect-error not of this value
      cache.memoize(async (id: string) => id, { shouldCache: (value: number) => value > 1 })

      cache.memoize(findByIdOrNames, {
        ttl: (value, id) => {
          expectTypeOf([value, id] as const).toEqualTypeOf<readonly [number | string[], number | string]>()
          return '1m'
        },
        size: (value) => (typeof value === 'number' ? 8 : value.length),
        dependsOn: (id) => [cache.ref('row', id)],
        loadMany: async (calls) => {
          expectTypeOf(calls).toEqualTypeOf<(string[] | [id: number])[]>()
          return calls.map(([id]) => (typeof id === 'number' ? id : []))
        },
      })
      // @ts-expect-error of one overload alone
      cache.memoize(findByIdOrNames, { shouldCache: (value: number) => value > 1 })
      // @ts-expect-error so are its calls
      cache.memoize(findByIdOrNames, { loadMany: async (calls: string[][]) => calls })
    })
  })

  test('are none that do not exist, and of no other type', () => {
    compiles((cache) => {
      const getUser = async (id: string): Promise<string> => id
      // @ts-expect-error misspelled
      cache.memoize(getUser, { tttl: '5m' })
      // @ts-expect-error no such place
      cache.memoize(getUser, { store: 'disk' })
      const store = { get: async () => undefined, set: async () => {}, delete: async () => {}, close: async () => {} }
      cache.memoize(getUser, { store })
      // @ts-expect-error a store has four functions
      cache.memoize(getUser, { store: { get: store.get, set: store.set } })
      // @ts-expect-error of bytes
      cache.memoize(getUser, { store: { ...store, get: async () => 'text' } })
      // @ts-expect-error no such codec
      cache.memoize(getUser, { codec: 'xml' })
      // @ts-expect-error not a duration
      cache.memoize(getUser, { ttl: true })
      // @ts-expect-error a number of entries
      cache.memoize(getUser, { limit: '1000' })
      // @ts-expect-error
      cache.memoize(getUser, { name: 42 })
    })
    expectTypeOf<Duration>().toEqualTypeOf<number | string>()
  })
})

describe('a cache', () => {
  test('clears, expires and tracks refs, and nothing else', () => {
    compiles((cache) => {
      const getUser = cache.memoize(async (id: string) => id, { name: 'user' })
      expectTypeOf(cache.tag('table:users')).toEqualTypeOf<Ref>()
      expectTypeOf(cache.ref('user', '42', any)).toEqualTypeOf<Ref>()
      expectTypeOf(cache.clear(getUser.ref('42'), cache.tag('a'))).toEqualTypeOf<Promise<void>>()
      expectTypeOf(cache.expire(getUser.ref('42'))).toEqualTypeOf<Promise<void>>()
      expectTypeOf(cache.track(getUser.ref('42'))).toEqualTypeOf<void>()
      expectTypeOf(cache.flush()).toEqualTypeOf<Promise<void>>()
      expectTypeOf(cache.close()).toEqualTypeOf<Promise<void>>()
      // @ts-expect-error a name is no ref
      void cache.clear('user')
      // @ts-expect-error nor is a function
      void cache.clear(getUser)
      // @ts-expect-error nor a list of refs
      void cache.expire([getUser.ref('42')])
      // @ts-expect-error
      cache.track('table:users')
      // @ts-expect-error a tag is a name
      cache.tag(42)
    })
    expectTypeOf<Cache>().toExtend<AsyncDisposable>()
  })

  test('is created with the options that there are', () => {
    compiles((_cache) => {
      createCache()
      createCache({
        redis: false,
        prefix: 'app',
        ttl: '1h',
        limit: -1,
        maxStaleness: 500,
        commandTimeout: '1s',
        onError: (error) => error.code,
      })
      createCache({ redis: 'redis://127.0.0.1:6379', onError: (error) => expectTypeOf(error).toEqualTypeOf<CacheError>() })
      // @ts-expect-error a URL, a client or false
      createCache({ redis: true })
      // @ts-expect-error a URL, a client or false
      createCache({ redis: { host: '127.0.0.1' } })
      // @ts-expect-error misspelled
      createCache({ tttl: '1h' })
    })
    expectTypeOf<Redis>().toExtend<NonNullable<CacheOptions['redis']>>()
  })

  test('its refs are made by it, and not to be changed', () => {
    compiles((cache) => {
      const ref = cache.tag('a')
      expectTypeOf(ref.name).toEqualTypeOf<string>()
      // @ts-expect-error
      ref.name = 'b'
      // @ts-expect-error no ref by its looks
      void cache.clear({ name: 'user', text: '', exact: false })
    })
  })
})

test('an error has a code that can be told apart', () => {
  expectTypeOf<KeyError>().toExtend<CacheError>()
  expectTypeOf<UnsupportedError>().toExtend<CacheError>()
  compiles(() => {
    const { code } = new KeyError('x')
    // @ts-expect-error no such code
    return code === 'NOPE'
  })
})

function findByIdOrNames(id: number): Promise<number>
function findByIdOrNames(...names: string[]): Promise<string[]>
async function findByIdOrNames(...args: unknown[]): Promise<unknown> {
  return args
}

function readIt(id: number): number
function readIt(name: string): string
function readIt(name: string, options: { all: true }): string[]
function readIt(...args: unknown[]): any {
  return args[0]
}

function nowOrLater(id: number): Promise<number>
function nowOrLater(name: string): string
function nowOrLater(of: unknown): any {
  return of
}

function laterOrNow(id: number): number
function laterOrNow(name: string): Promise<string>
function laterOrNow(of: unknown): any {
  return of
}

function oneOfFive(id: 'one'): Promise<1>
function oneOfFive(id: 'two'): Promise<2>
function oneOfFive(id: 'three'): Promise<3>
function oneOfFive(id: 'four'): Promise<4>
function oneOfFive(id: 'five'): Promise<5>
async function oneOfFive(id: string): Promise<any> {
  return id
}
