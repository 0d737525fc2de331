// Every way to answer in Koa, 2 and 3: without a cache, the first time, as a hit, and held until a write is cleared.
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import Koa3, { type Context, type Middleware } from 'koa'
import { describe, expect, test } from 'vitest'
import { cached, front, invalidates } from '../../middleware/koa.ts'
import { openCache } from '../../src/cache.ts'
import { engineOf } from '../../src/door.ts'
import { HIT, newWarnings, statusOf } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { ask, serve, type Reply } from '../support/http.ts'
import { seenOf } from './same.ts'

const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3
const file = join(import.meta.dirname, '..', 'support', 'clock.ts')

type Way = (ctx: Context) => unknown
type Ways = Readonly<Record<string, Way>>

const bodies: Ways = {
  'a text': (ctx) => (ctx.body = 'é'),
  'a page': (ctx) => (ctx.body = '<p>é'),
  'an empty text': (ctx) => (ctx.body = ''),
  bytes: (ctx) => (ctx.body = Buffer.from([0, 255])),
  'no bytes': (ctx) => (ctx.body = Buffer.alloc(0)),
  'an object': (ctx) => (ctx.body = { a: 'é', b: undefined, c: [1, null], d: new Date(0) }),
  'a list': (ctx) => (ctx.body = [1, 'a']),
  'a number': (ctx) => (ctx.body = 17),
  'a boolean': (ctx) => (ctx.body = false),
  'an array of bytes that is no Buffer': (ctx) => (ctx.body = new Uint8Array([1, 2])),
  'an object of a type of its own': (ctx) => ((ctx.body = { a: 1 }), (ctx.type = 'application/vnd.api+json')),
  'a text without a type': (ctx) => ((ctx.body = 'a'), ctx.remove('Content-Type')),
  'a text with a length set by hand': (ctx) => ((ctx.body = 'é'), (ctx.length = 2)),
  nothing: (ctx) => (ctx.body = null),
  'nothing with a status': (ctx) => ((ctx.body = null), (ctx.status = 200)),
  'one body in place of another': (ctx) => ((ctx.body = { a: 1 }), (ctx.body = 'b')),
}

const streams: Ways = {
  'a stream': (ctx) => (ctx.body = Readable.from([Buffer.from('a'), 'é', new Uint8Array([98])])),
  'a stream with a type and a length': (ctx) => (
    (ctx.body = Readable.from([Buffer.from('abc')])),
    (ctx.type = 'text/css'),
    (ctx.length = 3)
  ),
  'an empty stream': (ctx) => (ctx.body = Readable.from([])),
  'a stream in place of another body': (ctx) => ((ctx.body = 'a'), (ctx.body = Readable.from(['b']))),
  'a stream in an encoding': (ctx) => (ctx.body = createReadStream(file, 'utf8')),
  'a file': (ctx) => ((ctx.type = 'ts'), (ctx.body = createReadStream(file))),
  'a part of a file through another stream': (ctx) => (ctx.body = createReadStream(file, { start: 3, end: 30 }).pipe(new PassThrough())),
  'a stream that is written to': (ctx) => {
    const through = new PassThrough()
    ctx.body = through
    through.write('a')
    setImmediate(() => through.end('b'))
  },
  'a blob': (ctx) => (ctx.body = new Blob(['ab', 'c'], { type: 'text/css' })),
  'a stream of the web': (ctx) => (ctx.body = new Blob(['abc']).stream()),
  'a response of the web': (ctx) => (ctx.body = new Response('abc', { status: 203, headers: { 'x-a': '1', 'content-type': 'text/css' } })),
  'a response of the web without a body': (ctx) => (ctx.body = new Response(null, { status: 200 })),
}

