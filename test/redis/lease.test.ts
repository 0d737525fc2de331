// Leases over a real server: one holder at a time, renewed while its load runs and never past its bound, and who waits hears of its end.
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Leases, type Ending, type Held, type Lease, type LeaseTimes } from '../../src/redis/lease.ts'
import { endLeaseScript, renewLeaseScript, takeLeaseScript } from '../../src/redis/lease-scripts.ts'
import { until, type ProcessOptions, type TestProcess } from './process.ts'
import { newProxy } from './proxy.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const key = 'a call'

interface Holder {
  readonly process: TestProcess
  readonly leases: Leases
  /** What it heard, and how often it may have missed something. */
  readonly heard: Array<[key: string, ending: Ending]>
  missed: number
}

async function newHolder(options: Partial<ProcessOptions> & LeaseTimes = {}): Promise<Holder> {
  const process = options.redis === world.muted ? world.unheard(options) : await world.heard(options)
  await process.shared.ask()
  const { length, bound } = options
  const { connection, shared } = process
  const leases = new Leases({
    connection,
    shared,
    prefix: world.prefix,
    onError: (error) => process.errors.push(error),
    onEnd: (key, ending) => holder.heard.push([key, ending]),
    onMissed: () => holder.missed++,
    ...(length !== undefined && { length }),
    ...(bound !== undefined && { bound }),
  })
  onTestFinished(() => leases.close())
  const holder: Holder = { process, leases, heard: [], missed: 0 }
  if (options.redis !== world.muted) await until(() => connection.isListening)
  return holder
}

async function taken(holder: Holder, overtaken?: string): Promise<Lease> {
  const lease = await holder.leases.take(key, overtaken)
  if (!('end' in lease)) throw new Error(`Expected a lease, but ${lease.token} has it.`)
  return lease
}

async function held(holder: Holder, overtaken?: string): Promise<Held> {
  const lease = await holder.leases.take(key, overtaken)
  if ('end' in lease) throw new Error('Expected the lease of another, but nobody had it.')
  return lease
}

const tokenNow = () => world.plain.hget(key, 'token')

describe('take', () => {
  test('gives a lease to one, and tells the others whose it is and where the log was when that began', async () => {
    const [a, b] = [await newHolder({ length: 60_000, bound: 120_000 }), await newHolder()]
    await taken(a)
    const { generation, epoch } = a.process.shared
    const left: unknown = expect.toSatisfy((ms) => ms > 30_000 && ms <= 60_000)
    expect(await held(b)).toEqual({ token: await tokenNow(), generation, epoch, left })
  })

  test('of a herd: one has it', async () => {
    const holders = await Promise.all(Array.from({ length: 4 }, () => newHolder()))
    const all = await Promise.all(Array.from({ length: 40 }, (_, index) => holders[index % 4]!.leases.take(key)))
    expect(all.filter((lease) => 'end' in lease)).toHaveLength(1)
  })

  test('gives what was another’s to one that knows it to be overtaken, and to no second one', async () => {
    const [a, b, c] = [await newHolder(), await newHolder(), await newHolder()]
    await taken(a)
    const { token } = await held(b)
    const both = await Promise.all([b.leases.take(key, token), c.leases.take(key, token)])
    expect(both.filter((lease) => 'end' in lease)).toHaveLength(1)
    expect(await tokenNow()).not.toBe(token)
  })

  test('is refused for what is no lease, which is told once', async () => {
    const a = await newHolder()
    await world.plain.set(key, 'no lease')
    for (let times = 0; times < 2; times++) await expect(a.leases.take(key)).rejects.toMatchObject({ code: 'STORE' })
    expect(a.process.errors).toHaveLength(1)
    await world.plain.del(key)
  })

  test('gives every lease an end, also to one that has none', async () => {
    const a = await newHolder()
    await world.plain.hset(key, 'token', 'someone')
    await held(a)
    expect(await world.plain.pttl(key)).toSatisfy((ms) => ms > 0 && ms <= 2000)
    await world.plain.del(key)
  })
})

