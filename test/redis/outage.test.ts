// What is lost, and what is away: a log that went missing is never taken for an empty one, and no clear is forgotten.
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../support/redis.ts'
import { timed } from '../support/timed.ts'
import { callOf, newProcess, patternOf, until, type TestProcess } from './process.ts'
import { newProxy } from './proxy.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const { heard, unheard, records } = world
const user = (id: string) => callOf('user', id)

interface State {
  readonly position: number
  readonly generation: string | undefined
}

function stateOf({ log, shared }: TestProcess): State {
  return { position: log.position, generation: shared.generation }
}

/** Everything that this process has is stale, and it begins anew. */
function beganAnew(process: TestProcess, before: State): void {
  expect(process.shared.generation).not.toBe(before.generation)
  expect(process.isCleared(callOf('anything'), before.position)).toBe(true)
  expect(process.isCleared(callOf('anything'), process.log.position)).toBe(false)
  expect(process.shared.windowStart).toBeLessThanOrEqual(process.shared.epoch)
}

describe('a lost log', () => {
  test.each([
    ['the server was flushed', () => world.plain.flushall()],
    ['the key was evicted', () => world.plain.del(world.logKey())],
    ['the replication id is another one, as after a failover', () => world.plain.call('DEBUG', 'CHANGE-REPL-ID')],
    ['the marker was lost', () => world.plain.zremrangebyrank(world.logKey(), 0, 0)],
  ])('is noticed by the next question: %s', async (_, lose) => {
    const a = await heard()
    await a.clear(patternOf('user', '1'))
    const before = stateOf(a)
    await lose()
    expect(await a.shared.ask()).toBe(true)
    beganAnew(a, before)
    expect(await records()).toEqual([])
  })

  test('is noticed by the next clear, which the new log has', async () => {
    const a = await heard()
    const before = stateOf(a)
    await world.plain.flushall()
    await a.clear(patternOf('user', '1'))
    beganAnew(a, before)
    expect((await records()).map(([member]) => member)).toEqual(['["c","user","\\"1\\"",0]'])
    expect(a.log.clearedSinceEpoch([user('1')], a.shared.epoch - 1)).toBe(true)
    expect(a.log.clearedSinceEpoch([user('1')], a.shared.epoch)).toBe(false)
  })

  test("is noticed by another process's message", async () => {
    const [a, b] = [await heard(), await heard()]
    const before = stateOf(b)
    await world.plain.flushall()
    await a.clear(patternOf('user', '1'))
    await until(() => b.shared.generation !== before.generation)
    expect(b.shared.generation).toBe(a.shared.generation)
    beganAnew(b, before)
  })

  test('is noticed where rights forbid to see the replication id: the caller knows more than the log', async () => {
    await world.plain.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '&*', '+@all', '-info')
    const client = new Redis(`redis://blind:secret@127.0.0.1:${world.server.port}`, { lazyConnect: true, enableReadyCheck: false })
    const a = await heard({ redis: client })
    await a.clear(patternOf('user', '1'))
    await a.shared.ask()
    const before = stateOf(a)
    await world.plain.zremrangebyrank(world.logKey(), -1, -1)
    expect(await a.shared.ask()).toBe(true)
    beganAnew(a, before)
  })

  test('takes its epochs along: where the next clock is behind, its clears still count', async () => {
    const a = await heard()
    // A primary whose clock was a day ahead.
    await world.plain.zadd(world.logKey(), a.shared.epoch + 86_400_000_000, '["c","user","\\"1\\"",0]')
    await a.shared.ask()
    await world.plain.flushall()
    await a.shared.ask()
    const since = a.log.position
    const b = unheard()
    await b.clear(patternOf('user', '1'))
    await a.shared.ask()
    expect(a.isCleared(user('1'), since)).toBe(true)
    expect(a.log.clearedSinceEpoch([user('1')], b.shared.epoch)).toBe(false)
  })

  test('makes stale what was loaded before the first word, since nobody knows what was cleared meanwhile', async () => {
    const a = newProcess({ redis: world.server.url, prefix: world.prefix })
    const since = a.log.position
    await (await heard()).clear(patternOf('user', '1'))
    await a.shared.ask()
    expect(a.isCleared(user('1'), since)).toBe(true)
  })
})

describe('a server that has become a replica', () => {
  test('is asked for nothing, and left for whoever is the master by then', async () => {
    await using master = await startRedis()
    await using server = await startRedis()
    const plain = new Redis(server.url)
    onTestFinished(() => plain.disconnect())
    const a = await heard({ redis: server.url })
    const id = () => a.connection.command('', (client) => client.client('ID')).catch(() => undefined)
    const before = await id()
    await plain.replicaof('127.0.0.1', master.port)
    expect(await a.shared.ask()).toBe(false)
    expect(a.errors.some(({ message }) => message.includes('READONLY'))).toBe(true)
    let now = before
    await until(async () => ![undefined, before].includes((now = await id())))
    // It is left once a second at most: it may stay a replica.
    for (let times = 0; times < 3; times++) expect(await a.shared.ask()).toBe(false)
    await expect(a.clear(patternOf('user', '1'))).rejects.toMatchObject({ code: 'STORE' })
    expect(await id()).toBe(now)
    await plain.replicaof('NO', 'ONE')
    await until(() => a.shared.ask())
    await until(() => !a.log.clearedSinceEpoch([user('1')], a.shared.epoch))
  })
})

