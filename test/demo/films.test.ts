import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../demo/database.ts'
import { newFilms, type Films } from '../../demo/films.ts'
import type { Listing } from '../../demo/queries.ts'
import { createCache, type Cache } from '../../src/index.ts'

let database: Database
let cache: Cache
let films: Films

beforeAll(async () => {
  database = await openDatabase()
})

beforeEach(async () => {
  await database.run('TRUNCATE film_demo.ratings')
  cache = createCache({ redis: false })
  films = newFilms(cache, database)
  return () => cache.close()
})

afterAll(() => database.close())

async function rate(id: number, stars: number): Promise<void> {
  const rated = await films.rate(id, stars)
  await cache.clear(...films.changedBy(rated!))
}

// Avatar is an Action film of 2009 by James Cameron, and so is Titanic by him, of 1997 and no Action film.
const avatar = 1235
const titanic = 2971
// A Comedy of 2001, and the last by title.
const zoolander = 3195

const titles = { sort: 'title', page: 1 } as const
const rated = { sort: 'rating', page: 1 } as const

describe('after a rating', () => {
  test('its film is read anew, and other films are still there', async () => {
    const [before] = await Promise.all([films.getFilm(avatar), films.getFilm(titanic)])
    await rate(avatar, 5)
    expect(await films.getFilm.peek(avatar)).toBeUndefined()
    expect(await films.getFilm.peek(titanic)).toMatchObject({ title: 'Titanic' })
    expect(await films.getFilm(avatar)).toEqual({ ...before, ratings: { count: 1, mean: 5 } })
  })

  test('the lists that hold it fall, and those that do not stay', async () => {
    const holding: Listing[] = [
      { sort: 'gross', page: 1 },
      { sort: 'gross', page: 1, genre: 'Action' },
      { sort: 'gross', page: 1, genre: 'Action', year: 2009 },
    ]
    const others: Listing[] = [
      { sort: 'gross', page: 2 },
      { sort: 'gross', page: 1, genre: 'Drama' },
      { sort: 'gross', page: 1, year: 1997 },
    ]
    await Promise.all([...holding, ...others].map((listing) => films.listFilms(listing)))
    await rate(avatar, 5)
    for (const listing of holding) expect(await films.listFilms.peek(listing)).toBeUndefined()
    for (const listing of others) expect(await films.listFilms.peek(listing)).toBeDefined()
  })

  test('a list that is made anew reads the rated film and no other', async () => {
    await films.listFilms({ sort: 'gross', page: 1 })
    await rate(avatar, 5)
    const before = cache.stats().functions['film']!.loads
    await films.listFilms({ sort: 'gross', page: 1 })
    expect(cache.stats().functions['film']!.loads - before).toBe(1)
    expect(cache.stats().functions['found films']!.loads).toBe(1)
  })

  test('lists by rating that it can have a place in fall, though it was on none of their pages', async () => {
    const itsOwn: Listing[] = [rated, { ...rated, genre: 'Comedy' }, { ...rated, year: 2001 }, { ...rated, genre: 'Comedy', year: 2001 }]
    const others: Listing[] = [
      { ...rated, genre: 'Drama' },
      { ...rated, year: 1997 },
      { ...rated, genre: 'Comedy', year: 1997 },
      { ...rated, genre: null },
    ]
    const pages = await Promise.all([...itsOwn, ...others].map((listing) => films.listFilms(listing)))
    expect(pages.flatMap((page) => page.films.map((film) => film.id))).not.toContain(zoolander)
    await rate(zoolander, 5)
    for (const listing of itsOwn) expect(await films.listFilms.peek(listing)).toBeUndefined()
    for (const listing of others) expect(await films.listFilms.peek(listing)).toBeDefined()
    expect((await films.listFilms(rated)).films[0]).toMatchObject({ id: zoolander, ratings: { count: 1, mean: 5 } })
  })

  test('its genre is summed anew and the other genres are not', async () => {
    await films.genres()
    const before = cache.stats().functions['genre']!.loads
    await rate(avatar, 4)
    const genres = await films.genres()
    expect(genres.filter((genre) => genre.ratings.count > 0)).toMatchObject([{ genre: 'Action', ratings: { count: 1, mean: 4 } }])
    expect(cache.stats().functions['genre']!.loads - before).toBe(1)
  })

  test('a film without a genre changes the figures of those without one', async () => {
    await films.genres()
    await rate(17, 3)
    expect((await films.genres()).at(-1)).toMatchObject({ genre: null, ratings: { count: 1, mean: 3 } })
  })

  test('its director falls, and other directors stay', async () => {
    await Promise.all([films.director('James Cameron'), films.director('David Fincher')])
    await rate(titanic, 2)
    expect(await films.director.peek('David Fincher')).toBeDefined()
    expect(await films.director('James Cameron')).toMatchObject({ ratings: { count: 1, mean: 2 } })
  })
})

test('whatever is rated, what the cache says is what the database says', async () => {
  const ids = [17, 20, avatar, titanic, 1139]
  const asked = (of: Films) =>
    Promise.all([
      ...ids.map((id) => of.getFilm(id)),
      ...[titles, rated, { ...rated, year: 1997 }, { ...rated, genre: 'Action' }, { ...titles, genre: null, year: 1944 }].map((each) =>
        of.listFilms(each),
      ),
      of.genres(),
      of.director('James Cameron'),
    ])
  for (const [round, id] of [...ids, ...ids.toReversed()].entries()) {
    await asked(films)
    await rate(id, 1 + (round % 5))
    await using unused = createCache({ redis: false })
    expect(await asked(films)).toEqual(await asked(newFilms(unused, database)))
  }
})
