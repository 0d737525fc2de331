// Real Sentinels: the cache follows them from one master to the next, and takes nothing along that a clear has made stale.
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { logKeyOf } from '../../src/redis/naming.ts'
import { eventually } from '../support/eventually.ts'
import type { RedisServer } from '../support/redis.ts'
import { ask, follows } from '../support/replication.ts'
import { startSentinel, type SentinelGroup } from '../support/sentinel.ts'
import { timed } from '../support/timed.ts'
import { COMMAND_TIMEOUT, newPair, refused, type Pair } from './pair.ts'
import { until } from './process.ts'

let group: SentinelGroup

beforeAll(async () => void (group = await startSentinel()), 30_000)
afterAll(() => group.stop())

const connect = (options: object = {}): Redis => new Redis({ ...group.options, lazyConnect: true, ...options })
const connect5 = (options: object = {}): Redis => new Redis5({ ...group.options, lazyConnect: true, ...options }) as unknown as Redis

/** Until a clear is acknowledged and both follow. */
async function isWell(pair: Pair, value: string): Promise<void> {
  pair.value = value
  await eventually('a clear', () => pair.a.row.clear('1').then(() => true))
  await eventually('the other follows', async () => (await pair.b.row('1')) === `1 ${value}`)
  expect(await pair.a.row('1')).toBe(`1 ${value}`)
}

/** Makes a replica of what was the master: Sentinels do it too, some seconds later. */
async function rejoin(old: RedisServer, next: RedisServer): Promise<void> {
  await ask(old, (client) => client.replicaof('127.0.0.1', next.port))
  await follows(old)
}

describe.each([
  ['ioredis 6', connect],
  ['ioredis 5', connect5],
])('over %s', (_, connectTo) => {
  test('what one process clears the other loads again, with what depends on it', async () => {
    const pair = newPair(connectTo)
    const { a, b } = pair
    expect([await a.page('1'), await b.page('1'), await b.page('2')]).toEqual(['page of 1 old', 'page of 1 old', 'page of 2 old'])
    expect(pair.loads).toBe(2)
    pair.value = 'new'
    await a.row.clear('1')
    await until(async () => (await b.page('1')) === 'page of 1 new')
    expect(await a.page('2')).toBe('page of 2 old')
    expect([a.errors, b.errors]).toEqual([[], []])
  })
})

test('a client of replicas lends its settings, and the master is used', async () => {
  const pair = newPair(() => connect({ role: 'slave' }))
  await pair.a.row('1')
  await pair.a.row.clear('1')
  expect(pair.a.errors).toEqual([])
})

test('a Sentinel that hangs or is gone costs a connection an attempt, not the cache', async () => {
  const [first, second] = group.sentinels
  first!.pause()
  onTestFinished(() => first!.resume())
  const sentinels = [first!, second!].map(({ port }) => ({ host: '127.0.0.1', port }))
  const pair = newPair(() => connect({ sentinels }), { commandTimeout: COMMAND_TIMEOUT })
  const [ms, value] = await timed(pair.a.row('1'))
  expect([value, ms < 900]).toEqual(['1 old', true])
  await eventually('a clear', () => pair.a.row.clear('1').then(() => true))
})

test('where no Sentinel answers, that is told, and calls load at once; when one is back, all is well', async () => {
  const [absent] = group.sentinels
  await absent!.kill()
  onTestFinished(() => absent!.restart())
  const pair = newPair(() => connect({ sentinels: [{ host: '127.0.0.1', port: absent!.port }] }), { commandTimeout: COMMAND_TIMEOUT })
  const { a } = pair
  await until(() => a.errors.some(({ message }) => message === 'Redis cannot be reached at the moment.'))
  expect((await timed(a.row('1')))[0]).toBeLessThan(200)
  await refused(a.row.clear('1'))
  await absent!.restart()
  await isWell(pair, 'new')
})

describe('a master that fails', () => {
  test('killed: another takes its place, and nothing is served that a clear made stale which was lost with it', async () => {
    const pair = newPair(connect)
    const { a, b } = pair
    await Promise.all([a.row('1'), b.row('1')])
    const old = await group.master()
    await eventually('the entry on the replica', async () => (await ask(old, (client) => client.wait(1, 1000))) === 1)
    await group.cutReplica()
    pair.value = 'new'
    await a.row.clear('1')
    await until(() => b.cache.stats().clearLogSize > 0)
    await old.kill()
    const [ms] = await timed(refused(a.row.clear('meanwhile')))
    expect(ms).toBeLessThan(500)
    expect(await a.row('1')).toBe('1 new')
    const next = await group.failOver()
    const c = pair.newMember()
    await eventually('a log on the new master', async () => (await ask(next, (client) => client.exists(logKeyOf(pair.prefix)))) === 1)
    expect(await c.row('1')).toBe('1 new')
    expect(await b.row('1')).toBe('1 new')
    await eventually('the clear made meanwhile', async () =>
      String(await ask(next, (client) => client.zrange(logKeyOf(pair.prefix), '0', '-1'))).includes('meanwhile'),
    )
    await isWell(pair, 'newer')
    await old.restart()
    await rejoin(old, next)
  })

  test('hanging: calls wait a bounded time, then load, until another has taken its place', async () => {
    const pair = newPair(connect, { commandTimeout: COMMAND_TIMEOUT })
    const { a, b } = pair
    await Promise.all([a.row('1'), b.row('1')])
    const old = await group.master()
    old.pause()
    onTestFinished(() => old.resume())
    pair.value = 'new'
    const [ms] = await timed(refused(a.row.clear('1')))
    const [waited, value] = await timed(a.row('1'))
    expect([ms < 600, waited < 900, value]).toEqual([true, true, '1 new'])
    const next = await group.failedOver(old)
    await isWell(pair, 'newer')
    old.resume()
    await isWell(pair, 'newest')
    await rejoin(old, next)
    await isWell(pair, 'newest of all')
  })
})

test('close leaves no connection, also while no master is there', async () => {
  const pair = newPair(() => connect({ connectionName: 'to-be-closed' }))
  const master = await group.master()
  const count = async () => String(await ask(master, (client) => client.client('LIST'))).split('name=to-be-closed').length - 1
  await pair.a.row('1')
  await until(async () => (await count()) >= 2)
  await Promise.all([pair.a.cache.close(), pair.b.cache.close()])
  await until(async () => (await count()) === 0)
})
