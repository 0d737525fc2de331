// The database: an embedded Postgres, or a Postgres server, with the films in it.

import { readFile } from 'node:fs/promises'
import type { PGlite } from '@electric-sql/pglite'
import { readFilms } from './dataset.ts'

/** A Postgres, wherever it runs. */
export interface Database {
  /** Runs one statement; its values travel beside it, as `$1`, `$2` and so on. */
  query<Row>(statement: string, values?: readonly unknown[]): Promise<Row[]>
  /** Runs statements without values, one after the other. */
  run(script: string): Promise<void>
  close(): Promise<void>
}

/** Opens the Postgres server at `url`, or an embedded one in memory, and sees to it that the films are there. */
export async function openDatabase(url?: string): Promise<Database> {
  const database = url === undefined ? embedded(await newPostgres()) : await server(url)
  await load(database)
  return database
}

/** Starts an empty Postgres in this process. It lives in memory and ends with the process. */
export async function newPostgres(): Promise<PGlite> {
  // Half of what the demo installs: a process that has a DATABASE_URL never loads it.
  const { PGlite } = await import('@electric-sql/pglite')
  return PGlite.create()
}

/** A Postgres in this process, as a `Database`. */
export function embedded(postgres: PGlite): Database {
  return {
    query: async <Row>(statement: string, values: readonly unknown[] = []) => (await postgres.query<Row>(statement, [...values])).rows,
    run: async (script) => void (await postgres.exec(script)),
    close: () => postgres.close(),
  }
}

async function server(url: string): Promise<Database> {
  const { Pool } = await import('pg').then((module) => module.default)
  const pool = new Pool({ connectionString: url, max: 4 })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => console.error(`The database dropped a connection: ${error.message}`))

  return {
    query: async <Row>(statement: string, values: readonly unknown[] = []) => (await pool.query(statement, [...values])).rows as Row[],
    run: async (script) => void (await pool.query(script)),
    close: () => pool.end(),
  }
}

/** Creates the tables where they are missing and fills them where they are empty. */
export async function load(database: Database): Promise<void> {
  await database.run(await readFile(new URL('schema.sql', import.meta.url), 'utf8'))
  const [filled] = await database.query('SELECT 1 FROM film_demo.films LIMIT 1')
  if (!filled) await database.query(fill, [JSON.stringify(await readFilms())])
}

/** What tells this database from every other that was filled. */
export async function editionOf(database: Database): Promise<string> {
  const [edition] = await database.query<{ id: string }>('SELECT id FROM film_demo.edition')
  return edition!.id
}

// One statement, so all of it or nothing: 3,201 films travel as one value.
const fill = `
  WITH given AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS film (
      id integer, title text, released date, genre text, director text, distributor text, source text, style text, mpaa text,
      minutes integer, budget bigint, us_gross bigint, world_gross bigint, tomatoes integer, imdb numeric, imdb_votes integer
    )
  ), edition AS (
    INSERT INTO film_demo.edition DEFAULT VALUES
  ), genre AS (
    INSERT INTO film_demo.genres (name) SELECT DISTINCT genre FROM given WHERE genre IS NOT NULL ORDER BY genre RETURNING id, name
  ), director AS (
    INSERT INTO film_demo.directors (name) SELECT DISTINCT director FROM given WHERE director IS NOT NULL ORDER BY director RETURNING id, name
  )
  INSERT INTO film_demo.films (
    id, title, released, genre_id, director_id, distributor, source, style, mpaa,
    minutes, budget, us_gross, world_gross, tomatoes, imdb, imdb_votes
  )
  SELECT
    given.id, title, released, genre.id, director.id, distributor, source, style, mpaa,
    minutes, budget, us_gross, world_gross, tomatoes, imdb, imdb_votes
  FROM given
  LEFT JOIN genre ON genre.name = given.genre
  LEFT JOIN director ON director.name = given.director`
