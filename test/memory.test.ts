import { inspect } from 'node:util'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Budget } from '../src/budget.ts'
import { openCache, type Cache } from '../src/cache.ts'
import { Entry } from '../src/entry.ts'
import { stringOf } from '../src/label.ts'
import type { MemoizeOptions } from '../src/memoize-options.ts'
import { Memory } from '../src/memory.ts'
import { newClock, type Clock } from './support/clock.ts'
import { collected } from './support/garbage.ts'

let clock: Clock
let cache: Cache

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false }, clock.now)
})

type Square = (n: number) => Promise<number>

function newSquare(options: Pick<MemoizeOptions<Square>, 'limit' | 'ttl' | 'staleWhileRevalidate'> = {}) {
  return cache.memoize(async (n: number) => n * n, { name: 'square', ...options })
}

/** Which of these calls are stored. */
async function stored(square: ReturnType<typeof newSquare>, upTo: number): Promise<number[]> {
  const found = await Promise.all(Array.from({ length: upTo }, (_, n) => square.peek(n)))
  return found.flatMap((value, n) => (value === undefined ? [] : [n]))
}

describe('limit', () => {
  test('is the number of entries of a function: the least recently used goes first', async () => {
    const square = newSquare({ limit: 3 })
    for (const n of [0, 1, 2]) await square(n)
    await square(0)
    await square(3)
    expect(await stored(square, 5)).toEqual([0, 2, 3])
    await square(4)
    expect(await stored(square, 5)).toEqual([0, 3, 4])
    expect(square.stats()).toMatchObject({ loads: 5, hits: 1, evictions: 2 })
  })

  test('is of one function: others keep theirs', async () => {
    const square = newSquare({ limit: 1 })
    const cube = cache.memoize(async (n: number) => n ** 3, { name: 'cube' })
    for (const n of [1, 2, 3]) await Promise.all([square(n), cube(n)])
    expect([await square.count(), await cube.count()]).toEqual([1, 3])
  })

  test('counts a hit as a use; peek and count are none', async () => {
    const square = newSquare({ limit: 2 })
    await square(0)
    await square(1)
    await square.peek(0)
    await square.count()
    await square(2)
    expect(await stored(square, 3)).toEqual([1, 2])
  })

  test('holds for synchronous functions as well', async () => {
    const square = cache.memoizeSync((n: number) => n * n, { name: 'square', limit: 2 })
    for (const n of [0, 1]) square(n)
    square.peek(0)
    square(2)
    expect([0, 1, 2].map((n) => square.peek(n))).toEqual([undefined, 1, 4])
  })

  test('0 stores nothing', async () => {
    const square = newSquare({ limit: 0 })
    await square(2)
    await square(2)
    expect([await square.count(), square.stats()]).toEqual([0, expect.objectContaining({ loads: 2, hits: 0, evictions: 0 })])
  })

  test.each([-1, Number.POSITIVE_INFINITY])('%d is no bound', async (limit) => {
    const square = newSquare({ limit })
    for (let n = 0; n < 3000; n++) await square(n)
    expect([await square.count(), square.stats().evictions]).toEqual([3000, 0])
  })

  test("is the cache's where a function gives none: 1000 where that gives none either", async () => {
    const square = newSquare()
    for (let n = 0; n < 1010; n++) await square(n)
    expect([await square.count(), square.stats().evictions]).toEqual([1000, 10])
    cache = openCache({ redis: false, limit: 5 }, clock.now)
    const five = newSquare()
    for (let n = 0; n < 10; n++) await five(n)
    expect(await five.count()).toBe(5)
  })

  test('may be large without taking the room before there are entries', () => {
    const before = process.memoryUsage().rss
    for (const limit of [10_000_000, 1_000_000_000, Number.MAX_SAFE_INTEGER])
      cache.memoize(async (n: number) => n, { name: `f${limit}`, limit })
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
  })
})

