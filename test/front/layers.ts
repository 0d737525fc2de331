// What an application and its layers see of a request, and do to its answer, with a front around them: what they do without one.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { front } from '../../middleware/http/front.ts'
import type { Framework } from '../routes/framework.ts'
import { HIT, newSite, statusOf } from '../routes/site.ts'
import { newGate } from '../support/gate.ts'
import { ask, response, serve } from '../support/http.ts'
import { isFronted, newFrontSite } from './site.ts'

export function layers(framework: Framework): void {
  const { cached } = framework

  describe('behind a front', () => {
    test('a request is what it was: its headers, its connection, its body', async () => {
      const seen: unknown[] = []
      const look = (req: IncomingMessage): void => {
        const { host: _host, connection: _connection, ...headers } = req.headers
        const raw = req.rawHeaders.filter((_value, at, all) => !/^(?:host|connection)$/i.test(all[at - (at % 2)]!))
        seen.push([headers, raw, req.headersDistinct['x-a'], 'x-a' in req.headers, Object.hasOwn(req.headers, 'x-b'), req.headers['x-b']])
        seen.push([
          req.url,
          req.method,
          req.httpVersion,
          req.complete,
          typeof req.socket.remotePort,
          req.socket.remoteAddress,
          req.socket.writable,
        ])
        seen.push([
          req.socket.listenerCount('nothing'),
          req instanceof Readable,
          Object.keys(req).includes('headers'),
          JSON.stringify(req.headers['x-a']),
        ])
      }
      const requests = [
        ['/', { headers: { 'x-a': 'b', cookie: 'a=b', 'if-none-match': '"x"' } }],
        ['/?a=b', { headers: { 'x-a': 'c' } }],
        ['/post', { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', 'content-length': '7', 'x-a': 'd' } }],
      ] as const
      const shown: unknown[] = []
      for (const isBehind of [false, true]) {
        await using site = isBehind ? newFrontSite(framework) : newSite(framework)
        site.app.outer(({ req }) => look(req))
        // Its pattern is not known: each request may be its.
        cached(site.cache, { name: 'anywhere', front: true })
        site.app.on('get', '/', [], (x) => x.send('plain'))
        site.app.on('post', '/post', [], async (x) => {
          let text = ''
          for await (const chunk of x.req.setEncoding('utf8')) text += String(chunk)
          seen.push(text)
          x.send('posted')
        })
        for (const [path, how] of requests) {
          const reply = await site.ask(path, how)
          seen.push([reply.status, reply.text])
        }
        shown.push(seen.splice(0))
      }
      expect(shown[1]).toEqual(shown[0])
    })

    test('an answer is what it was, in whatever way it is given', async () => {
      type Way = (res: ServerResponse) => unknown
      const ways: Record<string, Way> = {
        '/list': (res) => res.writeHead(201, 'Made', ['X-A', '1', 'X-B', '2', 'x-a', '3']).end('list'),
        '/fields': (res) => (res.setHeader('X-C', ['1', '2']), res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end('fields')),
        '/chunks': (res) => (res.write('ch'), res.write(Buffer.from('un')), res.write('6b73', 'hex'), res.end()),
        '/flushed': (res) => (res.flushHeaders(), res.end('flushed')),
        '/trailers': (res) => (res.writeHead(200, { Trailer: 'X-T' }), res.write('a'), res.addTrailers({ 'X-T': '1' }), res.end('b')),
        '/empty': (res) => res.writeHead(204).end(),
        '/none': (res) => res.end(),
        '/moved': (res) => res.writeHead(302, { Location: '/a' }).end(),
        '/thrown': (res) => {
          expect(() => res.writeHead(99)).toThrow(RangeError)
          expect(() => res.writeHead(200, { 'X-A': 'é\n' })).toThrow(TypeError)
          expect(() => res.end(5 as never)).toThrow(TypeError)
          res.statusCode = 500
          // Node.js leaves there that of the first.
          res.statusMessage = 'Thrown'
          res.end('thrown')
        },
        '/late': (res) => (res.write('a'), expect(() => res.setHeader('X-A', '1')).toThrow(/after they are sent/), res.end('b')),
      }
      const shown: unknown[] = []
      for (const isBehind of [false, true]) {
        await using site = isBehind ? newFrontSite(framework) : newSite(framework)
        cached(site.cache, { name: 'anywhere', front: true })
        const listener: RequestListener = (req, res) => void ways[req.url!]!(res)
        await using server = await serve(isBehind ? front(site.cache, listener) : listener)
        for (const path of Object.keys(ways)) {
          const { status, message, headers, text, trailers } = await ask(server.port, path)
          const { date: _date, ...rest } = headers
          shown.push([isBehind, path, status, message, rest, text, trailers])
        }
      }
      const [without, behind] = [false, true].map((is) => (shown as unknown[][]).filter(([at]) => at === is).map(([, ...rest]) => rest))
      expect(behind).toEqual(without)
    })

    test('who waits for a response to take more hears of it', async () => {
      await using site = newFrontSite(framework)
      cached(site.cache, { name: 'anywhere', front: true })
      const full = newGate()
      site.app.on('get', '/', [], (x) => {
        const body = new Readable({ read() {} })
        x.send(body)
        for (let i = 0; i < 64; i++) body.push(Buffer.alloc(65_536))
        body.push(null)
        full.open()
      })
      const res = await response(await site.begin('/'))
      await full.wait()
      let bytes = 0
      for await (const chunk of res) bytes += (chunk as Buffer).length
      expect(bytes).toBe(64 * 65_536)
    })

    test('requests in one piece on one connection are answered in their order, each once', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/:id', [cached(site.cache, { path: '/:id', front: true })], (x) => x.send(`<${x.params['id']}>`))
      await site.ask('/a')
      const ids = ['a', 'b', 'a', 'c', 'b', 'a', 'c']
      for (let turn = 0; turn < 3; turn++) {
        const socket = connect(await site.port(), '127.0.0.1')
        const lines = ids.map((id, at) => `GET /${id} HTTP/1.1\r\nHost: a\r\n${at === ids.length - 1 ? 'Connection: close\r\n' : ''}\r\n`)
        socket.write(lines.join(''))
        let text = ''
        for await (const chunk of socket.setEncoding('utf8')) text += String(chunk)
        expect(text.match(/<\w>/g)).toEqual(ids.map((id) => `<${id}>`))
      }
      expect(site.entered()).toBeLessThanOrEqual(1 + ids.length)
      const { entered } = site
      const before = entered()
      for (const id of ['a', 'b', 'c']) expect((await site.ask(`/${id}`)).text).toBe(`<${id}>`)
      expect(entered() - before).toBeLessThanOrEqual(3)
    })

    test('a client that goes while it is answered in front costs nobody anything', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true, maxBodyBytes: 9_000_000 })], (x) =>
        x.send(Buffer.alloc(8_000_000)),
      )
      await site.ask('/')
      for (let i = 0; i < 3; i++) {
        const request = await site.begin('/')
        ;(await response(request)).destroy()
      }
      expect((await site.ask('/')).body.length).toBe(8_000_000)
      expect([site.entered(), site.errors]).toEqual([1, []])
    })

    test('a client that expects to be asked for content is, and one that would go on in another protocol comes to the application', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      await site.ask('/')
      const how = (lines: string) => `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close${lines}\r\n\r\n`
      const port = await site.port()
      const raw = async (head: string): Promise<string> => {
        const socket = connect(port, '127.0.0.1')
        socket.write(head)
        let text = ''
        for await (const chunk of socket.setEncoding('utf8')) text += String(chunk)
        return text
      }
      expect(await raw(how('\r\nExpect: 100-continue'))).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
      expect(site.entered()).toBe(1)
      expect(await raw(how(', Upgrade\r\nUpgrade: other'))).toMatch(/fwd=bypass;detail="upgrade"/)
      expect(site.entered()).toBe(2)
    })

    test('a response that an agent has wrapped is wrapped for hits in front too', async () => {
      await using site = newFrontSite(framework)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      const listener = front(site.cache, site.app.listener())
      const told: unknown[] = []
      await using server = await serve((req, res) => {
        const { writeHead, end } = res
        res.writeHead = (...args: unknown[]) => (res.setHeader('X-Agent', 'a'), Reflect.apply(writeHead, res, args))
        res.end = ((...args: unknown[]) => (told.push(res.statusCode), Reflect.apply(end, res, args))) as typeof end
        listener(req, res)
      })
      for (let i = 0; i < 3; i++) {
        const reply = await ask(server.port, '/')
        expect([reply.text, reply.headers['x-agent'], reply.headers['content-length']]).toEqual(['a', 'a', '1'])
      }
      expect(told).toEqual([200, 200, 200])
    })

    test('what a listener throws, or rejects with, is its server’s to hear', async () => {
      await using site = newFrontSite(framework)
      cached(site.cache, { name: 'anywhere', front: true })
      const failure = new Error('of the listener')
      const fronted = front(site.cache, () => {
        throw failure
      })
      const rejecting = front(site.cache, () => Promise.reject(failure))
      const heard: unknown[] = []
      await using server = await serve((req, res) => {
        try {
          const answered = (req.url === '/thrown' ? fronted : rejecting)(req, res)
          Promise.resolve(answered).catch((error: unknown) => (heard.push(error), res.end('rejected')))
        } catch (error) {
          heard.push(error)
          res.end('thrown')
        }
      })
      expect([(await ask(server.port, '/thrown')).text, (await ask(server.port, '/rejected')).text]).toEqual(['thrown', 'rejected'])
      expect([heard, site.errors]).toEqual([[failure, failure], []])
    })

    test('a layer that fails is answered as it is without a front, and nothing of it is kept', async () => {
      await using site = newFrontSite(framework)
      let fails = true
      site.app.around(async (_x, next) => {
        await next()
        if (fails && framework.prefix === 'koa') throw new Error('of a layer')
      })
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => {
        if (fails) throw new Error('of the handler')
        x.send('a')
      })
      expect([(await site.ask('/')).status, (await site.ask('/')).status]).toEqual([500, 500])
      fails = false
      expect((await site.ask('/')).text).toBe('a')
    })

    test('what a request holds of a front is gone with it: others are in front at once', async () => {
      await using site = newFrontSite(framework)
      const gate = newGate()
      site.app.around(async (x, next) => {
        if (x.url === '/?slow') await gate.wait()
        return next()
      })
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
      const slow = site.ask('/?slow')
      await gate.reached()
      expect(await isFronted(site)).toBe(true)
      expect(statusOf(await site.ask('/'))).toBe(HIT)
      gate.open()
      expect((await slow).text).toBe('a')
    })
  })
}
