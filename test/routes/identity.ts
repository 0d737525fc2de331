// What a route is called, from when on it is known, and what its options and arguments have to be.
import { describe, expect, test } from 'vitest'
import type { PartialRouteArguments } from '../../middleware/http/route-name.ts'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import { any, ConfigError } from '../../src/index.ts'
import type { Exchange, Framework } from './framework.ts'
import { HIT, newSite, refused, RENEWED, statusOf, STORED, STORED_AMONG_OTHERS } from './site.ts'

export function identity(framework: Framework): void {
  const { cached, prefix } = framework

  describe('the name of a route', () => {
    test('is its framework, its method and its path, known from its first request on', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache)
      site.app.on('get', '/films/:id', [page], (x) => x.send('a'))
      for (const early of [() => page.ref(), () => page.cacheName, () => page.stats()]) expect(early).toThrow(/`path` or a `name`/)
      await expect(page.clear()).rejects.toThrow(ConfigError)
      await site.ask('/films/1')
      expect([page.cacheName, String(page.ref())]).toEqual([`${prefix} GET /films/:id`, `${prefix} GET /films/:id(…)`])
      await page.clear()
      expect(statusOf(await site.ask('/films/1'))).toBe(STORED)
    })

    test('is known at once where it or its path is given', async () => {
      await using site = newSite(framework)
      expect(cached(site.cache, { name: 'film page' }).cacheName).toBe('film page')
      expect(cached(site.cache, { path: '/films/:id' }).cacheName).toBe(`${prefix} GET /films/:id`)
      expect(() => cached(site.cache, { name: 'film page' })).toThrow(/already/)
    })

    test('is taken: it is bypassed with a warning, and no request fails', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/films/:id', [cached(site.cache), cached(site.cache)], (x) => x.send(x.params['id']!))
      for (const id of ['1', '2', '1']) expect(await site.ask(`/films/${id}`)).toMatchObject({ status: 200, text: id })
      expect(site.warnings.texts).toEqual([expect.stringMatching(/GET \/films\/:id" is already.*bypassed/)])
    })

    test('may be mounted twice on the way of one request, and counts once', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/' })
      site.app.on('get', '/', [page, page], (x) => x.send('a'))
      expect([statusOf(await site.ask('/')), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
      expect([site.errors, page.stats().misses]).toEqual([[], 1])
    })

    test('covers one path: mounted on two the same route is bypassed on both, with a warning', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache)
      site.app.on('get', '/a/:id', [page], (x) => x.send('a'))
      site.app.on('get', '/b/:id', [page], (x) => x.send('b'))
      expect([(await site.ask('/a/1')).text, (await site.ask('/b/1')).text, (await site.ask('/b/1')).text]).toEqual(['a', 'b', 'b'])
      // Not by which came first: below a mount with parameters that is a client's choice.
      for (const path of ['/b/1', '/a/1']) expect(statusOf(await site.ask(path))).toBe(refused('other path', 'bypass'))
      expect(site.warnings.texts).toEqual([expect.stringMatching(/"\/a\/:id" and on "\/b\/:id"/)])
    })
  })

  describe('a route that is mounted on no path', () => {
    test('answers for its `path`, and lets all else pass', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/films/:id' })
      site.app.use(page)
      site.app.on('get', '/films/:film', [], (x) => x.send(x.params['film']!))
      site.app.on('get', '/other', [], (x) => x.send('other'))
      for (const id of ['1', '2', 'a%20b']) {
        expect([statusOf(await site.ask(`/films/${id}`)), statusOf(await site.ask(`/films/${id}`))]).toEqual([STORED, HIT])
        expect((await site.ask(`/films/${id}`)).text).toBe(decodeURIComponent(id))
      }
      expect((await site.ask('/other')).headers['cache-status']).toBeUndefined()
      await page.clear({ params: { id: 'a b' } })
      expect([statusOf(await site.ask('/films/a%20b')), statusOf(await site.ask('/films/1'))]).toEqual([STORED, HIT])
    })

    test('and has no `path` is bypassed with a warning', async () => {
      await using site = newSite(framework)
      site.app.use(cached(site.cache))
      site.app.on('get', '/films/:id', [], (x) => x.send(x.params['id']!))
      for (const id of ['1', '2']) expect((await site.ask(`/films/${id}`)).text).toBe(id)
      expect(site.warnings.texts).toEqual([expect.stringContaining('`path`')])
    })
  })

  describe('a clear of a route', () => {
    test('covers what it names of path, query, headers and partition', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { headers: ['x-size'] })
      site.app.on('get', '/films/:id', [page], (x) => x.send(x.header('x-size') ?? '-'))
      const urls = ['/films/1?page=1', '/films/1?page=2', '/films/2?page=1']
      const fill = async (): Promise<(string | undefined)[]> => {
        const replies = []
        for (const url of urls) replies.push(await site.ask(url, { headers: { 'x-size': 'l' } }))
        return replies.map(statusOf)
      }
      await fill()
      const cases: [PartialRouteArguments | undefined, number[]][] = [
        [{ params: { id: '1' } }, [0, 1]],
        [{ query: { page: '1' } }, [0, 2]],
        [{ params: { id: '1' }, query: { page: '2' } }, [1]],
        [{ params: { id: any }, headers: { 'X-Size': 'l' } }, [0, 1, 2]],
        [{ headers: { 'x-size': 's' } }, []],
        [{ partition: 'ann' }, []],
        [{}, [0, 1, 2]],
        [undefined, [0, 1, 2]],
      ]
      for (const [args, cleared] of cases) {
        await page.clear(args)
        expect([args, await fill()]).toEqual([args, urls.map((_url, at) => (cleared.includes(at) ? STORED_AMONG_OTHERS : HIT))])
      }
      await page.expire({ params: { id: '1' } })
      expect(await fill()).toEqual([RENEWED, RENEWED, HIT])
    })

    test('is refused where it names what no request has', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/films/:id' })
      expect(() => page.ref({ id: '1' } as never)).toThrow(/no argument `id`.*params/)
      expect(() => page.ref({ params: { id: 1 } } as never)).toThrow(/`params\.id`.*"42".*got 1/)
      expect(() => page.ref('1' as never)).toThrow(/params.*got "1"/)
    })
  })

  describe('an option that is wrong is refused where the route is made', () => {
    const wrong: Readonly<Record<string, [options: unknown, message: RegExp]>> = {
      'one that is not there': [{ tll: 5 }, /no option `tll`.*ttl/],
      'a stale window': [{ staleWhileRevalidate: 'soon' }, /`staleWhileRevalidate`/],
      'whether to revalidate': [{ revalidate: 1 }, /`revalidate`/],
      'whether to obey': [{ requestDirectives: 'no-cache' }, /`requestDirectives`.*true or false/],
      'whether to track': [{ track: null }, /`track`.*true or false, got null/],
      'a version': [{ version: 'a b' }, /`version`.*letters, digits.*got "a b"/],
      'options that are none': [5, /got 5/],
      'a ttl': [{ ttl: 'soon' }, /`ttl`.*"5m".*got "soon"/],
      'a limit': [{ limit: 1.5 }, /`limit`.*got 1\.5/],
      'a path': [{ path: 'films' }, /`path`.*"\/".*got "films"/],
      'a pattern': [{ path: '/films/:' }, /`path`.*"\/films\/:"/],
      'a name': [{ name: '' }, /`name`/],
      'a query': [{ query: 'page' }, /`query`.*\["page", "sort"\].*got "page"/],
      headers: [{ headers: 'accept' }, /`headers`.*got "accept"/],
      'a header': [{ headers: ['a b'] }, /`headers`.*got "a b"/],
      'a target': [{ targets: 'cdn-cache-control' }, /`targets`.*got "cdn-cache-control"/],
      'a partition': [{ partition: 'user' }, /`partition`.*function.*got "user"/],
      'a bypass': [{ bypass: true }, /`bypass`.*function.*got true/],
      dependencies: [{ dependsOn: [] }, /`dependsOn`.*function/],
      'a store': [{ store: 'disk' }, /`store`.*"memory".*got "disk"/],
      'a store that is not there': [{ store: 'redis' }, /needs Redis/],
      groups: [{ groups: 'film' }, /`groups`.*function.*got "film"/],
      'no field of groups': [{ groupFields: ['surrogate'] }, /`groupFields`.*"surrogate-key".*got "surrogate"/],
      'a bound': [{ maxBodyBytes: -1 }, /`maxBodyBytes`.*got -1/],
      'no bound at all': [{ maxBodyBytes: null }, /`maxBodyBytes`.*got null/],
      'no query rule at all': [{ query: null }, /`query`.*got null/],
      inputs: [{ ignore: 'ip' }, /`ignore`.*got "ip"/],
      'a switch': [{ cacheStatus: 1 }, /`cacheStatus`.*true or false.*got 1/],
      'a cache': [undefined, /createCache/],
    }
    for (const [name, [options, message]] of Object.entries(wrong)) {
      test(name, async () => {
        await using site = newSite(framework)
        const make = (): unknown => (name === 'a cache' ? cached({} as never) : cached(site.cache, options as RouteOptions<Exchange>))
        expect(make).toThrow(message)
        expect(make).toThrow(ConfigError)
      })
    }

    test('of a mutation too', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film' })
      const { invalidates } = framework
      expect(() => invalidates('film' as never)).toThrow(/cached function.*got "film"/)
      expect(() => invalidates(getFilm, '1' as never)).toThrow(/`argsOf`.*function/)
      expect(() => invalidates(getFilm.ref(), () => ['1'])).toThrow(/`argsOf`/)
      expect(() => invalidates(getFilm, undefined, { onUnconfirmed: 'wait' as never })).toThrow(/`onUnconfirmed`.*"serve"/)
      expect(() => invalidates(getFilm, undefined, { later: 1 } as never)).toThrow(/no option `later`/)
      expect(() => invalidates(getFilm, undefined, { again: 'soon' })).toThrow(/`again`/)
      expect(() => invalidates(getFilm, undefined, { again: null } as never)).toThrow(/`again`.*got null/)
      expect(() => invalidates(getFilm, undefined, { onUnconfirmed: null } as never)).toThrow(/`onUnconfirmed`.*got null/)
      expect(() => invalidates(getFilm, undefined, { groups: ['film'] } as never)).toThrow(/`groups`.*function/)
      expect(() => invalidates(getFilm, undefined, null as never)).toThrow('Expected the options of invalidates to be an object, got null.')
      expect(() => framework.invalidatesRefs(() => [], { later: 1 } as never)).toThrow(/no option `later`/)
      expect(() => framework.invalidatesRefs(() => [], null as never)).toThrow(ConfigError)
    })
  })
}
