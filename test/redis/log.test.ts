// The shared clear log over a real server: what one process clears, the others know; and nothing that went missing is taken for fresh.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { appendScript, questionScript } from '../../src/redis/scripts.ts'
import { startRedis } from '../support/redis.ts'
import {
  callOf,
  mutedUrl,
  newListening,
  newPrefix,
  newProcess,
  newServer,
  patternOf,
  until,
  type ProcessOptions,
  type TestProcess,
  type TestServer,
} from './process.ts'
import { newProxy, type Proxy } from './proxy.ts'

let server: TestServer
let plain: Redis
let prefix: string
/** A process with this URL appends without being heard: its messages are lost. */
let muted: string

beforeAll(async () => {
  server = await newServer(['--enable-debug-command', 'local'])
  plain = server.plain
  muted = await mutedUrl(server)
})
afterAll(() => server.stop())
beforeEach(async () => {
  prefix = newPrefix()
  // So that each script is one command, in whatever order the tests run.
  for (const { text } of [appendScript, questionScript]) await plain.script('LOAD', text)
})

const user = (id: string) => callOf('user', id)
const logKey = () => `{${encodeURIComponent(prefix)}:log}`
const channel = () => `${logKey()}@0`
const heard = (options = {}) => newListening({ redis: server.url, prefix, ...options })
const unheard = (options = {}) => newProcess({ redis: muted, prefix, ...options })

/** Records as the sorted set holds them: the members that are kept one by one, with their epochs. */
async function records(): Promise<Array<[member: string, epoch: number]>> {
  const list = await plain.zrangebyscore(logKey(), '(0', '+inf', 'WITHSCORES')
  return list.flatMap((member, index) => (index % 2 === 0 ? [[member, Number(list[index + 1])] as [string, number]] : []))
}

/** Resolves when a process has heard all that was said in the channel before. */
async function hasHeardAll(process: TestProcess): Promise<void> {
  const said = callOf(`barrier ${Math.random()}`)
  const since = process.log.position
  const other = await heard()
  await other.clear(said)
  await until(() => process.isCleared(said, since))
}

/** A message as the append script writes it. */
function messageOf(generation: string | undefined, previous: number, epoch: number, members: readonly string[]): string {
  return `["${generation}",${previous},${epoch},"someone","1",[${members.join(',')}]]`
}

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

/** Ten clears, and a process that comes after them. */
async function tenClears(options: Partial<ProcessOptions> = {}): Promise<{ before: number; writer: TestProcess; late: TestProcess }> {
  const writer = await heard()
  const before = writer.shared.epoch
  for (let id = 0; id < 10; id++) await writer.clear(patternOf('user', `${id}`))
  return { before, writer, late: newProcess({ redis: muted, prefix, ...options }) }
}

describe('between processes', () => {
  test('a clear reaches another process by one message, without a question', async () => {
    const [a, b] = [await heard(), await heard()]
    const since = b.log.position
    const { verifiedAt } = b.shared
    b.clock.advance(1)
    await a.clear(patternOf('user', '42'))
    await until(() => b.isCleared(user('42'), since))
    expect(b.isCleared(user('7'), since)).toBe(false)
    expect(b.shared.epoch).toBe(a.shared.epoch)
    expect(b.shared.verifiedAt).toBe(verifiedAt)
  })

  test('an expire arrives as an expire', async () => {
    const [a, b] = [await heard(), await heard()]
    const since = b.log.position
    await a.expire(patternOf('user', '42'))
    await until(() => b.log.expiredSince([user('42')], since) !== undefined)
    expect(b.isCleared(user('42'), since)).toBe(false)
  })

  test('records of one append share one epoch', async () => {
    const a = await heard()
    await a.clear(patternOf('user', '1'), patternOf('user', '2'), patternOf('list'))
    const epochs = (await records()).map(([, epoch]) => epoch)
    expect(epochs).toEqual([a.shared.epoch, a.shared.epoch, a.shared.epoch])
  })

  test('epochs never go back, whatever the clock of the server says', async () => {
    const a = await heard()
    const ahead = a.shared.epoch + 3_600_000_000
    await plain.zadd(logKey(), `${ahead}`, '["c","other","",0]')
    await a.clear(patternOf('user', '1'))
    expect(a.shared.epoch).toBe(ahead + 1)
  })

  test('two prefixes and two databases never hear each other', async () => {
    const a = await heard()
    const others = [await heard({ prefix: `${prefix}:log` }), await heard({ redis: `${server.url}/1` })]
    const positions = others.map((process) => process.log.position)
    await a.clear(patternOf('user', '1'))
    for (const process of others) await process.shared.ask()
    expect(others.map((process) => process.log.position)).toEqual(positions)
    expect(new Set([a, ...others].map((process) => process.shared.generation)).size).toBe(3)
  })
})

