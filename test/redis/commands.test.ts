// What caches send to Redis: no more for a clear however much it clears, nothing that walks over keys, and scripts that may be forgotten.
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache, type CacheOptions } from '../../src/index.ts'
import { dateScript } from '../../src/redis/entry-scripts.ts'
import { endLeaseScript, renewLeaseScript, takeLeaseScript } from '../../src/redis/lease-scripts.ts'
import { appendScript, questionScript } from '../../src/redis/log-scripts.ts'
import { usesScript } from '../../src/redis/uses-scripts.ts'
import { newGate } from '../support/gate.ts'
import { until } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const scripts = { appendScript, questionScript, takeLeaseScript, renewLeaseScript, endLeaseScript, usesScript, dateScript }

/** A process that asks only where it must, so that every command is one that a test has caused. */
function newNode(options: CacheOptions = {}) {
  const errors: string[] = []
  const onError = (error: Error): void => void errors.push(error.message)
  const cache = createCache({
    redis: world.server.url,
    prefix: world.prefix,
    commandTimeout: 10_000,
    maxStaleness: '1h',
    onError,
    ...options,
  })
  onTestFinished(() => cache.close())
  const row = cache.memoize(async (id: string) => `row ${id}`, { name: 'row' })
  const page = cache.memoize(async (id: string) => `page of ${await row(id)}`, { name: 'page' })
  return { cache, row, page, errors }
}

async function loadScripts(): Promise<void> {
  for (const { text } of Object.values(scripts)) await world.plain.script('LOAD', text)
}

/** Stores one more entry under so many keys: as many calls of a function, with what they were computed from. */
async function multiply(count: number): Promise<void> {
  const key = (id: number | string) => `${encodeURIComponent(world.prefix)}:page("${id}")`
  await until(async () => (await world.plain.exists(key('0'))) === 1)
  const bytes = await world.plain.getBuffer(key('0'))
  for (let first = 1; first < count; first += 10_000) {
    const pipeline = world.plain.pipeline()
    for (let id = first; id < Math.min(count, first + 10_000); id++) pipeline.set(key(id), bytes!, 'PX', 3_600_000)
    await pipeline.exec()
  }
}

describe('a clear', () => {
  test('takes as many commands with a hundred thousand entries as with ten', { timeout: 60_000 }, async () => {
    const { cache, row, page } = newNode()
    await loadScripts()
    await cache.clear(cache.tag('connected'))
    await page('0')
    const clears = [
      () => row.clear('0'),
      () => row.clear(),
      () => page.clear(),
      () => page.expire(),
      () => cache.clear(row.ref('0'), cache.tag('x')),
    ]
    const counted = async (): Promise<string[][]> => {
      const lists: string[][] = []
      for (const clear of clears) lists.push((await world.commandsDuring(clear)).toSorted())
      return lists
    }
    await multiply(10)
    // Each record is there once before it is counted.
    await counted()
    const few = await counted()
    await multiply(100_000)
    expect(await counted()).toEqual(few)
    expect(few.map((list) => list.filter((name) => name === 'evalsha'))).toEqual(clears.map(() => ['evalsha']))
    expect(await page('77777')).toBe('page of row 77777')
  })
})

test.each(['eventual', 'strong'] as const)('no read, write or clear walks over keys or empties anything: %s', async (consistency) => {
  const [a, b] = [newNode({ consistency }), newNode({ consistency, limit: 3 })]
  await a.cache.clear(a.cache.tag('connected'))
  const names = await world.commandsDuring(async () => {
    for (const { cache, row, page } of [a, b, a]) {
      for (const id of ['1', '2', '3', '4', '5']) await page(id)
      await row.many([['1'], ['9']])
      await row.refresh('1')
      await row.peek('2')
      await row.clear('1')
      await row.expire()
      await cache.transaction(() => row.clear('2'))
      await cache.clear(cache.tag('x'), page.ref())
    }
    await b.cache.close()
  })
  expect(names.filter((name) => /^(keys|.*scan|flush.*|randomkey|dbsize|debug)$/.test(name))).toEqual([])
  for (const name of ['mget', 'set', 'zadd', 'publish', 'hset', 'zcard']) expect(names).toContain(name)
  expect([...a.errors, ...b.errors]).toEqual([])
})

test('every script works after the server forgot all of them', async () => {
  const nodes = [newNode({ limit: 5 }), newNode({ limit: 5 })]
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
  const forget = (): Promise<unknown> => world.plain.script('FLUSH')
  for (const { cache } of nodes) {
    await forget()
    await cache.clear(cache.tag('connected'))
  }
  const gate = newGate()
  const slow = a.cache.memoize(async () => (await gate.wait(), 'loaded'), { name: 'slow' })
  await forget()
  const loading = slow()
  await gate.reached()
  // Long enough for the lease to be renewed.
  await forget()
  await until(async () => ((await world.plain.script('EXISTS', renewLeaseScript.sha)) as number[])[0] === 1)
  await forget()
  gate.open()
  expect(await loading).toBe('loaded')
  for (let id = 0; id < 10; id++) {
    await forget()
    await a.row(`${id}`)
  }
  await forget()
  expect(await b.row('9')).toBe('row 9')
  await forget()
  await b.row.clear('9')
  await forget()
  expect(await b.row('9')).toBe('row 9')
  const known = (await world.plain.script('EXISTS', ...Object.values(scripts).map(({ sha }) => sha))) as number[]
  expect(known.some((it) => it === 1)).toBe(true)
  expect([...a.errors, ...b.errors]).toEqual([])
  // Each has run by now.
  await Promise.all(nodes.map(({ cache }) => cache.close()))
})
