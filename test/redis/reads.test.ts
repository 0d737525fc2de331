// Reads of entries over a real server: those of a tick are one command, in pieces where they are many or large, and each has its own answer.
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { NewRemoteEntry } from '../../src/entry-bytes.ts'
import { createCache } from '../../src/index.ts'
import { RedisConnection } from '../../src/redis/connection.ts'
import { RedisEntries } from '../../src/redis/entries.ts'
import { isKnown } from '../../src/redis/refusals.ts'
import { newClock } from '../support/clock.ts'
import { collected } from '../support/garbage.ts'
import { commandsDuring } from '../support/monitor.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { callOf, newPrefix, newServer, until, type TestServer } from './process.ts'
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

function newEntries(redis: string = server.url, commandTimeout = 10_000, clock = () => performance.now()): RedisEntries {
  const connection = new RedisConnection({ redis, commandTimeout, clock, onError: () => undefined })
  onTestFinished(() => connection.close())
  return new RedisEntries({ connection, prefix })
}

function newEntry(bytes = 5): NewRemoteEntry {
  const payload = Buffer.alloc(bytes, 'x')
  return { generation: 'abc', epoch: 1, refs: [callOf('row', 1)], lifetime: 60_000, staleWindow: 0, payload }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, id) => `${id}`)

/** How many commands of each of these names the server runs meanwhile. */
async function counted(names: readonly string[], work: () => Promise<unknown>, port = server.port): Promise<number[]> {
  const all = await commandsDuring([port], work)
  return names.map((name) => all.filter((it) => it === name).length)
}

async function takeAllSlots(node: Redis): Promise<void> {
  await node.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until(async () => (await node.cluster('INFO')).includes('cluster_state:ok'))
}

test('reads of one tick are one command, also where two of them are of one call', async () => {
  const entries = newEntries()
  await entries.write('row', '0', newEntry())
  const read = () => Promise.all([...ids(24), '0'].map((id) => entries.read('row', id)))
  const sent = await counted(['time', 'mget', 'get', 'pttl'], async () => {
    const found = await read()
    expect([found.filter((entry) => entry !== undefined).length, found[0]?.epoch, found[24]?.epoch]).toEqual([2, 1, 1])
  })
  expect(sent).toEqual([1, 1, 0, 0])
})

test('keeps nothing of what was asked for while no node of a Cluster has been reached', async () => {
  const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })
  cluster.on('error', () => undefined)
  const connection = new RedisConnection({ redis: cluster, commandTimeout: 20, clock: () => performance.now(), onError: () => undefined })
  onTestFinished(() => connection.close())
  const entries = new RedisEntries({ connection, prefix })
  const read = async (from: number): Promise<void> => {
    const asked = Array.from({ length: 5000 }, (_, id) => entries.read('row', `${from + id}${'x'.repeat(1000)}`))
    expect((await Promise.allSettled(asked)).every(({ status }) => status === 'rejected')).toBe(true)
  }
  await read(0)
  await collected()
  const before = process.memoryUsage().heapUsed
  await read(5000)
  await collected()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 20)
})

test('a read makes one promise, beside those that the reads of a tick share', async () => {
  const entries = newEntries()
  await Promise.all(ids(32).map((id) => entries.write('row', id, newEntry())))
  const made = async (count: number): Promise<number> => {
    let promises = 0
    const hook = createHook({ init: (_id, type) => void (type === 'PROMISE' && promises++) }).enable()
    let left = count
    try {
      await new Promise<void>((resolve) => {
        for (const id of ids(count)) void entries.take('row', id, undefined, () => --left === 0 && resolve())
      })
      return promises
    } finally {
      hook.disable()
    }
  }
  // The fewest of some goes: another test's connection may still be closing.
  const fewest = async (count: number): Promise<number> => {
    const goes: number[] = []
    for (let go = 0; go < 5; go++) goes.push(await made(count))
    return Math.min(...goes)
  }
  expect((await fewest(32)) - (await fewest(16))).toBe(16)
})

