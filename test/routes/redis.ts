// What holds of routes across processes, and while Redis is away. Two caches on one server stand for two processes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newGate, type Gate } from '../support/gate.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import type { Framework } from './framework.ts'
import { HIT, newSite, statusOf, STORED, type Site } from './site.ts'

export function redisRoutes(framework: Framework): void {
  const { cached, invalidates } = framework

  describe('two processes', () => {
    let redis: RedisServer
    beforeAll(async () => void (redis = await startRedis()))
    afterAll(() => redis.stop())

    let prefixes = 0

    /** One of two processes: the same routes over one table. */
    function processOf(prefix: string, rows: Map<string, string>): Site {
      const site = newSite(framework, { redis: redis.url, prefix })
      const getFilm = site.cache.memoize(async (id: string) => rows.get(id) ?? '-', { name: 'film' })
      const page = cached(site.cache, { store: 'redis' })
      site.app.on(
        'get',
        '/films/:id',
        [page],
        async (x) => (x.status(203), x.set('X-Film', ['a', 'b']), x.send(Buffer.from(await getFilm(x.params['id']!)))),
      )
      site.app.on(
        'put',
        '/films/:id',
        [invalidates(getFilm, (x) => [x.params['id']])],
        (x) => (rows.set(x.params['id']!, 'new'), x.send('ok')),
      )
      return site
    }

    /** Asks until the answer is from the store: writes to it are not waited for. */
    async function untilHit(site: Site, path: string): Promise<Awaited<ReturnType<Site['ask']>>> {
      for (;;) {
        const reply = await site.ask(path)
        if (statusOf(reply) === HIT) return reply
      }
    }

    test('have one entry, the same to the byte, for a GET and a HEAD', async () => {
      const rows = new Map([['1', '\u0000é']])
      const prefix = `p${++prefixes}`
      await using one = processOf(prefix, rows)
      await using two = processOf(prefix, rows)
      const first = await one.ask('/films/1')
      await untilHit(one, '/films/1')
      const hit = await two.ask('/films/1')
      expect(statusOf(hit)).toBe(HIT)
      expect(hit).toMatchObject({ status: 203, text: first.text, headers: { 'x-film': 'a, b', date: first.headers['date'] } })
      expect(statusOf(await two.ask('/films/1', { method: 'HEAD' }))).toBe(HIT)
    })

    test('serve a page that varies stale as any other, from Redis alone', async () => {
      const lifeOf = async (vary: string | undefined): Promise<unknown[]> => {
        const prefix = `p${++prefixes}`
        let fails = false
        const newProcess = (): readonly [Site, ReturnType<typeof cached>] => {
          const site = newSite(framework, { redis: redis.url, prefix })
          const page = cached(site.cache, { path: '/', store: 'redis', ignore: true, staleIfError: '1h' })
          site.app.on('get', '/', [page], (x) => {
            if (vary !== undefined) x.set('Vary', vary)
            if (fails) x.status(503)
            x.send(fails ? 'failed' : 'body')
          })
          return [site, page]
        }
        const [one] = newProcess()
        const [two, page] = newProcess()
        await using _one = one
        await using _two = two
        const first = await one.ask('/')
        await untilHit(one, '/')
        await untilHit(two, '/')
        fails = true
        await page.expire()
        const life = [first, await two.ask('/'), await two.ask('/')].map(({ status, text }) => [status, text])
        fails = false
        const renewed = await two.ask('/')
        return [...life, [renewed.text, statusOf(await untilHit(two, '/'))]]
      }
      const plain = await lifeOf(undefined)
      expect(plain).toEqual([
        [200, 'body'],
        [200, 'body'],
        [200, 'body'],
        ['body', HIT],
      ])
      expect(await lifeOf('X-Size')).toEqual(plain)
    })

    test('of two versions read each their own, and clear each other’s', async () => {
      const prefix = `p${++prefixes}`
      const newProcess = (version: string): Site => {
        const site = newSite(framework, { redis: redis.url, prefix })
        const page = cached(site.cache, { store: 'redis', version })
        site.app.on('get', '/films/:id', [page], (x) => x.send(version))
        site.app.on('put', '/films/:id', [page], (x) => x.send('ok'))
        return site
      }
      await using one = newProcess('1')
      await using two = newProcess('2')
      for (const id of ['a', 'b']) {
        for (const [site, text] of [
          [one, '1'],
          [two, '2'],
        ] as const) {
          expect(await site.ask(`/films/${id}`)).toMatchObject({ text })
          expect((await untilHit(site, `/films/${id}`)).text).toBe(text)
        }
      }
      await one.ask('/films/a', { method: 'PUT' })
      // The clear is acknowledged; its message to the other process is on its way.
      for (;;) if (statusOf(await two.ask('/films/a')) !== HIT) break
      expect(statusOf(await two.ask('/films/b'))).toBe(HIT)
    })

    test('obey a client that wants what any of them has stored, and nothing else', async () => {
      const prefix = `p${++prefixes}`
      const newProcess = (): Site => {
        const site = newSite(framework, { redis: redis.url, prefix })
        site.app.on('get', '/:id', [cached(site.cache, { store: 'redis', requestDirectives: true, ttl: '60s' })], (x) => x.send('a'))
        return site
      }
      await using one = newProcess()
      await using two = newProcess()
      const how = { headers: { 'cache-control': 'only-if-cached, max-age=3600' } }
      expect((await two.ask('/1', how)).status).toBe(504)
      await one.ask('/1')
      // Its write to the store is not waited for.
      for (;;) if ((await two.ask('/1', how)).status === 200) break
      expect(statusOf(await two.ask('/1', how))).toBe(HIT)
      expect(statusOf(await two.ask('/1', { headers: { 'cache-control': 'no-cache' } }))).toBe('CacheAlchemy;fwd=request;stored')
    })

    test('learn from each other on what a response varies', async () => {
      const prefix = `p${++prefixes}`
      const newProcess = (): Site => {
        const site = newSite(framework, { redis: redis.url, prefix })
        const page = cached(site.cache, { store: 'tiered', ignore: true })
        site.app.on('get', '/', [page], (x) => (x.set('Vary', 'X-Size'), x.send(x.header('x-size') ?? '-')))
        site.app.on('put', '/', [page], (x) => x.send('ok'))
        return site
      }
      await using one = newProcess()
      await using two = newProcess()
      const large = { headers: { 'x-size': 'l' } }
      const small = { headers: { 'x-size': 's' } }
      await one.ask('/', large)
      for (;;) {
        // Its writes are not waited for.
        const reply = await two.ask('/', small)
        expect(reply.text).toBe('s')
        if (statusOf(reply) === HIT) break
      }
      expect(await two.ask('/', large)).toMatchObject({ text: 'l' })
      for (;;) {
        const reply = await one.ask('/', small)
        expect(reply.text).toBe('s')
        if (statusOf(reply) === HIT) break
      }
      await one.ask('/', { method: 'PUT' })
      for (const how of [small, large]) {
        // The clear is acknowledged; its message to the other process is on its way.
        for (;;) if (statusOf(await two.ask('/', how)) !== HIT) break
      }
    })

    describe('of which a response is stale that may be served meanwhile', () => {
      interface Process extends Site {
        readonly route: ReturnType<typeof cached>
      }

      /** Two processes with a page that says which run of its handler, of all, it is of. The page is stale in both. */
      async function stalePages(options: object): Promise<{ one: Process; two: Process; state: { runs: number; gate: Gate } }> {
        const prefix = `p${++prefixes}`
        const state = { runs: 0, gate: newGate() }
        const newProcess = (): Process => {
          const site = newSite(framework, { redis: redis.url, prefix })
          const route = cached(site.cache, { path: '/', staleWhileRevalidate: '1h', ...options })
          site.app.on('get', '/', [route], async (x) => {
            const run = ++state.runs
            if (run > 1) await state.gate.wait()
            x.send(`run ${run}`)
          })
          return { ...site, route }
        }
        const [one, two] = [newProcess(), newProcess()]
        await one.ask('/')
        await untilHit(two, '/')
        await one.route.expire()
        return { one, two, state }
      }

      /** Asks until the answer is this one. */
      async function until(site: Site, text: string): Promise<void> {
        while ((await site.ask('/')).text !== text) await new Promise(setImmediate)
      }

      /** Asks until what the other process expired is known here. */
      async function untilStale(site: Site): Promise<void> {
        while (!(await site.ask('/')).headers['cache-status']!.endsWith(';ttl=0')) await new Promise(setImmediate)
      }

      test('serve it at once, and one of them refreshes it for both', async () => {
        for (const store of ['tiered', 'redis'] as const) {
          const { one, two, state } = await stalePages({ store })
          await using _one = one
          await using _two = two
          expect((await one.ask('/')).text).toBe('run 1')
          await state.gate.reached()
          await untilStale(two)
          for (let i = 0; i < 20; i++) expect((await two.ask('/')).text).toBe('run 1')
          state.gate.open()
          await Promise.all([until(one, 'run 2'), until(two, 'run 2')])
          expect(state.runs).toBe(2)
        }
      })

      test('have one request make it anew where no refresh can, and those that come meanwhile to it are served the stale one', async () => {
        for (const store of ['tiered', 'redis'] as const) {
          const { one, two, state } = await stalePages({ store, partition: () => 'all' })
          await using _one = one
          await using _two = two
          const leader = one.ask('/')
          await state.gate.reached()
          expect((await one.ask('/')).text).toBe('run 1')
          const other = two.ask('/')
          state.gate.open()
          expect((await leader).text).toBe('run 2')
          expect((await other).text).toMatch(/^run [12]$/)
          await until(two, 'run 2')
          expect(state.runs).toBe(2)
        }
      })
    })

    test('see each other’s writes, and keep what they did not touch', async () => {
      const rows = new Map([
        ['1', 'old'],
        ['2', 'old'],
      ])
      const prefix = `p${++prefixes}`
      await using one = processOf(prefix, rows)
      await using two = processOf(prefix, rows)
      for (const id of ['1', '2']) {
        await one.ask(`/films/${id}`)
        await untilHit(two, `/films/${id}`)
      }
      await one.ask('/films/1', { method: 'PUT' })
      for (;;) {
        const reply = await two.ask('/films/1')
        if (reply.text === 'new') break
        expect(statusOf(reply)).toBe(HIT)
      }
      expect(statusOf(await two.ask('/films/2'))).toBe(HIT)
    })
  })

  test('while Redis is away requests are answered, and writes too', async () => {
    const redis = await startRedis()
    await using site = newSite(framework, { redis: redis.url, maxStaleness: 0.001 })
    const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
    site.app.on('get', '/', [cached(site.cache)], async (x) => x.send(`${await getFilm()}`))
    site.app.on('post', '/', [invalidates(getFilm)], (x) => x.send('ok'))
    site.app.on('put', '/', [invalidates(getFilm, undefined, { onUnconfirmed: 'fail' })], (x) => x.send('ok'))
    expect(statusOf(await site.ask('/'))).toBe(STORED)
    await redis.stop()
    expect(await site.ask('/')).toMatchObject({ status: 200, text: '1' })
    expect(await site.ask('/', { method: 'POST' })).toMatchObject({ status: 200, text: 'ok' })
    expect((await site.ask('/', { method: 'PUT' })).status).toBe(503)
    expect(await site.ask('/')).toMatchObject({ status: 200, text: '1' })
    expect(site.errors.length).toBeGreaterThan(0)
  })
}
