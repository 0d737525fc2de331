// What a route does with a store that somebody else has written into, and with a Redis that takes what it is asked and says nothing.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { timed } from '../support/timed.ts'
import type { Framework } from './framework.ts'
import { HIT, newSite, statusOf, type Site } from './site.ts'

export function stores(framework: Framework): void {
  const { cached } = framework

  describe('a page whose entry in Redis', () => {
    let redis: RedisServer
    let client: Redis
    let prefixes = 0
    beforeAll(async () => {
      redis = await startRedis()
      client = new Redis(redis.url)
    })
    afterAll(async () => {
      client.disconnect()
      await redis.stop()
    })

    function newPage(prefix: string): Site {
      const site = newSite(framework, { redis: redis.url, prefix })
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { store: 'redis' })], (x) => x.send(`run ${++runs}`))
      return site
    }

    /** The entries of a prefix, once its page is one of them. */
    async function entriesOf(site: Site, prefix: string): Promise<string[]> {
      while (statusOf(await site.ask('/')) !== HIT);
      const keys = await client.keys(`${prefix}*`)
      const kinds = await Promise.all(keys.map((key) => client.type(key)))
      return keys.filter((_key, at) => kinds[at] === 'string' || kinds[at] === 'hash')
    }

    // With the time that the entry had: one without any is nothing to begin with.
    const foreign: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
      'is text of another program': (key) => client.set(key, 'hello', 'KEEPTTL'),
      'is empty': (key) => client.set(key, '', 'KEEPTTL'),
      'is bytes of nothing': (key) => client.set(key, Buffer.from([255, 0, 255, 254, 10, 13]), 'KEEPTTL'),
      'is cut short': async (key) => client.set(key, (await client.getBuffer(key))?.subarray(0, -60) ?? '', 'KEEPTTL'),
      'has other bytes behind its head': async (key) => {
        const bytes = (await client.getBuffer(key)) ?? Buffer.alloc(0)
        return client.set(key, Buffer.concat([bytes.subarray(0, -60), Buffer.alloc(60, 7)]), 'KEEPTTL')
      },
      'is of another type': async (key) => (await client.del(key), client.lpush(key, 'a', 'b')),
    }
    test.each(Object.entries(foreign))('%s is its handler’s again, and nobody fails for it', async (_how, write) => {
      const prefix = `foreign${++prefixes}`
      await using one = newPage(prefix)
      const keys = await entriesOf(one, prefix)
      expect(keys.length).toBeGreaterThan(0)
      for (const key of keys) await write(key)
      await using two = newPage(prefix)
      const reply = await two.ask('/')
      expect(reply).toMatchObject({ status: 200, text: 'run 1' })
      expect(statusOf(reply)).not.toBe(HIT)
    })
  })

  test('a page is its handler’s within commandTimeout where Redis takes what it is asked and says nothing', async () => {
    await using redis = await startRedis()
    await using site = newSite(framework, { redis: redis.url, commandTimeout: 100, maxStaleness: 0.001 })
    site.app.on('get', '/:id', [cached(site.cache, { store: 'redis' })], (x) => x.send('a'))
    await site.ask('/1')
    redis.pause()
    const [ms, reply] = await timed(site.ask('/2'))
    expect(reply).toMatchObject({ status: 200, text: 'a' })
    expect(ms).toBeLessThan(2_000)
    redis.resume()
  })
}
