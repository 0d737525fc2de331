// Fields that a response says are not for others: its own client gets them, and what is stored is without.
import { describe, expect, test } from 'vitest'
import { newGate } from '../support/gate.ts'
import type { Framework } from './framework.ts'
import { HIT, newSite, refused, RENEWED, statusOf, STORED } from './site.ts'

export function withheld(framework: Framework): void {
  const { cached } = framework

  describe('a field that a response withholds from others', () => {
    // RFC 9111 §5.2.2.7, §5.2.2.4
    test.each(['private', 'no-cache'])('by %s goes to its client, and not into the store', async (directive) => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        x.set('Cache-Control', `max-age=60, ${directive}="X-User, x-other"`)
        x.set('X-User', 'ann')
        x.set('X-Page', '1')
        x.send('page')
      })
      const first = await site.ask('/')
      expect([statusOf(first), first.headers['x-user'], first.text]).toEqual([STORED, 'ann', 'page'])
      const second = await site.ask('/')
      expect([statusOf(second), second.headers['x-user'], second.headers['x-page'], second.text]).toEqual([HIT, undefined, '1', 'page'])
      expect(second.headers['cache-control']).toBe(`max-age=60, ${directive}="X-User, x-other"`)
    })

    test('is not given to who waited either', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      const page = cached(site.cache, { path: '/' })
      site.app.on('get', '/', [page], async (x) => {
        await gate.wait()
        x.set('Cache-Control', 'max-age=60, private="x-user"')
        x.set('X-User', 'ann')
        x.send('page')
      })
      const leader = site.ask('/')
      await gate.reached()
      const other = site.ask('/')
      while (page.stats().coalesced === 0) await new Promise(setImmediate)
      gate.open()
      expect([(await leader).headers['x-user'], (await other).headers['x-user'], (await other).text]).toEqual(['ann', undefined, 'page'])
    })

    test('is the outer layer’s own again where one set it, and in front of both nobody’s', async () => {
      await using site = newSite(framework)
      let requests = 0
      site.app.outer((x) => x.set('X-User', `outer ${++requests}`))
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        x.set('Cache-Control', 'max-age=60, private="x-user"')
        x.set('X-User', 'ann')
        x.send('page')
      })
      expect((await site.ask('/')).headers['x-user']).toBe('ann')
      const { text, headers } = await site.ask('/')
      expect([text, headers['x-user']]).toEqual(['page', framework.isFronted ? undefined : 'outer 2'])
    })

    test('stays out where a 304 brings it', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
        runs++
        x.set('Cache-Control', 'max-age=60, private="x-user"')
        x.set('ETag', '"a"')
        x.set('X-User', `run ${runs}`)
        if (x.header('if-none-match') === '"a"') x.status(304)
        x.send(x.header('if-none-match') === '"a"' ? '' : 'page')
      })
      await site.ask('/')
      site.clock.advance(61_000)
      const renewed = await site.ask('/')
      expect([statusOf(renewed), renewed.headers['x-user'], renewed.text]).toEqual([RENEWED, 'run 2', 'page'])
      expect((await site.ask('/')).headers['x-user']).toBeUndefined()
    })

    test('of an owner’s response leaves no part of that to other caches', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { partition: () => 'ann' })], (x) => {
        x.set('Cache-Control', 'max-age=60, private="x-user"')
        x.send('page')
      })
      expect((await site.ask('/')).headers['cache-control']).toBe('private, max-age=60')
    })

    test('by a targeted field is withheld by that one', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache, { targets: ['cdn-cache-control'] })], (x) => {
        x.set('Cache-Control', 'private')
        x.set('CDN-Cache-Control', 'max-age=60, private="x-user"')
        x.set('X-User', 'ann')
        x.send('page')
      })
      await site.ask('/')
      const hit = await site.ask('/')
      expect([statusOf(hit), hit.headers['x-user']]).toEqual([HIT, undefined])
    })
  })

  // RFC 9111 §5.2.2.3
  describe('must-understand beside no-store', () => {
    test('is stored with a status that is understood, and with no other', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/:status', [cached(site.cache)], (x) => {
        x.set('Cache-Control', 'no-store, must-understand, max-age=60')
        x.status(Number(x.params['status']))
        x.send('a')
      })
      for (const status of [200, 404])
        expect([statusOf(await site.ask(`/${status}`)), statusOf(await site.ask(`/${status}`))]).toEqual([STORED, HIT])
      for (const status of [299, 302, 499])
        for (let time = 0; time < 2; time++) expect(statusOf(await site.ask(`/${status}`))).toBe(refused('no-store'))
    })
  })
}
