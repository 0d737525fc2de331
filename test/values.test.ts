// Values over every place: in memory, in Redis, in both, and in a store of one's own, each comes back as it was, whatever it is.
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { structured, type CacheError, type Codec, type CodecOption, type MemoizeOptions } from '../src/index.ts'
import { newPrefix, newServer, until, type TestServer } from './redis/process.ts'
import { newClock } from './support/clock.ts'
import { newMapStore, type MapStore } from './support/stores.ts'
import { anything, differenceOf } from './support/value-graph.ts'

let server: TestServer
let prefix: string
let own: MapStore
let errors: CacheError[]

beforeAll(async () => {
  server = await newServer()
})
afterAll(() => server.stop())
beforeEach(() => {
  prefix = newPrefix()
  own = newMapStore()
  errors = []
})

type Given = MemoizeOptions<() => Promise<unknown>>

interface Place {
  readonly name: string
  readonly store: () => NonNullable<Given['store']>
  /** Whether values become bytes: all processes may then read them. */
  readonly isBytes: boolean
  /** Whether the objects themselves are kept as well. */
  readonly isMemory: boolean
}

const places: readonly Place[] = [
  { name: 'memory', store: () => 'memory', isBytes: false, isMemory: true },
  { name: 'redis', store: () => 'redis', isBytes: true, isMemory: false },
  { name: 'tiered', store: () => 'tiered', isBytes: true, isMemory: true },
  { name: 'own store', store: () => own, isBytes: true, isMemory: false },
]

function newCache(): Cache {
  const options = { redis: server.url, prefix, commandTimeout: '5s', onError: (error: CacheError) => void errors.push(error) }
  const cache = openCache(options, newClock().now)
  onTestFinished(() => cache.close())
  return cache
}

/** A function that gives what `make` makes, and how often it ran. */
function newSource(make: () => unknown): { give: () => Promise<unknown>; loads: () => number } {
  let loads = 0
  return { give: async () => (loads++, make()), loads: () => loads }
}

/** Resolves when the entry is in Redis or in the store. */
async function stored(): Promise<void> {
  await until(async () => own.bytes.size > 0 || (await server.plain.exists(keyOf())) === 1)
}

const keyOf = (): string => `${encodeURIComponent(prefix)}:value()`

async function spoil(change: (bytes: Buffer) => Buffer): Promise<void> {
  const there = own.bytes.get(keyOf())
  if (there !== undefined) own.bytes.set(keyOf(), change(Buffer.from(there)))
  else await server.plain.set(keyOf(), change((await server.plain.getBuffer(keyOf()))!), 'KEEPTTL')
}

