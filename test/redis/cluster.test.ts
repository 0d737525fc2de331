// A real Cluster: what holds on one server holds on six, also while slots move, nodes hang and masters are replaced.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Cluster, type Redis } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis5'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { RemoteEntry } from '../../src/entry-bytes.ts'
import { RedisConnection } from '../../src/redis/connection.ts'
import { RedisEntries } from '../../src/redis/entries.ts'
import { entryKeyOf, leaseKeyOf, logKeyOf } from '../../src/redis/naming.ts'
import { Question } from '../../src/redis/question.ts'
import { slotOf } from '../../src/redis/slot.ts'
import { startCluster, type ClusterGroup, type ClusterNode } from '../support/cluster.ts'
import { newClock } from '../support/clock.ts'
import { eventually } from '../support/eventually.ts'
import { newGate } from '../support/gate.ts'
import { commandsDuring } from '../support/monitor.ts'
import { startRedis } from '../support/redis.ts'
import { ask } from '../support/replication.ts'
import { timed } from '../support/timed.ts'
import { COMMAND_TIMEOUT, newPair, refused, type Pair } from './pair.ts'
import { newPrefix, until } from './process.ts'
import { newProxy } from './proxy.ts'

let group: ClusterGroup

beforeAll(async () => void (group = await startCluster()), 30_000)
afterAll(() => group.stop())

const connect = (options: object = {}): Cluster => new Cluster(group.startupNodes, { lazyConnect: true, ...options })
const connect5 = (options: object = {}): Cluster =>
  new Cluster5(group.startupNodes, { lazyConnect: true, ...options }) as unknown as Cluster

const keyOfRow = ({ prefix }: Pair, id: string) => entryKeyOf(prefix, 'row', JSON.stringify(id))

/** An id whose entry and lease lie on a node, or neither of them. */
async function idOn({ prefix }: Pair, node: ClusterNode, isOn: boolean): Promise<string> {
  for (let id = 0; ; id++) {
    const keys = [entryKeyOf, leaseKeyOf].map((keyFor) => keyFor(prefix, 'row', JSON.stringify(`${id}`)))
    const owners = await Promise.all(keys.map((key) => group.ownerOf(key)))
    if (owners.every((owner) => (owner === node) === isOn)) return `${id}`
  }
}

async function onMasters<T>(question: (client: Redis) => Promise<T>): Promise<T[]> {
  return Promise.all((await group.masters()).map((node) => ask(node, question)))
}

/** The names of all commands that the masters run meanwhile, also those inside scripts. */
async function commandsOnMastersDuring(work: () => Promise<unknown>): Promise<string[]> {
  const masters = await group.masters()
  return commandsDuring(
    masters.map(({ port }) => port),
    work,
  )
}

/** Moves a key's slot to another master. `between` runs when all is there, and nobody but the two knows. */
async function moveSlotOf(key: string, between: () => Promise<void>): Promise<void> {
  const slot = slotOf(key)
  const from = await group.ownerOf(key)
  const to = (await group.masters()).find((node) => node !== from)!
  await ask(to, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id))
  await ask(from, async (client) => {
    await client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
    const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    if (keys.length > 0) await client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 1000, 'KEYS', ...keys)
  })
  await between()
  for (const node of [to, from, ...(await group.masters())])
    await ask(node, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id))
}

/** The masters from which the caches of a pair hear messages, one for each cache. */
async function listenedTo({ prefix }: Pair): Promise<ClusterNode[]> {
  const nodes = await group.masters()
  const counts = await Promise.all(nodes.map((node) => ask(node, (client) => client.pubsub('NUMSUB', `${logKeyOf(prefix)}@0`))))
  return nodes.flatMap((node, index) => Array<ClusterNode>(Number(counts[index]![1])).fill(node))
}

