// Knows how others are set up in memory for a function of an object: by the keys that they make of it, else by one that is written by hand.
import { createCache as createAsyncCacheDedupe } from 'async-cache-dedupe'
import { Cacheable, createKeyv } from 'cacheable'
import { Loader } from 'layered-loader'
import memoizee from 'memoizee'
import { createMemoryStorage, defineCachedFunction } from 'ocache'
import pMemoize from 'p-memoize'
import type { Filter } from './own.ts'
import { LIMIT, TTL, type Value } from './source.ts'

type Call = (filter: Filter) => Promise<Value | null | undefined>

/** A key as one writes it where nobody else does. */
export function keyByHand({ author, page, sort }: Filter): string {
  return `${author}|${page}|${sort}`
}

/** Each by its name and by who makes the key. Whoever is not here has no keys of objects, and is asked by strings only. */
export const peersByFilter: Readonly<Record<string, (load: Call) => Call>> = {
  'layered-loader, key by hand': (load) => {
    const inMemoryCache = { cacheType: 'lru-object', ttlInMsecs: TTL, maxItems: LIMIT } as const
    const loader = new Loader<Value, Filter>({ inMemoryCache, dataSourceGetOneFn: load, cacheKeyFromLoadParamsResolver: keyByHand })
    return (filter) => loader.get(filter)
  },
  'p-memoize, JSON.stringify': (load) => pMemoize(load, { cacheKey: JSON.stringify }),
  'memoizee, JSON.stringify': (load) =>
    memoizee(load, { promise: true, normalizer: (args) => JSON.stringify(args[0]), maxAge: TTL, max: LIMIT }),
  'async-cache-dedupe, its own key': (load) => {
    const cache = createAsyncCacheDedupe({ ttl: TTL / 1000, storage: { type: 'memory', options: { size: LIMIT } } }).define('find', load)
    return (filter) => cache.find(filter)
  },
  'ocache, its own key': (load) =>
    defineCachedFunction(load, { name: 'find', maxAge: TTL / 1000, storage: createMemoryStorage({ maxSize: LIMIT, maxBytes: Infinity }) }),
  'cacheable, its own key': (load) =>
    new Cacheable({ primary: createKeyv({ lruSize: LIMIT, useClone: false }) }).wrap(load, { ttl: TTL, keyPrefix: 'find' }),
}
