// Whose turn it is, over a real server: one loads, the others wait for what it stores, and never for what is not worth it.
import { getEventListeners } from 'node:events'
import { setImmediate as nextRound } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Lease, LeaseTimes } from '../../src/redis/lease.ts'
import { endLeaseScript, takeLeaseScript } from '../../src/redis/lease-scripts.ts'
import { Turns, type Turn, type Turning } from '../../src/redis/turn.ts'
import { everything } from '../../src/ref.ts'
import { startRedis } from '../support/redis.ts'
import { timed } from '../support/timed.ts'
import { callOf, patternOf, until, type ProcessOptions, type TestProcess } from './process.ts'
import { newProxy } from './proxy.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const ref = callOf('user', '42')

interface Player {
  readonly process: TestProcess
  readonly turns: Turns
  /** What is stored, as this process sees it. */
  stored: string | undefined
  /** How often it looked. */
  looks: number
  turn(changes?: Partial<Turning<string>>): Promise<Turn<string>>
  /** As `turn`: resolves to what becomes of it, once it waits for another's lease. */
  waits(changes?: Partial<Turning<string>>): Promise<{ turn: Promise<Turn<string>> }>
}

interface Options extends Partial<ProcessOptions>, LeaseTimes {
  /** How long Redis may keep a turn waiting, where that differs from a command. */
  readonly patience?: number
}

async function newPlayer(options: Options = {}): Promise<Player> {
  const process = options.redis === world.muted ? world.unheard(options) : await world.heard(options)
  await process.shared.ask()
  const { connection, shared, log, clock, errors } = process
  // Unless a test says so, no lease ends by itself while it runs.
  const { length = 60_000, bound = 60_000, patience = 10_000 } = options
  const turns = new Turns({
    connection,
    shared,
    log,
    prefix: world.prefix,
    commandTimeout: patience,
    clock: clock.now,
    onError: (error) => errors.push(error),
    length,
    bound,
  })
  onTestFinished(() => turns.close())
  if (options.redis !== world.muted) await until(() => connection.isListening)
  const player: Player = {
    process,
    turns,
    stored: undefined,
    looks: 0,
    turn: (changes) =>
      turns.turn({ name: 'user', key: '"42"', ref, look, isNested: false, isBehind: false, since: clock.now(), ...changes }),
    async waits(changes) {
      const before = turns.waiting
      const waiters = await channels()
      const turn = player.turn(changes)
      await until(async () => turns.waiting > before && (before > 0 || (await channels()) > waiters))
      return { turn }
    },
  }
  const look = () => Promise.resolve((player.looks++, player.stored))
  return player
}

const leaseKey = () => `${encodeURIComponent(world.prefix)}#lease:user("42")`
const tokenNow = () => world.plain.hget(leaseKey(), 'token')
const isFree = async () => (await world.plain.exists(leaseKey())) === 0

/** How many processes are told when the lease ends. */
async function channels(): Promise<number> {
  return (await world.plain.hkeys(leaseKey())).filter((field) => field.startsWith('>')).length
}

/** Hands the lease to a load that exists only here, and tells all that wait. */
async function passOn(token: string): Promise<void> {
  await world.plain.hset(leaseKey(), 'token', token)
  for (const field of await world.plain.hkeys(leaseKey())) {
    if (field.startsWith('>')) await world.plain.publish(field.slice(1), JSON.stringify([leaseKey(), 'overtaken']))
  }
}

async function granted(player: Player, changes?: Partial<Turning<string>>): Promise<Lease> {
  const turn = await player.turn(changes)
  if (turn.to !== 'load' || turn.lease === undefined) throw new Error(`Expected a lease, got: ${turn.to}`)
  return turn.lease
}

const players = (count: number, options?: Options) => Promise.all(Array.from({ length: count }, () => newPlayer(options)))
const LOAD = { to: 'load' }
const HOLD = { to: 'load', lease: expect.anything() as unknown }

