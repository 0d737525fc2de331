import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCache } from '../src/cache.ts'
import { ConfigError, KeyError, UnsupportedError } from '../src/errors.ts'
import { flatText } from '../src/flat-key.ts'
import { newWorld } from './redis/world.ts'
import { anyArguments, twoArguments } from './support/arguments.ts'
import { newClock } from './support/clock.ts'
import { isSameCall } from './support/meaning.ts'

class Row {
  readonly id = 1
}

describe('the flat text of arguments', () => {
  test('is never that of other arguments', () => {
    fc.assert(
      fc.property(twoArguments, ([a, b]) => {
        if (!isSameCall(a, b)) expect(flatText(a)).not.toBe(flatText(b))
      }),
      { numRuns: 5000 },
    )
  })

  test('is the same for the same arguments in the same order', () => {
    fc.assert(
      fc.property(anyArguments, (args) => {
        expect(flatText([...args, undefined])).toBe(flatText(args))
      }),
    )
    expect(flatText([{ a: 1, b: 2 }])).not.toBe(flatText([{ b: 2, a: 1 }]))
  })

  const alike: unknown[][] = [
    ['x'],
    [['x']],
    ['["x"]'],
    ['~"x"'],
    [{ x: undefined }],
    [{}],
    [{ x: null }],
    [{ x: Number.NaN }],
    [[null]],
    [[undefined]],
    [null],
    [],
    [new Date(0)],
    ['1970-01-01T00:00:00.000Z'],
    [new Map()],
    [new Set()],
    [Uint8Array.of(1)],
    [{ 0: 1 }],
    [[1]],
    [1n],
    [1],
    ['1'],
    ['x'.repeat(300)],
    [`${'x'.repeat(299)}y`],
    [['x'.repeat(300)]],
  ]
  test('tells apart what JSON writes alike', () => {
    expect(new Set(alike.map(flatText)).size).toBe(alike.length)
  })

  test.each<[string, unknown]>([
    ['a hole beside a property', Object.assign(Array.from({ length: 1 }), { length: 2, name: 1 })],
    ['a property beside its elements', Object.assign([1], { name: 1 })],
    ['a property named by a symbol', { [Symbol('name')]: 1 }],
    ['a function', { run: () => 1 }],
    ['a class instance', new Row()],
  ])('does not pass over %s', async (_, value) => {
    const cache = openCache({ redis: false }, newClock().now)
    const read = cache.memoize(async (_: unknown) => 1, { name: 'row', strict: false })
    await expect(read(value)).rejects.toThrow(KeyError)
  })
})

describe('strict: false', () => {
  const newCache = () => openCache({ redis: false }, newClock().now)
  const load = async (query: { id: string; page?: number }) => ({ ...query })

  test('keeps each call by itself, and what differs only in the order of properties at most twice', async () => {
    const read = newCache().memoize(load, { name: 'row', strict: false })
    const first = await read({ id: '1', page: 1 })
    expect(await read({ id: '1', page: 1 })).toBe(first)
    expect(await read({ id: '1', page: 2 })).toEqual({ id: '1', page: 2 })
    expect(await read({ page: 1, id: '1' })).toEqual(first)
    expect([read.stats().loads, await read.count(), await read.peek({ id: '1', page: 1 })]).toEqual([3, 3, first])
  })

  test('clears all of the function, and everything that was computed from any of its calls', async () => {
    const cache = newCache()
    const read = cache.memoize(load, { name: 'row', strict: false })
    const page = cache.memoize(async (id: string) => (await read({ id })).id, { name: 'page' })
    for (const clear of [() => read.clear(), () => cache.clear(read.ref()), () => cache.clear(cache.ref('row', { id: 'other' }))]) {
      await Promise.all([page('1'), page('2')])
      expect([await read.count(), await page.count()]).toEqual([2, 2])
      await clear()
      expect([await read.count(), await page.count()]).toEqual([0, 0])
    }
  })

  test('has no refs of some arguments: they do not compile, and are an UnsupportedError that says so', async () => {
    const read = newCache().memoize(load, { name: 'row', strict: false })
    const sync = newCache().memoizeSync((id: string) => id, { name: 'sync', strict: false })
    const message =
      'The keys of "row" are flat, by `strict: false`: no ref names some of its arguments. Clear all of it with clear(), or leave `strict` out.'
    // @ts-expect-error no arguments
    expect(() => read.ref({ id: '1' })).toThrow(new UnsupportedError(message))
    // @ts-expect-error no arguments
    await expect(read.clear({ id: '1' })).rejects.toThrow(new UnsupportedError(message))
    // @ts-expect-error no arguments
    await expect(read.expire({ id: '1' })).rejects.toThrow(UnsupportedError)
    // @ts-expect-error no arguments
    await expect(read.count(undefined)).rejects.toThrow(UnsupportedError)
    // @ts-expect-error no arguments
    await expect(sync.clear('1')).rejects.toThrow(UnsupportedError)
    await read.expire()
  })

  test('goes with `key`, signals, and synchronous functions', async () => {
    const cache = newCache()
    const byId = cache.memoize(load, { name: 'byId', strict: false, key: ({ id }) => ({ id }) })
    expect(await byId({ id: '1', page: 1 })).toBe(await byId({ id: '1', page: 2 }))
    const signalled = cache.memoize(async (_query: object, _signal?: AbortSignal) => ({}), { name: 'signalled', strict: false })
    const { signal } = new AbortController()
    expect(await signalled({ id: '1', signal }, signal)).toBe(await signalled({ id: '1' }))
    const sync = cache.memoizeSync((...ids: unknown[]) => ({ ids }), { name: 'sync', strict: false })
    expect([sync(1, 'a') === sync(1, 'a'), sync(1, 'a') === sync('1', 'a'), sync('a') === sync('a', undefined)]).toEqual([
      true,
      false,
      true,
    ])
  })

  test('is true or false', () => {
    expect(() => newCache().memoize(load, { name: 'row', strict: 'no' as never })).toThrow(
      new ConfigError('Expected `strict` to be true or false, got "no".'),
    )
  })

  describe('with Redis', () => {
    const world = newWorld()

    test('shares entries and clears with other processes, and counts each once', async () => {
      const nodes = [1, 2].map(() =>
        openCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000 }, () => performance.now()),
      )
      onTestFinished(async () => void (await Promise.all(nodes.map((node) => node.close()))))
      const [a, b] = nodes.map((node) => node.memoize(load, { name: 'row', strict: false }))
      await a!.many([[{ id: '1' }], [{ id: '2' }]])
      await nodes[0]!.close()
      expect([await b!({ id: '1' }), b!.stats().loads, await b!.count()]).toEqual([{ id: '1' }, 0, 2])
      await b!.clear()
      expect([await b!.count(), await b!({ id: '1' }), b!.stats().loads]).toEqual([0, { id: '1' }, 1])
    })
  })
})
