// Which failures of Redis are told: what the server refuses, once until it takes it again, and not that it is away, which others tell.
import { expect, onTestFinished, test } from 'vitest'
import { createCache, type CacheError } from '../../src/index.ts'
import { newWorld } from './world.ts'

const world = newWorld()

test('a refusal is told once however many calls it fails, and again once it was over; all are counted', async () => {
  const told: string[] = []
  const url = `redis://refused:secret@127.0.0.1:${world.server.port}`
  const rights = (right: string): Promise<unknown> => world.plain.call('ACL', 'SETUSER', 'refused', right)
  await world.plain.call('ACL', 'SETUSER', 'refused', 'on', '>secret', '~*', '&*', '+@all')
  const cache = createCache({ redis: url, prefix: world.prefix, commandTimeout: 10_000, onError: (error) => told.push(error.message) })
  onTestFinished(() => cache.close())
  const row = cache.memoize(async (id: string) => id, { name: 'row' })
  await cache.clear(cache.tag('connected'))
  const load = async (turn: number): Promise<void> => {
    for (let id = 0; id < 10; id++) await row(`${turn} ${id}`)
    // A write is not waited for: the next read stands behind it.
    await row.peek('last')
  }
  await rights('-set')
  await load(1)
  expect(told).toEqual([expect.stringContaining("'set'")])
  expect(cache.stats().storeErrors).toBe(10)
  await rights('-mget')
  await load(2)
  expect(told).toEqual([expect.stringContaining("'set'"), expect.stringContaining("'mget'")])
  expect(cache.stats().storeErrors).toBeGreaterThanOrEqual(30)
  await rights('+@all')
  await load(3)
  await rights('-set')
  await load(4)
  expect(told.slice(2)).toEqual([expect.stringContaining("'set'")])
})

test('garbage in the place of an entry is told each time it is found', async () => {
  const told: string[] = []
  const onError = (error: CacheError): void => void told.push(error.code)
  const cache = createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, onError })
  onTestFinished(() => cache.close())
  const row = cache.memoize(async (id: string) => id, { name: 'row' })
  await cache.clear(cache.tag('connected'))
  for (const id of ['1', '2']) {
    await world.plain.set(`${encodeURIComponent(world.prefix)}:row("${id}")`, 'garbage', 'PX', 60_000)
    expect(await row.peek(id)).toBeUndefined()
  }
  expect(told).toEqual(['CODEC', 'CODEC'])
})