test('what is not there is loaded in the context of who asked, though others asked in the same tick', async () => {
  await using cache = createCache({ redis: server.url, prefix })
  const context = new AsyncLocalStorage<string>()
  const row = cache.memoize(async (_id: string) => context.getStore(), { name: 'row' })
  // From here on Redis is asked for entries alone.
  await row('0')
  expect(await Promise.all(['1', '2', '3'].map((id) => context.run(`of ${id}`, () => row(id))))).toEqual(['of 1', 'of 2', 'of 3'])
})

test('a read that comes while others are under way goes with the next ones', async () => {
  const proxy = await newProxy(server.port)
  const entries = newEntries(proxy.url)
  await entries.write('row', '0', newEntry())
  const wire = proxy.asking()
  wire.hold()
  const before = wire.sent().length
  const first = entries.read('row', '0')
  await until(() => wire.sent().slice(before).includes('mget'))
  const [second, third] = [entries.read('row', '0'), entries.read('row', '1')]
  await until(() => wire.sent().slice(before).split('mget').length === 3)
  wire.release()
  expect((await Promise.all([first, second, third])).map((entry) => entry?.epoch)).toEqual([1, 1, undefined])
})

describe('so that nobody waits for long', () => {
  test('many reads are several commands', async () => {
    const entries = newEntries()
    await Promise.all(ids(70).map((id) => entries.write('row', id, newEntry())))
    const sent = await counted(['mget'], async () => {
      const found = await Promise.all(ids(70).map((id) => entries.read('row', id)))
      expect(found.every((entry) => entry?.epoch === 1)).toBe(true)
    })
    expect(sent).toEqual([3])
  })

  test('reads of what was large lately are several commands', async () => {
    const entries = newEntries()
    await Promise.all(ids(16).map((id) => entries.write('row', id, newEntry(200 * 1024))))
    const read = () => Promise.all(ids(16).map((id) => entries.read('row', id)))
    await read()
    const [large] = await counted(['mget'], read)
    expect(large).toBeGreaterThan(2)
    await Promise.all(ids(16).map((id) => entries.write('row', id, newEntry())))
    await until(async () => (await counted(['mget'], read))[0] === 1)
  })
})

test('what one key holds that is no entry is told to who reads it, and to nobody else', async () => {
  const entries = newEntries()
  await entries.write('row', '0', newEntry())
  await server.plain.set(`${encodeURIComponent(prefix)}:row(1)`, 'garbage')
  const [good, bad, none] = await Promise.allSettled(['0', '1', '2'].map((id) => entries.read('row', id)))
  expect(good).toMatchObject({ status: 'fulfilled', value: { epoch: 1 } })
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'CODEC' } })
  expect(none).toEqual({ status: 'fulfilled', value: undefined })
})

test('a silence costs every read of the tick no more than commandTimeout, and none of the next ones', async () => {
  const proxy = await newProxy(server.port)
  const entries = newEntries(proxy.url, 100)
  await newEntries().write('row', '0', newEntry())
  await until(async () => (await entries.read('row', '0').catch(() => undefined))?.epoch === 1)
  proxy.asking().hold()
  const began = performance.now()
  const results = await Promise.allSettled(ids(200).map((id) => entries.read('row', id)))
  // Several pieces, which wait beside each other; far more than the limit for a machine that is busy.
  expect(performance.now() - began).toBeLessThan(5000)
  for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } })
  await until(async () => (await entries.read('row', '0').catch(() => undefined))?.epoch === 1)
})

