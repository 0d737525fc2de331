// The shared clear log over a real server: what one process clears, the others know, and an own clear is no news to its own process.
import { describe, expect, test } from 'vitest'
import { callOf, newProcess, patternOf, until, type TestProcess } from './process.ts'
import { newProxy, type Proxy } from './proxy.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const { heard, unheard, records } = world
const user = (id: string) => callOf('user', id)

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

/** How many scripts a process has sent through its proxy. */
function scriptsSent(proxy: Proxy): number {
  return proxy.asking().sent().split('evalsha').length - 1
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
    await world.plain.zadd(world.logKey(), `${ahead}`, '["c","other","",0]')
    await a.clear(patternOf('user', '1'))
    expect(a.shared.epoch).toBe(ahead + 1)
  })

  test('two prefixes and two databases never hear each other', async () => {
    const a = await heard()
    const others = [await heard({ prefix: `${world.prefix}:log` }), await heard({ redis: `${world.server.url}/1` })]
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
    const proxy = await newProxy(world.server.port)
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
    const proxy = await newProxy(world.server.port)
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
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url }), unheard()]
    const { position } = a.log
    const { epoch, generation } = a.shared
    await b.clear(patternOf('user', '1'))
    await b.clear(patternOf('user', '2'))
    const [[first, one], [second, two]] = (await records()) as [[string, number], [string, number]]
    proxy.asking().hold()
    await world.plain.publish(world.channel(), messageOf(generation, one, two, [second]))
    await until(() => a.isCleared(user('2'), position))
    expect([a.isCleared(user('1'), position), a.shared.epoch]).toEqual([false, epoch])
    await world.plain.publish(world.channel(), messageOf(generation, epoch, one, [first]))
    await until(() => a.isCleared(user('1'), position))
    for (let times = 0; times < 3; times++) await world.plain.publish(world.channel(), messageOf(generation, epoch, one, [first]))
    proxy.asking().release()
    await until(() => a.shared.epoch === two)
    await world.plain.publish(world.channel(), messageOf(generation, one, two, [second]))
    await hasHeardAll(a)
    // Each once, and the one that says that all was heard.
    expect(a.log.position).toBe(position + 3)
  })

  test('of another generation are not applied, but make it ask', async () => {
    const a = await heard()
    const { position } = a.log
    const { epoch, verifiedAt } = a.shared
    a.clock.advance(100)
    await world.plain.publish(world.channel(), messageOf('dead', epoch, epoch + 1_000_000, ['["c","user","",0]']))
    await until(() => a.shared.verifiedAt === verifiedAt + 100)
    expect([a.log.position, a.shared.epoch]).toEqual([position, epoch])
  })

  test('that cannot be read are skipped and counted, and what follows counts', async () => {
    const [a, b] = [await heard(), await heard()]
    const since = a.log.position
    const garbage = ['no JSON', '{}', '[1,2,3]', '["g",1,2,"w","1",{}]', '["g",1.5,2,"w","1",[]]']
    for (const text of garbage) await world.plain.publish(world.channel(), text)
    await b.clear(patternOf('user', '2'))
    await until(() => a.isCleared(user('2'), since))
    expect(a.shared.skipped).toBe(garbage.length)
  })

  test('with records that cannot be read lose only those', async () => {
    const a = await heard()
    const since = a.log.position
    const { epoch, generation } = a.shared
    const members = ['["c","user"]', '7', '{}', '["z","user","",0]', '["c","user","\\"1\\"",0]']
    await world.plain.publish(world.channel(), messageOf(generation, epoch, epoch + 1, members))
    await until(() => a.isCleared(user('1'), since))
    expect([a.shared.skipped, a.shared.epoch]).toEqual([4, epoch + 1])
  })

  test('are heard again after the connection that listens was lost, and what was said in between is asked for', async () => {
    const proxy = await newProxy(world.server.port)
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

describe('the connection that listens', () => {
  test('asks, when it is back, for what was said while it was lost alone', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url }), await heard()]
    const since = a.log.position
    const lost = proxy.listening()
    lost.hold()
    await b.clear(patternOf('user', '1'))
    lost.cut()
    await until(() => a.isCleared(user('1'), since))
    expect(a.connection.isListening).toBe(true)
  })

  test('is replaced when its other end is gone without a word, and messages arrive again', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await heard({ redis: proxy.url, maxStaleness: 100, commandTimeout: 200 }), await heard()]
    const since = a.log.position
    const silent = proxy.listening()
    silent.hold()
    await until(() => proxy.wires().every((wire) => wire !== silent) && a.connection.isListening)
    // No question is answered from here on: what arrives is the message.
    proxy.asking().hold()
    await b.clear(patternOf('user', '1'))
    await until(() => a.isCleared(user('1'), since))
  })
})

describe('a question', () => {
  test('is shared by the callers of one tick, and never joined once it was sent', async () => {
    const proxy = await newProxy(world.server.port)
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
    const proxy = await newProxy(world.server.port)
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
    await world.plain.zadd(
      world.logKey(),
      epoch + 1,
      'no JSON',
      epoch + 2,
      '["z","user","",0]',
      epoch + 3,
      '["c","user","",0]',
      epoch + 4,
      '["c",7]',
    )
    expect(await a.shared.ask()).toBe(true)
    expect([a.shared.skipped, a.shared.epoch, a.isCleared(user('1'), since)]).toEqual([3, epoch + 4, true])
  })

  test('that finds a value of another kind under the log’s key makes the log anew', async () => {
    await world.plain.set(world.logKey(), 'something else')
    const a = newProcess({ redis: world.server.url, prefix: world.prefix })
    expect([await a.shared.ask(), await a.shared.ask()]).toEqual([true, true])
    const { generation } = a.shared
    await world.plain.set(world.logKey(), 'something else')
    expect(await a.shared.ask()).toBe(true)
    expect(a.shared.generation).not.toBe(generation)
    expect(a.errors).toEqual([])
  })
})
