// Reads of entries over a real server: those of a tick are one command, in pieces where they are many or large, and each has its own answer.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { NewRemoteEntry } from '../../src/entry-bytes.ts'
import { RedisConnection } from '../../src/redis/connection.ts'
import { RedisEntries } from '../../src/redis/entries.ts'
import { commandsDuring } from '../support/monitor.ts'
import { startRedis } from '../support/redis.ts'
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

function newEntries(redis: string = server.url, commandTimeout = 1000): RedisEntries {
  const connection = new RedisConnection({ redis, commandTimeout, clock: () => performance.now(), onError: () => undefined })
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

test('reads of one tick are one command, and equal ones are asked for once', async () => {
  const entries = newEntries()
  await entries.write('row', '0', newEntry())
  const read = () => Promise.all([...ids(64), '0'].map((id) => entries.read('row', id)))
  const sent = await counted(['time', 'mget', 'get', 'pttl'], async () => {
    const found = await read()
    expect([found.filter((entry) => entry !== undefined).length, found[0]?.epoch, found[64]?.epoch]).toEqual([2, 1, 1])
  })
  expect(sent).toEqual([1, 1, 0, 0])
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
    await Promise.all(ids(300).map((id) => entries.write('row', id, newEntry())))
    const sent = await counted(['mget'], async () => {
      const found = await Promise.all(ids(300).map((id) => entries.read('row', id)))
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
  await entries.write('row', '0', newEntry())
  proxy.asking().hold()
  const began = performance.now()
  const results = await Promise.allSettled(ids(200).map((id) => entries.read('row', id)))
  // Several pieces, which wait beside each other; far more than the limit for a machine that is busy.
  expect(performance.now() - began).toBeLessThan(5000)
  for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } })
  await until(async () => (await entries.read('row', '0').catch(() => undefined))?.epoch === 1)
})

test('a node of a Cluster that was given as if it were a server by itself is asked for each key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'node-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await using node = await startRedis({ args: ['--cluster-enabled', 'yes', '--dir', folder, '--cluster-port', '0'] })
  const plain = new Redis(node.url)
  onTestFinished(() => plain.disconnect())
  await plain.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until(async () => (await plain.cluster('INFO')).includes('cluster_state:ok'))
  const entries = newEntries(node.url)
  await Promise.all(ids(8).map((id) => entries.write('row', id, newEntry())))
  const read = async () => {
    const found = await Promise.all(ids(9).map((id) => entries.read('row', id)))
    expect(found.map((entry) => entry?.epoch)).toEqual([...Array.from({ length: 8 }, () => 1), undefined])
  }
  await read()
  expect(await counted(['mget', 'get', 'time'], read, node.port)).toEqual([0, 9, 1])
})
