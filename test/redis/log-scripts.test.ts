// What the scripts do inside Redis: the log stays bounded, every key ends, and no command walks over keys.
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../src/index.ts'
import { questionScript } from '../../src/redis/log-scripts.ts'
import { callOf, patternOf, until, type TestProcess } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const { heard, unheard, records } = world
const user = (id: string) => callOf('user', id)
// Above it lie records, below it the names of appends and the marker.
const MIDDLE = '-4503599627370496'

async function replication(): Promise<string> {
  return /master_replid:(\w+)/.exec(await world.plain.info('replication'))![1]!
}

/** How many records the log holds, one by one and collapsed. */
const recordCount = () => world.plain.zcount(world.logKey(), MIDDLE, '+inf')
const nameCount = () => world.plain.zcount(world.logKey(), '-9007199254740990', `(${MIDDLE}`)
const markerOf = async () => (await world.plain.zrange(world.logKey(), '0', '0'))[0]

describe('the log is bounded', () => {
  const minute = 60_000_000

  /** A log that is older than the test: its floor, and records at these times before now. */
  async function oldLog(floor: number, ages: readonly number[]): Promise<number> {
    const [seconds, micros] = await world.plain.time()
    const now = Number(seconds) * 1_000_000 + Number(micros)
    await world.plain.zadd(world.logKey(), '-9007199254740991', `!old:${await replication()}:${now - floor}`)
    for (const age of ages) await world.plain.zadd(world.logKey(), `${now - age}`, JSON.stringify(['c', 'user', `"${age / minute}"`, 0]))
    return now
  }

  test('what is older than any entry is dropped, and what was loaded before it is stale', async () => {
    const now = await oldLog(20 * minute, [10 * minute, 9 * minute, minute])
    const a = unheard()
    await a.clear(patternOf('post'))
    expect((await records()).map(([member]) => member)).toEqual(['["c","user","\\"1\\"",0]', '["c","post","",0]'])
    expect(await markerOf()).toBe(`!old:${await replication()}:${now - 9 * minute}`)
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
    expect(await world.plain.pttl(world.logKey())).toBeGreaterThanOrEqual(3_600_000)
  })

  test('an entry that lives longer than its function says, by its own word, makes the log live as long', async () => {
    const cache = createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, ttl: 1000, maxStaleness: 100 })
    onTestFinished(() => cache.close())
    const f = cache.memoize(async (id: string) => id, { name: 'f', ttl: () => '2h', staleIfError: '10m' })
    await cache.clear(f.ref('1'))
    expect(await world.plain.pttl(world.logKey())).toBeLessThan(7_800_000)
    await f('1')
    // Twice as long as it must: it is then made longer seldom.
    await until(async () => (await world.plain.pttl(world.logKey())) >= 2 * 7_800_000 - 60_000)
  })

  test('a process that slept while records were dropped begins anew', async () => {
    await oldLog(20 * minute, [10 * minute])
    const sleeper = unheard()
    await sleeper.shared.ask()
    const since = sleeper.log.position
    await world.plain.zadd(world.logKey(), `${sleeper.shared.epoch + minute}`, '["c","user","\\"1\\"",0]')
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
    expect(await recordCount()).toBeLessThanOrEqual(20 + 2)
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
    expect(await recordCount()).toBeLessThan(1000 + 110)
    const late = unheard()
    await late.shared.ask()
    expect(await late.shared.reach(before)).toBe(false)
  })

  test('the names of more appends than are kept are dropped, the oldest first', async () => {
    const a = unheard()
    const sleeper = unheard()
    await sleeper.shared.ask()
    for (let at = 0; at < 101; at++) await Promise.all(Array.from({ length: 10 }, () => a.clear(patternOf('user', '1'))))
    expect(await nameCount()).toBe(1000)
    // One who knows an append whose name is gone is not taken for one who knows what was lost.
    const { generation } = sleeper.shared
    await sleeper.shared.ask()
    expect([sleeper.shared.generation, sleeper.shared.epoch]).toEqual([generation, a.shared.epoch])
    expect(a.shared.generation).toBe(generation)
  })

  test('one clear of very many refs keeps it within its size, and nobody waits for it', async () => {
    const [a, behind] = [await heard(), unheard()]
    await behind.shared.ask()
    const since = behind.log.position
    for (let id = 0; id < 100; id++) await a.clear(...Array.from({ length: 110 }, (_, at) => patternOf('post', `${id * 110 + at}`)))
    await world.plain.call('SLOWLOG', 'RESET')
    await world.plain.config('SET', 'slowlog-log-slower-than', '50000')
    await a.clear(...Array.from({ length: 50_000 }, (_, id) => patternOf('user', `${id}`)), patternOf('list', '1'))
    expect(await recordCount()).toBeLessThanOrEqual(10_000 + 1000)
    expect(await behind.shared.ask()).toBe(true)
    expect(await world.plain.call('SLOWLOG', 'GET', '10')).toEqual([])
    await world.plain.config('SET', 'slowlog-log-slower-than', '10000')
    for (const call of [user('0'), user('49999'), callOf('list', '1'), callOf('post', '0')])
      expect(behind.isCleared(call, since)).toBe(true)
    expect(behind.isCleared(callOf('other'), since)).toBe(false)
    // The next ones are as narrow as ever.
    const before = behind.log.position
    await a.clear(patternOf('user', '7'))
    await behind.shared.ask()
    expect([behind.isCleared(user('7'), before), behind.isCleared(user('8'), before)]).toEqual([true, false])
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
    const keys = (await world.plain.keys('*')).filter((key) => key.includes(encodeURIComponent(world.prefix)))
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(await world.plain.pttl(key)).toBeGreaterThan(59_000)
    await world.plain.pexpire(world.logKey(), 1000)
    await a.shared.ask()
    expect(await world.plain.pttl(world.logKey())).toBeGreaterThanOrEqual(60_000)
  })
})