describe('without a bound', () => {
  test.each([0, 60_000])(
    'what is past its time goes as others come, with a stale window of %d ms as well',
    async (staleWhileRevalidate) => {
      const square = newSquare({ limit: -1, ttl: 1000, staleWhileRevalidate })
      const released: WeakRef<object>[] = []
      const hold = cache.memoize(
        async (_n: number) => {
          const value = { large: true }
          released.push(new WeakRef(value))
          return value
        },
        { name: 'hold', limit: -1, ttl: 1000, staleWhileRevalidate },
      )
      for (let n = 0; n < 100; n++) await hold(n)
      clock.advance(1000 + staleWhileRevalidate)
      for (let n = 100; n < 300; n++) await hold(n)
      const kept = async (): Promise<number> => {
        await collected()
        return released.slice(0, 100).filter((it) => it.deref() !== undefined).length
      }
      await expect.poll(kept).toBe(0)
      expect([await hold.count(), await square.count()]).toEqual([200, 0])
    },
  )

  test('what lives for ever does not keep what is past its time', async () => {
    const released: WeakRef<object>[] = []
    const hold = cache.memoize(
      async (_n: number) => {
        const value = { large: true }
        released.push(new WeakRef(value))
        return value
      },
      { name: 'hold', limit: -1, ttl: (_value, n) => (n % 10 === 0 ? -1 : 1000) },
    )
    for (let n = 0; n < 100; n++) await hold(n)
    clock.advance(1000)
    for (let n = 100; n < 300; n++) await hold(n)
    await collected()
    expect(released.slice(0, 100).filter((it) => it.deref() !== undefined)).toHaveLength(10)
  })

  test('what was cleared goes as others come', async () => {
    const square = newSquare({ limit: -1 })
    for (let n = 0; n < 100; n++) await square(n)
    await square.clear()
    for (let n = 100; n < 300; n++) await square(n)
    expect(square.stats()).toMatchObject({ cleared: 100, evictions: 0 })
  })
})

test('whatever is taken, put, replaced and dropped in whatever order, the one that was used longest ago goes first', () => {
  const key = fc.constantFrom(...KEYS)
  const act = fc.oneof(
    fc.record({ kind: fc.constantFrom('get' as const, 'set' as const, 'delete' as const), key }),
    fc.constant({ kind: 'evict' as const, key: '' }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const memory = new Memory<number>({ limit: 3, budget: new Budget(100), onEvict: () => {}, isDead: () => false })
      let model: string[] = []
      for (const it of acts) {
        const isThere = model.includes(it.key)
        if (it.kind === 'evict') memory.evictOldest()
        else if (it.kind === 'get') expect(memory.get(it.key) !== undefined).toBe(isThere)
        else if (it.kind === 'delete') remove(memory, it.key)
        else memory.set(newEntry(it.key))
        const rest = model.filter((other) => other !== it.key)
        if (it.kind === 'set' || (it.kind === 'get' && isThere)) model = [...rest, it.key].slice(-3)
        else if (it.kind === 'delete') model = rest
        else if (it.kind === 'evict') model = model.slice(1)
        expect(Array.from(memory.entries(), (each) => each.key).toSorted()).toEqual(model.toSorted())
        expect(memory.bytes).toBe(model.length)
      }
      const order: string[] = []
      for (let left = Array.from(memory.entries()); left.length > 0; left = Array.from(memory.entries())) {
        memory.evictOldest()
        order.push(...left.map((each) => each.key).filter((each) => memory.peek(each) === undefined))
      }
      expect(order).toEqual(model)
    }),
  )
})

test('what is of no use goes as others come, and takes nothing with it that was put in its place', () => {
  const act = fc.record({ kind: fc.constantFrom('get', 'set', 'set', 'delete', 'kill'), key: fc.constantFrom(...KEYS) })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const dead = new WeakSet<object>()
      const memory = new Memory<number>({
        limit: Infinity,
        budget: new Budget(100),
        onEvict: () => {},
        isDead: (entry) => entry.bytes === 0 || dead.has(entry),
      })
      const alive = new Map<string, Entry<number>>()
      for (const { kind, key } of acts) {
        if (kind === 'get') memory.get(key)
        else if (kind === 'set') {
          const entry = newEntry(key)
          memory.set(entry)
          alive.set(key, entry)
        } else {
          if (kind === 'delete') remove(memory, key)
          const entry = memory.peek(key)
          if (entry !== undefined) dead.add(entry)
          alive.delete(key)
        }
        for (const [each, entry] of alive) expect(memory.peek(each)).toBe(entry)
        expect(memory.bytes).toBe(Array.from(memory.entries()).length)
      }
      for (let n = 0; n < 10; n++) memory.set(newEntry('other'))
      expect(Array.from(memory.entries(), (each) => each.key).toSorted()).toEqual(
        Array.from(new Set([...alive.keys(), 'other'])).toSorted(),
      )
    }),
    { numRuns: 1000 },
  )
})