describe('a node of a Cluster that was given as if it were a server by itself', () => {
  let folder: string
  let node: RedisServer
  let plain: Redis

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'node-'))
    node = await startRedis({ args: ['--cluster-enabled', 'yes', '--dir', folder, '--cluster-port', '0'] })
    plain = new Redis(node.url)
    await takeAllSlots(plain)
  })
  afterAll(async () => {
    plain.disconnect()
    await node.stop()
    await rm(folder, { recursive: true })
  })

  test('is asked for each key', async () => {
    const entries = newEntries(node.url)
    await Promise.all(ids(8).map((id) => entries.write('row', id, newEntry())))
    const read = async () => {
      const found = await Promise.all(ids(9).map((id) => entries.read('row', id)))
      expect(found.map((entry) => entry?.epoch)).toEqual([...Array.from({ length: 8 }, () => 1), undefined])
    }
    await read()
    expect(await counted(['mget', 'get', 'time'], read, node.port)).toEqual([0, 9, 1])
  })

  test('costs who reads no more than one commandTimeout, however often it has to be asked', async () => {
    const proxy = await newProxy(node.port)
    const clock = newClock()
    const entries = newEntries(proxy.url, 20_000, clock.now)
    await entries.read('row', '0')
    const wire = proxy.asking()
    wire.hold()
    const reading = Promise.allSettled(ids(2).map((id) => entries.read('row', id)))
    // What it says to that is let through, and nothing later.
    await until(() => wire.sent().split('mget').length === 3 && wire.held() !== '')
    clock.advance(19_900)
    wire.release()
    wire.hold()
    const began = performance.now()
    for (const result of await reading) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } })
    // The rest is 100 ms; far more for a machine that is busy.
    expect(performance.now() - began).toBeLessThan(4000)
  })

  test('tells a refusal once, although it refuses each key', async () => {
    const rights = (right: string): Promise<unknown> => plain.call('ACL', 'SETUSER', 'refused', right)
    await plain.call('ACL', 'SETUSER', 'refused', 'on', '>secret', '~*', '&*', '+@all')
    const entries = newEntries(`redis://refused:secret@127.0.0.1:${node.port}`)
    const told = async (): Promise<number> => {
      const errors: unknown[] = []
      for (let turn = 0; turn < 5; turn++) {
        for (const id of ids(2)) await entries.read('other', id).catch((error: unknown) => errors.push(error))
        await Promise.all(ids(2).map((id) => entries.read('other', id).catch((error: unknown) => errors.push(error))))
      }
      return errors.filter((error) => !isKnown(error)).length
    }
    expect(await told()).toBe(0)
    await rights('-get')
    expect(await told()).toBe(1)
    expect(await told()).toBe(0)
    await rights('+get')
    expect(await told()).toBe(0)
    await rights('-get')
    expect(await told()).toBe(1)
  })

  test('is left for whoever is the master by then, once it is a replica', async () => {
    let isCluster = true
    const own = await mkdtemp(join(tmpdir(), 'node-'))
    onTestFinished(() => rm(own, { recursive: true }))
    const args = () =>
      isCluster ? ['--cluster-enabled', 'yes', '--dir', own, '--cluster-port', '0'] : ['--replica-serve-stale-data', 'no']
    await using changed = await startRedis({ args })
    const entries = newEntries(changed.url)
    const admin = new Redis(changed.url)
    admin.on('error', () => undefined)
    onTestFinished(() => admin.disconnect())
    await takeAllSlots(admin)
    const readTwo = () => Promise.allSettled(ids(2).map((id) => entries.read('row', id)))
    // From now on it asks for each key.
    await readTwo()
    isCluster = false
    await changed.restart()
    await until(async () => (await readTwo()).every(({ status }) => status === 'fulfilled'))
    const before = (await admin.client('LIST')) as string
    // Nobody is there.
    await admin.replicaof('127.0.0.1', 1)
    for (const result of await readTwo()) expect(String((result as PromiseRejectedResult).reason)).toContain('MASTERDOWN')
    const idOfReader = /^id=(\d+) .*cmd=get /m.exec(before)?.[1]
    expect(idOfReader).toBeDefined()
    await until(async () => !((await admin.client('LIST')) as string).includes(`id=${idOfReader} `))
  })
})
