// Decorated methods: their `this`, their entries, their handle, and what is refused.
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { cachedFunction, ConfigError, createCache, UnsupportedError, type Cache, type CachedFunction, type Ref } from '../src/index.ts'
import { newGate } from './support/gate.ts'

let cache: Cache

beforeEach(() => {
  cache = createCache()
})

afterEach(() => cache.close())

/** A method in hand, without its object. */
function method(object: object, name: string): (id: string) => Promise<string> {
  return Reflect.get(object, name) as (id: string) => Promise<string>
}

/** A class with a database of its own, as users write them. */
function newUsers() {
  class Users {
    static readonly kind: string = 'users'
    readonly tenant: string
    loads = 0

    constructor(tenant = 'a') {
      this.tenant = tenant
    }

    @cache.method()
    async find(id: string): Promise<string> {
      this.loads++
      return `${this.tenant}:${id}:${this.loads}`
    }

    @cache.method({
      name: 'users.own',
      key(this: Users, id: string) {
        return [this.tenant, id]
      },
    })
    async own(id: string): Promise<string> {
      this.loads++
      return `${this.tenant}:${id}:${this.loads}`
    }

    @cache.method()
    static async describe(suffix: string): Promise<string> {
      return this.kind + suffix
    }

    @cache.method({ name: 'users.secret' })
    async #secret(id: string): Promise<string> {
      this.loads++
      return `${this.tenant}:${id}:${this.loads}`
    }

    async secretOf(id: string): Promise<string> {
      return this.#secret(id)
    }

    async clearSecret(id: string): Promise<void> {
      await cachedFunction(this.#secret).clear(id)
    }
  }
  return Users
}

function newPosts() {
  class Posts {
    @cache.method()
    async find(id: string): Promise<string> {
      return id
    }
  }
  return Posts
}

function newMisspelled() {
  class Users {
    // @ts-expect-error there is no such option
    @cache.method({ tll: 5 })
    async find(): Promise<number> {
      return 1
    }
  }
  return Users
}

/** Applies a decorator as TypeScript does with `experimentalDecorators`. */
function applyLegacy(decorate: unknown, target: object, name: string): void {
  const given = Object.getOwnPropertyDescriptor(target, name)!
  const descriptor = (decorate as (...args: unknown[]) => PropertyDescriptor | undefined)(target, name, given)
  Object.defineProperty(target, name, descriptor ?? given)
}

function descriptorOf<T>(value: T): TypedPropertyDescriptor<T> {
  return { value, writable: true, configurable: true }
}

/** A standard decorator on a member of some kind. */
function applied(decorate: unknown, kind: string): () => unknown {
  return () => (decorate as (...args: unknown[]) => unknown)(undefined, { kind, name: 'find', static: false, private: false })
}

