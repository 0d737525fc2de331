// How entries are dated that cross processes: whoever comes later, or after the log was lost, takes none that a clear has overtaken.
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCache } from '../src/cache.ts'
import type { CacheOptions, Codec } from '../src/index.ts'
import { until } from './redis/process.ts'
import { newProxy } from './redis/proxy.ts'
import { newWorld } from './redis/world.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

const world = newWorld()
const MAX_STALENESS = 1000

/** What all processes read, and how often it was loaded. */
class Table {
  value = 'old'
  loads = 0
}

/** A cache that stands for a process. */
function newNode(table: Table, options: CacheOptions = {}) {
  const clock = newClock()
  const own = { redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, maxStaleness: MAX_STALENESS }
  const given = { ...own, onError: () => undefined, ...options }
  const cache = openCache(given, clock.now)
  onTestFinished(() => cache.close())
  const row = cache.memoize(
    async (_id: string) => {
      table.loads++
      return table.value
    },
    { name: 'row' },
  )
  return { cache, clock, row }
}

/** Resolves when an entry of this call is in Redis. */
async function untilStored(id: string): Promise<void> {
  await until(async () => (await world.plain.exists(`${encodeURIComponent(world.prefix)}:row("${id}")`)) === 1)
}

describe('an entry in Redis', () => {
  test('that is older than all a process knows of the log is served if nothing has cleared it since, and only then', async () => {
    const table = new Table()
    const writer = newNode(table)
    await writer.cache.clear(writer.cache.tag('first'))
    for (const id of ['1', '2']) await writer.row(id)
    for (const id of ['1', '2']) await untilStored(id)
    table.value = 'new'
    await writer.row.clear('1')
    for (let id = 0; id < 10; id++) await writer.cache.clear(writer.cache.tag(`${id}`))
    const late = newNode(table)
    const { loads } = table
    expect([await late.row('1'), await late.row('2'), table.loads]).toEqual(['new', 'old', loads + 1])
  })

  test('that a codec of the user’s own clears while it decodes it is for nobody who comes later', async () => {
    const [there, here] = [false, true].map((clears) => {
      const { cache } = newNode(new Table())
      const decode = (bytes: Uint8Array): string => {
        if (clears) void row.clear()
        return Buffer.from(bytes).toString()
      }
      const codec = { encode: (text: string) => Buffer.from(text), decode }
      const load = async (_id: string): Promise<string> => (clears ? 'new' : 'old')
      const row = cache.memoize(load, { name: 'text', codec: codec as Codec })
      return row
    })
    await there!('1')
    await until(async () => (await world.plain.exists(`${encodeURIComponent(world.prefix)}:text("1")`)) === 1)
    expect(await here!('1')).toBe('old')
    expect(await here!('1')).toBe('new')
  })

  test.each([
    ['the log’s key is gone', (key: string) => world.plain.del(key)],
    ['the log’s key is gone, and the clock that dated it was ahead', (key: string) => world.plain.del(key), 3_600_000_000],
    ['the server is another one', () => world.plain.call('DEBUG', 'CHANGE-REPL-ID')],
  ])('is not served once the log is lost, since nobody knows what was cleared: %s', async (_, lose, ahead = 0) => {
    const table = new Table()
    const writer = newNode(table)
    await writer.cache.clear(writer.cache.tag('first'))
    const [[, first]] = (await world.records()) as [[string, number]]
    await world.plain.zadd(world.logKey(), first + ahead, '["c","other","",0]')
    await writer.cache.clear(writer.cache.tag('second'))
    await writer.row('1')
    await untilStored('1')
    table.value = 'new'
    await writer.row.clear('1')
    await lose(world.logKey())
    const late = newNode(table)
    expect(await late.row('1')).toBe('new')
  })

  test('that was loaded while the log was lost is not served either', async () => {
    const table = new Table()
    const [writer, other] = [newNode(table), newNode(table)]
    for (const { cache } of [writer, other]) await cache.clear(cache.tag('first'))
    const gate = newGate()
    const make = ({ cache }: typeof writer) =>
      cache.memoize(
        async () => {
          const { value } = table
          if (value === 'old') await gate.wait()
          return value
        },
        { name: 'slow' },
      )
    const [slow, same] = [make(writer), make(other)]
    const before = slow()
    await gate.reached()
    table.value = 'new'
    await other.cache.clear(other.cache.ref('slow'))
    await world.plain.del(world.logKey())
    await other.cache.clear(other.cache.tag('of the new log'))
    gate.open()
    expect(await before).toBe('old')
    expect(await same()).toBe('new')
    await writer.cache.clear(writer.cache.tag('of the new log'))
    expect(await slow()).toBe('new')
  })

  test('is not served where no question about the log is answered', async () => {
    const table = new Table()
    const writer = newNode(table)
    await writer.cache.clear(writer.cache.tag('first'))
    await writer.row('1')
    await untilStored('1')
    await world.plain.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '&*', '+@all')
    const asks = newNode(table, { redis: `redis://mute:secret@127.0.0.1:${world.server.port}` })
    await asks.row('2')
    await world.plain.call('ACL', 'SETUSER', 'mute', '-@scripting')
    table.value = 'new'
    await writer.row.clear('1')
    asks.clock.advance(MAX_STALENESS)
    expect(await asks.row('1')).toBe('new')
  })
})

describe('trust', () => {
  test('does not add up along a chain: what was computed from an entry is trusted no longer than that', async () => {
    const table = new Table()
    const proxy = await newProxy(world.server.port)
    const { cache, clock, row } = newNode(table, { redis: proxy.url })
    const list = cache.memoize(async () => `list of ${await row('1')}`, { name: 'list' })
    const page = cache.memoize(async () => `page of ${await list()}`, { name: 'page' })
    await cache.clear(cache.tag('first'))
    const refused = proxy.refused()
    proxy.refuse()
    await until(() => proxy.refused() > refused)
    clock.advance(10 * MAX_STALENESS)
    await row('1')
    clock.advance(MAX_STALENESS / 2)
    await list()
    clock.advance(MAX_STALENESS / 2 - 1)
    expect([await page(), table.loads]).toEqual(['page of list of old', 1])
    table.value = 'new'
    clock.advance(1)
    expect(await page()).toBe('page of list of new')
  })
})
