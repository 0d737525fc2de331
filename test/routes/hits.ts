// What a hit is: the first answer again, for every spelling of its URL, with the fields of outer layers as they are today.
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Framework, Handler } from './framework.ts'
import { HIT, MISS, newSite, refused, RENEWED, statusOf, STORED, STORED_AMONG_OTHERS } from './site.ts'

export function hits(framework: Framework): void {
  const { cached } = framework

  describe('a hit', () => {
    const bodies: Readonly<Record<string, () => string | Buffer | Readable | object>> = {
      text: () => 'é',
      JSON: () => ({ film: 17, tags: ['a', 'b'] }),
      bytes: () => Buffer.from([0, 255, 128]),
      'a stream': () => Readable.from([Buffer.from('a'), Buffer.from('bc')]),
      nothing: () => '',
    }
    for (const [name, body] of Object.entries(bodies)) {
      test(`is the first answer again: ${name}`, async () => {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/films/:id', [cached(site.cache)], (x) => {
          runs++
          x.status(203)
          x.set('X-Film', x.params['id']!)
          x.set('Link', ['<a>', '<b>'])
          x.send(body())
        })
        const [first, second] = [await site.ask('/films/17'), await site.ask('/films/17')]
        expect([statusOf(first), statusOf(second)]).toEqual([body() instanceof Readable ? MISS : STORED, HIT])
        expect(second).toMatchObject({ status: 203, message: first.message, text: first.text })
        expect(second.body.equals(first.body)).toBe(true)
        for (const field of ['content-type', 'x-film', 'link', 'date', 'cache-control', 'vary'])
          expect(second.headers[field]).toBe(first.headers[field])
        expect(second.rawHeaders).toContain('X-Film')
        expect([first.headers['age'], second.headers['age']]).toEqual([undefined, '0'])
        expect(runs).toBe(1)
      })
    }

    test('says how old it is', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      await site.ask('/')
      site.clock.advance(61_500)
      expect((await site.ask('/')).headers).toMatchObject({ age: '61' })
    })

    test('counts the age that it came with', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => (x.set('Age', '10'), x.set('Cache-Control', 'max-age=60'), x.send('a')))
      await site.ask('/')
      site.clock.advance(5_000)
      expect((await site.ask('/')).headers).toMatchObject({ age: '15' })
      site.clock.advance(46_000)
      expect(statusOf(await site.ask('/'))).toBe(RENEWED)
    })

    // RFC 9211 §2.2: "uri-miss", "stale", and "miss", "when an implementation cannot distinguish between uri-miss and vary-miss".
    test('that is not there says why: nothing was stored, or it is too old, or another one may be', async () => {
      await using site = newSite(framework)
      const [plain, varied, owned] = [
        cached(site.cache),
        cached(site.cache, { headers: ['accept'] }),
        cached(site.cache, { partition: () => undefined }),
      ]
      site.app.on('get', '/plain', [plain], (x) => x.send('a'))
      site.app.on('get', '/varied', [varied], (x) => x.send(x.header('accept') ?? '-'))
      site.app.on('get', '/owned', [owned], (x) => x.send('a'))
      const said = async () => [statusOf(await site.ask('/plain')), statusOf(await site.ask('/varied')), statusOf(await site.ask('/owned'))]
      expect(await said()).toEqual([STORED, STORED_AMONG_OTHERS, STORED_AMONG_OTHERS])
      expect(statusOf(await site.ask('/varied', { headers: { accept: 'text/plain' } }))).toBe(STORED_AMONG_OTHERS)
      await Promise.all([plain.expire(), varied.expire(), owned.expire()])
      expect(await said()).toEqual([RENEWED, RENEWED, RENEWED])
      await Promise.all([plain.clear(), varied.clear(), owned.clear()])
      expect(await said()).toEqual([STORED, STORED_AMONG_OTHERS, STORED_AMONG_OTHERS])
      expect(await said()).toEqual([HIT, HIT, HIT])
    })

    test('lasts for the ttl, and for what the response says where it says it', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/ttl', [cached(site.cache, { ttl: '1m' })], (x) => x.send('a'))
      site.app.on('get', '/said', [cached(site.cache, { ttl: '1d' })], (x) => (x.set('Cache-Control', 'max-age=60'), x.send('a')))
      for (const path of ['/ttl', '/said']) await site.ask(path)
      site.clock.advance(59_000)
      for (const path of ['/ttl', '/said']) expect(statusOf(await site.ask(path))).toBe(HIT)
      site.clock.advance(1_000)
      for (const path of ['/ttl', '/said']) expect(statusOf(await site.ask(path))).toBe(RENEWED)
    })

    // RFC 9213 §2.2
    test('lasts for what a targeted field says where the route asks for it, and the field leaves as it came', async () => {
      await using site = newSite(framework)
      const answer: Handler = (x) => {
        x.set('Cache-Control', 'no-store')
        x.set('CDN-Cache-Control', 'max-age=60')
        x.send('a')
      }
      site.app.on('get', '/asked', [cached(site.cache, { targets: ['CDN-Cache-Control'] })], answer)
      site.app.on('get', '/not', [cached(site.cache)], answer)
      expect(statusOf(await site.ask('/asked'))).toBe(STORED)
      const hit = await site.ask('/asked')
      expect([statusOf(hit), hit.headers['cdn-cache-control'], hit.headers['cache-control']]).toEqual([HIT, 'max-age=60', 'no-store'])
      site.clock.advance(60_000)
      expect(statusOf(await site.ask('/asked'))).toBe(RENEWED)
      const not = await site.ask('/not')
      expect([statusOf(not), not.headers['cdn-cache-control']]).toEqual([refused('no-store'), 'max-age=60'])
    })

    test('is its owner’s alone for a CDN too', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { partition: () => 'ann' })
      site.app.on('get', '/', [page], (x) => (x.set('CDN-Cache-Control', 'max-age=60'), x.send('a')))
      for (const expected of [STORED_AMONG_OTHERS, HIT]) {
        const reply = await site.ask('/')
        expect([statusOf(reply), reply.headers['cdn-cache-control'], reply.headers['cache-control']]).toEqual([
          expected,
          'private',
          'private, no-cache',
        ])
      }
    })

    test('is there for a HEAD, which has its length and none of its content', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('abc'))
      expect(statusOf(await site.ask('/', { method: 'HEAD' }))).toBe(refused('method HEAD'))
      expect(statusOf(await site.ask('/'))).toBe(STORED)
      const head = await site.ask('/', { method: 'HEAD' })
      expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': '3' } })
      expect(statusOf(head)).toBe(HIT)
    })

    test('of a 204 has no content, and of a redirect its place', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/empty', [cached(site.cache)], (x) => (x.status(204), x.send('')))
      site.app.on('get', '/moved', [cached(site.cache)], (x) => (x.status(301), x.set('Location', '/empty'), x.send('moved')))
      for (const path of ['/empty', '/moved']) await site.ask(path)
      const empty = await site.ask('/empty')
      expect([empty.status, empty.text, empty.headers['content-length'], statusOf(empty)]).toEqual([204, '', undefined, HIT])
      expect(await site.ask('/moved')).toMatchObject({ status: 301, headers: { location: '/empty' }, text: 'moved' })
    })
  })

  describe('one entry', () => {
    test('answers for one spelling of its URL, as its handler can see it, and one clear ends them all', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache)
      site.app.on('get', '/films/:id', [page], (x) => x.send(x.url))
      const spellings = [
        '/films/a%20b?x=1&y=2',
        '/FILMS/a%20b?x=1&y=2',
        '/films/a%20b/?x=1&y=2',
        '/films/%61%20b?x=1&y=2',
        '/films/a%20b?x=%31&y=2',
        '/films/a%20b?&x=1&&y=2&',
      ]
      for (const spelling of spellings)
        expect(await site.ask(spelling)).toMatchObject({ text: spelling, headers: { 'cache-status': STORED } })
      for (const spelling of spellings)
        expect([(await site.ask(spelling)).text, statusOf(await site.ask(spelling))]).toEqual([spelling, HIT])
      // The order of plain parameters tells no handler anything but itself.
      expect(statusOf(await site.ask('/films/a%20b?y=2&x=1'))).toBe(HIT)
      await page.clear({ params: { id: 'a b' } })
      for (const spelling of spellings) expect(statusOf(await site.ask(spelling))).toBe(STORED)
    })

    test('is of the URL as it came where an outer layer rewrites it, since its handler can see that too', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => void (x.req.url = x.req.url!.replace(/^\/t\/\w+/, '')))
      const page = cached(site.cache)
      site.app.on('get', '/films/:id', [page], (x) => x.send(x.url))
      for (const url of ['/t/acme/films/1', '/t/beta/films/1', '/films/1'])
        expect([(await site.ask(url)).text, statusOf(await site.ask(url))]).toEqual([url, HIT])
      await page.clear({ params: { id: '1' } })
      for (const url of ['/t/acme/films/1', '/t/beta/films/1', '/films/1']) expect(statusOf(await site.ask(url))).toBe(STORED)
    })

    test('is of the URL as it is routed where an outer layer rewrites it so that only its spelling differs', async () => {
      await using site = newSite(framework)
      let routed = '/films/1'
      site.app.outer((x) => void (x.req.url = routed))
      site.app.on('get', '/films/:id', [cached(site.cache)], (x) => x.send(x.req.url!))
      await site.ask('/films/1')
      routed = '/films/%31'
      // No layer is asked in front what it makes of a URL today of which it made something else before, and read nothing but that.
      expect((await site.ask('/films/1')).text).toBe(framework.isFronted ? '/films/1' : '/films/%31')
    })

    test('is not what a canonical spelling is redirected to', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/films/:id', [cached(site.cache)], (x) => {
        if (x.url === '/films/1') return x.send('a')
        x.status(301)
        x.set('Location', '/films/1')
        x.send('moved')
      })
      expect(await site.ask('/FILMS/1')).toMatchObject({ status: 301 })
      expect(await site.ask('/films/1')).toMatchObject({ status: 200, text: 'a' })
    })

    test('is no second answer, where a layer has answered and goes on all the same', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => void (x.header('x-answered') !== undefined && x.res.end('by a layer')))
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { ignore: ['x-answered'] })], (x) => (runs++, x.send('a')))
      await site.ask('/')
      expect((await site.ask('/', { headers: { 'x-answered': '1' } })).text).toBe(framework.isFronted ? 'a' : 'by a layer')
      expect(statusOf(await site.ask('/'))).toBe(HIT)
      expect([runs, site.errors]).toEqual([1, []])
    })

    test('is not another: by path, by query, by how a value is written', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/films/:id', [cached(site.cache)], (x) => x.send(x.url))
      const others = [
        '/films/1',
        '/films/1,2',
        '/films/A',
        '/films/a',
        '/films/1?x',
        '/films/1?x=1',
        '/films/1?x=1&x=2',
        '/films/1?x=2&x=1',
        '/films/1?x=1,2',
        '/films/1?X=1',
        '/films/Aa',
        '/films/BB',
        '/films/__proto__',
        '/films/1?__proto__=1',
        '/films/1?constructor=1',
        '/films/a%2Fb',
      ]
      for (const path of others) expect((await site.ask(path)).text).toBe(path)
      for (const path of others) expect([(await site.ask(path)).text, statusOf(await site.ask(path))]).toEqual([path, HIT])
    })

    test('takes only the query parameters that are arguments, and the handler sees no other', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/some', [cached(site.cache, { query: ['page'] })], (x) => x.send({ query: x.query, url: x.url }))
      site.app.on('get', '/none', [cached(site.cache, { query: false })], (x) => x.send({ query: x.query, url: x.url }))
      expect(JSON.parse((await site.ask('/some?utm=x&page=2')).text)).toEqual({ query: { page: '2' }, url: '/some?page=2' })
      expect(JSON.parse((await site.ask('/none?utm=x&page=2')).text)).toEqual({ query: {}, url: '/none' })
      expect(statusOf(await site.ask('/some?page=2&utm=y'))).toBe(HIT)
      expect(statusOf(await site.ask('/some?page=3&utm=x'))).toBe(STORED)
      expect(statusOf(await site.ask('/none?page=3'))).toBe(HIT)
    })

    test('varies by its headers in one order, whatever the order of the option', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { headers: ['X-B', 'x-a', 'x-b'] })], (x) => x.send('a'))
      for (let time = 0; time < 2; time++) expect((await site.ask('/')).headers).toMatchObject({ vary: 'x-a, x-b' })
    })

    test('is one of a header, an owner and a path, where these are arguments', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { headers: ['Accept-Language'], partition: (x) => x.req.headers['x-user'] as string | undefined })
      site.app.on('get', '/', [page], (x) => x.send(`${x.header('accept-language') ?? '-'} ${x.req.headers['authorization'] ?? '-'}`))
      const de = { 'accept-language': 'de', 'x-user': 'ann', authorization: 'Bearer ann' }
      const first = await site.ask('/', { headers: de })
      expect(first.headers).toMatchObject({ vary: 'accept-language', 'cache-control': 'private, no-cache' })
      expect(await site.ask('/', { headers: de })).toMatchObject({
        text: 'de Bearer ann',
        headers: { vary: 'accept-language', 'cache-control': 'private, no-cache' },
      })
      expect(statusOf(await site.ask('/', { headers: de }))).toBe(HIT)
      for (const other of [
        { ...de, 'accept-language': 'en' },
        { ...de, 'x-user': 'bob', authorization: 'Bearer bob' },
      ]) {
        expect(await site.ask('/', { headers: other })).toMatchObject({ text: `${other['accept-language']} ${other.authorization}` })
      }
      await page.clear({ headers: { 'Accept-Language': 'de' } })
      expect(statusOf(await site.ask('/', { headers: de }))).toBe(STORED_AMONG_OTHERS)
      await page.clear({ partition: 'bob' })
      expect(statusOf(await site.ask('/', { headers: de }))).toBe(HIT)
    })
  })

  describe('a client', () => {
    test('is told to ask again, and is told when nothing has changed', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send({ film: 17 }))
      const { headers } = await site.ask('/')
      expect(headers).toMatchObject({ 'cache-control': 'no-cache', etag: expect.stringMatching(/^W\/".+"$/) as string })
      const again = await site.ask('/', { headers: { 'if-none-match': headers['etag']! } })
      expect(again).toMatchObject({
        status: 304,
        text: '',
        headers: { etag: headers['etag'], 'cache-control': 'no-cache', date: headers['date'] },
      })
      expect([statusOf(again), again.headers['content-type'], again.headers['content-length']]).toEqual([HIT, undefined, undefined])
      expect((await site.ask('/', { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
      expect((await site.ask('/', { method: 'HEAD', headers: { 'if-none-match': '*' } })).status).toBe(304)
    })

    test('has a 304 of the first answer too, and what is stored of it is whole', async () => {
      await using site = newSite(framework)
      let seen: unknown
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        seen = [x.header('if-none-match'), x.header('if-modified-since')]
        x.send({ film: 17 })
      })
      const { headers } = await site.ask('/')
      await site.cache.flush()
      const first = await site.ask('/', { headers: { 'if-none-match': headers['etag']!, 'if-modified-since': new Date().toUTCString() } })
      expect([first.status, statusOf(first), seen]).toEqual([304, STORED, [undefined, undefined]])
      const second = await site.ask('/')
      expect([second.status, second.text, statusOf(second)]).toEqual([200, '{"film":17}', HIT])
    })

    test('of a stream has its tag from the first hit on', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(Readable.from([Buffer.from('abc')])))
      const [first, second] = [await site.ask('/'), await site.ask('/')]
      expect(first.headers['etag']).toBeUndefined()
      expect(second.headers['etag']).toMatch(/^W\//)
      expect((await site.ask('/', { headers: { 'if-none-match': second.headers['etag']! } })).status).toBe(304)
    })

    test('is told what the handler says, where it says something', async () => {
      await using site = newSite(framework)
      site.app.on(
        'get',
        '/',
        [cached(site.cache)],
        (x) => (x.set('Cache-Control', 'public, max-age=60'), x.set('ETag', '"mine"'), x.send('a')),
      )
      for (let time = 0; time < 2; time++)
        expect((await site.ask('/')).headers).toMatchObject({ 'cache-control': 'public, max-age=60', etag: '"mine"' })
      expect((await site.ask('/', { headers: { 'if-none-match': 'W/"mine"' } })).status).toBe(304)
    })

    test('is told nothing of keys, unless the route is debugged', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/quiet', [cached(site.cache, { cacheStatus: false })], (x) => x.send('a'))
      site.app.on('get', '/loud', [cached(site.cache, { debug: true })], (x) => x.send('a'))
      for (let time = 0; time < 2; time++) {
        expect((await site.ask('/quiet')).headers['cache-status']).toBeUndefined()
        expect((await site.ask('/loud')).headers['cache-status']).toMatch(/;key=".*params.*"/)
      }
    })
  })

  describe('outer layers', () => {
    test('run for every hit, and for none in front of their framework', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.outer(() => void runs++)
      const page = cached(site.cache)
      site.app.on('get', '/', [page], (x) => x.send('a'))
      const said = async () => [statusOf(await site.ask('/')), runs]
      expect(await said()).toEqual([STORED, 1])
      for (const times of [2, 3]) expect(await said()).toEqual([HIT, framework.isFronted ? 1 : times])
      expect(page.stats()).toMatchObject({ hits: 2, misses: 1 })
      await page.clear()
      expect(await said()).toEqual([STORED, framework.isFronted ? 2 : 4])
    })

    test('have their own fields on every hit, and lose those that the handler took away', async () => {
      await using site = newSite(framework)
      let request = 0
      site.app.outer((x) => {
        x.set('X-Request', String(++request))
        x.set('X-Changed', 'outer')
        x.set('X-Taken', 'outer')
        x.set('Vary', 'Origin')
        x.set('Access-Control-Allow-Origin', x.header('origin') ?? '-')
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => (x.set('X-Changed', 'handler'), x.remove('X-Taken'), x.send('a')))
      const [first, second] = [
        await site.ask('/', { headers: { origin: 'https://a' } }),
        await site.ask('/', { headers: { origin: 'https://b' } }),
      ]
      expect([statusOf(first), statusOf(second)]).toEqual([STORED, HIT])
      expect(first.headers).toMatchObject({
        'x-request': '1',
        'x-changed': 'handler',
        vary: 'Origin',
        'access-control-allow-origin': 'https://a',
      })
      expect(second.headers).toMatchObject({
        'x-request': '2',
        'x-changed': 'handler',
        vary: 'Origin',
        'access-control-allow-origin': 'https://b',
      })
      expect([first.headers['x-taken'], second.headers['x-taken']]).toEqual([undefined, undefined])
    })

    test('have set a cookie: the answer is not stored', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => x.set('Set-Cookie', 'sid=1'))
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      for (let time = 0; time < 2; time++) expect(statusOf(await site.ask('/'))).toBe(refused('set-cookie'))
    })

    test('see the conditions of the request that the handler does not see', async () => {
      await using site = newSite(framework)
      const seen: unknown[] = []
      site.app.outer((x) => {
        const { end } = x.res
        x.res.end = ((...args: unknown[]) => {
          seen.push(x.header('if-none-match'))
          return Reflect.apply(end, x.res, args)
        }) as typeof end
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => (seen.push(x.header('if-none-match')), x.send('a')))
      await site.ask('/', { headers: { 'if-none-match': '"x"' } })
      expect(seen).toEqual([undefined, '"x"'])
    })
  })
}