describe('a decorated method', () => {
  test('runs with its object as `this`, once for equal arguments', async () => {
    const users = new (newUsers())()
    expect(await users.find('1')).toBe('a:1:1')
    expect(await users.find('1')).toBe('a:1:1')
    expect(await users.find('2')).toBe('a:2:2')
  })

  test('is shared by all instances', async () => {
    const Users = newUsers()
    const [one, other] = [new Users('a'), new Users('b')]
    expect(await one.find('1')).toBe('a:1:1')
    expect(await other.find('1')).toBe('a:1:1')
    expect(other.loads).toBe(0)
  })

  test('is kept for each instance that `key` tells apart, and cleared by what `key` gives', async () => {
    const Users = newUsers()
    const [one, other] = [new Users('a'), new Users('b')]
    expect([await one.own('1'), await other.own('1')]).toEqual(['a:1:1', 'b:1:1'])
    await cache.clear(cache.ref('users.own', 'a', '1'))
    expect([await one.own('1'), await other.own('1')]).toEqual(['a:1:2', 'b:1:1'])
  })

  test('shares one load between instances that ask at the same time', async () => {
    const gate = newGate()
    class Rows {
      loads = 0
      @cache.method()
      async row(): Promise<number> {
        this.loads++
        await gate.wait()
        return this.loads
      }
    }
    const [one, other] = [new Rows(), new Rows()]
    const both = Promise.all([one.row(), other.row()])
    await gate.reached()
    gate.open()
    expect(await both).toEqual([1, 1])
    expect(one.loads + other.loads).toBe(1)
  })

  test('may be static, and has the class that it is called on as `this`', async () => {
    const Users = newUsers()
    class Admins extends Users {
      static override readonly kind: string = 'admins'
    }
    expect(await Users.describe('!')).toBe('users!')
    expect(await Admins.describe('?')).toBe('admins?')
  })

  test('may be private', async () => {
    const users = new (newUsers())()
    expect([await users.secretOf('1'), await users.secretOf('1')]).toEqual(['a:1:1', 'a:1:1'])
    await users.clearSecret('1')
    expect(await users.secretOf('1')).toBe('a:1:2')
  })

  test('is found as a dependency of what calls it', async () => {
    const users = new (newUsers())()
    const page = cache.memoize(async (id: string) => `<p>${await users.find(id)}</p>`, { name: 'page' })
    expect(await page('1')).toBe('<p>a:1:1</p>')
    await cachedFunction(users, 'find').clear('1')
    expect(await page('1')).toBe('<p>a:1:2</p>')
  })

  test('calls a decorated method that it overrides, under a name of its own', async () => {
    const Users = newUsers()
    class Loud extends Users {
      @cache.method({ name: 'loud.find' })
      override async find(id: string): Promise<string> {
        return `${await super.find(id)}!`
      }
    }
    const loud = new Loud()
    expect([await loud.find('1'), await loud.find('1')]).toEqual(['a:1:1!', 'a:1:1!'])
    await cache.clear(cache.ref('find', '1'))
    expect(await loud.find('1')).toBe('a:1:2!')
  })

  test('becomes asynchronous where it is not', async () => {
    const decorate = cache.method({ name: 'length' }) as unknown as (fn: unknown, context: object) => (text: string) => Promise<number>
    const length = decorate((text: string) => text.length, { kind: 'method', name: 'length', static: false, private: false })
    const running = length.call({}, 'four')
    expect(running).toBeInstanceOf(Promise)
    expect(await running).toBe(4)
  })

  test('hands a rejection on unchanged and does not keep it', async () => {
    const failure = new Error('no row')
    class Rows {
      loads = 0
      @cache.method()
      async row(): Promise<number> {
        if (++this.loads === 1) throw failure
        return this.loads
      }
    }
    const rows = new Rows()
    await expect(rows.row()).rejects.toBe(failure)
    expect(await rows.row()).toBe(2)
  })

  test('stays a method of its class: one function, with its name and length, that no loop shows', () => {
    const Users = newUsers()
    expect(method(new Users(), 'find')).toBe(method(Users.prototype, 'find'))
    const { name, length } = method(Users.prototype, 'find')
    expect([name, length]).toEqual(['find', 1])
    expect(Object.keys(new Users())).toEqual(['tenant', 'loads'])
    expect(Object.getOwnPropertyDescriptor(Users.prototype, 'find')).toMatchObject({
      writable: true,
      enumerable: false,
      configurable: true,
    })
  })
})

describe('the name of a method', () => {
  test('is its own, which refs of other processes can use', async () => {
    const users = new (newUsers())()
    expect(cachedFunction(users, 'find').cacheName).toBe('find')
    await users.find('1')
    await cache.clear(cache.ref('find', '1'))
    expect(await users.find('1')).toBe('a:1:2')
  })

  test('is without its # where it is private', () => {
    class Rows {
      @cache.method()
      async #row(): Promise<number> {
        return 1
      }
      name(): string {
        return cachedFunction(this.#row).cacheName
      }
    }
    expect(new Rows().name()).toBe('row')
  })

  test('is refused where it is taken, with the way out', () => {
    newUsers()
    expect(newPosts).toThrow(ConfigError)
    expect(newPosts).toThrow(
      'Something named "find" is already cached here. Give this method a name of its own: @cache.method({ name: "users.find" }).',
    )
  })

  test('has to be given for a symbol', () => {
    const find = Symbol('find')
    const define = () => {
      class Rows {
        @cache.method()
        async [find](): Promise<number> {
          return 1
        }
      }
      return Rows
    }
    expect(define).toThrow(ConfigError)
    expect(define).toThrow('give `name`')
  })
})

