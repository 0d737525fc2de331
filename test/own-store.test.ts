// A store of one's own under a cache: its entries come back, what was cleared does not, and whatever the store does, readers get their value.
import { setImmediate as nextRound } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import type { CacheError, CacheOptions, Codec, Store } from '../src/index.ts'
import { OwnStore } from '../src/own-store.ts'
import { callOf, newPrefix, newServer, until, type TestServer } from './redis/process.ts'
import { frameworks as express } from './routes/express.ts'
import { frameworks as koa } from './routes/koa.ts'
import { newSite } from './routes/site.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { Row } from './support/row.ts'
import { newFaultyStore, newMapStore, type FaultyStore, type MapStore } from './support/stores.ts'

const DAY = 86_400_000

let clock: Clock
let errors: CacheError[]
let behind: MapStore
let store: FaultyStore
let cache: Cache

function newCache(options: CacheOptions = {}): Cache {
  const made = openCache({ redis: false, onError: (error) => errors.push(error), ...options }, clock.now)
  onTestFinished(() => {
    store.turn(['get', 'set', 'delete', 'close'], 'well')
    return made.close()
  })
  return made
}

beforeEach(() => {
  clock = newClock()
  errors = []
  behind = newMapStore()
  store = newFaultyStore(behind)
  cache = newCache()
})

const onlyKey = (): string => Array.from(behind.bytes.keys()).join()

describe('what it keeps', () => {
  test("comes back as it was, and is nobody else's", async () => {
    let loads = 0
    const load = async (id: string) => ({ id, at: new Date(++loads), tags: new Set(['a']) })
    const read = cache.memoize(load, { name: 'row', store })
    const first = await read('42')
    await nextRound()
    const second = await read('42')
    expect(second).toEqual({ id: '42', at: new Date(1), tags: new Set(['a']) })
    second.tags.add('b')
    expect([await read('42'), first.tags.size, loads]).toEqual([{ ...first }, 1, 1])
    expect(onlyKey()).toBe(':row("42")')
    expect(read.stats()).toMatchObject({ hits: 2, misses: 1, loads: 1 })
  })

  test('depends on the cached calls that the store made while it was asked for it', async () => {
    const shard = cache.memoize(async () => 'a', { name: 'shard' })
    const get: Store['get'] = async (key) => {
      await shard()
      return behind.get(key)
    }
    let loads = 0
    const read = cache.memoize(async () => ++loads, { name: 'row', store: { ...behind, get } })
    await read()
    await nextRound()
    expect(await read()).toBe(1)
    await shard.clear()
    expect(await read()).toBe(2)
  })

  test('is not changed by who changes what was made of its bytes', async () => {
    const bytes: Codec = { encode: (value) => value as Buffer, decode: (value) => value }
    const read = cache.memoize(async () => Buffer.from('abc'), { name: 'row', store, codec: bytes })
    await read()
    await nextRound()
    const mine = await read()
    mine.fill('x')
    expect(String(await read())).toBe('abc')
  })

  test('is found by the next call, also before the store has it', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    const gate = newGate()
    store.turn(['set'], gate)
    await read()
    await gate.reached()
    expect([await read(), row.loads, behind.bytes.size, store.calls.get]).toEqual(['old', 1, 0, 1])
    gate.open()
    await until(() => behind.bytes.size === 1)
    expect([await read(), row.loads]).toEqual(['old', 1])
  })

  test('ends with its time to live, however long the store keeps it', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store, ttl: '1m' })
    await read()
    await nextRound()
    clock.advance(59_999)
    row.value = 'new'
    expect(await read()).toBe('old')
    clock.advance(1)
    expect(await read()).toBe('new')
  })

  test.each([
    [{ ttl: '1m' }, 60_000],
    [{ ttl: '1m', staleIfError: '1h' }, 3_660_000],
    [{ ttl: -1 }, 30 * DAY],
  ])('with %o is given to the store for %i ms', async (options, ttl) => {
    await cache.memoize(async () => 1, { name: 'row', store, ...options })()
    await nextRound()
    expect(behind.ttls.get(onlyKey())).toBe(ttl)
  })

  test('is served stale where that is allowed', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store, staleWhileRevalidate: '1h' })
    await read()
    await nextRound()
    row.value = 'new'
    await read.expire()
    expect(await read()).toBe('old')
    await nextRound()
    expect([await read(), row.loads]).toEqual(['new', 2])
  })

  test("is each prefix's own, and each version's", async () => {
    const other = newCache({ prefix: 'other' })
    const values = [
      cache.memoize(async () => 1, { name: 'row', store }),
      other.memoize(async () => 2, { name: 'row', store }),
      newCache().memoize(async () => 3, { name: 'row', store, version: '2' }),
    ]
    for (const read of values) await read()
    await nextRound()
    expect([behind.bytes.size, await Promise.all(values.map((read) => read()))]).toEqual([3, [1, 2, 3]])
  })

  test('may be the responses of a route', async () => {
    for (const framework of [...express, ...koa]) {
      const responses = newMapStore()
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/:id', [framework.cached(site.cache, { store: responses })], (x) => x.send(`run ${++runs} ✓`))
      const first = await site.ask('/1')
      await until(() => responses.bytes.size === 1)
      expect(await site.ask('/1')).toMatchObject({ status: 200, text: first.text })
      expect([runs, site.errors]).toEqual([1, []])
    }
  })

  test('cannot be counted', async () => {
    const read = cache.memoize(async () => 1, { name: 'row', store })
    await expect(read.count()).rejects.toThrow('"row" cannot count its entries')
    await expect(read.count()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('what was cleared', () => {
  test('is not served, though the store has it, and is let go of', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    const outer = cache.memoize(async () => `outer of ${await read()}`, { name: 'outer', store })
    await outer()
    await nextRound()
    row.value = 'new'
    await read.clear()
    expect(behind.bytes.size).toBe(2)
    expect([await outer.peek(), await read.peek()]).toEqual([undefined, undefined])
    await nextRound()
    expect(behind.bytes.size).toBe(0)
    expect(await outer()).toBe('outer of new')
  })

  test('with everything, by a flush', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    await read()
    await nextRound()
    row.value = 'new'
    await cache.flush()
    expect(await read()).toBe('new')
  })

  test('while its load ran is not stored', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    const { gate } = row.turn()
    const before = read()
    await gate.reached()
    row.value = 'new'
    await read.clear()
    gate.open()
    expect([await before, await read()]).toEqual(['old', 'new'])
  })

  test('by another process cannot be known without Redis: its entries are not taken', async () => {
    const row = new Row()
    await cache.memoize(row.read, { name: 'row', store })()
    await nextRound()
    row.value = 'new'
    expect(await newCache().memoize(row.read, { name: 'row', store })()).toBe('new')
  })
})

