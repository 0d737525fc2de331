import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { cachedFunction } from '../src/cached-function.ts'
import { CodecError, ConfigError, UnsupportedError, type CacheError } from '../src/errors.ts'
import { structured } from '../src/index.ts'
import { newWorld } from './redis/world.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

let cache: Cache
let errors: CacheError[]

beforeEach(() => {
  errors = []
  cache = openCache({ redis: false, onError: (error) => errors.push(error) }, newClock().now)
})

class Money {
  readonly amount: number

  constructor(amount: number) {
    this.amount = amount
  }
}

const rich = () => ({
  map: new Map([['a', new Set([1])]]),
  at: new Date(5),
  bytes: Uint8Array.of(1, 2),
  big: 1n,
  nothing: undefined,
  list: [{ names: ['Ada'] }],
})

/** A value that contains itself. */
function newRing(): { self?: unknown; list: unknown[] } {
  const ring: { self?: unknown; list: unknown[] } = { list: [{ deep: true }] }
  ring.self = ring
  return ring
}

test('`isolate` is one of three', () => {
  expect(() => cache.memoize(async () => 1, { name: 'row', isolate: true as never })).toThrow(ConfigError)
  expect(() => cache.memoize(async () => 1, { name: 'row', isolate: 'clone' as never })).toThrow(
    'Expected `isolate` to be one of "freeze", "copy", got "clone".',
  )
})