describe('a load that waits', () => {
  test('takes what was stored as soon as it is there, and asks for the lease no second time', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer(), await newPlayer({ redis: proxy.url })]
    const lease = await granted(a)
    const { turn } = await b.waits()
    expect(b.looks).toBe(0)
    b.stored = 'new'
    lease.end('stored')
    expect(await turn).toEqual({ to: 'serve', found: 'new' })
    expect([b.looks, timesSent(proxy.asking().sent(), takeLeaseScript.sha)]).toEqual([1, 1])
    expect([a.turns.waiting, b.turns.waiting, await isFree()]).toEqual([0, 0, true])
  })

  test('looks again when the lease is its own: what was stored in between is served, and the lease is free', async () => {
    const [a, b] = await players(2)
    a!.stored = 'new'
    expect(await a!.turn()).toEqual({ to: 'serve', found: 'new' })
    await until(isFree)
    expect(await b!.turn()).toEqual(HOLD)
  })

  test('takes over where what was stored will not do', async () => {
    const [a, b] = await players(2)
    const lease = await granted(a!)
    const { turn } = await b!.waits()
    lease.end('stored')
    expect([await turn, b!.looks]).toEqual([HOLD, 2])
  })

  test.each(['unstored', 'failed'] as const)(
    'loads by itself when it hears that nothing is there for others, and waits for nobody else: %s',
    async (ending) => {
      const [a, ...others] = await players(4)
      const lease = await granted(a!)
      const waiting = await Promise.all(others.map((other) => other.waits()))
      lease.end(ending)
      expect(await Promise.all(waiting.map(({ turn }) => turn))).toEqual([LOAD, LOAD, LOAD])
      expect(await isFree()).toBe(true)
    },
  )

  test('takes its turn when the other was overtaken: one of all', async () => {
    const [a, b, c] = await players(3)
    const lease = await granted(a!)
    const waiting = [(await b!.waits()).turn, (await c!.waits()).turn]
    lease.end('overtaken')
    expect(await Promise.race(waiting)).toEqual(HOLD)
    expect(b!.turns.waiting + c!.turns.waiting).toBe(1)
  })

  test('waits for two others at most, one after the other', async () => {
    const [a, b] = await players(2)
    await granted(a!)
    const { turn } = await b!.waits()
    await passOn('a second one')
    await hasTaken(b!)
    expect(b!.turns.waiting).toBe(1)
    await passOn('a third one')
    expect(await turn).toEqual(LOAD)
    expect(await tokenNow()).toBe('a third one')
  })

  test('loads by itself once a lease has had all its time, where another load waits for it', async () => {
    const [a, b] = [await newPlayer(), await newPlayer({ bound: 300 })]
    await granted(a)
    const ended: string[] = []
    const wait = async (who: string, isNested: boolean): Promise<void> => {
      expect(await b.turn({ isNested })).toEqual(LOAD)
      ended.push(who)
    }
    // Both begin to wait at once, and what has waited for longer comes first.
    await Promise.all([wait('a caller', false), wait('another load', true)])
    expect(ended).toEqual(['another load', 'a caller'])
    expect(await isFree()).toBe(false)
  })

  test('takes its turn when the other’s process has died, once the lease has ended', async () => {
    const [a, b] = [await newPlayer({ length: 200 }), await newPlayer()]
    await granted(a)
    const { turn } = await b.waits()
    await a.process.connection.close()
    const [ms, its] = await timed(turn)
    expect(its).toEqual(HOLD)
    expect(ms).toBeLessThan(400)
  })

  test('finds out by itself what it could not hear', async () => {
    const [a, b] = [await newPlayer(), await newPlayer({ redis: world.muted })]
    const lease = await granted(a)
    const { turn } = await b.waits()
    b.stored = 'new'
    lease.end('stored')
    expect(await turn).toEqual({ to: 'serve', found: 'new' })
  })

  test('finds out by itself what nobody said, before the lease would have ended', async () => {
    const [a, b] = [await newPlayer({ length: 60_000 }), await newPlayer()]
    await granted(a)
    const { turn } = await b.waits()
    await world.plain.del(leaseKey())
    expect(await turn).toEqual(HOLD)
  })

  test('asks again when the connection that listens was lost', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer({ length: 60_000 }), await newPlayer({ redis: proxy.url })]
    await granted(a)
    const { turn } = await b.waits()
    await world.plain.del(leaseKey())
    proxy.listening().cut()
    const [ms, its] = await timed(turn)
    expect(its).toEqual(HOLD)
    expect(ms).toBeLessThan(300)
  })
})

