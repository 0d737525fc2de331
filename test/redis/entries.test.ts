// Entries in Redis over a real server: what was written is read, what cannot be read is nothing, and time is Redis's own count.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { UNDATED, type NewRemoteEntry, type RemoteEntry } from '../../src/entry-bytes.ts'
import { dateScript } from '../../src/redis/entry-scripts.ts'
import { RedisConnection } from '../../src/redis/connection.ts'
import { RedisEntries } from '../../src/redis/entries.ts'
import { startRedis } from '../support/redis.ts'
import { callOf, newPrefix, newServer, patternOf, type TestServer } from './process.ts'
import { newProxy } from './proxy.ts'

let server: TestServer
let prefix: string

beforeAll(async () => {
  server = await newServer()
})
afterAll(() => server.stop())
beforeEach(() => {
  prefix = newPrefix()
})

function newEntries(options: { redis?: string | Redis; prefix?: string; commandTimeout?: number } = {}): RedisEntries {
  const { redis = server.url, commandTimeout = 10_000 } = options
  const connection = new RedisConnection({ redis, commandTimeout, clock: () => performance.now(), onError: () => undefined })
  onTestFinished(() => connection.close())
  return new RedisEntries({ connection, prefix: options.prefix ?? prefix })
}

const payload = Uint8Array.of(0, 10, 13, 255, 123, 10)

function newEntry(changes: Partial<NewRemoteEntry> = {}): NewRemoteEntry {
  const refs = [callOf('user', '42'), patternOf('post', { author: '42' })]
  return { generation: 'abc', epoch: 1_700_000_000_000_000, refs, lifetime: 60_000, staleWindow: 0, payload, ...changes }
}

const keyOf = (name: string, key: string) => `${encodeURIComponent(prefix)}:${name}(${key})`

/** Makes the entry of a user so many milliseconds older than it is. */
async function age(key: string, ms: number): Promise<void> {
  const [, storedAt, rest] = /^cache-alchemy:2 (\d+)(.*)$/s.exec((await server.plain.getBuffer(keyOf('user', key)))!.toString('latin1'))!
  await server.plain.set(keyOf('user', key), Buffer.from(`cache-alchemy:2 ${Number(storedAt) - ms}${rest}`, 'latin1'), 'KEEPTTL')
}

async function allOf(entries: RedisEntries, name: string): Promise<Array<[string, RemoteEntry]>> {
  const found: Array<[string, RemoteEntry]> = []
  for await (const pair of entries.all(name)) found.push(pair)
  return found
}