describe.each([
  ['ioredis 6', connect],
  ['ioredis 5', connect5],
])('over %s', (_, connectTo) => {
  test('what one process stored another one serves, and what one clears the other loads again, with what depends on it', async () => {
    const pair = newPair(connectTo)
    const { a, b } = pair
    for (let id = 0; id < 20; id++) expect([await a.page(`${id}`), await b.page(`${id}`)]).toEqual(Array(2).fill(`page of ${id} old`))
    await until(() => a.errors.length === 0)
    expect([a.row.stats().loads, b.row.stats().loads]).toEqual([20, 0])
    pair.value = 'new'
    await a.row.clear('7')
    expect(await a.page('7')).toContain('new')
    await until(async () => (await b.page('7')).includes('new'))
    expect(await b.page('8')).toBe('page of 8 old')
    expect([a.errors, b.errors]).toEqual([[], []])
  })

  test.each([
    ['beside redisOptions', { keyPrefix: 'app*:' }],
    ['within redisOptions', { redisOptions: { keyPrefix: 'app*:' } }],
  ])("the client's prefix begins every key: %s", async (_, options) => {
    const { a, b, prefix } = newPair(() => connectTo(options))
    await Promise.all(Array.from({ length: 10 }, (_, id) => a.row(`${id}`)))
    await a.row.clear('0')
    await until(async () => (await b.row.count()) === 9)
    const keys = (await onMasters((client) => client.keys(`*${encodeURIComponent(prefix)}*`))).flat()
    expect(keys.length).toBeGreaterThanOrEqual(10)
    expect(keys.filter((key) => !key.startsWith('app*:'))).toEqual([])
    await a.cache.flush()
    await until(async () => (await b.row.count()) === 0)
  })

  test('the given client is neither used nor closed, and its own settings do not make a command wait', async () => {
    const given = connectTo({ scaleReads: 'slave', enableAutoPipelining: true, slotsRefreshInterval: 50, retryDelayOnFailover: 10_000 })
    const { a } = newPair(() => given)
    expect(await a.row('1')).toBe('1 old')
    expect(given.status).toBe('wait')
    await a.cache.close()
    expect(await given.get('nothing')).toBe(null)
  })
})

test('one load in all processes, and an answer for who waits', async () => {
  const { a, b } = newPair(connect)
  const gate = newGate()
  let loads = 0
  const load = async () => (loads++, await gate.wait(), 'loaded')
  const [inA, inB] = [a.cache.memoize(load, { name: 'slow' }), b.cache.memoize(load, { name: 'slow' })]
  const calls = [inA(), inA(), inB()]
  await gate.reached()
  gate.open()
  expect([await Promise.all(calls), loads]).toEqual([Array(3).fill('loaded'), 1])
})

test('a limit holds over all nodes', async () => {
  const { a, b, prefix } = newPair(connect)
  const bounded = [a, b].map(({ cache }) => cache.memoize(async (id: number) => id, { name: 'bounded', limit: 10 }))
  for (let id = 0; id < 60; id++) await bounded[id % 2]!(id)
  const stored = async () => (await onMasters((client) => client.keys(`${encodeURIComponent(prefix)}:bounded(*`))).flat().length
  await eventually('entries within their limit', async () => (await stored()) <= 10)
})

test('flush gives back the space on all nodes, and nothing walks keys but flush and count', async () => {
  const { a, b, prefix } = newPair(connect)
  const names = await commandsOnMastersDuring(async () => {
    await Promise.all(Array.from({ length: 300 }, (_, id) => a.row(`${id}`)))
    await b.row('5')
    await a.row.clear('5')
    await b.row.clear('6')
    await b.row('6')
  })
  expect(new Set(names)).toContain('evalsha')
  expect(names.filter((name) => /^(keys|scan|flushall|flushdb|randomkey|dbsize)$/.test(name))).toEqual([])
  await until(async () => (await a.row.count()) === 299)
  await a.cache.flush()
  const stored = async () => (await onMasters((client) => client.keys(`${encodeURIComponent(prefix)}:*`))).flat().length
  await eventually('no entry', async () => (await stored()) === 0)
  expect([a.errors, b.errors]).toEqual([[], []])
})

test('scripts run also after all nodes have forgotten them', async () => {
  const pair = newPair(connect)
  const { a, b } = pair
  await a.row('1')
  await onMasters((client) => client.script('FLUSH'))
  pair.value = 'new'
  await b.row.clear('1')
  await until(async () => (await a.row('1')) === '1 new')
  expect([a.errors, b.errors]).toEqual([[], []])
})

