import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { hold, type HoldOptions, type Release } from '../../middleware/http/hold.ts'
import { newGate, type Gate } from '../support/gate.ts'
import { ask, begin, serve, type Reply } from '../support/http.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

interface Holding extends AsyncDisposable {
  readonly port: number
  /** Where the answer is held. */
  readonly gate: Gate
  readonly statuses: number[]
}

/** A server whose handler's answers are held until the gate opens. */
async function holding(handler: Handler, options: Partial<HoldOptions> & { how?: Release } = {}): Promise<Holding> {
  const gate = newGate()
  const statuses: number[] = []
  const server = await serve((req, res) => {
    res.setHeader('X-Outer', '1')
    hold(res, {
      async before(status) {
        statuses.push(status)
        await gate.wait()
        return options.how ?? 'as it is'
      },
      ...options,
    })
    handler(req, res)
  })
  return { port: server.port, gate, statuses, [Symbol.asyncDispose]: () => server.close() }
}

/** What reaches the client before the gate opens, and the answer after. */
async function held(it: Holding): Promise<{ early: boolean; reply: Reply }> {
  let early = false
  const reply = ask(it.port, '/', { method: 'POST' })
  void reply.finally(() => (early = true))
  await it.gate.reached()
  // A whole other request and answer on the same loop: what was sent before would have arrived.
  await using other = await serve((_req, res) => res.end('other'))
  await ask(other.port, '/')
  const wasEarly = early
  it.gate.open()
  return { early: wasEarly, reply: await reply }
}

describe('a held answer', () => {
  const forms: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    end: (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.end('abc')),
    'end with an encoding': (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.end('YWJj', 'base64')),
    'writeHead and end': (res) => res.writeHead(201, { 'X-A': '1' }).end('abc'),
    'writeHead with a flat list': (res) => res.writeHead(201, ['X-A', '1']).end('abc'),
    'flushHeaders first': (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.flushHeaders(), res.end('abc')),
    writes: (res) => (res.writeHead(201, { 'X-A': '1' }), res.write('a'), res.write('62', 'hex'), res.write(Buffer.from('c')), res.end()),
    'a pipe': (res) => (res.writeHead(201, { 'X-A': '1' }), Readable.from(['a', 'b', 'c']).pipe(res)),
  }
  for (const [name, answer] of Object.entries(forms)) {
    test(`does not leave before it may, and then leaves as it is: ${name}`, async () => {
      await using it = await holding((_req, res) => answer(res))
      const { early, reply } = await held(it)
      expect(early).toBe(false)
      expect(reply).toMatchObject({ status: 201, text: 'abc', headers: { 'x-a': '1', 'x-outer': '1' } })
      expect(it.statuses).toEqual([201])
    })
  }

  test('that is not to be held leaves at once', async () => {
    await using it = await holding((_req, res) => ((res.statusCode = 404), res.end('none')), { before: () => undefined })
    expect(await ask(it.port, '/')).toMatchObject({ status: 404, text: 'none' })
  })

  test('leaves where what it waited for failed', async () => {
    await using it = await holding((_req, res) => res.end('abc'), { before: () => Promise.reject(new Error('down')) })
    expect(await ask(it.port, '/')).toMatchObject({ status: 200, text: 'abc' })
  })

  test('calls back in order, and finishes last', async () => {
    const order: string[] = []
    await using it = await holding((_req, res) => {
      res.on('finish', () => order.push('finish'))
      res.write('a', () => order.push('a'))
      res.write('b', () => order.push('b'))
      res.end('c', () => order.push('end'))
      order.push('handler')
    })
    const { reply } = await held(it)
    expect(reply.text).toBe('abc')
    expect(order.slice(0, 3)).toEqual(['handler', 'a', 'b'])
    expect(order.slice(3).sort()).toEqual(['end', 'finish'])
  })

  test('makes its source wait past the bound, and go on once it may leave', async () => {
    const flowing: boolean[] = []
    let drained = false
    await using it = await holding(
      async (_req, res) => {
        flowing.push(res.write('x'.repeat(80)), res.write('x'.repeat(80)))
        expect(res.writableNeedDrain).toBe(true)
        await once(res, 'drain')
        drained = true
        res.end('z')
      },
      { maxBytes: 100 },
    )
    const reply = ask(it.port, '/')
    await it.gate.reached()
    expect([flowing, drained]).toEqual([[true, false], false])
    it.gate.open()
    expect((await reply).body.length).toBe(161)
  })

  test('holds no more than the bound and a chunk of a source that listens', async () => {
    let produced = 0
    const source = new Readable({
      highWaterMark: 1000,
      read() {
        produced += 1000
        this.push(produced > 1_000_000 ? null : Buffer.alloc(1000))
      },
    })
    await using it = await holding((_req, res) => source.pipe(res), { maxBytes: 10_000 })
    const reply = ask(it.port, '/')
    await it.gate.reached()
    await new Promise(setImmediate)
    expect(produced).toBeLessThan(20_000)
    it.gate.open()
    expect((await reply).body.length).toBe(1_000_000)
  })

  test('looks to its handler as if it had left', async () => {
    await using it = await holding((_req, res) => {
      res.writeHead(201)
      expect(res.headersSent).toBe(true)
      expect(() => res.setHeader('X-Late', '1')).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
      expect(() => res.removeHeader('X-Outer')).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
      expect(() => res.writeHead(200)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
      res.statusCode = 500
      expect(res.writableEnded).toBe(false)
      res.end('abc')
      expect(res.writableEnded).toBe(true)
    })
    const { reply } = await held(it)
    expect(reply).toMatchObject({ status: 201, text: 'abc' })
    expect(reply.headers['x-late']).toBeUndefined()
  })

  test('that would be refused is refused where the handler hears it', async () => {
    await using it = await holding((_req, res) => {
      expect(() => res.writeHead(99)).toThrow(RangeError)
      expect(() => res.writeHead(200, { 'X-A': 'a\nb' })).toThrow(/Invalid character/)
      expect(() => res.write({})).toThrow(TypeError)
      expect(() => res.end({} as never)).toThrow(TypeError)
      res.end('abc')
    })
    expect((await held(it)).reply.text).toBe('abc')
  })

  test('that turns out to be no answer is broken off, not left open', async () => {
    await using it = await holding((_req, res) => {
      res.strictContentLength = true
      res.writeHead(200, { 'Content-Length': 5 })
      res.end('abc')
    })
    const reply = ask(it.port, '/')
    await it.gate.reached()
    it.gate.open()
    await expect(reply).rejects.toThrow(/hang up/)
  })

  test('passes through the hooks of outer layers on its way out, in order', async () => {
    const order: string[] = []
    await using server = await serve((_req, res) => {
      const { writeHead, end } = res
      res.writeHead = ((...args: unknown[]) => {
        order.push('outer writeHead')
        res.setHeader('Set-Cookie', 'a=1')
        return Reflect.apply(writeHead, res, args)
      }) as typeof res.writeHead
      res.end = ((...args: unknown[]) => {
        order.push('outer end')
        return Reflect.apply(end, res, args)
      }) as typeof res.end
      hold(res, {
        async before(): Promise<Release> {
          order.push('clear')
          return 'as it is'
        },
      })
      res.end('abc')
    })
    const reply = await ask(server.port, '/')
    expect(order).toEqual(['clear', 'outer end', 'outer writeHead'])
    expect(reply).toMatchObject({ text: 'abc', headers: { 'set-cookie': 'a=1' } })
  })

  test('gives back what layers have put on the response, two holds deep', async () => {
    const order: string[] = []
    await using server = await serve((_req, res) => {
      const { setHeader } = res
      res.setHeader = (name, value) => setHeader.call(res, name, `${String(value)}!`)
      for (const name of ['outer', 'inner']) {
        hold(res, {
          async before(): Promise<Release> {
            order.push(name)
            await new Promise(setImmediate)
            return 'as it is'
          },
        })
      }
      const { writeHead } = res
      res.writeHead = ((...args: unknown[]) => {
        res.setHeader('X-Late', '1')
        return Reflect.apply(writeHead, res, args)
      }) as typeof writeHead
      res.end('abc')
    })
    expect(await ask(server.port, '/')).toMatchObject({ text: 'abc', headers: { 'x-late': '1!' } })
    expect(order).toEqual(['inner', 'outer'])
  })

  test('whose client has gone is waited for all the same', async () => {
    await using it = await holding(async (req, res) => {
      await once(req.socket, 'close')
      res.end('abc')
    })
    const req = begin(it.port, '/', { method: 'POST' })
    await once(req, 'finish')
    req.destroy()
    await it.gate.reached()
    it.gate.open()
    expect(it.statuses).toEqual([200])
  })
})

