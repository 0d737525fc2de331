// One client's answer is never another's, under whatever name outer layers have put who asks.
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import { newGate } from '../support/gate.ts'
import type { Reply } from '../support/http.ts'
import { askRaw } from '../support/raw.ts'
import type { Exchange, Framework, Handler } from './framework.ts'
import { COLLAPSED, HIT, newSite, refused, statusOf, STORED } from './site.ts'

type Who = Record<string, { user?: string } | undefined>

/** What layers leave on a request, and what they did not. */
const req = (x: Exchange): Who => x.req as unknown as Who

export function owners(framework: Framework): void {
  const { cached } = framework
  const label = framework.prefix === 'koa' ? 'ctx.req' : 'req'
  const state = framework.prefix === 'koa' ? 'ctx.state' : 'res.locals'

  /** Under which name a layer puts who asks, what is noticed of it, and where its handler finds it. */
  const places: Readonly<
    Record<string, [input: string, put: (x: Exchange, who: string) => void, read: (x: Exchange) => string | undefined]>
  > = {
    'in a body that was never sent': [`${label}.body`, (x, user) => (req(x)['body'] = { user }), (x) => req(x)['body']?.user],
    'in a file that was never sent': [`${label}.file`, (x, user) => (req(x)['file'] = { user }), (x) => req(x)['file']?.user],
    'as an id': [`${label}.id`, (x, who) => Object.assign(x.req, { id: who }), (x) => req(x)['id'] as string | undefined],
    'as the id of its trace': [
      `${label}.traceId`,
      (x, who) => Object.assign(x.req, { traceId: who }),
      (x) => req(x)['traceId'] as string | undefined,
    ],
    'as a secret': [`${label}.secret`, (x, who) => Object.assign(x.req, { secret: who }), (x) => req(x)['secret'] as string | undefined],
    'as a log that logs nothing': [`${label}.log`, (x, user) => (req(x)['log'] = { user }), (x) => req(x)['log']?.user],
    'as the client, where Node.js has the connection': [
      'req.client',
      (x, user) => (req(x)['client'] = { user }),
      (x) => req(x)['client']?.user,
    ],
    'in a name of another framework': [`${label}.ctx`, (x, user) => (req(x)['ctx'] = { user }), (x) => req(x)['ctx']?.user],
    'in the state of no framework': [`${label}.state`, (x, user) => (req(x)['state'] = { user }), (x) => req(x)['state']?.user],
    'on the connection': [
      'req.socket.user',
      (x, user) => Object.assign(x.req.socket, { user }),
      (x) => (x.req.socket as { user?: string }).user,
    ],
    'on the connection of the response': [
      'req.socket.user',
      (x, user) => Object.assign(x.req.socket, { user }),
      (x) => (x.res.socket as { user?: string } | null)?.user,
    ],
    'among the headers, under a name that no header has': [
      'userid',
      (x, who) => (x.req.headers['userId'] = who),
      (x) => x.req.headers['userId'] as string | undefined,
    ],
    'under a name that the framework has elsewhere': [
      `${state}.host`,
      (x, who) => (x.state['host'] = who),
      (x) => x.state['host'] as string,
    ],
    'under a name that Node.js has elsewhere': [
      `${state}.client`,
      (x, who) => (x.state['client'] = who),
      (x) => x.state['client'] as string,
    ],
    'under a harmless name': [
      `${state}.body`,
      (x, user) => (x.state['body'] = { user }),
      (x) => (x.state['body'] as { user?: string })?.user,
    ],
  }

  describe('who asks is noticed', () => {
    for (const [name, [input, put, read]] of Object.entries(places)) {
      test(name, async () => {
        await using site = newSite(framework)
        site.app.outer((x) => {
          const who = x.req.headers['x-token']
          if (typeof who === 'string') put(x, who)
        })
        site.app.on('get', '/me', [cached(site.cache)], (x) => x.send(`for ${read(x) ?? 'nobody'}`))
        const me = (who: string): Promise<Reply> => site.ask('/me', { headers: { 'x-token': who } })
        const replies = [await me('ann'), await me('bob'), await site.ask('/me')]
        expect(replies.map((reply) => reply.text)).toEqual(['for ann', 'for bob', 'for nobody'])
        expect(replies.slice(0, 2).map(statusOf)).toEqual(Array(2).fill(refused(`unkeyed ${input}`)))
        expect(site.warnings.texts).toEqual([expect.stringContaining(`"${input}"`)])
      })
    }

    const ofResponse = framework.prefix === 'koa' ? 'ctx.res' : 'res'
    const fields: Readonly<Record<string, (x: Exchange) => unknown>> = {
      'by its name': (x) => x.res.getHeader('X-Tenant'),
      'by whether it is there': (x) => x.res.hasHeader('x-tenant'),
      'among all': (x) => x.res.getHeaders()['x-tenant'],
      'in a copy of all': (x) => ({ ...x.res.getHeaders() })['x-tenant'],
      'to add to it': (x) => (x.res.appendHeader('x-tenant', 'more'), x.res.getHeader('x-tenant')),
    }
    test.each(Object.entries(fields))('in a response field that a layer has set: %s', async (_name, read) => {
      await using site = newSite(framework)
      site.app.outer((x) => {
        const who = x.req.headers['x-token']
        if (typeof who === 'string') x.set('X-Tenant', who)
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(`for ${String(read(x))}`))
      const as = (who: string): Promise<Reply> => site.ask('/', { headers: { 'x-token': who } })
      const replies = [await site.ask('/'), await as('ann'), await as('bob')]
      const input = `unkeyed ${ofResponse}.getHeader(`
      for (const reply of replies.slice(1)) expect(statusOf(reply)).toContain(input)
      expect(new Set(replies.map((reply) => reply.text)).size).toBe(_name === 'by whether it is there' ? 2 : 3)
    })

    test('but not in one that the handler has set itself, nor in what says how it is sent', async () => {
      await using site = newSite(framework)
      site.app.outer((x) => {
        x.set('X-Request-Id', String(Math.random()))
        x.set('Vary', 'Accept-Encoding')
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        x.set('X-Own', 'a')
        x.send([x.res.getHeader('x-own'), x.res.getHeader('vary'), x.res.getHeaders()['x-own']].join())
      })
      expect([statusOf(await site.ask('/')), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
    })

    test.each(['socket', 'connection'] as const)('by the address that its response goes to: %s', async (name) => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(`for ${String(x.res[name]?.remotePort)}`))
      const replies = [await site.ask('/'), await site.ask('/')]
      expect(replies.map(statusOf)).toEqual(Array(2).fill(refused('unkeyed ip')))
    })

    test('by an address that its response is given late, behind the answer to another request', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      site.app.on('get', '/first', [], async (x) => (await gate.wait(), x.send('first')))
      site.app.on('get', '/second', [cached(site.cache)], async (x) => {
        gate.open()
        while (x.res.socket === null) await new Promise(setImmediate)
        x.send(`for ${String(x.res.socket.remotePort)}`)
      })
      const port = await site.port()
      const socket = connect(port, '127.0.0.1').setEncoding('utf8')
      socket.end('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      expect(text).toContain(refused('unkeyed ip'))
    })

    test('in a header with the name of what every object has', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(x.req.headers['constructor']))
      const replies = []
      for (const constructor of ['ann', 'bob']) replies.push(await site.ask('/', { headers: { constructor } }))
      expect(replies.map((reply) => reply.text)).toEqual(['ann', 'bob'])
      expect(replies.map(statusOf)).toEqual(Array(2).fill(refused('unkeyed constructor')))
    })

    test('and what is only the id of the request, an empty body or a log is not', async () => {
      await using site = newSite(framework)
      let ids = 0
      site.app.outer((x) => {
        Object.assign(x.req, { id: `request ${++ids}`, body: {}, files: [], log: { info() {} } })
        x.set('X-Request-Id', `request ${ids}`)
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        const { id, body, files, log } = x.req as unknown as { id: string; body: object; files: unknown[]; log: { info(id: string): void } }
        log.info(id)
        x.send(JSON.stringify([body, files]))
      })
      expect([statusOf(await site.ask('/')), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
    })
  })

  describe('who authenticates', () => {
    const page = (options: RouteOptions<Exchange>, handler: Handler) => {
      const site = newSite(framework)
      const route = cached(site.cache, { path: '/', ...options })
      site.app.on('get', '/', [route], handler)
      const as = (who: string): Promise<Reply> => site.ask('/', { headers: { authorization: `Bearer ${who}` } })
      return Object.assign(site, { as, route })
    }
    const whose: Handler = (x) => x.send(`for ${x.header('authorization') ?? 'nobody'}`)

    test('gets no other’s answer, one after the other and all at once', async () => {
      await using site = page({}, whose)
      const names = ['ann', 'bob', 'cleo']
      for (const name of names) expect((await site.as(name)).text).toBe(`for Bearer ${name}`)
      const replies = await Promise.all([...names, ...names].map(site.as))
      expect(replies.map((reply) => reply.text)).toEqual([...names, ...names].map((name) => `for Bearer ${name}`))
    })

    test('and waits for an answer that is not for all gets an own', async () => {
      const gate = newGate()
      await using site = page({}, async (x) => {
        const who = x.header('authorization')
        await gate.wait()
        x.send(`for ${who}`)
      })
      const all = ['ann', 'bob', 'cleo'].map(site.as)
      await gate.reached()
      gate.open()
      expect((await Promise.all(all)).map((reply) => reply.text)).toEqual(['ann', 'bob', 'cleo'].map((name) => `for Bearer ${name}`))
    })

    test('makes nobody wait in vain for long, and nobody else run the handler for himself', async () => {
      const gates = [newGate(), newGate()]
      let runs = 0
      await using site = page({}, async (x) => {
        const gate = gates[runs++]
        await gate?.wait()
        x.send('a')
      })
      const first = site.as('ann')
      await gates[0]!.reached()
      const others = Array.from({ length: 20 }, async () => site.ask('/'))
      while (site.route.stats().coalesced < 20) await new Promise(setImmediate)
      gates[0]!.open()
      await gates[1]!.reached()
      const late = Array.from({ length: 5 }, async () => site.ask('/'))
      while (site.route.stats().coalesced < 44) await new Promise(setImmediate)
      // Who authenticates does not wait for them, and is not waited for.
      expect(statusOf(await site.as('bob'))).toBe(refused('authorization'))
      gates[1]!.open()
      await first
      const said = (await Promise.all([...others, ...late])).map(statusOf)
      expect([runs, said.filter((it) => it === STORED).length, said.filter((it) => it === COLLAPSED).length]).toEqual([3, 1, 24])
    })

    test('learns nothing by a tag of what it may not see', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        if (x.header('authorization') !== undefined) return void x.send('secret')
        x.status(401)
        x.send('who are you?')
      })
      const secret = await site.ask('/', { headers: { authorization: 'Bearer ann' } })
      for (const tag of [secret.headers['etag'] ?? '"a"', '*'])
        expect((await site.ask('/', { headers: { 'if-none-match': tag } })).status).toBe(401)
    })
  })

  test('a request that says twice for which host it is has the host that its handler sees', async () => {
    await using site = newSite(framework)
    site.app.on('get', '/', [cached(site.cache, { headers: ['host'] })], (x) => x.send(`for ${x.header('host')}`))
    const port = await site.port()
    for (const hosts of [['a', 'b'], ['b', 'a'], ['a'], ['b'], ['A'], ['a.'], ['a:80'], ['u@a']]) {
      const { status, text } = await askRaw(port, ['GET / HTTP/1.1', ...hosts.map((host) => `Host: ${host}`)].join('\r\n'))
      if (status === 200) expect([hosts, text]).toEqual([hosts, `for ${hosts[0]}`])
      else expect([hosts, status]).toEqual([hosts, 400])
    }
  })
}