describe('an own clear', () => {
  test('is no new record when it is acknowledged, nor when its message comes back', async () => {
    const a = await heard()
    const acknowledged = a.clear(patternOf('user', '42'))
    // What is loaded now, after the clear and before its acknowledgement, stays.
    const since = a.log.position
    await acknowledged
    await hasHeardAll(a)
    expect(a.isCleared(user('42'), since)).toBe(false)
  })

  test('counts as later than every epoch until it is acknowledged, then it has its own', async () => {
    const a = await heard()
    const acknowledged = a.clear(patternOf('user', '42'))
    expect(a.log.clearedSinceEpoch([user('42')], Number.MAX_SAFE_INTEGER)).toBe(true)
    await acknowledged
    expect(a.log.clearedSinceEpoch([user('42')], a.shared.epoch)).toBe(false)
    expect(a.log.clearedSinceEpoch([user('42')], a.shared.epoch - 1)).toBe(true)
  })

  test("does not hide another process's clear of the same ref that came in between by message", async () => {
    const [a, b] = [await heard(), await heard()]
    const record = a.log.append('clear', patternOf('user', '42'), 0, true)
    const since = a.log.position
    await b.clear(patternOf('user', '42'))
    await until(() => a.isCleared(user('42'), since))
    const between = a.log.position
    await a.shared.append([record])
    expect(a.isCleared(user('42'), since)).toBe(true)
    expect(a.isCleared(user('42'), between)).toBe(false)
  })

  test("brings what the writer had missed, also another process's clear of the same ref", async () => {
    const [a, b] = [await heard(), unheard()]
    const record = a.log.append('clear', patternOf('user', '42'), 0, true)
    const since = a.log.position
    await b.clear(patternOf('user', '42'), patternOf('user', '7'))
    await a.shared.append([record])
    expect(a.isCleared(user('42'), since)).toBe(true)
    expect(a.isCleared(user('7'), since)).toBe(true)
    expect(a.shared.epoch).toBe((await records()).at(-1)?.[1])
  })

  test('that missed more than a reply holds counts as new, and the rest is asked for', async () => {
    const [a, b] = [await heard({ page: 3 }), unheard()]
    const record = a.log.append('clear', patternOf('user', '42'), 0, true)
    const since = a.log.position
    for (let id = 0; id < 8; id++) await b.clear(patternOf('user', `${id}`))
    await b.clear(patternOf('user', '42'))
    await a.shared.append([record])
    expect(a.isCleared(user('42'), since)).toBe(true)
    await until(() => a.shared.epoch === b.shared.epoch + 1 || a.isCleared(user('7'), since))
    await a.shared.ask()
    for (let id = 0; id < 8; id++) expect(a.isCleared(user(`${id}`), since)).toBe(true)
  })

  test('is confirmed by its own message where the reply never comes', async () => {
    const proxy = await newProxy(server.port)
    const a = await heard({ redis: proxy.url })
    proxy.asking().hold()
    const record = a.log.append('clear', patternOf('user', '42'), 0, true)
    const since = a.log.position
    await a.shared.append([record])
    expect(record.pending).toBe(0)
    expect(record.epoch).toBe((await records()).at(-1)?.[1])
    proxy.asking().release()
    await a.shared.ask()
    expect([record.pending, a.isCleared(user('42'), since)]).toEqual([0, false])
  })

  test('is not confirmed by its own message where something before it was missed', async () => {
    const proxy = await newProxy(server.port)
    const [a, b] = [await heard({ redis: proxy.url }), unheard()]
    const record = a.log.append('clear', patternOf('user', '42'), 0, true)
    const since = a.log.position
    await b.clear(patternOf('user', '42'))
    proxy.asking().hold()
    const before = scriptsSent(proxy)
    const appended = a.shared.append([record])
    // Its message makes it ask: the question stands on the wire behind the append.
    await until(() => scriptsSent(proxy) === before + 2)
    expect(record.pending).toBe(1)
    proxy.asking().release()
    await appended
    expect(a.isCleared(user('42'), since)).toBe(true)
  })
})