describe('an answer that is replaced', () => {
  const how = { status: 503, body: 'Not yet.\n' }

  test('leaves nothing of itself, and outer layers have their fields', async () => {
    await using it = await holding((_req, res) => (res.writeHead(201, 'Made', { 'X-A': '1', ETag: '"1"' }), res.end('abc')), { how })
    const { reply } = await held(it)
    expect(reply).toMatchObject({
      status: 503,
      message: 'Service Unavailable',
      text: 'Not yet.\n',
      headers: { 'x-outer': '1', 'cache-control': 'no-store' },
    })
    expect(reply.headers['x-a'] ?? reply.headers['etag']).toBeUndefined()
  })

  test('is heard to its end, so that its source ends too', async () => {
    const ended: string[] = []
    await using it = await holding(
      async (_req, res) => {
        const source = Readable.from(['x'.repeat(80), 'y'.repeat(80), 'z'])
        source.on('end', () => ended.push('source'))
        source.pipe(res)
        res.on('finish', () => ended.push('finish'))
      },
      { how, maxBytes: 100 },
    )
    const { reply } = await held(it)
    expect(reply.text).toBe('Not yet.\n')
    await new Promise(setImmediate)
    expect(ended.sort()).toEqual(['finish', 'source'])
  })

  test('calls back who waits for its chunks', async () => {
    const called: string[] = []
    await using it = await holding((_req, res) => (res.write('a', () => called.push('write')), res.end(() => called.push('end'))), { how })
    await held(it)
    expect(called.sort()).toEqual(['end', 'write'])
  })
})
