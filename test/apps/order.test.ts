// What compression, CORS, security fields and sessions do around a cached route, and what they do inside of one.
import { createRequire } from 'node:module'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import corsOfKoa from '@koa/cors'
import compression from 'compression'
import cors from 'cors'
import express5, { type RequestHandler } from 'express'
import session from 'express-session'
import helmet from 'helmet'
import Koa3, { type Context, type Middleware } from 'koa'
import compress from 'koa-compress'
import helmetOfKoa from 'koa-helmet'
import { createSession } from 'koa-session'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cached } from '../../middleware/express.ts'
import { cached as cachedInKoa } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { newWarnings, statusOf, type Warnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { ask, serve, type Reply, type TestServer } from '../support/http.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5
const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3

const TEXT = 'abc'.repeat(1000)

type Layer = 'compression' | 'cors' | 'helmet' | 'session' | 'session for all'

/** What a handler answers with. */
interface Answer {
  readonly body: string | Buffer
  readonly fields?: Readonly<Record<string, string>>
  /** Answers with what the session of its client is. */
  readonly ofSession?: boolean
}

interface World {
  readonly name: string
  /** Serves "/" by a cached route with layers around it and inside of it; a POST gives its client a session. */
  open(cache: Cache, layers: { outside?: Layer[]; inside?: Layer[] }, answer: () => Answer): Promise<TestServer>
}

const worlds: readonly World[] = [
  worldOfExpress('Express 4', express4),
  worldOfExpress('Express 5', express5),
  worldOfKoa('Koa 2', Koa2),
  worldOfKoa('Koa 3', Koa3),
]

function worldOfExpress(name: string, express: typeof express5): World {
  type Asked = { session?: { name?: string } }
  const sessions = (saveUninitialized: boolean): RequestHandler => session({ secret: 'a', resave: false, saveUninitialized })
  return {
    name,
    open(cache, { outside = [], inside = [] }, answer) {
      const ofAll: Readonly<Record<Layer, RequestHandler>> = {
        compression: compression({ threshold: 0 }),
        cors: cors({ origin: true, credentials: true }),
        helmet: helmet(),
        session: sessions(false),
        'session for all': sessions(true),
      }
      const layers = (names: Layer[]): RequestHandler[] => names.map((name) => ofAll[name])
      const app = express().set('env', 'test')
      app.post('/', ...layers([...outside, ...inside]), (req, res) => {
        ;(req as Asked).session!.name = String(req.headers['x-name'])
        res.send('in')
      })
      app.get('/', ...layers(outside), cached(cache), ...layers(inside), (req, res) => {
        const { body, fields, ofSession } = answer()
        res.set({ ...fields }).send(ofSession ? ((req as Asked).session?.name ?? 'nobody') : body)
      })
      return serve(app)
    },
  }
}

function worldOfKoa(name: string, Koa: typeof Koa3): World {
  type Asked = Context & { session: { name?: string } }
  return {
    name,
    open(cache, { outside = [], inside = [] }, answer) {
      const app = new Koa()
      app.silent = true
      app.keys = ['a']
      let count = 0
      // Each by a name of its own: its cookie is what is in it, and two of one millisecond would be the same.
      const forAll: Middleware = (ctx, next) => (((ctx as unknown as Asked).session.name ??= `new ${++count}`), next())
      const ofAll: Readonly<Record<Layer, readonly Middleware[]>> = {
        compression: [compress({ threshold: 0 })],
        cors: [corsOfKoa({ credentials: true })],
        helmet: [helmetOfKoa()],
        session: [createSession({}, app)],
        'session for all': [createSession({}, app), forAll],
      }
      for (const layer of outside.flatMap((name) => ofAll[name])) app.use(layer)
      app.use(cachedInKoa(cache, { path: '/' }))
      for (const layer of inside.flatMap((name) => ofAll[name])) app.use(layer)
      app.use((ctx) => {
        if (ctx.method === 'POST') {
          ;(ctx as unknown as Asked).session.name = ctx.get('x-name')
          ctx.body = 'in'
          return
        }
        const { body, fields, ofSession } = answer()
        ctx.set({ ...fields })
        ctx.body = ofSession ? ((ctx as unknown as Asked).session.name ?? 'nobody') : body
      })
      return serve(app.callback())
    },
  }
}

for (const world of worlds) {
  describe(world.name, () => {
    let cache: Cache
    let warnings: Warnings
    let server: TestServer | undefined
    let runs: number
    beforeEach(() => {
      cache = openCache({ redis: false }, newClock().now)
      warnings = newWarnings()
      runs = 0
    })
    afterEach(async () => {
      warnings.stop()
      await server?.close()
      await cache.close()
    })

    const open = async (layers: { outside?: Layer[]; inside?: Layer[] }, answer: Answer = { body: TEXT }): Promise<void> => {
      server = await world.open(cache, layers, () => (runs++, answer))
    }
    const get = (headers: Record<string, string> = {}): Promise<Reply> => ask(server!.port, '/', { headers })
    const login = async (name: string): Promise<{ cookie: string }> => {
      const { rawHeaders } = await ask(server!.port, '/', { method: 'POST', headers: { 'x-name': name } })
      const lines = rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === 'set-cookie')
      return { cookie: lines.map((line) => line.split(';', 1)[0]!).join('; ') }
    }
    const hits = (replies: readonly Reply[]): number => replies.filter((reply) => statusOf(reply)?.endsWith(';hit')).length

    const clients = ['gzip', 'identity', undefined, 'gzip', 'br', 'identity', 'gzip, br', undefined]
    /** Asks as clients of all kinds do: each gets the text, in a coding that it asked for or none. */
    async function byAllClients(): Promise<Reply[]> {
      const replies: Reply[] = []
      for (const accepts of clients) {
        const reply = await get(accepts === undefined ? {} : { 'accept-encoding': accepts })
        const coding = reply.headers['content-encoding'] ?? 'identity'
        expect([accepts, ...(accepts ?? 'identity').split(', ')]).toContain(coding)
        expect(decoded(reply)).toBe(TEXT)
        expect(reply.headers['vary']).toMatch(/accept-encoding/i)
        replies.push(reply)
      }
      return replies
    }

    describe('outside a cached route', () => {
      test('compression gives each client its coding of one entry', async () => {
        await open({ outside: ['compression'] })
        expect([hits(await byAllClients()), runs, warnings.texts]).toEqual([clients.length - 1, 1, []])
      })

      test('CORS and security fields are their own on each answer', async () => {
        await open({ outside: ['cors', 'helmet'] })
        const replies = [await get({ origin: 'https://a.test' }), await get({ origin: 'https://b.test' }), await get()]
        const origins = replies.map((reply) => reply.headers['access-control-allow-origin'])
        expect(origins.slice(0, 2)).toEqual(['https://a.test', 'https://b.test'])
        for (const reply of replies) expect(reply.headers['content-security-policy']).toContain('default-src')
        expect([hits(replies), runs, warnings.texts]).toEqual([2, 1, []])
      })

      test('a session is each client’s own, and the page is shared', async () => {
        await open({ outside: ['compression', 'session for all'] })
        const replies = [await get(), await get({ 'accept-encoding': 'gzip' }), await get()]
        expect(new Set(replies.map((reply) => reply.headers['set-cookie'] ?? 'none'))).toHaveProperty('size', 3)
        expect([hits(replies), runs, warnings.texts]).toEqual([2, 1, []])
      })

      test('a session that the handler reads is not another client’s', async () => {
        await open({ outside: ['session'] }, { body: '', ofSession: true })
        const [ann, bob] = [await login('ann'), await login('bob')]
        const replies = [await get(ann), await get(bob), await get(), await get(ann)]
        expect(replies.map((reply) => reply.text)).toEqual(['ann', 'bob', 'nobody', 'ann'])
      })
    })

    describe('inside a cached route', () => {
      test('compression gives no client a coding that it did not ask for, and is told where to go, once', async () => {
        await open({ inside: ['compression'] })
        for (const round of [1, 2]) expect(hits(await byAllClients())).toBeGreaterThan(round)
        expect(warnings.texts).toEqual([expect.stringMatching(/compressed inside.*Mount what compresses before `cached`/)])
      })

      test('content that a handler has coded itself is not told of', async () => {
        const body = gzipSync(TEXT)
        await open({}, { body, fields: { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding', 'Content-Type': 'text/plain' } })
        for (let times = 0; times < 2; times++) expect(decoded(await get({ 'accept-encoding': 'gzip' }))).toBe(TEXT)
        expect([runs, warnings.texts]).toEqual([1, []])
      })

      test('CORS and security fields are those of who asked, and no one else’s', async () => {
        await open({ inside: ['cors', 'helmet'] })
        const replies: Reply[] = []
        for (const origin of ['https://a.test', 'https://b.test', undefined, 'https://a.test', undefined]) {
          const reply = await get(origin === undefined ? {} : { origin })
          expect([undefined, '', '*', origin]).toContain(reply.headers['access-control-allow-origin'])
          if (origin !== undefined) expect(reply.headers['access-control-allow-origin']).toBe(origin)
          expect(reply.headers['content-security-policy']).toContain('default-src')
          replies.push(reply)
        }
        expect([hits(replies), warnings.texts]).toEqual([2, []])
      })

      test('a session gives no client the cookie of another, nothing is stored, and it is told where to go, once', async () => {
        await open({ inside: ['session for all'] })
        const replies = [await get(), await get(), await get()]
        for (const reply of replies) expect([statusOf(reply), reply.headers['set-cookie']]).toEqual([refusedCookie, expect.any(String)])
        expect([runs, warnings.texts]).toEqual([3, [expect.stringMatching(/sets a cookie inside.*Mount what sets it.*before `cached`/)]])
      })

      test('a session is not another client’s, and what read it is told', async () => {
        await open({ inside: ['session'] }, { body: '', ofSession: true })
        const [ann, bob] = [await login('ann'), await login('bob')]
        const replies = [await get(ann), await get(bob), await get(), await get(ann), await get()]
        expect(replies.map((reply) => reply.text)).toEqual(['ann', 'bob', 'nobody', 'ann', 'nobody'])
        expect(warnings.texts).toContainEqual(expect.stringMatching(/session|mount it before `cached`/))
      })
    })
  })
}

const refusedCookie = 'CacheAlchemy;fwd=uri-miss;detail="set-cookie"'

function decoded({ headers, body }: Reply): string {
  const decode = { gzip: gunzipSync, br: brotliDecompressSync }[headers['content-encoding'] ?? '']
  return (decode === undefined ? body : decode(body)).toString()
}