describe('messages', () => {
  test('that leave a gap count at once, and what was missed is asked for', async () => {
    const [a, b, c] = [await heard(), unheard(), await heard()]
    const since = a.log.position
    await b.clear(patternOf('user', '1'))
    await c.clear(patternOf('user', '2'))
    await until(() => a.isCleared(user('2'), since) && a.isCleared(user('1'), since))
    expect(a.shared.epoch).toBe(c.shared.epoch)
  })

  test('that come twice or in another order change nothing', async () => {
    const proxy = await newProxy(server.port)
    const [a, b] = [await heard({ redis: proxy.url }), unheard()]
    const { position } = a.log
    const { epoch, generation } = a.shared
    await b.clear(patternOf('user', '1'))
    await b.clear(patternOf('user', '2'))
    const [[first, one], [second, two]] = (await records()) as [[string, number], [string, number]]
    proxy.asking().hold()
    await plain.publish(channel(), messageOf(generation, one, two, [second]))
    await until(() => a.isCleared(user('2'), position))
    expect([a.isCleared(user('1'), position), a.shared.epoch]).toEqual([false, epoch])
    await plain.publish(channel(), messageOf(generation, epoch, one, [first]))
    await until(() => a.isCleared(user('1'), position))
    for (let times = 0; times < 3; times++) await plain.publish(channel(), messageOf(generation, epoch, one, [first]))
    proxy.asking().release()
    await until(() => a.shared.epoch === two)
    await plain.publish(channel(), messageOf(generation, one, two, [second]))
    await hasHeardAll(a)
    // Each once, and the one that says that all was heard.
    expect(a.log.position).toBe(position + 3)
  })

  test('of another generation are not applied, but make it ask', async () => {
    const a = await heard()
    const { position } = a.log
    const { epoch, verifiedAt } = a.shared
    a.clock.advance(100)
    await plain.publish(channel(), messageOf('dead', epoch, epoch + 1_000_000, ['["c","user","",0]']))
    await until(() => a.shared.verifiedAt === verifiedAt + 100)
    expect([a.log.position, a.shared.epoch]).toEqual([position, epoch])
  })

  test('that cannot be read are skipped and counted, and what follows counts', async () => {
    const [a, b] = [await heard(), await heard()]
    const since = a.log.position
    const garbage = ['no JSON', '{}', '[1,2,3]', '["g",1,2,"w","1",{}]', '["g",1.5,2,"w","1",[]]']
    for (const text of garbage) await plain.publish(channel(), text)
    await b.clear(patternOf('user', '2'))
    await until(() => a.isCleared(user('2'), since))
    expect(a.shared.skipped).toBe(garbage.length)
  })

  test('with records that cannot be read lose only those', async () => {
    const a = await heard()
    const since = a.log.position
    const { epoch, generation } = a.shared
    const members = ['["c","user"]', '7', '{}', '["z","user","",0]', '["c","user","\\"1\\"",0]']
    await plain.publish(channel(), messageOf(generation, epoch, epoch + 1, members))
    await until(() => a.isCleared(user('1'), since))
    expect([a.shared.skipped, a.shared.epoch]).toEqual([4, epoch + 1])
  })

  test('are heard again after the connection that listens was lost, and what was said in between is asked for', async () => {
    const proxy = await newProxy(server.port)
    const [a, b] = [await heard({ redis: proxy.url }), await heard()]
    const since = a.log.position
    proxy.refuse()
    await b.clear(patternOf('user', '1'))
    proxy.restore()
    await until(() => a.isCleared(user('1'), since))
    await until(() => a.connection.isListening)
    await b.clear(patternOf('user', '2'))
    await until(() => a.isCleared(user('2'), since))
    expect(a.shared.epoch).toBe(b.shared.epoch)
  })
})