test('reads of one tick are one piece for each node; addresses are translated as the client says', async () => {
  const proxies = await Promise.all(group.nodes.map(({ port }) => newProxy(port)))
  const at = proxies.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }))
  const natMap = Object.fromEntries(group.nodes.map(({ port }, index) => [`127.0.0.1:${port}`, at[index]!]))
  const pair = newPair(() => new Cluster(at, { natMap, lazyConnect: true, redisOptions: { connectionName: 'through' } }), {
    maxStaleness: '1h',
  })
  const ids = Array.from({ length: 60 }, (_, id) => `${id}`)
  await Promise.all(ids.map((id) => pair.a.row(id)))
  await until(async () => (await pair.b.row.count()) === ids.length)
  await pair.b.row.count()
  const pieces = () => proxies.flatMap((proxy) => proxy.wires().map((wire) => [wire, wire.sent().length, wire.pieces()] as const))
  const before = new Map(pieces().map(([wire, , count]) => [wire, count]))
  await Promise.all(ids.map((id) => pair.b.row(id)))
  const asked = pieces().filter(([wire, , count]) => count > (before.get(wire) ?? 0))
  // Beside them the log is asked, once.
  expect(asked.reduce((sum, [wire, , count]) => sum + count - (before.get(wire) ?? 0), 0)).toBeLessThanOrEqual(4)
  expect(pair.b.row.stats().loads).toBe(0)
  // What nodes say of others, of their slots and when they redirect, is translated too: nothing goes past the proxies.
  const { loads } = pair
  await moveSlotOf(keyOfRow(pair, '1'), async () => void (await pair.newMember().row('1')))
  await pair.newMember().row('1')
  expect(pair.loads).toBe(loads)
  const lists = () => Promise.all(group.nodes.map((node) => ask(node, (client) => client.client('LIST'))))
  const clients = async () => (await lists()).join(' ').split('name=through ').length - 1
  await until(async () => (await clients()) === proxies.flatMap((proxy) => proxy.wires()).length)
  expect([pair.a.errors, pair.b.errors]).toEqual([[], []])
})

