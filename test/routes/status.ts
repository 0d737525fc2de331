// What is said of a request on its way: why it was not answered from what is stored, and what comes before the answer.
import { describe, expect, test } from 'vitest'
import { read, response } from '../support/http.ts'
import type { Framework, Handler } from './framework.ts'
import { HIT, newSite, refused, statusOf, STORED, type Site } from './site.ts'

export function status(framework: Framework): void {
  const { cached, invalidates } = framework

  // RFC 9211 §2.2
  describe('Cache-Status says why', () => {
    test('a write went to its handler', async () => {
      await using site = newSite(framework)
      const methods = ['post', 'put', 'delete'] as const
      for (const method of methods) site.app.on(method, '/', [cached(site.cache, { name: method })], (x) => x.send('ok'))
      for (const method of methods) {
        expect(statusOf(await site.ask('/', { method: method.toUpperCase() }))).toBe('CacheAlchemy;fwd=method')
      }
    })

    test('nothing is stored where the cache is off', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { limit: 0 })], (x) => x.send('a'))
      for (let times = 0; times < 2; times++) expect(statusOf(await site.ask('/'))).toBe(refused('switched off', 'bypass'))
    })

    test('nothing where it is not to be said', async () => {
      await using site = newSite(framework)
      const layers = (name: string) => [cached(site.cache, { cacheStatus: false, name })]
      site.app.on('get', '/', layers('get'), (x) => x.send('a'))
      site.app.on('post', '/', layers('post'), (x) => x.send('a'))
      for (const method of ['GET', 'GET', 'POST', 'HEAD']) expect(statusOf(await site.ask('/', { method }))).toBeUndefined()
    })
  })

  // RFC 9110 §15.2: "A 1xx response is terminated by the end of the header section ... A proxy MUST forward 1xx responses".
  describe('what comes before an answer', () => {
    const answer: Handler = (x) => {
      x.res.writeContinue()
      x.res.writeProcessing()
      x.res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      x.send('a')
    }

    async function informed(site: Site, method: string): Promise<unknown[]> {
      const req = await site.begin('/', { method })
      const seen: unknown[] = []
      req.on('continue', () => seen.push(100))
      req.on('information', ({ statusCode, headers }) => seen.push(statusCode === 103 ? headers['link'] : statusCode))
      const reply = await read(await response(req))
      return [...seen, reply.status, reply.text, statusOf(reply)]
    }
    const BEFORE = [100, 100, 102, '</a.css>; rel=preload']

    test('passes, and is no part of what is stored', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], answer)
      expect(await informed(site, 'GET')).toEqual([...BEFORE, 200, 'a', STORED])
      expect(await informed(site, 'GET')).toEqual([200, 'a', HIT])
    })

    test('passes where the answer is held', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
      site.app.on('post', '/', [cached(site.cache, { name: 'write' }), invalidates(getFilm)], answer)
      expect(await informed(site, 'POST')).toEqual([...BEFORE, 200, 'a', 'CacheAlchemy;fwd=method'])
    })
  })
}