describe('a question', () => {
  test('is shared by the callers of one tick, and never joined once it was sent', async () => {
    const proxy = await newProxy(server.port)
    const [a, b] = [await heard({ redis: proxy.url }), unheard()]
    const asked = () => scriptsSent(proxy)
    const before = asked()
    proxy.asking().hold()
    const first = [a.shared.ask(), a.shared.ask(), Promise.resolve().then(() => a.shared.ask())]
    await until(() => asked() === before + 1)
    await b.clear(patternOf('user', '1'))
    const since = a.log.position
    const second = a.shared.ask()
    await until(() => asked() === before + 2)
    proxy.asking().release()
    expect(await Promise.all([...first, second])).toEqual([true, true, true, true])
    expect(a.isCleared(user('1'), since)).toBe(true)
    expect(asked()).toBe(before + 2)
  })

  test('is a lease from when it was sent, not from when it was answered', async () => {
    const proxy = await newProxy(server.port)
    const a = await heard({ redis: proxy.url })
    const sent = a.clock.now() + 10
    a.clock.advance(10)
    proxy.asking().hold()
    const before = proxy.asking().sent().length
    const asked = a.shared.ask()
    await until(() => proxy.asking().sent().length > before)
    // A socket that is half open, or a process that was stopped: the answer lies there for a while.
    a.clock.advance(5000)
    proxy.asking().release()
    expect(await asked).toBe(true)
    expect(a.shared.verifiedAt).toBe(sent)
  })

  test('is asked several times within a lease, without being told to', async () => {
    const [a, b] = [await heard({ maxStaleness: 100 }), unheard()]
    const since = a.log.position
    await b.clear(patternOf('user', '1'))
    await until(() => a.isCleared(user('1'), since))
    expect(a.shared.verifiedAt).toBe(a.clock.now())
  })

  test('reads on in pages, and never stops between records of one append', async () => {
    const [a, b] = [await heard({ page: 3 }), unheard()]
    const since = a.log.position
    const ids = Array.from({ length: 10 }, (_, id) => `${id}`)
    await b.clear(...ids.map((id) => patternOf('user', id)))
    for (const id of ids) await b.clear(patternOf('post', id))
    expect(await a.shared.ask()).toBe(true)
    expect(a.shared.epoch).toBe(b.shared.epoch)
    for (const id of ids) expect([a.isCleared(user(id), since), a.isCleared(callOf('post', id), since)]).toEqual([true, true])
  })

  test('reads over records that cannot be read, and counts them', async () => {
    const a = await heard()
    const since = a.log.position
    const { epoch } = a.shared
    await plain.zadd(logKey(), epoch + 1, 'no JSON', epoch + 2, '["z","user","",0]', epoch + 3, '["c","user","",0]', epoch + 4, '["c",7]')
    expect(await a.shared.ask()).toBe(true)
    expect([a.shared.skipped, a.shared.epoch, a.isCleared(user('1'), since)]).toEqual([3, epoch + 4, true])
  })

  test('that gets no answer of ours is told once, and is no answer', async () => {
    await plain.set(logKey(), 'something else')
    const a = newProcess({ redis: server.url, prefix })
    expect([await a.shared.ask(), await a.shared.ask()]).toEqual([false, false])
    await until(() => a.errors.length > 0)
    expect(a.errors.map((error) => error.message)).toEqual([expect.stringContaining('WRONGTYPE')])
    expect(a.shared.generation).toBeUndefined()
  })
})

