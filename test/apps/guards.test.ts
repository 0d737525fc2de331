// What becomes of layers that guard, count or log requests and are mounted inside a cached route, where a hit would never reach them.
import { createRequire } from 'node:module'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import express5, { type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import { rateLimit } from 'express-rate-limit'
import jwt from 'jsonwebtoken'
import Koa3, { type Middleware } from 'koa'
import jwtOfKoa from 'koa-jwt'
import morganOfKoa from 'koa-morgan'
import loggerOfKoa from 'koa-pino-logger'
import ratelimit from 'koa-ratelimit'
import morgan from 'morgan'
import passport from 'passport'
import bearer from 'passport-http-bearer'
import pino from 'pino'
import { pinoHttp } from 'pino-http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cached } from '../../middleware/express.ts'
import { cached as cachedInKoa } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { HIT, newWarnings, refused, statusOf, STORED, type Warnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { ask, serve, type TestServer } from '../support/http.ts'
import { SECRET } from './suite.ts'

const load = createRequire(import.meta.url)

interface World {
  readonly name: string
  /** Layers by what they do. */
  readonly layers: Readonly<Record<'auth' | 'limit' | 'parser' | 'log' | 'pino', (log: (line: string) => void) => unknown>>
  /** Serves "/" with a layer inside its cached route. */
  open(cache: Cache, layer: unknown): Promise<TestServer>
}

function worldOfExpress(name: string, express: typeof express5, isPassport: boolean): World {
  const pass = new passport.Passport()
  pass.use(new bearer.Strategy((token, done) => done(null, { id: token })))
  return {
    name,
    layers: {
      auth: () => (isPassport ? pass.authenticate('bearer', { session: false }) : expressjwt({ secret: SECRET, algorithms: ['HS256'] })),
      limit: () => rateLimit({ limit: 3, validate: false }),
      parser: () => [express.json(), express.urlencoded({ extended: true })],
      log: (write) => morgan('combined', { stream: { write } }),
      pino: (write) => pinoHttp({ logger: pino({}, { write }) }),
    },
    open(cache, layer) {
      const app = express().set('env', 'test')
      app.get('/', cached(cache), layer as RequestHandler, (_req, res) => void res.send('page'))
      return serve(app)
    },
  }
}

function worldOfKoa(name: string, Koa: typeof Koa3): World {
  return {
    name,
    layers: {
      auth: () => jwtOfKoa({ secret: SECRET }),
      limit: () => ratelimit({ driver: 'memory', db: new Map(), max: 3 }),
      parser: () => bodyParser(),
      log: (write) => morganOfKoa('combined', { stream: { write } }),
      pino: (write) => loggerOfKoa({}, { write }),
    },
    open(cache, layer) {
      const app = new Koa()
      app.silent = true
      const router = new Router()
      router.get('/', cachedInKoa(cache), layer as Middleware, (ctx) => void (ctx.body = 'page'))
      app.use(router.routes())
      return serve(app.callback())
    },
  }
}

const worlds = [
  worldOfExpress('Express 4', load('express4') as typeof express5, true),
  worldOfExpress('Express 5', express5, false),
  worldOfKoa('Koa 2', load('koa2') as typeof Koa3),
  worldOfKoa('Koa 3', Koa3),
]

describe.each(worlds)('inside a cached route of $name', (world) => {
  let cache: Cache
  let warnings: Warnings
  let lines: string[]
  beforeEach(() => {
    cache = openCache({ redis: false }, newClock().now)
    warnings = newWarnings()
    lines = []
  })
  afterEach(async () => {
    warnings.stop()
    await cache.close()
  })

  const open = (layer: keyof World['layers']): Promise<TestServer> =>
    world.open(
      cache,
      world.layers[layer]((line) => lines.push(line)),
    )
  const token = { authorization: `Bearer ${jwt.sign({ sub: 'ann' }, SECRET)}` }

  test('who is let in is asked each time, and who is not is told so', async () => {
    await using server = await open('auth')
    const replies = []
    for (const headers of [{}, token, {}, token, {}]) replies.push(await ask(server.port, '/', { headers }))
    expect(replies.map((reply) => reply.status)).toEqual([401, 200, 401, 200, 401])
    for (const reply of replies) expect(statusOf(reply) ?? '').not.toMatch(/stored|hit/)
    expect(warnings.texts).toEqual([expect.stringMatching(/"authorization".*`partition`/)])
  })

  test('a limit counts each request', async () => {
    await using server = await open('limit')
    const replies = []
    for (let at = 0; at < 5; at++) replies.push(await ask(server.port, '/'))
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 429, 429])
    expect(replies.slice(0, 3).map(statusOf)).toEqual(Array(3).fill(refused('unkeyed ip')))
    expect(warnings.texts).toEqual([expect.stringMatching(/"ip".*`partition`/)])
  })

  test('a parser of bodies changes nothing', async () => {
    await using server = await open('parser')
    const replies = [await ask(server.port, '/'), await ask(server.port, '/')]
    expect([replies.map(statusOf), warnings.texts]).toEqual([[STORED, HIT], []])
  })

  test.each(['log', 'pino'] as const)('a logger has each request, since it reads who asks: %s', async (layer) => {
    await using server = await open(layer)
    for (let at = 0; at < 3; at++) expect(statusOf(await ask(server.port, '/'))).toMatch(/detail="unkeyed (?:ip|headers)"/)
    expect(lines.filter((line) => line.includes('200'))).toHaveLength(3)
  })
})
