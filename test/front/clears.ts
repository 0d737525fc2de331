// Until when a hit is given in front of an application: no longer than its route would give it, and what layers around that have read holds.
import { describe, expect, test } from 'vitest'
import type { Framework } from '../routes/framework.ts'
import { HIT, RENEWED, statusOf } from '../routes/site.ts'
import { newGate, type Gate } from '../support/gate.ts'
import type { Reply } from '../support/http.ts'
import { newFrontSite } from './site.ts'
import { change, newWorld, STEPS, WHATS, type What, type World } from './world.ts'

export function clears(framework: Framework): void {
  const { cached } = framework

  /** What has to be shown after a clear: what was not cleared may be as it was. */
  function expectAfter(what: What, [film, menu]: readonly [string, string], rows: World['rows']): void {
    if (what === 'film' || what === 'flush') expect(film).toBe(rows.film)
    if (what === 'menu' || what === 'flush') expect(menu).toBe(rows.menu)
  }

  describe('what is cleared', () => {
    test.each(WHATS)('of the %s is not given in front any more, and then what is made anew is', async (what) => {
      const { site, rows, clear, shown } = newWorld(framework)
      await using _site = site
      expect([await shown(), await shown(), site.entered()]).toEqual([['film 0', 'menu 0'], ['film 0', 'menu 0'], 1])
      change(rows)
      expect([await shown(), site.entered()]).toEqual([['film 0', 'menu 0'], 1])
      await clear(what)
      const entered = site.entered()
      const after = await shown()
      expect(site.entered()).toBe(entered + 1)
      expectAfter(what, after, rows)
      expect([await shown(), site.entered()]).toEqual([after, entered + 1])
    })

    test('counts from the call of `clear` on', async () => {
      const { site, rows, clear, shown } = newWorld(framework)
      await using _site = site
      await shown()
      change(rows)
      const clearing = clear('film')
      expect((await shown())[0]).toBe('film 1')
      await clearing
    })

    describe.each(STEPS)('while a request is %s', (step) => {
      test.each(WHATS)('of the %s is not given in front to who comes after that', async (what) => {
        const { site, rows, at, clear, shown } = newWorld(framework)
        await using _site = site
        at[step] = () => {
          change(rows)
          return clear(what)
        }
        const first = await shown()
        expect(at[step]).toBeUndefined()
        const later = [await shown(), await shown(), await shown()]
        for (const after of later) expectAfter(what, after, rows)
        expect([first[0], rows.film]).toEqual([expect.any(String), 'film 1'])
      })

      test('that found a hit behind the front, of anything, is not given in front after that', async () => {
        for (const what of WHATS) {
          const { site, rows, at, clear, shown } = newWorld(framework)
          await using _site = site
          await shown()
          // The front has lost it, and its route has not.
          await clear('menu')
          at[step] = () => {
            change(rows)
            return clear(what)
          }
          await shown()
          if (at[step] !== undefined) continue
          for (const after of [await shown(), await shown(), await shown()]) expectAfter(what, after, rows)
        }
      })
    })

    test('between a read of a layer and that of the handler is not given in front with what the layer read', async () => {
      await using site = newFrontSite(framework)
      let row = 'old'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      const gate: Gate = newGate()
      site.app.around(async (x, next) => {
        x.set('X-Row', await getRow())
        await gate.wait()
        await next()
      })
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], async (x) => x.send(await getRow()))
      const asked = site.ask('/')
      await gate.reached()
      row = 'new'
      await getRow.clear()
      gate.open()
      const shownBy = ({ text, headers }: Reply): unknown => [headers['x-row'], text]
      expect(shownBy(await asked)).toEqual(['old', 'new'])
      expect([shownBy(await site.ask('/')), shownBy(await site.ask('/'))]).toEqual([
        ['new', 'new'],
        ['new', 'new'],
      ])
    })

    test('by a write through the application is not given in front to who comes after its answer', async () => {
      await using site = newFrontSite(framework)
      let row = 0
      const page = cached(site.cache, { path: '/rows', front: true })
      site.app.on('get', '/rows', [page], (x) => x.send(`row ${row}`))
      site.app.on('put', '/rows', [page], (x) => (row++, x.send('ok')))
      for (let turn = 0; turn < 3; turn++) {
        expect([(await site.ask('/rows')).text, (await site.ask('/rows')).text]).toEqual([`row ${turn}`, `row ${turn}`])
        await site.ask('/rows', { method: 'PUT' })
      }
      expect(site.entered()).toBe(6)
    })

    test('takes nothing else away', async () => {
      await using site = newFrontSite(framework)
      const getRow = site.cache.memoize(async (id: string) => id, { name: 'row' })
      const page = cached(site.cache, { path: '/:id', front: true })
      site.app.on('get', '/:id', [page], async (x) => x.send(await getRow(x.params['id']!)))
      for (const id of ['a', 'b']) await site.ask(`/${id}`)
      await getRow.clear('a')
      await page.clear({ params: { id: 'c' } })
      const entered = site.entered()
      await site.ask('/b')
      expect(site.entered()).toBe(entered)
    })
  })

  describe('what is too old', () => {
    test('is not given in front: its lifetime is its route’s', async () => {
      const { site, rows, shown } = newWorld(framework, {}, { ttl: '10s' })
      await using _site = site
      await shown()
      change(rows)
      site.clock.advance(9_999)
      expect([(await shown())[0], site.entered()]).toEqual(['film 0', 1])
      site.clock.advance(1)
      await shown()
      expect(site.entered()).toBe(2)
    })

    test('since it was expired is made anew, and given in front then', async () => {
      const { site, page, shown } = newWorld(framework)
      await using _site = site
      await shown()
      await page.expire({ params: { id: '1' } })
      await shown()
      const entered = site.entered()
      await shown()
      expect([entered, site.entered()]).toEqual([2, 2])
    })

    test('and may be served stale is its route’s to serve, and what is made behind it is given in front', async () => {
      await using site = newFrontSite(framework)
      let run = 0
      const told: string[] = []
      const page = cached(site.cache, {
        path: '/',
        front: true,
        ttl: '1s',
        staleWhileRevalidate: '1h',
        onHit: (req) => void told.push(req.url!),
      })
      site.app.outer((x) => x.set('X-Run', `${run}`))
      site.app.on('get', '/', [page], (x) => x.send(`run ${++run}`))
      await site.ask('/')
      site.clock.advance(2_000)
      const stale = await site.ask('/')
      expect([stale.text, stale.headers['cache-status']]).toEqual(['run 1', 'CacheAlchemy;hit;ttl=-1'])
      let renewed = await site.ask('/')
      while (renewed.text === 'run 1') renewed = await site.ask('/')
      expect([renewed.text, statusOf(renewed)]).toEqual(['run 2', HIT])
      await site.ask('/')
      const entered = site.entered()
      const hits = told.length
      const last = await site.ask('/')
      // What came through is as the last request that came through had it.
      expect([last.text, last.headers['x-run'], site.entered(), told.length]).toEqual(['run 2', '2', entered, hits + 1])
      expect(run).toBe(2)
    })

    test('and is renewed by its handler’s 304 is given in front again', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true, ttl: '1s', revalidate: true })
      site.app.on('get', '/', [page], (x) => {
        x.set('ETag', '"a"')
        if (x.header('if-none-match') === '"a"') return (x.status(304), (x.res.statusCode = 304), x.res.end(), undefined)
        x.send('a')
      })
      if (framework.prefix === 'koa') return
      await site.ask('/')
      site.clock.advance(2_000)
      expect(await site.ask('/')).toMatchObject({ status: 200, text: 'a' })
      const entered = site.entered()
      expect(await site.ask('/')).toMatchObject({ status: 200, text: 'a' })
      expect(site.entered()).toBe(entered)
    })

    test('and whose handler fails is its route’s to serve', async () => {
      await using site = newFrontSite(framework)
      let status = 200
      const page = cached(site.cache, { path: '/', front: true, ttl: '1s', staleIfError: '1h' })
      site.app.on('get', '/', [page], (x) => (x.status(status), x.send(`${status}`)))
      await site.ask('/')
      site.clock.advance(2_000)
      status = 503
      for (let i = 0; i < 3; i++) expect(await site.ask('/')).toMatchObject({ status: 200, text: '200' })
      status = 200
      expect(statusOf(await site.ask('/'))).toBe(RENEWED)
      const entered = site.entered()
      expect(statusOf(await site.ask('/'))).toBe(HIT)
      expect(site.entered()).toBe(entered)
    })
  })
}
