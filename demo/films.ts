// The films as cached functions, and what a rating changes of them.

import type { Cache, CachedFunction, Ref } from '../src/index.ts'
import type { Database } from './database.ts'
import * as queries from './queries.ts'
import { pageSize, type Film, type Filter, type Listing, type Rated, type Summary } from './queries.ts'

/** A page of a list, with the films on it. */
export interface FilmPage {
  readonly total: number
  readonly page: number
  readonly pages: number
  readonly films: readonly Film[]
}

/** A genre (null: films without one) in figures. */
export interface Genre extends Summary {
  readonly genre: string | null
}

/** A director and their films. */
export interface Director extends Summary {
  readonly name: string
  readonly films: readonly Film[]
}

/** The demo's data access. */
export interface Films {
  getFilm: CachedFunction<(id: number) => Promise<Film | undefined>>
  listFilms: CachedFunction<(listing: Listing) => Promise<FilmPage>>
  genreNames: CachedFunction<() => Promise<string[]>>
  genres: CachedFunction<() => Promise<Genre[]>>
  director: CachedFunction<(name: string) => Promise<Director | undefined>>
  /** Stores a rating; undefined when there is no such film. Whoever calls it clears `changedBy` the rating. */
  rate(film: number, stars: number): Promise<Rated | undefined>
  /** What a rating changes: its film, and what is counted or ordered by the ratings of films like it. */
  changedBy(rated: Rated): Ref[]
}

/** Data access to `database` through `cache`. */
export function newFilms(cache: Cache, database: Database): Films {
  // Of the ratings of many films. A rating has a genre and a year; what was computed from those of a genre depends on the ref that names
  // that genre, those of a genre and a year on the one that names both, those of all films on the one that names nothing.
  const ratingsOf = (films: Filter): Ref => cache.ref('ratings', films)

  const getFilm = cache.memoize((id: number) => queries.film(database, id), { name: 'film' })

  // Each film is a call of its own, so whatever lists it depends on it; and all but the rated one are still there when a list is made anew.
  const getFilms = async (ids: readonly number[]): Promise<Film[]> =>
    (await Promise.all(ids.map((id) => getFilm(id)))).filter((film) => film !== undefined)

  // No rating changes which films a list has or their order, unless that is their order.
  const findFilms = cache.memoize((listing: Listing) => queries.found(database, listing), {
    name: 'found films',
    dependsOn: ({ sort, page: _, ...films }) => (sort === 'rating' ? [ratingsOf(films)] : []),
  })

  const listFilms = cache.memoize(
    async (listing: Listing): Promise<FilmPage> => {
      const { total, ids } = await findFilms(listing)
      return { total, page: listing.page, pages: Math.ceil(total / pageSize), films: await getFilms(ids) }
    },
    { name: 'films' },
  )

  const genreNames = cache.memoize(() => queries.genreNames(database), { name: 'genre names' })

  const genre = cache.memoize(
    async (genre: string | null): Promise<Genre> => ({ genre, ...(await queries.genreSummary(database, genre)) }),
    {
      name: 'genre',
      dependsOn: (genre) => [ratingsOf({ genre })],
    },
  )

  const genres = cache.memoize(async () => Promise.all([...(await genreNames()), null].map((name) => genre(name))), { name: 'genres' })

  // The ratings that a director's figures are made of are those of the films that are listed, so nothing is declared.
  const director = cache.memoize(
    async (name: string): Promise<Director | undefined> => {
      const found = await queries.director(database, name)
      if (!found) return undefined
      const { ids, ...figures } = found
      return { name, ...figures, films: await getFilms(ids) }
    },
    { name: 'director' },
  )

  return {
    getFilm,
    listFilms,
    genreNames,
    genres,
    director,
    rate: (film, stars) => queries.rate(database, film, stars),
    changedBy: ({ film, genre, year }) => [getFilm.ref(film), ratingsOf({ genre, year })],
  }
}