describe('a lost log', () => {
  test.each([
    ['the server was flushed', () => plain.flushall()],
    ['the key was evicted', () => plain.del(logKey())],
    ['the replication id is another one, as after a failover', () => plain.call('DEBUG', 'CHANGE-REPL-ID')],
    ['the marker was lost', () => plain.zremrangebyrank(logKey(), 0, 0)],
  ])('is noticed by the next question: %s', async (_, lose) => {
    const a = await heard()
    await a.clear(patternOf('user', '1'))
    const before = stateOf(a)
    await lose()
    expect(await a.shared.ask()).toBe(true)
    beganAnew(a, before)
    expect(await plain.zcard(logKey())).toBe(1)
  })

  test('is noticed by the next clear, which the new log has', async () => {
    const a = await heard()
    const before = stateOf(a)
    await plain.flushall()
    await a.clear(patternOf('user', '1'))
    beganAnew(a, before)
    expect((await records()).map(([member]) => member)).toEqual(['["c","user","\\"1\\"",0]'])
    expect(a.log.clearedSinceEpoch([user('1')], a.shared.epoch - 1)).toBe(true)
    expect(a.log.clearedSinceEpoch([user('1')], a.shared.epoch)).toBe(false)
  })

  test("is noticed by another process's message", async () => {
    const [a, b] = [await heard(), await heard()]
    const before = stateOf(b)
    await plain.flushall()
    await a.clear(patternOf('user', '1'))
    await until(() => b.shared.generation !== before.generation)
    expect(b.shared.generation).toBe(a.shared.generation)
    beganAnew(b, before)
  })

  test('is noticed where rights forbid to see the replication id: the caller knows more than the log', async () => {
    await plain.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '&*', '+@all', '-info')
    const client = new Redis(`redis://blind:secret@127.0.0.1:${server.port}`, { lazyConnect: true, enableReadyCheck: false })
    const a = await heard({ redis: client })
    await a.clear(patternOf('user', '1'))
    await a.shared.ask()
    const before = stateOf(a)
    await plain.zremrangebyrank(logKey(), -1, -1)
    expect(await a.shared.ask()).toBe(true)
    beganAnew(a, before)
  })

  test('takes its epochs along: where the next clock is behind, its clears still count', async () => {
    const a = await heard()
    // A primary whose clock was a day ahead.
    await plain.zadd(logKey(), a.shared.epoch + 86_400_000_000, '["c","user","\\"1\\"",0]')
    await a.shared.ask()
    await plain.flushall()
    await a.shared.ask()
    const since = a.log.position
    const b = unheard()
    await b.clear(patternOf('user', '1'))
    await a.shared.ask()
    expect(a.isCleared(user('1'), since)).toBe(true)
    expect(a.log.clearedSinceEpoch([user('1')], b.shared.epoch)).toBe(false)
  })

  test('makes stale what was loaded before the first word, since nobody knows what was cleared meanwhile', async () => {
    const a = newProcess({ redis: server.url, prefix })
    const since = a.log.position
    await (await heard()).clear(patternOf('user', '1'))
    await a.shared.ask()
    expect(a.isCleared(user('1'), since)).toBe(true)
  })
})