test('what is of no use goes as others come, though the one that is looked at next is used each time', () => {
  const old = newEntry('old')
  let isOver = false
  let looked: Entry<number> | undefined
  const isDead = (entry: Entry<number>): boolean => {
    looked = entry
    return isOver && entry === old
  }
  const memory = new Memory<number>({ limit: Infinity, budget: new Budget(100), onEvict: () => {}, isDead })
  const order: Entry<number>[] = []
  const put = (entry: Entry<number>): void => {
    memory.set(entry)
    order.push(entry)
  }
  put(old)
  // Until all have been looked at, and it is the turn of the newest again.
  for (let n = 0; n < 3 || looked !== old; n++) put(newEntry(`a${n}`))
  isOver = true
  for (let n = 0; n < 20; n++) {
    put(newEntry(`b${n}`))
    const at = order.indexOf(looked) - 1
    const next = order[at]
    if (next === undefined || next === old) continue
    memory.get(next.key)
    order.push(...order.splice(at, 1))
  }
  expect(memory.peek('old')).toBeUndefined()
})

test('what is left of many that have gone is found, and goes in its order', () => {
  const isDead = (entry: Entry<number>): boolean => entry.bytes === 0
  const memory = new Memory<number>({ limit: Infinity, budget: new Budget(1e6), onEvict: () => {}, isDead })
  const keyOf = (n: number): string => (n % 2 === 0 ? `"${n}"` : `${n}`)
  for (let n = 0; n < 10_000; n++) memory.set(newEntry(keyOf(n)))
  for (let n = 0; n < 10_000; n++) if (n % 99 !== 0) remove(memory, keyOf(n))
  const left = Array.from({ length: 102 }, (_, index) => keyOf(index * 99))
  expect(left.map((key) => memory.peek(key)?.key)).toEqual(left)
  memory.get(left[0]!)
  for (const key of ['a', 'b', 'c']) memory.set(newEntry(key))
  const order: string[] = []
  for (const key of [...left.slice(1), left[0]!]) {
    memory.evictOldest()
    if (memory.peek(key) === undefined) order.push(key)
  }
  expect(order).toEqual([...left.slice(1), left[0]])
})

test('can be emptied on a walk of them', () => {
  const memory = new Memory<number>({ limit: Infinity, budget: new Budget(1e6), onEvict: () => {}, isDead: () => false })
  for (let n = 0; n < 10_000; n++) memory.set(newEntry(`${n}`))
  const walked: string[] = []
  for (const entry of memory.entries()) {
    walked.push(entry.key)
    memory.delete(entry)
  }
  expect(walked).toEqual(Array.from({ length: 10_000 }, (_, n) => `${n}`))
  expect(Array.from(memory.entries())).toEqual([])
  expect(memory.bytes).toBe(0)
})

test('a string that is the only argument finds its own entry and no other', async () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('42', 'a","b', '"a"', '{"a":1}', '[]', 'undefined', '', '\\', '\ud800', '#a'),
  )
  const args = fc.oneof(
    fc.tuple(texts),
    fc.tuple(texts, texts),
    fc.constantFrom<unknown[]>([42], [], [{ a: 1 }], [['a']], [undefined, 'a']),
  )
  const ask = (how: string) => fc.record({ how: fc.constant(how), args })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(ask('call'), ask('sync'), ask('clear'), ask('flat')), { maxLength: 30 }), async (asks) => {
      const open = openCache({ redis: false, limit: 4 }, clock.now)
      const say = (...given: unknown[]): string => inspect(given.at(-1) === undefined ? given.slice(0, -1) : given)
      const call = open.memoize(async (...given: unknown[]) => say(...given), { name: 'call' })
      const flat = open.memoize(async (...given: unknown[]) => say(...given), { name: 'flat', strict: false })
      const sync = open.memoizeSync((...given: unknown[]) => say(...given), { name: 'sync' })
      for (const { how, args: given } of asks) {
        if (how === 'clear') {
          await call.clear(...given)
          expect(await call.peek(...given)).toBeUndefined()
        } else for (let n = 0; n < 2; n++) expect(await { call, sync, flat }[how]!(...given)).toBe(say(...given))
        for (const { hits, loads } of [call.stats(), sync.stats(), flat.stats()]) expect(hits).toBeGreaterThanOrEqual(loads)
        expect(await call.count()).toBeLessThanOrEqual(4)
      }
    }),
  )
})

