// The least rights that a user of Redis needs for a cache, as docs/distributed.md lists them, and what is missing without INFO.
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCache, type CacheOptions } from '../../src/index.ts'
import { dateScript } from '../../src/redis/entry-scripts.ts'
import { endLeaseScript, renewLeaseScript, takeLeaseScript } from '../../src/redis/lease-scripts.ts'
import { appendScript, questionScript } from '../../src/redis/log-scripts.ts'
import { usesScript } from '../../src/redis/uses-scripts.ts'
import { callOf, newListening, newProcess, patternOf, until, type TestProcess } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
// ioredis says on the console that it may not ask whether the server is ready.
beforeEach(() => void vi.spyOn(console, 'warn').mockReturnValue(undefined))

const COMMANDS =
  'evalsha eval get mget getrange set setrange unlink pttl scan subscribe ping time info type del pexpire publish ' +
  'zadd zrem zcard zcount zscore zrange zrangebyscore zrevrangebyscore zremrangebyscore hset hmget hgetall'

const SCRIPTS = [appendScript, questionScript, takeLeaseScript, renewLeaseScript, endLeaseScript, usesScript, dateScript]

/** The keys and channels of a prefix, as the cache writes it. */
function patternsOf(prefix: string): string[] {
  const its = encodeURIComponent(prefix)
  return [`~${its}:*`, `~${its}#*`, `~{${its}:log}`, `~{${its}#*`, `&{${its}:log}@*`, `&${its}#*`]
}

async function admit(user: string, rights: readonly string[]): Promise<string> {
  await world.plain.call('ACL', 'SETUSER', user, 'reset', 'on', '>secret', ...rights)
  return `redis://${user}:secret@127.0.0.1:${world.server.port}`
}

/** Everything that a cache does, in two processes: what they said was wrong. */
async function doAll(redis: string, options: CacheOptions): Promise<string[]> {
  const errors: string[] = []
  const onError = (error: Error): void => void errors.push(`${error.message} ${String(error.cause)}`)
  const rows = new Map<string, string>()
  const nodes = [1, 2].map(() => {
    const cache = createCache({ redis, prefix: world.prefix, commandTimeout: 10_000, limit: 5, onError, ...options })
    onTestFinished(() => cache.close())
    return { cache, row: cache.memoize(async (id: string) => rows.get(id) ?? 'none', { name: 'row' }) }
  })
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
  for (const { cache } of nodes) await cache.clear(cache.tag('connected'))
  for (let id = 0; id < 10; id++) await a.row(`${id}`)
  await Promise.all([a.row('herd'), b.row('herd'), a.row('herd')])
  expect(await b.row('9')).toBe('none')
  for (const value of ['one', 'two']) {
    rows.set('9', value)
    await b.row.clear('9')
    await until(async () => (await a.row('9')) === value)
    expect(await b.row('9')).toBe(value)
  }
  await a.row.expire()
  expect(await a.row.count()).toBeGreaterThanOrEqual(0)
  await a.cache.flush()
  for (const { cache } of nodes) await cache.close()
  return errors
}

