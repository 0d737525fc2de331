// Knows how others are set up over Redis alone, each on a client of ioredis 5 of its own.
import { cachified, type Cache as CachifiedCache, type CacheEntry } from '@epic-web/cachified'
import { createCache as createAsyncCacheDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import type { Redis } from 'ioredis'
import { GroupLoader, Loader, RedisCache, RedisGroupCache } from 'layered-loader'
import { TTL } from './source.ts'

type Load = (id: string) => Promise<object>
type OpenOnRedis = (load: Load, redis: Redis) => (id: string) => Promise<unknown>

/** By name: without tags, and with those that each has. */
export const redisPeers: Readonly<Record<string, OpenOnRedis>> = {
  'layered-loader': (load, redis) => {
    const asyncCache = new RedisCache<object>(redis, { json: true, ttlInMsecs: TTL, prefix: 'll' })
    const loader = new Loader<object>({ asyncCache, dataSourceGetOneFn: load })
    return (id) => loader.get(id)
  },
  'layered-loader, one group': inGroup,
  'async-cache-dedupe': (load, redis) => dedupe(load, redis, false),
  'async-cache-dedupe, three references': (load, redis) => dedupe(load, redis, true),
  bentocache: (load, redis) => bento(load, redis, false),
  'bentocache, three tags': (load, redis) => bento(load, redis, true),
  'cachified, over get and set': cachifiedOverRedis,
}

function inGroup(load: Load, redis: Redis): (id: string) => Promise<unknown> {
  const asyncCache = new RedisGroupCache<object>(redis, { json: true, ttlInMsecs: TTL, groupTtlInMsecs: TTL, prefix: 'llg' })
  const loader = new GroupLoader<object>({
    asyncCache,
    dataSources: [{ name: 'source', getFromGroup: load, getManyFromGroup: (ids) => Promise.all(ids.map(load)) }],
  })
  return (id) => loader.get(id, `group-${id}`)
}

function dedupe(load: Load, client: Redis, isTagged: boolean): (id: string) => Promise<unknown> {
  const invalidation = isTagged && { referencesTTL: TTL / 1000 }
  const cache = createAsyncCacheDedupe({ ttl: TTL / 1000, storage: { type: 'redis', options: { client, invalidation } } })
  const references = (id: string) => (isTagged ? tagsOf(id) : [])
  const defined = isTagged ? cache.define('tagged', { references }, load) : cache.define('plain', load)
  return (id) => ('tagged' in defined ? defined.tagged(id) : defined.plain(id))
}

function bento(load: Load, connection: Redis, isTagged: boolean): (id: string) => Promise<unknown> {
  const store = bentostore().useL2Layer(redisDriver({ connection }))
  const cache = new BentoCache({ default: 'redis', prefix: isTagged ? 'bento-tagged' : 'bento', stores: { redis: store } })
  return (id) => cache.getOrSet({ key: id, ttl: TTL, tags: isTagged ? tagsOf(id) : [], factory: () => load(id) })
}

/** Of an entry's own, as its dependencies are here: one that all share would be asked for by all at once. */
function tagsOf(id: string): string[] {
  return [`one-${id}`, `two-${id}`, `three-${id}`]
}

/** As its documentation has it for Redis. */
function cachifiedOverRedis(load: Load, redis: Redis): (id: string) => Promise<unknown> {
  const cache: CachifiedCache = {
    async get(key) {
      const text = await redis.get(key)
      return text === null ? null : (JSON.parse(text) as CacheEntry)
    },
    set: (key, entry) => redis.set(key, JSON.stringify(entry), 'PX', TTL),
    delete: (key) => redis.del(key),
  }
  return (id) => cachified({ key: `cachified:${id}`, cache, ttl: TTL, getFreshValue: () => load(id) })
}