describe('a store that fails', () => {
  const failure = new Error('the disk is full')

  test.each<[keyof Store, number]>([
    ['get', 2],
    ['set', 2],
  ])('by rejecting %s costs a load, and is reported', async (method, loads) => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    store.turn([method], failure)
    for (let call = 0; call < 2; call++) {
      expect(await read()).toBe('old')
      await nextRound()
    }
    expect(row.loads).toBe(loads)
    expect(errors.slice(0, 2)).toMatchObject([
      { code: 'STORE', message: 'The store failed: the disk is full', cause: failure },
      { code: 'STORE', cause: failure },
    ])
    expect(cache.stats().storeErrors).toBe(2)
  })

  test('to delete is reported, and nothing else', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    await read()
    await nextRound()
    await read.clear()
    store.turn(['delete'], failure)
    row.value = 'new'
    expect(await read()).toBe('new')
    await nextRound()
    expect([await read(), row.loads, errors.length]).toEqual(['new', 2, 1])
  })

  test('by throwing at once is as one that rejects', async () => {
    const throwing: Store = {
      ...behind,
      get() {
        throw failure
      },
    }
    expect(await cache.memoize(async () => 1, { name: 'row', store: throwing })()).toBe(1)
    expect(errors).toMatchObject([{ code: 'STORE', message: 'The store failed: the disk is full', cause: failure }])
  })

  test.each([null, 'text', [1]])('by giving %o is told what it gave', async (given) => {
    const odd: Store = { ...behind, get: async () => given as never }
    expect(await cache.memoize(async () => 1, { name: 'row', store: odd })()).toBe(1)
    expect(errors).toMatchObject([{ code: 'STORE', message: expect.stringContaining('Expected `get` of the store to give a Uint8Array') }])
  })

  test.each<[string, (bytes: Uint8Array) => Uint8Array, told: string[]]>([
    ['garbage', () => Buffer.from('garbage'), ['it has no header that can be read']],
    ['nothing at all', () => new Uint8Array(), ['it has no header that can be read']],
    // As a newer release has left it, or an older one: nobody needs to hear of it.
    ['an entry of another format', (bytes) => Buffer.from(Buffer.from(bytes).toString().replace(':2', ':1')), []],
    ['an entry that was cut short', (bytes) => bytes.subarray(0, -1), ['it has 4 of 5 bytes']],
    [
      'an entry without the time that it came',
      (bytes) =>
        Buffer.from(
          Buffer.from(bytes)
            .toString()
            .replace(/^(\S+) \d+/, '$1'),
        ),
      ['it has no header that can be read'],
    ],
  ])('by giving %s costs a load, and what is loaded replaces it', async (_, spoil, told) => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    await read()
    await nextRound()
    behind.bytes.set(onlyKey(), spoil(behind.bytes.get(onlyKey())!))
    row.value = 'new'
    expect(await read()).toBe('new')
    await nextRound()
    expect([await read(), row.loads]).toEqual(['new', 2])
    expect(errors).toMatchObject(told.map((why) => ({ code: 'CODEC', message: expect.stringContaining(why) })))
  })

  test('by cutting a number short gives no other number', async () => {
    const read = cache.memoize(async () => 12_345, { name: 'row', store, codec: 'json' })
    await read()
    await nextRound()
    behind.bytes.set(onlyKey(), behind.bytes.get(onlyKey())!.subarray(0, -1))
    expect(await read()).toBe(12_345)
  })

  test('by giving garbage is rid of it, unless something new is on its way there', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    await read()
    await nextRound()
    const key = onlyKey()
    behind.bytes.set(key, Buffer.from('garbage'))
    await read.peek()
    await nextRound()
    expect([behind.bytes.size, store.calls.delete]).toEqual([0, 1])
    behind.bytes.set(key, Buffer.from('garbage'))
    const [getting, setting] = [newGate(), newGate()]
    store.turn(['get'], getting)
    store.turn(['set'], setting)
    const peeking = read.peek()
    await getting.reached()
    await read.refresh()
    await setting.reached()
    getting.open()
    await peeking
    setting.open()
    await until(() => String(behind.bytes.get(key)).includes('old'))
    expect(store.calls.delete).toBe(1)
  })

  test('to answer keeps a caller waiting for no longer than commandTimeout', async () => {
    const read = newCache({ commandTimeout: 20 }).memoize(async () => 1, { name: 'row', store })
    store.turn(['get', 'set'], newGate())
    expect(await read()).toBe(1)
    expect(errors).toMatchObject([{ code: 'TIMEOUT', message: 'The store did not answer within 20 ms.' }])
  })

  test('to answer again and again is left alone, until it answers one caller', async () => {
    const read = newCache({ commandTimeout: 20 }).memoize(async (id: number) => id, { name: 'row', store })
    const gate = newGate()
    store.turn(['get'], gate)
    for (let id = 0; id < 3; id++) await read(id)
    const { get } = store.calls
    expect(await Promise.all([read(3), read(4)])).toEqual([3, 4])
    expect(store.calls.get).toBe(get)
    expect(errors.at(-1)).toMatchObject({ code: 'STORE', message: expect.stringContaining('left alone') })
    clock.advance(1000)
    expect(await Promise.all([read(5), read(6)])).toEqual([5, 6])
    expect(store.calls.get).toBe(get + 1)
    store.turn(['get'], 'well')
    clock.advance(1000)
    await read(7)
    await read(8)
    expect(store.calls.get).toBe(get + 3)
  })
})