describe('a slot that moves', () => {
  test('with an entry: it is served and replaced meanwhile and afterwards', async () => {
    const pair = newPair(connect)
    const { a, b } = pair
    await a.row('1')
    await b.row('other')
    await moveSlotOf(keyOfRow(pair, '1'), async () => {
      expect(await b.row('1')).toBe('1 old')
      expect(b.row.stats().loads).toBe(1)
      pair.value = 'new'
      await a.row.clear('1')
      expect(await a.row('1')).toBe('1 new')
      await until(async () => (await b.row('1')) === '1 new')
    })
    const { loads } = pair
    const c = pair.newMember()
    await c.row('other')
    expect(await c.row('1')).toBe('1 new')
    pair.value = 'newer'
    await b.row.clear('1')
    expect(await b.row('1')).toBe('1 newer')
    await until(async () => (await a.row('1')) === '1 newer')
    expect(pair.loads).toBe(loads + 1)
    expect([a.errors, b.errors, c.errors]).toEqual([[], [], []])
  })

  test('with an entry: who has it now, or for the moment, says the time beside it, and who had it is not asked again', async () => {
    const { a, b, prefix } = newPair(connect)
    await a.row('1')
    // They ask Redis for the log now and then, and its script for the time.
    for (const { cache } of [a, b]) await cache.close()
    const key = entryKeyOf(prefix, 'row', '"1"')
    const read = async () => {
      const redis = connect()
      const connection = new RedisConnection({ redis, commandTimeout: 10_000, clock: () => performance.now(), onError: () => undefined })
      onTestFinished(() => connection.close())
      const entries = new RedisEntries({ connection, prefix })
      await Promise.all(Array.from({ length: 20 }, (_, id) => entries.read('row', `"none ${id}"`)))
      return () => entries.read('row', '"1"')
    }
    const from = await group.ownerOf(key)
    const to = (await group.masters()).find((node) => node !== from)!
    const [during, after] = [await read(), await read()]
    /** What both nodes run for one read, the one that had the slot first: what it redirects it does not run. */
    const sent = async (work: () => Promise<RemoteEntry | undefined>) => {
      let there: string[] = []
      const here = await commandsDuring([from.port], async () => {
        there = await commandsDuring([to.port], async () => expect((await work())?.payload.length).toBeGreaterThan(0))
      })
      return [here, there].map((names) => names.filter((name) => /^(time|get|mget)$/.test(name)))
    }
    await moveSlotOf(key, async () => {
      expect(await sent(during)).toEqual([['time'], ['time', 'get']])
    })
    expect(await sent(after)).toEqual([['time'], ['time', 'get']])
  })

  test('with an entry: who reads it in strong mode keeps all its time for who has it now', async () => {
    const { a, b, prefix } = newPair(connect)
    await a.row('1')
    for (const { cache } of [a, b]) await cache.close()
    const connection = new RedisConnection({
      redis: connect(),
      commandTimeout: 10_000,
      clock: () => performance.now(),
      onError: () => undefined,
    })
    onTestFinished(() => connection.close())
    const unanswered = new Question(new Promise(() => undefined))
    const entries = new RedisEntries({ connection, prefix, latestQuestion: () => unanswered })
    await entries.read('row', '"none"')
    await moveSlotOf(entryKeyOf(prefix, 'row', '"1"'), () => Promise.resolve())
    expect((await entries.read('row', '"1"'))?.payload.length).toBeGreaterThan(0)
  })

  test('with an entry, between nodes that hang: who reads it waits no longer than one commandTimeout', async () => {
    const proxies = await Promise.all(group.nodes.map(({ port }) => newProxy(port)))
    const at = proxies.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }))
    const natMap = Object.fromEntries(group.nodes.map(({ port }, index) => [`127.0.0.1:${port}`, at[index]!]))
    const wiresOf = (node: ClusterNode) => proxies[group.nodes.indexOf(node)]!.wires()
    const prefix = newPrefix()
    const key = entryKeyOf(prefix, 'row', '"1"')
    const clock = newClock()
    const redis = new Cluster(at, { natMap, lazyConnect: true })
    const connection = new RedisConnection({ redis, commandTimeout: 20_000, clock: clock.now, onError: () => undefined })
    onTestFinished(() => connection.close())
    const entries = new RedisEntries({ connection, prefix })
    await Promise.all(Array.from({ length: 20 }, (_, id) => entries.read('row', `"none ${id}"`)))
    const from = await group.ownerOf(key)
    await moveSlotOf(key, () => Promise.resolve())
    for (const node of [from, await group.ownerOf(key)]) for (const wire of wiresOf(node)) wire.hold()
    const isAsked = (node: ClusterNode) => wiresOf(node).some((wire) => wire.sent().includes(key))
    const reading = entries.read('row', '"1"').catch((error: unknown) => error)
    await until(() => isAsked(from))
    clock.advance(19_900)
    for (const wire of wiresOf(from)) wire.release()
    const [ms, result] = await timed(reading)
    expect(result).toMatchObject({ code: 'TIMEOUT' })
    // The rest is 100 ms; far more for a machine that is busy.
    expect(ms).toBeLessThan(4000)
    expect(isAsked(await group.ownerOf(key))).toBe(true)
  })

  test('with the log: no clear is lost, and those that follow count everywhere', async () => {
    const pair = newPair(connect)
    const { a, b } = pair
    await Promise.all([a.row('1'), b.row('1')])
    await moveSlotOf(logKeyOf(pair.prefix), async () => {
      pair.value = 'new'
      await a.row.clear('1')
      await until(async () => (await b.row('1')) === '1 new')
    })
    pair.value = 'newer'
    await b.row.clear('1')
    await until(async () => (await a.row('1')) === '1 newer')
    expect(await pair.newMember().row('1')).toBe('1 newer')
    // Again and again, sooner than anybody asks who has which slot.
    for (let times = 0; times < 3; times++) {
      await moveSlotOf(logKeyOf(pair.prefix), () => Promise.resolve())
      await a.row.clear('1')
    }
    expect([a.errors, b.errors]).toEqual([[], []])
  })
})