describe.each(places)('$name', ({ store, isBytes, isMemory }) => {
  /** What a second call gives: of another process, where it can. */
  async function comesBack(
    make: () => unknown,
    codec: CodecOption = 'structured',
  ): Promise<{ first: unknown; second: unknown; loads: number }> {
    const { give, loads } = newSource(make)
    const options = { name: 'value', store: store(), codec }
    const cached = newCache().memoize(give, options)
    const first = await cached()
    if (isBytes) await stored()
    const again = isBytes ? newCache().memoize(give, options) : cached
    return { first, second: await again(), loads: loads() }
  }

  test.each([undefined, null, 0, -0, '', false, Number.NaN, 0n])('%o is a value and no miss', async (value) => {
    const { second, loads } = await comesBack(() => value)
    expect([Object.is(second, value), loads]).toEqual([true, 1])
  })

  test.each([undefined, null, 0, '', false])('%o is a value and no miss in JSON as well', async (value) => {
    const { second, loads } = await comesBack(() => value, 'json')
    expect([Object.is(second, value), loads]).toEqual([true, 1])
  })

  test('peek gives undefined for what is not stored, and a value for what is', async () => {
    const cached = newCache().memoize(async () => null, { name: 'value', store: store() })
    expect(await cached.peek()).toBeUndefined()
    await cached()
    expect(await cached.peek()).toBeNull()
  })

  test('values come back with their types, their cycles and what they share', async () => {
    class Money {
      readonly amount: bigint
      constructor(amount: bigint) {
        this.amount = amount
      }
    }
    const money = { class: Money, encode: ({ amount }: Money) => amount, decode: (amount: bigint) => new Money(amount) }
    const make = (): unknown => {
      const shared = [new Money(5n)]
      const value: Record<string, unknown> = {
        map: new Map<unknown, unknown>([[{ a: 1 }, new Set([undefined])]]),
        dates: [new Date(0), new Date(Number.NaN)],
        buffer: Buffer.from([0, 10, 255]),
        typed: new Float64Array([1.5, -0]),
        error: new TypeError('wrong', { cause: new RangeError('too far') }),
        pattern: /a/giu,
        url: new URL('https://example.org/?q=1'),
        numbers: [-0, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 70n],
        shared: [shared, shared],
      }
      value['self'] = value
      return value
    }
    const { first, second, loads } = await comesBack(make, structured({ classes: { Money: money } }))
    expect([first === second, loads]).toEqual([!isBytes, 1])
    const { self: _a, dates: firstDates, ...before } = first as Record<string, unknown>
    const { self, dates, ...after } = second as Record<string, unknown>
    expect([differenceOf(after, before), self === second]).toEqual([undefined, true])
    expect(dates).toEqual(firstDates)
  })

  test('any value is the same from memory and from bytes', async () => {
    const cache = newCache()
    const [one, two] = [cache, isBytes ? newCache() : cache]
    const values: unknown[] = []
    const give = async (index: number): Promise<unknown> => values[index]
    const options = { name: 'values', store: store(), ttl: '1h' } as const
    const write = one.memoize(give, options)
    const read = two === one ? write : two.memoize(give, options)
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        const index = values.push(value) - 1
        await write(index)
        expect(differenceOf(await read(index), value)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
    expect(errors).toEqual([])
  })

  test('a value that cannot be encoded reaches its callers all the same', async () => {
    const { give, loads } = newSource(() => ({ handlers: [() => 1] }))
    const cached = newCache().memoize(give, { name: 'value', store: store() })
    for (let call = 0; call < 2; call++) expect(await cached()).toEqual({ handlers: [expect.any(Function)] })
    expect(loads()).toBe(isMemory ? 1 : 2)
    if (!isBytes) return
    await until(() => errors.length === loads())
    expect(errors[0]).toMatchObject({ code: 'CODEC', message: expect.stringContaining('handlers.0 is a function') })
  })

  if (!isBytes) return

  test.each<[string, (bytes: Buffer) => Buffer, told?: string]>([
    ['garbage', () => Buffer.from('garbage'), 'is no entry: it has no header that can be read'],
    ['a header that was damaged', (bytes) => Buffer.from(bytes.toString().replace(/^(\S+) \d+/, '$1 x')), 'is no entry: it has no header'],
    // As while two releases run beside each other: nobody needs to hear of it.
    ['an older format', (bytes) => Buffer.from(bytes.toString().replace('cache-alchemy:2', 'cache-alchemy:1'))],
    ['a newer format', (bytes) => Buffer.from(bytes.toString().replace('cache-alchemy:2', 'cache-alchemy:12'))],
    [
      'a value in a form that its codec does not know',
      (bytes) => Buffer.concat([bytes.subarray(0, bytes.indexOf('\n') + 1), Buffer.of(1, 2, 3)]),
      '',
    ],
    ['a value that names a class nobody registered', (bytes) => Buffer.from(bytes.toString().replace(/\n.*$/s, '\n~["~:Money",5]')), ''],
  ])('an entry of %s is a miss, and the next one takes its place', async (_, change, told) => {
    const { give, loads } = newSource(() => 'the value')
    const options = { name: 'value', store: store() }
    await newCache().memoize(give, options)()
    await stored()
    await spoil(change)
    const other = newCache().memoize(give, options)
    expect([await other(), loads()]).toEqual(['the value', 2])
    const third = newCache().memoize(give, options)
    await until(async () => (await third.peek()) === 'the value')
    expect(loads()).toBe(2)
    for (const error of errors) expect(error).toMatchObject({ code: 'CODEC', message: expect.stringContaining(told ?? 'nothing') })
    expect(errors.length > 0).toBe(told !== undefined)
  })

  test('a `size` that fails of what another process has stored is told of, and that is served', async () => {
    const { give, loads } = newSource(() => 'the value')
    const options = { name: 'value', store: store() }
    await newCache().memoize(give, options)()
    await stored()
    const failing = newCache().memoize(give, { ...options, size: () => Number.NaN })
    expect([await failing(), await failing(), loads()]).toEqual(['the value', 'the value', 1])
    expect(errors[0]).toMatchObject({ code: 'CONFIG', cause: { message: expect.stringContaining('got NaN') } })
  })

  test("a codec of one's own that fails costs a load, and is told of", async () => {
    const failing: Codec = {
      encode: (value) => Buffer.from(String(value)),
      decode() {
        throw new TypeError('no such value')
      },
    }
    const { second, loads } = await comesBack(() => 'the value', failing)
    expect([second, loads]).toEqual(['the value', 2])
    expect(errors[0]).toMatchObject({ code: 'CODEC', cause: { message: 'no such value' } })
  })
})
