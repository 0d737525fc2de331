// Knows this package as it is measured: in memory, with its defaults, and a function that calls three others.
import { createCache, type Cache } from '../dist/src/index.js'
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

/** A function whose result is computed from calls of so many others, each of an argument that `partOf` makes of its own. */
export function ownOfParts(load: Source['load'], { parts, partOf, limit = LIMIT }: Parts): (id: string) => Promise<Value> {
  const cache = createCache({ redis: false })
  const others = Array.from({ length: parts }, (_, index) => cache.memoize(load, { name: `part${index}` }))
  return cache.memoize(
    async (id: string) => {
      for (const other of others) await other(partOf(id))
      return await load(id)
    },
    { name: 'whole', limit },
  )
}

export interface Parts {
  readonly parts: number
  readonly limit?: number
  partOf(id: string): string
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

/** The same, synchronous throughout. */
export function ownSync(source: Source): (id: string) => Value {
  const cache = createCache({ redis: false })
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

function partsOf(source: Source, cache: Cache) {
  return {
    nameOf: cache.memoize(async (id: string) => (await source.load(id)).name, { name: 'name' }),
    tagsOf: cache.memoize(async (id: string) => (await source.load(id)).tags, { name: 'tags' }),
    isActive: cache.memoize(async (id: string) => (await source.load(id)).id === id, { name: 'active' }),
  }
}
