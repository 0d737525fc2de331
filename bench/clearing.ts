// Knows how many entries are made to depend on one thing, here and by others, and how that thing is cleared.
import { createCache as createAsyncCacheDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisDriver } from 'bentocache/drivers/redis'
import { Cacheable, createKeyv } from 'cacheable'
import { Redis } from 'ioredis'
import { GroupLoader, RedisGroupCache } from 'layered-loader'
import { createCache } from '../dist/src/index.js'
import { clientOf } from './own.ts'
import { TTL } from './source.ts'

/** What was there when it was loaded. */
export interface Seen {
  readonly id: string
  readonly version: number
}

/** Entries of which each depends on one thing. */
export interface Dependents {
  read(id: string): Promise<unknown>
  clear(): Promise<unknown>
  /** Makes the others, up to a number, out of the first that was read, as they would have been stored. Absent: each is asked for. */
  copy?(count: number): Promise<void>
  /** Absent: it does nothing while nobody asks. */
  close?(): Promise<void>
}

/** All of one length, so that one entry is another's with the id replaced. */
export function idOf(index: number): string {
  return String(index).padStart(7, '0')
}

type Load = (id: string) => Promise<Seen>

/** Makes a cache of that, which holds so many: in memory, or in the Redis at a port. */
export type OpenDependents = (load: Load, count: number, port?: number) => Dependents

export const own: OpenDependents = (load, _count, port) => {
  const cache = createCache({ redis: port === undefined ? false : clientOf(port), prefix: 'clearing', limit: Infinity })
  const store = port === undefined ? 'memory' : 'redis'
  const hot = cache.memoize(async () => true, { name: 'hot', store })
  const page = async (id: string): Promise<Seen> => {
    await hot()
    return await load(id)
  }
  const read = cache.memoize(page, { name: 'page', store })
  const all = { read, clear: () => hot.clear(), close: () => cache.close() }
  return port === undefined ? all : { ...all, copy: copying(new Redis(port), 'clearing:page') }
}

/** A million misses over Redis take minutes, which are not what is measured here. In steps, since others wait while a script runs. */
function copying(redis: Redis, name: string): (count: number) => Promise<void> {
  const step = 5000
  const script = `
    local text = redis.call('GET', KEYS[1])
    for i = ARGV[1], ARGV[2] do
      local id = string.format('%07d', i)
      redis.call('SET', ARGV[3] .. '("' .. id .. '")', (text:gsub('${idOf(0)}', id)), 'PX', ${TTL})
    end`
  return async (count) => {
    for (let from = 1; from < count; from += step) {
      await redis.eval(script, 1, `${name}("${idOf(0)}")`, from, Math.min(from + step, count) - 1, name)
    }
  }
}

export const asyncCacheDedupe: OpenDependents = (load, count, port) => {
  const cache = createAsyncCacheDedupe({
    ttl: TTL / 1000,
    storage:
      port === undefined
        ? { type: 'memory', options: { size: count + 1, invalidation: true } }
        : { type: 'redis', options: { client: new Redis(port), invalidation: { referencesTTL: TTL / 1000 } } },
  })
  const defined = cache.define('page', { references: () => ['hot'] }, load)
  return { read: (id) => defined.page(id), clear: () => cache.invalidateAll('hot') }
}

export const bentocache: OpenDependents = (load, count, port) => {
  const memory = memoryDriver({ maxItems: count + 100, serialize: false })
  const store = port === undefined ? bentostore().useL1Layer(memory) : bentostore().useL2Layer(redisDriver({ connection: new Redis(port) }))
  const cache = new BentoCache({ default: 'one', prefix: 'bento', stores: { one: store } })
  return {
    read: (id) => cache.getOrSet({ key: id, ttl: TTL, tags: ['hot'], factory: () => load(id) }),
    clear: () => cache.deleteByTag({ tags: ['hot'] }),
  }
}

/** Read and set by hand: its `wrap` has no tags. */
export const cacheable: OpenDependents = (load, count) => {
  const cache = new Cacheable({ primary: createKeyv({ lruSize: 4 * count + 100, useClone: false }), tags: true })
  return {
    async read(id) {
      const found = await cache.get<Seen>(id)
      if (found !== undefined) return found
      const loaded = await load(id)
      await cache.set(id, loaded, { ttl: TTL, tags: ['hot'] })
      return loaded
    },
    clear: () => cache.tags.invalidateTag('hot'),
  }
}

export const layeredLoader: OpenDependents = (load, count, port) => {
  const loader = new GroupLoader<Seen>({
    ...(port === undefined
      ? { inMemoryCache: { ttlInMsecs: TTL, maxItemsPerGroup: count + 1 } }
      : { asyncCache: new RedisGroupCache<Seen>(new Redis(port), { json: true, ttlInMsecs: TTL, groupTtlInMsecs: TTL, prefix: 'll' }) }),
    dataSources: [{ name: 'source', getFromGroup: load, getManyFromGroup: (ids) => Promise.all(ids.map(load)) }],
  })
  return { read: (id) => loader.get(id, 'hot'), clear: () => loader.invalidateCacheForGroup('hot') }
}
