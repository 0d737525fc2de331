// A background refresh retains nothing of the request that started it: not while it runs, and not afterwards.
import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { openCache, type Cache } from '../../src/cache.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { newGate, type Gate } from '../support/gate.ts'
import { expectFlat, isCollected } from './heap.ts'

interface Request {
  readonly body: Uint8Array
}

const requests = new AsyncLocalStorage<Request>()

interface World {
  readonly cache: Cache
  readonly clock: Clock
  /** How many loads saw a request. */
  seen: number
  /** The gate that the next load waits at. */
  gate: Gate | undefined
  readonly row: (id: number) => Promise<number>
}

function newWorld(options: { staleWhileRevalidate?: number; refreshAhead?: number; softTimeout?: number; staleIfError?: number }): World {
  const clock = newClock()
  const cache = openCache({ redis: false, onError: () => undefined }, clock.now)
  onTestFinished(() => cache.close())
  const load = async (id: number): Promise<number> => {
    if (requests.getStore() !== undefined) world.seen++
    await world.gate?.wait()
    return id
  }
  const world: World = { cache, clock, seen: 0, gate: undefined, row: cache.memoize(load, { name: 'row', ttl: 1000, ...options }) }
  return world
}

/** Serves a request in a context of its own, as a server does, and keeps nothing of it. */
async function serve(work: () => Promise<unknown>): Promise<WeakRef<Request>> {
  const request: Request = { body: new Uint8Array(1000) }
  await requests.run(request, work)
  return new WeakRef(request)
}

test('while it runs', async () => {
  const world = newWorld({ staleWhileRevalidate: 60_000 })
  await world.row(1)
  world.clock.advance(2000)
  const gate = (world.gate = newGate())
  const request = await serve(() => world.row(1))
  await gate.reached()
  expect(await isCollected(request)).toBe(true)
  gate.open()
})

test('after it, also where it failed', async () => {
  const world = newWorld({ staleWhileRevalidate: 60_000 })
  await world.row(1)
  world.clock.advance(2000)
  const failing = { ...newGate(), wait: () => Promise.reject(new Error('the database is away')) }
  world.gate = failing
  const request = await serve(() => world.row(1))
  expect(await isCollected(request)).toBe(true)
})

test('nor what is inside a load of another cached function', async () => {
  const world = newWorld({ staleWhileRevalidate: 60_000 })
  const page = world.cache.memoize(async (id: number) => `page ${await world.row(id)}`, { name: 'page' })
  await world.row(1)
  world.clock.advance(2000)
  const gate = (world.gate = newGate())
  const request = await serve(() => page(1))
  await gate.reached()
  expect(await isCollected(request)).toBe(true)
  gate.open()
})

test('a hundred thousand of them leave nothing behind', async () => {
  const world = newWorld({ staleWhileRevalidate: 60_000 })
  await world.row(1)
  await expectFlat({ times: 100_000, full: 10_000 }, async () => {
    world.clock.advance(2000)
    await serve(() => world.row(1))
  })
  expect(world.seen).toBe(0)
})