describe('a Cluster that says it is down', () => {
  test('costs a bounded wait, then loads; the clears made meanwhile are delivered', async () => {
    const pair = newPair(connect, { commandTimeout: COMMAND_TIMEOUT })
    const { a, b } = pair
    await Promise.all([a.row('1'), b.row('1')])
    const owner = await group.ownerOf(logKeyOf(pair.prefix))
    const slot = slotOf(logKeyOf(pair.prefix))
    await ask(owner, (client) => client.call('CLUSTER', 'DELSLOTS', slot))
    await eventually('a node that is down', () =>
      ask(owner, async (client) => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:fail')),
    )
    pair.value = 'new'
    const [ms] = await timed(refused(a.row.clear('1')))
    expect(ms).toBeLessThan(600)
    const [waited, value] = await timed(a.row('1'))
    expect([value, waited < 900]).toEqual(['1 new', true])
    await ask(owner, (client) => client.call('CLUSTER', 'ADDSLOTS', slot))
    await eventually('the other process follows', async () => (await b.row('1')) === '1 new')
  })
})

describe('a master that fails', () => {
  test('and has the log: what an acknowledged clear made stale is not served, also where the new one never heard of it', async () => {
    // So that nothing but the new master's coming makes anybody ask.
    const pair = newPair(connect, { maxStaleness: '1h' })
    const { a, b } = pair
    const old = await group.ownerOf(logKeyOf(pair.prefix))
    const id = await idOn(pair, old, false)
    await Promise.all([a.row(id), b.row(id)])
    await group.cutReplicaOf(old)
    pair.value = 'new'
    // Of the entry, Redis keeps what was computed before the clear.
    await a.row.clear(id)
    await old.kill()
    await expect(a.row.clear('meanwhile')).rejects.toMatchObject({ code: 'STORE' })
    const next = await group.failOver(old)
    await eventually('the clear made meanwhile', async () =>
      String(await ask(next, (client) => client.zrange(logKeyOf(pair.prefix), '0', '-1'))).includes('meanwhile'),
    )
    const c = pair.newMember()
    expect(await c.row(id)).toBe(`${id} new`)
    await eventually('all follow', async () => (await Promise.all([a.row(id), b.row(id)])).every((value) => value === `${id} new`))
    pair.value = 'newer'
    await b.row.clear(id)
    await until(async () => (await a.row(id)) === `${id} newer`)
    await old.restart()
    await eventually('a replica again', async () =>
      (await ask(old, (client) => client.info('replication'))).includes('master_link_status:up'),
    )
  })

  test('and was listened to: messages come by another one', async () => {
    const pair = newPair(connect, { maxStaleness: '1h' })
    const { a, b } = pair
    await until(async () => (await listenedTo(pair)).length === 2)
    await Promise.all([a.row('1'), b.row('1')])
    const [heard] = await listenedTo(pair)
    await heard!.kill()
    await group.failOver(heard!)
    await eventually('caches that listen', async () => (await listenedTo(pair)).length === 2)
    pair.value = 'new'
    await eventually('a clear', () => a.row.clear('1').then(() => true))
    await eventually('the other follows', async () => (await b.row('1')) === '1 new')
    await heard!.restart()
    await eventually('a replica again', async () =>
      (await ask(heard!, (client) => client.info('replication'))).includes('master_link_status:up'),
    )
  })

  test('after another one has taken its place is no news', async () => {
    const { a } = newPair(connect)
    const old = (await group.masters())[0]!
    const entry = (id: number) => a.row(`${id}`)
    await Promise.all(Array.from({ length: 30 }, (_, id) => entry(id)))
    await group.failOver(old)
    const isLeft = async () => (await group.masters()).every((node) => node !== old)
    await until(isLeft)
    // It says that it is master no more, and makes this process ask who is: until then each read in vain leaves its trace there.
    let id = 30
    const reads = async () => void (await Promise.all(Array.from({ length: 30 }, () => entry(id++))))
    await eventually('nobody who asks it', async () => !(await commandsDuring([old.port], reads)).includes('time'))
    await old.kill()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(a.errors).toEqual([])
    await old.restart()
    await eventually('a replica again', async () =>
      (await ask(old, (client) => client.info('replication'))).includes('master_link_status:up'),
    )
  })

  test('by hanging: who needs it waits a bounded time, who does not waits not at all, until another one has taken its place', async () => {
    const pair = newPair(connect, { commandTimeout: COMMAND_TIMEOUT })
    const { a, b } = pair
    const old = await group.ownerOf(logKeyOf(pair.prefix))
    const hanging = (await group.masters()).find((node) => node !== old)!
    const [on, off] = [await idOn(pair, hanging, true), await idOn(pair, hanging, false)]
    await Promise.all([a, b].flatMap(({ row }) => [row(on), row(off)]))
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = sockets()
    hanging.pause()
    onTestFinished(() => hanging.resume())
    for (let times = 0; times < 5; times++) {
      const [cleared] = await timed(b.cache.clear(b.row.ref(on), b.row.ref(off)))
      const [other] = await timed(b.row(off))
      const [needed] = await timed(b.row(on))
      // Once it is known to be away, nobody waits for it.
      expect([cleared < 200, other < 200, needed < (times === 0 ? 900 : 200)]).toEqual([true, true, true])
      expect(sockets()).toBeLessThan(before + 10)
    }
    const [ms] = await timed(pair.newMember().row(off))
    expect(ms).toBeLessThan(900)
    await group.failedOver(hanging)
    await eventually('no wait any more', async () => {
      await b.row.clear(on)
      return (await timed(b.row(on)))[0] < 100
    })
    await eventually('an entry on the new master', async () => {
      const { loads } = pair
      await pair.newMember().row(on)
      return pair.loads === loads
    })
    hanging.resume()
    expect(a.errors.length).toBeGreaterThan(0)
  })
})

describe('nodes that are no Cluster yet', () => {
  test('cost a bounded wait and are told of once, until they have become one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'alone-'))
    const settings = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--dir', folder]
    await using alone = await startRedis({ args: (port) => [...settings, '--cluster-port', `${port + 1}`] })
    onTestFinished(() => rm(folder, { recursive: true }))
    const connectAlone = () => new Cluster([{ host: '127.0.0.1', port: alone.port }], { lazyConnect: true })
    const { a, b } = newPair(connectAlone, { commandTimeout: COMMAND_TIMEOUT })
    const [ms, value] = await timed(a.row('1'))
    expect([value, ms < 600]).toEqual(['1 old', true])
    // It was connected and left a few times.
    for (let times = 0; times < 20; times++) {
      const { cause } = await a.row.clear('2').then(
        () => new Error('confirmed'),
        (error: Error) => error,
      )
      expect(String(cause)).toMatch(/The Cluster has no slots|Redis cannot be reached/)
    }
    expect(a.errors.length).toBe(1)
    await ask(alone, (client) => client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'))
    await eventually('a clear', () => a.row.clear('1').then(() => true))
    await a.row('1')
    await b.row('of another node, none')
    await until(async () => (await b.row.count()) > 0)
  })
})

describe('close', () => {
  test('leaves no connection', async () => {
    const pair = newPair(() => connect({ redisOptions: { connectionName: 'to-be-closed' } }))
    const lists = () => Promise.all(group.nodes.map((node) => ask(node, (client) => client.client('LIST'))))
    const count = async () => (await lists()).join(' ').split('to-be-closed').length - 1
    await Promise.all(Array.from({ length: 20 }, (_, id) => pair.a.row(`${id}`)))
    expect(await count()).toBeGreaterThan(3)
    await Promise.all([pair.a.cache.close(), pair.b.cache.close()])
    await until(async () => (await count()) === 0)
  })

  test('nor does a call that comes later make one', async () => {
    const { a, b } = newPair(() => connect({ redisOptions: { connectionName: 'later' } }))
    await a.row('1')
    await Promise.all([a.cache.close(), b.cache.close()])
    for (let id = 0; id < 20; id++) expect(await a.row(`later ${id}`)).toBe(`later ${id} old`)
    const lists = await Promise.all(group.nodes.map((node) => ask(node, (client) => client.client('LIST'))))
    expect(lists.join(' ')).not.toContain('name=later')
  })

  test.each([
    ['while it is connected', () => group.startupNodes],
    ['while no node is there', () => [{ host: '127.0.0.1', port: 1 }]],
  ])('lets the process end: %s', async (_, nodes) => {
    const code = `
      import { Cluster } from 'ioredis'
      import { createCache } from './src/index.ts'
      const redis = new Cluster(JSON.parse(process.argv[1]), { lazyConnect: true, slotsRefreshInterval: 1000 })
      const cache = createCache({ redis, prefix: 'ends', commandTimeout: 200, onError: () => undefined })
      const row = cache.memoize(async (id) => id, { name: 'row' })
      await Promise.all([row('1'), row('2'), row('3'), row.clear('4').catch(() => undefined)])
      await cache.close()
      console.log('closed')`
    const args = ['--import', 'tsx', '--input-type', 'module', '-e', code, JSON.stringify(nodes())]
    expect(await promisify(execFile)(process.execPath, args, { timeout: 50_000 })).toMatchObject({ stdout: 'closed\n', stderr: '' })
  })
})
