// Who may wait for a load that runs, and what they are given meanwhile.
import { createHook } from 'node:async_hooks'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import type { Loaded } from '../src/call.ts'
import { Calls } from '../src/calls.ts'
import type { CacheError, CacheOptions, Codec, MemoizeOptions, Store } from '../src/index.ts'
import { wholeRef } from '../src/ref.ts'
import { newProxy, type Proxy } from './redis/proxy.ts'
import { until } from './redis/process.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate, type Gate } from './support/gate.ts'
import { startRedis, type RedisServer } from './support/redis.ts'
import { newMapStore } from './support/stores.ts'

let redis: RedisServer
beforeAll(async () => void (redis = await startRedis()))
afterAll(() => redis.stop())

let prefixes = 0
const newPrefix = () => `loads-${++prefixes}`

async function open(clock: Clock, options: CacheOptions): Promise<Cache> {
  const cache = openCache({ commandTimeout: 10_000, onError: () => undefined, ...options }, clock.now)
  onTestFinished(() => cache.close())
  const { shared } = engineOf(cache)
  if (shared !== undefined) await until(() => shared.log.generation !== undefined)
  return cache
}

/** A function whose loads wait at a gate each, where there is one. */
function newSource(first: string) {
  const source = {
    row: first,
    gates: new Map<number, Gate>(),
    loads: 0,
    /** Its load number `load` waits. */
    hold(load: number): Gate {
      const gate = newGate()
      source.gates.set(load, gate)
      return gate
    },
    read: async (): Promise<string> => {
      const seen = source.row
      await source.gates.get(++source.loads)?.wait()
      return seen
    },
  }
  return source
}

describe('a process that hears nothing of Redis', () => {
  interface Silent {
    clock: Clock
    proxy: Proxy
    here: Cache
    /** What another process clears while this one is cut off, and longer than `maxStaleness` ago. */
    clearElsewhere(name: string): Promise<void>
  }

  async function newSilent(silence: 'cut off' | 'held' = 'cut off'): Promise<Silent> {
    const clock = newClock()
    const proxy = await newProxy(redis.port)
    const prefix = newPrefix()
    const here = await open(clock, { redis: proxy.url, prefix })
    const there = await open(newClock(), { redis: redis.url, prefix })
    return {
      clock,
      proxy,
      here,
      async clearElsewhere(name) {
        if (silence === 'cut off') proxy.refuse()
        await there.clear(there.ref(name))
        clock.advance(1001)
      },
    }
  }

  test('joins no load that began longer than `maxStaleness` ago', async () => {
    const { here, clearElsewhere } = await newSilent()
    const source = newSource('old')
    const gate = source.hold(1)
    const read = here.memoize(source.read, { name: 'row' })
    const first = read()
    await gate.reached()
    source.row = 'new'
    await clearElsewhere('row')
    expect(await read()).toBe('new')
    gate.open()
    expect(await first).toBe('old')
    expect(await read()).toBe('new')
    expect(source.loads).toBe(2)
  })

  test('shares the loads that are younger', async () => {
    const { here, clearElsewhere } = await newSilent()
    const source = newSource('row')
    const gates = [source.hold(1), source.hold(2)]
    const read = here.memoize(source.read, { name: 'row' })
    const first = read()
    await gates[0]!.reached()
    await clearElsewhere('row')
    const later = [read(), read(), read()]
    await gates[1]!.reached()
    for (const gate of gates) gate.open()
    await Promise.all([first, ...later])
    expect(source.loads).toBe(2)
  })

  const fallbacks: [string, MemoizeOptions<() => Promise<string>>][] = [
    ['failed', { ttl: 50, staleIfError: '1h' }],
    ['is slow', { ttl: 50, staleIfError: '1h', softTimeout: 20 }],
  ]
  test.each(fallbacks)('takes no stale value that another caller had found in place of a load that %s', async (how, options) => {
    const { clock, here, clearElsewhere } = await newSilent()
    const source = newSource('old')
    const gate = source.hold(2)
    const failing = async (): Promise<string> => {
      const row = await source.read()
      if (how === 'failed' && source.loads === 2) throw new Error('the database is away')
      return row
    }
    // In Redis time passes by itself.
    const read = here.memoize(failing, { name: 'row', store: 'memory', ...options })
    await read()
    clock.advance(50)
    const first = read()
    await gate.reached()
    source.row = 'new'
    await clearElsewhere('row')
    const second = read()
    await new Promise((resolve) => setImmediate(resolve))
    gate.open()
    expect(await first).toBe('old')
    expect(await second).toBe('new')
  })

  test('takes no entry that another caller had asked for before the clear came', async () => {
    const { proxy, here, clearElsewhere } = await newSilent('held')
    const source = newSource('old')
    const read = here.memoize(source.read, { name: 'row', store: 'redis' })
    await read()
    await until(async () => (await read.peek()) === 'old')
    const wire = proxy.asking()
    const before = wire.sent().length
    for (const each of proxy.wires()) each.hold()
    const first = read()
    await until(() => wire.sent().slice(before).includes('get') && wire.held() !== '')
    source.row = 'new'
    await clearElsewhere('row')
    const second = read()
    wire.releaseOne()
    expect(await first).toBe('old')
    for (const each of proxy.wires()) each.release()
    expect(await second).toBe('new')
  })

  test('counts the time that an answer of Redis lay unread as time that has passed', async () => {
    const clock = newClock()
    const proxy = await newProxy(redis.port)
    // Less than it lies there: it then looks no second time in Redis, where none has passed.
    const commandTimeout = 2000
    const here = await open(clock, { redis: proxy.url, prefix: newPrefix(), maxStaleness: '1h', commandTimeout })
    const source = newSource('old')
    const read = here.memoize(source.read, { name: 'row', store: 'redis', ttl: '2s' })
    await read()
    await until(async () => (await read.peek()) === 'old')
    const wire = proxy.asking()
    wire.hold()
    const before = wire.sent().length
    const reading = read()
    await until(() => wire.sent().slice(before).includes('get'))
    clock.advance(3800)
    source.row = 'new'
    wire.release()
    expect(await reading).toBe('new')
  })
})