describe('while Redis cannot be reached', () => {
  test('clears count here, reject, and are delivered in one append on return', async () => {
    const proxy = await newProxy(server.port)
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
    const proxy = await newProxy(server.port)
    const [a, b] = [await heard({ redis: proxy.url }), await heard()]
    const since = b.log.position
    proxy.refuse()
    for (let id = 0; id < 3000; id++) await a.clear(patternOf('user', `${id}`)).catch(() => undefined)
    proxy.restore()
    await until(() => b.isCleared(user('0'), since) && b.isCleared(user('2999'), since))
    expect((await records()).length).toBeLessThan(1100)
    expect(b.isCleared(callOf('post'), since)).toBe(false)
  })

  test('a clear that was sent and not answered is sent again, also where it had arrived', async () => {
    const proxy = await newProxy(server.port)
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
    const a = newProcess({ redis: late.url, prefix })
    const record = a.log.append('clear', patternOf('user', '1'), 0, true)
    const began = performance.now()
    expect(await a.shared.ask()).toBe(false)
    await expect(a.shared.append([record])).rejects.toMatchObject({ code: 'STORE' })
    expect(await a.shared.reach(0)).toBe(false)
    expect(performance.now() - began).toBeLessThan(900)
    expect(a.shared.verifiedAt).toBe(Number.NEGATIVE_INFINITY)
    expect(a.errors.map((error) => error.code)).toEqual(['STORE'])
    await late.restart()
    await until(() => a.shared.generation !== undefined && record.pending === 0)
  })

  test('a process that closes says how many clears were never confirmed', async () => {
    await using away = await startRedis()
    await away.kill()
    const a = newProcess({ redis: away.url, prefix })
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
    const a = await heard({ redis: other.url, commandTimeout: 200 })
    other.pause()
    onTestFinished(() => other.resume())
    expect(await timed(a.shared.ask())).toBeGreaterThan(150)
    expect(await timed(a.shared.ask())).toBeLessThan(50)
    expect(await timed(a.clear(patternOf('user', '1')).catch(() => undefined))).toBeLessThan(50)
    other.resume()
    await until(() => a.shared.ask())
    await until(() => !a.log.clearedSinceEpoch([user('1')], a.shared.epoch))
  })
})

describe('further back than the window', () => {
  test('records are read for an older entry, and touch nothing that was loaded here', async () => {
    const { before, late } = await tenClears()
    await late.shared.ask()
    const since = late.log.position
    expect(late.shared.windowStart).toBe(late.shared.epoch)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(false)
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.shared.windowStart).toBe(before)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], late.shared.epoch)).toBe(false)
    expect(late.log.clearedSinceEpoch([user('99')], before)).toBe(false)
    expect(late.isCleared(user('3'), since)).toBe(false)
  })

  test('one run in pages serves all who wait', async () => {
    const { before, late } = await tenClears({ page: 3 })
    await late.shared.ask()
    const epochs = (await records()).map(([, epoch]) => epoch)
    const commands = await countCommands(async () => {
      const reached = [before, ...epochs].map((epoch) => late.shared.reach(epoch))
      expect(new Set(await Promise.all(reached))).toEqual(new Set([true]))
    })
    expect(commands.filter((name) => name === 'evalsha').length).toBeLessThanOrEqual(5)
    for (let id = 0; id < 10; id++) expect(late.log.clearedSinceEpoch([user(`${id}`)], epochs[id]! - 1)).toBe(true)
    for (let id = 0; id < 10; id++) expect(late.log.clearedSinceEpoch([user(`${id}`)], epochs[id]!)).toBe(false)
  })

  test('a record that moved up meanwhile is not lost between the old page and the new ones', async () => {
    const { before, late, writer } = await tenClears()
    await late.shared.ask()
    await writer.clear(patternOf('user', '3'))
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
  })

  test('a record that moved up beyond the page of new ones is not lost either', async () => {
    const { before, late, writer } = await tenClears({ page: 2 })
    await late.shared.ask()
    for (let id = 0; id < 50; id++) await writer.clear(patternOf('post', `${id}`))
    await writer.clear(patternOf('user', '3'))
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
  })

  test('what lies below the floor is unknown, as is everything while Redis is away', async () => {
    const { before, late } = await tenClears()
    await late.shared.ask()
    expect(await late.shared.reach(before - 1)).toBe(false)
    await late.connection.close()
    expect(await late.shared.reach(before)).toBe(true)
    const other = newProcess({ redis: muted, prefix })
    await other.shared.ask()
    await other.connection.close()
    expect(await other.shared.reach(before)).toBe(false)
  })
})