describe('while Redis cannot be reached', () => {
  test('clears count here, reject, and are delivered in one append on return', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url }), await heard()]
    const since = b.log.position
    proxy.refuse()
    const record = a.log.append('clear', patternOf('user', '1'), 0, true)
    const refused = [
      a.shared.append([record]),
      a.clear(patternOf('user', '2')),
      a.clear(patternOf('user', '2')),
      a.expire(patternOf('user', '3')),
    ]
    for (const result of await Promise.allSettled(refused)) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE' } })
    expect(a.log.clearedSinceEpoch([user('2')], Number.MAX_SAFE_INTEGER)).toBe(true)
    expect(await records()).toEqual([])
    proxy.restore()
    await until(() => b.isCleared(user('1'), since) && b.isCleared(user('2'), since))
    await until(() => record.pending === 0)
    expect(b.log.expiredSince([user('3')], since)).toBeDefined()
    const delivered = await records()
    expect(delivered.map(([member]) => member).sort()).toEqual([
      '["c","user","\\"1\\"",0]',
      '["c","user","\\"2\\"",0]',
      '["e","user","\\"3\\"",0]',
    ])
    expect(new Set(delivered.map(([, epoch]) => epoch)).size).toBe(1)
    expect(a.log.clearedSinceEpoch([user('2')], a.shared.epoch)).toBe(false)
  })

  test('clears are bounded by widening them to their functions, and none is forgotten', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url }), await heard()]
    const since = b.log.position
    proxy.refuse()
    for (let id = 0; id < 3000; id++) await a.clear(patternOf('user', `${id}`)).catch(() => undefined)
    proxy.restore()
    await until(() => b.isCleared(user('0'), since) && b.isCleared(user('2999'), since))
    const delivered = await records()
    expect(delivered.length).toBeLessThan(1100)
    expect(new Set(delivered.map(([, epoch]) => epoch)).size).toBe(1)
    expect(b.isCleared(callOf('post'), since)).toBe(false)
  })

  test('a clear that was sent and not answered is sent again, also where it had arrived', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url, commandTimeout: 100 }), await heard()]
    const since = b.log.position
    for (const wire of proxy.wires()) wire.hold()
    const record = a.log.append('clear', patternOf('user', '1'), 0, true)
    await expect(a.shared.append([record])).rejects.toMatchObject({ code: 'STORE' })
    await until(() => b.isCleared(user('1'), since))
    await until(() => record.pending === 0)
    expect(a.log.clearedSinceEpoch([user('1')], a.shared.epoch)).toBe(false)
  })

  test('at the start: questions and clears fail at once, and all is well when it comes', async () => {
    await using late = await startRedis()
    await late.kill()
    const a = newProcess({ redis: late.url, prefix: world.prefix, commandTimeout: 10_000 })
    const record = a.log.append('clear', patternOf('user', '1'), 0, true)
    const failing = async (): Promise<void> => {
      expect(await a.shared.ask()).toBe(false)
      await expect(a.shared.append([record])).rejects.toMatchObject({ code: 'STORE' })
      expect(await a.shared.reach(0)).toBe(false)
    }
    const [ms] = await timed(failing())
    expect(ms).toBeLessThan(5000)
    expect(a.shared.verifiedAt).toBe(Number.NEGATIVE_INFINITY)
    expect(a.errors.map((error) => error.code)).toEqual(['STORE'])
    await late.restart()
    await until(() => a.shared.generation !== undefined && record.pending === 0)
  })

  test('a process that closes says how many clears were never confirmed', async () => {
    await using away = await startRedis()
    await away.kill()
    const a = newProcess({ redis: away.url, prefix: world.prefix })
    await a.clear(patternOf('user', '1'), patternOf('user', '2')).catch(() => undefined)
    await a.close()
    expect(a.errors.at(-1)?.message).toContain('2 of its clears')
  })

  test('a restart to empty is a lost log, and the clears made meanwhile are delivered to the new one', async () => {
    await using other = await startRedis()
    const [a, b] = [await heard({ redis: other.url }), await heard({ redis: other.url })]
    const since = b.log.position
    const { generation } = b.shared
    await other.kill()
    await expect(a.clear(patternOf('user', '1'))).rejects.toMatchObject({ code: 'STORE' })
    await other.restart()
    await until(() => b.shared.generation !== generation && b.shared.generation === a.shared.generation)
    await until(() => b.shared.epoch === a.shared.epoch && b.log.clearedSinceEpoch([user('1')], 0))
    expect(b.isCleared(callOf('anything'), since)).toBe(true)
  })

  test('a server that hangs costs one bounded wait, then nothing until it is back', async () => {
    await using other = await startRedis()
    const a = await heard({ redis: other.url, commandTimeout: 1000 })
    other.pause()
    onTestFinished(() => other.resume())
    const began = performance.now()
    expect(await a.shared.ask()).toBe(false)
    expect(performance.now() - began).toBeGreaterThan(950)
    const [asked] = await timed(a.shared.ask())
    const [cleared] = await timed(a.clear(patternOf('user', '1')).catch(() => undefined))
    expect([asked < 500, cleared < 500]).toEqual([true, true])
    other.resume()
    await until(() => a.shared.ask())
    await until(() => !a.log.clearedSinceEpoch([user('1')], a.shared.epoch))
  })
})