describe('a lease', () => {
  test('is renewed for as long as its load runs', async () => {
    const proxy = await newProxy(world.server.port)
    const length = 1500
    const a = await newHolder({ redis: proxy.url, length })
    const lease = await taken(a)
    const [token, began] = [await tokenNow(), performance.now()]
    await until(() => performance.now() - began > 1.5 * length)
    expect(timesSent(proxy.asking().sent(), renewLeaseScript.sha)).toBeGreaterThan(1)
    expect([await tokenNow(), await world.plain.pttl(key)]).toEqual([token, expect.toSatisfy((ms) => ms > 0 && ms <= length)])
    lease.end('failed')
    await until(async () => (await world.plain.exists(key)) === 0)
  })

  test('is not held past its bound, however long its load runs', async () => {
    const [a, b] = [await newHolder({ length: 80, bound: 200 }), await newHolder()]
    await taken(a)
    const began = performance.now()
    await until(async () => 'end' in (await b.leases.take(key)))
    // That of other leases is 10 s.
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('has a bound that Redis holds it to: a renewal that comes late renews nothing', async () => {
    const a = await newHolder({ bound: 3_600_000 })
    await taken(a)
    const token = (await tokenNow())!
    const renew = () => world.plain.eval(renewLeaseScript.text, 1, key, token, '600000')
    expect(await renew()).toBe(600_000)
    await world.plain.hset(key, 'ends', Date.now() + 60_000)
    expect(await renew()).toSatisfy((ms) => (ms as number) > 0 && (ms as number) <= 60_000)
    await world.plain.hset(key, 'ends', Date.now() - 1)
    const left = await world.plain.pttl(key)
    expect([await renew(), (await world.plain.pttl(key)) <= left]).toEqual([0, true])
  })

  test('of a process that died ends by itself', async () => {
    const [a, b] = [await newHolder({ length: 1000 }), await newHolder()]
    await taken(a)
    await a.process.connection.close()
    expect((await held(b)).left).toBeLessThanOrEqual(1000)
    await until(async () => 'end' in (await b.leases.take(key)))
  })

  test('is renewed again after a renewal that was lost', async () => {
    const proxy = await newProxy(world.server.port)
    const a = await newHolder({ redis: proxy.url, length: 3000 })
    await taken(a)
    const token = await tokenNow()
    proxy.refuse()
    await until(() => a.process.errors.length > 0)
    proxy.restore()
    await until(() => proxy.wires().some((wire) => timesSent(wire.sent(), renewLeaseScript.sha) >= 2))
    expect(await tokenNow()).toBe(token)
  })
})

describe('the end of a lease', () => {
  test.each<Ending>(['stored', 'unstored', 'failed', 'overtaken'])(
    'frees it, and is heard by those who asked for it: %s',
    async (ending) => {
      const [a, b, c] = [await newHolder(), await newHolder(), await newHolder()]
      const lease = await taken(a)
      await held(b)
      await held(b)
      lease.end(ending)
      await until(() => b.heard.length > 0)
      expect([b.heard, await world.plain.exists(key)]).toEqual([[[key, ending]], 0])
      await hasHeardAll(c)
      expect([a.heard, c.heard]).toEqual([[], []])
    },
  )

  test('comes once', async () => {
    const [a, b] = [await newHolder(), await newHolder()]
    const lease = await taken(a)
    await held(b)
    lease.end('stored')
    lease.end('failed')
    await a.leases.close()
    await hasHeardAll(b)
    expect(b.heard).toEqual([[key, 'stored']])
  })

  test('leaves alone what is another’s by now, and tells its waiters only of an entry', async () => {
    for (const ending of ['unstored', 'failed', 'overtaken', 'stored'] as const) {
      const [a, b, c] = [await newHolder(), await newHolder(), await newHolder()]
      const lease = await taken(a)
      const later = await taken(b, (await held(c)).token)
      const token = await tokenNow()
      lease.end(ending)
      await a.leases.close()
      await hasHeardAll(c)
      expect([c.heard, await tokenNow()]).toEqual([ending === 'stored' ? [[key, 'stored']] : [], token])
      later.end('overtaken')
      await b.leases.close()
    }
  })

  test('comes with the end of its cache', async () => {
    const [a, b] = [await newHolder(), await newHolder()]
    await taken(a)
    await held(b)
    await a.leases.close()
    expect(await world.plain.exists(key)).toBe(0)
    await until(() => b.heard.length > 0)
    expect(b.heard).toEqual([[key, 'overtaken']])
  })

  test('is said where a prefix and a database of the client’s own are', async () => {
    const client = new Redis(`${world.server.url}/2`, { keyPrefix: 'app:', lazyConnect: true })
    const [a, b] = [await newHolder({ redis: client }), await newHolder({ redis: client })]
    const lease = await taken(a)
    await held(b)
    const plain = world.plain.duplicate({ db: 2 })
    onTestFinished(() => plain.disconnect())
    expect(await plain.exists(`app:${key}`)).toBe(1)
    lease.end('stored')
    await until(() => b.heard.length > 0)
  })

  test('that may have been missed is said so: when the connection that listens is back', async () => {
    const proxy = await newProxy(world.server.port)
    const a = await newHolder({ redis: proxy.url })
    const { missed } = a
    proxy.listening().cut()
    await until(() => a.missed > missed)
    expect(a.process.connection.isListening).toBe(true)
  })

  test('frees it also where nobody may say so', async () => {
    const [a, b] = [await newHolder({ redis: world.muted }), await newHolder()]
    const lease = await taken(a)
    await held(b)
    lease.end('stored')
    await a.leases.close()
    expect(await world.plain.exists(key)).toBe(0)
  })

  test('hears no garbage', async () => {
    const [a, b] = [await newHolder(), await newHolder()]
    const lease = await taken(a)
    await held(b)
    const channel = Object.keys(await world.plain.hgetall(key)).find((field) => field.startsWith('>'))!
    for (const text of ['', '{', '7', '[]', '["a call"]', '["a call","soon"]', '[1,"stored"]'])
      await world.plain.publish(channel.slice(1), text)
    lease.end('stored')
    await until(() => b.heard.length > 0)
    expect(b.heard).toEqual([[key, 'stored']])
  })
})

test('costs two commands where nobody waits, whatever waits elsewhere', async () => {
  const [a, b] = [await newHolder(), await newHolder()]
  for (const { text } of [takeLeaseScript, endLeaseScript]) await world.plain.script('LOAD', text)
  await b.leases.take('another call')
  const commands = await world.commandsDuring(async () => {
    ;(await taken(a)).end('stored')
    await a.leases.close()
  })
  expect(commands).toEqual(['evalsha', 'hmget', 'time', 'hset', 'pexpire', 'evalsha', 'hgetall', 'del'])
})

function timesSent(sent: string, text: string): number {
  return sent.split(text).length - 1
}

/** Resolves when a process has heard all that was said before. */
async function hasHeardAll(holder: Holder): Promise<void> {
  const before = holder.heard.length
  const barrier = 'barrier'
  const lease = (await holder.leases.take(barrier)) as Lease
  await holder.leases.take(barrier)
  lease.end('stored')
  await until(() => holder.heard.slice(before).some(([key]) => key === barrier))
  holder.heard.splice(
    holder.heard.findIndex(([key]) => key === barrier),
    1,
  )
}
