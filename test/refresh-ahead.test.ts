// Early recomputation by the XFetch rule.
import { describe, expect, test } from 'vitest'
import { Engine } from '../src/engine.ts'
import { memoize } from '../src/memoize.ts'
import { createCache, type CachedFunction } from '../src/index.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { startRedis } from './support/redis.ts'

/** A function that takes 100 ms to load and is fresh for a second, in an engine whose chance is drawn by hand. */
function newScene(random: () => number, refreshAhead: number) {
  const clock = newClock()
  const errors: unknown[] = []
  const engine = new Engine({
    clock: clock.now,
    random,
    ttl: 1000,
    limit: 1000,
    maxBytes: 1e6,
    maxStaleness: 1000,
    disabled: false,
    onError: (error) => errors.push(error),
  })
  const state = { loads: 0 }
  const loaded: unknown[][] = []
  const load = async (...args: unknown[]): Promise<number> => {
    loaded.push(args)
    clock.advance(100)
    return ++state.loads
  }
  const read = memoize(engine, load as never, { name: 'read', refreshAhead }) as CachedFunction<typeof load>
  return { clock, errors, read, state, loaded }
}

describe('a result that is loaded ahead', () => {
  test('is the old one for who asks, and the new one from then on', async () => {
    const { clock, read, state } = newScene(() => Math.exp(-1), 1)
    expect(await read()).toBe(1)
    clock.advance(899)
    expect(await read()).toBe(1)
    expect(state.loads).toBe(1)
    clock.advance(1)
    expect(await read()).toBe(1)
    await Promise.resolve()
    expect(await read()).toBe(2)
    expect(state.loads).toBe(2)
  })

  test('is loaded ahead with the arguments of who found that it is due', async () => {
    const { clock, read, loaded } = newScene(() => Math.exp(-1), 1)
    for (const args of [['a'], ['a', 'b'], [1], []]) {
      await read(...args)
      clock.advance(950)
      await read(...args)
      expect(loaded.splice(0)).toEqual([args, args])
    }
  })

  test('is loaded once, however many ask meanwhile', async () => {
    const { clock, read, state } = newScene(() => Math.exp(-1), 1)
    await read()
    clock.advance(950)
    await Promise.all([read(), read(), read()])
    expect(state.loads).toBe(2)
  })

  test('is never loaded ahead with 0', async () => {
    const { clock, read, state } = newScene(() => Number.MIN_VALUE, 0)
    await read()
    clock.advance(999)
    await read()
    expect(state.loads).toBe(1)
  })

  test('is cleared as any other while it is being loaded', async () => {
    const clock = newClock()
    const engine = new Engine({
      clock: clock.now,
      random: () => Math.exp(-1),
      ttl: 1000,
      limit: 10,
      maxBytes: 1e6,
      maxStaleness: 1000,
      disabled: false,
      onError: () => undefined,
    })
    const gate = newGate()
    let row = 'old'
    let loads = 0
    const load = async (): Promise<string> => {
      const seen = row
      clock.advance(100)
      if (++loads === 2) await gate.wait()
      return seen
    }
    const read = memoize(engine, load as never, { name: 'row', refreshAhead: 1 }) as CachedFunction<typeof load>
    await read()
    clock.advance(950)
    expect(await read()).toBe('old')
    await gate.reached()
    row = 'new'
    await read.clear()
    expect(await read()).toBe('new')
    gate.open()
    await Promise.resolve()
    expect(await read()).toBe('new')
  })
})

test('the time left when it is loaded ahead is distributed exponentially, by what the load takes times the factor', async () => {
  // P(early by more than t) = exp(-t / (cost * factor)): Vattani et al., 2015, section 3.
  let seed = 12_345
  const random = (): number => ((seed = (seed * 48_271) % 2_147_483_647), seed / 2_147_483_647)
  const { clock, read } = newScene(random, 2)
  const samples = 4000
  const isEarly = { 100: 0, 200: 0, 400: 0 }
  for (const left of [100, 200, 400] as const) {
    for (let n = 0; n < samples; n++) {
      await read.refresh(n)
      clock.advance(1000 - left)
      const { loads } = read.stats()
      await read(n)
      if (read.stats().loads > loads) isEarly[left]++
      await read.clear(n)
    }
  }
  for (const left of [100, 200, 400] as const) expect(isEarly[left] / samples).toBeCloseTo(Math.exp(-left / 200), 1)
})

test('what a load took is known to who reads its result from Redis', async () => {
  await using redis = await startRedis()
  const cache = createCache({ redis: redis.url, commandTimeout: 10_000 })
  let loads = 0
  const load = async (): Promise<number> => {
    // A load that takes a while: the rule weighs how long.
    await new Promise((resolve) => setTimeout(resolve, 5))
    return ++loads
  }
  const read = cache.memoize(load, { name: 'slow', store: 'redis', ttl: '1m', refreshAhead: 1e6 })
  await read()
  await expect.poll(async () => (await read(), loads)).toBeGreaterThan(1)
  await cache.close()
})
