// What a hit in front of an application is: the response that left it, all layers' fields included, without a layer entered.
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Framework } from '../routes/framework.ts'
import { HIT, newSite, statusOf, STORED } from '../routes/site.ts'
import { isFronted, newFrontSite } from './site.ts'

export function hits(framework: Framework): void {
  const { cached } = framework

  describe('a hit in front of the framework', () => {
    test('is what left the process, and no layer runs for it', async () => {
      await using site = newFrontSite(framework)
      let outer = 0
      site.app.outer((x) => {
        outer++
        x.set('X-Outer', `run ${outer}`)
        x.set('X-Lines', ['a', 'b'])
      })
      const page = cached(site.cache, { front: true })
      site.app.on('get', '/films/:id', [page], (x) => (x.status(203), x.set('X-Film', 'é'), x.send(Buffer.from([0, 255, 7]))))
      const first = await site.ask('/films/1?a=b')
      const second = await site.ask('/films/1?a=b')
      expect([site.entered(), outer]).toEqual([1, 1])
      expect([statusOf(first), statusOf(second)]).toEqual([STORED, HIT])
      const { 'cache-status': _one, connection: _c1, 'keep-alive': _k1, ...fields } = first.headers
      const { 'cache-status': _two, connection: _c2, 'keep-alive': _k2, age, ...same } = second.headers
      expect([second.status, second.message, second.body, same, age]).toEqual([203, first.message, first.body, fields, '0'])
      expect(second.headers['x-lines']).toBe('a, b')
      // Another URL is another request.
      expect((await site.ask('/films/1?a=c')).headers['x-outer']).toBe('run 2')
      expect(site.advice()).toEqual([])
    })

    test('counts once, and nothing counts twice', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      for (let i = 0; i < 4; i++) await site.ask('/')
      expect(site.entered()).toBe(1)
      expect(page.stats()).toMatchObject({ hits: 3, misses: 1, loads: 1, staleHits: 0, coalesced: 0, errors: 0 })
      await page.clear()
      await site.ask('/')
      await site.ask('/')
      expect(page.stats()).toMatchObject({ hits: 4, misses: 2, loads: 2 })
      site.clock.advance(25 * 60 * 60 * 1000)
      await site.ask('/')
      await site.ask('/')
      expect(page.stats()).toMatchObject({ hits: 5, misses: 3, loads: 3 })
    })

    test('says how old it is, with the age that its handler gave it, and how long it is fresh', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true, ttl: '10m', debug: true })
      site.app.on('get', '/', [page], (x) => (x.set('Age', '5'), x.set('Cache-Status', 'Origin; hit'), x.send('a')))
      site.app.on('get', '/plain', [cached(site.cache, { path: '/plain', front: true, cacheStatus: false })], (x) => x.send('a'))
      const first = await site.ask('/')
      expect(first.headers['age']).toBe('5')
      site.clock.advance(60_000)
      const second = await site.ask('/')
      expect([second.headers['age'], second.headers['date']]).toEqual(['65', first.headers['date']])
      expect(second.headers['cache-status']).toMatch(/^Origin; ?hit, CacheAlchemy;hit;ttl=540;key="/)
      await site.ask('/plain')
      const plain = await site.ask('/plain')
      expect([plain.headers['cache-status'], plain.headers['age']]).toEqual([undefined, '0'])
      expect(site.entered()).toBe(2)
    })

    test('keeps what other caches and layers around the route say in Cache-Status', async () => {
      await using site = newFrontSite(framework)
      site.app.outer((x) => x.set('Cache-Status', 'Outer; fwd=miss'))
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      const replies = [await site.ask('/'), await site.ask('/'), await site.ask('/')]
      expect(replies.map((reply) => statusOf(reply)?.replace('; ', ';'))).toEqual([
        `Outer;fwd=miss, ${STORED}`,
        `Outer;fwd=miss, ${HIT}`,
        `Outer;fwd=miss, ${HIT}`,
      ])
      expect(site.entered()).toBe(1)
    })

    test('is told to `onHit` once, which may log it and never fails it', async () => {
      await using site = newFrontSite(framework)
      const seen: string[] = []
      let then: (() => unknown) | undefined
      const page = cached(site.cache, {
        path: '/',
        front: true,
        onHit: (req, res) => {
          seen.push(`${req.method} ${req.url} ${res.headersSent}`)
          res.setHeader('X-Seen', seen.length)
          return then?.() as undefined
        },
      })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      await site.ask('/')
      expect(seen).toEqual([])
      expect((await site.ask('/')).headers['x-seen']).toBe('1')
      await site.ask('/', { method: 'HEAD' })
      then = () => {
        throw new Error('of onHit')
      }
      expect((await site.ask('/')).text).toBe('a')
      then = () => Promise.reject(new Error('of onHit, later'))
      expect((await site.ask('/')).text).toBe('a')
      expect(seen).toEqual(['GET / false', 'HEAD / false', 'GET / false', 'GET / false'])
      const failure = `\`onHit\` of the route "${page.cacheName}" failed: the hit is answered all the same.`
      await expect.poll(() => site.errors.map(({ message }) => message)).toEqual([failure, failure])
      expect(site.entered()).toBe(1)
    })

    test('is answered by `onHit` where that answers, and nothing fails', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true, onHit: (_req, res) => void res.end('of onHit') })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      await site.ask('/')
      expect((await site.ask('/')).text).toBe('of onHit')
      expect([site.entered(), site.errors]).toEqual([1, []])
    })

    test('is that of a HEAD too, which fills nothing', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('body'))
      await site.ask('/', { method: 'HEAD' })
      await site.ask('/', { method: 'HEAD' })
      expect(site.entered()).toBe(2)
      const get = await site.ask('/')
      const head = await site.ask('/', { method: 'HEAD' })
      expect([head.text, head.headers['content-length'], head.headers['etag'], statusOf(head)]).toEqual(['', '4', get.headers['etag'], HIT])
      expect(site.entered()).toBe(3)
    })

    test('has a tag though the answer was streamed', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) =>
        x.send(Readable.from([Buffer.from('a'), Buffer.from('b')])),
      )
      await site.ask('/')
      const tags = [await site.ask('/'), await site.ask('/'), await site.ask('/')].map(({ headers }) => headers['etag'])
      expect(tags).toEqual([expect.stringMatching(/^W\//), tags[0], tags[0]])
      expect(await site.ask('/', { headers: { 'if-none-match': tags[0]! } })).toMatchObject({ status: 304 })
      expect(site.entered()).toBeLessThan(3)
    })
  })

  describe('a route with `front: true`', () => {
    test('is an ordinary one where there is no front', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { front: true })], (x) => x.send('a'))
      expect([statusOf(await site.ask('/')), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
    })

    test('is found whichever layers of other paths a request passes on its way', async () => {
      await using site = newFrontSite(framework)
      site.app.use(cached(site.cache, { path: '/a/:id', front: true }))
      site.app.use(cached(site.cache, { path: '/b/:id', front: true }))
      site.app.use(cached(site.cache, { path: '/other' }))
      for (const path of ['/a/:id', '/b/:id', '/c']) site.app.on('get', path, [], (x) => x.send(path))
      expect([await isFronted(site, '/a/1'), await isFronted(site, '/b/1'), await isFronted(site, '/c')]).toEqual([true, true, false])
    })

    test('within another route is the outer one’s to decide', async () => {
      await using site = newFrontSite(framework)
      const both = [
        cached(site.cache, { name: 'outer', path: '/both', front: true }),
        cached(site.cache, { name: 'inner', path: '/both', front: true }),
      ]
      const inner = [
        cached(site.cache, { name: 'plain', path: '/inner' }),
        cached(site.cache, { name: 'fronted', path: '/inner', front: true }),
      ]
      const outer = [
        cached(site.cache, { name: 'first', path: '/outer', front: true }),
        cached(site.cache, { name: 'second', path: '/outer' }),
      ]
      for (const [path, layers] of [
        ['/both', both],
        ['/inner', inner],
        ['/outer', outer],
      ] as const)
        site.app.on('get', path, layers, (x) => (x.set('Cache-Control', 'max-age=60'), x.send(path)))
      expect([await isFronted(site, '/both'), await isFronted(site, '/inner'), await isFronted(site, '/outer')]).toEqual([
        true,
        false,
        true,
      ])
      await both[1]!.clear()
      const before = site.entered()
      await site.ask('/both')
      expect(site.entered()).toBe(before + 1)
    })

    test('whose name is taken is bypassed behind the front too', async () => {
      await using site = newFrontSite(framework)
      const pages = [cached(site.cache, { front: true }), cached(site.cache, { front: true })]
      site.app.on('get', '/films/:id', pages, (x) => x.send(x.params['id']!))
      for (const id of ['1', '2', '1', '2']) expect((await site.ask(`/films/${id}`)).text).toBe(id)
      expect(site.advice()).toEqual([expect.stringMatching(/is already.*bypassed/)])
    })

    test('covers one path: mounted on two it is bypassed on both, in front too', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { front: true })
      site.app.on('get', '/a/:id', [page], (x) => x.send('a'))
      site.app.on('get', '/b/:id', [page], (x) => x.send('b'))
      for (const path of ['/a/1', '/b/1', '/a/1', '/b/1', '/a/2']) expect((await site.ask(path)).text).toBe(path[1])
    })
  })
}
