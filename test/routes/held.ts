// That a client hears of its write only when what the write changed is cleared, or that was given up; whatever the answer, whoever is away.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOf } from '../../src/door.ts'
import { newProxy, type Proxy } from '../redis/proxy.ts'
import { newGate, type Gate } from '../support/gate.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import type { Framework, Handler } from './framework.ts'
import { HIT, newSite, statusOf, STORED, type Site } from './site.ts'

const ANSWERS: Readonly<Record<string, Handler>> = {
  'a text': (x) => x.send('ok'),
  JSON: (x) => (x.status(201), x.send({ made: 1 })),
  bytes: (x) => x.send(Buffer.alloc(100_000)),
  'a stream': (x) => x.send(Readable.from(['o', 'k'])),
  'a stream past the bound': (x) => x.send(Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(100_000)))),
  nothing: (x) => (x.status(204), x.send('')),
  'another place': (x) => (x.status(303), x.set('Location', '/b'), x.send('')),
  'fields, a cookie among them': (x) => (x.set('Set-Cookie', 'a=1'), x.set('X-A', ['1', '2']), x.send('ok')),
  'hints, and a text': (x) => (x.res.writeProcessing(), x.res.writeEarlyHints({ link: '</a.css>; rel=preload' }), x.send('ok')),
  'its own writes': (x) => (x.res.writeHead(201, { 'X-A': '1' }), x.res.write('o'), x.res.end('k')),
  'its own flushed head': (x) => ((x.res.statusCode = 200), x.res.flushHeaders(), x.res.write('ok'), x.res.end()),
}