describe('a load that a clear has overtaken', () => {
  const kinds = ['clear', 'expire'] as const

  test.each(kinds)('is not waited for by who comes after it: %s', async (kind) => {
    const [a, b] = await players(2)
    await granted(a!)
    await b!.process[kind](patternOf('user', '42'))
    expect(await b!.turn()).toEqual(HOLD)
    expect(b!.looks).toBe(1)
  })

  test.each(kinds)('is waited for no longer, by nobody who hears of it: %s', async (kind) => {
    const [a, b, c] = await players(3)
    const first = await granted(a!)
    const waiting = [(await b!.waits()).turn, (await c!.waits()).turn]
    const token = await tokenNow()
    await a!.process[kind](patternOf('user'))
    expect(await Promise.race(waiting)).toEqual(HOLD)
    const second = await tokenNow()
    expect([b!.turns.waiting + c!.turns.waiting, second !== token]).toEqual([1, true])
    first.end('unstored')
    await a!.turns.close()
    expect(await tokenNow()).toBe(second)
  })

  test('is taken over as soon as that is heard, without asking for it first', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer(), await newPlayer({ redis: proxy.url })]
    await granted(a)
    const { turn } = await b.waits()
    await a.process.clear(patternOf('user', '42'))
    expect(await turn).toEqual(HOLD)
    expect(timesSent(proxy.asking().sent(), takeLeaseScript.sha)).toBe(2)
  })

  test('is taken over by a load that is younger than the clear, also in the process that cleared', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer(), await newPlayer({ redis: proxy.url })]
    await granted(a)
    const { turn } = await b.waits()
    for (const wire of proxy.wires()) wire.hold()
    const cleared = b.process.clear(patternOf('user', '42'))
    await until(async () => (await world.records()).length === 1)
    for (const wire of proxy.wires()) wire.release()
    await cleared
    expect(await turn).toEqual(HOLD)
    expect([await world.plain.hget(leaseKey(), 'epoch')]).toEqual((await world.records()).map(([, epoch]) => `${epoch}`))
  })

  test('is waited for no longer also where its clear is not confirmed yet', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer(), await newPlayer({ redis: proxy.url })]
    await granted(a)
    const { turn } = await b.waits()
    b.process.log.append('clear', patternOf('user', '42'), 0, true)
    expect(await turn).toEqual(HOLD)
  })

  test('is not waited for by a process that began after the clear, and reads back what it missed', async () => {
    const [a, b] = await players(2)
    await granted(a!)
    await b!.process.clear(patternOf('user', '42'))
    await b!.process.clear(patternOf('another'))
    const late = await newPlayer()
    expect(late.process.shared.windowStart).toBe(b!.process.shared.epoch)
    expect(await late.turn()).toEqual(HOLD)
  })

  test('is waited for where the clear is of another call', async () => {
    const [a, b] = await players(2)
    const lease = await granted(a!)
    await b!.process.clear(patternOf('user', '7'))
    const { turn } = await b!.waits()
    const { position } = b!.process.log
    await a!.process.clear(patternOf('user', '8'), patternOf('another'))
    await until(() => b!.process.log.position > position)
    b!.stored = 'new'
    lease.end('stored')
    expect([await turn, b!.looks]).toEqual([{ to: 'serve', found: 'new' }, 1])
  })

  test('is not waited for when the log was lost meanwhile', async () => {
    const [a, b, c] = await players(3)
    await granted(a!)
    const { turn } = await b!.waits()
    await world.plain.del(world.logKey())
    await b!.process.shared.ask()
    expect(await turn).toEqual(HOLD)
    // One that has not heard of it yet asks, instead of taking the new one's load for an old one.
    const token = await tokenNow()
    await c!.waits()
    expect(await tokenNow()).toBe(token)
  })

  test('is one load that is taken over, whatever was cleared at once', async () => {
    const [a, b] = await players(2)
    await granted(a!)
    const { turn } = await b!.waits()
    await a!.process.clear(patternOf('user'), patternOf('user', '42'), everything)
    expect(await turn).toEqual(HOLD)
  })
})