describe('the log is bounded', () => {
  const minute = 60_000_000

  /** A log that is older than the test: its floor, and records at these times before now. */
  async function oldLog(floor: number, ages: readonly number[]): Promise<number> {
    const [seconds, micros] = await plain.time()
    const now = Number(seconds) * 1_000_000 + Number(micros)
    await plain.zadd(logKey(), '-9007199254740991', `!old::${now - floor}`)
    for (const age of ages) await plain.zadd(logKey(), `${now - age}`, JSON.stringify(['c', 'user', `"${age / minute}"`, 0]))
    return now
  }

  test('what is older than any entry is dropped, and what was loaded before it is stale', async () => {
    const now = await oldLog(20 * minute, [10 * minute, 9 * minute, minute])
    const a = unheard()
    await a.clear(patternOf('post'))
    expect((await records()).map(([member]) => member)).toEqual(['["c","user","\\"1\\"",0]', '["c","post","",0]'])
    expect(await plain.zrange(logKey(), '0', '0')).toEqual([`!old::${now - 9 * minute}`])
    expect(await a.shared.reach(now - 9 * minute)).toBe(true)
    expect(await a.shared.reach(now - 9 * minute - 1)).toBe(false)
    expect(a.log.clearedSinceEpoch([callOf('anything')], now - 9 * minute - 1)).toBe(true)
    expect(a.log.clearedSinceEpoch([callOf('anything')], now - 9 * minute)).toBe(false)
  })

  test('an entry of another process may live longer: its log is not cut short by this one', async () => {
    await oldLog(20 * minute, [10 * minute, 9 * minute, minute])
    const patient = unheard({ retention: () => 3_600_000 })
    await patient.shared.ask()
    await unheard().clear(patternOf('post'))
    expect((await records()).length).toBe(4)
    expect(await plain.pttl(logKey())).toBeGreaterThanOrEqual(3_600_000)
  })

  test('a process that slept while records were dropped begins anew', async () => {
    await oldLog(20 * minute, [10 * minute])
    const sleeper = unheard()
    await sleeper.shared.ask()
    const since = sleeper.log.position
    await plain.zadd(logKey(), `${sleeper.shared.epoch + minute}`, '["c","user","\\"1\\"",0]')
    await unheard().clear(patternOf('post'))
    expect(await sleeper.shared.ask()).toBe(true)
    expect(sleeper.isCleared(callOf('anything'), since)).toBe(true)
    expect(sleeper.shared.generation).toBe('old')
  })

  test('past a size the oldest records are collapsed to their function, which only clears more', async () => {
    const [a, sleeper] = [unheard({ limit: 20 }), unheard()]
    await sleeper.shared.ask()
    const since = sleeper.log.position
    const before = sleeper.shared.epoch
    await a.clear(patternOf('rare "name\\'))
    for (let id = 0; id < 100; id++) await a.clear(patternOf('user', `${id}`))
    expect(await plain.zcard(logKey())).toBeLessThanOrEqual(20 + 2 + 1)
    await sleeper.shared.ask()
    for (const call of [user('0'), user('99'), callOf('rare "name\\')]) expect(sleeper.isCleared(call, since)).toBe(true)
    expect(sleeper.isCleared(callOf('post'), since)).toBe(false)
    const late = unheard()
    await late.shared.ask()
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('0')], before)).toBe(true)
    expect(late.log.clearedSinceEpoch([callOf('rare "name\\')], before)).toBe(true)
    expect(late.log.clearedSinceEpoch([callOf('post')], before)).toBe(false)
    const [, newest] = (await records()).at(-1)!
    expect(late.log.clearedSinceEpoch([user('0')], newest - 1)).toBe(false)
  })

  test('a function that was cleared as a whole stays so when an older record of it is collapsed', async () => {
    const a = unheard({ limit: 5 })
    await a.clear(patternOf('user', '1'))
    const between = a.shared.epoch
    await a.clear(patternOf('user'))
    const whole = a.shared.epoch
    for (const last of ['0', '1']) for (let id = 0; id < 5; id++) await a.clear(patternOf('post', `${last}${id}`))
    const late = unheard()
    await late.shared.ask()
    expect(await late.shared.reach(between)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('2')], between)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('2')], whole)).toBe(false)
    await a.clear(patternOf('user'))
    await late.shared.ask()
    expect(late.log.clearedSinceEpoch([user('2')], whole)).toBe(true)
  })

  test('with more collapsed functions than are kept, the oldest raise the floor', async () => {
    const a = unheard({ limit: 1 })
    await a.shared.ask()
    const before = a.shared.epoch
    for (let at = 0; at < 30; at++) await a.clear(...Array.from({ length: 50 }, (_, index) => patternOf(`f${at * 50 + index}`, '1')))
    for (let at = 0; at < 20; at++) await a.clear(...Array.from({ length: 50 }, () => patternOf('last')))
    expect(await plain.zcard(logKey())).toBeLessThan(1000 + 110)
    const late = unheard()
    await late.shared.ask()
    expect(await late.shared.reach(before)).toBe(false)
  })

  test('every key has an expiry, which a question renews', async () => {
    const a = await heard()
    await a.clear(patternOf('user', '1'))
    await a.entries.write('user', '"1"', {
      generation: 'g',
      epoch: 1,
      refs: [user('1')],
      lifetime: Infinity,
      staleWindow: 0,
      payload: Buffer.from('x'),
    })
    const keys = (await plain.keys('*')).filter((key) => key.includes(encodeURIComponent(prefix)))
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(await plain.pttl(key)).toBeGreaterThan(59_000)
    await plain.pexpire(logKey(), 1000)
    await a.shared.ask()
    expect(await plain.pttl(logKey())).toBeGreaterThanOrEqual(60_000)
  })
})