describe('what is cut out of a body and asked for does not keep the body', () => {
  /** Bytes that are kept of calls with a part of half a megabyte. */
  async function keptOf(read: (part: string, n: number) => Promise<unknown>): Promise<number> {
    await collected()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < 50; n++) {
      const body = `${'x'.repeat(500_000)}-${n}-a long enough name`
      await read(body.slice(500_000), n)
    }
    await collected()
    return process.memoryUsage().heapUsed - before
  }

  test('where there is a result', async () => {
    const read = cache.memoize(async (id: string) => id.length, { name: 'cut', limit: -1 })
    expect(await keptOf((part) => read(part))).toBeLessThan(5_000_000)
  })

  test('where it is loaded while another one is', async () => {
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const read = cache.memoize(async (id: string) => (id === 'first' ? ended : undefined), { name: 'cut', limit: -1 })
    const first = read('first')
    expect(await keptOf((part) => read(part))).toBeLessThan(5_000_000)
    end()
    await first
  })

  test('where there is none, and what asked for it is kept', async () => {
    const parts = new Map<number, string>()
    const read = cache.memoize(async (_: string) => Promise.reject(new Error('none')), { name: 'cut', limit: -1 })
    const page = cache.memoize(async (n: number) => read(parts.get(n)!).catch(() => n), { name: 'page', limit: -1 })
    const kept = await keptOf(async (part, n) => {
      parts.set(n, part)
      await page(n)
      parts.clear()
    })
    expect(kept).toBeLessThan(5_000_000)
  })
})

describe('an entry', () => {
  // A Map is as full with so many as with the hundred thousand of the benchmark; just after it has grown, an entry takes twenty bytes more.
  const COUNT = 25_000
  const bytesOf = async (reads: number): Promise<number> => {
    const names = Array.from({ length: 10 }, (_, n) => n)
    const rows = names.map((n) => cache.memoize(async (id: string) => id, { name: `row ${n} of ${reads}` }))
    const page = cache.memoize(
      async (n: number) => {
        for (const row of rows.slice(0, reads)) await row(String(n % 100))
        return n
      },
      { name: `page ${reads}`, limit: COUNT },
    )
    for (const row of rows) for (let n = 0; n < 100; n++) await row(String(n))
    for (let n = 0; n < 100; n++) await page(n)
    await collected()
    const before = process.memoryUsage().heapUsed
    for (let n = 100; n < COUNT; n++) await page(n)
    await collected()
    return (process.memoryUsage().heapUsed - before) / (COUNT - 100)
  }

  test('takes no more than 200 bytes beside its key and value, and one dependency no more than 60', async () => {
    // The text of a number's key: a header and up to eight characters.
    const [none, ten] = [(await bytesOf(0)) - 24, (await bytesOf(10)) - 24]
    expect(none).toBeLessThan(200)
    expect((ten - none) / 10).toBeLessThan(60)
  })

  test('takes no more where its key is a string, which it keeps once', async () => {
    const read = cache.memoize(async (_id: string) => 1, { name: 'read', limit: COUNT })
    const ask = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) await read(`a name of fifty characters, or of about as many ${n}`)
    }
    await ask(0, 100)
    await collected()
    const before = process.memoryUsage().heapUsed
    await ask(100, COUNT)
    await collected()
    const text = 16 + 56
    expect((process.memoryUsage().heapUsed - before) / (COUNT - 100) - text).toBeLessThan(200)
  })

  test('takes nothing for a short string that its caller has', async () => {
    const read = cache.memoize(async (_id: string) => 1, { name: 'read', limit: COUNT })
    const ids = Array.from({ length: COUNT }, (_, n) => `id-${n}`)
    for (const id of ids.slice(0, 100)) await read(id)
    await collected()
    const before = process.memoryUsage().heapUsed
    for (const id of ids.slice(100)) await read(id)
    await collected()
    expect((process.memoryUsage().heapUsed - before) / (COUNT - 100)).toBeLessThan(200)
    expect(await read(ids.at(-1)!)).toBe(1)
  })
})

// Of one string as it is, of one with something to escape, of two, and of what is none.
const KEYS = ['"a"', 'a', '"a\\n"', '"a","b"', '""']

function remove(memory: Memory<number>, key: string): void {
  const entry = memory.peek(key)
  if (entry !== undefined) memory.delete(entry)
}

function newEntry(key: string): Entry<number> {
  const times = { order: 1, checked: 0, loadedAt: 0, freshUntil: 0, cost: 0, trustFrom: 0 }
  const string = stringOf(key)
  return new Entry({ label: string ?? key, isOfString: string !== undefined, value: 1, own: 'square', read: [], bytes: 1, ...times })
}
