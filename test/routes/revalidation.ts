// What becomes of a response that is stale: its handler is asked whether it still holds, and it is served where the handler fails.
import { expect, describe, test } from 'vitest'
import type { Framework } from './framework.ts'
import { HIT, newSite, refused, RENEWED, statusOf, STORED } from './site.ts'

export function revalidation(framework: Framework): void {
  const { cached } = framework

  describe('a stale response', () => {
    test('is asked after with its validators, and a 304 makes it fresh with new fields', async () => {
      await using site = newSite(framework)
      const asked: (string | undefined)[] = []
      site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
        asked.push(x.header('if-none-match'))
        x.set('ETag', '"a"')
        x.set('Cache-Control', 'no-cache')
        x.set('X-Run', String(asked.length))
        if (asked.length > 1) x.status(304)
        x.send(asked.length > 1 ? '' : 'body')
      })
      await site.ask('/')
      const reply = await site.ask('/', { headers: { 'if-none-match': '"mine"' } })
      expect(asked).toEqual([undefined, '"a"'])
      expect(reply).toMatchObject({ status: 200, text: 'body' })
      expect(reply.headers['x-run']).toBe('2')
      expect((await site.ask('/', { headers: { 'if-none-match': '"a"' } })).status).toBe(304)
    })

    test('is served where the handler fails, if the route lets it and the response does not forbid it', async () => {
      for (const [control, status] of [
        ['max-age=0', 200],
        ['max-age=0, must-revalidate', 503],
        ['max-age=0, stale-if-error=0', 503],
      ] as const) {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [cached(site.cache, { staleIfError: '1h' })], (x) => {
          x.set('Cache-Control', control)
          if (runs++ > 0) x.status(503)
          x.send(`run ${runs}`)
        })
        await site.ask('/')
        const reply = await site.ask('/')
        expect([control, reply.status, reply.text]).toEqual([control, status, status === 200 ? 'run 1' : 'run 2'])
      }
    })
  })

  // RFC 9111 §4.3.4
  describe('a 304 of another response', () => {
    const others: readonly (readonly [string, Record<string, string>])[] = [
      ['another tag', { ETag: '"b"' }],
      ['another weak tag', { ETag: 'W/"b"' }],
      ['another date', { 'Last-Modified': 'Mon, 01 Jun 2026 12:00:00 GMT' }],
    ]
    for (const [name, fields] of others) {
      test(`by ${name} makes nothing fresh, and the next request is asked without conditions`, async () => {
        await using site = newSite(framework)
        const asked: (string | undefined)[] = []
        site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
          asked.push(x.header('if-none-match'))
          const run = asked.length
          x.set('Cache-Control', 'max-age=60')
          x.set('X-Run', String(run))
          if (run === 2) {
            for (const [field, value] of Object.entries(fields)) x.set(field, value)
            x.status(304)
            return x.send('')
          }
          x.set('ETag', '"a"')
          x.send(`run ${run}`)
        })
        await site.ask('/')
        site.clock.advance(61_000)
        const reply = await site.ask('/')
        expect([reply.status, reply.text, statusOf(reply)]).toEqual([200, 'run 1', refused('304 of another', 'stale')])
        expect([reply.headers['etag'], reply.headers['x-run']]).toEqual(['"a"', '1'])
        const next = await site.ask('/')
        expect([next.text, statusOf(next)]).toEqual(['run 3', STORED])
        expect(asked).toEqual([undefined, '"a"', undefined])
        expect(statusOf(await site.ask('/'))).toBe(HIT)
      })
    }

    test('is no answer to a client that has that one', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
        x.set('Cache-Control', 'max-age=60')
        x.set('ETag', runs++ === 0 ? '"a"' : '"b"')
        if (runs > 1) x.status(304)
        x.send(runs > 1 ? '' : 'body')
      })
      await site.ask('/')
      site.clock.advance(61_000)
      expect(await site.ask('/', { headers: { 'if-none-match': '"b"' } })).toMatchObject({ status: 200, text: 'body' })
    })
  })

  test('a 304 renews with its fields, and leaves the type and the length of the content as they were', async () => {
    await using site = newSite(framework)
    let runs = 0
    site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
      x.set('ETag', runs++ === 0 ? '"a"' : 'W/"a"')
      x.set('Cache-Control', 'max-age=60')
      if (runs > 1) x.status(304)
      else x.set('Content-Type', 'text/html; charset=utf-8')
      x.send(runs > 1 ? '' : '<p>body')
    })
    await site.ask('/')
    site.clock.advance(61_000)
    expect(statusOf(await site.ask('/'))).toBe(RENEWED)
    const hit = await site.ask('/')
    expect([statusOf(hit), hit.text, hit.headers['etag'], hit.headers['content-length']]).toEqual([HIT, '<p>body', '"a"', '7'])
    expect(hit.headers['content-type']).toMatch(/^text\/html/)
  })

  // RFC 9110 §6.6.1: what comes without a Date is of when it came.
  test('a 304 without a Date makes fresh what was old by its own', async () => {
    await using site = newSite(framework)
    let runs = 0
    site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
      x.set('ETag', '"a"')
      x.set('Cache-Control', 'max-age=60')
      if (runs++ === 0) x.set('Date', new Date(Date.now() - 100_000).toUTCString())
      else x.status(304)
      x.send(runs > 1 ? '' : 'body')
    })
    const first = await site.ask('/')
    const renewed = await site.ask('/')
    expect([statusOf(renewed), renewed.text, renewed.headers['date'] === first.headers['date']]).toEqual([RENEWED, 'body', false])
    expect(statusOf(await site.ask('/'))).toBe(HIT)
  })

  // RFC 9111 §4.3.5
  describe('a HEAD for which something stale is stored', () => {
    interface Page {
      tag?: string
      body: string
    }
    /** A page, and what its handler was asked by. */
    const newPage = (site: ReturnType<typeof newSite>, options = {}): { page: Page; methods: (string | undefined)[] } => {
      const page: Page = { tag: '"a"', body: 'body' }
      const methods: (string | undefined)[] = []
      site.app.on('get', '/', [cached(site.cache, { staleIfError: '1h', ...options })], (x) => {
        methods.push(x.req.method)
        x.set('Cache-Control', 'max-age=60')
        x.set('X-Run', String(methods.length))
        if (page.tag !== undefined) x.set('ETag', page.tag)
        x.send(page.body)
      })
      return { page, methods }
    }

    test('makes it fresh, with new fields, where its answer is of the same content', async () => {
      await using site = newSite(framework)
      const { methods } = newPage(site)
      await site.ask('/')
      site.clock.advance(61_000)
      const head = await site.ask('/', { method: 'HEAD' })
      expect([statusOf(head), head.status, head.text, head.headers['content-length']]).toEqual([RENEWED, 200, '', '4'])
      const hit = await site.ask('/')
      expect([statusOf(hit), hit.text, hit.headers['x-run']]).toEqual([HIT, 'body', '2'])
      expect(methods).toEqual(['GET', 'HEAD'])
    })

    const changes: readonly (readonly [string, (page: Page) => void])[] = [
      ['its tag is another', (page) => void (page.tag = '"b"')],
      ['its length is another', (page) => void (page.body = 'longer body')],
    ]
    for (const [name, change] of changes) {
      test(`leaves it stale where ${name}`, async () => {
        await using site = newSite(framework)
        const { page, methods } = newPage(site)
        await site.ask('/')
        site.clock.advance(61_000)
        change(page)
        expect(statusOf(await site.ask('/', { method: 'HEAD' }))).toBe(refused('method HEAD', 'stale'))
        const next = await site.ask('/')
        expect([statusOf(next), next.text, next.headers['x-run']]).toEqual([RENEWED, page.body, '3'])
        expect(methods).toEqual(['GET', 'HEAD', 'GET'])
      })
    }

    test('is asked with conditions where the route asks so, and a 304 of it is one', async () => {
      await using site = newSite(framework)
      const asked: string[] = []
      site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
        asked.push(`${x.req.method} ${x.header('if-none-match')}`)
        x.set('ETag', '"a"')
        x.set('Cache-Control', 'max-age=60')
        if (x.header('if-none-match') === '"a"') x.status(304)
        x.send(x.header('if-none-match') === '"a"' ? '' : 'body')
      })
      await site.ask('/')
      site.clock.advance(61_000)
      const head = await site.ask('/', { method: 'HEAD' })
      expect([head.status, head.text, head.headers['content-length'], statusOf(head)]).toEqual([200, '', '4', RENEWED])
      expect(await site.ask('/')).toMatchObject({ text: 'body' })
      expect(asked).toEqual(['GET undefined', 'HEAD "a"'])
    })

    test('or fresh, where its client asks past that, makes it stale where its answer is of another content', async () => {
      await using site = newSite(framework)
      const { page, methods } = newPage(site, { requestDirectives: true })
      const anew = { method: 'HEAD', headers: { 'cache-control': 'no-cache' } }
      await site.ask('/')
      expect(statusOf(await site.ask('/', anew))).toBe('CacheAlchemy;fwd=request;stored')
      expect(statusOf(await site.ask('/'))).toBe(HIT)
      page.body = 'longer body'
      expect(statusOf(await site.ask('/', anew))).toBe(refused('method HEAD', 'request'))
      expect(await site.ask('/')).toMatchObject({ text: 'longer body' })
      expect(methods).toEqual(['GET', 'HEAD', 'HEAD', 'GET'])
    })

    test('that reads who asks changes nothing that is stored', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { staleIfError: '1h' })], (x) => {
        if (runs++ > 0) x.set('X-User', x.header('cookie') ?? '-')
        x.set('ETag', '"a"')
        x.set('Cache-Control', 'max-age=60')
        x.send('body')
      })
      await site.ask('/')
      site.clock.advance(61_000)
      await site.ask('/', { method: 'HEAD', headers: { cookie: 'ann' } })
      expect((await site.ask('/', { headers: { cookie: 'bob' } })).headers['x-user']).toBe('bob')
    })
  })

  // RFC 5861 §4: "500, 502, 503, or 504", or no answer at all.
  test.each([500, 502, 503, 504, 'a throw', 501, 505, 404, 429])(
    'what may be stale if there is an error is served on no other than those: %s',
    async (how) => {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        x.set('Cache-Control', 'max-age=1, stale-if-error=60')
        if (runs++ > 0 && typeof how === 'number') x.status(how)
        else if (runs > 1) throw new Error('down')
        x.send(`run ${runs}`)
      })
      await site.ask('/')
      site.clock.advance(60_000)
      const isServed = typeof how === 'string' || [500, 502, 503, 504].includes(how)
      const reply = await site.ask('/')
      expect([reply.status, reply.text]).toEqual(isServed ? [200, 'run 1'] : [how, 'run 2'])
      if (isServed)
        expect(reply.headers).toMatchObject({ age: '60', 'cache-status': expect.stringContaining('fwd=stale;ttl=-59;detail=') as string })
      site.clock.advance(1_001)
      const later = await site.ask('/')
      if (isServed) expect(later.status).toBe(typeof how === 'string' ? 500 : how)
    },
  )

  // RFC 9213 §2.2
  test('a targeted field says whether a response may be stale, and Cache-Control does not', async () => {
    for (const [cdn, control, status] of [
      ['max-age=1, stale-if-error=60', 'max-age=1, must-revalidate', 200],
      ['max-age=1, must-revalidate', 'max-age=1, stale-if-error=60', 503],
      ['max-age=1, stale-if-error=0', 'max-age=1, stale-if-error=60', 503],
      ['no-cache', 'max-age=1, stale-if-error=60', 503],
    ] as const) {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { staleIfError: '1h', targets: ['cdn-cache-control'] })], (x) => {
        x.set('CDN-Cache-Control', cdn)
        x.set('Cache-Control', control)
        if (runs++ > 0) x.status(503)
        x.send(`run ${runs}`)
      })
      await site.ask('/')
      site.clock.advance(2_000)
      expect([cdn, (await site.ask('/')).status]).toEqual([cdn, status])
    }
  })
}
