// Names are texts of their users': of functions and tags, whatever is in them, in this process and in Redis.
import { setImmediate as nextRound } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createCache, type Cache, type CacheOptions, type MemoizeOptions } from '../src/index.ts'
import { newPrefix, until } from './redis/process.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

// Some are names of every object, some mean something in a pattern of Redis or in a key, some begin as others do.
const NAMES: readonly string[] = [
  ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', '0', ' ', '\n', '\0', '%', '%7B', '"', '\\', '/'],
  ['*', '?', '[a-z]', '\\*', '{x}', '{', '}', '{x}:log', 'x#uses:', 'a:b', 'a', 'A'],
  ['row', 'row(', 'row("1")', 'row("1"', 'row)', 'row@2', 'row)@2', 'all', 'tag#', 'uri#'],
  ['é', 'e\u0301', '名前', '😀', '\u202e', 'x'.repeat(500), `${'x'.repeat(499)}y`, '名'.repeat(500)],
].flat()

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

type Reader = ReturnType<typeof readersOf>['readers'][number]

/** A function of each name, which gives it. */
function readersOf(cache: Cache, options: MemoizeOptions<(id: string) => Promise<string[]>>) {
  const loads: string[] = []
  const readers = NAMES.map((name) => cache.memoize(async (id: string) => (loads.push(name), [name, id]), { ...options, name }))
  return { readers, loads }
}

function newCache(options: CacheOptions): Cache {
  const errors: unknown[] = []
  const cache = createCache({ commandTimeout: 10_000, ...options, onError: (error) => errors.push(error) })
  onTestFinished(async () => {
    await cache.close()
    expect(errors).toEqual([])
  })
  return cache
}

const countAll = (readers: readonly Reader[], ...args: [id?: string]) => Promise.all(readers.map((read) => read.count(...args)))
const callAll = (readers: readonly Reader[], id: string) => Promise.all(readers.map((read) => read(id)))
const times = (count: number) => NAMES.map(() => count)

describe.each(['memory', 'redis', 'tiered'] as const)('functions of any name, in %s', (store) => {
  const newPlace = () => newCache(store === 'memory' ? { redis: false } : { redis: redis.url, prefix: newPrefix() })

  test.each([undefined, 5])('are called, counted and cleared each for itself, with a limit of %s', async (limit) => {
    const cache = newPlace()
    const { readers, loads } = readersOf(cache, { store, ...(limit !== undefined && { limit }) })
    for (const id of ['1', '2']) expect(await callAll(readers, id)).toEqual(NAMES.map((name) => [name, id]))
    // What is stored in Redis alone is on its way.
    await until(async () => (await countAll(readers)).every((count) => count === 2))
    loads.length = 0
    await callAll(readers, '1')
    expect(loads).toEqual([])
    for (const [index, read] of readers.entries()) {
      await read.clear('1')
      expect(await countAll(readers, '1')).toEqual(NAMES.map((_, other) => (other <= index ? 0 : 1)))
    }
    expect([await countAll(readers), await countAll(readers, '2')]).toEqual([times(1), times(1)])
    await readers[0]!.clear()
    expect(await countAll(readers)).toEqual([0, ...times(1).slice(1)])
    await cache.flush()
    expect(await countAll(readers)).toEqual(times(0))
  })

  test('have statistics each of its own', async () => {
    const cache = newPlace()
    const { readers } = readersOf(cache, { store })
    await callAll(readers, '1')
    expect(readers.map((read) => read.stats().loads)).toEqual(times(1))
    const { functions } = cache.stats()
    expect(Object.keys(functions).toSorted()).toEqual(NAMES.toSorted())
    expect(NAMES.map((name) => functions[name]!.loads)).toEqual(times(1))
  })

  test('and tags of any name do not touch each other', async () => {
    const cache = newPlace()
    const loads: string[] = []
    const readers = NAMES.map((name, index) =>
      cache.memoize(async () => void loads.push(name), { name: `of ${index}`, store, dependsOn: [cache.tag(name)] }),
    )
    const { readers: others, loads: otherLoads } = readersOf(cache, { store: 'memory' })
    const readAll = async (): Promise<void> => {
      for (const read of [...readers, ...others]) await read('1')
      await nextRound()
    }
    await readAll()
    for (const name of NAMES) {
      loads.length = otherLoads.length = 0
      await cache.clear(cache.tag(name))
      await readAll()
      expect([loads, otherLoads]).toEqual([[name], []])
    }
  })
})

test('clears of functions and tags of any name reach another process', async () => {
  const prefix = newPrefix()
  const [a, b] = [newCache({ redis: redis.url, prefix }), newCache({ redis: redis.url, prefix })]
  const { readers } = readersOf(a, {})
  const tagged = NAMES.map((name, index) => a.memoize(async () => name, { name: `of ${index}`, dependsOn: [a.tag(name)] }))
  await callAll(readers, '1')
  for (const read of tagged) await read()
  for (const [index, name] of NAMES.entries()) {
    await b.clear(b.ref(name, '1'), b.tag(name))
    await until(async () => (await readers[index]!.peek('1')) === undefined && (await tagged[index]!.peek()) === undefined)
    const isKept = (at: number): boolean => at > index
    expect(await Promise.all(readers.map((read) => read.peek('1').then((found) => found !== undefined)))).toEqual(
      NAMES.map((_, at) => isKept(at)),
    )
    expect(await Promise.all(tagged.map((read) => read.peek().then((found) => found !== undefined)))).toEqual(
      NAMES.map((_, at) => isKept(at)),
    )
  }
})
