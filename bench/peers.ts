// Knows how others are set up in memory: a time to live and a bound where they have one, and the object itself stored, not a copy.
import { cachified, totalTtl, type Cache as CachifiedCache, type CacheEntry } from '@epic-web/cachified'
import { createCache as createAsyncCacheDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { createCache as createCacheManager } from 'cache-manager'
import { Cacheable, createKeyv } from 'cacheable'
import { Loader } from 'layered-loader'
import { LRUCache } from 'lru-cache'
import memoizee from 'memoizee'
import { createMemoryStorage, defineCachedFunction } from 'ocache'
import pMemoize from 'p-memoize'
import { LIMIT, TTL, type Source, type Value } from './source.ts'

type Call = (id: string) => Promise<Value | null | undefined>

/** Makes a cache of what a source loads that holds so many entries, where that can be said. */
export type Open = (source: Source, limit?: number) => Call

/** Each by its name: how it caches what a source loads, keyed by a string. */
export const peers: Readonly<Record<string, Open>> = {
  'layered-loader': layeredLoader,
  memoizee: ({ load }, limit = LIMIT) => memoizee(load, { promise: true, primitive: true, maxAge: TTL, max: limit }),
  // Without a limit its own Map, which has none.
  'p-memoize': ({ load }, limit) => pMemoize(load, limit === undefined ? {} : { cache: new LRUCache<string, Value>({ max: limit }) }),
  'async-cache-dedupe': asyncCacheDedupe,
  ocache: ({ load }, limit = LIMIT) =>
    defineCachedFunction(load, {
      name: 'user',
      maxAge: TTL / 1000,
      getKey: (id) => id,
      storage: createMemoryStorage({ maxSize: limit, maxBytes: Infinity }),
    }),
  cachified: cachifiedOverLru,
  bentocache: bentocacheInMemory,
  cacheable: ({ load }, limit = LIMIT) => new Cacheable({ primary: inMemory(limit) }).wrap(load, { ttl: TTL, keyPrefix: 'user' }),
  'cache-manager': ({ load }, limit = LIMIT) => {
    const cache = createCacheManager({ stores: [inMemory(limit)], ttl: TTL })
    return (id) => cache.wrap(id, () => load(id))
  },
}

function layeredLoader({ load }: Source, limit = LIMIT): Call {
  const inMemoryCache = { cacheType: 'lru-object', ttlInMsecs: TTL, maxItems: limit } as const
  const loader = new Loader<Value>({ inMemoryCache, dataSourceGetOneFn: load })
  return (id) => loader.get(id)
}

function asyncCacheDedupe({ load }: Source, limit = LIMIT): Call {
  const cache = createAsyncCacheDedupe({ ttl: TTL / 1000, storage: { type: 'memory', options: { size: limit } } }).define('user', load)
  return (id) => cache.user(id)
}

function bentocacheInMemory({ load }: Source, limit = LIMIT): Call {
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: limit, serialize: false }))
  const bento = new BentoCache({ default: 'memory', stores: { memory: store } })
  return (id) => bento.getOrSet({ key: id, ttl: TTL, factory: () => load(id) })
}

/** The adapter of its documentation. */
function cachifiedOverLru({ load }: Source, limit = LIMIT): Call {
  const lru = new LRUCache<string, CacheEntry>({ max: limit })
  const cache: CachifiedCache = {
    get: (key) => lru.get(key),
    set: (key, entry) => lru.set(key, entry, { ttl: totalTtl(entry.metadata), start: entry.metadata.createdTime }),
    delete: (key) => lru.delete(key),
  }
  return (id) => cachified({ key: id, cache, ttl: TTL, getFreshValue: () => load(id) })
}

function inMemory(limit: number) {
  return createKeyv({ lruSize: limit, useClone: false })
}
