// What is Koa's own: its kinds of bodies, its layers around, its ways to be routed. What holds in every framework is in test/routes.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { createGzip, gunzipSync } from 'node:zlib'
import Router from '@koa/router'
import { parse } from 'qs'
import Koa3, { type Context, type Middleware, type Next } from 'koa'
import { describe, expect, test } from 'vitest'
import { cached, invalidates, type RouteOptions } from '../middleware/koa.ts'
import { openCache, type Cache } from '../src/cache.ts'
import { engineOf } from '../src/door.ts'
import type { CacheError } from '../src/index.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { ask, begin, response, serve, type Ask, type Reply, type TestServer } from './support/http.ts'

const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3

interface Site extends AsyncDisposable {
  readonly app: Koa3
  readonly cache: Cache
  readonly errors: CacheError[]
  /** What the application's `error` event told. */
  readonly thrown: unknown[]
  ask(path?: string, options?: Ask): Promise<Reply>
  begin(path: string): Promise<ReturnType<typeof begin>>
}

function newSite(Koa: typeof Koa3): Site {
  const app = new Koa()
  const errors: CacheError[] = []
  const thrown: unknown[] = []
  const cache = openCache({ redis: false, onError: (error) => void errors.push(error) }, newClock().now)
  app.on('error', (error) => thrown.push(error))
  let server: Promise<TestServer> | undefined
  const served = (): Promise<TestServer> => (server ??= serve(app.callback()))
  return {
    app,
    cache,
    errors,
    thrown,
    ask: async (path = '/', options) => ask((await served()).port, path, options),
    begin: async (path) => begin((await served()).port, path),
    async [Symbol.asyncDispose]() {
      await (await server)?.close()
      await cache.close()
    },
  }
}

