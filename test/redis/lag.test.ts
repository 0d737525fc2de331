// How late clears of others arrive is measured by one clock, that of Redis, however far apart those of the processes are.
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCache } from '../../src/cache.ts'
import { createCache, type Cache } from '../../src/index.ts'
import { LagMeter } from '../../src/redis/lag.ts'
import { until } from './process.ts'
import { newProxy } from './proxy.ts'
import { newWorld } from './world.ts'

const world = newWorld()
// What the fastest of a few questions to a server on this machine takes, with room to spare.
const ERROR = 50

function opened(cache: Cache): Cache {
  onTestFinished(() => cache.close())
  return cache
}

/** A process whose `maxStaleness` is long, so that it asks seldom by itself, and one that clears. */
async function newPair(more: { maxStaleness?: string; offset?: number } = {}) {
  const { maxStaleness = '1h', offset = 0 } = more
  const proxy = await newProxy(world.server.port)
  const clock = () => performance.now() + offset
  // Each call asks: so the two clocks are set beside each other as often as a test wants.
  const options = { prefix: world.prefix, commandTimeout: 10_000 }
  const here = opened(openCache({ redis: proxy.url, maxStaleness, consistency: 'strong', ...options }, clock))
  const there = opened(createCache({ redis: world.server.url, ...options }))
  const ask = here.memoize(async () => 1, { name: 'ask' })
  for (let times = 0; times < 20; times++) await ask()
  // It listens, which it does not before it has sent that it will, and knows all that was said until then.
  await until(async () => (await world.plain.pubsub('NUMSUB', world.channel()))[1] === 2)
  await clearSeen(here, there)
  return { proxy, here, there }
}

/** A clear that arrives at once. */
async function clearSeen(here: Cache, there: Cache): Promise<void> {
  const { clearLogSize } = here.stats()
  await there.clear(there.tag(`seen ${clearLogSize}`))
  await until(() => here.stats().clearLogSize > clearLogSize)
}

describe('the lag of clears', () => {
  test('is nothing without Redis, and before another process has cleared: own clears are not late', async () => {
    expect(opened(createCache({ redis: false })).stats().lag).toBeUndefined()
    const cache = opened(createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000 }))
    for (let times = 0; times < 3; times++) await cache.clear(cache.tag('own'))
    expect(cache.stats().lag).toBeUndefined()
  })

  test.each([0, 3_600_000, -500])('is how long a message was on its way, where this clock is %d ms off', async (offset) => {
    const { proxy, here, there } = await newPair({ offset })
    proxy.listening().hold()
    const { clearLogSize, lag } = here.stats()
    const before = performance.now()
    await there.clear(there.tag('late'))
    const recorded = performance.now()
    await until(() => performance.now() - recorded > 150)
    const released = performance.now()
    proxy.listening().release()
    await until(() => here.stats().clearLogSize > clearLogSize)
    const { p99 } = here.stats().lag!
    expect(p99).toBeGreaterThan(released - recorded - ERROR)
    expect(p99).toBeLessThan(Math.max(lag!.p99, performance.now() - before) + ERROR)
  })

  test('is that of the question where the message was lost', async () => {
    const { proxy, here, there } = await newPair({ maxStaleness: '2s' })
    proxy.listening().hold()
    proxy.asking().hold()
    const { clearLogSize, lag } = here.stats()
    const before = performance.now()
    await there.clear(there.tag('lost'))
    const recorded = performance.now()
    await until(() => performance.now() - recorded > 150)
    const released = performance.now()
    proxy.asking().release()
    await until(() => here.stats().clearLogSize > clearLogSize)
    const { p99 } = here.stats().lag!
    expect(p99).toBeGreaterThan(released - recorded - ERROR)
    expect(p99).toBeLessThan(Math.max(lag!.p99, performance.now() - before) + ERROR)
  })

  test('has a median that one late message does not move', async () => {
    const { proxy, here, there } = await newPair()
    for (let times = 0; times < 10; times++) await clearSeen(here, there)
    proxy.listening().hold()
    const { clearLogSize, lag } = here.stats()
    const late = 2 * lag!.p99 + 100
    await there.clear(there.tag('late'))
    const recorded = performance.now()
    await until(() => performance.now() - recorded > late + ERROR)
    proxy.listening().release()
    await until(() => here.stats().clearLogSize > clearLogSize)
    const { median, p99 } = here.stats().lag!
    expect([median <= lag!.p99, p99 > late]).toEqual([true, true])
  })
})

describe('the measure', () => {
  const micros = 1_700_000_000_000_000

  test('takes the clock of Redis to stand in the middle of the shortest question', () => {
    const meter = new LagMeter()
    meter.answered(micros, 0, 100)
    meter.answered(micros + 1_000_000, 1049, 1051)
    meter.heard(micros + 2_000_000, 2060, 0)
    expect(meter.lag).toEqual({ median: 10, p99: 10 })
  })

  test('has no lag before an answer', () => {
    const meter = new LagMeter()
    meter.heard(micros, 5, 0)
    expect(meter.lag).toBeUndefined()
  })

  test('is never below nothing, nor longer ago than the question that did not hear of it: clocks that jump do no more', () => {
    const meter = new LagMeter()
    meter.answered(micros, 0, 2)
    meter.heard(micros + 3_600_000_000, 10, 5)
    expect(meter.lag).toEqual({ median: 0, p99: 0 })
    meter.heard(micros - 3_600_000_000, 10, 5)
    expect(meter.lag).toEqual({ median: 0, p99: 5 })
  })

  test('forgets what it knew of a clock that jumped', () => {
    const meter = new LagMeter()
    meter.answered(micros, 0, 2)
    meter.answered(micros - 3_600_000_000, 1000, 1010)
    meter.heard(micros - 3_599_000_000, 2020, 0)
    expect(meter.lag?.p99).toBeCloseTo(15)
  })

  test('is of the latest thousand', () => {
    const meter = new LagMeter()
    meter.answered(micros, 0, 0)
    for (let times = 0; times < 500; times++) meter.heard(micros, 1000, 0)
    for (let times = 0; times < 985; times++) meter.heard(micros, 10, 0)
    expect(meter.lag).toEqual({ median: 10, p99: 1000 })
    for (let times = 0; times < 6; times++) meter.heard(micros, 10, 0)
    expect(meter.lag).toEqual({ median: 10, p99: 10 })
  })
})
