// Transactions of the cache around those of a real database.
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createCache } from '../src/index.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

let database: PGlite
let redis: RedisServer

beforeAll(async () => {
  database = await PGlite.create()
  await database.exec('create table users (id text primary key, name text not null)')
  redis = await startRedis()
})
afterAll(async () => {
  await database.close()
  await redis.stop()
})
beforeEach(async () => {
  await database.exec(`delete from users; insert into users values ('42', 'Ada')`)
})

let prefixes = 0

function newUsers() {
  const cache = createCache({ redis: redis.url, prefix: `transaction-${++prefixes}`, commandTimeout: 10_000 })
  const getUser = cache.memoize(
    async (id: string) => (await database.query<{ name: string }>('select name from users where id = $1', [id])).rows[0]?.name,
    {
      name: 'user',
    },
  )
  const greeting = cache.memoize(async (id: string) => `Hello ${await getUser(id)}`, { name: 'greeting' })
  const rename = (id: string, name: string, check: () => void) =>
    cache.transaction(() =>
      database.transaction(async (sql) => {
        await sql.query('update users set name = $1 where id = $2', [name, id])
        await getUser.clear(id)
        check()
        return name
      }),
    )
  return { cache, getUser, greeting, rename }
}

test('what a committed transaction wrote is read after it', async () => {
  const { cache, greeting, rename } = newUsers()
  expect(await greeting('42')).toBe('Hello Ada')
  expect(await rename('42', 'Grace', () => undefined)).toBe('Grace')
  expect(await greeting('42')).toBe('Hello Grace')
  await cache.close()
})

test('a transaction that rolls back clears nothing, and leaves nothing of what it wrote in the cache', async () => {
  const { cache, getUser, greeting, rename } = newUsers()
  await greeting('42')
  const failed = rename('42', 'Grace', () => {
    throw new Error('not allowed')
  })
  await expect(failed).rejects.toThrow('not allowed')
  expect(await greeting('42')).toBe('Hello Ada')
  expect(getUser.stats().loads).toBe(1)
  expect(greeting.stats().loads).toBe(1)
  await cache.close()
})
