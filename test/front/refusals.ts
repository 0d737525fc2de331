// What is never answered in front of an application, and is right behind it: whose answer it may be, a layer around the route has asked.
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { Exchange, Framework } from '../routes/framework.ts'
import { HIT, statusOf, STORED } from '../routes/site.ts'
import { response, type Ask } from '../support/http.ts'
import { isFronted, newFrontSite, type FrontSite } from './site.ts'

/** Runs `hook` where the head of a response leaves, as `on-headers` does for compressors and sessions. */
function onHead(res: ServerResponse, hook: () => void): void {
  const { writeHead } = res
  res.writeHead = (...args: unknown[]) => {
    res.writeHead = writeHead
    hook()
    return Reflect.apply(writeHead, res, [res.statusCode, ...args.slice(1)])
  }
}

type Around = (x: Exchange, next: () => unknown) => unknown

const before = (read: (x: Exchange) => unknown): Around => {
  return (x, next) => {
    void read(x)
    return next()
  }
}

export function refusals(framework: Framework): void {
  const { cached } = framework

  /** A page at "/" within a layer, and what it was asked and answered. */
  function newPage(
    site: FrontSite,
    around: Around,
    options: RouteOptions<Exchange> = {},
    handler: (x: Exchange) => unknown = (x) => x.send('a'),
  ) {
    site.app.around(around)
    const page = cached(site.cache, { path: '/', front: true, ...options })
    site.app.on('get', '/', [page], handler)
    return page
  }

  const readers: readonly (readonly [string, Around, string])[] = [
    ['cookies', before((x) => x.header('cookie')), 'cookie'],
    ['the address on the request', before(({ req }) => req.socket.remoteAddress), 'ip'],
    ['the address on its connection', before(({ req }) => req.connection.remotePort), 'ip'],
    ['the address on the request, by a private name', before(({ req }) => Reflect.get(req.socket, '_peername')), 'ip'],
    ['the address on the response', before(({ res }) => res.socket!.remoteAddress), 'ip'],
    ['the address on the connection of the response', before(({ res }) => res.connection!.remoteAddress), 'ip'],
    ['X-Forwarded-For', before((x) => x.header('X-Forwarded-For')), 'x-forwarded-for'],
    ['X-Forwarded-Host', before((x) => x.header('X-Forwarded-Host')), 'x-forwarded-host'],
    ['X-Forwarded-Proto', before(({ req }) => 'x-forwarded-proto' in req.headers), 'x-forwarded-proto'],
    ['User-Agent', before((x) => x.header('user-agent')), 'user-agent'],
    ['a key of an API', before(({ req }) => req.headersDistinct['x-api-key']), 'x-api-key'],
    ['all headers', before(({ req }) => ({ ...req.headers })), 'headers'],
    ['raw headers', before(({ req }) => req.rawHeaders.length), 'headers'],
    ['cookies where the head leaves', before(({ req, res }) => onHead(res, () => void req.headers.cookie)), 'cookie'],
    [
      'cookies when its route has answered',
      async ({ req }, next) => {
        await next()
        void req.headers.cookie
      },
      'cookie',
    ],
  ]

  describe('an answer for which a layer around its route', () => {
    test.each(readers)('read %s is given behind the front', async (_what, around, input) => {
      await using site = newFrontSite(framework)
      const page = newPage(site, around)
      const replies = [await site.ask('/'), await site.ask('/'), await site.ask('/')]
      // In Express what runs after `next` runs when the answer has left: nothing of it depends on that.
      const isLate = framework.prefix === 'express' && around === readers.at(-1)![1]
      expect([site.entered(), replies.map(statusOf)]).toEqual([isLate ? 1 : 3, [STORED, HIT, HIT]])
      expect(page.stats()).toMatchObject({ hits: 2, misses: 1 })
      expect(site.advice()).toEqual(isLate ? [] : [expect.stringContaining(`\`ignore: ["${input}"]\``)])
    })

    test.each(readers)('read %s is given in front where its route is told to ignore that', async (_what, around, input) => {
      await using site = newFrontSite(framework)
      newPage(site, around, { ignore: [input] })
      expect([await isFronted(site), site.advice()]).toEqual([true, []])
    })

    test.each(readers)('read %s is given in front where its route ignores all', async (_what, around) => {
      await using site = newFrontSite(framework)
      newPage(site, around, { ignore: true })
      expect(await isFronted(site)).toBe(true)
    })

    test('read what makes it another for each is never another’s', async () => {
      await using site = newFrontSite(framework)
      newPage(site, ({ req, res }, next) => {
        res.setHeader('X-For', String(req.headers.cookie))
        return next()
      })
      const asked = ['a', 'b', 'a', 'c'].map((cookie) => site.ask('/', { headers: { cookie } }))
      expect((await Promise.all(asked)).map(({ headers }) => headers['x-for'])).toEqual(['a', 'b', 'a', 'c'])
      const again = []
      for (const cookie of ['b', 'a']) again.push((await site.ask('/', { headers: { cookie } })).headers['x-for'])
      expect(again).toEqual(['b', 'a'])
    })

    test('reads the address as frameworks compute it is given behind the front', async () => {
      await using site = newFrontSite(framework)
      newPage(
        site,
        before((x) => x.ip),
      )
      expect(await isFronted(site)).toBe(false)
      await using other = newFrontSite(framework)
      newPage(
        other,
        before((x) => x.ip),
        { ignore: ['ip', 'X-Forwarded-For'] },
      )
      expect(await isFronted(other)).toBe(true)
    })

    test('reads nothing of, and its handler reads cookies while it streams, is stored by no route that has nothing to do with the front', async () => {
      await using site = newFrontSite(framework)
      cached(site.cache, { name: 'anywhere', front: true })
      site.app.on('get', '/', [cached(site.cache, { path: '/' })], (x) => {
        const body = async function* (): AsyncGenerator<Buffer> {
          yield Buffer.from('for ')
          await new Promise(setImmediate)
          yield Buffer.from(String(x.req.headers.cookie))
        }
        x.send(Readable.from(body()))
      })
      for (const cookie of ['a', 'b']) expect((await site.ask('/', { headers: { cookie } })).text).toBe(`for ${cookie}`)
    })

    test('left something that its handler read is not even stored', async () => {
      await using site = newFrontSite(framework)
      let user = 0
      newPage(
        site,
        before((x) => (x.state['user'] = `user ${++user}`)),
        {},
        (x) => x.send(String(x.state['user'])),
      )
      expect([(await site.ask('/')).text, (await site.ask('/')).text]).toEqual(['user 1', 'user 2'])
    })
  })

  describe('an answer', () => {
    const setters: readonly (readonly [string, Around])[] = [
      ['before its route', before(({ res }) => res.setHeader('Set-Cookie', 'id=1'))],
      ['where its head leaves', before(({ res }) => onHead(res, () => res.setHeader('Set-Cookie', ['id=1', 'b=2'])))],
      [
        'in the arguments of writeHead',
        ({ res }, next) => {
          const { writeHead } = res
          res.writeHead = (status: number) => Reflect.apply(writeHead, res, [status, { 'set-cookie': 'id=1' }])
          return next()
        },
      ],
    ]
    test.each(setters)('to which a layer sets a cookie %s is given behind the front', async (_when, around) => {
      await using site = newFrontSite(framework)
      newPage(site, around, { ignore: true })
      const replies = [await site.ask('/'), await site.ask('/')]
      expect([site.entered(), replies.map(({ headers }) => headers['set-cookie']?.startsWith('id=1'))]).toEqual([2, [true, true]])
    })

    const changes: readonly (readonly [string, (x: Exchange) => void, RouteOptions<Exchange>])[] = [
      ['status', ({ res }) => void (res.statusCode = 203), {}],
      ['Cache-Control', ({ res }) => res.setHeader('Cache-Control', 'private'), {}],
      ['Cache-Control, which it takes away,', ({ res }) => res.removeHeader('Cache-Control'), {}],
      ['Expires', ({ res }) => res.setHeader('Expires', '0'), {}],
      ['Date', ({ res }) => res.setHeader('Date', 'Mon, 01 Jan 2024 00:00:00 GMT'), {}],
      ['own control of a cache', ({ res }) => res.setHeader('CDN-Cache-Control', 'no-store'), { targets: ['cdn-cache-control'] }],
    ]
    test.each(changes)('whose %s a layer changes where it leaves is given behind the front', async (_what, change, options) => {
      await using site = newFrontSite(framework)
      newPage(
        site,
        before((x) => onHead(x.res, () => change(x))),
        options,
      )
      const replies = [await site.ask('/'), await site.ask('/')]
      expect(site.entered()).toBe(2)
      expect(statusOf(replies[1]!)).toBe(HIT)
    })

    test('to who sends Authorization is given behind the front, and no other to him', async () => {
      await using site = newFrontSite(framework)
      const entries: string[] = []
      newPage(
        site,
        ({ req, res }, next) => {
          entries.push(String(req.headers.authorization))
          res.setHeader('X-For', String(req.headers.authorization))
          return next()
        },
        {},
        (x) => (x.set('Cache-Control', 'public, max-age=60'), x.send('a')),
      )
      const authorized: Ask = { headers: { authorization: 'Bearer a' } }
      const asked = [authorized, authorized, {}, {}, authorized, {}]
      const found = []
      for (const how of asked) found.push((await site.ask('/', how)).headers['x-for'])
      expect(found).toEqual(['Bearer a', 'Bearer a', 'undefined', 'undefined', 'Bearer a', 'undefined'])
      expect(entries).toEqual(['Bearer a', 'Bearer a', 'undefined', 'Bearer a'])
    })

    test('with trailers is given behind the front', async () => {
      await using site = newFrontSite(framework)
      newPage(
        site,
        before(({ res }) => {
          const { end } = res
          res.end = ((...args: unknown[]) => (res.addTrailers({ 'X-Sum': '1' }), Reflect.apply(end, res, args))) as typeof end
        }),
        {},
        (x) => x.send(Readable.from([Buffer.from('a'), Buffer.from('b')])),
      )
      const replies = [await site.ask('/'), await site.ask('/'), await site.ask('/')]
      expect(site.entered()).toBe(3)
      expect(replies[0]!.trailers).toEqual({ 'x-sum': '1' })
    })

    test('that is a part is not kept, and one in front is given in parts', async () => {
      await using site = newFrontSite(framework)
      newPage(
        site,
        (_x, next) => next(),
        {},
        (x) => (x.set('ETag', '"a"'), x.send('abcdef')),
      )
      const range = { headers: { range: 'bytes=1-2' } }
      await site.ask('/', range)
      await site.ask('/', range)
      expect(site.entered()).toBe(2)
      await site.ask('/')
      const entered = site.entered()
      expect(await site.ask('/', range)).toMatchObject({ status: 206, text: 'bc', headers: { 'content-range': 'bytes 1-2/6' } })
      expect(await site.ask('/', { headers: { range: 'bytes=9-' } })).toMatchObject({ status: 416 })
      expect(await site.ask('/', { headers: { range: 'bytes=1-2', 'if-range': '"b"' } })).toMatchObject({ status: 200, text: 'abcdef' })
      expect(await site.ask('/')).toMatchObject({ status: 200, text: 'abcdef' })
      expect(site.entered()).toBe(entered)
    })

    test('with content in its request, or a precondition, is given behind the front', async () => {
      await using site = newFrontSite(framework)
      newPage(site, (_x, next) => next())
      await site.ask('/')
      await site.ask('/', { method: 'GET', body: 'x', headers: { 'content-length': '1' } })
      await site.ask('/', { headers: { 'if-match': '"a"' } })
      await site.ask('/', { headers: { 'if-unmodified-since': 'Mon, 01 Jan 2024 00:00:00 GMT' } })
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) await site.ask('/', { method })
      expect(site.entered()).toBe(8)
    })

    test('larger than is kept is given behind the front', async () => {
      await using site = newFrontSite(framework)
      newPage(
        site,
        before(({ res }) => {
          const { end } = res
          // It makes more of each body than its route keeps.
          res.end = ((body: string | Buffer) => (
            res.removeHeader('Content-Length'),
            Reflect.apply(end, res, [`${String(body)}${'b'.repeat(9)}`])
          )) as typeof end
        }),
        { maxBodyBytes: 5 },
      )
      expect([(await site.ask('/')).text, (await site.ask('/')).text, site.entered()]).toEqual(['abbbbbbbbb', 'abbbbbbbbb', 2])
    })
  })

  describe('an answer that does not come to its end', () => {
    const length = 200_000

    test('since its client has gone is not kept', async () => {
      await using site = newFrontSite(framework)
      let runs = 0
      let stop = true
      newPage(
        site,
        (_x, next) => next(),
        {},
        (x) => {
          if (!stop) return x.send('whole')
          runs++
          const source = new Readable({ read() {} })
          source.push(Buffer.alloc(length))
          x.send(source)
        },
      )
      const request = await site.begin('/')
      const reply = await response(request)
      reply.resume()
      request.destroy()
      stop = false
      await expect.poll(async () => (await site.ask('/')).text).toBe('whole')
      expect([runs, (await site.ask('/')).text]).toEqual([1, 'whole'])
    })

    test('since its source breaks is not kept', async () => {
      await using site = newFrontSite(framework)
      let breaks = true
      newPage(
        site,
        (_x, next) => next(),
        {},
        (x) => {
          if (!breaks) return x.send('whole')
          x.send(
            Readable.from(
              (async function* () {
                yield Buffer.alloc(10)
                throw new Error('of the source')
              })(),
            ).on('error', () => x.res.destroy()),
          )
        },
      )
      await expect(site.ask('/')).rejects.toThrow(/aborted|hang up/)
      breaks = false
      expect((await site.ask('/')).text).toBe('whole')
    })
  })
}