describe('a question after which nothing came', () => {
  /** A caller's generation, its position, and the name of the append there. */
  type Known = readonly [generation: string, position: string, tip: string]
  const nothing: Known = ['', '0', '']
  const RETENTION = '60000'
  let named = 0

  async function askedOf(key: string, [generation, position, tip]: Known, ...range: readonly string[]): Promise<unknown[]> {
    const fresh = `fresh${++named}`
    const given = [fresh, generation, position, tip, RETENTION, '3', ...range]
    const reply = (await world.plain.eval(questionScript.text, 1, key, ...given)) as unknown[]
    // Where it begins anew, with this question.
    return reply[0] === fresh ? ['anew'] : reply
  }

  /** Without what differs in any case: the server's time, and what a question about older records is told besides. */
  const said = (reply: readonly unknown[]) => reply.filter((_, at) => at < 8 && at !== 6)

  const steps: Record<string, (a: TestProcess) => unknown> = {
    nothing: () => undefined,
    'a clear': (a) => a.clear(patternOf('user', `${++named}`)),
    'a clear of many': (a) => a.clear(...Array.from({ length: 7 }, () => patternOf('user', `${++named}`))),
    'the end of its time is near': () => world.plain.pexpire(world.logKey(), 59_000),
    'it stays for good': () => world.plain.persist(world.logKey()),
    'another server': () => world.plain.call('DEBUG', 'CHANGE-REPL-ID'),
    'it is lost': () => world.plain.del(world.logKey()),
    'it is somebody else’s': () => world.plain.set(world.logKey(), 'x'),
    'its names are lost': () => world.plain.zremrangebyscore(world.logKey(), '-9007199254740990', `(${MIDDLE}`),
    'what nobody named is appended': async (a) => {
      await a.shared.ask()
      if ((await world.plain.type(world.logKey())) === 'zset')
        await world.plain.zadd(world.logKey(), a.shared.epoch + 1, `["c","user","${++named}",0]`)
    },
    'its newest record is lost': () => world.plain.zremrangebyrank(world.logKey(), -1, -1),
    'its marker is lost': () => world.plain.zremrangebyrank(world.logKey(), 0, 0),
    'its newest name is another': async () => {
      const [name] = await world.plain.zrevrangebyscore(world.logKey(), `(${MIDDLE}`, '-9007199254740990', 'LIMIT', 0, 1)
      const score = name === undefined ? null : await world.plain.zscore(world.logKey(), name)
      if (score !== null) await world.plain.multi().zrem(world.logKey(), name!).zadd(world.logKey(), score, '@another').exec()
    },
  }

  test('is answered as one that looks at all of the log, whatever became of it', async () => {
    let short = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('nothing', ...Object.keys(steps)), { maxLength: 12 }), async (history) => {
        await world.plain.del(world.logKey())
        const a = unheard({ limit: 5 })
        // The latest first: it is whoever knows most that could be told too little.
        let known: Known[] = [nothing]
        for (const step of ['a clear', 'nothing', ...history]) {
          await steps[step]!(a)
          for (const caller of known) {
            const copy = `${world.logKey()}copy`
            await world.plain.del(copy)
            await world.plain.copy(world.logKey(), copy)
            let reply: unknown[] = []
            const calls = await world.commandsDuring(async () => (reply = await askedOf(world.logKey(), caller)))
            if (!calls.includes('type')) short++
            expect(said(reply)).toEqual(said(await askedOf(copy, caller, caller[1], caller[1])))
            expect(await world.plain.pttl(world.logKey())).toBeGreaterThanOrEqual(59_900)
          }
          const [generation, , upto, , , , , tip] = (await askedOf(world.logKey(), nothing)) as string[]
          if (upto === undefined) continue
          const [before, after] = [`${Number(upto) - 1}`, `${Number(upto) + 1}`]
          const latest: Known[] = [
            [generation!, upto, tip!],
            [generation!, upto, ''],
            ['another', upto, tip!],
            [generation!, before, tip!],
            [generation!, after, tip!],
          ]
          known = [...latest, ...known].slice(0, 12)
        }
        await a.close()
      }),
      { numRuns: 30 },
    )
    expect(short).toBeGreaterThan(50)
  })

  test('takes no more commands than it must', async () => {
    const a = await heard()
    const least = ['evalsha', 'info', 'zrange', 'zrange', 'zrevrangebyscore', 'pttl', 'time']
    expect(await world.commandsDuring(() => a.shared.ask())).toEqual(least)
    await a.clear(patternOf('user', '1'))
    expect(await world.commandsDuring(() => a.shared.ask())).toEqual(least)
  })
})

