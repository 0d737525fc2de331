// Responses of one URI among which request fields select: each is its own, all are cleared together, and no more is kept than may be.
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { any } from '../../src/index.ts'
import { newGate } from '../support/gate.ts'
import type { Framework, Handler } from './framework.ts'
import { HIT, newSite, refused, RENEWED, statusOf, STORED, type Site } from './site.ts'

const VARIANT_STORED = 'CacheAlchemy;fwd=vary-miss;stored'

export function variants(framework: Framework): void {
  const { cached } = framework

  /** A page that says which value of each field it was made for, and how many were made. */
  function varyingPage(site: Site, vary: string, options = {}): { page: ReturnType<typeof cached>; runs: () => number } {
    const page = cached(site.cache, { path: '/films/:id', ignore: true, ...options })
    let runs = 0
    const names = vary.split(',').map((name) => name.trim().toLowerCase())
    const handler: Handler = (x) => (runs++, x.set('Vary', vary), x.send(names.map((name) => x.header(name) ?? '-').join()))
    site.app.on('get', '/films/:id', [page], handler)
    return { page, runs: () => runs }
  }

  describe('a response that varies', () => {
    test('is each value’s own, learned from the first, and says on what it varies', async () => {
      await using site = newSite(framework)
      varyingPage(site, 'X-Size')
      const said: unknown[] = []
      for (const size of ['s', 'l', 's', 'l']) {
        const reply = await site.ask('/films/1', { headers: { 'x-size': size } })
        said.push([statusOf(reply), reply.text, reply.headers['vary']])
      }
      expect(said).toEqual([
        [STORED, 's', 'X-Size'],
        [VARIANT_STORED, 'l', 'X-Size'],
        [HIT, 's', 'X-Size'],
        [HIT, 'l', 'X-Size'],
      ])
    })

    // RFC 9111 §4.1: "If no such field is present in the request, it must be absent in the original one".
    test('matches an absent field by an absent one, and no value by another', async () => {
      await using site = newSite(framework)
      varyingPage(site, 'X-A, X-B')
      const asks = [
        {},
        { 'x-a': '' },
        { 'x-a': 'null' },
        { 'x-a': '1,2' },
        { 'x-b': '1,2' },
        { 'x-a': '1', 'x-b': '2' },
        { 'x-a': '"x-b":"2"' },
      ]
      for (const headers of asks) expect(statusOf(await site.ask('/films/1', { headers }))).not.toBe(HIT)
      for (const headers of asks) expect(statusOf(await site.ask('/films/1', { headers }))).toBe(HIT)
      expect(statusOf(await site.ask('/films/1', { headers: { 'x-a': ['1', '2'] } }))).toBe(HIT)
      expect(statusOf(await site.ask('/films/1', { headers: { 'x-a': ' 1 ,  2 ' } }))).toBe(HIT)
    })

    test('is found by a HEAD, and costs other pages nothing', async () => {
      await using site = newSite(framework)
      const { page } = varyingPage(site, 'X-Size')
      for (const size of ['s', 'l']) await site.ask('/films/1', { headers: { 'x-size': size } })
      const head = await site.ask('/films/1', { method: 'HEAD', headers: { 'x-size': 'l' } })
      expect([statusOf(head), head.headers['content-length']]).toEqual([HIT, '1'])
      expect(page.stats()).toMatchObject({ hits: 1, misses: 2, loads: 2 })
    })

    test('goes with all its variants where its params are cleared, with one where its header is, and with a write to its URI', async () => {
      await using site = newSite(framework)
      const { page } = varyingPage(site, 'X-Size')
      site.app.on('put', '/films/:id', [page], (x) => x.send('ok'))
      const fill = async (): Promise<boolean[]> => {
        const hits = []
        for (const size of ['s', 'l']) hits.push(statusOf(await site.ask('/films/1', { headers: { 'x-size': size } })) === HIT)
        return hits
      }
      await fill()
      expect(await fill()).toEqual([true, true])
      await page.clear({ params: { id: '1' } })
      expect(await fill()).toEqual([false, false])
      await site.ask('/films/1', { method: 'PUT' })
      expect(await fill()).toEqual([false, false])
      await page.clear({ params: { id: '1' }, headers: { 'X-Size': 's' } })
      expect((await fill())[0]).toBe(false)
      await page.clear({ headers: { 'x-size': any } })
      expect(await fill()).toEqual([false, false])
      await page.clear({ params: { id: '2' } })
      expect(await fill()).toEqual([true, true])
    })

    test('is still told apart where all of it is stale at once', async () => {
      await using site = newSite(framework)
      const { page } = varyingPage(site, 'X-Size')
      const ask = async (size: string): Promise<string | undefined> => statusOf(await site.ask('/films/1', { headers: { 'x-size': size } }))
      expect([await ask('s'), await ask('l')]).toEqual([STORED, VARIANT_STORED])
      await page.expire({ params: { id: '1' } })
      expect([await ask('l'), await ask('s'), await ask('l')]).toEqual([RENEWED, RENEWED, HIT])
    })

    // A page that varies is found by way of a sign, which is expired with it.
    test('is served stale after an `expire` as one that does not vary, while it is made anew and where its handler fails', async () => {
      const lifeOf = async (vary: string | undefined): Promise<unknown[]> => {
        await using site = newSite(framework)
        const gate = newGate()
        const page = cached(site.cache, { path: '/', ignore: true, staleWhileRevalidate: '1h', staleIfError: '2h' })
        let runs = 0
        site.app.on('get', '/', [page], async (x) => {
          const run = ++runs
          if (run === 2) await gate.wait()
          if (run === 3) x.status(503)
          if (vary !== undefined) x.set('Vary', vary)
          x.send(`run ${run}`)
        })
        const ask = async (): Promise<unknown[]> => {
          const { status, text, headers } = await site.ask('/', { headers: { 'x-size': 's' } })
          const said = headers['cache-status']?.replace('vary-miss', 'uri-miss')
          return [status, text, said?.replace(/;ttl=-?\d+/, '')]
        }
        const life: unknown[] = [await ask(), await ask()]
        await page.expire()
        life.push(await ask())
        await gate.reached()
        life.push(await ask())
        gate.open()
        while ((await ask())[1] !== 'run 2') await new Promise(setImmediate)
        life.push(await ask())
        await page.expire()
        site.clock.advance(90 * 60_000)
        life.push(await ask(), await ask(), await ask())
        return life
      }
      const plain = await lifeOf(undefined)
      expect(plain).toEqual([
        [200, 'run 1', STORED],
        [200, 'run 1', HIT],
        [200, 'run 1', HIT],
        [200, 'run 1', HIT],
        [200, 'run 2', HIT],
        [200, 'run 2', refused('status 503', 'stale')],
        [200, 'run 4', RENEWED],
        [200, 'run 4', HIT],
      ])
      expect(await lifeOf('X-Size')).toEqual(plain)
    })

    test('is of its owner, and of what `headers` names', async () => {
      await using site = newSite(framework)
      varyingPage(site, 'X-Size', {
        headers: ['x-lang'],
        partition: (x: { header(name: string): string | undefined }) => x.header('x-user'),
      })
      const asks = ['ann', 'bob'].flatMap((user) =>
        ['de', 'en'].flatMap((lang) => ['s', 'l'].map((size) => ({ 'x-user': user, 'x-lang': lang, 'x-size': size }))),
      )
      for (const headers of asks) expect(statusOf(await site.ask('/films/1', { headers }))).not.toBe(HIT)
      for (const headers of asks) expect(statusOf(await site.ask('/films/1', { headers }))).toBe(HIT)
      for (const headers of [{ 'x-lang': 'de' }, { 'x-lang': 'de', 'x-size': 's' }])
        expect(statusOf(await site.ask('/films/1', { headers }))).not.toBe(HIT)
    })

    // RFC 9111 §4: "the most recent response"; what an older one varied on still tells its variants apart.
    test('that varies on more than the last one adds to what is learned', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/', ignore: true })
      site.app.on('get', '/', [page], (x) => {
        const deep = x.header('x-a') === 'deep'
        x.set('Vary', deep ? 'X-A, X-B' : 'X-A')
        x.send(`${x.header('x-a')}${deep ? x.header('x-b') : ''}`)
      })
      const ask = async (a: string, b: string): Promise<string> => {
        const reply = await site.ask('/', { headers: { 'x-a': a, 'x-b': b } })
        return `${statusOf(reply) === HIT ? 'hit' : 'run'} ${reply.text}`
      }
      expect([await ask('flat', '1'), await ask('flat', '2')]).toEqual(['run flat', 'hit flat'])
      expect([await ask('deep', '1'), await ask('deep', '2'), await ask('deep', '1'), await ask('deep', '2')]).toEqual([
        'run deep1',
        'run deep2',
        'hit deep1',
        'hit deep2',
      ])
      // In front each answer is told apart by its own Vary alone.
      expect([await ask('flat', '1'), await ask('flat', '1')]).toEqual([framework.isFronted ? 'hit flat' : 'run flat', 'hit flat'])
      expect([await ask('deep', '1'), await ask('deep', '2')]).toEqual(['hit deep1', 'hit deep2'])
    })

    test('is kept as long as it is fresh, longer than what was learned first', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/', ignore: true })
      site.app.on('get', '/', [page], (x) => {
        x.set('Vary', 'X-Age')
        x.set('Cache-Control', `max-age=${x.header('x-age')}`)
        x.send('a')
      })
      const ask = async (age: number): Promise<string | undefined> => statusOf(await site.ask('/', { headers: { 'x-age': String(age) } }))
      const days = 24 * 60 * 60
      await ask(60)
      await ask(3 * days)
      site.clock.advance(2 * days * 1000)
      expect(await ask(3 * days)).toBe(HIT)
      expect(await ask(60)).toMatch(/^CacheAlchemy;fwd=stale/)
    })
  })

  describe('what a handler negotiates by', () => {
    test('is part of the key, as if Vary named it, as it was read', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(x.header('Accept-Language')?.split(',')[0] ?? 'none'))
      const said: unknown[] = []
      for (const languages of ['de,en', 'en,de', 'de,en', undefined, undefined]) {
        const headers = languages === undefined ? {} : { 'accept-language': languages }
        const reply = await site.ask('/', { headers })
        said.push([statusOf(reply) === HIT, reply.text, reply.headers['vary']])
      }
      expect(said).toEqual([
        [false, 'de', 'accept-language'],
        [false, 'en', 'accept-language'],
        [true, 'de', 'accept-language'],
        [false, 'none', 'accept-language'],
        [true, 'none', 'accept-language'],
      ])
      expect(site.warnings.texts).toEqual([])
    })

    test('is covered too where it is any field that it reads and nominates', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => (x.set('Vary', 'User-Agent'), x.send(x.header('user-agent') ?? '-')))
      for (const agent of ['a', 'b']) await site.ask('/', { headers: { 'user-agent': agent } })
      for (const agent of ['a', 'b']) {
        const reply = await site.ask('/', { headers: { 'user-agent': agent } })
        expect([statusOf(reply), reply.text]).toEqual([HIT, agent])
      }
    })

    test('is refused where it is read when the answer has begun, which no Vary says', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        let chunks = 0
        const body = new Readable({
          highWaterMark: 1,
          read() {
            if (++chunks > 20) this.push(null)
            else this.push(chunks < 20 ? '.' : x.req.headers.accept)
          },
        })
        x.send(body)
      })
      for (const accept of ['x/y', 'x/z']) expect((await site.ask('/', { headers: { accept } })).text).toBe(`${'.'.repeat(19)}${accept}`)
      expect(site.warnings.texts).toEqual([expect.stringContaining('"accept"')])
    })
  })

  describe('requests that come while the first response of a URI is made', () => {
    test('get each their own variant, and one run for each', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/', ignore: true })
      const gate = newGate()
      let runs = 0
      site.app.on('get', '/', [page], async (x) => {
        runs++
        await gate.wait()
        x.set('Vary', 'X-Size')
        x.send(x.header('x-size') ?? '-')
      })
      const asks = ['a', 'b', 'c', 'a', 'b', 'c', 'a'].map((size) => ({ headers: { 'x-size': size } }))
      const leader = site.ask('/', asks[0])
      await gate.reached()
      const others = asks.slice(1).map((how) => site.ask('/', how))
      while (page.stats().coalesced < others.length) await new Promise(setImmediate)
      gate.open()
      const texts = (await Promise.all([leader, ...others])).map((reply) => reply.text)
      expect([texts, runs]).toEqual([['a', 'b', 'c', 'a', 'b', 'c', 'a'], 3])
    })

    test('and which a clear overtakes find nothing of it', async () => {
      await using site = newSite(framework)
      let row = 'old'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      const gate = newGate()
      site.app.on('get', '/', [cached(site.cache, { path: '/', ignore: true })], async (x) => {
        const seen = await getRow()
        await gate.wait()
        x.set('Vary', 'X-Size')
        x.send(seen)
      })
      const how = { headers: { 'x-size': 'a' } }
      const before = site.ask('/', how)
      await gate.reached()
      row = 'new'
      await getRow.clear()
      gate.open()
      expect((await before).text).toBe('old')
      expect((await site.ask('/', how)).text).toBe('new')
      expect(await site.ask('/', how)).toMatchObject({ text: 'new' })
    })
  })

  describe('bounds', () => {
    test('more fields than eight are not kept', async () => {
      await using site = newSite(framework)
      varyingPage(site, Array.from({ length: 9 }, (_, at) => `X-${at}`).join())
      for (let time = 0; time < 2; time++) expect(statusOf(await site.ask('/films/1'))).toBe(refused('vary too long'))
    })

    test('a flood of values stays within `limit`, however long each is', async () => {
      await using site = newSite(framework)
      const { page } = varyingPage(site, 'X-Size', { limit: 5 })
      for (let at = 0; at < 30; at++) await site.ask('/films/1', { headers: { 'x-size': `${'x'.repeat(1000)}${at}` } })
      const hits = []
      for (let at = 29; at >= 0; at--) {
        const reply = await site.ask('/films/1', { headers: { 'x-size': `${'x'.repeat(1000)}${at}` } })
        expect(reply.text).toBe(`${'x'.repeat(1000)}${at}`)
        if (statusOf(reply) === HIT) hits.push(at)
      }
      expect(hits.length).toBeLessThanOrEqual(5)
      expect(hits).toContain(29)
      expect(page.stats().evictions).toBeGreaterThan(20)
      await page.clear({ headers: { 'x-size': `${'x'.repeat(1000)}0` } })
      expect(statusOf(await site.ask('/films/1', { headers: { 'x-size': `${'x'.repeat(1000)}0` } }))).not.toBe(HIT)
    })
  })
}
