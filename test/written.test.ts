// A value that a change gives: what the change clears itself is older than it, what others clear meanwhile makes it nobody's.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import type { Call } from '../src/call.ts'
import { Calls } from '../src/calls.ts'
import { createCache, type Codec } from '../src/index.ts'
import { keyOf } from '../src/key.ts'
import type { Written } from '../src/written.ts'
import { newClock, type Clock } from './support/clock.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

const codec: Codec<string> = { encode: (text) => Buffer.from(text), decode: (bytes) => Buffer.from(bytes).toString() }
const loaded = (value: string) => ({ value, store: true, share: true, ttl: 1000 })

class Page {
  readonly cache: Cache
  readonly calls: Calls<string>
  readonly call: Call

  constructor(cache: Cache) {
    this.cache = cache
    this.calls = new Calls(engineOf(cache), {
      name: 'page',
      ttl: 1000,
      limit: 10,
      limitInRedis: undefined,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      place: engineOf(cache).shared === undefined ? 'memory' : 'tiered',
      codec,
      size: () => 1,
      declaredFor: () => [],
    })
    this.call = this.calls.call(['1'], keyOf(['1']))
  }

  written(): Written<string> {
    return this.calls.written(this.call, [this.calls.call(['1'], this.call.key).ref])
  }

  clear(): Promise<void> {
    return this.cache.clear(this.cache.ref('page', '1'))
  }

  async read(): Promise<string> {
    const served = await this.calls.serve(this.call, () => loaded('loaded'))
    return served.from === 'unshared' ? 'unshared' : served.entry.value
  }
}

describe('in one process', () => {
  let clock: Clock
  let cache: Cache
  let page: Page

  beforeEach(() => {
    clock = newClock()
    cache = openCache({ redis: false }, clock.now)
    page = new Page(cache)
  })

  test('it is kept although the change cleared its call', async () => {
    const written = page.written()
    await written.clear(() => page.clear())
    written.keep(loaded('written'))
    expect(await page.read()).toBe('written')
    clock.advance(1000)
    expect(await page.read()).toBe('loaded')
  })

  test('it depends on what was read in it', async () => {
    const user = cache.memoize(async () => 'Ada', { name: 'user' })
    const written = page.written()
    await written.within(() => user())
    await written.clear(() => page.clear())
    written.keep(loaded('written'))
    expect(await page.read()).toBe('written')
    await user.clear()
    expect(await page.read()).toBe('loaded')
  })

  const others: [string, (cache: Cache) => Promise<void>][] = [
    ['its call', (cache) => cache.clear(cache.ref('page', '1'))],
    ['what it has read', (cache) => cache.clear(cache.ref('user'))],
    ['everything', (cache) => cache.flush()],
    ['its call, which is stale then', (cache) => cache.expire(cache.ref('page'))],
  ]

  const moments: [string, (written: Written<string>, clear: () => Promise<void>) => Promise<void>][] = [
    ['before its own clear', async (written, clear) => (await clear(), written.clear(() => page.clear()))],
    ['while its own clear is under way', (written, clear) => written.clear(async () => (await page.clear(), await clear()))],
    ['after its own clear', async (written, clear) => (await written.clear(() => page.clear()), clear())],
  ]

  test.each(others.flatMap((other) => moments.map((moment) => [...moment, ...other] as const)))(
    '%s others clear: it is not kept (%#)',
    async (_moment, during, _what, clear) => {
      const user = cache.memoize(async () => 'Ada', { name: 'user' })
      const written = page.written()
      await written.within(() => user())
      await during(written, () => clear(cache))
      written.keep(loaded('written'))
      expect(await page.read()).toBe('loaded')
    },
  )

  test('it is not kept where the change cleared what was read in it', async () => {
    const user = cache.memoize(async () => 'Ada', { name: 'user' })
    const written = page.written()
    await written.within(() => user())
    await written.clear(() => cache.clear(page.call.ref, user.ref()))
    written.keep(loaded('written'))
    expect(await page.read()).toBe('loaded')
  })

  test('it is not kept where nothing was cleared, or the clear was not confirmed', async () => {
    page.written().keep(loaded('written'))
    expect(await page.read()).toBe('loaded')
    const written = page.written()
    await expect(written.clear(() => page.clear().then(() => Promise.reject(new Error('not confirmed'))))).rejects.toThrow('not confirmed')
    written.keep(loaded('written'))
    expect(await page.read()).toBe('loaded')
  })

  test('it is not kept where what it has read may be undone', async () => {
    const written = page.written()
    await written.within(() => cache.transaction(async () => 'done'))
    await written.clear(() => page.clear())
    written.keep(loaded('written'))
    expect(await page.read()).toBe('loaded')
  })
})

describe('with Redis', () => {
  let server: RedisServer
  beforeAll(async () => void (server = await startRedis()))
  afterAll(() => server.stop())

  function newPage(prefix: string): Page {
    const redis = new Redis(server.url)
    const cache = createCache({ redis, prefix, commandTimeout: 10_000 })
    onTestFinished(async () => {
      await cache.close()
      redis.disconnect()
    })
    return new Page(cache)
  }

  test('another process is served what was written', async () => {
    const [a, b] = [newPage('kept'), newPage('kept')]
    // The log's first word makes all that began before it nobody's.
    await a.read()
    const written = a.written()
    await written.clear(() => a.clear())
    written.keep(loaded('written'))
    await a.cache.close()
    expect(await b.read()).toBe('written')
  })

  test('what another process cleared before the change did is not missed, though this one has not heard of it yet', async () => {
    const [a, b] = [newPage('missed'), newPage('missed')]
    await Promise.all([a.read(), b.read()])
    const written = a.written()
    written.frame.refs.add(a.cache.tag('rows'))
    await b.cache.clear(b.cache.tag('rows'))
    await written.clear(() => a.clear())
    written.keep(loaded('written'))
    expect(await a.read()).toBe('loaded')
  })
})