describe('changes of one key', () => {
  test('come to the store one after the other, and without those that were overtaken meanwhile', async () => {
    let value = 0
    const read = cache.memoize(async () => ++value, { name: 'row', store })
    const gate = newGate()
    store.turn(['set'], gate)
    for (let call = 0; call < 4; call++) await read.refresh()
    await gate.reached()
    expect([await read(), store.calls.set]).toEqual([4, 1])
    gate.open()
    await until(() => store.calls.set === 2)
    await nextRound()
    expect([await read(), value, store.calls.set]).toEqual([4, 4, 2])
  })
})

describe('close', () => {
  test('waits for what is being stored, and closes each store once', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    const other = cache.memoize(row.read, { name: 'other', store })
    const gate = newGate()
    store.turn(['set'], gate)
    await Promise.all([read(), other()])
    const closing = Promise.all([cache.close(), cache.close()])
    await gate.reached(2)
    expect(behind.closes()).toBe(0)
    gate.open()
    await closing
    expect([behind.bytes.size, behind.closes()]).toEqual([2, 1])
  })

  test('leaves calls that load, and do not touch the store', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row', store })
    cache.memoize(row.read, { name: 'other', store })
    await read()
    await cache.close()
    const { get, set } = store.calls
    row.value = 'new'
    expect(await read()).toBe('new')
    expect([store.calls, errors]).toEqual([{ get, set, delete: 0, close: 1 }, []])
  })

  test.each([new Error('busy'), newGate()])('ends, whatever the store does: %o', async (fault) => {
    const own = newCache({ commandTimeout: 20 })
    own.memoize(async () => 1, { name: 'row', store })
    store.turn(['close'], fault)
    await own.close()
    expect(errors).toHaveLength(1)
  })
})

