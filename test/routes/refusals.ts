// What is not stored, and why: the answer says so, and the next request runs the handler again.
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { Ask } from '../support/http.ts'
import type { Exchange, Framework, Handler } from './framework.ts'
import { HIT, MISS, newSite, refused, statusOf, STORED, STORED_AMONG_OTHERS } from './site.ts'

export function refusals(framework: Framework): void {
  /** What the answers to two equal requests say. */
  async function twice(
    handler: Handler,
    options: RouteOptions<Exchange> = {},
    how: Ask = {},
  ): Promise<{ said: (string | undefined)[]; warnings: readonly string[]; runs: number; texts: string[] }> {
    await using site = newSite(framework)
    let runs = 0
    site.app.on('get', '/', [framework.cached(site.cache, options)], (x) => (runs++, handler(x)))
    const [first, second] = [await site.ask('/', how), await site.ask('/', how)]
    return { said: [statusOf(first), statusOf(second)], warnings: site.warnings.texts, runs, texts: [first.text, second.text] }
  }

  describe('not stored is', () => {
    const answers: Readonly<Record<string, [why: string, handler: Handler]>> = {
      'no-store': ['no-store', (x) => (x.set('Cache-Control', 'no-store'), x.send('a'))],
      private: ['private', (x) => (x.set('Cache-Control', 'private'), x.send('a'))],
      'private for fields that the rest needs': [
        'private',
        (x) => (x.set('Cache-Control', 'max-age=60, private="x-a, vary"'), x.send('a')),
      ],
      'private for what is no list of fields': ['private', (x) => (x.set('Cache-Control', "max-age=60, private='x-a'"), x.send('a'))],
      'private for a cookie, with one': [
        'set-cookie',
        (x) => (x.set('Cache-Control', 'max-age=60, private="set-cookie"'), x.set('Set-Cookie', 'a=1'), x.send('a')),
      ],
      'no-cache': ['no-cache', (x) => (x.set('Cache-Control', 'no-cache'), x.send('a'))],
      'what varies on everything': ['vary *', (x) => (x.set('Vary', '*'), x.send('a'))],
      'what varies on who asks': ['vary cookie', (x) => (x.set('Vary', 'Accept, Cookie'), x.send('a'))],
      'what varies on no field': ['vary accept; q=1', (x) => (x.set('Vary', 'Accept; q=1'), x.send('a'))],
      'an error of the server': ['status 500', (x) => (x.status(500), x.send('a'))],
      'a refusal': ['status 403', (x) => (x.set('Cache-Control', 'max-age=60'), x.status(403), x.send('a'))],
      'a part': ['status 206', (x) => (x.set('Content-Range', 'bytes 0-0/2'), x.status(206), x.send('a'))],
      'what is not found, unless it says for how long': ['status 404 without freshness', (x) => (x.status(404), x.send('a'))],
      'what is over already': ['status 200 without freshness', (x) => (x.set('Cache-Control', 'max-age=0'), x.send('a'))],
      'an event stream': ['event stream', (x) => (x.set('Content-Type', 'text/event-stream'), x.send('data: a\n\n'))],
    }
    for (const [name, [why, handler]] of Object.entries(answers)) {
      test(name, async () => {
        expect(await twice(handler)).toMatchObject({ said: [refused(why), refused(why)], runs: 2, warnings: [] })
      })
    }

    test('a cookie, and it is told once where what sets it belongs', async () => {
      const { said, runs, warnings } = await twice((x) => (x.set('Set-Cookie', ['a=1', 'b=2']), x.send('a')))
      expect([said, runs]).toEqual([[refused('set-cookie'), refused('set-cookie')], 2])
      expect(warnings).toEqual([expect.stringMatching(/sets a cookie inside.*before `cached`.*`Cache-Control: private`/)])
    })

    test('what is larger than the bound, which its client has whole', async () => {
      const options = { maxBodyBytes: 10 }
      expect(await twice((x) => x.send('x'.repeat(11)), options)).toMatchObject({
        said: [refused('body too large'), refused('body too large')],
        texts: ['x'.repeat(11), 'x'.repeat(11)],
      })
      expect(await twice((x) => x.send(Readable.from([Buffer.from('x'.repeat(8)), Buffer.from('y'.repeat(8))])), options)).toMatchObject({
        said: [MISS, MISS],
        runs: 2,
        texts: ['x'.repeat(8) + 'y'.repeat(8), 'x'.repeat(8) + 'y'.repeat(8)],
      })
      expect(await twice((x) => x.send('x'.repeat(10)), options)).toMatchObject({ said: [STORED, HIT] })
    })

    test('what the handler threw', async () => {
      const { said, runs } = await twice(() => {
        throw new Error('down')
      })
      expect([said.map((it) => it === HIT), runs]).toEqual([[false, false], 2])
    })

    test('what would be fresh for no time', async () => {
      expect(await twice((x) => x.send('a'), { ttl: 0 })).toMatchObject({
        said: [refused('status 200 without freshness'), refused('status 200 without freshness')],
        runs: 2,
      })
      expect(await twice((x) => (x.set('Cache-Control', 'max-age=60'), x.send('a')), { ttl: 0 })).toMatchObject({ said: [STORED, HIT] })
    })

    test('an answer to who authenticated, unless it is said to be for all', async () => {
      const how = { headers: { authorization: 'Bearer ann' } }
      expect(await twice((x) => x.send('a'), {}, how)).toMatchObject({ said: [refused('authorization'), refused('authorization')] })
      expect(await twice((x) => (x.set('Cache-Control', 'max-age=60'), x.send('a')), {}, how)).toMatchObject({
        said: [refused('authorization'), refused('authorization')],
      })
      expect(await twice((x) => (x.set('Cache-Control', 'public, max-age=60'), x.send('a')), {}, how)).toMatchObject({
        said: [STORED, HIT],
      })
    })
  })

  describe('what the handler reads and the key does not cover', () => {
    const reads: Readonly<Record<string, [input: string, read: (x: Exchange) => unknown]>> = {
      'a cookie': ['cookie', (x) => x.header('Cookie')],
      'a cookie of the raw request': ['cookie', (x) => x.req.headers.cookie],
      'whether there is a cookie': ['cookie', (x) => 'cookie' in x.req.headers],
      'who asks': ['authorization', (x) => x.header('authorization')],
      'the host': ['host', (x) => x.header('Host')],
      'the host that the framework makes out': ['host', (x) => x.host],
      'the address that the framework makes out': ['ip', (x) => x.ip],
      'the address at the other end of the connection': ['ip', (x) => x.req.socket.remoteAddress],
      'the certificate at the other end': ['ip', (x) => (x.req.connection as { authorized?: boolean }).authorized],
      'the protocol that the framework makes out': ['protocol', (x) => x.protocol],
      'a forwarded host': ['x-forwarded-host', (x) => x.header('X-Forwarded-Host')],
      'a forwarded address': ['x-forwarded-for', (x) => x.req.headers['x-forwarded-for']],
      'the standard form of both': ['forwarded', (x) => x.req.headers['forwarded']],
      'a browser': ['user-agent', (x) => x.header('User-Agent')],
      'a key of an API': ['x-api-key', (x) => x.header('X-Api-Key')],
      'headers, each with its lines': ['cookie', (x) => x.req.headersDistinct['cookie']],
      'all headers': ['headers', (x) => JSON.stringify(x.req.headers)],
      'a copy of the headers': ['headers', (x) => ({ ...x.req.headers })],
      'raw headers': ['headers', (x) => x.req.rawHeaders.length],
    }
    for (const [name, [input, read]] of Object.entries(reads)) {
      test(`is noticed, refused and told once: ${name}`, async () => {
        const handler: Handler = (x) => (read(x), x.send('a'))
        const { said, warnings, runs } = await twice(handler)
        expect({ said, runs }).toEqual({ said: [refused(`unkeyed ${input}`), refused(`unkeyed ${input}`)], runs: 2 })
        expect(warnings).toEqual([
          expect.stringMatching(new RegExp(`"${framework.prefix} GET /" read .*${input}.*not stored.*\`ignore: \\["${input}"\\]\``)),
        ])
        expect(await twice(handler, { ignore: [input] })).toMatchObject({ said: [STORED, HIT], warnings: [] })
        expect(await twice(handler, { ignore: true })).toMatchObject({ said: [STORED, HIT], warnings: [] })
      })
    }

    test('is not told of where the answer says itself that it is not for all', async () => {
      const handler: Handler = (x) => (x.header('cookie'), x.set('Cache-Control', 'private'), x.send('a'))
      expect(await twice(handler)).toMatchObject({ said: [refused('private'), refused('private')], warnings: [] })
      const redirect: Handler = (x) => (x.header('accept'), x.status(302), x.set('Location', '/b'), x.send('a'))
      expect(await twice(redirect)).toMatchObject({
        said: [refused('status 302 without freshness'), refused('status 302 without freshness')],
        warnings: [],
      })
    })

    test('is told of where the answer only says on what it varies, or the request who asks', async () => {
      const varying: Handler = (x) => (x.header('cookie'), x.set('Vary', 'Cookie'), x.send('a'))
      expect(await twice(varying)).toMatchObject({
        said: [refused('unkeyed cookie'), refused('unkeyed cookie')],
        warnings: [expect.stringContaining('`partition`')],
      })
      const asked: Handler = (x) => (x.header('authorization'), x.send('a'))
      expect(await twice(asked, {}, { headers: { authorization: 'Bearer ann' } })).toMatchObject({
        said: [refused('unkeyed authorization'), refused('unkeyed authorization')],
        warnings: [expect.stringContaining('`partition`')],
      })
    })

    test('is as it is while it is watched', async () => {
      const headers = { cookie: 'a=1', 'accept-language': 'de', 'x-forwarded-for': '10.0.0.1' }
      await using site = newSite(framework)
      let seen: unknown
      site.app.on('get', '/', [framework.cached(site.cache)], (x) => {
        const { cookie, host } = x.req.headers
        seen = {
          cookie,
          host,
          distinct: x.req.headersDistinct['accept-language'],
          own: Object.hasOwn(x.req.headers, 'cookie'),
          keys: Object.keys(x.req.headers).includes('x-forwarded-for'),
          missing: x.req.headers['x-none'],
        }
        x.send('a')
      })
      const { headers: sent } = await site.ask('/', { headers })
      expect(sent['cache-status']).toContain('unkeyed')
      expect(seen).toEqual({
        cookie: 'a=1',
        host: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
        distinct: ['de'],
        own: true,
        keys: true,
        missing: undefined,
      })
    })

    test('is what the handler reads, not what layers around it read before and after', async () => {
      await using site = newSite(framework)
      const { cookie } = { cookie: 'a=1' }
      site.app.outer((x) => {
        x.header('cookie')
        const { writeHead } = x.res
        x.res.writeHead = ((...args: unknown[]) => {
          x.header('authorization')
          return Reflect.apply(writeHead, x.res, args)
        }) as typeof writeHead
        x.res.on('finish', () => void x.req.headers['user-agent'])
      })
      site.app.on('get', '/', [framework.cached(site.cache)], (x) => x.send('a'))
      expect([statusOf(await site.ask('/', { headers: { cookie } })), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
      // These keep it from being answered in front.
      expect(site.warnings.texts).toEqual(framework.isFronted ? [expect.stringMatching(/A layer around .*"cookie"/)] : [])
    })

    test('is covered by a key of its name, and the answer then varies on it', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [framework.cached(site.cache, { headers: ['X-Api-Key'] })], (x) => x.send(x.header('x-api-key') ?? '-'))
      for (const key of ['a', 'b', 'a'])
        expect(await site.ask('/', { headers: { 'x-api-key': key } })).toMatchObject({ text: key, headers: { vary: 'x-api-key' } })
      expect(statusOf(await site.ask('/', { headers: { 'x-api-key': 'b' } }))).toBe(HIT)
    })

    test('is covered by a partition where it says who asks, and not for nobody', async () => {
      await using site = newSite(framework)
      const page = framework.cached(site.cache, { partition: (x) => x.req.headers['x-user'] as string | undefined })
      site.app.on('get', '/', [page], (x) => x.send(x.header('cookie') ?? '-'))
      const ann = { headers: { 'x-user': 'ann', cookie: 'sid=ann' } }
      expect([statusOf(await site.ask('/', ann)), statusOf(await site.ask('/', ann))]).toEqual([STORED_AMONG_OTHERS, HIT])
      expect(statusOf(await site.ask('/', { headers: { cookie: 'sid=bob' } }))).toBe(refused('unkeyed cookie', 'miss'))
    })

    test('while its answer streams is noticed too', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [framework.cached(site.cache)], (x) => {
        let chunks = 0
        const body = new Readable({
          highWaterMark: 1,
          read() {
            if (++chunks > 20) this.push(null)
            else this.push(chunks < 20 ? '.' : `for ${x.req.headers.cookie}`)
          },
        })
        x.send(body)
      })
      for (const cookie of ['ann', 'bob'])
        expect(await site.ask('/', { headers: { cookie } })).toMatchObject({ text: `...................for ${cookie}` })
      expect(site.warnings.texts).toEqual([expect.stringContaining('"cookie"')])
    })
  })

  describe('past the cache goes', () => {
    const requests: Readonly<Record<string, [why: string, how: Ask]>> = {
      'a GET with content': ['request content', { headers: { 'content-length': '1' }, body: 'a' }],
      'a precondition': ['precondition', { headers: { 'if-match': '"a"' } }],
      'an upgrade': ['upgrade', { headers: { connection: 'upgrade', upgrade: 'h2c' } }],
    }
    for (const [name, [why, how]] of Object.entries(requests)) {
      test(name, async () => {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [framework.cached(site.cache)], (x) => (runs++, x.send('a')))
        await site.ask('/')
        expect(statusOf(await site.ask('/', how))).toBe(refused(why, 'bypass'))
        expect(runs).toBe(2)
        expect(statusOf(await site.ask('/'))).toBe(HIT)
      })
    }

    test('what the route says', async () => {
      await using site = newSite(framework)
      const page = framework.cached(site.cache, { query: [], bypass: (x) => 'preview' in x.query })
      site.app.on('get', '/', [page], (x) => x.send(JSON.stringify(x.query)))
      await site.ask('/')
      const preview = await site.ask('/?preview=1')
      expect([statusOf(preview), preview.text]).toEqual([refused('bypass', 'bypass'), '{"preview":"1"}'])
      expect(statusOf(await site.ask('/'))).toBe(HIT)
    })

    test('everything while the cache is switched off', async () => {
      process.env['CACHE_ALCHEMY_DISABLED'] = '1'
      try {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [framework.cached(site.cache)], (x) => x.send(`${++runs}`))
        expect([(await site.ask('/')).text, (await site.ask('/')).text]).toEqual(['1', '2'])
      } finally {
        delete process.env['CACHE_ALCHEMY_DISABLED']
      }
    })
  })
}