test('the commands listed are all that the scripts call, and are in the guide', () => {
  const called = SCRIPTS.flatMap(({ text }) => Array.from(text.matchAll(/redis\.p?call\('(\w+)'/g), ([, name]) => name!.toLowerCase()))
  expect(COMMANDS.split(' ')).toEqual(expect.arrayContaining(called))
  const guide = readFileSync('docs/distributed.md', 'utf8')
  for (const name of COMMANDS.split(' ')) expect(guide).toMatch(new RegExp(`\\+${name}\\b`))
})

describe('a user', () => {
  test.each(['eventual', 'strong'] as const)('needs no more than these commands, keys and channels: %s', async (consistency) => {
    const url = await admit('least', ['-@all', ...COMMANDS.split(' ').map((name) => `+${name}`), ...patternsOf(world.prefix)])
    expect(await doAll(url, { consistency })).toEqual([])
  })

  test.each(['eventual', 'strong'] as const)('needs no dangerous command, and none of administration: %s', async (consistency) => {
    const url = await admit('harmless', ['+@all', '-@dangerous', '-@admin', ...patternsOf(world.prefix)])
    expect(await doAll(url, { consistency })).toEqual([])
  })

  test('of one prefix can neither read nor clear another one', async () => {
    const url = await admit('other', ['+@all', '-@dangerous', ...patternsOf(`${world.prefix} other`)])
    const cache = createCache({ redis: url, prefix: world.prefix, commandTimeout: 10_000, onError: () => undefined })
    onTestFinished(() => cache.close())
    const row = cache.memoize(async () => 1, { name: 'row' })
    expect(await row()).toBe(1)
    await expect(row.clear()).rejects.toMatchObject({ code: 'STORE' })
    expect(await world.plain.exists(world.logKey())).toBe(0)
  })
})

describe('without the right to INFO', () => {
  const blind = () => admit('blind', ['+@all', '-@dangerous', '-@admin', ...patternsOf(world.prefix)])
  /** It hears the others, and they do not hear it. */
  const muteToo = () => admit('mute', ['+@all', '-@dangerous', '-@admin', '-publish', ...patternsOf(world.prefix)])

  /** A replica that lacks what came after `copy` is the primary now. */
  async function failOver(copy: Buffer): Promise<void> {
    await world.plain.restore(world.logKey(), 60_000, copy, 'REPLACE')
    await world.plain.call('DEBUG', 'CHANGE-REPL-ID')
  }

  const copied = () => world.plain.dumpBuffer(world.logKey())

  test('a fail-over that lost clears is noticed by the first process that knew more, and by all others from then on', async () => {
    const redis = await blind()
    const knows = await newListening({ redis, prefix: world.prefix })
    await knows.clear(patternOf('user', '1'))
    const copy = await copied()
    await knows.clear(patternOf('user', '2'))
    const { generation } = knows.shared
    await failOver(copy)
    const late = newProcess({ redis, prefix: world.prefix })
    await late.shared.ask()
    // Until then, one who starts takes what is left for the whole.
    expect(late.shared.generation).toBe(generation)
    const since = late.log.position
    await knows.shared.ask()
    expect(knows.shared.generation).not.toBe(generation)
    await late.shared.ask()
    expect([late.shared.generation, late.isCleared(callOf('user', '2'), since)]).toEqual([knows.shared.generation, true])
  })

  /** Two processes that know the same, until the first one clears something and the other one is not told. */
  async function knowsAndLacks(): Promise<[knows: TestProcess, lacks: TestProcess]> {
    const knows = await newListening({ redis: await muteToo(), prefix: world.prefix })
    return [knows, await newListening({ redis: await blind(), prefix: world.prefix })]
  }

  test.each([1, 900])('it is noticed also where others have cleared since, %d times', async (times) => {
    // Neither hears a channel: it must be the question.
    const redis = await admit('deaf', ['+@all', '-@dangerous', '-@admin', `~{${encodeURIComponent(world.prefix)}:log}`])
    const [knows, lacks] = [newProcess({ redis, prefix: world.prefix }), newProcess({ redis, prefix: world.prefix })]
    await knows.clear(patternOf('user', '1'))
    for (const one of [knows, lacks]) await one.shared.ask()
    const copy = await copied()
    await knows.clear(patternOf('user', '2'))
    const { generation, epoch } = knows.shared
    await failOver(copy)
    for (let done = 0; done < times; done++) await lacks.clear(patternOf('post', `${done}`))
    expect([lacks.shared.generation, lacks.shared.epoch > epoch]).toEqual([generation, true])
    const since = knows.log.position
    await knows.shared.ask()
    expect(knows.shared.generation).not.toBe(generation)
    expect(knows.isCleared(callOf('anything'), since)).toBe(true)
  })

  test('it is noticed also by a message of those who have cleared since', async () => {
    const [knows, lacks] = await knowsAndLacks()
    const copy = await copied()
    await knows.clear(patternOf('user', '2'))
    const { generation } = knows.shared
    await failOver(copy)
    await lacks.clear(patternOf('post', '1'))
    await until(() => knows.shared.generation !== generation)
  })

  test('it is noticed also where the lost primary’s clock was ahead, and so the epochs are the same', async () => {
    const [knows, lacks] = await knowsAndLacks()
    await world.plain.zadd(world.logKey(), knows.shared.epoch + 86_400_000_000, '["c","other","",0]')
    for (const one of [knows, lacks]) await one.shared.ask()
    const copy = await copied()
    await knows.clear(patternOf('user', '2'))
    const { generation, epoch } = knows.shared
    await failOver(copy)
    await lacks.clear(patternOf('post', '1'))
    expect([lacks.shared.generation, lacks.shared.epoch]).toEqual([generation, epoch])
    await knows.shared.ask()
    expect(knows.shared.generation).not.toBe(generation)
  })

  test('one process that lacks it leaves the others the sight of it, and makes nothing begin anew twice', async () => {
    const cannot = newProcess({ redis: await blind(), prefix: world.prefix })
    await cannot.shared.ask()
    const first = cannot.shared.generation
    const can = newProcess({ redis: world.server.url, prefix: world.prefix })
    await can.shared.ask()
    // What was lost before the first one came who can see it, nobody knows.
    const { generation } = can.shared
    expect(generation).not.toBe(first)
    for (const one of [cannot, can, cannot, can]) {
      await one.clear(patternOf('user', '1'))
      await one.shared.ask()
      expect(one.shared.generation).toBe(generation)
    }
    await world.plain.call('DEBUG', 'CHANGE-REPL-ID')
    const fresh = newProcess({ redis: world.server.url, prefix: world.prefix })
    await fresh.shared.ask()
    expect(fresh.shared.generation).not.toBe(generation)
  })

  test('one that lost nothing changes nothing, where with that right it makes older entries stale', async () => {
    const knows = await newListening({ redis: await blind(), prefix: world.prefix })
    await knows.clear(patternOf('user', '1'))
    const { generation } = knows.shared
    await world.plain.call('DEBUG', 'CHANGE-REPL-ID')
    await knows.shared.ask()
    expect(knows.shared.generation).toBe(generation)
    const sees = await newListening({ redis: world.server.url, prefix: `${world.prefix} too` })
    const before = sees.shared.generation
    await world.plain.call('DEBUG', 'CHANGE-REPL-ID')
    await sees.shared.ask()
    expect(sees.shared.generation).not.toBe(before)
  })
})
