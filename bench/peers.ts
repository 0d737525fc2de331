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

/** Each by its name: how it caches what a source loads, keyed by a string. */
export const peers: Readonly<Record<string, (source: Source) => Call>> = {
  'layered-loader': layeredLoader,
  memoizee: ({ load }) => memoizee(load, { promise: true, primitive: true, maxAge: TTL, max: LIMIT }),
  'p-memoize': ({ load }) => pMemoize(load),
  'async-cache-dedupe': asyncCacheDedupe,
  ocache: ({ load }) =>
    defineCachedFunction(load, { name: 'user', maxAge: TTL / 1000, getKey: (id) => id, storage: createMemoryStorage() }),
  cachified: cachifiedOverLru,
  bentocache: bentocacheInMemory,
  cacheable: ({ load }) => new Cacheable({ primary: inMemory() }).wrap(load, { ttl: TTL, keyPrefix: 'user' }),
  'cache-manager': ({ load }) => {
    const cache = createCacheManager({ stores: [inMemory()], ttl: TTL })
    return (id) => cache.wrap(id, () => load(id))
  },
}

function layeredLoader({ load }: Source): Call {
  const inMemoryCache = { cacheType: 'lru-object', ttlInMsecs: TTL, maxItems: LIMIT } as const
  const loader = new Loader<Value>({ inMemoryCache, dataSourceGetOneFn: load })
  return (id) => loader.get(id)
}

function asyncCacheDedupe({ load }: Source): Call {
  const cache = createAsyncCacheDedupe({ ttl: TTL / 1000, storage: { type: 'memory', options: { size: LIMIT } } }).define('user', load)
  return (id) => cache.user(id)
}

function bentocacheInMemory({ load }: Source): Call {
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: LIMIT, serialize: false }))
  const bento = new BentoCache({ default: 'memory', stores: { memory: store } })
  return (id) => bento.getOrSet({ key: id, ttl: TTL, factory: () => load(id) })
}

/** The adapter of its documentation. */
function cachifiedOverLru({ load }: Source): Call {
  const lru = new LRUCache<string, CacheEntry>({ max: LIMIT })
  const cache: CachifiedCache = {
    get: (key) => lru.get(key),
    set: (key, entry) => lru.set(key, entry, { ttl: totalTtl(entry.metadata), start: entry.metadata.createdTime }),
    delete: (key) => lru.delete(key),
  }
  return (id) => cachified({ key: id, cache, ttl: TTL, getFreshValue: () => load(id) })
}

function inMemory() {
  return createKeyv({ lruSize: LIMIT, useClone: false })
}
