// What clients send to get what is not theirs, or to leave for others what is not the others'.
import { connect } from 'node:net'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Reply } from '../support/http.ts'
import { askRaw } from '../support/raw.ts'
import type { Exchange, Framework } from './framework.ts'
import { HIT, newSite, refused, statusOf, STORED } from './site.ts'

export function hostile(framework: Framework): void {
  const { cached, invalidates } = framework
  const state = framework.prefix === 'koa' ? 'ctx.state' : 'res.locals'
  const rest = { 'Express 4': '/me*', 'Express 5': '/me{*rest}' }[framework.name] ?? '/me{*rest}'

  describe('nobody gets', () => {
    test('a page of somebody’s under the name of a style sheet', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => {
        const who = x.req.headers['x-token']
        if (who !== undefined) x.state['user'] = who
      })
      site.app.on('get', rest, [cached(site.cache)], (x) => x.send(`for ${(x.state['user'] as string | undefined) ?? 'nobody'}`))
      for (const path of [
        '/me',
        '/me/x.css',
        '/me;x.css',
        '/me%3fx.css',
        '/me%2fx.css',
        '/me/%2e%2e/x.css',
        '/me/..%2fx.css',
        '/me%00.css',
      ]) {
        const own = await site.ask(path, { headers: { 'x-token': 'ann' } })
        expect([path, own.text, statusOf(own)]).toEqual([path, 'for ann', refused(`unkeyed ${state}.user`)])
        expect([path, (await site.ask(path)).text]).toEqual([path, 'for nobody'])
      }
    })

    const fields = [
      'x-original-url',
      'x-rewrite-url',
      'x-http-method-override',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-forwarded-prefix',
      'x-forwarded-port',
      'x-forwarded-user',
      'x-forwarded-for',
      'x-real-ip',
      'forwarded',
      'user-agent',
      'via',
      'baggage',
      'content-type',
      'te',
      'sec-fetch-site',
    ]
    test(`what another has sent, whatever its handler shows of it: ${fields.join(', ')}`, async () => {
      for (const field of fields) {
        await using site = newSite(framework)
        site.app.on('get', '/', [cached(site.cache)], (x) => x.send(`got ${x.header(field) ?? 'nothing'}`))
        const evil = await site.ask('/', { headers: { [field]: 'evil.test' } })
        expect([field, evil.text, statusOf(evil)]).toEqual([field, 'got evil.test', refused(`unkeyed ${field}`)])
        expect([field, (await site.ask('/')).text]).toEqual([field, 'got nothing'])
      }
    })

    test('a redirection to where another said that it is, nor the right of another origin to read', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/moved', [cached(site.cache)], (x) => {
        x.status(301)
        x.set('Location', `https://${x.header('x-forwarded-host') ?? 'own.test'}/`)
        x.send('')
      })
      site.app.on('get', '/data', [cached(site.cache)], (x) => {
        const origin = x.header('origin')
        if (origin !== undefined) x.set('Access-Control-Allow-Origin', origin)
        x.send('a')
      })
      const moved = async (headers = {}): Promise<unknown> => (await site.ask('/moved', { headers })).headers['location']
      expect([await moved({ 'x-forwarded-host': 'evil.test' }), await moved()]).toEqual(['https://evil.test/', 'https://own.test/'])
      const allowed = async (headers = {}): Promise<unknown> =>
        (await site.ask('/data', { headers })).headers['access-control-allow-origin']
      const origins = ['https://a.test', undefined, 'https://b.test', undefined, 'https://a.test', 'null']
      for (const origin of origins) expect(await allowed(origin === undefined ? {} : { origin })).toBe(origin)
    })

    test('what an inner layer makes of its address by who asks; what it makes of the address alone is everybody’s', async () => {
      await using site = newSite(framework)
      site.app.use(cached(site.cache, { path: '/a' }))
      site.app.outer((x) => {
        if (x.req.url === '/a') x.req.url = x.req.headers.cookie === undefined ? '/b' : `/b?${x.req.headers.cookie}`
      })
      site.app.on('get', '/b', [], (x) => x.send(x.req.url!))
      const as = (cookie: string): Promise<Reply> => site.ask('/a', { headers: { cookie } })
      expect([(await as('ann')).text, (await as('bob')).text, (await site.ask('/a')).text]).toEqual(['/b?ann', '/b?bob', '/b'])
      expect((await site.ask('/b')).headers['cache-status']).toBeUndefined()

      await using plain = newSite(framework)
      plain.app.use(cached(plain.cache, { path: '/a' }))
      plain.app.outer((x) => void (x.req.url === '/a' && (x.req.url = '/b?c=1')))
      plain.app.on('get', '/b', [], (x) => x.send(x.req.url!))
      expect([statusOf(await plain.ask('/a')), statusOf(await plain.ask('/a')), (await plain.ask('/b')).text]).toEqual([STORED, HIT, '/b'])
    })

    test('what a layer makes of a parameter by who asks', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => {
        const who = x.req.headers['x-token']
        if (who !== undefined && x.req.url === '/users/me') x.req.url = `/users/${String(who)}`
      })
      site.app.on('get', '/users/:id', [cached(site.cache)], (x) => x.send(x.params['id']!))
      const as = (who: string): Promise<Reply> => site.ask('/users/me', { headers: { 'x-token': who } })
      expect([(await as('ann')).text, (await as('bob')).text, (await site.ask('/users/me')).text]).toEqual(['ann', 'bob', 'me'])
    })

    test('the answer to another method', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.use(cached(site.cache, { path: '/' }))
      site.app.on('get', '/', [], (x) => x.send(`get ${++runs}`))
      const methods = ['OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'BREW']
      for (const method of methods) {
        const { status, text } = await askRaw(await site.port(), `${method} / HTTP/1.1\r\nHost: a`)
        expect([method, text.startsWith('get'), status < 500 || status === 501]).toEqual([method, false, true])
      }
      expect((await site.ask('/', { method: 'HEAD' })).headers['content-length']).toBe('5')
      const first = await site.ask('/')
      expect([statusOf(first), first.text]).toEqual([STORED, `get ${runs}`])
      for (const method of methods) expect((await askRaw(await site.port(), `${method} / HTTP/1.1\r\nHost: a`)).text).not.toContain('get')
      expect((await site.ask('/', { headers: { 'x-http-method-override': 'DELETE' } })).text).toBe(first.text)
    })

    test('what was refused to another, however long that is said to hold', async () => {
      for (const status of [401, 403, 407]) {
        await using site = newSite(framework)
        site.app.on('get', '/', [cached(site.cache)], (x) => {
          x.set('Cache-Control', 'public, max-age=60, s-maxage=60')
          if (x.req.headers['x-token'] === undefined) x.status(status)
          x.send('a')
        })
        expect((await site.ask('/')).headers['cache-status']).toMatch(new RegExp(`detail="(?:status ${status}|unkeyed x-token)"`))
        expect((await site.ask('/', { headers: { 'x-token': 'ann' } })).status).toBe(200)
        expect((await site.ask('/', { headers: { 'if-none-match': '*' } })).status).toBe(status)
      }
    })
  })

  test('no listener stays on a connection that many requests have come over', async () => {
    await using site = newSite(framework)
    const counts: number[] = []
    const count = (x: Exchange): void => {
      const emitters = [x.req.socket, x.req, x.res]
      counts.push(emitters.reduce((sum, it) => sum + it.eventNames().reduce((all, name) => all + it.listenerCount(name), 0), 0))
    }
    site.app.outer(count)
    site.app.on('get', '/no', [cached(site.cache)], (x) => (x.set('Cache-Control', 'no-store'), x.send('a')))
    site.app.on('get', '/:id', [cached(site.cache)], (x) => x.send('a'))
    site.app.on('put', '/:id', [invalidates(site.cache.tag('none'))], (x) => x.send('a'))
    const socket = connect(await site.port(), '127.0.0.1')
    const ask = async (head: string): Promise<void> => {
      socket.write(`${head} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await once(socket, 'data')
    }
    for (let at = 0; at < 15; at++) for (const head of [`GET /${at}`, 'GET /no', 'GET /0', 'HEAD /0', 'PUT /1']) await ask(head)
    socket.destroy()
    // Two of five are hits, of which no layer hears in front.
    expect(counts).toHaveLength(framework.isFronted ? 45 : 75)
    // What may be kept in front is heard when it closes.
    expect(new Set(counts.slice(5)).size).toBe(framework.isFronted ? 2 : 1)
  })

  test('a lifetime that is longer than any timer is kept without one', async () => {
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', onWarning)
    await using site = newSite(framework)
    site.app.on('get', '/said', [cached(site.cache)], (x) => (x.set('Cache-Control', `max-age=${'9'.repeat(30)}`), x.send('a')))
    site.app.on('get', '/given', [cached(site.cache, { ttl: '400d', staleWhileRevalidate: '400d' })], (x) => x.send('a'))
    for (const path of ['/said', '/given']) {
      expect([statusOf(await site.ask(path)), statusOf(await site.ask(path))]).toEqual([STORED, HIT])
      site.clock.advance(24 * 60 * 60 * 1000 * 300)
      expect(statusOf(await site.ask(path))).toBe(HIT)
    }
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })
}