const heads: Ways = {
  'status 201': (ctx) => ((ctx.status = 201), ctx.set('Cache-Control', 'max-age=60'), (ctx.body = 'made')),
  'status 203 after the body': (ctx) => ((ctx.body = 'a'), (ctx.status = 203)),
  'status 204, which takes the body': (ctx) => ((ctx.body = 'a'), (ctx.status = 204)),
  'status 204 alone': (ctx) => (ctx.status = 204),
  'status 205': (ctx) => (ctx.set('Cache-Control', 'max-age=60'), (ctx.status = 205)),
  'status 404 with a body and a lifetime': (ctx) => ((ctx.status = 404), ctx.set('Cache-Control', 'max-age=60'), (ctx.body = 'none')),
  'status 410': (ctx) => ((ctx.status = 410), ctx.set('Cache-Control', 'max-age=60'), (ctx.body = { gone: true })),
  'a message of its own': (ctx) => ((ctx.body = 'a'), (ctx.message = 'Fine')),
  'redirect, with a lifetime': (ctx) => (ctx.set('Cache-Control', 'max-age=60'), ctx.redirect('/b?c=é')),
  'redirect for good': (ctx) => ((ctx.status = 301), ctx.redirect('/b')),
  'a place that moved': (ctx) => ((ctx.status = 301), ctx.set('Location', '/x'), (ctx.body = 'moved')),
  attachment: (ctx) => (ctx.attachment('€.txt'), (ctx.body = 'a')),
  'fields of all kinds': (ctx) => {
    ctx.set({ 'x-LOWER': '1', 'X-B': '2' })
    ctx.set('X-List', ['1', '2'])
    ctx.append('Link', '<a>')
    ctx.append('Link', ['<b>', '<c>'])
    ctx.set('X-Gone', '1')
    ctx.remove('X-Gone')
    ctx.body = 'a'
  },
  'a tag and a date': (ctx) => ((ctx.body = 'a'), (ctx.etag = 'x'), (ctx.lastModified = new Date(0))),
  'fields set past Koa': (ctx) => (ctx.res.setHeader('X-A', ['1', '2']), ctx.res.appendHeader('X-A', '3'), (ctx.body = 'a')),
  'early hints': (ctx) => (ctx.res.writeEarlyHints({ link: '</a.css>; rel=preload' }), (ctx.body = 'a')),
  'a body that comes later': async (ctx) => {
    await new Promise(setImmediate)
    ctx.body = 'a'
  },
}

/** Ways past Koa, of which nothing can be known in time. */
const strays: Ways = {
  'no body, which Koa and outer layers make up': (ctx) => (ctx.status = 200),
  'what cannot be JSON': (ctx) => {
    const body: Record<string, unknown> = {}
    ctx.body = Object.assign(body, { body })
  },
  'an answer that the handler sends itself': (ctx) => ((ctx.respond = false), ctx.res.end('a')),
  'an answer that the handler sends itself, later': (ctx) => {
    ctx.respond = false
    setImmediate(() => (ctx.res.writeHead(201, { 'X-A': '1' }), ctx.res.write('a'), ctx.res.end('b')))
  },
  'an answer that is half sent': (ctx) => (ctx.res.write('a'), (ctx.body = 'b')),
  'an answer that is sent in Koa': (ctx) => (ctx.res.writeHead(200, 'Fine'), ctx.res.end('a')),
  'a pipe past Koa': (ctx) => ((ctx.respond = false), (ctx.res.statusCode = 200), Readable.from(['a']).pipe(ctx.res)),
  'flushed headers': (ctx) => ((ctx.status = 200), ctx.set('X-A', '1'), ctx.flushHeaders(), (ctx.body = Readable.from(['a']))),
  'status 304 of its own': (ctx) => (ctx.status = 304),
}

