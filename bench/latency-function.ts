// Knows how long calls take that are made when it is time to, in this process, while clears go on.
import { setImmediate } from 'node:timers/promises'
import { createCache as createAsyncCacheDedupe } from 'async-cache-dedupe'
import { LRUCache } from 'lru-cache'
import { createCache } from '../dist/src/index.js'
import { Arrivals, randomFrom } from './arrivals.ts'
import { clearingAt, KEPT, type ClearRates } from './clear-rates.ts'
import { ownOf } from './own.ts'
import { percentiles, type Percentiles } from './percentiles.ts'
import { checkHits, LIMIT, newSource, TTL, valueOf, type Value } from './source.ts'
import { OWN } from './suite.ts'

/** A cached function, and how what it was computed from is cleared. */
export interface Cleared {
  call(id: string): Promise<unknown>
  clear(id: string): unknown
}

const idOf = (index: number): string => `user-${index}`
const keys = Array.from({ length: KEPT }, (_, index) => idOf(index))

/** Each by its name. */
export const functions: Readonly<Record<string, () => Promise<Cleared>>> = {
  async 'lru-cache'() {
    const cache = new LRUCache<string, Value>({ max: LIMIT })
    for (const id of keys) cache.set(id, valueOf(id))
    return { call: async (id) => cache.get(id), clear: () => {} }
  },
  async [OWN]() {
    const source = newSource()
    const cache = createCache({ redis: false })
    const call = ownOf(source, cache)
    await checkHits(call, { keys, expected: valueOf }, source)
    return { call, clear: (id) => cache.clear(cache.ref('name', id)) }
  },
  async 'async-cache-dedupe'() {
    const source = newSource()
    const storage = { type: 'memory', options: { size: LIMIT, invalidation: true } } as const
    const cache = createAsyncCacheDedupe({ ttl: TTL / 1000, storage })
    const { user } = cache.define('user', { references: (id: string) => [`name:${id}`] }, source.load)
    const call = (id: string) => user(id)
    await checkHits(call, { keys, expected: valueOf }, source)
    return { call, clear: (id) => cache.invalidateAll(`name:${id}`) }
  },
}

/** What calls took that came at random, so many a second. */
export async function openLoop(
  cleared: Cleared,
  clears: ClearRates,
  perSecond: number,
  seconds: number,
  seed: number,
): Promise<Percentiles> {
  const taken = percentiles()
  const arrivals = new Arrivals(perSecond, seed)
  const random = randomFrom(seed + 1)
  const clear = clearingAt(clears, (index) => cleared.clear(idOf(index)), seed + 2)
  let running = 0
  const began = performance.now()
  for (let now = 0; now < seconds * 1000; now = performance.now() - began) {
    clear(now)
    for (; arrivals.next <= now; running++) void answered(cleared.call(keys[Math.floor(random() * KEPT)]!), arrivals.take())
    await setImmediate()
  }
  while (running > 0) await setImmediate()
  return taken.of()

  async function answered(called: Promise<unknown>, due: number): Promise<void> {
    await called
    running--
    taken.record(performance.now() - began - due)
  }
}

/** How many calls a second this loop can make of it, about. */
export async function saturation({ call }: Cleared): Promise<number> {
  const taken = percentiles()
  const arrivals = new Arrivals(1, 1)
  const random = randomFrom(1)
  const once = async (called: Promise<unknown>, due: number): Promise<void> => {
    await called
    taken.record(Math.abs(performance.now() - due))
  }
  const times = 100_000
  for (let attempt = 0; ; attempt++) {
    const began = performance.now()
    for (let done = 0; done < times; done++) {
      void once(call(keys[Math.floor(random() * KEPT)]!), arrivals.take())
      if (done % 4 === 0) await setImmediate()
    }
    if (attempt === 2) return (times * 1000) / (performance.now() - began)
  }
}
