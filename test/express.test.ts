// What holds in Express alone. What holds in every framework is in test/routes.
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import express5, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { cached, front, invalidates } from '../middleware/express.ts'
import { createCache, type Cache } from '../src/index.ts'
import { newGate } from './support/gate.ts'
import { newWarnings, HIT, refused, statusOf, STORED, type Warnings } from './routes/site.ts'
import { ask, serve, type Ask, type Reply, type TestServer } from './support/http.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5

let cache: Cache
let warnings: Warnings
let server: TestServer | undefined

beforeEach(() => {
  cache = createCache({ redis: false })
  warnings = newWarnings()
})

afterEach(async () => {
  warnings.stop()
  await server?.close()
  server = undefined
})

async function get(app: Express, path: string, options?: Ask): Promise<Reply> {
  server ??= await serve(app)
  return ask(server.port, path, options)
}

const file = join(import.meta.dirname, 'support', 'clock.ts')

for (const [name, express] of [
  ['Express 4', express4],
  ['Express 5', express5],
] as const) {
  describe(name, () => {
    const newApp = (): Express => express().set('env', 'test')
    let isThrowing = false

    test('a hit that an outer layer throws in, once its head has left, is broken off, as an answer of its handler is', async () => {
      const throwing = (res: ServerResponse): void => {
        const { end } = res
        res.end = (...args: unknown[]) => {
          res.end = end
          if (!res.headersSent) res.writeHead(res.statusCode)
          if (isThrowing) throw new Error('at the end')
          return Reflect.apply(end, res, args) as ServerResponse
        }
      }
      for (const isInFront of [false, true]) {
        isThrowing = false
        const own = createCache({ redis: false, onError: () => undefined })
        const app = newApp()
        app.get('/x', cached(own, { front: isInFront }), (_req, res) => void res.end('done'))
        const listener = isInFront ? front(own, app) : app
        await using plain = await serve((req, res) => (throwing(res), listener(req, res)))
        await ask(plain.port, '/x')
        expect(statusOf(await ask(plain.port, '/x'))).toBe(HIT)
        isThrowing = true
        await expect(ask(plain.port, '/x')).rejects.toThrow(/aborted|hang up/)
        await own.close()
      }
    })

    describe('a way to answer', () => {
      test('that says no-cache by itself is not stored: a file without a lifetime', async () => {
        const app = newApp()
        app.get('/', cached(cache), (_req, res) => res.sendFile(file))
        expect(statusOf(await get(app, '/'))).toContain('without freshness')
      })

      test('has a weak tag also where the application makes none', async () => {
        const app = newApp().set('etag', false)
        app.get('/', cached(cache), (_req, res) => void res.send('a'))
        expect((await get(app, '/')).headers['etag']).toMatch(/^W\//)
      })
    })

    describe('a path', () => {
      test('below a router is known with its mount', async () => {
        const app = newApp()
        const films = express.Router()
        const page = cached(cache)
        films.get('/:id', page, (req, res) => void res.send(req.params['id']))
        app.use('/api/films', films)
        for (const path of ['/api/films/1', '/API/films/1/', '/api/Films/1?', '/api/films/1']) await get(app, path)
        expect(page.cacheName).toBe('express GET /api/films/:id')
        expect(page.stats()).toMatchObject({ hits: 1, misses: 3 })
      })

      test('of a router is its mount', async () => {
        const app = newApp()
        const films = express.Router()
        const page = cached(cache)
        films.get('/', page, (_req, res) => void res.send('a'))
        app.use('/films', films)
        for (const path of ['/films', '/films/', '/films', '/films/']) await get(app, path)
        expect([page.cacheName, page.stats().hits]).toEqual(['express GET /films', 2])
      })

      test('below a mount with parameters of its own never answers for another mount', async () => {
        const app = newApp()
        const tenant = express.Router()
        tenant.get('/users/:id', cached(cache), (req, res) => void res.send(req.originalUrl))
        app.use('/tenants/:tenant', tenant)
        for (const path of ['/tenants/1/users/5', '/tenants/2/users/5', '/tenants/1/users/5'])
          expect((await get(app, path)).text).toBe(path)
        expect(warnings.texts).toEqual([expect.stringMatching(/\/tenants\/1\/users\/:id.*\/tenants\/2\/users\/:id.*`path`/)])
      })

      test('below a mount with parameters is covered by `path`', async () => {
        const app = newApp()
        const tenant = express.Router()
        const page = cached(cache, { path: '/tenants/:tenant/users/:id' })
        tenant.get('/users/:id', page, (req, res) => void res.send(req.originalUrl))
        app.use('/tenants/:tenant', tenant)
        for (const path of ['/tenants/1/users/5', '/tenants/2/users/5'])
          expect([(await get(app, path)).text, statusOf(await get(app, path))]).toEqual([path, HIT])
        await page.clear({ params: { tenant: '1' } })
        expect([statusOf(await get(app, '/tenants/1/users/5')), statusOf(await get(app, '/tenants/2/users/5'))]).toEqual([STORED, HIT])
      })

      test('of its own is no less told apart by what a layer puts into the router’s parameters', async () => {
        const app = newApp()
        let who = 'ann'
        const put: RequestHandler = (req, _res, next) => (Object.assign(req.params, { who }), next())
        app.get('/films/:film', put, cached(cache, { path: '/films/:id' }), (req, res) => void res.send(req.params['who']))
        expect((await get(app, '/films/1')).text).toBe('ann')
        who = 'bob'
        expect((await get(app, '/films/1')).text).toBe('bob')
      })

      test('of a mounted application is known with its mount', async () => {
        const app = newApp()
        const inner = newApp()
        const page = cached(cache)
        inner.get('/films/:id', page, (req, res) => void res.send(req.params['id']))
        app.use('/v1', inner)
        await get(app, '/v1/films/1')
        expect(page.cacheName).toBe('express GET /v1/films/:id')
      })

      const patterns: Readonly<Record<string, [pattern: unknown, paths: string[]]>> = {
        'a list': [
          ['/a/:id', '/b/:id'],
          ['/a/1', '/b/1', '/a/2'],
        ],
        'a regular expression': [/^\/(?:a|b)\/(\d+)$/, ['/a/1', '/b/1', '/a/2']],
        ...(name === 'Express 4'
          ? {
              'an optional parameter': ['/a/:id?', ['/a', '/a/1']],
              'an optional letter': ['/ab?c', ['/abc', '/ac']],
              'a wildcard': ['/files/*', ['/files/a/b', '/files/a%2Fb', '/files/a']],
            }
          : {
              'an optional parameter': ['/a{/:id}', ['/a', '/a/1']],
              'an optional part': ['/a{/b}/c', ['/a/b/c', '/a/c']],
              'a wildcard': ['/files/*path', ['/files/a/b', '/files/a%2Fb', '/files/a']],
            }),
      }
      for (const [kind, [pattern, paths]] of Object.entries(patterns)) {
        test(`that matches ${kind} never answers for another`, async () => {
          const app = newApp()
          app.get(pattern as string, cached(cache), (req: Request, res: Response) => void res.send(req.originalUrl))
          for (const path of paths) expect((await get(app, path)).text).toBe(path)
          for (const path of paths) expect([(await get(app, path)).text, statusOf(await get(app, path))]).toEqual([path, HIT])
        })
      }

      test('of a route that has let the request go on is not that of what comes after', async () => {
        const app = newApp()
        app.get('/films/:id', (_req, _res, next) => next())
        app.use(cached(cache))
        app.use((req, res) => void res.send(req.originalUrl))
        for (const path of ['/films/1', '/films/2', '/films/1']) expect((await get(app, path)).text).toBe(path)
      })
    })

    describe('a query', () => {
      test('is keyed as it is parsed: nested, simple, or not at all', async () => {
        for (const parser of ['extended', 'simple', false]) {
          const app = newApp().set('query parser', parser)
          const page = cached(cache, { name: `parsed ${parser}` })
          app.get('/', page, (req, res) => void res.send(req.originalUrl))
          const paths = ['/?a[b]=1', '/?a[b]=2', '/?a[c]=1', '/?a=1', '/?a=1&a=2', '/']
          for (const path of paths) expect((await get(app, path)).text).toBe(path)
          for (const path of paths) expect([parser, statusOf(await get(app, path))]).toEqual([parser, HIT])
          await server?.close()
          server = undefined
        }
      })

      test('is no other’s which the parser takes for the same', async () => {
        const app = newApp().set('query parser', 'extended')
        app.use((req, _res, next) => {
          // As layers against polluted parameters do.
          if (Array.isArray(req.query['last'])) Object.defineProperty(req, 'query', { value: { last: req.query['last'].at(-1) } })
          next()
        })
        app.get('/', cached(cache), (req, res) => void res.send(req.originalUrl))
        app.get('/limited', cached(cache, { query: ['page'] }), (req, res) => void res.send(req.originalUrl))
        const same = [
          ['/?b=1', '/?b=1&__proto__=evil'],
          ['/?page=1', '/?%5Bpage%5D=1'],
          ['/?a%5B%5D=1', '/?a%5B0%5D=1'],
          ['/?a=1&a=2', '/?a%5B%5D=1&a%5B%5D=2'],
          ['/?last=2', '/?last=evil&last=2'],
          ['/limited?page=3', '/limited?%5Bpage%5D=3'],
        ]
        for (const [plain = '', odd = ''] of same) for (const path of [odd, plain, odd]) expect((await get(app, path)).text).toBe(path)
      })

      test('without what is no argument is as the parser makes it', async () => {
        const app = newApp().set('query parser', 'extended')
        app.get('/', cached(cache, { query: ['filter'] }), (req, res) => void res.json([req.query, req.url]))
        expect(JSON.parse((await get(app, '/?filter[year]=1999&utm=x&filter[genre]=a')).text)).toEqual([
          { filter: { year: '1999', genre: 'a' } },
          '/?filter[year]=1999&filter[genre]=a',
        ])
      })

      test('is whole again for layers around, once the handler has answered', async () => {
        const app = newApp()
        const seen: unknown[] = []
        app.use((req, res, next) => (res.on('finish', () => seen.push(req.query, req.originalUrl)), next()))
        app.get('/', cached(cache, { query: false }), (_req, res) => void res.send('a'))
        await get(app, '/?utm=x')
        expect(seen).toEqual([{ utm: 'x' }, '/?utm=x'])
      })
    })

    test('a query is what a layer has made of it for this request, though the URL has none', async () => {
      const app = newApp()
      app.use((req, _res, next) => {
        const who = req.get('x-user')
        if (who !== undefined && req.path === '/own')
          Object.defineProperty(req, 'query', { value: { who }, configurable: true, enumerable: true, writable: true })
        next()
      })
      // As users of Express 5 have it who want to write to it.
      const queries = new WeakMap<object, object>()
      const kept = newApp()
      Object.defineProperty(kept.request, 'query', {
        get: function query(this: object) {
          return queries.get(this) ?? {}
        },
      })
      kept.use((req, _res, next) => (req.get('x-user') && queries.set(req, { who: req.get('x-user') }), next()))
      for (const [each, path] of [
        [app, '/own'],
        [kept, '/kept'],
      ] as const)
        each.get(path, cached(cache, { name: path }), (req, res) => void res.json(req.query))
      app.use(kept)
      for (const path of name === 'Express 5' ? ['/own', '/kept'] : ['/own']) {
        const said: string[] = []
        for (const user of [undefined, 'ann', 'bob', 'ann', undefined])
          said.push((await get(app, path, { headers: user === undefined ? {} : { 'x-user': user } })).text)
        expect(said).toEqual(['{}', '{"who":"ann"}', '{"who":"bob"}', '{"who":"ann"}', '{}'])
      }
    })

    describe('a way to answer that a layer wraps for one user', () => {
      for (const way of ['json', 'send'] as const) {
        test(`sees the answer to that user, whatever others were given: res.${way}`, async () => {
          const app = newApp()
          app.use((req, res, next) => {
            const answer = res[way].bind(res)
            if (req.get('x-user') === 'ann') res[way] = () => answer('for ann')
            next()
          })
          app.get('/', cached(cache), (_req, res) => void res[way]('for all'))
          expect(statusOf(await get(app, '/'))).toBe(STORED)
          const reply = await get(app, '/', { headers: { 'x-user': 'ann' } })
          expect([reply.text, statusOf(reply)]).toEqual([expect.stringContaining('for ann'), refused(`unkeyed res.${way}`, 'miss')])
          const other = await get(app, '/')
          expect([other.text, statusOf(other)]).toEqual([expect.stringContaining('for all'), HIT])
        })
      }

      test('and is by which every answer leaves, sees that of a hit: res.end', async () => {
        const app = newApp()
        app.use((req, res, next) => {
          const end = res.end.bind(res) as (body: string) => Response
          if (req.get('x-user') === 'ann') res.end = () => (res.removeHeader('content-length'), end('for ann'))
          next()
        })
        app.get('/', cached(cache), (_req, res) => void res.json({ for: 'all' }))
        expect(statusOf(await get(app, '/'))).toBe(STORED)
        const reply = await get(app, '/', { headers: { 'x-user': 'ann' } })
        expect([reply.text, statusOf(reply)]).toEqual(['for ann', HIT])
      })
    })

    describe('what is read unkeyed', () => {
      test('counts forwarded headers where the proxy is trusted, and not where it is not', async () => {
        for (const [trust, input] of [
          [true, 'x-forwarded-host'],
          [false, 'host'],
        ] as const) {
          const app = newApp().set('trust proxy', trust)
          app.get('/', cached(cache, { name: `trusting ${trust}` }), (req, res) => void res.send(req.hostname))
          expect(statusOf(await get(app, '/', { headers: { 'x-forwarded-host': 'evil' } }))).toBe(refused(`unkeyed ${input}`))
          await server?.close()
          server = undefined
        }
      })

      test('is keyed by the host, and then each host has its own', async () => {
        const app = newApp()
        app.get('/', cached(cache, { headers: ['host'] }), (req, res) => void res.send(req.hostname))
        for (const host of ['a.test', 'b.test']) expect((await get(app, '/', { headers: { host } })).text).toBe(host)
        for (const host of ['a.test', 'b.test']) expect(await get(app, '/', { headers: { host } })).toMatchObject({ text: host })
        expect(statusOf(await get(app, '/', { headers: { host: 'a.test' } }))).toBe(HIT)
      })

      test('counts the cookies that an outer layer has parsed', async () => {
        const app = newApp()
        app.use((req, _res, next) => (Object.assign(req, { cookies: { sid: '1' }, signedCookies: {} }), next()))
        app.get('/', cached(cache), (req, res) => void res.send((req as { cookies?: { sid: string } }).cookies?.sid))
        app.get(
          '/signed',
          cached(cache),
          (req, res) => void res.send(Object.keys((req as { signedCookies?: object }).signedCookies ?? {}).join()),
        )
        for (const path of ['/', '/signed']) expect(statusOf(await get(app, path))).toBe(refused('unkeyed cookie'))
        expect((await get(app, '/')).text).toBe('1')
      })

      test('counts a parser of cookies that is mounted inside', async () => {
        const app = newApp()
        const parser: RequestHandler = (req, _res, next) => (Object.assign(req, { cookies: { raw: req.headers.cookie } }), next())
        app.get('/', cached(cache), parser, (req, res) => void res.json((req as { cookies?: object }).cookies))
        const reply = await get(app, '/', { headers: { cookie: 'a=1' } })
        expect([reply.text, statusOf(reply)]).toEqual(['{"raw":"a=1"}', refused('unkeyed cookie')])
      })
    })

    describe('what happens once the handler has answered', () => {
      test('is not watched, and the request is as it came', async () => {
        const app = newApp()
        const own: unknown[] = []
        app.get('/', cached(cache), (req, res) => {
          res.send('a')
          own.push(req.headers.cookie, Object.hasOwn(req, 'headers'), Object.hasOwn(req, 'ip'), req.headers['if-none-match'])
        })
        const headers = { cookie: 'a=1', 'if-none-match': '"x"' }
        expect([statusOf(await get(app, '/', { headers })), own]).toEqual([STORED, ['a=1', false, false, '"x"']])
        expect(warnings.texts).toEqual([])
      })

      test('by a layer that did not want to wait for it is left as it is', async () => {
        const app = newApp()
        const page = cached(cache, { path: '/' })
        const gate = newGate()
        const given: Response[] = []
        app.use((_req, res, next) => (given.push(res), next()))
        app.get('/', page, async (_req, res) => {
          await gate.wait()
          res.send('a')
        })
        server = await serve(app)
        const leader = ask(server.port, '/')
        await gate.reached()
        const waiting = ask(server.port, '/')
        while (page.stats().coalesced === 0) await new Promise(setImmediate)
        given[1]!.status(503).send('busy')
        expect((await waiting).text).toBe('busy')
        gate.open()
        expect((await leader).text).toBe('a')
        expect(warnings.texts).toEqual([])
      })
    })

    describe('layers', () => {
      test('that compress outside compress hits as they do misses', async () => {
        const app = newApp()
        app.use((req, res, next) => {
          const { end } = res
          res.end = ((chunk: unknown) => {
            if (!String(req.headers['accept-encoding']).includes('gzip')) return end.call(res, chunk, 'utf8')
            const bytes = gzipSync(chunk as Buffer)
            res.set({ 'Content-Encoding': 'gzip', 'Content-Length': String(bytes.length) }).vary('Accept-Encoding')
            return end.call(res, bytes, 'utf8')
          }) as typeof end
          next()
        })
        app.get('/', cached(cache), (_req, res) => void res.send('abc'))
        const zipped = [
          await get(app, '/', { headers: { 'accept-encoding': 'gzip' } }),
          await get(app, '/', { headers: { 'accept-encoding': 'gzip' } }),
        ]
        expect(zipped.map(statusOf)).toEqual([STORED, HIT])
        expect(zipped[1]!.body.equals(zipped[0]!.body)).toBe(true)
        expect(await get(app, '/')).toMatchObject({ text: 'abc' })
      })

      test('that compress inside make an answer for each who accepts the same', async () => {
        const app = newApp()
        const compress: RequestHandler = (req, res, next) => {
          const { send } = res
          res.send = (body) =>
            String(req.headers['accept-encoding']).includes('gzip')
              ? send.call(res.set('Content-Encoding', 'gzip').vary('Accept-Encoding'), gzipSync(body as string))
              : send.call(res.vary('Accept-Encoding'), body)
          next()
        }
        app.get('/', cached(cache), compress, (_req, res) => void res.send('abc'))
        const zipped = { headers: { 'accept-encoding': 'gzip' } }
        expect(statusOf(await get(app, '/', zipped))).toBe(STORED)
        for (let time = 0; time < 2; time++)
          expect(await get(app, '/')).toMatchObject({ text: 'abc', headers: { vary: 'Accept-Encoding' } })
        const hit = await get(app, '/', zipped)
        expect([statusOf(hit), hit.headers['content-encoding'], gunzipSync(hit.body).toString()]).toEqual([HIT, 'gzip', 'abc'])
      })

      test('that set a cookie while the answer leaves set their own on each', async () => {
        const app = newApp()
        let sessions = 0
        app.use((_req, res, next) => {
          const { writeHead } = res
          res.writeHead = ((...args: unknown[]) => {
            res.setHeader('Set-Cookie', `sid=${++sessions}`)
            return Reflect.apply(writeHead, res, args)
          }) as typeof writeHead
          next()
        })
        app.get('/', cached(cache), (_req, res) => void res.send('a'))
        const replies = [await get(app, '/'), await get(app, '/')]
        expect(replies.map((reply) => [statusOf(reply), reply.headers['set-cookie']])).toEqual([
          [STORED, 'sid=1'],
          [HIT, 'sid=2'],
        ])
      })

      test('of two routes answer one inside the other, where the inner one says for how long', async () => {
        const app = newApp()
        let runs = 0
        const outer = cached(cache, { name: 'outer', headers: ['accept-language'] })
        const inner = cached(cache, { name: 'inner', headers: ['accept-language'] })
        app.get('/', outer, inner, (_req, res) => void res.set('Cache-Control', 'max-age=60').send(`${++runs}`))
        expect([(await get(app, '/')).text, (await get(app, '/')).text]).toEqual(['1', '1'])
        const hit = await get(app, '/')
        expect(hit.headers['cache-status']).toMatch(/^CacheAlchemy;hit;ttl=\d+$/)
        expect((await get(app, '/', { headers: { 'if-none-match': hit.headers['etag']! } })).status).toBe(304)
        await inner.clear()
        expect((await get(app, '/')).text).toBe('2')
        await outer.clear()
        expect(await get(app, '/', { headers: { 'if-none-match': hit.headers['etag']! } })).toMatchObject({ status: 200, text: '2' })
      })
    })

    describe('a handler', () => {
      test('that passes an error on has it answered by the application, and nothing is stored', async () => {
        const app = newApp()
        let runs = 0
        app.get('/', cached(cache), (_req, _res, next) => (runs++, next(new Error('down'))))
        app.use((_error: unknown, _req: Request, res: Response, _next: unknown) => void res.status(503).json({ sorry: true }))
        for (let time = 0; time < 2; time++) expect(await get(app, '/')).toMatchObject({ status: 503, text: '{"sorry":true}' })
        expect(runs).toBe(2)
      })

      test('that throws after it has begun to answer breaks the answer off, and nothing is stored', async () => {
        const app = newApp()
        app.get('/', cached(cache), (_req, res) => {
          res.write('half')
          throw new Error('down')
        })
        for (let time = 0; time < 2; time++) await expect(get(app, '/')).rejects.toThrow(/aborted|hang up/)
      })

      test('that lets the request go on is answered for by the next one', async () => {
        const app = newApp()
        let runs = 0
        app.get('/', cached(cache), (_req, _res, next) => next('route'))
        app.get('/', (_req, res) => void res.send(`${++runs}`))
        expect([(await get(app, '/')).text, (await get(app, '/')).text]).toEqual(['1', '1'])
      })

      test('that never answers is stopped by nothing here, and its client may go', async () => {
        const app = newApp()
        const page = cached(cache, { path: '/' })
        let runs = 0
        app.get('/', page, (_req, res) => void (++runs > 1 && res.send('a')))
        server = await serve(app)
        const { begin } = await import('./support/http.ts')
        const stuck = begin(server.port, '/')
        while (runs === 0) await new Promise(setImmediate)
        const waiting = ask(server.port, '/')
        while (page.stats().coalesced === 0) await new Promise(setImmediate)
        stuck.destroy()
        expect((await waiting).text).toBe('a')
      })
    })
  })
}

test('the types of Express stay what they were', () => {
  const app = express5()
  const getFilm = cache.memoize(async (id: string, _page?: number) => ({ id }), { name: 'typed film' })
  const page = cached(cache, { path: '/typed/:id', partition: (req) => req.get('x') })
  app.get('/films/:id', page, (req, res) => {
    expectTypeOf(req.params).toEqualTypeOf<{ id: string }>()
    res.json({})
  })
  app.use(page)
  app.post(
    '/films/:id',
    invalidates(getFilm, (req) => [String(req.params['id'])]),
    (_req, res) => void res.json({}),
  )
  app.post(
    '/films/:id',
    invalidates(page, (req) => [{ params: { id: String(req.params['id']) } }]),
  )
  app.post(
    '/films/:id',
    invalidates(getFilm.ref('1')),
    invalidates(() => [getFilm.ref('1')], { again: '1s' }),
  )
  // @ts-expect-error: a route's arguments are params, query, headers and partition
  expect(() => page.ref({ id: '1' })).toThrow(/`id`/)
  // @ts-expect-error: a URL has texts only
  expect(() => page.ref({ params: { id: 1 } })).toThrow(/`params\.id`/)
})