/** Ways of answers that nobody may keep, of which the cache has nothing to read. */
const unkept: Ways = {
  'a blob that nobody may keep': (ctx) => (ctx.set('Cache-Control', 'private'), (ctx.body = new Blob(['abc']))),
  'a stream of the web that nobody may keep': (ctx) => (ctx.set('Cache-Control', 'private'), (ctx.body = new Blob(['abc']).stream())),
  'a response of the web that nobody may keep': (ctx) => (ctx.set('Cache-Control', 'no-store'), (ctx.body = new Response('abc'))),
  'a stream that nobody may keep': (ctx) => (ctx.set('Cache-Control', 'private'), (ctx.body = Readable.from(['a', 'b']))),
}

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa3],
])('%s: an answer and its hit are what they are without a cache', (_, Koa) => {
  async function replies(count: number, way: Way, layer?: Middleware, method = 'GET'): Promise<Reply[]> {
    const app = new Koa()
    app.silent = true
    const handler: Middleware = async (ctx) => void (await way(ctx))
    if (layer !== undefined) app.use(layer)
    await using server = await serve(app.use(handler).callback())
    const all: Reply[] = []
    while (all.length < count) all.push(await ask(server.port, '/', { method }))
    return all
  }

  async function fronted(way: Way): Promise<Reply[]> {
    const cache = openCache({ redis: false }, newClock().now)
    const app = new Koa()
    let entered = 0
    app
      .use((_ctx, next) => (entered++, next()))
      .use(cached(cache, { path: '/', front: true }))
      .use(async (ctx) => void (await way(ctx)))
    const warnings = newWarnings('FRONT')
    await using server = await serve(front(cache, app.callback()))
    const all: Reply[] = []
    // What streams is kept in front with its tag, which its first hit has.
    while (all.length < 3) all.push(await ask(server.port, '/'))
    warnings.stop()
    await cache.close()
    expect(warnings.texts).toEqual([])
    expect(entered).toBeLessThan(3)
    return all
  }

  async function compared(way: Way): Promise<Reply[]> {
    const warnings = newWarnings()
    const cache = openCache({ redis: false }, newClock().now)
    const [plain] = (await replies(1, way)) as [Reply]
    const both = await replies(2, way, cached(cache, { path: '/' }))
    warnings.stop()
    await cache.close()
    for (const reply of both) expect(seenOf(reply, plain)).toEqual(seenOf(plain, plain))
    expect(warnings.texts).toEqual([])
    return both
  }

  for (const [group, ways] of Object.entries({ bodies, streams, heads })) {
    describe(group, () => {
      test.each(Object.entries(ways))('%s', async (_way, way) => {
        const [first, hit] = (await compared(way)) as [Reply, Reply]
        expect([statusOf(hit), hit.headers['date']]).toEqual([HIT, first.headers['date']])
      })

      test.each(Object.entries(Koa === Koa3 ? ways : {}))('%s, in front', async (_way, way) => {
        const [plain] = (await replies(1, way)) as [Reply]
        const [first, , hit] = (await fronted(way)) as [Reply, Reply, Reply]
        for (const reply of [first, hit]) expect(seenOf(reply, plain)).toEqual(seenOf(plain, plain))
        expect([statusOf(hit), hit.headers['date']]).toEqual([HIT, first.headers['date']])
      })
    })
  }

  describe('past the cache', () => {
    test.each(Object.entries({ ...strays, ...unkept }))('%s', async (_way, way) => {
      const [, second] = (await compared(way)) as [Reply, Reply]
      expect(statusOf(second) ?? '').not.toContain('hit')
    })
  })

  describe('and so is one that a clear precedes', () => {
    test.each(Object.entries({ ...bodies, ...streams, ...heads, ...strays, ...unkept }))('%s', async (_way, way) => {
      const cache = openCache({ redis: false }, newClock().now)
      const target = cache.memoize(async () => 1, { name: 'target' })
      const clears: string[] = []
      const engine = engineOf(cache)
      const record = engine.record.bind(engine)
      engine.record = async (kind, refsOf) => {
        await new Promise(setImmediate)
        await record(kind, refsOf)
        clears.push(kind)
      }
      const [plain] = (await replies(1, way, undefined, 'POST')) as [Reply]
      const [reply] = (await replies(1, way, invalidates(target), 'POST')) as [Reply]
      await cache.close()
      expect(seenOf(reply, plain)).toEqual(seenOf(plain, plain))
      // What fails when its handler is done has been written all the same.
      const isWritten = plain.status < 400 || way === strays['what cannot be JSON']
      expect(clears).toEqual(isWritten ? ['clear'] : [])
    })
  })
})