describe('an answer that is not for others', () => {
  test('is not waited for a while, by who loaded it and by who waited for it', async () => {
    const [a, b, c] = await players(3)
    const lease = await granted(a!)
    const { turn } = await b!.waits()
    lease.end('unstored')
    expect(await turn).toEqual(LOAD)
    await granted(c!)
    for (const player of [a!, b!]) {
      expect([await player.turn(), player.turns.waiting]).toEqual([LOAD, 0])
      player.process.clock.advance(10_001)
      await player.waits()
    }
  })

  test.each(['clear', 'expire'] as const)('is waited for again after news of it, for it may be another one now: %s', async (kind) => {
    const [a, b] = await players(2)
    ;(await granted(a!)).end('unstored')
    await until(isFree)
    expect(await a!.turn()).toEqual(LOAD)
    await a!.process[kind](patternOf('user', '42'))
    await until(async () => b!.process.shared.epoch === a!.process.shared.epoch)
    await granted(b!)
    await a!.waits()
  })
})

describe('a refresh that nobody waits for', () => {
  test.each(['failed', 'unstored'] as const)('is left to the process that has it in hand, also when that fails: %s', async (ending) => {
    const [a, b] = await players(2)
    const lease = await granted(a!, { isBehind: true })
    const { turn } = await b!.waits({ isBehind: true })
    lease.end(ending)
    expect(await turn).toEqual({ to: 'leave' })
  })

  test('takes what the other process stored', async () => {
    const [a, b] = await players(2)
    const lease = await granted(a!, { isBehind: true })
    const { turn } = await b!.waits({ isBehind: true })
    b!.stored = 'new'
    lease.end('stored')
    expect(await turn).toEqual({ to: 'serve', found: 'new' })
  })
})

describe('a load that nobody waits for any more', () => {
  test('waits for nobody either, and leaves nothing behind; who waits beside it goes on', async () => {
    const [a, b] = await players(2)
    const lease = await granted(a!)
    const token = await tokenNow()
    const leaving = new AbortController()
    const stays = await b!.waits()
    const leaves = await b!.waits({ signal: leaving.signal })
    leaving.abort()
    expect(await leaves.turn).toEqual(LOAD)
    expect([b!.turns.waiting, await tokenNow(), getEventListeners(leaving.signal, 'abort')]).toEqual([1, token, []])
    b!.stored = 'new'
    lease.end('stored')
    expect(await stays.turn).toEqual({ to: 'serve', found: 'new' })
    expect([b!.turns.waiting, await isFree()]).toEqual([0, true])
  })

  test('and that Redis has not answered yet, leaves with the answer', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [await newPlayer(), await newPlayer({ redis: proxy.url, patience: 5000 })]
    await granted(a)
    const leaving = new AbortController()
    proxy.asking().hold()
    const turn = b.turn({ signal: leaving.signal })
    await until(async () => (await channels()) === 1)
    leaving.abort()
    expect(b.turns.waiting).toBe(1)
    proxy.asking().release()
    expect([await turn, b.turns.waiting]).toEqual([LOAD, 0])
  })

  test('does not ask for a lease', async () => {
    const [a] = await players(1)
    expect([await a!.turn({ signal: AbortSignal.abort() }), await isFree()]).toEqual([LOAD, true])
  })

  test('may have been the only one: its process is told of the end all the same, and takes its next turn', async () => {
    const [a, b] = await players(2)
    const lease = await granted(a!)
    const leaving = new AbortController()
    const { turn } = await b!.waits({ signal: leaving.signal })
    leaving.abort()
    expect([await turn, b!.turns.waiting, await channels()]).toEqual([LOAD, 0, 1])
    lease.end('unstored')
    await until(isFree)
    expect([await b!.turn(), await channels()]).toEqual([HOLD, 0])
  })
})

