// What is asked of the database, and the shape of its answers. Nothing here knows that there is a cache.

import type { Database } from './database.ts'

/** What visitors of the demo gave: how many ratings, and their mean in stars. */
export interface Ratings {
  readonly count: number
  readonly mean: number | null
}

/** A film with its ratings. What is not known is null; money is in US dollars. */
export interface Film {
  readonly id: number
  readonly title: string
  readonly released: string
  readonly year: number
  readonly genre: string | null
  readonly director: string | null
  readonly distributor: string | null
  readonly source: string | null
  readonly style: string | null
  readonly mpaa: string | null
  readonly minutes: number | null
  readonly budget: number | null
  readonly usGross: number | null
  readonly worldGross: number | null
  readonly tomatoes: number | null
  readonly imdb: number | null
  readonly imdbVotes: number | null
  readonly ratings: Ratings
}

/** Which films: all, or those of a genre (null: those without one), of a year, or both. */
export interface Filter {
  readonly genre?: string | null
  readonly year?: number
}

/** The orders that a list can have; all but `title` begin with the greatest. */
export const sorts = ['gross', 'rating', 'imdb', 'year', 'title'] as const

/** A page of the films in an order. Pages count from 1. */
export interface Listing extends Filter {
  readonly sort: (typeof sorts)[number]
  readonly page: number
}

/** How many films a page holds. */
export const pageSize = 24

/** The ids on a page, and how many films there are on all. */
export interface Found {
  readonly total: number
  readonly ids: readonly number[]
}

/** What is summed over films. */
export interface Summary {
  readonly count: number
  readonly worldGross: number | null
  readonly imdb: number | null
  readonly ratings: Ratings
}

/** A rating that was given, and where its film stands. */
export interface Rated {
  readonly film: number
  readonly stars: number
  readonly genre: string | null
  readonly year: number
}

/** The film of this number. */
export async function film(database: Database, id: number): Promise<Film | undefined> {
  const [row] = await database.query<Film>(
    `SELECT
       film.id, film.title, film.released::text AS released, film.year, genre.name AS genre, director.name AS director,
       film.distributor, film.source, film.style, film.mpaa, film.minutes, film.budget::float8 AS budget,
       film.us_gross::float8 AS "usGross", film.world_gross::float8 AS "worldGross",
       film.tomatoes, film.imdb::float8 AS imdb, film.imdb_votes AS "imdbVotes",
       json_build_object('count', count(rating.stars), 'mean', round(avg(rating.stars), 2)) AS ratings
     FROM film_demo.films film
     LEFT JOIN film_demo.genres genre ON genre.id = film.genre_id
     LEFT JOIN film_demo.directors director ON director.id = film.director_id
     LEFT JOIN film_demo.ratings rating ON rating.film_id = film.id
     WHERE film.id = $1
     GROUP BY film.id, genre.id, director.id`,
    [id],
  )
  return row
}

// Each film's ratings, summed before they are joined: a film with three is not three films.
const withRatings = `
  LEFT JOIN (
    SELECT film_id, count(*) AS count, sum(stars) AS stars, avg(stars) AS mean FROM film_demo.ratings GROUP BY film_id
  ) rated ON rated.film_id = film.id`

const orders: Readonly<Record<Listing['sort'], string>> = {
  gross: 'film.world_gross DESC NULLS LAST',
  rating: 'rated.mean DESC NULLS LAST, rated.count DESC NULLS LAST',
  imdb: 'film.imdb DESC NULLS LAST, film.imdb_votes DESC NULLS LAST',
  year: 'film.released DESC',
  title: 'film.title',
}

/** Which films are on a page. */
export async function found(database: Database, { genre, year, sort, page }: Listing): Promise<Found> {
  const [row] = await database.query<Found>(
    `SELECT
       count(*)::integer AS total,
       coalesce((array_agg(film.id ORDER BY ${orders[sort]}, film.title, film.id))[$4::integer : $5::integer], '{}') AS ids
     FROM film_demo.films film
     LEFT JOIN film_demo.genres genre ON genre.id = film.genre_id ${sort === 'rating' ? withRatings : ''}
     WHERE (NOT $1::boolean OR genre.name IS NOT DISTINCT FROM $2::text)
       AND ($3::integer IS NULL OR film.year = $3::integer)`,
    [genre !== undefined, genre ?? null, year ?? null, (page - 1) * pageSize + 1, page * pageSize],
  )
  return row ?? { total: 0, ids: [] }
}

/** The names of all genres. */
export async function genreNames(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>('SELECT name FROM film_demo.genres ORDER BY name')
  return rows.map(({ name }) => name)
}

const summed = `
  count(*)::integer AS count, sum(film.world_gross)::float8 AS "worldGross", round(avg(film.imdb), 1)::float8 AS imdb,
  json_build_object('count', coalesce(sum(rated.count), 0), 'mean', round(sum(rated.stars) / sum(rated.count), 2)) AS ratings`

/** The films of a genre, or those without one, in figures. */
export async function genreSummary(database: Database, genre: string | null): Promise<Summary> {
  const [row] = await database.query<Summary>(
    `SELECT ${summed}
     FROM film_demo.films film
     LEFT JOIN film_demo.genres genre ON genre.id = film.genre_id ${withRatings}
     WHERE genre.name IS NOT DISTINCT FROM $1::text`,
    [genre],
  )
  return row ?? { count: 0, worldGross: null, imdb: null, ratings: { count: 0, mean: null } }
}

/** A director's films, the newest first, and their figures. */
export async function director(database: Database, name: string): Promise<(Summary & { ids: readonly number[] }) | undefined> {
  const [row] = await database.query<Summary & { ids: readonly number[] }>(
    `SELECT ${summed}, array_agg(film.id ORDER BY film.released DESC, film.id) AS ids
     FROM film_demo.directors director
     JOIN film_demo.films film ON film.director_id = director.id ${withRatings}
     WHERE director.name = $1
     GROUP BY director.id`,
    [name],
  )
  return row
}

/** Stores a rating; undefined when there is no such film. */
export async function rate(database: Database, film: number, stars: number): Promise<Rated | undefined> {
  const [row] = await database.query<Rated>(
    `WITH rated AS (
       INSERT INTO film_demo.ratings (film_id, stars) SELECT id, $2 FROM film_demo.films WHERE id = $1 RETURNING film_id, stars
     )
     SELECT rated.film_id AS film, rated.stars, genre.name AS genre, film.year
     FROM rated
     JOIN film_demo.films film ON film.id = rated.film_id
     LEFT JOIN film_demo.genres genre ON genre.id = film.genre_id`,
    [film, stars],
  )
  return row
}
