// Many requests that are all different: what may be kept of them.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fronted as frontedOfExpress, frameworks as ofExpress } from '../routes/express.ts'
import { fronted as frontedOfKoa, frameworks as ofKoa } from '../routes/koa.ts'
import { HIT, newSite, statusOf } from '../routes/site.ts'

describe.each([...ofExpress, ...ofKoa, ...frontedOfExpress, ...frontedOfKoa].map((framework) => [framework.name, framework] as const))(
  '%s',
  (_name, framework) => {
    const { cached } = framework
    test('a flood of paths, queries, hosts and headers stays within the bounds', async () => {
      await using site = newSite(framework, { maxBytes: 50_000 })
      const page = cached(site.cache, { path: '/:id', limit: 20, headers: ['host', 'x-a'] })
      const large = cached(site.cache, { path: '/large/:id' })
      const missing = cached(site.cache, { path: '/missing/:id', limit: 20 })
      site.app.on('get', '/large/:id', [large], (x) => x.send('x'.repeat(10_000)))
      site.app.on('get', '/missing/:id', [missing], (x) => (x.status(404), x.set('Cache-Control', 'max-age=60'), x.send('none')))
      site.app.on('get', '/:id', [page], (x) => x.send('a'))
      for (let at = 0; at < 60; at++) {
        await site.ask(`/${at}?q=${at}`, { headers: { host: `h${at}.test`, 'x-a': String(at) } })
        await site.ask(`/same?q=${at}`)
        await site.ask(`/missing/${at}`)
        await site.ask(`/large/${at}`)
      }
      const routes = [page, missing, large]
      expect(routes.map((route) => route.stats().loads)).toEqual([120, 60, 60])
      const kept = routes.map((route) => route.stats().loads - route.stats().evictions)
      expect(kept[0]).toBeLessThanOrEqual(20)
      expect(kept[1]).toBeLessThanOrEqual(20)
      expect(kept[2]).toBeLessThanOrEqual(5)
    })

    test('what requests ask for counts, however little is answered', async () => {
      await using site = newSite(framework, { maxBytes: 50_000 })
      const page = cached(site.cache, { path: '/:id', limit: Infinity })
      site.app.on('get', '/:id', [page], (x) => (x.status(204), x.send('')))
      for (let at = 0; at < 30; at++) await site.ask(`/${at}?${'q'.repeat(8_000)}`)
      expect(page.stats().loads - page.stats().evictions).toBeLessThanOrEqual(6)
      for (let at = 0; at < 150; at++) await site.ask(`/${at}`)
      expect(page.stats().loads - page.stats().evictions).toBeLessThanOrEqual(100)
    })

    test('every spelling of a path that is a hit is cleared by one clear', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache)
      site.app.on('get', '/films/:id', [page], (x) => x.send(x.params['id']!))
      const id = fc.stringMatching(/^[a-z~!é. /%]{1,4}$/).filter((text) => text !== '.' && text !== '..')
      const escaped = (text: string, spelling: readonly number[]): string =>
        Array.from(Buffer.from(text), (byte, at) => {
          const isPlain = /[a-z~!.]/.test(String.fromCharCode(byte))
          if (isPlain && spelling[at % spelling.length] === 0) return String.fromCharCode(byte)
          const hex = byte.toString(16).padStart(2, '0')
          return `%${spelling[at % spelling.length] === 1 ? hex : hex.toUpperCase()}`
        }).join('')
      const spellings = fc.array(fc.tuple(fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/', '?')), {
        minLength: 2,
        maxLength: 4,
      })
      await fc.assert(
        fc.asyncProperty(id, spellings, async (id, spellings) => {
          const urls = spellings.map(([spelling, end]) => `/${end === '/' ? 'FILMS' : 'films'}/${escaped(id, spelling)}${end}`)
          for (const url of urls) await site.ask(url)
          for (const url of urls) {
            const reply = await site.ask(url)
            expect([url, statusOf(reply), reply.text]).toEqual([url, HIT, id])
          }
          await page.clear({ params: { id } })
          for (const url of new Set(urls)) expect([url, statusOf(await site.ask(url))]).not.toEqual([url, HIT])
        }),
        { numRuns: 30 },
      )
    })
  },
)
