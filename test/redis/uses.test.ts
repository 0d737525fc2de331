// The bound on a function's entries in Redis, over a real server: how many there are, which ones go, and what it costs.
import { expect, onTestFinished, test, vi } from 'vitest'
import { openCache, type Cache } from '../../src/cache.ts'
import type { CacheError } from '../../src/errors.ts'
import type { CacheOptions, MemoizeOptions } from '../../src/index.ts'
import { newClock } from '../support/clock.ts'
import { until } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()

function newNode(options: CacheOptions = {}): { cache: Cache; errors: CacheError[] } {
  const errors: CacheError[] = []
  const clock = newClock()
  const onError = (error: CacheError): void => void errors.push(error)
  const cache = openCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, onError, ...options }, clock.now)
  onTestFinished(() => cache.close())
  return { cache, errors }
}

const load = async (n: number): Promise<number> => n * n

function square({ cache }: { cache: Cache }, options: MemoizeOptions<typeof load> = {}) {
  return cache.memoize(load, { name: 'square', ...options })
}

const start = () => `${encodeURIComponent(world.prefix)}:square(`
const uses = () => `{${encodeURIComponent(world.prefix)}#uses:square}`

/** The arguments of all entries that are stored, in their order. */
async function stored(): Promise<number[]> {
  const keys = (await world.plain.keys('*')).filter((key) => key.startsWith(start()))
  return keys.map((key) => Number(key.slice(start().length, -1))).sort((a, b) => a - b)
}

/** The arguments of all entries that the index has, the least recently used first. */
async function indexed(): Promise<number[]> {
  return (await world.plain.zrange(uses(), '0', '-1')).map((member) => Number(member.slice(0, -1)))
}

const untilStored = (...numbers: readonly number[]) => until(async () => (await stored()).join() === numbers.join())

async function each(read: (n: number) => Promise<number>, ...numbers: readonly number[]): Promise<void> {
  for (const n of numbers) {
    await read(n)
    await untilIndexed(n)
  }
}

const untilIndexed = (n: number) => until(async () => (await world.plain.zscore(uses(), `${n})`)) !== null)

test('a function keeps as many entries in Redis as its limit says, and the first ones go', async () => {
  const read = square(newNode(), { limit: 3 })
  await each(read, 1, 2, 3, 4, 5)
  await untilStored(3, 4, 5)
  expect(await indexed()).toEqual([3, 4, 5])
})

test.each(['tiered', 'redis'] as const)('what was used goes later, where entries are %s', async (store) => {
  const read = square(newNode(), { limit: 3, store })
  await each(read, 1, 2, 3)
  await read(1)
  await each(read, 4)
  await untilStored(1, 3, 4)
  expect(await indexed()).toEqual([3, 1, 4])
})

test('what another process used goes later', async () => {
  const [a, b] = [square(newNode(), { limit: 3 }), square(newNode(), { limit: 3 })]
  await each(a, 1, 2, 3)
  await b(1)
  // It tells within a second, though it writes nothing.
  await until(async () => (await indexed()).at(-1) === 1)
  await each(a, 4)
  await untilStored(1, 3, 4)
})

test('what had to go does not come back by being used in another process', async () => {
  const [a, b] = [square(newNode(), { limit: 2 }), square(newNode(), { limit: 2 })]
  await each(b, 1)
  await each(a, 2, 3)
  await b(1)
  await each(b, 4)
  await untilStored(3, 4)
  expect(await indexed()).toEqual([3, 4])
})

test('an entry that is used before its write was noted is still noted', async () => {
  const read = square(newNode(), { limit: 2 })
  for (const n of [1, 2, 3]) expect([await read(n), await read(n)]).toEqual([n * n, n * n])
  await untilStored(2, 3)
  expect(await indexed()).toEqual([2, 3])
})

test('a herd of distinct calls in three processes ends within the limit', async () => {
  const nodes = [newNode(), newNode(), newNode()]
  const reads = nodes.map((node) => square(node, { limit: 100 }))
  await Promise.all(reads.map((read, at) => Promise.all(Array.from({ length: 400 }, (_, n) => read(at * 400 + n)))))
  await Promise.all(nodes.map(({ cache }) => cache.close()))
  expect((await stored()).length).toBeLessThanOrEqual(100)
  expect((await indexed()).length).toBeLessThanOrEqual(100)
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
})

test.each([
  ['the limit of the cache', true, { limit: 3 }, {}],
  ['CACHE_ALCHEMY_DEFAULT_LIMIT', true, {}, { CACHE_ALCHEMY_DEFAULT_LIMIT: '3' }],
  ['the default of 1000', false, {}, {}],
  ['a limit of -1', false, { limit: -1 }, {}],
])('%s is a bound in Redis: %s', async (_, isBounded, options, env) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const node = newNode(options)
  const read = square(node, { store: 'redis' })
  await Promise.all(Array.from({ length: 1100 }, (__, n) => read(n)))
  await node.cache.close()
  expect((await stored()).length).toBe(isBounded ? 3 : 1100)
  expect(await world.plain.exists(uses())).toBe(isBounded ? 1 : 0)
})

test("a function's own limit counts before the cache's", async () => {
  const read = square(newNode({ limit: 2 }), { limit: Infinity })
  await read(1)
  await untilStored(1)
  expect(await world.plain.exists(uses())).toBe(0)
})

