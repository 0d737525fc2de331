// What happens where compression or a session is mounted inside a cached route, and not around it.
import compression from 'compression'
import express from 'express'
import session from 'express-session'
import { expect, test } from 'vitest'
import { cached } from '../../middleware/express.ts'
import { openCache } from '../../src/cache.ts'
import { newWarnings, statusOf } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { ask, serve } from '../support/http.ts'

test('compression inside gives no client a coding that it did not ask for', async () => {
  const cache = openCache({ redis: false }, newClock().now)
  const warnings = newWarnings()
  const app = express()
  app.get('/', cached(cache), compression({ threshold: 0 }), (_req, res) => void res.send('abc'.repeat(1000)))
  await using server = await serve(app)
  for (const coding of ['gzip', 'identity', undefined, 'gzip', 'br', 'identity']) {
    const reply = await ask(server.port, '/', coding === undefined ? {} : { headers: { 'accept-encoding': coding } })
    const expected = coding === 'identity' ? undefined : coding
    expect([coding, reply.headers['content-encoding']]).toEqual([coding, expected])
    if (expected === undefined) expect(reply.text).toBe('abc'.repeat(1000))
  }
  warnings.stop()
  await cache.close()
})

test('a session inside gives no client the cookie of another', async () => {
  const cache = openCache({ redis: false }, newClock().now)
  const warnings = newWarnings()
  const app = express()
  const sessions = session({ secret: 'a', resave: false, saveUninitialized: true })
  app.get('/', cached(cache), sessions, (_req, res) => void res.send('a'))
  await using server = await serve(app)
  const replies = [await ask(server.port, '/'), await ask(server.port, '/')]
  expect(new Set(replies.map((reply) => reply.headers['set-cookie'])).size).toBe(2)
  for (const reply of replies) expect(statusOf(reply)).not.toMatch(/stored|hit/)
  warnings.stop()
  await cache.close()
})