describe('cachedFunction', () => {
  test('has what a cached function has', async () => {
    const users = new (newUsers())()
    const find = cachedFunction(users, 'find')
    expect([find.name, find.length, find.cacheName]).toEqual(['find', 1, 'find'])
    await users.find('1')
    expect([await find.count(), await find.peek('1')]).toEqual([1, 'a:1:1'])
    expect(String(find.ref('1'))).toBe(String(cache.ref('find', '1')))
    expect(find.stats()).toMatchObject({ loads: 1, misses: 1 })
    await find.expire('1')
    expect([await find.count(), await find.peek('1')]).toEqual([0, undefined])
    await find.clear()
    expect(await users.find('1')).toBe('a:1:2')
  })

  test('calls, refreshes and peeks with its object as `this`', async () => {
    const users = new (newUsers())()
    const own = cachedFunction(users, 'own')
    expect(await own.peek('1')).toBeUndefined()
    expect(await own.refresh('1')).toBe('a:1:1')
    expect([await own('1'), await own.peek('1')]).toEqual(['a:1:1', 'a:1:1'])
  })

  test('takes a static method, a getter, and what was put on a prototype by hand', async () => {
    class Rows {
      loads = 0
      async row(id: string): Promise<string> {
        return `${id}:${++this.loads}`
      }
      @cache.getter()
      get first(): string {
        return `first:${++this.loads}`
      }
      static {
        this.prototype.row = cache.memoize(this.prototype.row, { name: 'rows.row' })
      }
    }
    const rows = new Rows()
    expect([rows.first, await rows.row('1')]).toEqual(['first:1', '1:2'])
    expect(await cachedFunction(rows, 'row').refresh('1')).toBe('1:3')
    await Promise.all([cachedFunction(rows, 'row').clear(), cachedFunction(rows, 'first').clear()])
    expect([cachedFunction(rows, 'first')(), await rows.row('1')]).toEqual(['first:4', '1:5'])
    expect(cachedFunction(newUsers(), 'describe').cacheName).toBe('describe')
  })

  test('of a function is that function, typed by what its `key` gives if that is said', async () => {
    const users = new (newUsers())()
    const own = cachedFunction<typeof users.own, [tenant: string, id: string]>(method(users, 'own'))
    expect(own).toBe(method(users, 'own'))
    await users.own('1')
    await own.clear('b', '1')
    expect(await users.own('1')).toBe('a:1:1')
    await own.clear('a', '1')
    expect(await users.own('1')).toBe('a:1:2')
  })

  test('refuses what is not cached', () => {
    const users = new (newUsers())()
    expect(() => cachedFunction(users, 'secretOf')).toThrow(
      'Expected a cached function, such as a method decorated by @cache.method(), and "secretOf" is none.',
    )
    expect(() => cachedFunction(users, 'tenant')).toThrow(ConfigError)
    for (const wrong of [() => 1, undefined, null, users, {}])
      expect(() => cachedFunction(wrong as () => Promise<void>)).toThrow(ConfigError)
  })
})

describe('a method without its object', () => {
  const lost = 'The cached method "find" was called without its object. Call it on one, or bind it: cachedFunction(object, "find").'

  test('is refused, whether or not its result is stored', async () => {
    const users = new (newUsers())()
    const find = method(users, 'find')
    await expect(find('1')).rejects.toThrow(lost)
    await users.find('1')
    await expect(find('1')).rejects.toThrow(lost)
    await expect(find('1')).rejects.toBeInstanceOf(UnsupportedError)
  })

  test('is not refreshed, unless it is called with one', async () => {
    const users = new (newUsers())()
    const find = cachedFunction(method(users, 'find'))
    await expect(find.refresh('1')).rejects.toThrow(lost)
    expect(await find.refresh.call(users, '1')).toBe('a:1:1')
  })

  test('is peeked at where there is no `key` that may need it', async () => {
    const users = new (newUsers())()
    await users.find('1')
    expect(await cachedFunction(method(users, 'find')).peek('1')).toBe('a:1:1')
    await expect(cachedFunction(method(users, 'own')).peek('1')).rejects.toThrow(UnsupportedError)
  })

  test('has its class where it is static', async () => {
    const describe = method(newUsers(), 'describe')
    expect(await describe('!')).toBe('users!')
    expect(await cachedFunction(describe).refresh('!')).toBe('users!')
  })
})

describe('a class field', () => {
  test('is a cached function that all instances share, and gets `this`', async () => {
    const find = cache.memoize(
      async function (this: { tenant: string }, id: string) {
        return `${this.tenant}:${id}`
      },
      { name: 'users.find' },
    )
    class Users {
      tenant = 'a'
      find = find
    }
    expect([await new Users().find('1'), await new Users().find('1')]).toEqual(['a:1', 'a:1'])
    expect(find.stats().loads).toBe(1)
  })

  test('that caches for each instance gives the second one no second name', () => {
    class Users {
      find = cache.memoize(async (id: string) => id, { name: 'users.find' })
    }
    void new Users()
    expect(() => new Users()).toThrow(ConfigError)
  })
})