const places: [string, () => CacheOptions, () => 'memory' | 'redis' | 'tiered' | Store][] = [
  ['memory', () => ({ redis: false }), () => 'memory'],
  ['redis', () => ({ redis: redis.url, prefix: newPrefix() }), () => 'redis'],
  ['tiered', () => ({ redis: redis.url, prefix: newPrefix() }), () => 'tiered'],
  ['a store of your own', () => ({ redis: false }), newMapStore],
]

describe.each(places)('while a load runs that is made in any case (%s)', (_, options, store) => {
  async function newRead(more: MemoizeOptions<() => Promise<string>>) {
    const cache = await open(newClock(), options())
    const source = newSource('old')
    const read = cache.memoize(source.read, { name: 'row', store: store(), ...more })
    await read()
    await until(async () => (await read.peek()) === 'old')
    source.row = 'new'
    return { cache, read, source, gate: source.hold(2) }
  }

  test('every caller is given the stale value that may be served, and not the first alone', async () => {
    const { read, gate } = await newRead({ staleWhileRevalidate: '1h' })
    await read.expire()
    expect(await read()).toBe('old')
    await gate.reached()
    expect([await read(), await read(), await read()]).toEqual(['old', 'old', 'old'])
    expect(await read.many([[], []])).toEqual(['old', 'old'])
    gate.open()
    await until(async () => (await read()) === 'new')
  })

  test('every caller is given the fresh value while it is refreshed', async () => {
    const { read, gate } = await newRead({})
    const refreshing = read.refresh()
    await gate.reached()
    expect([await read(), await read()]).toEqual(['old', 'old'])
    gate.open()
    expect(await refreshing).toBe('new')
    await until(async () => (await read()) === 'new')
  })

  test('every caller has the stale value past `softTimeout`, also where nobody looked for one before', async () => {
    const { read, gate } = await newRead({ staleIfError: '1h', softTimeout: 20 })
    await read.expire()
    const refreshing = read.refresh()
    await gate.reached()
    expect([await read(), await read()]).toEqual(['old', 'old'])
    gate.open()
    expect(await refreshing).toBe('new')
  })

  test('who comes after a clear gets none of it', async () => {
    const { read, gate, source } = await newRead({ staleWhileRevalidate: '1h' })
    await read.expire()
    await read()
    await gate.reached()
    source.row = 'newest'
    await read.clear()
    expect(await read()).toBe('newest')
    gate.open()
  })

  test('a newer value that is not to be kept takes the older one with it', async () => {
    const { read, gate } = await newRead({ shouldCache: (row) => row === 'old' })
    gate.open()
    expect(await read.refresh()).toBe('new')
    await until(async () => (await read.peek()) === undefined)
    expect(await read()).toBe('new')
  })
})

describe('beside a load that is made in any case', () => {
  test('a caller looks once, however fast such loads follow one another', async () => {
    const cache = await open(newClock(), { redis: false })
    const [store, gate] = [newMapStore(), newGate()]
    let looks = 0
    const get = (key: string) => {
      if (looks++ < 100) void read.refresh()
      return store.get(key)
    }
    const load = async (): Promise<string> => (await gate.wait(), 'row')
    const read = cache.memoize(load, { name: 'row', store: { ...store, get } })
    const refreshing = read.refresh()
    const reading = read()
    await until(() => read.stats().coalesced === 1)
    gate.open()
    expect([await reading, await refreshing, looks]).toEqual(['row', 'row', 1])
  })
})

test('a value that a clear has overtaken takes nothing with it that another process has loaded since', async () => {
  const options = { redis: redis.url, prefix: newPrefix() }
  const [here, there] = [await open(newClock(), options), await open(newClock(), options)]
  const source = newSource('old')
  const [read, other] = [here, there].map((cache) => cache.memoize(source.read, { name: 'row', store: 'redis' }))
  const gate = source.hold(1)
  const refreshing = read!.refresh()
  await gate.reached()
  source.row = 'new'
  await other!.clear()
  await other!()
  await until(async () => (await other!.peek()) === 'new')
  await until(() => engineOf(here).log.size > 0)
  gate.open()
  expect(await refreshing).toBe('old')
  // It waits for what was still to be written.
  await here.close()
  expect(await other!.peek()).toBe('new')
})

