// What is one URL to a front: what came, to the byte, on its host and by its scheme. And which fronts there may be.
import { createServer as createHttpsServer, request as requestHttps } from 'node:https'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { front } from '../../middleware/http/front.ts'
import { openCache } from '../../src/cache.ts'
import type { Framework } from '../routes/framework.ts'
import { newClock } from '../support/clock.ts'
import { ask, read, serve } from '../support/http.ts'
import { askRaw } from '../support/raw.ts'
import { SECURE_CLIENT, SECURE_SERVER } from '../support/tls.ts'
import { isFronted, newFrontSite, type FrontSite } from './site.ts'

export function urls(framework: Framework): void {
  const { cached } = framework

  /** Every page shows where it was asked for. */
  function newPages(site: FrontSite): void {
    site.app.outer(({ req, res }) => {
      res.setHeader('X-Host', String(req.headers.host))
      res.setHeader('X-Target', String(req.url))
    })
    site.app.on('get', '/a/:id', [cached(site.cache, { path: '/a/:id', front: true })], (x) => x.send(x.params['id']!))
    site.app.on('get', '/b/:id', [cached(site.cache, { path: '/b/:id', front: true })], (x) => x.send(x.params['id']!))
    site.app.on('get', '/:id', [cached(site.cache, { path: '/:id', front: true })], (x) => x.send(x.params['id']!))
  }

  describe('in front of an application', () => {
    test('each host has its own answers, whatever a client sends for one', async () => {
      await using site = newFrontSite(framework)
      newPages(site)
      const port = await site.port()
      // Where one ends, the other may begin.
      const targets = ['/a/1', '/b/1', '/1', '/a/1?/1']
      const hosts = [
        'a.test/b',
        'a.test',
        'b.test',
        'A.test',
        'a.test:80',
        'a.test.',
        'a.test/a',
        'http://a.test',
        'undefined',
        '',
        'a.test b',
        'a.test?',
        'a.test/a/1?',
      ]
      for (let turn = 0; turn < 2; turn++) {
        for (const host of hosts) {
          for (const target of targets) {
            const reply = await askRaw(port, `GET ${target} HTTP/1.1\r\nHost: ${host}`)
            expect([reply.headers['x-host'], reply.headers['x-target'], host, target]).toEqual([host.trim(), target, host, target])
          }
        }
      }
      expect(site.entered()).toBe(hosts.length * targets.length)
    })

    test('no Host is told apart from any', async () => {
      await using site = newFrontSite(framework)
      newPages(site)
      const port = await site.port()
      for (const lines of ['HTTP/1.0', 'HTTP/1.1\r\nHost: undefined', 'HTTP/1.0', 'HTTP/1.0\r\nHost: undefined']) {
        const reply = await askRaw(port, `GET /a/1 ${lines}`)
        expect([reply.status, reply.text]).toEqual([200, '1'])
      }
    })

    test('targets that routers or handlers may take for another are the application’s', async () => {
      await using site = newFrontSite(framework)
      newPages(site)
      const port = await site.port()
      const targets = [
        '/a/1',
        '//a/1',
        '/a//1',
        '/a/1/',
        '/a/./1',
        '/a/%31',
        '/A/1',
        'http://a.test/a/1',
        'http://b.test/a/1',
        '/a/1#b',
        '/a/1?',
        '/a/1?a=1&a=2',
        '/a/1?a=2&a=1',
        '/a/1;b',
        '/a/b%2fc',
        '/a/b/c',
        '*',
      ]
      const shown = async (): Promise<unknown[]> => {
        const found = []
        for (const target of targets) {
          const { status, text, headers } = await askRaw(port, `GET ${target} HTTP/1.1\r\nHost: a.test`)
          found.push([target, status, status === 200 ? text : '', headers['x-target']])
        }
        return found
      }
      await using plain = newFrontSite(framework, {}, undefined)
      newPages(plain)
      const first = await shown()
      expect(await shown()).toEqual(first)
      expect(await shown()).toEqual(first)
      for (const [target, , , said] of first as string[][]) if (said !== undefined) expect(said).toBe(target)
    })

    test('a URL that a layer rewrites is kept as it came', async () => {
      const rewrite =
        (listener: RequestListener): RequestListener =>
        (req, res) => {
          // By whom, says what nobody has read: a front stands outside.
          if (req.url === '/old/1') req.url = '/a/1'
          listener(req, res)
        }
      await using site = newFrontSite(framework, {}, rewrite)
      site.app.on('get', '/a/:id', [cached(site.cache, { front: true })], (x) => x.send(x.params['id']!))
      expect([
        (await site.ask('/old/1')).text,
        (await site.ask('/old/1')).text,
        (await site.ask('/a/1')).text,
        (await site.ask('/old/2')).status,
      ]).toEqual(['1', '1', '1', 404])
    })

    test('what one cache’s route answers is not in front of another cache’s', async () => {
      await using site = newFrontSite(framework)
      await using other = openCache({ redis: false }, newClock().now)
      let menu = 'old'
      const getMenu = other.memoize(async () => menu, { name: 'menu' })
      site.app.around(async (x, next) => {
        x.set('X-Menu', await getMenu())
        await next()
      })
      site.app.on('get', '/mine', [cached(site.cache, { path: '/mine', front: true })], (x) => x.send('a'))
      site.app.on('get', '/other', [cached(other, { path: '/other', front: true })], (x) => x.send('a'))
      expect([await isFronted(site, '/other'), (await site.ask('/other')).headers['x-menu']]).toEqual([false, 'old'])
      menu = 'new'
      await getMenu.clear()
      expect((await site.ask('/other')).headers['x-menu']).toBe('new')
    })

    test('two fronts of one cache, and fronts within fronts of the same and of another, each give what is right, and count it once', async () => {
      await using site = newFrontSite(framework)
      await using other = openCache({ redis: false }, newClock().now)
      let row = 0
      const mine = cached(site.cache, { path: '/mine', front: true })
      const others = cached(other, { path: '/:page', front: true })
      site.app.on('get', '/mine', [mine], (x) => x.send(`row ${row}`))
      // Which may have the other one's too, as far as its front knows.
      site.app.on('get', '/:page', [others], (x) => x.send(`row ${row}`))
      let entered = 0
      const listener = site.app.listener()
      const counted: RequestListener = (req, res) => (entered++, listener(req, res))
      await using one = await serve(front(site.cache, front(other, counted)))
      await using two = await serve(front(other, front(site.cache, counted)))
      await using same = await serve(front(site.cache, front(site.cache, counted)))
      for (const { port } of [one, two, same]) {
        for (const [path, page] of [
          ['/mine', mine],
          ['/other', others],
        ] as const) {
          for (let turn = 0; turn < 2; turn++) {
            row++
            await page.clear()
            expect((await ask(port, path)).text).toBe(`row ${row}`)
            const before = entered
            const { hits } = page.stats()
            expect([(await ask(port, path)).text, (await ask(port, path)).text]).toEqual([`row ${row}`, `row ${row}`])
            if (port !== same.port || path === '/mine') expect([path, entered - before]).toEqual([path, 0])
            expect(page.stats().hits - hits).toBe(2)
          }
        }
      }
    })

    test('a front within a front of the same cache: what layers read of that takes both answers away', async () => {
      await using site = newFrontSite(framework, {}, (listener) => front(site.cache, listener))
      let menu = 'old'
      const getMenu = site.cache.memoize(async () => menu, { name: 'menu' })
      site.app.around(async (x, next) => (x.set('X-Menu', await getMenu()), await next()))
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      const ask = async () => (await site.ask('/')).headers['x-menu']
      expect([await ask(), await ask(), site.entered()]).toEqual(['old', 'old', 1])
      menu = 'new'
      await getMenu.clear()
      expect([await ask(), await ask(), site.entered()]).toEqual(['new', 'new', 2])
    })

    test('HTTPS is told apart from HTTP, and answered as well', async () => {
      await using site = newFrontSite(framework)
      site.app.outer(({ req, res }) => res.setHeader('X-Secure', String('encrypted' in req.socket && req.socket.encrypted)))
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      let entered = 0
      const listener = site.app.listener()
      const fronted = front(site.cache, (req, res) => (entered++, listener(req, res))) as RequestListener
      await using plain = await serve(fronted)
      const server = createHttpsServer(SECURE_SERVER, fronted).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const askSecure = async () => {
        const req = requestHttps({ port, host: '127.0.0.1', ...SECURE_CLIENT, agent: false, headers: { host: 'a.test' } }).end()
        const [res] = (await once(req, 'response')) as [IncomingMessage]
        return read(res)
      }
      try {
        const askPlain = () => ask(plain.port, '/', { headers: { host: 'a.test' } })
        for (let i = 0; i < 3; i++) {
          expect((await askPlain()).headers['x-secure']).not.toBe('true')
          expect((await askSecure()).headers['x-secure']).toBe('true')
        }
        expect(entered).toBe(2)
      } finally {
        server.close()
        server.closeAllConnections()
      }
    })
  })
}
