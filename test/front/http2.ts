// In front of an application that is served over HTTP/2, by Node.js's compatible interface. Express cannot be served over it.
import { once } from 'node:events'
import { connect, createSecureServer, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cached, front, type RouteOptions } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { newWarnings, type Warnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { serve2 } from '../support/http2.ts'
import { SECURE_CLIENT, SECURE_SERVER } from '../support/tls.ts'

export function http2(): void {
  let cache: Cache
  let warnings: Warnings
  let entered: number
  beforeEach(() => {
    cache = openCache({ redis: false }, newClock().now)
    warnings = newWarnings()
    entered = 0
  })
  afterEach(async () => {
    warnings.stop()
    await cache.close()
  })

  type Listener = Parameters<typeof serve2>[0]

  function fronted(outer: (ctx: Context) => void, handler: (ctx: Context) => unknown, options: RouteOptions = {}): Listener {
    const app = new Koa()
    app.silent = true
    app.use((ctx, next) => {
      outer(ctx)
      return next()
    })
    const router = new Router()
    router.get('/:id', cached(cache, { path: '/:id', front: true, ...options }), async (ctx) => void (await handler(ctx)))
    app.use(router.routes())
    const listener = app.callback()
    return front(cache, (req: never, res: never) => {
      entered++
      return listener(req, res)
    })
  }

  test('over HTTP/2 a hit is what left, and no layer runs for it', async () => {
    await using site = await serve2(
      fronted(
        (ctx) => ctx.set('X-Outer', `run ${entered}`),
        (ctx) => (ctx.body = 'body'),
      ),
    )
    const first = await site.ask('/1')
    const second = await site.ask('/1')
    expect([first.text, second.text, second.headers['x-outer'], entered]).toEqual(['body', 'body', 'run 1', 1])
    expect(second.headers).toMatchObject({ etag: first.headers['etag'], date: first.headers['date'], age: '0', 'content-length': '4' })
    expect(second.headers['cache-status']).toBe('CacheAlchemy;hit;ttl=86400')
    expect(await site.ask('/1', { 'if-none-match': first.headers['etag'] })).toMatchObject({ status: 304, text: '' })
    expect(await site.ask('/1', { ':method': 'HEAD' })).toMatchObject({ status: 200, text: '' })
    expect(await site.ask('/1', { range: 'bytes=0-1' })).toMatchObject({ status: 206, text: 'bo' })
    expect(entered).toBe(1)
    expect(warnings.texts).toHaveLength(1)
  })

  test('over HTTP/2 an empty answer is one in front too', async () => {
    await using site = await serve2(
      fronted(
        () => {},
        (ctx) => (ctx.status = 204),
      ),
    )
    for (let i = 0; i < 3; i++) expect(await site.ask('/1')).toMatchObject({ status: 204, text: '' })
    expect(entered).toBe(1)
  })

  test('over HTTP/2 each authority has its own answers, and who says two things of it or of its scheme is not believed', async () => {
    const shown = (ctx: Context): void =>
      ctx.set('X-Said', [ctx.req.headers[':authority'], ctx.req.headers.host, ctx.req.headers[':scheme']].join())
    await using site = await serve2(fronted(shown, (ctx) => (ctx.body = 'a')))
    const asked = [
      { ':authority': 'a.test' },
      { ':authority': 'b.test' },
      { ':authority': 'a.test', host: 'b.test' },
      { ':authority': 'a.test', host: 'a.test' },
      { ':authority': 'a.test', ':scheme': 'https' },
      { ':authority': 'a.test', ':scheme': 'http' },
    ]
    for (let turn = 0; turn < 3; turn++) {
      for (const headers of asked) {
        const { 'x-said': said } = (await site.ask('/1', headers)).headers
        const [authority, host, scheme] = String(said).split(',')
        expect([authority, scheme]).toEqual([headers[':authority'], headers[':scheme'] ?? 'http'])
        if (headers.host !== undefined && headers.host !== headers[':authority']) expect(host).toBe(headers.host)
      }
    }
    // The two that are not believed come to the application each time.
    expect(entered).toBe(2 + 3 + 3)
  })

  test.each([
    ['the address', (ctx: Context) => ctx.req.socket.remoteAddress],
    ['the address on the response', (ctx: Context) => ctx.res.socket?.remoteAddress],
    ['the stream', (ctx: Context) => (ctx.req as unknown as { stream: object }).stream],
    ['the stream of the response', (ctx: Context) => (ctx.res as unknown as Http2ServerResponse).stream],
    ['cookies', (ctx: Context) => ctx.cookies.get('a')],
  ])('over HTTP/2 an answer for which a layer read %s is given behind the front', async (_what, read) => {
    await using site = await serve2(
      fronted(
        (ctx) => void read(ctx),
        (ctx) => (ctx.body = 'a'),
      ),
    )
    for (let i = 0; i < 2; i++) expect((await site.ask('/1', { cookie: 'a=b' })).text).toBe('a')
    expect(entered).toBe(2)
  })

  test.each(['setTrailer', 'addTrailers'] as const)('over HTTP/2 an answer with trailers (%s) is given behind the front', async (way) => {
    const outer = (ctx: Context): void => {
      const res = ctx.res as unknown as Http2ServerResponse
      if (way === 'setTrailer') (res as unknown as { setTrailer(name: string, value: string): void }).setTrailer('x-sum', '1')
      else res.addTrailers({ 'x-sum': '1' })
    }
    await using site = await serve2(fronted(outer, (ctx) => (ctx.body = 'a')))
    for (let i = 0; i < 3; i++) expect((await site.ask('/1')).text).toBe('a')
    expect(entered).toBe(3)
  })

  test('over HTTP/2 with TLS a hit is told apart from one of HTTP/1.1 by nothing', async () => {
    const server = createSecureServer(
      { ...SECURE_SERVER, allowHTTP1: true },
      fronted(
        (ctx) => ctx.set('X-Protocol', ctx.protocol),
        (ctx) => (ctx.body = 'a'),
        { ignore: ['x-forwarded-proto'] },
      ),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const session = connect(`https://127.0.0.1:${port}`, SECURE_CLIENT)
    try {
      for (let i = 0; i < 3; i++) {
        const stream = session.request({ ':path': '/1' }).end()
        const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
        let text = ''
        for await (const chunk of stream.setEncoding('utf8')) text += String(chunk)
        expect([head['x-protocol'], text]).toEqual(['https', 'a'])
      }
      expect(entered).toBe(1)
    } finally {
      session.destroy()
      server.close()
    }
  })
}

export function options(): void {
  describe('a front', () => {
    test('says once, when it is made, what does not run', async () => {
      const warnings = newWarnings()
      await using cache = openCache({ redis: false }, newClock().now)
      front(cache, () => undefined)
      warnings.stop()
      expect(warnings.texts).toEqual([expect.stringMatching(/authentication, logging, rate limits and metrics.*`onHit`/)])
    })

    test('is for a listener, of a cache', async () => {
      await using cache = openCache({ redis: false }, newClock().now)
      for (const wrong of [undefined, {}, 'app']) expect(() => front(cache, wrong as never)).toThrow(/request listener.*got /)
      expect(() => front({} as never, () => undefined)).toThrow(/cache/i)
    })

    test('and what asks the framework’s request, or is not in this process, do not go together', async () => {
      await using cache = openCache({ redis: false }, newClock().now)
      const wrong: [RouteOptions, RegExp][] = [
        [{ front: true, partition: () => 'a' }, /`partition`.*`front: true`.*leave out/],
        [{ front: true, bypass: () => true }, /`bypass`.*`front: true`.*leave out/],
        [
          { front: true, store: { get: async () => undefined, set: async () => {}, delete: async () => {}, close: async () => {} } },
          /`store`.*"memory" or "tiered".*your own/,
        ],
        [{ front: 'yes' as never }, /`front`/],
        [{ onHit: () => {} }, /`onHit`.*`front: true`/],
        [{ front: false, onHit: () => {} }, /`onHit`.*`front: true`/],
        [{ front: true, onHit: 'log' as never }, /`onHit`/],
      ]
      for (const [given, text] of wrong) expect(() => cached(cache, given)).toThrow(text)
      expect(() => cached(cache, { front: false, partition: () => 'a' })).not.toThrow()
    })

    test('of a cache that is switched off lets all go through', async () => {
      process.env['CACHE_ALCHEMY_DISABLED'] = '1'
      const cache = openCache({ redis: false }, newClock().now)
      delete process.env['CACHE_ALCHEMY_DISABLED']
      const warnings = newWarnings()
      const calls: unknown[] = []
      const listener = front(cache, (req: unknown, res: unknown) => calls.push(req, res))
      warnings.stop()
      listener(1 as never, 2 as never)
      expect(calls).toEqual([1, 2])
      await cache.close()
    })
  })
}
