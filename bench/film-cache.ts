// Knows this package's part of an application: a cache, and three cached functions that a page is made of.
import { createCache, type Cache } from '../dist/src/index.js'
import { pageOf, type FilmPage } from './films.ts'

/** A cache with the functions that a page reads, one call of each. */
export interface FilmCache {
  readonly cache: Cache
  page(id: string): Promise<FilmPage>
  /** Clears what depends on this film. */
  clear(id: string): Promise<void>
}

/** In this process, or with Redis at a port. */
export function filmCache(redisPort?: number): FilmCache {
  const cache = createCache({ redis: redisPort === undefined ? false : `redis://127.0.0.1:${redisPort}` })
  const getFilm = cache.memoize(async (id: string) => pageOf(id).film, { name: 'film' })
  const getRatings = cache.memoize(async (id: string) => pageOf(id).ratings, { name: 'ratings' })
  const getCast = cache.memoize(async (id: string) => pageOf(id).cast, { name: 'cast' })
  return {
    cache,
    page: async (id) => ({ film: await getFilm(id), ratings: await getRatings(id), cast: await getCast(id) }),
    clear: (id) => getFilm.clear(id),
  }
}