describe('a legacy decorator (experimentalDecorators)', () => {
  test('does the same', async () => {
    class Users {
      loads = 0
      async find(id: string): Promise<string> {
        return `${id}:${++this.loads}`
      }
      static async kind(): Promise<string> {
        return this.name
      }
      get total(): number {
        return ++this.loads
      }
    }
    applyLegacy(cache.method(), Users.prototype, 'find')
    applyLegacy(cache.method(), Users, 'kind')
    applyLegacy(cache.getter(), Users.prototype, 'total')
    const users = new Users()
    expect([await users.find('1'), await users.find('1')]).toEqual(['1:1', '1:1'])
    await expect(method(users, 'find')('1')).rejects.toThrow(UnsupportedError)
    expect(await method(Users, 'kind')('')).toBe('Users')
    expect([users.total, users.total]).toEqual([2, 2])
  })

  test('has a type', () => {
    const [find, size] = [descriptorOf(async (id: string) => id), descriptorOf((text: string) => text.length)]
    cache.method({ name: 'one' })({}, 'find', find)
    // @ts-expect-error A cached method returns a promise
    cache.method({ name: 'two' })({}, 'size', size)
    expect(Object.keys(cache.stats().functions)).toEqual(['one', 'two'])
  })
})

describe('a decorator in the wrong place', () => {
  test('is a ConfigError that says where it belongs', () => {
    expect(applied(cache.method(), 'field')).toThrow('@cache.method() is a decorator for a method, and "find" is a field.')
    expect(applied(cache.getter(), 'method')).toThrow('@cache.getter() is a decorator for a getter, and "find" is a method.')
    expect(() => (cache.method() as unknown as (fn: unknown) => unknown)(async () => 1)).toThrow(ConfigError)
    expect(() => (cache.method() as unknown as (...args: unknown[]) => unknown)({}, 'find')).toThrow(ConfigError)
  })

  test('is a ConfigError without its parentheses', () => {
    expect(() => (cache.method as (...args: unknown[]) => unknown)(async () => 1, { kind: 'method' })).toThrow(
      'write @cache.method(), with parentheses',
    )
    expect(() => (cache.getter as (...args: unknown[]) => unknown)({}, 'flags', {})).toThrow('write @cache.getter(), with parentheses')
  })

  test('or with an option that does not exist is a ConfigError', () => {
    expect(newMisspelled).toThrow(ConfigError)
    expect(() => cache.method({ tttl: 5 } as never)).toThrow(/^cache\.method has no option `tttl`\. It has: name, /)
    expect(() => cache.getter({ tttl: 5 } as never)).toThrow(/^cache\.getter has no option `tttl`\. It has: name, /)
    for (const wrong of [null, 'users.find', [5]]) {
      expect(() => cache.method(wrong as never)).toThrow(ConfigError)
      expect(() => cache.getter(wrong as never)).toThrow(ConfigError)
    }
  })
})

describe('types', () => {
  test('a decorated method keeps its own, and cachedFunction adds the handle', () => {
    class Users {
      @cache.method({ ttl: (user: { admin: boolean }) => (user.admin ? '1m' : '1h') })
      async find(id: string, _page?: number): Promise<{ admin: boolean }> {
        return { admin: id === '1' }
      }
      @cache.method()
      async same<T>(value: T): Promise<T> {
        return value
      }
    }
    const users = new Users()
    expectTypeOf(users.find).toEqualTypeOf<(id: string, _page?: number) => Promise<{ admin: boolean }>>()
    expectTypeOf(cachedFunction(users, 'find')).toEqualTypeOf<CachedFunction<typeof users.find>>()
    expectTypeOf(cachedFunction(users, 'find').refresh).returns.toEqualTypeOf<Promise<{ admin: boolean }>>()
    expectTypeOf(cachedFunction(users, 'find').ref('1', 2)).toEqualTypeOf<Ref>()
    expectTypeOf(cachedFunction(users, 'same')(3 as const)).toEqualTypeOf<Promise<3>>()
    // @ts-expect-error an id is a string
    expect(() => cachedFunction(users, 'find').ref(1)).not.toThrow()
    // @ts-expect-error what is not a function is no method
    expect(() => cachedFunction('find')).toThrow(ConfigError)
  })

  test('a synchronous method is refused, and so is a `key` for other arguments', () => {
    class Users {
      // @ts-expect-error A cached method returns a promise
      @cache.method()
      size(text: string): number {
        return text.length
      }
      // @ts-expect-error A cached method returns a promise, always
      @cache.method()
      maybe(text: string): string | Promise<string> {
        return text
      }
      // @ts-expect-error The parameters of `key` are not those of the method.
      @cache.method({ key: (id: number) => id })
      async find(id: string): Promise<string> {
        return id
      }
    }
    expect(Users).toBeTypeOf('function')
  })
})
