// What a route depends on where that is not found by running its handler: what it declares, and what holds where it cannot be known.
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import { ConfigError } from '../../src/index.ts'
import type { Exchange, Framework } from './framework.ts'
import { HIT, newSite, refused, statusOf, STORED, type Site } from './site.ts'

export function dependencies(framework: Framework): void {
  const { cached, invalidates } = framework

  test('a route around another one depends on what the handler of the inner one read', async () => {
    await using site = newSite(framework)
    let row = 'a'
    const getRow = site.cache.memoize(async () => row, { name: 'row' })
    const [outer, inner] = ['outer', 'inner'].map((name) => cached(site.cache, { path: '/', name, ignore: true }))
    site.app.on('get', '/', [outer!, inner!], async (x) => {
      x.set('Cache-Control', 'max-age=60')
      x.send(await getRow())
    })
    await site.ask('/')
    expect((await site.ask('/')).headers['cache-status']).toMatch(/^CacheAlchemy;hit/)
    row = 'b'
    await getRow.clear()
    expect((await site.ask('/')).text).toBe('b')
  })

  test('and on what that read when it was made, where it says that it still holds', async () => {
    await using site = newSite(framework)
    let row = 'a'
    const getRow = site.cache.memoize(async () => row, { name: 'row' })
    const outer = cached(site.cache, { path: '/', name: 'outer', ignore: true })
    const inner = cached(site.cache, { path: '/', name: 'inner', revalidate: true })
    let renewals = 0
    site.app.on('get', '/', [outer, inner], async (x) => {
      const holds = x.header('if-none-match') !== undefined
      x.set('Cache-Control', 'max-age=60')
      x.set('ETag', '"a"')
      if (holds) x.status(304)
      x.send(holds ? (renewals++, '') : await getRow())
    })
    await site.ask('/')
    site.clock.advance(62_000)
    expect([(await site.ask('/')).text, renewals]).toEqual(['a', 1])
    expect((await site.ask('/')).headers['cache-status']).toMatch(/^CacheAlchemy;hit/)
    row = 'b'
    await getRow.clear()
    expect((await site.ask('/')).text).toBe('b')
  })

  describe('track: false', () => {
    const declares = { path: '/films/:id', track: false, groups: true, ttl: '60s', staleWhileRevalidate: '60s' } as const

    /** A page that reads a cached function, is declared to depend on a tag, and is in a group by its handler's word. */
    function untracked(site: Site): { film: { clear(): Promise<void> }; page: ReturnType<typeof cached> } {
      const film = site.cache.memoize(async () => 'film', { name: 'film', track: false })
      const page = cached(site.cache, { ...declares, dependsOn: (x) => [site.cache.tag(`tenant:${x.params['id']}`)] })
      site.app.on('get', '/films/:id', [page], async (x) => (x.set('Cache-Groups', '"shelf"'), x.send(await film())))
      site.app.on('put', '/films/:id', [page], (x) => x.send('ok'))
      site.app.on('post', '/shelf', [invalidates(page.ref({ params: { id: 'none' } }))], (x) => {
        x.set('Cache-Group-Invalidation', '"shelf"')
        x.send('ok')
      })
      return { film, page }
    }

    test('leaves a response to itself: what its handler calls does not clear it', async () => {
      await using site = newSite(framework)
      const { film } = untracked(site)
      await site.ask('/films/1')
      await film.clear()
      expect(statusOf(await site.ask('/films/1'))).toBe(HIT)
    })

    const clears: Readonly<Record<string, (site: Site, page: ReturnType<typeof cached>) => Promise<unknown>>> = {
      'its route': (_, page) => page.clear({ params: { id: '1' } }),
      'a write to its URI': (site) => site.ask('/films/1', { method: 'PUT' }),
      'what it declares': (site) => site.cache.clear(site.cache.tag('tenant:1')),
      'a group that its handler named': (site) => site.ask('/shelf', { method: 'POST' }),
    }
    for (const [what, clear] of Object.entries(clears)) {
      test(`still has it cleared by ${what}`, async () => {
        await using site = newSite(framework)
        const { page } = untracked(site)
        for (const id of ['1', '2']) await site.ask(`/films/${id}`)
        await clear(site, page)
        expect(statusOf(await site.ask('/films/1'))).toBe(STORED)
        if (!what.includes('group')) expect(statusOf(await site.ask('/films/2'))).toBe(HIT)
      })
    }

    test('of all functions and routes of a cache never enters an AsyncLocalStorage', async () => {
      const entered = [vi.spyOn(AsyncLocalStorage.prototype, 'run'), vi.spyOn(AsyncLocalStorage.prototype, 'enterWith')]
      onTestFinished(() => void entered.forEach((spy) => spy.mockRestore()))
      await using site = newSite(framework)
      untracked(site)
      // With `bypass` it is never answered in front, where one route that is tracked has all watched.
      site.app.on('get', '/tracked', [cached(site.cache, { bypass: () => false })], (x) => x.send('a'))
      for (const method of ['GET', 'GET', 'PUT', 'GET']) await site.ask('/films/1', { method })
      site.clock.advance(61_000)
      // Served stale, and made anew behind it.
      expect((await site.ask('/films/1')).headers['cache-status']).toBe('CacheAlchemy;hit;ttl=-1')
      while (statusOf(await site.ask('/films/1', { method: 'HEAD' })) !== HIT) await new Promise(setImmediate)
      expect(entered.map((spy) => spy.mock.calls.length)).toEqual([0, 0])
      await site.ask('/tracked')
      expect(entered[0]!.mock.calls.length).toBeGreaterThan(0)
    })
  })

  describe('a function among the options that fails is told of by its name and its route, and the handler answers', () => {
    const fail = (): never => {
      throw new Error('no user')
    }
    const wrong: Readonly<Record<string, [options: RouteOptions<Exchange>, words: RegExp, status: string]>> = {
      dependsOn: [{ dependsOn: fail }, /^`dependsOn` of the route "page" failed: the handler answers/, refused('error')],
      partition: [{ partition: fail }, /^`partition` of the route "page" failed: the handler answers/, refused('error', 'bypass')],
      bypass: [{ bypass: fail }, /^`bypass` of the route "page" failed: the handler answers/, refused('error', 'bypass')],
      'dependsOn that gives no refs': [
        { dependsOn: () => ['films'] as never },
        /^Expected `dependsOn` of the route "page" to give a list of refs, such as .*, got /,
        refused('error'),
      ],
      'partition that gives no text': [
        { partition: () => 17 as never },
        /^Expected `partition` of the route "page" to give a text or undefined, got 17:/,
        refused('error', 'bypass'),
      ],
    }
    for (const [name, [options, words, status]] of Object.entries(wrong)) {
      test(name, async () => {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [cached(site.cache, { name: 'page', ...options })], (x) => x.send(`${++runs}`))
        const replies = [await site.ask('/'), await site.ask('/')]
        expect(replies.map((reply) => [reply.status, reply.text, statusOf(reply)])).toEqual([
          [200, '1', status],
          [200, '2', status],
        ])
        expect(site.errors.map(({ message }) => message)).toEqual([expect.stringMatching(words), expect.stringMatching(words)])
        expect(site.errors.every((error) => error instanceof ConfigError)).toBe(true)
        if (!name.includes('gives')) expect(site.errors[0]!.cause).toEqual(new Error('no user'))
      })
    }

    test('groups: the answer is in the group of all', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { name: 'page', groups: fail })], (x) => x.send('a'))
      expect((await site.ask('/')).headers['cache-groups']).toBe('"#many"')
      expect(site.errors.map(({ message }) => message)).toEqual([expect.stringMatching(/^`groups` of the route "page" failed/)])
    })
  })
}