describe('commands', () => {
  test('a clear costs as many with ten thousand entries as with ten, and none of them walks keys', async () => {
    const a = await heard()
    const write = (id: number) =>
      a.entries.write('user', `"${id}"`, {
        generation: 'g',
        epoch: 1,
        refs: [user(`${id}`)],
        lifetime: 60_000,
        staleWindow: 0,
        payload: Buffer.from('x'),
      })
    const clear = () => countCommands(() => a.clear(patternOf('user', '1')))
    await clear()
    for (let id = 0; id < 10; id++) await write(id)
    const few = await clear()
    for (let first = 0; first < 10_000; first += 500) await Promise.all(Array.from({ length: 500 }, (_, id) => write(first + id)))
    const many = await clear()
    expect(many).toEqual(few)
    const all = await countCommands(async () => {
      await a.entries.read('user', '"1"')
      await write(1)
      await a.clear(patternOf('user', '1'))
      await a.shared.ask()
      await a.shared.reach(0)
    })
    expect(all.filter((name) => /^(keys|.*scan|flush.*)$/.test(name))).toEqual([])
    expect(all).toContain('evalsha')
  })

  test('work after the server forgot its scripts', async () => {
    const a = await heard()
    const since = a.log.position
    await plain.script('FLUSH')
    expect(await a.shared.ask()).toBe(true)
    await plain.script('FLUSH')
    await a.clear(patternOf('user', '1'))
    await plain.script('FLUSH')
    expect(await a.shared.reach(0)).toBe(false)
    expect(a.isCleared(user('1'), since)).toBe(true)
  })

  test('put the given client’s prefix before keys and channels', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app:', lazyConnect: true })
    const [a, b] = [await heard({ redis: client }), await heard({ redis: client })]
    const since = b.log.position
    await a.clear(patternOf('user', '1'))
    await until(() => b.isCleared(user('1'), since))
    expect(await plain.exists(`app:${logKey()}`)).toBe(1)
    expect(await plain.pubsub('CHANNELS', 'app:*')).toContain(`app:${channel()}`)
    expect(client.status).toBe('wait')
  })
})

/** How many scripts a process has sent through its proxy. */
function scriptsSent(proxy: Proxy): number {
  return proxy.asking().sent().split('evalsha').length - 1
}

async function timed(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return performance.now() - began
}

/** The names of all commands that the server runs meanwhile, also those inside scripts. */
async function countCommands(work: () => Promise<unknown>): Promise<string[]> {
  const monitor = await plain.monitor()
  monitor.on('error', () => undefined)
  const names: string[] = []
  const ended = new Promise<void>((resolve) => {
    monitor.on('monitor', (_: string, args: string[]) => {
      if (args[0] === 'echo' && args[1] === 'end') resolve()
      else names.push(args[0]!.toLowerCase())
    })
  })
  await work()
  await plain.echo('end')
  await ended
  monitor.disconnect()
  return [...names]
}