export function held(framework: Framework): void {
  const { cached, invalidates } = framework

  /** A page, and a write that clears what it shows, whose clears wait for the gate. */
  function gatedSite(answer: Handler): { site: Site; gate: Gate; clears: () => number } {
    const site = newSite(framework)
    const target = site.cache.memoize(async () => 1, { name: 'target' })
    const gate = newGate()
    let clears = 0
    const engine = engineOf(site.cache)
    const record = engine.record.bind(engine)
    // As slow as a store that takes its time to acknowledge.
    engine.record = async (kind, refsOf) => {
      await gate.wait()
      await record(kind, refsOf)
      clears++
    }
    site.app.on('get', '/', [cached(site.cache)], async (x) => x.send(`${await target()}`))
    site.app.on('post', '/', [invalidates(target)], answer)
    return { site, gate, clears: () => clears }
  }

  describe('not a byte leaves before the clear', () => {
    test.each(Object.entries(ANSWERS))('of %s', async (_name, answer) => {
      const { site, gate } = gatedSite(answer)
      await using _ = site
      const wire = await newWireTo(site)
      await gate.reached()
      // A whole other exchange on the same loop: what was sent before would have arrived.
      await site.ask('/')
      expect(wire.received()).toBe('')
      gate.open()
      await wire.closed
      expect(wire.received()).toMatch(/HTTP\/1\.1 (?:200|201|204|303)/)
    })
  })

  describe('a client that goes away has its write cleared, once', () => {
    const whole: Handler = (x) => x.send('ok')
    const slow: Handler = (x) => x.send(Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(100_000))))

    test('before its handler answers', async () => {
      const closed = newGate()
      const { site, gate, clears } = gatedSite(async (x) => {
        const gone = once(x.res, 'close')
        await closed.wait()
        await gone
        return whole(x)
      })
      await using _ = site
      const wire = await newWireTo(site)
      await closed.reached()
      wire.socket.destroy()
      closed.open()
      await gate.reached()
      gate.open()
      while (clears() === 0) await new Promise(setImmediate)
      await site.ask('/')
      expect(clears()).toBe(1)
    })

    test.each([
      ['whole', whole],
      ['streaming', slow],
    ])('while its answer is held: %s', async (_name, answer) => {
      const { site, gate, clears } = gatedSite(answer)
      await using _ = site
      await site.ask('/')
      const wire = await newWireTo(site)
      await gate.reached()
      wire.socket.destroy()
      gate.open()
      while (clears() === 0) await new Promise(setImmediate)
      expect([statusOf(await site.ask('/')), clears()]).toEqual(['CacheAlchemy;fwd=uri-miss;stored', 1])
    })

    test('while its answer leaves', async () => {
      const { site, gate, clears } = gatedSite(slow)
      await using _ = site
      gate.open()
      await site.ask('/')
      const wire = await newWireTo(site)
      await once(wire.socket, 'data')
      wire.socket.destroy()
      expect([statusOf(await site.ask('/')), clears()]).toEqual(['CacheAlchemy;fwd=uri-miss;stored', 1])
    })
  })

  describe('a write that fails clears nothing:', () => {
    const failures: Readonly<Record<string, Handler>> = {
      'by a 400': (x) => (x.status(400), x.send('no')),
      'by a 409 that streams': (x) => (x.status(409), x.send(Readable.from(['no']))),
      'by a 500': (x) => (x.status(500), x.send('no')),
      'by an error': () => Promise.reject(new Error('down')),
      'by its handler, that destroys the response': (x) => void x.res.destroy(),
      'by its handler, that hangs up': (x) => void x.res.socket!.destroy(),
    }
    test.each(Object.entries(failures))('%s', async (_name, answer) => {
      const { site, gate, clears } = gatedSite(answer)
      await using _ = site
      gate.open()
      await site.ask('/')
      const wire = await newWireTo(site)
      await wire.closed
      expect([statusOf(await site.ask('/')), clears()]).toEqual([HIT, 0])
    })
  })

  test('an answer past the bound makes its source wait, and goes on when it may', async () => {
    let made = 0
    const { site, gate } = gatedSite((x) => {
      const source = new Readable({
        highWaterMark: 100_000,
        read() {
          made++
          this.push(made > 100 ? null : Buffer.alloc(100_000, 'a'))
        },
      })
      x.send(source)
    })
    await using _ = site
    const reply = site.ask('/', { method: 'POST' })
    await gate.reached()
    await site.ask('/')
    expect(made).toBeLessThan(20)
    gate.open()
    expect((await reply).body.length).toBe(10_000_000)
  })

  test('two writes on the way of one request are both cleared before it is heard of', async () => {
    await using site = newSite(framework)
    const order: string[] = []
    const [a, b] = ['a', 'b'].map((name) => site.cache.memoize(async () => 1, { name })) as [Target, Target]
    const engine = engineOf(site.cache)
    const record = engine.record.bind(engine)
    engine.record = async (kind, refsOf) => {
      await new Promise(setImmediate)
      await record(kind, refsOf)
      order.push(refsOf()[0]!.name)
    }
    site.app.on('post', '/', [invalidates(a), invalidates(b)], (x) => x.send('ok'))
    const reply = await site.ask('/', { method: 'POST' })
    expect([reply.text, order.sort()]).toEqual(['ok', ['a', 'b']])
  })

  test('one path may be cached, and be written to past the same layers', async () => {
    await using site = newSite(framework)
    let row = 1
    const getRow = site.cache.memoize(async () => row, { name: 'row' })
    const layers = [cached(site.cache, { path: '/' }), invalidates(getRow)]
    site.app.on('get', '/', layers, async (x) => x.send(`${await getRow()}`))
    site.app.on('post', '/', layers, (x) => x.send(`wrote ${++row}`))
    expect([(await site.ask('/')).text, statusOf(await site.ask('/'))]).toEqual(['1', HIT])
    expect((await site.ask('/', { method: 'POST' })).text).toBe('wrote 2')
    expect([(await site.ask('/')).text, statusOf(await site.ask('/'))]).toEqual(['2', HIT])
  })

  test('of what cannot be said to have changed, the URI is cleared all the same, and the client is told as of any other', async () => {
    for (const [onUnconfirmed, status] of [
      ['serve', 200],
      ['fail', 503],
    ] as const) {
      await using site = newSite(framework)
      const unsaid = framework.invalidatesRefs(
        () => {
          throw new Error('no id')
        },
        { onUnconfirmed },
      )
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      site.app.on('post', '/', [unsaid], (x) => x.send('ok'))
      await site.ask('/')
      expect((await site.ask('/', { method: 'POST' })).status).toBe(status)
      expect([statusOf(await site.ask('/')), site.errors.length]).toEqual([STORED, 1])
    }
  })

  describe('with Redis', () => {
    let redis: RedisServer
    beforeAll(async () => void (redis = await startRedis()))
    afterAll(() => redis.stop())

    async function redisSite(commandTimeout: number): Promise<{ site: Site; proxy: Proxy }> {
      const proxy = await newProxy(redis.port)
      const site = newSite(framework, { redis: proxy.url, commandTimeout, prefix: `held ${framework.name}` })
      const target = site.cache.memoize(async () => 1, { name: 'target' })
      site.app.on('get', '/', [cached(site.cache)], async (x) => x.send(`${await target()}`))
      site.app.on('post', '/', [invalidates(target)], (x) => x.send('ok'))
      site.app.on('put', '/', [invalidates(target, undefined, { onUnconfirmed: 'fail' })], (x) => x.send('ok'))
      await site.ask('/')
      await site.ask('/', { method: 'POST' })
      return { site, proxy }
    }

    test('that is slow, nothing leaves before it has acknowledged', async () => {
      const { site, proxy } = await redisSite(10_000)
      await using _ = site
      const asking = proxy.asking()
      const before = asking.pieces()
      for (const wire of proxy.wires()) wire.hold()
      const wire = await newWireTo(site)
      while (asking.pieces() === before) await new Promise(setImmediate)
      await site.ask('/none')
      expect(wire.received()).toBe('')
      for (const each of proxy.wires()) each.release()
      await wire.closed
      expect(wire.received()).toContain('HTTP/1.1 200')
    })

    test('that does not answer, nothing leaves before that is given up, and here it is cleared', async () => {
      const { site, proxy } = await redisSite(1000)
      await using _ = site
      await site.ask('/')
      for (const wire of proxy.wires()) wire.hold()
      expect(site.errors).toEqual([])
      expect(await site.ask('/', { method: 'POST' })).toMatchObject({ status: 200, text: 'ok' })
      expect(site.errors.length).toBeGreaterThan(0)
      expect((await site.ask('/', { method: 'PUT' })).status).toBe(503)
      expect(statusOf(await site.ask('/'))).not.toBe(HIT)
    })

    test('that is away, writes are answered and cleared here', async () => {
      const { site, proxy } = await redisSite(10_000)
      await using _ = site
      await site.ask('/')
      proxy.refuse()
      expect(await site.ask('/', { method: 'POST' })).toMatchObject({ status: 200, text: 'ok' })
      expect((await site.ask('/', { method: 'PUT' })).status).toBe(503)
      expect(statusOf(await site.ask('/'))).not.toBe(HIT)
      proxy.restore()
    })
  })
}

type Target = ReturnType<Site['cache']['memoize']> & Parameters<Framework['invalidates']>[0]

interface Wire {
  readonly socket: Socket
  /** What has arrived of the answer. */
  received(): string
  readonly closed: Promise<unknown>
}

/** A POST of "/" on a connection that shows each byte of its answer. */
async function newWireTo(site: Site): Promise<Wire> {
  const socket = connect(await site.port(), '127.0.0.1')
  let received = ''
  socket.on('data', (bytes) => (received += bytes.toString('latin1'))).on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  return { socket, received: () => received, closed: once(socket, 'close') }
}
