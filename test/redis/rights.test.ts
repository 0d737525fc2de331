// The least rights that a user of Redis needs for a cache, as docs/configuration.md lists them, and what is missing without INFO.
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCache, type CacheOptions } from '../../src/index.ts'
import { endLeaseScript, renewLeaseScript, takeLeaseScript } from '../../src/redis/lease-scripts.ts'
import { appendScript, questionScript } from '../../src/redis/log-scripts.ts'
import { usesScript } from '../../src/redis/uses-scripts.ts'
import { callOf, newListening, newProcess, patternOf, until } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
// ioredis says on the console that it may not ask whether the server is ready.
beforeEach(() => void vi.spyOn(console, 'warn').mockReturnValue(undefined))

const COMMANDS =
  'evalsha eval get getrange set unlink pttl scan subscribe ping time info type del pexpire publish ' +
  'zadd zrem zcard zcount zscore zrange zrangebyscore zrevrangebyscore zremrangebyscore hset hmget hgetall'

const SCRIPTS = [appendScript, questionScript, takeLeaseScript, renewLeaseScript, endLeaseScript, usesScript]

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
    const cache = createCache({ redis, prefix: world.prefix, limit: 5, onError, ...options })
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
  const guide = readFileSync('docs/configuration.md', 'utf8')
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
    const cache = createCache({ redis: url, prefix: world.prefix, onError: () => undefined })
    onTestFinished(() => cache.close())
    const row = cache.memoize(async () => 1, { name: 'row' })
    expect(await row()).toBe(1)
    await expect(row.clear()).rejects.toMatchObject({ code: 'STORE' })
    expect(await world.plain.exists(world.logKey())).toBe(0)
  })
})

describe('without the right to INFO', () => {
  const blind = () => admit('blind', ['+@all', '-@dangerous', '-@admin', ...patternsOf(world.prefix)])

  /** A replica that lacks what was cleared last is the primary now. */
  async function failOver(): Promise<void> {
    await world.plain.zremrangebyrank(world.logKey(), -1, -1)
    await world.plain.call('DEBUG', 'CHANGE-REPL-ID')
  }

  test('a fail-over that lost clears is noticed by the first process that knew more, and by all others from then on', async () => {
    const redis = await blind()
    const knows = await newListening({ redis, prefix: world.prefix })
    await knows.clear(patternOf('user', '1'))
    await knows.clear(patternOf('user', '2'))
    const { generation } = knows.shared
    await failOver()
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