describe('read', () => {
  test('gives back what was written: refs, marks and bytes', async () => {
    const entries = newEntries()
    const written = newEntry()
    await entries.write('user', '"42"', written)
    const { refs, read: others, ...read } = (await entries.read('user', '"42"'))!
    expect(others).toEqual(refs.slice(1))
    expect(read).toEqual({
      generation: 'abc',
      epoch: written.epoch,
      lifetime: 60_000,
      remaining: expect.any(Number),
      payload: Buffer.from(payload),
    })
    expect(refs.map((ref) => [ref.id, ref.exact])).toEqual(written.refs.map((ref) => [ref.id, ref.exact]))
    expect(read.remaining).toSatisfy((ms) => ms > 50_000 && ms <= 60_000)
  })

  test('gives the same refs for an entry that is read again, and others once it was written anew', async () => {
    const entries = newEntries()
    const read = async () => (await entries.read('user', '"42"'))!
    await entries.write('user', '"42"', newEntry())
    const [first, again] = [await read(), await read()]
    expect(again.refs).toBe(first.refs)
    expect(again.remaining).toBeLessThan(first.remaining)
    await entries.write('user', '"42"', { ...newEntry(), refs: newEntry().refs.slice(0, 1) })
    const anew = await read()
    expect(anew.refs.map(({ id }) => id)).toEqual([first.refs[0]!.id])
  })

  test('gives nothing for what was never written, and for what was removed', async () => {
    const entries = newEntries()
    await entries.write('user', '"42"', newEntry())
    await entries.remove('user', '"42"')
    expect([await entries.read('user', '"42"'), await entries.read('user', '"7"')]).toEqual([undefined, undefined])
  })

  test('counts the time that is left without the stale window, and below zero within it', async () => {
    const entries = newEntries()
    await entries.write('user', '"42"', newEntry({ lifetime: 10_000, staleWindow: 5000 }))
    expect((await entries.read('user', '"42"'))?.remaining).toSatisfy((ms) => ms > 9000 && ms <= 10_000)
    await age('"42"', 11_000)
    expect((await entries.read('user', '"42"'))?.remaining).toSatisfy((ms) => ms > -2000 && ms <= -1000)
    await age('"42"', 4000)
    expect(await entries.read('user', '"42"')).toBeUndefined()
  })

  test('never takes an entry for fresher than it was when it was stored', async () => {
    const entries = newEntries()
    await entries.write('user', '"42"', newEntry({ lifetime: 1000 }))
    await age('"42"', -3_600_000)
    expect((await entries.read('user', '"42"'))?.remaining).toBe(1000)
  })

  test('travels with the other reads of its tick', async () => {
    const proxy = await newProxy(server.port)
    const entries = newEntries({ redis: proxy.url })
    await entries.write('user', '"0"', newEntry())
    const pieces = proxy.asking().pieces()
    const reads = Array.from({ length: 50 }, (_, id) => entries.read('user', `"${id}"`))
    reads.push(Promise.resolve().then(() => entries.read('user', '"0"')))
    const found = await Promise.all(reads)
    expect(found.filter((entry) => entry !== undefined)).toHaveLength(2)
    expect(proxy.asking().pieces()).toBe(pieces + 1)
  })

  test('takes another format for nothing: an older release has it, or a newer one', async () => {
    const entries = newEntries()
    for (const format of ['cache-alchemy:1 {}\nbytes', 'cache-alchemy:3 bytes', 'cache-alchemy:20 {"generation":1}\n']) {
      await server.plain.set(keyOf('user', '"42"'), format, 'PX', 1000)
      expect(await entries.read('user', '"42"')).toBeUndefined()
    }
  })

  test.each([
    ['garbage', 'garbage'],
    ['nothing at all', ''],
    ['a header without its end', 'cache-alchemy:2 1 0 g 1 1 0 -\t=user(1'],
    ['a header without a field', 'cache-alchemy:2 1 0 g 1 1 0\n'],
    ['a header with a field too many', 'cache-alchemy:2 1 0 g 1 1 0 - -\n'],
    ['an epoch that is no number', 'cache-alchemy:2 1 0 g one 1 0 -\n'],
    ['a time that is no number', 'cache-alchemy:2 now 0 g 1 1 0 -\n'],
    ['a time that never comes', 'cache-alchemy:2 Infinity 0 g 1 1 0 -\t=user(1\n'],
    ['a number of another kind', 'cache-alchemy:2 0x10 0 g 1 1 0 -\t=user(1\n'],
    ['a cost that is no number', 'cache-alchemy:2 1 0 g 1 1 0 x\t=user(1\n'],
    ['no dependency at all', 'cache-alchemy:2 1 0 g 1 1 0 -\n'],
    ['a header without end in sight', `cache-alchemy:2 1 0 g 1 1 0 -\t=user(${'1'.repeat(5_000_000)}\n`],
    ['a dependency without arguments', 'cache-alchemy:2 1 0 g 1 1 0 -\t=user\n'],
    ['a dependency without a sign', 'cache-alchemy:2 1 0 g 1 1 0 -\tuser(1\n'],
  ])('rejects %s with a CodecError that names the key', async (_, stored) => {
    const entries = newEntries()
    await server.plain.set(keyOf('user', '"42"'), stored)
    const message = expect.stringContaining(`${JSON.stringify(keyOf('user', '"42"'))} is no entry: it has no`)
    await expect(entries.read('user', '"42"')).rejects.toMatchObject({ code: 'CODEC', message })
  })

  test('takes an entry that is not dated yet for nothing, also one that does not end', async () => {
    const entries = newEntries()
    await entries.write('user', '"42"', newEntry({ lifetime: Number.POSITIVE_INFINITY }))
    await server.plain.setrange(keyOf('user', '"42"'), UNDATED.at, '0'.repeat(13))
    expect(await entries.read('user', '"42"')).toBeUndefined()
  })

  test('rejects an entry that was cut short or lengthened', async () => {
    const entries = newEntries()
    for (const change of [(bytes: Buffer) => bytes.subarray(0, -1), (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])]) {
      await entries.write('user', '"42"', newEntry())
      await server.plain.set(keyOf('user', '"42"'), change((await server.plain.getBuffer(keyOf('user', '"42"')))!), 'KEEPTTL')
      const message = expect.stringMatching(/it has [57] of 6 bytes/)
      await expect(entries.read('user', '"42"')).rejects.toMatchObject({ code: 'CODEC', message })
    }
  })

  test('takes another type of value for nothing, and the next write replaces it', async () => {
    const entries = newEntries()
    await server.plain.lpush(keyOf('user', '"42"'), 'x')
    await entries.write('user', '"7"', newEntry())
    const [broken, other] = await Promise.all([entries.read('user', '"42"'), entries.read('user', '"7"')])
    expect([broken, other?.generation]).toEqual([undefined, 'abc'])
    await entries.write('user', '"42"', newEntry())
    expect(await entries.read('user', '"42"')).toBeDefined()
  })

  test('gives back refs of any text', async () => {
    const entries = newEntries()
    const names = ['a(b', 'tab\tline\nend', 'ü 漢 😀', '\ud800', '100 %', '%0041', '', '=~(']
    const refs = names.flatMap((name) => [callOf(name, name), patternOf(name, { [name]: name })])
    await entries.write('user', '"42"', newEntry({ refs }))
    const read = (await entries.read('user', '"42"'))!
    expect(read.refs.map(({ name, text, exact }) => [name, text, exact])).toEqual(refs.map(({ name, text, exact }) => [name, text, exact]))
  })

  test('rejects with a StoreError where Redis is away, for every read of the tick, and so does a write', async () => {
    await using away = await startRedis()
    await away.kill()
    const entries = newEntries({ redis: away.url })
    const results = await Promise.allSettled([entries.read('user', '1'), entries.read('user', '2'), entries.write('user', '1', newEntry())])
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE' } })
  })
})

