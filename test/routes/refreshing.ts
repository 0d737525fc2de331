// What becomes of a stale response that may be served while it is made anew: everybody is served it at once, and one refresh runs behind.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { newGate, type Gate } from '../support/gate.ts'
import type { Ask, Reply } from '../support/http.ts'
import type { Exchange, Framework } from './framework.ts'
import { HIT, newSite, RENEWED, statusOf, type Site } from './site.ts'

const WINDOW = { ttl: '1s', staleWhileRevalidate: '1h' } as const

/** Asks until the answer is this one: what runs behind is not waited for. */
async function until(site: Site, text: string, how?: Ask): Promise<Reply> {
  for (;;) {
    const reply = await site.ask('/', how)
    if (reply.text === text) return reply
  }
}

/** The runs of a handler, each of which may be held at a gate. */
interface Page {
  readonly route: ReturnType<Framework['cached']>
  readonly state: { gate: Gate | undefined; runs: number }
}

export function refreshing(framework: Framework): void {
  const { cached } = framework

  /** A page at "/" that says which run of its handler it is of. */
  function newPage(
    site: Site,
    options: object = {},
    answer: (run: number, x: Exchange) => unknown = (run, x) => x.send(`run ${run}`),
  ): Page {
    const state: Page['state'] = { gate: undefined, runs: 0 }
    const route = cached(site.cache, { path: '/', ...WINDOW, ...options })
    site.app.on('get', '/', [route], async (x) => {
      const run = ++state.runs
      await state.gate?.wait()
      return answer(run, x)
    })
    return { route, state }
  }

  /** Asks once, and lets the answer become stale. */
  async function fillAndAge(site: Site, how?: Ask): Promise<void> {
    await site.ask('/', how)
    site.clock.advance(2_000)
  }

  /** A page whose answer is stale by now. */
  async function stalePage(
    site: Site,
    ...rest: [options?: object, answer?: (run: number, x: Exchange) => unknown]
  ): Promise<Page['state']> {
    const { state } = newPage(site, ...rest)
    await site.ask('/')
    site.clock.advance(2_000)
    return state
  }

  describe('a stale response that may be served while it is made anew', () => {
    test('is served to everybody at once, and one refresh runs behind', async () => {
      await using site = newSite(framework)
      const state = await stalePage(site)
      state.gate = newGate()
      const replies = await Promise.all([site.ask('/'), site.ask('/'), site.ask('/')])
      for (const reply of replies) expect([reply.text, reply.headers['cache-status']]).toEqual(['run 1', `${HIT};ttl=-1`])
      await state.gate.reached()
      expect((await site.ask('/')).text).toBe('run 1')
      state.gate.open()
      expect(statusOf(await until(site, 'run 2'))).toBe(HIT)
      expect(state.runs).toBe(2)
    })

    test('is not served past its window, whatever runs', async () => {
      await using site = newSite(framework)
      const { state, route } = newPage(site, { staleWhileRevalidate: '10s' })
      await site.ask('/')
      site.clock.advance(2_000)
      state.gate = newGate()
      expect((await site.ask('/')).text).toBe('run 1')
      await state.gate.reached()
      site.clock.advance(10_000)
      const late = site.ask('/')
      while (route.stats().coalesced === 0) await new Promise(setImmediate)
      state.gate.open()
      expect((await late).text).toBe('run 2')
    })

    test('is refreshed by a GET where a HEAD or a range is asked for', async () => {
      for (const how of [{ method: 'HEAD' }, { headers: { range: 'bytes=0-1' } }]) {
        await using site = newSite(framework)
        await stalePage(site, {}, (run, x) => x.send(`${x.req.method} ${x.req.headers.range} ${run}`))
        expect((await site.ask('/', how)).headers['cache-status']).toBe(`${HIT};ttl=-1`)
        await until(site, 'GET undefined 2')
      }
    })

    test('is refreshed where it was made so by hand', async () => {
      await using site = newSite(framework)
      const { route } = newPage(site, { ttl: '1h' })
      await site.ask('/')
      await route.expire()
      expect((await site.ask('/')).text).toBe('run 1')
      await until(site, 'run 2')
    })

    test('is asked after with its validators, and a 304 makes it fresh', async () => {
      await using site = newSite(framework)
      const asked: (string | undefined)[] = []
      await stalePage(site, { revalidate: true }, (run, x) => {
        asked.push(x.header('if-none-match'))
        x.set('ETag', '"a"')
        if (run > 1) x.status(304)
        x.send(run > 1 ? '' : 'body')
      })
      expect((await site.ask('/', { headers: { 'if-none-match': '"mine"' } })).headers['cache-status']).toBe(`${HIT};ttl=-1`)
      while ((await site.ask('/')).headers['cache-status'] !== `${HIT};ttl=1`) await new Promise(setImmediate)
      expect(asked).toEqual([undefined, '"a"'])
    })

    test('is each variant’s own, and so is its refresh', async () => {
      await using site = newSite(framework)
      const { state } = newPage(site, { ignore: true }, (run, x) => (x.set('Vary', 'X-Size'), x.send(`${x.header('x-size')} ${run}`)))
      const [large, small] = [{ headers: { 'x-size': 'l' } }, { headers: { 'x-size': 's' } }]
      await site.ask('/', large)
      await site.ask('/', small)
      site.clock.advance(2_000)
      expect((await site.ask('/', small)).text).toBe('s 2')
      await until(site, 's 3', small)
      expect((await site.ask('/', large)).text).toBe('l 1')
      await until(site, 'l 4', large)
      expect(state.runs).toBe(4)
    })

    test('stays where its refresh fails, is made fresh by the next, and who watches hears of it', async () => {
      await using site = newSite(framework)
      const state = await stalePage(site, {}, (run, x) => {
        if (run === 2) throw new Error('down')
        if (run === 3) x.status(503)
        x.send(`run ${run}`)
      })
      await until(site, 'run 4')
      expect(state.runs).toBe(4)
      expect(site.errors.map((error) => error.message)).toEqual(
        Array(2).fill(expect.stringMatching(/^A background refresh of .* failed; the stale value stays\.$/)),
      )
    })

    test('stays where its refresh breaks off, and is made fresh by the next', async () => {
      await using site = newSite(framework)
      await stalePage(site, {}, (run, x) => {
        if (run !== 2) return x.send(`run ${run}`)
        const source = new Readable({ read() {} })
        source.push('half')
        source.on('error', () => {})
        x.send(source)
        setImmediate(() => x.res.destroy())
        return undefined
      })
      await until(site, 'run 3')
    })

    test('is not made fresh by what was begun before a clear', async () => {
      await using site = newSite(framework)
      let row = 'old'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      const gate = newGate()
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { ...WINDOW, path: '/' })], async (x) => {
        const seen = await getRow()
        if (++runs === 2) await gate.wait()
        x.send(seen)
      })
      await site.ask('/')
      site.clock.advance(2_000)
      expect((await site.ask('/')).text).toBe('old')
      await gate.reached()
      row = 'new'
      await getRow.clear()
      expect((await site.ask('/')).text).toBe('new')
      gate.open()
      for (let i = 0; i < 20; i++) expect((await site.ask('/')).text).toBe('new')
    })
  })

  describe('a refresh', () => {
    /** What each request says that reaches the application. */
    function listen(site: Site): { fields: IncomingHttpHeaders[]; requests: IncomingMessage[] } {
      const heard = { fields: [] as IncomingHttpHeaders[], requests: [] as IncomingMessage[] }
      site.app.outer((x) => void (heard.fields.push({ ...x.req.headers }), heard.requests.push(x.req)))
      return heard
    }

    test('has nothing of who asked, and all that selects the response', async () => {
      await using site = newSite(framework)
      const { fields, requests } = listen(site)
      newPage(site, { headers: ['x-theme'], query: true })
      const headers = {
        host: 'films.test',
        cookie: 'sid=1',
        'x-forwarded-for': '1.1.1.1',
        'x-forwarded-host': 'a.test',
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '443',
        'x-forwarded-prefix': '/api',
        forwarded: 'for="[::1]:1";host=a.test;proto=https, for=2.2.2.2',
        'x-api-key': 'k',
        'user-agent': 'me',
        'if-none-match': '"a"',
        'cache-control': 'no-cache',
        'x-theme': 'dark',
      }
      await site.ask('/?a=%7e&b=1', { headers })
      site.clock.advance(2_000)
      await site.ask('/?a=%7e&b=1', { headers })
      while (requests.length < 3) await new Promise(setImmediate)
      const { cookie: _, 'x-forwarded-for': __, 'x-api-key': ___, 'user-agent': ____, ...others } = headers
      const { 'if-none-match': _____, 'cache-control': ______, ...kept } = others
      expect(fields[2]).toEqual({ ...kept, forwarded: 'host=a.test;proto=https', connection: 'close' })
      expect([requests[2]!.method, requests[2]!.url, requests[2]!.socket.remoteAddress]).toEqual(['GET', '/?a=%7e&b=1', '127.0.0.1'])
    })

    test('runs in what outer layers enter for it, and in nothing of the request that began it', async () => {
      await using site = newSite(framework)
      const storage = new AsyncLocalStorage<number>()
      let requests = 0
      site.app.around((_x, next) => storage.run(++requests, next))
      await stalePage(site, {}, (run, x) => x.send(`run ${run} in ${storage.getStore()}`))
      expect((await site.ask('/')).text).toBe('run 1 in 1')
      await until(site, 'run 2 in 3')
    })

    test('reads what its handler reads, so that a clear of that clears it', async () => {
      await using site = newSite(framework)
      let row = 'a'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      await stalePage(site, {}, async (run, x) => x.send(`${run}${await getRow()}`))
      await site.ask('/')
      await until(site, '2a')
      row = 'b'
      await getRow.clear()
      expect((await site.ask('/')).text).toBe('3b')
    })

    test('that does not get past an outer layer leaves it to the requests, and is not tried again for a while', async () => {
      await using site = newSite(framework)
      let refusals = 0
      site.app.around((x, next) => {
        if (x.header('authorization') !== undefined) return next()
        refusals++
        x.status(401)
        return x.send('who?')
      })
      const state = await (async () => {
        const page = newPage(site, {}, (run, x) => (x.set('Cache-Control', 'public, max-age=1'), x.send(`run ${run}`)))
        await fillAndAge(site, { headers: { authorization: 'me' } })
        return page.state
      })()
      const me = { headers: { authorization: 'me' } }
      expect((await site.ask('/', me)).text).toBe('run 1')
      const reply = await until(site, 'run 2', me)
      expect([statusOf(reply), refusals]).toEqual([RENEWED, 1])
      site.clock.advance(2_000)
      state.gate = newGate()
      const leader = site.ask('/', me)
      await state.gate.reached()
      expect((await site.ask('/', me)).text).toBe('run 2')
      state.gate.open()
      expect((await leader).text).toBe('run 3')
      site.clock.advance(70_000)
      expect((await site.ask('/', me)).text).toBe('run 3')
      await until(site, 'run 4', me)
      expect([(await site.ask('/')).text, refusals]).toEqual(['who?', 3])
    })

    test('that arrives as another request runs no handler, and leaves it to the requests', async () => {
      await using site = newSite(framework)
      // Whose theme it is, an outer layer makes of a cookie.
      site.app.outer((x) => void (x.req.headers['x-theme'] = x.header('cookie') ?? 'none'))
      const { state } = newPage(site, { headers: ['x-theme'] }, (run, x) => x.send(`${x.header('x-theme')} ${run}`))
      const dark = { headers: { cookie: 'dark' } }
      await fillAndAge(site, dark)
      expect((await site.ask('/', dark)).text).toBe('dark 1')
      expect(statusOf(await until(site, 'dark 2', dark))).toBe('CacheAlchemy;fwd=stale;stored')
      expect(state.runs).toBe(2)
    })

    test('whose handler answers it otherwise than its clients leaves it to them', async () => {
      await using site = newSite(framework)
      const { state } = newPage(site, { ignore: ['cookie'] }, (run, x) => {
        if (x.header('cookie') === undefined) x.status(403)
        x.send(`run ${run}`)
      })
      const me = { headers: { cookie: 'me' } }
      await fillAndAge(site, me)
      expect((await site.ask('/', me)).text).toBe('run 1')
      while (state.runs < 2) await new Promise(setImmediate)
      state.gate = newGate()
      const leader = until(site, 'run 3', me)
      await state.gate.reached()
      expect((await site.ask('/', me)).text).toBe('run 1')
      state.gate.open()
      expect([statusOf(await leader), state.runs]).toEqual([RENEWED, 3])
    })

    test('is not made of a request whose response is its owner’s, or selected by a secret', async () => {
      for (const [options, headers] of [
        [{ partition: (x: Exchange) => x.header('cookie') }, { cookie: 'me' }],
        [{ headers: ['cookie'] }, { cookie: 'me' }],
        [{ headers: ['x-api-key'] }, { 'x-api-key': 'k' }],
      ] as const) {
        await using site = newSite(framework)
        const { requests } = listen(site)
        const { state } = newPage(site, options)
        await fillAndAge(site, { headers })
        state.gate = newGate()
        const leader = site.ask('/', { headers })
        await state.gate.reached()
        expect((await site.ask('/', { headers })).text).toBe('run 1')
        state.gate.open()
        expect([(await leader).text, requests.length]).toEqual(['run 2', 3])
      }
    })

    test('asks for what its handler asks, also of routes inside that are stale, and makes no other refresh', async () => {
      await using site = newSite(framework)
      const { requests } = listen(site)
      const outer = cached(site.cache, { path: '/', name: 'outer', ignore: true, ...WINDOW })
      const inner = cached(site.cache, { path: '/', name: 'inner', ...WINDOW })
      let runs = 0
      site.app.on('get', '/', [outer, inner], (x) => {
        x.set('Cache-Control', 'max-age=60, stale-while-revalidate=60')
        x.send(`run ${++runs}`)
      })
      await site.ask('/')
      site.clock.advance(62_000)
      expect((await site.ask('/')).text).toBe('run 1')
      await until(site, 'run 2')
      // A connection of a client's has a port.
      expect(requests.filter((req) => req.socket.remoteAddress !== undefined && req.socket.remotePort === undefined)).toHaveLength(1)
      await inner.clear()
      expect((await site.ask('/')).text).toBe('run 3')
    })

    test('that a route around its own keeps too is cleared there with what its handler read', async () => {
      await using site = newSite(framework)
      let row = 'a'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      const outer = cached(site.cache, { path: '/', name: 'outer', headers: ['x-user'], ignore: true })
      const inner = cached(site.cache, { path: '/', name: 'inner' })
      let runs = 0
      site.app.on('get', '/', [outer, inner], async (x) => {
        x.set('Cache-Control', 'max-age=60, stale-while-revalidate=60')
        x.send(`${++runs}${await getRow()}`)
      })
      await site.ask('/', { headers: { 'x-user': 'ann' } })
      site.clock.advance(62_000)
      // To the outer route it is another request than its refresh, which has no more than the inner one is keyed by.
      expect((await site.ask('/', { headers: { 'x-user': 'bob' } })).text).toBe('1a')
      await until(site, '2a')
      row = 'b'
      await getRow.clear()
      expect((await site.ask('/')).text).toBe('3b')
    })

    test('depends on nothing that outer layers read for it', async () => {
      await using site = newSite(framework)
      const getTheme = site.cache.memoize(async () => 'dark', { name: 'theme' })
      site.app.around(async (_x, next) => (await getTheme(), next()))
      await stalePage(site)
      await site.ask('/')
      await until(site, 'run 2')
      await getTheme.clear()
      expect(statusOf(await site.ask('/'))).toBe(HIT)
    })

    test('ends with its server, whose close does not wait for it, and is given up', async () => {
      await using site = newSite(framework)
      const responses: ServerResponse[] = []
      site.app.outer((x) => void responses.push(x.res))
      const state = await stalePage(site)
      state.gate = newGate()
      await site.ask('/')
      await state.gate.reached()
      const server = (responses[2]!.req.socket as unknown as { server: Server }).server
      const [broken, closed] = [once(responses[2]!, 'close'), once(server, 'close')]
      server.close()
      server.closeIdleConnections()
      await Promise.all([broken, closed])
      expect(responses[2]!.writableFinished).toBe(false)
      state.gate.open()
    })

    test('is one of so many for a server, and past them requests run the handler themselves', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      let isHeld = false
      let runs = 0
      site.app.on('get', '/:id', [cached(site.cache, WINDOW)], async (x) => {
        runs++
        if (isHeld) await gate.wait()
        x.send(`${isHeld}`)
      })
      const ids = Array.from({ length: 70 }, (_, i) => `/${i}`)
      await Promise.all(ids.map((id) => site.ask(id)))
      site.clock.advance(2_000)
      isHeld = true
      const replies = ids.map((id) => site.ask(id))
      await gate.reached(70)
      gate.open()
      const texts = (await Promise.all(replies)).map((reply) => reply.text)
      expect([texts.filter((text) => text === 'false').length, texts.filter((text) => text === 'true').length, runs]).toEqual([64, 6, 140])
    })
  })
}
