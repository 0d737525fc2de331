// Koa over HTTP/2, by Node.js's compatible interface. Express cannot be served over it.
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import Router from '@koa/router'
import Koa3, { type Context, type Middleware } from 'koa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cached, invalidates, type RouteOptions } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { COLLAPSED, HIT, newWarnings, refused, STORED, STORED_AMONG_OTHERS, type Warnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { ask, serve } from '../support/http.ts'
import { serve2, type Http2Site, type Reply2 } from '../support/http2.ts'

const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa3],
])('over HTTP/2, %s', (_name, Koa) => {
  let cache: Cache
  let warnings: Warnings
  let nodesWarnings: string[]
  const listen = (warning: Error): void => void nodesWarnings.push(warning.message)
  beforeEach(() => {
    cache = openCache({ redis: false }, newClock().now)
    warnings = newWarnings()
    nodesWarnings = []
    process.on('warning', listen)
  })
  afterEach(async () => {
    warnings.stop()
    process.off('warning', listen)
    await cache.close()
  })

  interface App {
    get(path: string, options: RouteOptions, handler: (ctx: Context) => unknown): ReturnType<typeof cached>
    put(path: string, layer: Middleware, handler: (ctx: Context) => unknown): void
    callback(): Parameters<typeof serve2>[0]
  }

  function newApp(): App {
    const app = new Koa()
    app.silent = true
    app.use((ctx, next) => {
      if (ctx.get('x-who') !== '') ctx.state['viewer'] = ctx.get('x-who')
      return next()
    })
    return {
      get(path, options, handler) {
        const router = new Router()
        const route = cached(cache, options)
        router.get(path, route, async (ctx) => void (await handler(ctx)))
        app.use(router.routes())
        return route
      },
      put(path, layer, handler) {
        const router = new Router()
        router.put(path, layer, async (ctx) => void (await handler(ctx)))
        app.use(router.routes())
      },
      callback: () => app.callback(),
    }
  }

  test('a page is a hit, a 304, a part, and the answer to a HEAD', async () => {
    const app = newApp()
    app.get('/a', {}, (ctx) => void (ctx.body = 'abc'))
    await using site = await serve2(app.callback())
    const first = await site.ask('/a')
    const second = await site.ask('/a')
    expect([statusOf(first), statusOf(second), second.text]).toEqual([STORED, HIT, 'abc'])
    const etag = first.headers.etag!
    expect(await site.ask('/a', { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' })
    expect(await site.ask('/a', { range: 'bytes=1-1' })).toMatchObject({ status: 206, text: 'b' })
    // Koa 2 does not answer one over HTTP/2, with or without a cache.
    const head = Koa === Koa2 ? second : await site.ask('/a', { ':method': 'HEAD' })
    expect([statusOf(head), head.headers['content-length']]).toEqual([HIT, '3'])
    // Node.js warns who asks for a reason phrase, which HTTP/2 has not.
    await new Promise(setImmediate)
    expect([nodesWarnings, warnings.texts]).toEqual([[], []])
  })

  test.each([
    ['a stream', (ctx: Context) => (ctx.body = Readable.from(['a', 'b', 'c']))],
    ['what is written past Koa', (ctx: Context) => ((ctx.respond = false), ctx.res.writeHead(200), ctx.res.write('ab'), ctx.res.end('c'))],
  ])('%s arrives whole each time', async (_kind, handler) => {
    const app = newApp()
    app.get('/a', {}, handler)
    await using site = await serve2(app.callback())
    for (let at = 0; at < 3; at++) expect(await site.ask('/a')).toMatchObject({ status: 200, text: 'abc' })
  })

  test('the authority is the host: seen to be read under any name, and part of the key', async () => {
    const app = newApp()
    const reads: Record<string, (ctx: Context) => unknown> = {
      '/host': (ctx) => ctx.host,
      '/hostname': (ctx) => ctx.hostname,
      '/href': (ctx) => ctx.href,
      '/field': (ctx) => ctx.get(':authority'),
      '/raw': (ctx) => ctx.req.headers[':authority'],
      '/own': (ctx) => (ctx.req as unknown as { authority: string }).authority,
    }
    for (const [path, read] of Object.entries(reads)) {
      app.get(path, {}, (ctx) => void (ctx.body = read(ctx)))
      app.get(`/keyed${path}`, { headers: ['host'], ignore: ['protocol'] }, (ctx) => void (ctx.body = read(ctx)))
    }
    await using site = await serve2(app.callback())
    for (const path of Object.keys(reads)) {
      const [a, b] = [await site.ask(path, { ':authority': 'a.test' }), await site.ask(path, { ':authority': 'b.test' })]
      expect([a.text, b.text].map((text) => /[ab]\.test/.exec(text)?.[0])).toEqual(['a.test', 'b.test'])
      for (const reply of [a, b]) expect([path, statusOf(reply)]).toEqual([path, expect.stringMatching(/unkeyed (?:host|protocol)"/)])

      const keyed: Reply2[] = []
      for (const authority of ['a.test', 'b.test', 'a.test']) keyed.push(await site.ask(`/keyed${path}`, { ':authority': authority }))
      expect(keyed.map(statusOf)).toEqual([STORED_AMONG_OTHERS, STORED_AMONG_OTHERS, HIT])
      expect(keyed.map((reply) => /[ab]\.test/.exec(reply.text)?.[0])).toEqual(['a.test', 'b.test', 'a.test'])
    }
  })

  test('an authority and a Host that differ are no other request’s, and a clear by host covers its authority', async () => {
    const app = newApp()
    const page = app.get('/a', { headers: ['host'] }, (ctx) => void (ctx.body = `${ctx.get(':authority')} ${ctx.get('host')}`))
    await using site = await serve2(app.callback())
    const texts: string[] = []
    for (const headers of [{ ':authority': 'a.test' }, { ':authority': 'a.test', host: 'b.test' }, { ':authority': 'b.test' }])
      texts.push((await site.ask('/a', headers)).text)
    expect(texts).toEqual(['a.test ', 'a.test b.test', 'b.test '])
    await page.clear({ headers: { host: 'a.test' } })
    const after = [await site.ask('/a', { ':authority': 'a.test' }), await site.ask('/a', { ':authority': 'b.test' })]
    expect(after.map(statusOf)).toEqual([STORED_AMONG_OTHERS, HIT])
  })

  test.each<[string, (ctx: Context) => unknown, string]>([
    ['its scheme', (ctx) => ctx.req.headers[':scheme'], 'protocol'],
    ['its stream', (ctx) => typeof (ctx.req as unknown as { stream: object }).stream, 'ip'],
    ['the stream of its response', (ctx) => typeof (ctx.res as unknown as { stream: object }).stream, 'ip'],
    ['the socket of its response', (ctx) => ctx.res.socket?.remoteAddress, 'ip'],
    ['its socket', (ctx) => ctx.req.socket.remoteAddress, 'ip'],
    ['a cookie', (ctx) => ctx.cookies.get('a'), 'cookie'],
    ['who asks', (ctx) => ctx.state['viewer'], 'ctx.state.viewer'],
  ])('a page that reads %s is not stored', async (_what, read, input) => {
    const app = newApp()
    app.get('/a', {}, (ctx) => void (ctx.body = `read ${String(read(ctx))}`))
    await using site = await serve2(app.callback())
    const replies = [await site.ask('/a', { 'x-who': 'ann', cookie: 'a=1' }), await site.ask('/a', { 'x-who': 'bob', cookie: 'a=2' })]
    expect(replies.map(statusOf)).toEqual(Array(2).fill(refused(`unkeyed ${input}`)))
    if (input === 'ctx.state.viewer') expect(replies.map((reply) => reply.text)).toEqual(['read ann', 'read bob'])
  })

  test('many wait for one on one connection, and are not stuck where the first goes away', async () => {
    const app = newApp()
    const gate = newGate()
    let runs = 0
    const page = app.get('/a', {}, async (ctx) => {
      const run = ++runs
      await gate.wait()
      ctx.body = `run ${run}`
    })
    await using site = await serve2(app.callback())
    const leader = site.session.request({ ':path': '/a' })
    leader.on('error', () => {})
    await gate.reached()
    const others = Array.from({ length: 50 }, () => site.ask('/a'))
    while (page.stats().coalesced < 50) await new Promise(setImmediate)
    leader.close(8)
    await gate.reached(2)
    while (page.stats().coalesced < 99) await new Promise(setImmediate)
    gate.open()
    const replies = await Promise.all(others)
    expect([runs, new Set(replies.map((reply) => reply.text))]).toEqual([2, new Set(['run 2'])])
    expect(replies.map(statusOf).filter((status) => status === COLLAPSED)).toHaveLength(49)
  })

  test('a write that is answered past Koa is held, leaves whole, and is seen by who asks after it', async () => {
    const app = newApp()
    let row = 'old'
    const getRow = cache.memoize(async () => row, { name: 'row' })
    app.get('/a', {}, async (ctx) => void (ctx.body = await getRow()))
    app.put('/a', invalidates(getRow) as Middleware, (ctx) => {
      row = 'new'
      ctx.res.writeHead(200, { 'x-a': '1' })
      ctx.res.end('done')
      ctx.respond = false
    })
    await using site = await serve2(app.callback())
    expect((await site.ask('/a')).text).toBe('old')
    expect(await site.ask('/a', { ':method': 'PUT' }, 'x')).toMatchObject({ status: 200, text: 'done', headers: { 'x-a': '1' } })
    expect((await site.ask('/a')).text).toBe('new')
  })

  test('early hints pass, and a hit has no field of the connection that it was stored from', async () => {
    const app = newApp()
    app.get('/hints', {}, (ctx) => {
      ctx.res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      ctx.body = 'abc'
    })
    app.get('/hop', {}, (ctx) => {
      ctx.set({ Connection: 'X-Hop', 'X-Hop': '1', 'Keep-Alive': 'timeout=1', 'X-End': '1' })
      ctx.body = 'abc'
      ctx.message = 'Fine'
    })
    await using site: Http2Site = await serve2(app.callback())
    expect((await site.ask('/hints')).early).toMatchObject([{ ':status': 103, link: '</a.css>; rel=preload' }])
    expect(statusOf(await site.ask('/hints'))).toBe(HIT)

    // The same application, over HTTP/1.1: of there it may be stored.
    await using server = await serve(app.callback() as unknown as RequestListener)
    expect(await ask(server.port, '/hop')).toMatchObject({ status: 200, message: 'Fine', headers: { 'keep-alive': 'timeout=1' } })
    const hit = await site.ask('/hop')
    expect([hit.status, statusOf(hit), hit.text, hit.headers['x-end']]).toEqual([200, HIT, 'abc', '1'])
    for (const name of ['connection', 'keep-alive', 'x-hop']) expect(hit.headers[name]).toBeUndefined()
  })
})

function statusOf(reply: Reply2): string | undefined {
  return reply.headers['cache-status']?.toString().replace(/;ttl=\d+/, '')
}