describe('a load with a transaction in it that was rolled back', () => {
  async function newRolledBack() {
    const cache = await open(newClock(), { redis: false })
    const source = newSource('of nobody else')
    const gate = source.hold(1)
    const inner = cache.memoize(
      () =>
        cache
          .transaction(async () => {
            const row = await source.read()
            throw new Error(row)
          })
          .catch((error: Error) => error.message),
      { name: 'inner' },
    )
    return { cache, source, gate, inner }
  }

  test('is for its own caller alone', async () => {
    const { source, gate, inner } = await newRolledBack()
    const first = inner()
    await gate.reached()
    const second = inner()
    source.row = 'committed'
    gate.open()
    expect([await first, await second]).toEqual(['of nobody else', 'committed'])
  })

  test('leaves nothing in what was computed from it', async () => {
    const { cache, gate, inner } = await newRolledBack()
    gate.open()
    let runs = 0
    const outer = cache.memoize(async () => (runs++, await inner()), { name: 'outer' })
    await outer()
    await outer()
    expect(runs).toBe(2)
  })

  test('leaves nothing, where it is the load of a synchronous function', async () => {
    const { cache } = await newRolledBack()
    let runs = 0
    const inner = cache.memoizeSync(() => void cache.transaction(async () => {}), { name: 'sync' })
    const outer = cache.memoize(async () => (runs++, inner()), { name: 'outer' })
    await outer()
    await outer()
    expect(runs).toBe(2)
  })
})

describe('whatever fails while a load looks for what is stored', () => {
  const codec: Codec<string> = { encode: (text) => Buffer.from(text), decode: (bytes) => Buffer.from(bytes).toString() }

  test('it loads, and so do all who wait for it', async () => {
    const prefix = newPrefix()
    const errors: CacheError[] = []
    const [there, here] = [false, true].map(async (isBroken) => {
      const cache = await open(newClock(), { redis: redis.url, prefix, onError: (error) => void errors.push(error) })
      const size = (): number => {
        if (isBroken) throw new Error('no size')
        return 1
      }
      const options = { limit: 10, limitInRedis: undefined, staleWhileRevalidate: 0, staleIfError: 0, declaredFor: () => [] }
      return new Calls(engineOf(cache), { name: 'row', ttl: 60_000, place: 'tiered', codec, size, ...options })
    })
    const read = async (calls: Calls<string>, value: string): Promise<string> => {
      const load = async (): Promise<Loaded<string>> => ({ value, store: false, share: true })
      const served = await calls.serve(calls.call(['1'], '"1"'), load)
      return served.from === 'unshared' ? 'unshared' : served.entry.value
    }
    const stored = await there!
    await stored.serve(stored.call(['1'], '"1"'), async () => ({ value: 'stored', store: true, share: true }))
    const broken = await here!
    await until(async () => (await stored.count(wholeRef('row'))) === 1)
    expect(await Promise.all([read(broken, 'loaded'), read(broken, 'loaded')])).toEqual(['loaded', 'loaded'])
    expect(await read(broken, 'again')).toBe('again')
    expect(errors).not.toEqual([])
  })

  test('it ends, where not even the clock can be read', async () => {
    const clock = newClock()
    let readings = Number.POSITIVE_INFINITY
    const cache = openCache({ redis: redis.url, prefix: newPrefix(), onError: () => undefined }, () => {
      if (readings-- <= 0) throw new Error('no clock')
      return clock.now()
    })
    onTestFinished(() => cache.close())
    await until(() => engineOf(cache).shared!.log.generation !== undefined)
    const read = cache.memoize(async (id: number) => id, { name: 'row', ttl: 60_000 })
    for (let id = 0; id < 5; id++) {
      readings = id
      const first = read(id).catch(() => id)
      readings = Number.POSITIVE_INFINITY
      expect(await Promise.all([first, read(id)])).toEqual([id, id])
    }
  })
})

/** How many promises are made until work has ended, its own included. */
async function promisesOf(work: () => Promise<unknown>): Promise<number> {
  let made = 0
  const hook = createHook({ init: (_id, type) => void (type === 'PROMISE' && made++) }).enable()
  try {
    await work()
    return made
  } finally {
    hook.disable()
  }
}

test('a caller waits behind one promise for its own load, or behind one for that of another and one that all who wait for it share', async () => {
  const value = Promise.resolve('value')
  // Not async itself, so that whatever is made is made around it.
  const read = openCache({ redis: false }, newClock().now).memoize((_id: string) => value, { name: 'few promises' })
  await read('warm')
  const nothing = await promisesOf(() => value)
  expect((await promisesOf(() => read('1'))) - nothing).toBe(1)
  const together = async (callers: number): Promise<number> =>
    await promisesOf(() => {
      for (let caller = 1; caller < callers; caller++) void read(`of ${callers}`)
      return read(`of ${callers}`)
    })
  expect((await together(12)) - (await together(2))).toBe(10)
})