describe('where nothing can be written', () => {
  test.each([['too few replicas', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']]])(
    'a question is answered, also when the log would have to be kept for longer: %s',
    async (_, begin, end) => {
      const a = await heard()
      await a.clear(patternOf('user', '1'))
      await world.plain.pexpire(world.logKey(), 50_000)
      await world.plain.config('SET', ...(begin as [string, string]))
      const { verifiedAt } = a.shared
      a.clock.advance(100)
      const isAnswered = await a.shared.ask()
      const refused = await a.clear(patternOf('user', '2')).catch((error: Error) => String(error.cause))
      await world.plain.config('SET', ...(end as [string, string]))
      expect([isAnswered, a.shared.verifiedAt, a.errors]).toEqual([true, verifiedAt + 100, []])
      expect(refused).toContain('NOREPLICAS')
    },
  )

  test.each([
    ['with', ''],
    ['without', '-info'],
  ])('a replica answers no question, %s the right to INFO', async (_, rights) => {
    await world.plain.call('ACL', 'SETUSER', 'some', 'reset', 'on', '>secret', '~*', '&*', '+@all', ...(rights === '' ? [] : [rights]))
    const url = `redis://some:secret@127.0.0.1:${world.server.port}`
    const a = await heard({ redis: new Redis(url, { lazyConnect: true, enableReadyCheck: false }) })
    const { verifiedAt, generation } = a.shared
    a.clock.advance(100)
    // Its link is down, and it answers from what it has: it may lack what was cleared at its primary.
    await world.plain.replicaof('127.0.0.1', 1)
    const isAnswered = await a.shared.ask()
    await world.plain.replicaof('NO', 'ONE')
    expect([isAnswered, a.shared.verifiedAt, a.shared.generation]).toEqual([false, verifiedAt, generation])
    expect(a.errors[0]!.message).toContain('READONLY')
    await until(() => a.shared.ask())
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
    const clear = () => world.commandsDuring(() => a.clear(patternOf('user', '1')))
    await clear()
    for (let id = 0; id < 10; id++) await write(id)
    const few = await clear()
    for (let first = 0; first < 10_000; first += 500) await Promise.all(Array.from({ length: 500 }, (_, id) => write(first + id)))
    const many = await clear()
    expect(many).toEqual(few)
    const all = await world.commandsDuring(async () => {
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
    await world.plain.script('FLUSH')
    expect(await a.shared.ask()).toBe(true)
    await world.plain.script('FLUSH')
    await a.clear(patternOf('user', '1'))
    await world.plain.script('FLUSH')
    expect(await a.shared.reach(0)).toBe(false)
    expect(a.isCleared(user('1'), since)).toBe(true)
  })

  test('put the given client’s prefix before keys and channels', async () => {
    const client = new Redis(world.server.url, { keyPrefix: 'app:', lazyConnect: true })
    const [a, b] = [await heard({ redis: client }), await heard({ redis: client })]
    const since = b.log.position
    await a.clear(patternOf('user', '1'))
    await until(() => b.isCleared(user('1'), since))
    expect(await world.plain.exists(`app:${world.logKey()}`)).toBe(1)
    expect(await world.plain.pubsub('CHANNELS', 'app:*')).toContain(`app:${world.channel()}`)
    expect(client.status).toBe('wait')
  })
})