describe('where Redis is no help', () => {
  test('that hangs, it is one’s turn after a bounded wait, with what one has waited for it already', async () => {
    await using server = await startRedis()
    const a = await newPlayer({ redis: server.url, patience: 20_000, commandTimeout: 20_000 })
    server.pause()
    onTestFinished(() => server.resume())
    const began = performance.now()
    expect(await a.turn({ since: a.process.clock.now() - 19_900 })).toEqual(LOAD)
    expect(await a.turn({ since: a.process.clock.now() - 20_000 })).toEqual(LOAD)
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test('that goes away, it is the turn of all who wait', async () => {
    await using server = await startRedis()
    const [a, b] = await players(2, { redis: server.url })
    await granted(a!)
    const turn = b!.turn()
    await until(() => b!.turns.waiting === 1)
    await server.kill()
    expect(await turn).toEqual(LOAD)
  })

  test('that refuses, it is one’s turn, and that is told once', async () => {
    await using server = await startRedis()
    const a = await newPlayer({ redis: server.url })
    await a.process.connection.command('key', (client) => client.config('SET', 'maxmemory', '1'))
    expect([await a.turn(), await a.turn(), a.process.errors]).toEqual([LOAD, LOAD, [expect.objectContaining({ code: 'STORE' })]])
  })

  test('that answers too late, a lease that it gave after all is given back', async () => {
    const proxy = await newProxy(world.server.port)
    for (const { text } of [takeLeaseScript, endLeaseScript]) await world.plain.script('LOAD', text)
    const a = await newPlayer({ redis: proxy.url, patience: 50, length: 60_000 })
    proxy.asking().hold()
    expect(await a.turn()).toEqual(LOAD)
    await until(async () => !(await isFree()))
    proxy.asking().release()
    await until(isFree)
  })

  test('that has said no word yet, it is one’s turn', async () => {
    // What it may see of Redis is leases, and no log.
    await world.plain.call('ACL', 'SETUSER', 'logless', 'on', '>secret', '~*#lease:*', '&*', '+@all')
    const redis = `redis://logless:secret@127.0.0.1:${world.server.port}`
    const a = await newPlayer({ redis })
    expect([a.process.shared.generation, await a.turn(), await isFree()]).toEqual([undefined, LOAD, true])
  })
})

test('the end of a cache ends its waits, and what it held is free', async () => {
  const [a, b, c] = await players(3)
  await granted(a!)
  const [{ turn }, { turn: behind }, { turn: other }] = [await b!.waits(), await b!.waits({ isBehind: true }), await c!.waits()]
  await b!.turns.close()
  await nextRound()
  expect(b!.turns.waiting).toBe(0)
  expect([await turn, await behind]).toEqual([LOAD, { to: 'leave' }])
  expect(await b!.turn({ key: '"nobody’s"' })).toEqual(LOAD)
  await a!.turns.close()
  expect(await other).toEqual(HOLD)
})

test('a lease is no entry: what gives back the space of all entries leaves it', async () => {
  const [a] = await players(1)
  await granted(a!)
  await a!.process.entries.sweep()
  expect(await isFree()).toBe(false)
})

/** Resolves when a player, who waits, has asked for the lease once more. */
async function hasTaken(player: Player): Promise<void> {
  await world.plain.hdel(leaseKey(), ...(await world.plain.hkeys(leaseKey())).filter((field) => field.startsWith('>')))
  await until(async () => (await channels()) > 0)
  expect(player.turns.waiting).toBe(1)
}

function timesSent(sent: string, text: string): number {
  return sent.split(text).length - 1
}