describe('isolate: "copy"', () => {
  test('gives every caller a value of its own, with its types: who loads, who joins, who hits, who peeks', async () => {
    const gate = newGate()
    const source = rich()
    const read = cache.memoize(
      async () => {
        await gate.wait()
        return source
      },
      { name: 'row', isolate: 'copy' },
    )
    const calls = [read(), read(), read.many([[], []])] as const
    gate.open()
    const [led, joined, many] = await Promise.all(calls)
    const all = [source, led, joined, ...many, await read(), (await read.peek())!, await read.refresh(), await read()]
    expect(new Set(all).size).toBe(all.length)
    expect(new Set(all.map(({ map }) => map)).size).toBe(all.length)
    expect(new Set(all.map(({ bytes }) => bytes.buffer)).size).toBe(all.length)
    for (const value of all) expect(value).toStrictEqual(rich())
  })

  test('keeps the entry from what the function and its callers change', async () => {
    const source = rich()
    const read = cache.memoize(async () => source, { name: 'row', isolate: 'copy' })
    for (const value of [await read(), await read(), source]) {
      value.map.clear()
      value.bytes.fill(9)
      value.list[0]!.names.push('Grace')
    }
    expect(await read()).toStrictEqual(rich())
  })

  test('gives a value that cannot be copied to all who waited, does not store it, and tells onError', async () => {
    const money = new Money(5)
    let loads = 0
    const read = cache.memoize(
      async () => {
        loads++
        return money
      },
      { name: 'row', isolate: 'copy' },
    )
    const [led, joined] = await Promise.all([read(), read()])
    expect([led, joined]).toEqual([money, money])
    expect(led).toBe(money)
    expect([loads, await read.peek(), errors.length]).toEqual([1, undefined, 1])
    expect(errors[0]).toBeInstanceOf(CodecError)
    expect(errors[0]!.message).toContain('Money')
    expect(await read()).toBe(money)
    expect(loads).toBe(2)
  })

  test('copies by a codec of the function’s own, which may know its classes and hand out its bytes', async () => {
    const codec = structured({
      classes: { Money: { class: Money, encode: ({ amount }) => amount, decode: (amount: number) => new Money(amount) } },
    })
    const read = cache.memoize(async () => new Money(5), { name: 'row', isolate: 'copy', codec })
    const [first, second] = [await read(), await read()]
    expect([first, second]).toEqual([new Money(5), new Money(5)])
    expect(first).not.toBe(second)
    const bytes = Uint8Array.of(1, 2, 3)
    const same = { encode: (value: unknown) => value as Uint8Array, decode: (given: Uint8Array) => given }
    const raw = cache.memoize(async () => bytes, { name: 'raw', isolate: 'copy', codec: same })
    for (const value of [bytes, await raw(), await raw()]) value.fill(9)
    expect(await raw()).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('keeps undefined, null and the rest apart from nothing', async () => {
    for (const value of [undefined, null, 0, '', false, Number.NaN]) {
      const read = cache.memoize(async () => value, { name: `row ${String(value)}${typeof value}`, isolate: 'copy' })
      expect([await read(), await read(), await read.peek(), read.stats().loads]).toEqual([value, value, value, 1])
    }
  })

  test('counts towards `maxBytes` with its serialised form, or what `size` says of the value', async () => {
    const small = openCache({ redis: false, maxBytes: 1000 }, newClock().now)
    const text = small.memoize(async (_id: number) => 'x'.repeat(400), { name: 'text', isolate: 'copy' })
    for (const id of [1, 2, 3]) await text(id)
    expect(await text.count()).toBe(2)
    const sized = openCache({ redis: false, maxBytes: 1000 }, newClock().now)
    const rows = sized.memoize(async (id: number) => [id], { name: 'rows', isolate: 'copy', size: ([id]) => id! })
    for (const id of [600, 300, 200]) await rows(id)
    expect([await rows.peek(600), await rows.peek(300)]).toEqual([undefined, [300]])
  })

  test('holds for synchronous functions and getters', async () => {
    const source = rich()
    const read = cache.memoizeSync(() => source, { name: 'sync', isolate: 'copy' })
    const all = [source, read(), read(), read.peek()!]
    expect(new Set(all).size).toBe(4)
    for (const value of all) expect(value).toStrictEqual(rich())

    class Config {
      @cache.getter({ isolate: 'copy' })
      get flags() {
        return source
      }
      @cache.getter({ isolate: 'copy' })
      get later() {
        return Promise.resolve(source)
      }
    }
    const config = new Config()
    const plain = [source, config.flags, config.flags]
    const later = [source, await config.later, await config.later]
    expect([new Set(plain).size, new Set(later).size]).toEqual([3, 3])
    for (const value of [...plain, ...later]) expect(value).toStrictEqual(rich())
    await cachedFunction(config, 'flags').clear()
    expect(config.flags).toStrictEqual(rich())
  })
})

describe('isolate: "freeze"', () => {
  test('gives the value itself, frozen to its depths, cycles and symbols included', async () => {
    const name = Symbol('name')
    const source = { ...newRing(), [name]: { inner: [1] }, money: new Money(1), fails: new Error('kept') }
    const read = cache.memoize(async () => source, { name: 'row', isolate: 'freeze' })
    const [led, joined] = await Promise.all([read(), read()])
    expect([led, joined, await read()].every((value) => value === source)).toBe(true)
    for (const part of [source, source.list, source.list[0], source[name], source[name].inner, source.money, source.fails]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(() => source.list.push(1)).toThrow(TypeError)
  })

  test('does not ask getters, nor freeze functions', async () => {
    let asked = 0
    const run = () => 1
    const source = {
      run,
      get costly() {
        return ++asked
      },
    }
    await cache.memoize(async () => source, { name: 'row', isolate: 'freeze' })()
    expect([asked, Object.isFrozen(run), Object.isFrozen(source)]).toEqual([0, false, true])
  })

  test.each<[string, object]>([
    ['Map', new Map()],
    ['Set', new Set()],
    ['Date', new Date(0)],
    ['RegExp', /a/g],
    ['Uint8Array', Buffer.from('a')],
    ['ArrayBuffer', new ArrayBuffer(1)],
    ['URL', new URL('http://localhost')],
  ])('gives a value with a %s in it as it is, unfrozen and not stored, and tells onError', async (kind, part) => {
    const source = { first: {}, parts: [part] }
    const read = cache.memoize(async () => source, { name: 'row', isolate: 'freeze' })
    expect(await read()).toBe(source)
    expect([Object.isFrozen(source), Object.isFrozen(source.first), await read.peek()]).toEqual([false, false, undefined])
    expect(errors).toEqual([expect.any(UnsupportedError)])
    expect(errors[0]!.message).toBe(
      `\`isolate: "freeze"\` was given a value with a ${kind} in it, which cannot be frozen. It reaches its caller and is not stored: use \`isolate: "copy"\`.`,
    )
  })
})

describe('with Redis', () => {
  const world = newWorld()

  function newNode() {
    const node = openCache(
      { redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, onError: (error) => errors.push(error) },
      () => performance.now(),
    )
    onTestFinished(() => node.close())
    return node
  }

  test.each(['structured', 'json'] as const)('what another process stored as %s is frozen or copied too', async (codec) => {
    const load = async () => ({ list: [{ name: 'Ada' }] })
    const before = newNode()
    for (const isolate of ['freeze', 'copy'] as const) await before.memoize(load, { name: isolate, isolate, codec })()
    await before.close()
    const after = newNode()
    const freeze = after.memoize(load, { name: 'freeze', isolate: 'freeze', codec })
    const copy = after.memoize(load, { name: 'copy', isolate: 'copy', codec })
    const given = await freeze()
    expect([given, Object.isFrozen(given.list[0]), freeze.stats().loads]).toEqual([await load(), true, 0])
    const copies = [await copy(), await copy()]
    copies[0]!.list.pop()
    expect([copies[1], await copy(), copy.stats().loads]).toEqual([await load(), await load(), 0])
    expect(errors).toEqual([])
  })
})
