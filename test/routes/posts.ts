// The answer to a POST, where it is what a GET of its URI gives. RFC 9110 §9.3.3
import { setImmediate as nextRound } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { Exchange, Framework, Handler } from './framework.ts'
import { HIT, newSite, statusOf, type Site } from './site.ts'

export function posts(framework: Framework): void {
  /** A page that is read and written at one URI. */
  function pageSite(post: Handler, options: RouteOptions<Exchange> = {}): Site {
    const site = newSite(framework)
    site.app.use(framework.cached(site.cache, { path: '/pages/:id', posts: true, ...options }))
    site.app.on('get', '/pages/:id', [], (x) => x.send('read'))
    site.app.on('post', '/pages/:id', [], post)
    return site
  }

  function answer(x: Exchange, fields: Readonly<Record<string, string>> = {}): void {
    const all = { 'Content-Location': '/pages/1', 'Cache-Control': 'max-age=60', ...fields }
    for (const [name, value] of Object.entries(all)) if (value !== '') x.set(name, value)
    x.send('written')
  }

  const post = { method: 'POST', body: 'new' } as const

  describe('the answer to a POST', () => {
    test('that says it is what its URI gives is served to who reads that next, and no POST is', async () => {
      await using site = pageSite((x) => answer(x))
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
      for (let times = 0; times < 2; times++) {
        const reply = await site.ask('/pages/1', post)
        expect([reply.text, statusOf(reply)]).toEqual(['written', 'CacheAlchemy;fwd=method;stored'])
      }
      const read = await site.ask('/pages/1')
      expect([read.text, statusOf(read)?.startsWith(HIT)]).toEqual(['written', true])
      expect(await site.ask('/pages/1', { method: 'HEAD' })).toMatchObject({ status: 200, headers: { 'content-length': '7' } })
      expect(await site.ask('/pages/2')).toMatchObject({ text: 'read' })
    })

    test('is cleared as any response is', async () => {
      await using site = pageSite((x) => answer(x))
      await site.ask('/pages/1', post)
      await site.ask('/pages/1', { method: 'DELETE' })
      await site.ask('/pages/1', post)
      site.clock.advance(60_000)
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
    })

    const refused: [string, Readonly<Record<string, string>>][] = [
      ['without a Content-Location', { 'Content-Location': '' }],
      ['of another path', { 'Content-Location': '/pages/2' }],
      ['of another spelling', { 'Content-Location': '/Pages/1' }],
      ['of another query', { 'Content-Location': '/pages/1?a=1' }],
      ['of another origin', { 'Content-Location': 'http://elsewhere.example/pages/1' }],
      ['without a lifetime of its own', { 'Cache-Control': '' }],
      ['that may not be stored', { 'Cache-Control': 'max-age=60, no-store' }],
      ['that varies', { Vary: 'Accept-Language' }],
      ['with a cookie', { 'Set-Cookie': 'a=b' }],
    ]

    test.each(refused)('%s is not stored', async (_, fields) => {
      await using site = pageSite((x) => answer(x, fields))
      const reply = await site.ask('/pages/1', post)
      expect([reply.text, statusOf(reply)?.includes('stored')]).toEqual(['written', false])
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
    })

    test('whose handler reads of what type its content is is stored', async () => {
      await using site = pageSite((x) => (x.header('content-type'), answer(x)))
      await site.ask('/pages/1', { ...post, headers: { 'content-type': 'text/plain' } })
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'written' })
    })

    test('whose handler read who asks is not stored, and nobody is warned: a write may', async () => {
      await using site = pageSite((x) => (x.header('cookie'), answer(x)))
      expect(await site.ask('/pages/1', { ...post, headers: { cookie: 'who=me' } })).toMatchObject({ text: 'written' })
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
      expect(site.warnings.texts).toEqual([])
    })

    test('that failed is neither stored nor a clear', async () => {
      await using site = pageSite((x) => (x.status(409), answer(x)))
      await site.ask('/pages/1')
      expect(await site.ask('/pages/1', post)).toMatchObject({ status: 409, text: 'written' })
      expect(statusOf(await site.ask('/pages/1'))).toContain('hit')
    })

    test('is not stored where what its handler read is cleared meanwhile', async () => {
      const site: Site = pageSite(async (x) => {
        await user()
        await user.clear()
        answer(x)
      })
      await using _ = site
      const user = site.cache.memoize(async () => 'Ada', { name: 'user' })
      await site.ask('/pages/1', post)
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
    })

    test('is gone with what its handler read', async () => {
      const site: Site = pageSite(async (x) => (await user(), answer(x)))
      await using _ = site
      const user = site.cache.memoize(async () => 'Ada', { name: 'user' })
      await site.ask('/pages/1', post)
      await nextRound()
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'written' })
      await user.clear()
      expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
    })

    test('is no business of a route that was not told so, or takes some of the query only', async () => {
      for (const options of [{ posts: false }, { query: ['page'] }]) {
        await using site = pageSite((x) => answer(x), options)
        expect(statusOf(await site.ask('/pages/1', post))).toBe('CacheAlchemy;fwd=method')
        expect(await site.ask('/pages/1')).toMatchObject({ text: 'read' })
      }
    })

    test('a route whose `dependsOn` throws lets it pass', async () => {
      const dependsOn = (): never => {
        throw new Error('no')
      }
      await using site = pageSite((x) => answer(x), { dependsOn })
      expect(await site.ask('/pages/1', post)).toMatchObject({ text: 'written' })
      expect(site.errors).toHaveLength(1)
    })
  })
}
