// Knows this package as it is measured: in memory, with its defaults, and a function that calls three others.
import { Redis } from 'ioredis'
import { createCache, type Cache, type CacheOptions } from '../dist/src/index.js'
import { LIMIT, type Source, type Value } from './source.ts'

/** A function of the cache whose result is computed from three other cached calls. */
export function ownOf(source: Source, cache: Cache = createCache({ redis: false })): (id: string) => Promise<Value> {
  const { nameOf, tagsOf, isActive } = partsOf(source, cache)
  return cache.memoize(
    async (id: string): Promise<Value> => {
      if (!(await isActive(id))) throw new Error('not active')
      return { id, name: await nameOf(id), tags: await tagsOf(id) }
    },
    { name: 'user' },
  )
}

/** A function whose result is loaded after calls of so many others. */
export function ownOfParts<T>(load: (id: string) => Promise<T>, parts: Parts = {}): (id: string) => Promise<T> {
  const { cache = createCache({ redis: false }), count = 3, partOf = (id) => id, ...options } = parts
  const part = async (id: string) => id
  const others = Array.from({ length: count }, (_, index) => cache.memoize(part, { name: `part${index}`, ...options, limit: LIMIT }))
  const whole = async (id: string) => {
    for (const other of others) await other(partOf(id))
    return await load(id)
  }
  return cache.memoize(count === 0 ? load : whole, { name: 'whole', ...options })
}

export interface Parts {
  readonly cache?: Cache
  /** @default 3 */
  readonly count?: number
  /** The argument of these calls. @default its own */
  partOf?(id: string): string
  readonly limit?: number
  readonly store?: 'memory' | 'redis' | 'tiered'
  readonly codec?: 'structured' | 'json'
}

/** The same as `ownOf` of a function that takes an object of three properties. */
export function ownOfFilter(source: Source): (filter: Filter) => Promise<Value> {
  const cache = createCache({ redis: false })
  const { nameOf, tagsOf, isActive } = partsOf(source, cache)
  const find = cache.memoize(
    async ({ author }: Filter): Promise<Value> => {
      if (!(await isActive(author))) throw new Error('not active')
      return { id: author, name: await nameOf(author), tags: await tagsOf(author) }
    },
    { name: 'find' },
  )
  return ({ author, page, sort }) => find({ author, page, sort })
}

/** The same, synchronous throughout. `ttl`: how long its results are fresh, where that is not the default. */
export function ownSync(source: Source, ttl?: number): (id: string) => Value {
  const cache = createCache({ redis: false, ...(ttl !== undefined && { ttl }) })
  const nameOf = cache.memoizeSync((id: string) => source.loadSync(id).name, { name: 'name' })
  const tagsOf = cache.memoizeSync((id: string) => source.loadSync(id).tags, { name: 'tags' })
  const isActive = cache.memoizeSync((id: string) => source.loadSync(id).id === id, { name: 'active' })
  return cache.memoizeSync(
    (id: string): Value => {
      if (!isActive(id)) throw new Error('not active')
      return { id, name: nameOf(id), tags: tagsOf(id) }
    },
    { name: 'user' },
  )
}

/** Arguments as an object. */
export interface Filter {
  readonly author: string
  readonly page: number
  readonly sort: string
}

/** A client of the ioredis that others use here too, which is not the one whose types this package was built with. */
export function clientOf(port: number): NonNullable<CacheOptions['redis']> {
  return new Redis(port) as unknown as NonNullable<CacheOptions['redis']>
}

function partsOf(source: Source, cache: Cache) {
  return {
    nameOf: cache.memoize(async (id: string) => (await source.load(id)).name, { name: 'name' }),
    tagsOf: cache.memoize(async (id: string) => (await source.load(id)).tags, { name: 'tags' }),
    isActive: cache.memoize(async (id: string) => (await source.load(id)).id === id, { name: 'active' }),
  }
}
