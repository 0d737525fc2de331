// How much is kept in front at most, whatever is asked for.
import { engineOf } from '../../src/door.ts'
import { describe, expect, test } from 'vitest'
import type { Framework } from '../routes/framework.ts'
import { collected } from '../support/garbage.ts'
import { isFronted, newFrontSite } from './site.ts'

export function bounds(framework: Framework): void {
  const { cached } = framework

  describe('what is kept in front', () => {
    test('is of no more URLs than the cache’s limit', async () => {
      await using site = newFrontSite(framework, { limit: 3 })
      site.app.on('get', '/:id', [cached(site.cache, { path: '/:id', front: true, limit: 100 })], (x) => x.send(x.params['id']!))
      for (let i = 0; i < 10; i++) expect((await site.ask(`/${i}`)).text).toBe(`${i}`)
      const entered = site.entered()
      for (const i of [9, 8, 7]) expect((await site.ask(`/${i}`)).text).toBe(`${i}`)
      expect(site.entered()).toBe(entered)
      await site.ask('/0')
      expect(site.entered()).toBe(entered + 1)
    })

    test('is of no more bytes than the cache’s maxBytes, fields and values that select included', async () => {
      await using site = newFrontSite(framework, { maxBytes: 60_000 })
      const page = cached(site.cache, { path: '/:id', front: true, headers: ['x-size'] })
      site.app.on('get', '/:id', [page], (x) => x.send(x.header('x-size') === 'l' ? 'b'.repeat(10_000) : 'a'))
      const long = 'x'.repeat(10_000)
      for (let i = 0; i < 10; i++) await site.ask(`/${i}`, { headers: { 'x-size': long } })
      let kept = 0
      for (let i = 9; i >= 0; i--) {
        const entered = site.entered()
        await site.ask(`/${i}`, { headers: { 'x-size': long } })
        if (site.entered() === entered) kept++
        else break
      }
      expect(kept).toBeGreaterThan(1)
      expect(kept).toBeLessThan(6)
    })

    test('holds nothing large that its route has let go of', async () => {
      await using site = newFrontSite(framework, { maxBytes: 4_000_000 })
      site.app.around(({ res }, next) => {
        const { end } = res
        // As a compressor makes little of much.
        res.end = (() => (res.removeHeader('Content-Length'), Reflect.apply(end, res, ['little']))) as typeof end
        return next()
      })
      site.app.on('get', '/:id', [cached(site.cache, { path: '/:id', front: true })], (x) => x.send(Buffer.alloc(500_000, x.params['id'])))
      await collected()
      const before = process.memoryUsage().arrayBuffers
      for (let i = 0; i < 60; i++) expect((await site.ask(`/${i}`)).text).toBe('little')
      await collected()
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
    })

    test('is of no host that is longer than most', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      const isKept = (length: number) => isFronted(site, '/', { headers: { host: 'a'.repeat(length) } })
      expect([await isKept(1900), await isKept(2100)]).toEqual([true, false])
    })

    test('is of few variants of a URL', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true })
      site.app.on('get', '/', [page], (x) => x.send(x.header('accept-language') ?? '-'))
      const ask = (language: number) => site.ask('/', { headers: { 'accept-language': `l${language}` } })
      for (let i = 0; i < 20; i++) expect((await ask(i)).text).toBe(`l${i}`)
      const entered = site.entered()
      for (let i = 19; i > 12; i--) expect((await ask(i)).text).toBe(`l${i}`)
      expect(site.entered()).toBe(entered)
      expect((await ask(1)).text).toBe('l1')
      expect(site.entered()).toBe(entered + 1)
    })

    test('is of no URL that is longer than most', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      expect([await isFronted(site, `/?${'a'.repeat(1900)}`), await isFronted(site, `/?${'a'.repeat(2100)}`)]).toEqual([true, false])
    })

    test('is nothing that is larger than all that may be', async () => {
      await using site = newFrontSite(framework, { maxBytes: 1 })
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      expect([await isFronted(site), site.errors]).toEqual([false, []])
    })

    test('and in which no layer reads the cache any more costs other hits nothing', async () => {
      await using site = newFrontSite(framework)
      const { tracker } = engineOf(site.cache)
      site.app.on('get', '/kept', [cached(site.cache, { path: '/kept', front: true })], (x) => x.send('a'))
      site.app.on('get', '/large', [cached(site.cache, { path: '/large', front: true, maxBodyBytes: 1 })], (x) => x.send('large'))
      site.app.on('get', '/other', [], (x) => x.send('a'))
      site.app.on('get', '/broken', [cached(site.cache, { path: '/broken', front: true })], (x) => void x.res.destroy())
      for (const path of ['/kept', '/large', '/other', '/none']) await site.ask(path)
      await expect(site.ask('/broken')).rejects.toThrow(/hang up|aborted/)
      await expect.poll(() => tracker.isIdle).toBe(true)
    })
  })
}