describe('the option', () => {
  test.each([
    [{ get: async () => undefined }, 'which has no `set`'],
    [new Map(), 'which has no `close`'],
    [null, 'which has no `get`'],
  ])('refuses what is no store: %o', (wrong, message) => {
    expect(() => cache.memoize(async () => 1, { name: 'row', store: wrong as never })).toThrow(message)
  })

  test('refuses values that do not leave their process', () => {
    const options = { name: 'row', store, codec: 'reference' } as const
    expect(() => cache.memoize(async () => 1, options)).toThrow('`codec: "reference"` keeps values in this process')
  })
})

describe('the clock by which entries age', () => {
  const entry = { generation: 'g', epoch: 1, refs: [callOf('row')], lifetime: 1000, staleWindow: 500, payload: Buffer.from('1') }

  async function readAfter(ms: number): Promise<number | undefined> {
    let date = 1_700_000_000_000
    const options = { store: behind, prefix: '', commandTimeout: 1000, clock: clock.now, onError: () => undefined }
    const own = new OwnStore({ ...options, date: () => date })
    await own.write('row', '', entry)
    date += ms
    return (await own.read('row', ''))?.remaining
  }

  test('may jump forward: entries are older then, and at last too old', async () => {
    expect([await readAfter(0), await readAfter(400), await readAfter(1400), await readAfter(1500)]).toEqual([1000, 600, -400, undefined])
  })

  test('may be set back: an entry is new again then, and lives no longer than a new one', async () => {
    expect(await readAfter(-3_600_000)).toBe(1000)
  })
})

describe('with Redis', () => {
  let server: TestServer
  let prefix: string

  beforeAll(async () => {
    server = await newServer()
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    prefix = newPrefix()
  })

  const newNode = (): Cache => newCache({ redis: server.url, prefix, commandTimeout: 10_000 })

  test('what one process stored, another takes; what was cleared in a third, it does not', async () => {
    const row = new Row()
    const [one, two] = [newNode(), newNode()].map((node) => node.memoize(row.read, { name: 'row', store }))
    expect(await one!()).toBe('old')
    await until(() => behind.bytes.size === 1)
    expect([await two!(), row.loads]).toEqual(['old', 1])
    row.value = 'new'
    const third = newNode()
    await third.clear(third.ref('row'))
    clock.advance(2000)
    expect([await two!(), row.loads]).toEqual(['new', 2])
  })

  test('processes that miss at once load once', async () => {
    const row = new Row()
    const { gate } = row.turn()
    const reads = [newNode(), newNode(), newNode()].map((node) => node.memoize(row.read, { name: 'row', store }))
    const values = Promise.all(reads.map((read) => read()))
    await gate.reached()
    gate.open()
    expect([await values, row.loads]).toEqual([['old', 'old', 'old'], 1])
  })

  test('a log that was lost makes what was stored before stale', async () => {
    const row = new Row()
    const node = newNode()
    const read = node.memoize(row.read, { name: 'row', store })
    await read()
    await until(() => behind.bytes.size === 1)
    await server.plain.flushall()
    row.value = 'new'
    clock.advance(2000)
    expect(await read()).toBe('new')
  })

  test('nothing of it lies in Redis but the log and leases', async () => {
    const read = newNode().memoize(async () => 1, { name: 'row', store })
    await read()
    await until(() => behind.bytes.size === 1)
    const keys = await server.plain.keys('*')
    expect(keys.filter((key) => key.startsWith(`${encodeURIComponent(prefix)}:`))).toEqual([])
  })
})
