// Clocks that are wrong: those of the processes' machines and that of the server. None of them decides what is stale.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCache } from '../../src/index.ts'
import { until } from '../redis/process.ts'
import { newWorld } from '../redis/world.ts'
import { startProgram, type RunningProgram } from '../support/program.ts'

const world = newWorld()
const HOUR = 3_600_000

/** A process whose wall clock is wrong by so much from its first moment on. */
function startSkewed(milliseconds: number, url: string = world.server.url): RunningProgram {
  const skew = `const now = Date.now.bind(Date)
    globalThis.Date = class extends Date { constructor(...at) { at.length > 0 ? super(...at) : super(now() + ${milliseconds}) } static now() { return now() + ${milliseconds} } }`
  const preload = `--import=data:text/javascript,${encodeURIComponent(skew)}`
  const env = { REDIS_URL: url, PREFIX: world.prefix, NODE_OPTIONS: preload }
  const program = startProgram('test/support/deployed.ts', env)
  onTestFinished(async () => void (await program.end('SIGKILL')))
  return program
}

/** Tells a process to do something, and gives what it answers. */
function orderer(program: RunningProgram): (order: string) => Promise<unknown> {
  let turn = 0
  return async (order) => {
    await world.plain.lpush(`${world.prefix} ${program.process.pid}`, order)
    const said = await program.says(`${++turn} done`)
    return JSON.parse(new RegExp(`^${turn}: (.*)$`, 'm').exec(said)![1]!)
  }
}

test('processes an hour apart share entries and follow each other’s clears', { timeout: 60_000 }, async () => {
  const programs = [startSkewed(HOUR), startSkewed(-HOUR)]
  await Promise.all(programs.map((program) => program.says('ready')))
  const [ahead, behind] = programs.map(orderer) as [ReturnType<typeof orderer>, ReturnType<typeof orderer>]
  for (const tell of [ahead, behind]) await tell('clear connected')
  await world.plain.set(`${world.prefix} row`, 'old')
  const old = { shape: '', seen: '1 old' }
  expect([await ahead('row 1'), await ahead('page 1')]).toEqual([old, `page of ${JSON.stringify(old)}`])
  await until(async () => (await world.plain.exists(`${encodeURIComponent(world.prefix)}:row("1")`)) === 1)
  expect([await behind('row 1'), await behind('loads')]).toEqual([old, 0])
  for (const [writer, reader] of [
    [ahead, behind],
    [behind, ahead],
  ] as const) {
    const value = `by ${writer === ahead ? 'the one ahead' : 'the one behind'}`
    await world.plain.set(`${world.prefix} row`, value)
    await writer('clear 1')
    const seen = { shape: '', seen: `1 ${value}` }
    await until(async () => JSON.stringify(await reader('row 1')) === JSON.stringify(seen))
    expect([await writer('row 1'), await reader('page 1')]).toEqual([seen, `page of ${JSON.stringify(seen)}`])
  }
})

test('a process that was stopped for longer than maxStaleness trusts nothing that it knew before', { timeout: 60_000 }, async () => {
  // No message reaches it, so that only its own clock can tell.
  const program = startSkewed(0, world.muted)
  await program.says('ready')
  const tell = orderer(program)
  const cache = createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, onError: () => undefined })
  onTestFinished(() => cache.close())
  await tell('clear connected')
  await world.plain.set(`${world.prefix} row`, 'old')
  expect(await tell('row 1')).toEqual({ shape: '', seen: '1 old' })
  program.process.kill('SIGSTOP')
  await world.plain.set(`${world.prefix} row`, 'new')
  await cache.clear(cache.ref('row', '1'))
  const told = tell('row 1')
  // The default, which nothing shortens: it has to pass.
  await new Promise((resolve) => setTimeout(resolve, 1100))
  program.process.kill('SIGCONT')
  expect(await told).toEqual({ shape: '', seen: '1 new' })
})

/** A cache that stands for a process. */
function newNode(rows: { value: string; loads: number }) {
  const cache = createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, ttl: '10m', onError: () => undefined })
  onTestFinished(() => cache.close())
  const row = cache.memoize(
    async () => {
      rows.loads++
      return rows.value
    },
    { name: 'row' },
  )
  return { cache, row }
}

describe('a wall clock that jumps', () => {
  test.each([HOUR, -HOUR])('by %d ms neither ends an entry nor keeps one', async (jump) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const rows = { value: 'old', loads: 0 }
    const [here, there] = [newNode(rows), newNode(rows)]
    for (const { cache } of [here, there]) await cache.clear(cache.tag('connected'))
    expect(await here.row()).toBe('old')
    await until(async () => (await there.row()) === 'old')
    const { loads } = rows
    vi.setSystemTime(Date.now() + jump)
    expect([await here.row(), await there.row(), rows.loads]).toEqual(['old', 'old', loads])
    rows.value = 'new'
    await there.cache.clear(there.cache.ref('row'))
    vi.setSystemTime(Date.now() - 2 * jump)
    await until(async () => (await here.row()) === 'new')
    expect(await there.row()).toBe('new')
    const { lag } = here.cache.stats()
    expect(lag!.p99).toBeLessThan(HOUR / 2)
  })
})

test('a server whose clock is behind its own log goes on from there', async () => {
  const rows = { value: 'old', loads: 0 }
  const [here, there] = [newNode(rows), newNode(rows)]
  await here.cache.clear(here.cache.tag('connected'))
  const [[, epoch]] = (await world.records()) as [[string, number]]
  await world.plain.zadd(world.logKey(), epoch + HOUR * 1000, '["c","of a day that comes","",0]')
  await there.cache.clear(there.cache.tag('connected'))
  for (const value of ['one', 'two', 'three']) {
    expect(await there.row()).toBe(rows.value)
    rows.value = value
    await here.cache.clear(here.cache.ref('row'))
    expect(await here.row()).toBe(value)
    await until(async () => (await there.row()) === value)
  }
  const epochs = (await world.records()).map(([, at]) => at)
  expect(Math.max(...epochs)).toBeGreaterThan(epoch + HOUR * 1000)
  const { lag } = there.cache.stats()
  expect(lag!.p99).toBeLessThan(5000)
})
