// What a client's own Cache-Control does: nothing, unless the route obeys it.
import { describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { Reply } from '../support/http.ts'
import { newGate } from '../support/gate.ts'
import type { Exchange, Framework, Handler, SuiteRoute } from './framework.ts'
import { COLLAPSED, HIT, newSite, refused, RENEWED, statusOf, STORED, type Site } from './site.ts'

const REQUESTED = 'CacheAlchemy;fwd=request;stored'
const NONE = 'CacheAlchemy;detail="only-if-cached"'

export function directives(framework: Framework): void {
  const { cached } = framework

  interface Page extends Site {
    readonly page: SuiteRoute
    /** Asks for the page with a Cache-Control. */
    demand(control?: string, path?: string): Promise<Reply>
  }

  /** A page of which each run of the handler gives another text: its number. */
  function newPage(options: RouteOptions<Exchange>, handler: (run: number, ...given: Parameters<Handler>) => unknown): Page {
    const site = newSite(framework)
    const page = cached(site.cache, { path: '/', requestDirectives: true, ...options })
    let runs = 0
    site.app.on('get', '/', [page], (x) => handler(++runs, x))
    const demand: Page['demand'] = (control, path = '/') =>
      site.ask(path, control === undefined ? {} : { headers: { 'cache-control': control } })
    return Object.assign(site, { page, demand })
  }

  const count = (run: number, x: Exchange): void => x.send(`${run}`)
  const outcome = (reply: Reply): unknown[] => [reply.text, statusOf(reply)]

  describe('a client’s Cache-Control', () => {
    test('is ignored unless the route obeys it: a client cannot make the handler work', async () => {
      await using site = newPage({ requestDirectives: false }, count)
      expect((await site.demand('only-if-cached')).status).toBe(200)
      for (const control of ['no-cache', 'no-store', 'max-age=0', 'min-fresh=1000000000'])
        expect(outcome(await site.demand(control))).toEqual(['1', HIT])
      expect(outcome(await site.ask('/', { headers: { pragma: 'no-cache' } }))).toEqual(['1', HIT])
    })

    test('no-cache: the handler is asked, and its answer is stored for all', async () => {
      await using site = newPage({}, count)
      expect(outcome(await site.demand('no-cache'))).toEqual(['1', STORED])
      expect(outcome(await site.demand('no-cache'))).toEqual(['2', REQUESTED])
      expect(outcome(await site.demand())).toEqual(['2', HIT])
      expect(outcome(await site.demand('max-age=0'))).toEqual(['3', REQUESTED])
      expect(outcome(await site.ask('/', { headers: { pragma: 'no-cache' } }))).toEqual(['4', REQUESTED])
      site.clock.advance(2 * 24 * 60 * 60 * 1000)
      expect((await site.demand('no-cache')).text).toBe('5')
    })

    // RFC 9111 §5.2.1.4: "without successful validation on the origin server".
    test('no-cache, with `revalidate`: the handler is asked whether what is stored and fresh still holds', async () => {
      const asked: (string | undefined)[] = []
      await using site = newPage({ revalidate: true }, (run, x) => {
        asked.push(x.header('if-none-match'))
        x.set('ETag', '"a"')
        x.set('X-Run', String(run))
        if (run === 2) x.status(304)
        x.send(run === 2 ? '' : `${run}`)
      })
      await site.demand()
      const reply = await site.demand('no-cache')
      expect([reply.status, reply.headers['x-run'], ...outcome(reply)]).toEqual([200, '2', '1', REQUESTED])
      expect(outcome(await site.demand())).toEqual(['1', HIT])
      expect(outcome(await site.demand('no-cache'))).toEqual(['3', REQUESTED])
      expect(asked).toEqual([undefined, '"a"', '"a"'])
    })

    test('no-cache: is not answered with what is stored where the handler fails', async () => {
      await using site = newPage({ staleIfError: '1h' }, (run, x) => {
        x.set('Cache-Control', 'max-age=60')
        if (run > 1) x.status(503)
        x.send(`${run}`)
      })
      await site.demand()
      expect([(await site.demand('no-cache')).status, (await site.demand()).status]).toEqual([503, 200])
      site.clock.advance(61_000)
      expect([(await site.demand('max-age=60')).status, (await site.demand()).status]).toEqual([503, 200])
    })

    // RFC 9111 §5.2.1.5: "If a request containing this directive is satisfied from a cache, [it] does not apply to the already stored response."
    test('no-store: its answer is not stored, and what is stored already answers it', async () => {
      await using site = newPage({}, count)
      expect(outcome(await site.demand('no-store'))).toEqual(['1', refused('no-store')])
      expect(outcome(await site.demand())).toEqual(['2', STORED])
      expect(outcome(await site.demand('no-store'))).toEqual(['2', HIT])
      expect(outcome(await site.demand('no-store, no-cache'))).toEqual(['3', refused('no-store', 'request')])
      expect(outcome(await site.demand())).toEqual(['2', HIT])
    })

    test('no-store: nor is the answer to a POST that a GET would have', async () => {
      await using site = newPage({ posts: true }, count)
      site.app.on('post', '/', [site.page], (x) => {
        x.set('Content-Location', '/')
        x.set('Cache-Control', 'max-age=60')
        x.send('posted')
      })
      await site.ask('/', { method: 'POST', headers: { 'cache-control': 'no-store' } })
      expect(outcome(await site.demand())).toEqual(['1', STORED])
    })

    test('max-age, min-fresh: what is stored only so young, and so long before it is stale', async () => {
      await using site = newPage({ ttl: '60s' }, count)
      await site.demand()
      site.clock.advance(20_000)
      expect(outcome(await site.demand('max-age=20'))).toEqual(['1', HIT])
      expect(outcome(await site.demand('min-fresh=40'))).toEqual(['1', HIT])
      expect(outcome(await site.demand('max-age=19'))).toEqual(['2', REQUESTED])
      site.clock.advance(20_000)
      expect(outcome(await site.demand('min-fresh=41'))).toEqual(['3', REQUESTED])
      // One that its handler cannot meet is answered by it all the same.
      expect(outcome(await site.demand('min-fresh=61'))).toEqual(['4', REQUESTED])
      site.clock.advance(61_000)
      expect(outcome(await site.demand('max-age=3600'))).toEqual(['5', RENEWED])
    })

    // RFC 9111 §4.2.3
    test('max-age: counts the age with which a response came here', async () => {
      await using site = newPage({}, (run, x) => (x.set('Age', '100'), x.set('Cache-Control', 'max-age=1000'), x.send(`${run}`)))
      await site.demand()
      expect(outcome(await site.demand('max-age=100'))).toEqual(['1', HIT])
      expect(outcome(await site.demand('max-age=99'))).toEqual(['2', REQUESTED])
    })

    for (const [control, isServed] of [
      ['max-age=60', true],
      ['max-age=60, must-revalidate', false],
      ['max-age=60, proxy-revalidate', false],
      ['s-maxage=60', false],
    ] as const) {
      test(`max-stale: ${isServed ? 'takes' : 'does not take'} a stale response that says ${control}`, async () => {
        await using site = newPage({}, (run, x) => (x.set('Cache-Control', control), x.send(`${run}`)))
        await site.demand()
        site.clock.advance(70_000)
        const replies = [await site.demand('max-stale=10'), await site.demand('max-stale')]
        expect(replies.map((reply) => reply.text)).toEqual(isServed ? ['1', '1'] : ['2', '2'])
        if (!isServed) return
        expect(replies.map((reply) => reply.headers['cache-status'])).toEqual(Array(2).fill('CacheAlchemy;hit;ttl=-10'))
        expect(outcome(await site.demand('max-stale=9'))).toEqual(['2', RENEWED])
      })
    }

    test('max-stale: less than the route’s own staleWhileRevalidate counts', async () => {
      await using site = newPage({ ttl: '60s', staleWhileRevalidate: '1h' }, count)
      await site.demand()
      site.clock.advance(70_000)
      expect(outcome(await site.demand('max-stale=9'))).toEqual(['2', RENEWED])
    })

    // RFC 9111 §5.2.1.7
    test('only-if-cached: a 504 where nothing stored will do, and no run of the handler', async () => {
      await using site = newPage({ ttl: '60s' }, count)
      for (const method of ['GET', 'HEAD']) {
        const reply = await site.ask('/', { method, headers: { 'cache-control': 'only-if-cached' } })
        expect([reply.status, statusOf(reply), reply.headers['age'], reply.text !== '']).toEqual([504, NONE, undefined, method === 'GET'])
        expect(reply.headers['cache-control']).toBe('no-store')
      }
      expect(outcome(await site.demand())).toEqual(['1', STORED])
      expect(outcome(await site.demand('only-if-cached'))).toEqual(['1', HIT])
      expect((await site.demand('only-if-cached, no-cache')).status).toBe(504)
      expect((await site.demand('only-if-cached, min-fresh=61')).status).toBe(504)
      site.clock.advance(61_000)
      expect((await site.demand('only-if-cached')).status).toBe(504)
      expect((await site.demand('only-if-cached, max-stale')).text).toBe('1')
      await site.page.clear()
      expect((await site.demand('only-if-cached, max-stale')).status).toBe(504)
      expect(outcome(await site.demand())).toEqual(['2', STORED])
    })

    test('no-cache, only-if-cached: of the variant that the request selects', async () => {
      await using site = newPage({ ignore: true }, (run, x) => (x.set('Vary', 'X-Size'), x.send(`${x.header('x-size') ?? '-'}${run}`)))
      const ask = (size: string, control: string): Promise<Reply> =>
        site.ask('/', { headers: { 'x-size': size, 'cache-control': control } })
      for (const size of ['s', 'l']) await ask(size, 'max-age=60')
      expect((await ask('s', 'no-cache')).text).toBe('s3')
      expect([(await ask('s', 'only-if-cached')).text, (await ask('l', 'only-if-cached')).text]).toEqual(['s3', 'l2'])
      expect((await ask('m', 'only-if-cached')).status).toBe(504)
    })
  })

  describe('while the handler runs for another request', () => {
    /** A page whose runs each wait at a gate of their own. */
    function gatedPage(options: RouteOptions<Exchange> = {}) {
      const gates = Array.from({ length: 4 }, () => newGate())
      const site = newPage(options, async (run, x) => {
        await gates[run - 1]!.wait()
        x.send(`${run}`)
      })
      return { site, gates }
    }

    test('no-cache does not take what was begun before it came, and stores what came later', async () => {
      const { site, gates } = gatedPage()
      await using _ = site
      const first = site.demand()
      await gates[0]!.reached()
      const second = site.demand('no-cache')
      await gates[1]!.reached()
      gates[1]!.open()
      expect(outcome(await second)).toEqual(['2', STORED])
      gates[0]!.open()
      expect((await first).text).toBe('1')
      expect(outcome(await site.demand())).toEqual(['2', HIT])
    })

    test('no-store keeps nobody waiting for what is its own', async () => {
      const { site, gates } = gatedPage()
      await using _ = site
      const first = site.demand('no-store')
      await gates[0]!.reached()
      const second = site.demand()
      await gates[1]!.reached()
      for (const gate of gates) gate.open()
      expect([outcome(await first), outcome(await second)]).toEqual([
        ['1', refused('no-store')],
        ['2', STORED],
      ])
      expect(outcome(await site.demand())).toEqual(['2', HIT])
    })

    test('max-age waits for it like anyone, and min-fresh asks again where that is not enough', async () => {
      const { site, gates } = gatedPage({ ttl: '60s' })
      await using _ = site
      const first = site.demand()
      await gates[0]!.reached()
      const others = [site.demand('max-age=5'), site.demand('min-fresh=61')]
      while (site.page.stats().coalesced < 2) await new Promise(setImmediate)
      for (const gate of gates) gate.open()
      expect((await first).text).toBe('1')
      expect((await Promise.all(others)).map(outcome)).toEqual([
        ['1', COLLAPSED],
        ['2', REQUESTED],
      ])
    })
  })
}
