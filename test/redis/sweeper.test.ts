// When space is given back: one walk at a time, one more for all that were wanted meanwhile, and none once the cache is closed.
import { expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../src/index.ts'
import { Sweeper } from '../../src/redis/sweeper.ts'
import type { Since } from '../../src/redis/entries.ts'
import { until } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const since = (epoch: number): Since => ({ generation: 'one', epoch })

interface Walk {
  readonly since: Since
  readonly isOver: () => boolean
  end(error?: Error): void
}

function newSweeper(): { sweeper: Sweeper; walks: Walk[]; failures: unknown[]; close: () => void } {
  const walks: Walk[] = []
  const failures: unknown[] = []
  let isClosed = false
  const sweeper = new Sweeper({
    sweep: (from, isOver) =>
      new Promise((resolve, reject) => {
        walks.push({ since: from, isOver, end: (error) => (error === undefined ? resolve() : reject(error)) })
      }),
    later: (walk) => void walk.catch((error: unknown) => failures.push(error)),
    isClosed: () => isClosed,
  })
  return { sweeper, walks, failures, close: () => (isClosed = true) }
}

test('one walk runs, and one more after it for all that were wanted meanwhile', async () => {
  const { sweeper, walks } = newSweeper()
  for (let epoch = 1; epoch <= 5; epoch++) sweeper.want(since(epoch))
  expect(walks.map((walk) => walk.since.epoch)).toEqual([1])
  walks[0]!.end()
  await until(() => walks.length === 2)
  expect(walks[1]!.since.epoch).toBe(5)
  walks[1]!.end()
  await Promise.resolve()
  sweeper.want(since(6))
  await until(() => walks.length === 3)
})

test('one that fails is told, and the next one runs all the same', async () => {
  const { sweeper, walks, failures } = newSweeper()
  sweeper.want(since(1))
  sweeper.want(since(2))
  walks[0]!.end(new Error('away'))
  await until(() => walks.length === 2)
  expect(failures).toEqual([new Error('away')])
})

test('a cache that is closed ends the one that runs and begins no other', async () => {
  const { sweeper, walks, close } = newSweeper()
  sweeper.want(since(1))
  sweeper.want(since(2))
  expect(walks[0]!.isOver()).toBe(false)
  close()
  expect(walks[0]!.isOver()).toBe(true)
  walks[0]!.end()
  await new Promise((resolve) => setImmediate(resolve))
  expect(walks).toHaveLength(1)
})

test('forty flushes of a server full of others’ keys walk over it twice, and closing does not wait for that', async () => {
  const pipeline = world.plain.pipeline()
  for (let id = 0; id < 20_000; id++) pipeline.set(`foreign ${id}`, 'x', 'PX', 60_000)
  await pipeline.exec()
  const scans = async () => Number(/cmdstat_scan:calls=(\d+)/.exec(await world.plain.info('commandstats'))?.[1] ?? 0)
  const open = () => {
    const cache = createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000 })
    onTestFinished(() => cache.close())
    return cache
  }
  const [walking, closing] = [open(), open()]
  for (const cache of [walking, closing]) await cache.clear(cache.tag('connected'))
  const before = await scans()
  await Promise.all(Array.from({ length: 40 }, () => walking.flush()))
  await until(async () => (await scans()) - before >= 200)
  let seen = 0
  await until(async () => seen === (seen = await scans()))
  expect(seen - before).toBeLessThan(300)
  await closing.flush()
  await closing.close()
  expect((await scans()) - seen).toBeLessThan(50)
})
