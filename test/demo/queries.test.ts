import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../demo/database.ts'
import { readFilms } from '../../demo/dataset.ts'
import * as queries from '../../demo/queries.ts'

let database: Database
const records = await readFilms()

beforeAll(async () => {
  database = await openDatabase()
})

beforeEach(() => database.run('TRUNCATE film_demo.ratings'))

afterAll(() => database.close())

test('a film is joined with its genre, its director and its ratings', async () => {
  await queries.rate(database, 1139, 5)
  await queries.rate(database, 1139, 4)
  const film = await queries.film(database, 1139)
  const { released, genre, director, world_gross: worldGross } = records[1138]!
  expect(film).toMatchObject({
    id: 1139,
    released,
    year: Number(released.slice(0, 4)),
    genre,
    director,
    worldGross,
    ratings: { count: 2, mean: 4.5 },
  })
})

test('a film that is not there is undefined, and so is a rating of it', async () => {
  expect(await queries.film(database, 9999)).toBeUndefined()
  expect(await queries.rate(database, 9999, 5)).toBeUndefined()
})

async function idsOf(listing: queries.Listing): Promise<readonly number[]> {
  return (await queries.found(database, listing)).ids
}

describe('a list', () => {
  test('has pages that follow each other and come to an end', async () => {
    const last = Math.ceil(3201 / queries.pageSize)
    const first = await queries.found(database, { sort: 'title', page: 1 })
    expect(first).toMatchObject({ total: 3201 })
    const pages = await Promise.all(Array.from({ length: last }, (_, index) => idsOf({ sort: 'title', page: index + 1 })))
    expect(new Set(pages.flat()).size).toBe(3201)
    expect(await queries.found(database, { sort: 'title', page: last + 1 })).toEqual({ total: 3201, ids: [] })
  })

  test.each([
    { genre: 'Western' },
    { year: 1994 },
    { genre: 'Drama', year: 1994 },
    { genre: null, year: 1944 },
    { genre: 'Western', year: 1944 },
  ])('holds the films that %j names', async (filter) => {
    const wanted = records.filter(
      (film) =>
        (filter.genre === undefined || film.genre === filter.genre) &&
        (filter.year === undefined || film.released.startsWith(`${filter.year}-`)),
    )
    const { total, ids } = await queries.found(database, { ...filter, sort: 'title', page: 1 })
    expect(total).toBe(wanted.length)
    expect(wanted.map((film) => film.id)).toEqual(expect.arrayContaining([...ids]))
  })

  test('by rating begins with the best mean, then the most ratings, and ends with what nobody rated', async () => {
    await queries.rate(database, 10, 4)
    await queries.rate(database, 20, 5)
    await queries.rate(database, 30, 4)
    await queries.rate(database, 30, 4)
    expect((await idsOf({ sort: 'rating', page: 1 })).slice(0, 3)).toEqual([20, 30, 10])
  })

  test('by gross begins with the highest', async () => {
    const [first] = await idsOf({ sort: 'gross', page: 1 })
    expect((await queries.film(database, first!))?.title).toBe('Avatar')
  })
})

describe('a genre', () => {
  test('sums its films, each once however often it was rated', async () => {
    const film = records.find((record) => record.genre === 'Western')!
    for (const stars of [5, 5, 2]) await queries.rate(database, film.id, stars)
    const westerns = records.filter((record) => record.genre === 'Western')
    expect(await queries.genreSummary(database, 'Western')).toMatchObject({
      count: westerns.length,
      worldGross: westerns.reduce((sum, western) => sum + (western.world_gross ?? 0), 0),
      ratings: { count: 3, mean: 4 },
    })
  })

  test('may be none, so that every film is in one', async () => {
    const names = [...(await queries.genreNames(database)), null]
    const counts = await Promise.all(names.map(async (name) => (await queries.genreSummary(database, name)).count))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3201)
  })
})

test('a director has their films, the newest first, and the mean of their ratings', async () => {
  const films = records.filter((record) => record.director === 'David Fincher').toSorted((a, b) => b.released.localeCompare(a.released))
  await queries.rate(database, films[0]!.id, 3)
  await queries.rate(database, films[1]!.id, 4)
  const found = await queries.director(database, 'David Fincher')
  expect(found).toMatchObject({ count: films.length, ratings: { count: 2, mean: 3.5 }, ids: films.map((film) => film.id) })
  expect(await queries.director(database, 'Nobody')).toBeUndefined()
})