describe('write', () => {
  test('dates an entry by a script that has none of its bytes, and no other', async () => {
    const entries = newEntries()
    await server.plain.script('FLUSH')
    const key = keyOf('user', '"42"')
    for (let times = 0; times < 2; times++) {
      await entries.write('user', '"42"', newEntry({ payload: Buffer.alloc(1_000_000, 'x') }))
      expect((await entries.read('user', '"42"'))?.remaining).toBeGreaterThan(0)
      expect(await server.plain.pttl(key)).toBeGreaterThan(0)
    }
    const dated = await server.plain.getBuffer(key)
    const date = (): Promise<unknown> => server.plain.eval(dateScript.text, 1, key, UNDATED.begin, UNDATED.at)
    expect([await date(), await server.plain.getBuffer(key)]).toEqual([0, dated])
    await server.plain.del(key)
    expect([await date(), await server.plain.exists(key)]).toEqual([0, 0])
  })

  test('keeps an entry for its lifetime and its stale window', async () => {
    const entries = newEntries()
    await entries.write('user', '1', newEntry({ lifetime: 1000.4, staleWindow: 500 }))
    await entries.write('user', '2', newEntry({ lifetime: 2 ** 31 * 10 }))
    const [one, two] = [await server.plain.pttl(keyOf('user', '1')), await server.plain.pttl(keyOf('user', '2'))]
    expect([one > 1000 && one <= 1501, two > 2 ** 31 * 9]).toEqual([true, true])
  })

  test('keeps what does not end for 30 days, and says that it does not end', async () => {
    const entries = newEntries()
    await entries.write('user', '1', newEntry({ lifetime: Infinity, staleWindow: 1000 }))
    const days = (await server.plain.pttl(keyOf('user', '1'))) / 86_400_000
    expect(days).toSatisfy((count) => count > 29.9 && count <= 30)
    expect((await entries.read('user', '1'))?.lifetime).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('all', () => {
  test.each([
    ['user', '"42"'],
    ['a*[x]?\\', '"*?[]\\\\"'],
    ['GET /users/:id', '{"params":{"id":"{42}"}}'],
  ])('walks the entries of %s and of no other function', async (name, key) => {
    const client = new Redis(server.url, { lazyConnect: true, keyPrefix: 'app*:' })
    const entries = newEntries({ redis: client })
    await entries.write(name, key, newEntry({ epoch: 7 }))
    await entries.write(`${name}s`, key, newEntry())
    await entries.write('axx', key, newEntry())
    await newEntries({ redis: client, prefix: `${prefix}:${name}` }).write(name, key, newEntry())
    const found = await allOf(entries, name)
    expect(found.map(([at, entry]) => [at, entry.epoch])).toEqual([[key, 7]])
  })

  test('walks many, each once', async () => {
    const entries = newEntries()
    await Promise.all(Array.from({ length: 1500 }, (_, id) => entries.write('user', `${id}`, newEntry())))
    const keys = (await allOf(entries, 'user')).map(([key]) => Number(key))
    expect(keys.sort((a, b) => a - b)).toEqual(Array.from({ length: 1500 }, (_, id) => id))
  })

  test('passes over what is no entry', async () => {
    const entries = newEntries()
    await entries.write('user', '1', newEntry())
    await server.plain.set(keyOf('user', '2'), 'garbage')
    await server.plain.lpush(keyOf('user', '3'), 'x')
    expect((await allOf(entries, 'user')).map(([key]) => key)).toEqual(['1'])
  })
})

describe('sweep', () => {
  test('gives back the space of a prefix, and touches no other one', async () => {
    const [entries, others] = [newEntries(), newEntries({ prefix: `${prefix}*` })]
    await Promise.all(Array.from({ length: 500 }, (_, id) => entries.write('user', `${id}`, newEntry())))
    await others.write('user', '1', newEntry())
    await entries.sweep()
    expect([await allOf(entries, 'user'), (await allOf(others, 'user')).length]).toEqual([[], 1])
  })

  test('leaves what was loaded since', async () => {
    const entries = newEntries()
    const since = { generation: 'abc', epoch: 100 }
    await entries.write('user', '"before"', newEntry({ epoch: 99 }))
    await entries.write('user', '"since"', newEntry({ epoch: 100 }))
    await entries.write('user', '"of a dead log"', newEntry({ generation: 'dead', epoch: 101 }))
    await server.plain.set(keyOf('user', '"garbage"'), 'garbage')
    await entries.sweep(since)
    expect((await allOf(entries, 'user')).map(([key]) => key)).toEqual(['"since"'])
    expect(await server.plain.exists(keyOf('user', '"garbage"'))).toBe(0)
  })
})