const statusOf = (reply: Reply): string | undefined => reply.headers['cache-status']?.replace(/;ttl=\d+/, '')
const HIT = 'CacheAlchemy;hit'
const STORED = 'CacheAlchemy;fwd=uri-miss;stored'
const refused = (why: string): string => `CacheAlchemy;fwd=uri-miss;detail="${why}"`

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa3],
])('%s', (name, Koa) => {
  const isKoa3 = name === 'Koa 3'

  /** An application whose handler answers for "/" behind a cached route, and behind the layers that are given. */
  function newPage(handler: Middleware, options: { outer?: Middleware; route?: RouteOptions } = {}): Site & { runs(): number } {
    const site = newSite(Koa)
    let runs = 0
    if (options.outer !== undefined) site.app.use(options.outer)
    site.app.use(cached(site.cache, { path: '/', ...options.route }))
    site.app.use((ctx, next) => {
      runs++
      return handler(ctx, next)
    })
    return Object.assign(site, { runs: () => runs })
  }

  describe('an answer', () => {
    test('that is a stream has the length that its handler said', async () => {
      await using page = newPage((ctx) => ((ctx.body = Readable.from(['abc'])), void (ctx.length = 3)))
      for (const _ of [1, 2]) expect((await page.ask()).headers).toMatchObject({ 'content-length': '3' })
    })

    test('that is an object is made text once', async () => {
      let made = 0
      await using page = newPage((ctx) => {
        ctx.body = { toJSON: () => ({ made: ++made }) }
      })
      expect([(await page.ask()).text, (await page.ask()).text, made]).toEqual(['{"made":1}', '{"made":1}', 1])
    })

    test('with an error is the error of its application, and the next one runs again', async () => {
      await using page = newPage((ctx) => ctx.throw(404, 'no such film', { headers: { 'X-A': '1' } }))
      for (const _ of [1, 2]) expect(await page.ask()).toMatchObject({ status: 404, text: 'no such film', headers: { 'x-a': '1' } })
      expect([page.runs(), page.thrown.length]).toEqual([2, 2])
    })

    test('with an error that an outer layer answers is that layer’s', async () => {
      const outer: Middleware = async (ctx, next) => {
        try {
          await next()
        } catch (error) {
          ctx.body = (error as Error).message
        }
      }
      await using page = newPage(() => Promise.reject(new Error('down')), { outer })
      expect([(await page.ask()).text, (await page.ask()).text, page.runs()]).toEqual(['down', 'down', 2])
    })
  })

  describe('layers around the route', () => {
    test('do with a hit what they do with the first answer', async () => {
      const seen: unknown[] = []
      const outer: Middleware = async (ctx, next) => {
        await next()
        seen.push([ctx.status, ctx.type, ctx.length, Buffer.isBuffer(ctx.body), ctx.response.get('ETag') !== ''])
        ctx.set('X-Outer', 'today')
        ctx.body = { wrapped: String(ctx.body) }
      }
      await using page = newPage((ctx) => void (ctx.body = { a: 1 }), { outer })
      const [first, second] = [await page.ask(), await page.ask()]
      expect([first.text, second.text]).toEqual(['{"wrapped":"{\\"a\\":1}"}', '{"wrapped":"{\\"a\\":1}"}'])
      expect(seen).toEqual([
        [200, 'application/json', 7, true, true],
        [200, 'application/json', 7, true, true],
      ])
      expect([second.headers['x-outer'], statusOf(second)]).toEqual(['today', HIT])
    })

    test('that encode a stream get it as it comes, and again on a hit', async () => {
      const gzip: Middleware = async (ctx, next) => {
        ctx.vary('Accept-Encoding')
        await next()
        ctx.acceptsEncodings('gzip')
        const body = ctx.body instanceof Readable ? ctx.body : Readable.from([ctx.body])
        ctx.set('Content-Encoding', 'gzip')
        ctx.remove('Content-Length')
        ctx.body = body.pipe(createGzip())
      }
      await using page = newPage((ctx) => void (ctx.body = Readable.from(['a'.repeat(50_000), 'b'.repeat(50_000)])), { outer: gzip })
      for (const _ of [1, 2, 3])
        expect(gunzipSync((await page.ask('/', { headers: { 'accept-encoding': 'gzip' } })).body).toString()).toBe(
          'a'.repeat(50_000) + 'b'.repeat(50_000),
        )
      expect(page.runs()).toBe(1)
    })

    test('see the request as it came, before and after', async () => {
      const seen: unknown[] = []
      const look = (ctx: Context): void =>
        void seen.push([ctx.url, ctx.originalUrl, ctx.query['utm'], ctx.URL.search, ctx.get('if-none-match')])
      const outer: Middleware = async (ctx, next) => {
        look(ctx)
        await next()
        look(ctx)
      }
      await using page = newPage((ctx) => void (ctx.body = ctx.query['stream'] ? Readable.from(['a']) : 'a'), {
        outer,
        route: { query: ['stream'] },
      })
      for (const path of ['/?utm=x', '/?utm=x&stream=1']) {
        seen.length = 0
        await page.ask(path, { headers: { 'if-none-match': '"a"' } })
        expect(seen).toEqual([1, 2].map(() => [path, path, 'x', path.slice(1), '"a"']))
      }
    })

    test('have their own negotiation before and after', async () => {
      const seen: unknown[] = []
      const outer: Middleware = async (ctx, next) => {
        const { accept } = ctx.request
        await next()
        seen.push(ctx.request.accept === accept)
      }
      const own: Middleware = (ctx, next) => {
        if (ctx.query['own']) ctx.request.accept = { types: () => 'own' } as unknown as typeof ctx.request.accept
        return outer(ctx, next)
      }
      await using page = newPage((ctx) => void (ctx.body = String(ctx.accepts('html'))), { outer: own })
      expect([(await page.ask()).text, (await page.ask('/?own=1')).text, seen]).toEqual(['html', 'own', [true, true]])
    })

    test('that take the body away take nothing from who asks next', async () => {
      const outer: Middleware = async (ctx, next) => {
        await next()
        if (ctx.get('x-head') !== '') ctx.body = 'another'
      }
      await using page = newPage((ctx) => void (ctx.body = Readable.from(['a'])), { outer })
      expect((await page.ask('/', { headers: { 'x-head': '1' } })).text).toBe('another')
      expect((await page.ask()).text).toBe('a')
    })
  })

  describe('a handler', () => {
    test('sees no query parameter that is no argument, wherever it looks', async () => {
      await using page = newPage(
        (ctx) => {
          ctx.body = [
            ctx.query,
            ctx.querystring,
            ctx.search,
            ctx.url,
            ctx.originalUrl,
            ctx.request.originalUrl,
            ctx.req.url,
            ctx.href.replace(/^.*?:\d+/, ''),
            ctx.URL.search,
          ]
        },
        { outer: (ctx, next) => (ctx.URL.search, next()), route: { query: ['page'], ignore: ['host', 'protocol'] } },
      )
      expect(JSON.parse((await page.ask('/?utm=1&page=2')).text)).toEqual([
        { page: '2' },
        'page=2',
        '?page=2',
        '/?page=2',
        '/?page=2',
        '/?page=2',
        '/?page=2',
        '/?page=2',
        '?page=2',
      ])
      expect(statusOf(await page.ask('/?page=2&utm=3'))).toBe(HIT)
    })

    test('sees all of a parameter in brackets, where its application reads them', async () => {
      const query = (ctx: Context): void => void (ctx.body = ctx.query)
      const options = { route: { query: ['f'] } }
      await using plainly = newPage(query, options)
      expect(JSON.parse((await plainly.ask('/?f=1&f[a]=2&g[a]=3')).text)).toEqual({ f: '1' })
      await using nested = newPage(query, options)
      Object.defineProperty(nested.app.request, 'query', {
        get(this: Context['request']) {
          return parse(this.querystring)
        },
      })
      expect(JSON.parse((await nested.ask('/?f[a]=2&g[a]=3')).text)).toEqual({ f: { a: '2' } })
      expect(statusOf(await nested.ask('/?g=1&f[a]=2'))).toBe(HIT)
    })

    test('whose body looks at the query later sees no more of it', async () => {
      async function* late(ctx: Context): AsyncGenerator<string> {
        yield 'a'
        yield JSON.stringify(ctx.query)
      }
      await using page = newPage((ctx) => void (ctx.body = Readable.from(late(ctx))), { route: { query: ['page'] } })
      expect((await page.ask('/?utm=1&page=2')).text).toBe('a{"page":"2"}')
      expect(statusOf(await page.ask('/?page=2'))).toBe(HIT)
    })

    test.each<[input: string, read: (ctx: Context) => unknown]>([
      ['cookie', (ctx) => ctx.cookies.get('sid')],
      ['cookie', (ctx) => ctx.request.headers.cookie],
      ['cookie', (ctx) => ctx.header['cookie']],
      ['host', (ctx) => ctx.host],
      ['host', (ctx) => ctx.request.hostname],
      ['host', (ctx) => ctx.subdomains],
      ['protocol', (ctx) => ctx.origin],
      ['protocol', (ctx) => ctx.href],
      ['protocol', (ctx) => ctx.URL],
      ['protocol', (ctx) => ctx.secure],
      ['ip', (ctx) => ctx.request.ips],
      ['user-agent', (ctx) => ctx.get('User-Agent')],
      ['referrer', (ctx) => ctx.get('Referer')],
      ['headers', (ctx) => JSON.stringify(ctx.request)],
    ])('that reads %s another way is noticed too', async (input, read) => {
      // An outer layer has read it all before, and Koa keeps some of what it worked out.
      const outer: Middleware = (ctx, next) => (read(ctx), ctx.accepts('html'), ctx.URL, next())
      await using page = newPage((ctx) => (read(ctx), void (ctx.body = 'a')), { outer })
      expect(statusOf(await page.ask())).toBe(refused(`unkeyed ${input}`))
      expect(statusOf(await page.ask())).toBe(refused(`unkeyed ${input}`))
    })

    test.each(['url', 'path', 'query'] as const)(
      'that reads a %s which a layer has put on the context alone is noticed too',
      async (name) => {
        const outer: Middleware = (ctx, next) => (Object.defineProperty(ctx, name, { value: ctx.get('x-who'), writable: true }), next())
        await using page = newPage((ctx) => void (ctx.body = ctx[name]), { outer })
        for (const who of ['ann', 'bob']) {
          const reply = await page.ask('/', { headers: { 'x-who': who } })
          expect([reply.text, statusOf(reply)]).toEqual([who, refused(`unkeyed ctx.${name}`)])
        }
      },
    )

    test.each(['url', 'path', 'query', 'querystring', 'search'] as const)(
      'that reads a %s is not for a client for whom a layer has put another on the context',
      async (name) => {
        const put = (ctx: Context): unknown => ctx.get('x-who') && Object.defineProperty(ctx, name, { value: ctx.get('x-who') })
        await using page = newPage((ctx) => void (ctx.body = JSON.stringify(ctx[name])), { outer: (ctx, next) => (put(ctx), next()) })
        const { text } = await page.ask()
        for (const who of ['ann', 'bob']) expect((await page.ask('/', { headers: { 'x-who': who } })).text).toBe(`"${who}"`)
        expect(await page.ask()).toMatchObject({ text, headers: { 'cache-status': expect.stringContaining(HIT) as string } })
      },
    )

    test('to a method that a layer has put on the context is the answer to that one', async () => {
      const outer: Middleware = (ctx, next) => {
        if (ctx.get('x-method')) Object.defineProperty(ctx, 'method', { value: ctx.get('x-method') })
        return next()
      }
      await using page = newPage((ctx) => void (ctx.body = ctx.method), { outer })
      expect([(await page.ask()).text, (await page.ask('/', { headers: { 'x-method': 'POST' } })).text]).toEqual(['GET', 'POST'])
      // RFC 9111 §4.4
      expect(statusOf(await page.ask())).toBe(STORED)
    })

    test('is not for a client whose answers a layer takes by the context, unless that is ignored', async () => {
      const outer: Middleware = (ctx, next) => {
        const { response } = ctx
        const set = (body: unknown): void => void (response.body = `${ctx.get('x-who')}: ${String(body)}`)
        if (ctx.get('x-who')) Object.defineProperty(ctx, 'body', { get: () => response.body, set })
        return next()
      }
      const ann = { headers: { 'x-who': 'ann' } }
      for (const [ignore, then] of [
        [[], 'ann: a'],
        [['ctx.body'], 'a'],
      ] as const) {
        await using page = newPage((ctx) => void (ctx.body = 'a'), { outer, route: { ignore } })
        expect([(await page.ask()).text, (await page.ask('/', ann)).text, (await page.ask()).text]).toEqual(['a', then, 'a'])
      }
    })

    test.each<[input: string, read: (ctx: Context) => unknown]>([
      ['accept', (ctx) => ctx.accepts('html', 'json')],
      ['accept-language', (ctx) => ctx.acceptsLanguages('de')],
      ['accept-encoding', (ctx) => ctx.request.acceptsEncodings('br')],
      ['origin', (ctx) => ctx.get('Origin')],
    ])('that reads %s has an answer for each of its values', async (input, read) => {
      const outer: Middleware = (ctx, next) => (read(ctx), next())
      await using page = newPage((ctx) => void (ctx.body = String(read(ctx))), { outer })
      const said = []
      for (const value of ['br', 'de', 'br']) said.push(await page.ask('/', { headers: { [input]: value } }))
      expect(said.map(statusOf)).toEqual([STORED, 'CacheAlchemy;fwd=vary-miss;stored', HIT])
      expect(said.map((reply) => reply.headers['vary'])).toEqual([input, input, input])
    })

    test('that answers in a way that a layer wraps for one user is asked for that user, whatever others were given', async () => {
      const outer: Middleware = (ctx, next) => {
        const redirect = ctx.redirect.bind(ctx)
        if (ctx.get('x-user') === 'ann') ctx.redirect = () => redirect('/ann')
        return next()
      }
      await using page = newPage((ctx) => ((ctx.status = 301), ctx.redirect('/all')), { outer })
      expect(statusOf(await page.ask())).toBe(STORED)
      const reply = await page.ask('/', { headers: { 'x-user': 'ann' } })
      expect([reply.headers['location'], statusOf(reply)]).toEqual(['/ann', 'CacheAlchemy;fwd=miss;detail="unkeyed ctx.redirect"'])
      const other = await page.ask()
      expect([other.headers['location'], statusOf(other)]).toEqual(['/all', HIT])
    })

    test('whose answers all leave by what a layer wraps for one user leaves that to do the same on a hit', async () => {
      const outer: Middleware = ({ res, req }, next) => {
        const end = res.end.bind(res) as (body: string) => typeof res
        if (req.headers['x-user'] === 'ann') res.end = () => (res.removeHeader('content-length'), end('for ann'))
        return next()
      }
      await using page = newPage((ctx) => void (ctx.body = 'for all'), { outer })
      expect(statusOf(await page.ask())).toBe(STORED)
      const reply = await page.ask('/', { headers: { 'x-user': 'ann' } })
      expect([reply.text, statusOf(reply)]).toEqual(['for ann', HIT])
    })

    test('behind a proxy that is trusted reads what it forwards', async () => {
      await using page = newPage((ctx) => void (ctx.body = ctx.hostname))
      page.app.proxy = true
      expect(statusOf(await page.ask('/', { headers: { 'x-forwarded-host': 'a.example' } }))).toBe(refused('unkeyed x-forwarded-host'))
    })

    test('that sets a cookie is not stored, though it only writes', async () => {
      await using page = newPage((ctx) => (ctx.cookies.set('sid', '1'), void (ctx.body = 'a')))
      expect(statusOf(await page.ask())).toBe(refused('set-cookie'))
    })

    test('whose body makes cached calls as it goes depends on them, however slowly it is read', async () => {
      let row = 'a'
      await using site = newSite(Koa)
      const getRow = site.cache.memoize(async (_at: number) => row, { name: 'row' })
      async function* rows(): AsyncGenerator<string> {
        for (let at = 0; at < 20; at++) yield (await getRow(at)).repeat(40_000)
      }
      site.app.use(cached(site.cache, { path: '/' })).use((ctx) => void (ctx.body = Readable.from(rows(), { objectMode: false })))
      expect((await site.ask()).text).toBe('a'.repeat(800_000))
      expect(statusOf(await site.ask())).toBe(HIT)
      row = 'b'
      await getRow.clear(19)
      expect((await site.ask()).text).toBe('a'.repeat(760_000) + 'b'.repeat(40_000))
    })
  })

  describe('a stream', () => {
    test('reaches its client as it comes, and waits for it', async () => {
      const gate = newGate()
      let made = 0
      async function* chunks(): AsyncGenerator<Buffer> {
        for (; made < 1000; made++) {
          if (made === 1) await gate.wait()
          yield Buffer.alloc(40_000, 'a')
        }
      }
      await using page = newPage((ctx) => void (ctx.body = Readable.from(chunks(), { objectMode: false })), {
        route: { maxBodyBytes: Infinity },
      })
      const res = await response(await page.begin('/'))
      const [first] = (await once(res, 'data')) as [Buffer]
      res.pause()
      expect(first.length).toBeLessThanOrEqual(40_000)
      gate.open()
      // The client reads no more, so the source comes to a halt, with what the sockets hold between them.
      for (let turns = 0, before = -1; turns < 500; turns = made === before ? turns + 1 : 0) {
        before = made
        await new Promise(setImmediate)
      }
      expect(made).toBeLessThan(1000)
      let length = first.length
      for await (const chunk of res) length += (chunk as Buffer).length
      expect(length).toBe(40_000_000)
      expect(statusOf(await page.ask())).toBe(HIT)
    })

    test('that breaks is not stored, and no one takes the half of it for the whole', async () => {
      const gate = newGate()
      let isBroken = true
      await using page = newPage((ctx) => {
        const source = new Readable({ read() {} })
        source.push('half')
        if (isBroken) void gate.wait().then(() => source.destroy(new Error('disk')))
        else source.push(null)
        ctx.body = source
      })
      const first = await page.begin('/')
      const res = await response(first)
      const heard = once(page.app, 'error')
      gate.open()
      expect((await heard)[0]).toMatchObject({ message: 'disk' })
      if (isKoa3) await expect(res.toArray()).rejects.toThrow('aborted')
      // Koa 2 leaves its client waiting for the rest.
      first.destroy()
      isBroken = false
      expect((await page.ask()).text).toBe('half')
      expect(statusOf(await page.ask())).toBe(HIT)
    })

    test('that breaks before it begins is as without a cache', async () => {
      const broken: Middleware = (ctx) => {
        ctx.body = new Readable({
          read() {
            this.destroy(new Error('disk'))
          },
        })
      }
      const outcome = async (site: Site): Promise<unknown> => {
        const reply = await site.ask().catch(() => undefined)
        return [reply?.status, reply?.text, site.thrown.map(String)]
      }
      await using bare = newSite(Koa)
      bare.app.use(broken)
      await using page = newPage(broken)
      expect(await outcome(page)).toEqual(await outcome(bare))
    })

    test('of what is no text and no bytes breaks alone', async () => {
      await using page = newPage((ctx) => void (ctx.body = ctx.query['bad'] ? Readable.from([{ a: 1 }]) : 'a'))
      await page.ask('/?bad=1').catch(() => {})
      expect((await page.ask('/')).text).toBe('a')
    })

    test('whose client goes away is let go, and not stored', async () => {
      const sources: Readable[] = []
      await using page = newPage((ctx) => {
        const source = new Readable({ read() {} })
        source.push('half')
        sources.push(source)
        if (sources.length > 1) source.push(null)
        ctx.body = source
      })
      const req = await page.begin('/')
      await response(req)
      req.destroy()
      await once(sources[0]!, 'close')
      expect([(await page.ask()).text, page.runs(), statusOf(await page.ask())]).toEqual(['half', 2, HIT])
    })

    test('that was used up before is Koa’s to deal with', async () => {
      await using page = newPage((ctx) => {
        const spent = Readable.from([])
        spent.destroy()
        ctx.body = ctx.query['spent'] ? spent : 'a'
      })
      const req = await page.begin('/?spent=1')
      req.destroy()
      expect((await page.ask('/')).text).toBe('a')
    })
  })

  describe('a route', () => {
    test('of a router with a prefix, in another router, is known by its whole path', async () => {
      await using site = newSite(Koa)
      const films = new Router({ prefix: '/films' })
      const page = cached(site.cache)
      films.get('/:id', page, (ctx) => void (ctx.body = ctx.params['id']))
      const api = new Router({ prefix: '/api' }).use(films.routes())
      site.app.use(api.routes())
      expect([
        (await site.ask('/api/films/1')).text,
        (await site.ask('/api/films/2')).text,
        statusOf(await site.ask('/api/films/1')),
      ]).toEqual(['1', '2', HIT])
      expect(page.cacheName).toBe('koa GET /api/films/:id')
      await page.clear({ params: { id: '1' } })
      expect([statusOf(await site.ask('/api/films/1')), statusOf(await site.ask('/api/films/2'))]).toEqual([STORED, HIT])
    })

    test('of a regular expression is one of each path', async () => {
      await using site = newSite(Koa)
      const router = new Router()
      router.get(/^\/films\/\d+$/, cached(site.cache), (ctx) => void (ctx.body = ctx.path))
      site.app.use(router.routes())
      for (const path of ['/films/1', '/films/2', '/films/1']) expect((await site.ask(path)).text).toBe(path)
      expect(statusOf(await site.ask('/films/2'))).toBe(HIT)
    })

    test.each<[where: string, mount: (router: Router, page: Middleware) => unknown]>([
      ['router.use', (router, page) => router.use(page)],
      ['router.use below a path', (router, page) => router.use('/films', page)],
      ['router.use below a parameter', (router, page) => router.use('/:kind', page)],
    ])('mounted with %s matches beginnings of paths, so it is bypassed and says what to do', async (_, mount) => {
      await using site = newSite(Koa)
      const router = new Router()
      mount(router, cached(site.cache))
      router.get('/films/:id', (ctx) => void (ctx.body = ctx.params['id']))
      site.app.use(router.routes())
      const warned = once(process, 'warning')
      for (const id of ['1', '2'])
        expect(await site.ask(`/films/${id}`)).toMatchObject({
          text: id,
          headers: { 'cache-status': 'CacheAlchemy;fwd=bypass;detail="no path"' },
        })
      expect((await warned)[0]).toMatchObject({ message: expect.stringContaining('`path`') as string })
    })

    test('behind another that matched too has the parameters of its own', async () => {
      await using site = newSite(Koa)
      const router = new Router()
      const page = cached(site.cache)
      router.get('/:any/:thing', (_ctx, next) => next())
      router.get('/films/:id', page, (ctx) => void (ctx.body = ctx.params['id']))
      site.app.use(router.routes())
      for (const id of ['1', '2', '1']) expect((await site.ask(`/films/${id}`)).text).toBe(id)
      expect(statusOf(await site.ask('/films/2'))).toBe(HIT)
      await page.clear({ params: { id: '1' } })
      expect([statusOf(await site.ask('/films/1')), statusOf(await site.ask('/films/2'))]).toEqual([STORED, HIT])
    })

    test('below a mount path is another than below the next', async () => {
      await using site = newSite(Koa)
      const router = new Router()
      router.get('/films/:id', cached(site.cache), (ctx) => void (ctx.body = ctx['mountPath'] as string))
      const below = (mountPath: string): Middleware => mountedAt(mountPath, router.routes() as Middleware)
      site.app.use(below('/v1')).use(below('/v2'))
      expect([(await site.ask('/v1/films/1')).text, (await site.ask('/v2/films/1')).text]).toEqual(['/v1', '/v2'])
      for (const path of ['/v1/films/1', '/v2/films/1'])
        expect(statusOf(await site.ask(path))).toBe('CacheAlchemy;fwd=bypass;detail="other path"')
    })

    test('without a router answers to the letter for its path, decoded', async () => {
      await using site = newSite(Koa)
      const page = cached(site.cache, { path: '/films/:id' })
      site.app.use(page).use((ctx) => void (ctx.body = ctx.path))
      for (const path of ['/films/a%20b', '/films/%61%20b'])
        expect([(await site.ask(path)).text, statusOf(await site.ask(path))]).toEqual([path, HIT])
      for (const other of ['/Films/a%20b', '/films/a%20b/', '/films', '/films/%E0%A4'])
        expect(await site.ask(other)).toMatchObject({ text: other, headers: {} })
      await page.clear({ params: { id: 'a b' } })
      expect(statusOf(await site.ask('/films/a%20b'))).toBe(STORED)
    })
  })

  describe('a router behind a cached route', () => {
    const behind = async (
      handler: (router: Router) => unknown,
      options: ConstructorParameters<typeof Router>[0] = {},
      between?: Middleware,
    ): Promise<string | undefined> => {
      await using site = newSite(Koa)
      const router = new Router(options)
      handler(router)
      site.app.use(cached(site.cache, { path: '/' }))
      if (between !== undefined) site.app.use(between)
      site.app.use(new Router().get('/other', () => {}).routes()).use(router.routes())
      return statusOf(await site.ask())
    }
    const answer = (router: Router): unknown => router.get('/', (ctx) => void (ctx.body = 'a'))

    test('asks for the host, which is no reading of the handler’s', async () => {
      expect(await behind(answer)).toBe(STORED)
    })

    test('that answers for one host depends on it', async () => {
      expect(await behind(answer, { host: /.*/ })).toBe(refused('unkeyed host'))
    })

    test('hides no reading of a handler’s', async () => {
      expect(await behind((router) => router.get('/', (ctx) => void (ctx.body = ctx.host)))).toBe(refused('unkeyed host'))
      expect(await behind(answer, {}, (ctx, next) => (ctx.host, next()))).toBe(refused('unkeyed host'))
    })
  })

  describe('a write', () => {
    /** A route that writes, whose clear waits for a gate. */
    function newWrite(handler: Middleware, options = {}, outer?: Middleware): Site & { gate: ReturnType<typeof newGate>; order: string[] } {
      const site = newSite(Koa)
      const gate = newGate()
      const order: string[] = []
      const target = site.cache.memoize(async () => 1, { name: 'target' })
      // As slow as a store that takes its time to acknowledge.
      engineOf(site.cache).record = async () => {
        await gate.wait()
        order.push('cleared')
        if ('onUnconfirmed' in options) throw new Error('not confirmed')
      }
      if (outer !== undefined) site.app.use(outer)
      site.app.use(invalidates(target, undefined, options)).use(handler)
      return Object.assign(site, { gate, order })
    }

    test.each<[how: string, handler: (ctx: Context) => unknown]>([
      ['a text', (ctx) => (ctx.body = 'ok')],
      ['a stream', (ctx) => (ctx.body = Readable.from(['o', 'k']))],
      ['the handler itself, past Koa', (ctx) => ((ctx.respond = false), (ctx.res.statusCode = 200), ctx.res.write('o'), ctx.res.end('k'))],
      ['the handler itself, in Koa', (ctx) => ((ctx.res.statusCode = 200), ctx.res.end('ok'))],
    ])('answered by %s is not heard of before the clear', async (_, handler) => {
      await using site = newWrite((ctx) => void handler(ctx))
      const reply = site.ask('/', { method: 'POST' }).finally(() => site.order.push('heard'))
      await site.gate.reached()
      await site.ask('/')
      expect(site.order).toEqual([])
      site.gate.open()
      expect((await reply).text).toBe('ok')
      expect(site.order).toEqual(['cleared', 'heard'])
    })

    test('that is only a success for an outer layer is cleared too', async () => {
      const outer: Middleware = async (ctx, next) => {
        await next()
        ctx.status = 201
        ctx.body = 'made'
      }
      await using site = newWrite(() => {}, {}, outer)
      site.gate.open()
      expect(await site.ask('/', { method: 'POST' })).toMatchObject({ status: 201, text: 'made' })
      expect(site.order).toEqual(['cleared'])
    })

    test('whose clear is not confirmed is a 503 where that is asked for, with the fields of outer layers and none of its own', async () => {
      const outer: Middleware = (ctx, next) => (ctx.set('X-Outer', '1'), next())
      for (const body of ['ok', Readable.from(['ok']), { ok: true }]) {
        await using site = newWrite(
          (ctx) => (ctx.set('X-Inner', '1'), ctx.set('X-Outer', '2'), (ctx.type = 'text/css'), void (ctx.body = body)),
          { onUnconfirmed: 'fail' },
          outer,
        )
        site.gate.open()
        const reply = await site.ask('/', { method: 'POST' })
        expect(reply).toMatchObject({
          status: 503,
          message: 'Service Unavailable',
          headers: { 'x-outer': '1', 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
        })
        expect(reply.headers['x-inner']).toBeUndefined()
        expect(reply.text).toContain('The change was made')
        expect(site.errors).toHaveLength(1)
      }
    })

    test('that passes `invalidates` twice waits for both', async () => {
      await using site = newSite(Koa)
      const cleared: string[] = []
      const engine = engineOf(site.cache)
      const record = engine.record.bind(engine)
      engine.record = (kind, refsOf) => (cleared.push(refsOf()[0]!.name), record(kind, refsOf))
      const layers = ['a', 'b'].map((name) => invalidates(site.cache.memoize(async () => 1, { name })))
      for (const layer of layers) site.app.use(layer)
      site.app.use((ctx) => void (ctx.body = 'ok'))
      expect((await site.ask('/', { method: 'POST' })).text).toBe('ok')
      expect(cleared).toEqual(['b', 'a'])
    })
  })

  test('a route that is nested in itself waits for no one', async () => {
    await using site = newSite(Koa)
    const page = cached(site.cache, { path: '/' })
    site.app
      .use(page)
      .use(page)
      .use((ctx) => void (ctx.body = 'a'))
    expect([(await site.ask()).text, statusOf(await site.ask())]).toEqual(['a', HIT])
  })
})

/** As koa-mount does. */
function mountedAt(prefix: string, inner: Middleware): Middleware {
  return async (ctx: Context, next: Next) => {
    const before = ctx.path
    if (!before.startsWith(`${prefix}/`)) return next()
    ctx['mountPath'] = prefix
    ctx.path = before.slice(prefix.length)
    await inner(ctx, async () => {
      ctx.path = before
      await next()
      ctx.path = before.slice(prefix.length)
    })
    ctx.path = before
  }
}
