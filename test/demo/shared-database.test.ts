import { expect, test } from 'vitest'
import { openDatabase } from '../../demo/database.ts'
import * as queries from '../../demo/queries.ts'
import { shareDatabase } from '../../demo/shared-database.ts'

test('processes that ask at once are each answered what they asked, and see what the others wrote', async () => {
  const shared = await shareDatabase()
  const [one, other] = [await openDatabase(shared.url), await openDatabase(shared.url)]

  const ids = Array.from({ length: 100 }, (_, index) => index + 1)
  const asked = ids.flatMap((id) => [queries.film(one, id), queries.rate(other, id, 1 + (id % 5)), queries.film(other, id)])
  const answered = (await Promise.all(asked)).map((answer) => (answer && 'film' in answer ? answer.film : answer?.id))
  expect(answered).toEqual(ids.flatMap((id) => [id, id, id]))
  expect((await queries.film(one, 100))?.ratings).toEqual({ count: 1, mean: 1 })

  await Promise.all([one.close(), other.close()])
  await shared.close()
})

test('a statement that fails leaves the next one alone', async () => {
  const shared = await shareDatabase()
  const database = await openDatabase(shared.url)
  await expect(database.query('SELECT $1::integer', ['one'])).rejects.toThrow(/integer/)
  await expect(queries.rate(database, 17, 6)).rejects.toThrow(/ratings_stars_check/)
  expect(await queries.film(database, 17)).toMatchObject({ ratings: { count: 0 } })
  await database.close()
  await shared.close()
})