test('entries that ended by themselves leave the index, and none goes for them', async () => {
  const ttl = (n: number) => (n < 10 ? 40 : 60_000)
  const read = square(newNode(), { limit: 5, ttl: (root: number) => ttl(Math.sqrt(root)) })
  await each(read, 11, 12, 1, 2, 3)
  await untilStored(11, 12)
  await each(read, 13)
  expect([await indexed(), await stored()]).toEqual([
    [11, 12, 13],
    [11, 12, 13],
  ])
})

test('the index lives as long as its last entry', async () => {
  const read = square(newNode(), { limit: 5, ttl: (root: number) => (root === 1 ? 3_600_000 : 60_000) })
  await each(read, 1, 2)
  for (const key of [uses(), `${uses()}:ends`]) {
    expect(await world.plain.pttl(key)).toSatisfy((ms) => ms > 3_590_000 && ms <= 3_600_000)
  }
})

test('a flush takes entries out of the index too', async () => {
  const { cache } = newNode()
  const read = square({ cache }, { limit: 5 })
  await each(read, 1, 2, 3)
  await cache.flush()
  await until(async () => (await world.plain.exists(uses(), `${uses()}:ends`)) === 0)
  expect(await stored()).toEqual([])
})

test('a limit that was lowered is reached step by step', async () => {
  const before = newNode()
  const many = square(before, { limit: 2000 })
  await Promise.all(Array.from({ length: 1200 }, (_, n) => many(n)))
  await before.cache.close()
  expect((await indexed()).length).toBe(1200)
  const read = square(newNode(), { limit: 2 })
  await each(read, -1, -2, -3)
  await untilStored(-3, -2)
})

/** How often the server runs each command meanwhile, those inside scripts too. */
async function commandsDuring(work: () => Promise<unknown>): Promise<Map<string, number>> {
  await world.plain.config('RESETSTAT')
  await work()
  const stats = await world.plain.info('commandstats')
  return new Map(Array.from(stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name, calls]) => [name!, Number(calls)]))
}

test('a thousand hits are at most a few notes, and none of them waits for Redis', async () => {
  // So that nobody asks meanwhile what was cleared.
  const read = square(newNode({ maxStaleness: '1h' }), { limit: 3 })
  await each(read, 1, 2)
  const commands = await commandsDuring(async () => {
    for (let hit = 0; hit < 1000; hit++) await read(1)
    await until(async () => (await indexed()).join() === '2,1')
  })
  expect(commands.get('get') ?? 0).toBe(0)
  expect(commands.get('evalsha')).toBeLessThan(20)
  expect(commands.get('zadd')).toBeLessThan(5)
})

test('nothing on its way walks keys', async () => {
  const node = newNode()
  const read = square(node, { limit: 3 })
  const commands = await commandsDuring(async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => read(n)))
    await node.cache.close()
  })
  expect(commands.get('unlink')).toBe(47)
  expect(Array.from(commands.keys()).filter((name) => ['keys', 'scan', 'zscan', 'flushdb', 'flushall'].includes(name))).toEqual([])
})

test('a server that allows no index still answers every call, and one error says so', async () => {
  const prefix = encodeURIComponent(world.prefix)
  const all = [`~{${prefix}:log}`, `~${prefix}:*`, `~${prefix}#*`]
  await world.plain.call('ACL', 'SETUSER', 'unindexed', 'on', '>secret', ...all, '&*', '+@all')
  const { cache, errors } = newNode({ redis: `redis://unindexed:secret@127.0.0.1:${world.server.port}` })
  const read = square({ cache }, { limit: 3 })
  for (let n = 0; n < 20; n++) expect(await read(n)).toBe(n * n)
  await cache.close()
  expect(errors).toEqual([expect.objectContaining({ code: 'STORE' })])
})

test('what had to go and could not be removed goes with the next ones, also where it was used meanwhile', async () => {
  const prefix = encodeURIComponent(world.prefix)
  const rights = [`~{${prefix}:log}`, `~${prefix}:*`, `~${prefix}#*`, `~{${prefix}#*`, '&*', '+@all']
  await world.plain.call('ACL', 'SETUSER', 'keeping', 'on', '>secret', ...rights, '-unlink')
  const { cache, errors } = newNode({ redis: `redis://keeping:secret@127.0.0.1:${world.server.port}` })
  const read = square({ cache }, { limit: 2 })
  await world.plain.config('RESETSTAT')
  await each(read, 1, 2, 3, 4)
  // Of 1, and then of 1 and 2.
  await until(async () => (await world.plain.info('commandstats')).includes('rejected_calls=3'))
  await until(() => errors.length > 0)
  await untilStored(1, 2, 3, 4)
  await world.plain.call('ACL', 'SETUSER', 'keeping', '+unlink')
  expect(await read(1)).toBe(1)
  await each(read, 5)
  await untilStored(4, 5)
  expect(await indexed()).toEqual([4, 5])
})

test('garbage in place of the index costs one error and no call, and once it is gone the limit holds again', async () => {
  await world.plain.set(uses(), 'garbage')
  const { cache, errors } = newNode()
  const read = square({ cache }, { limit: 3 })
  expect(await Promise.all([read(1), read(2)])).toEqual([1, 4])
  await read(3)
  await until(() => errors.length > 0)
  await untilStored(1, 2, 3)
  await cache.clear(cache.tag('a round trip later'))
  await world.plain.del(uses())
  await each(read, 4)
  await untilStored(2, 3, 4)
  expect(errors.map(({ code }) => code)).toEqual(['STORE'])
})
