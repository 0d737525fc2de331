import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { hold, type HoldOptions, type Release } from '../../middleware/http/hold.ts'
import { newGate, type Gate } from '../support/gate.ts'
import { ask, begin, read, response, serve, type Reply } from '../support/http.ts'

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
  test.each([
    ['hints', (res: ServerResponse, then: () => void) => res.writeEarlyHints({ link: '</a.css>; rel=preload' }, then)],
    ['word that it is processed', (res: ServerResponse, then: () => void) => void Reflect.apply(res.writeProcessing, res, [then])],
  ])('that waits for the callback of its %s is given', async (_name, inform) => {
    await using it = await holding((_req, res) => inform(res, () => res.end('done')))
    const { early, reply } = await held(it)
    expect([early, reply.status, reply.text]).toEqual([false, 200, 'done'])
  })

  const forms: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    end: (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.end('abc')),
    'end with an encoding': (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.end('YWJj', 'base64')),
    'writeHead and end': (res) => res.writeHead(201, { 'X-A': '1' }).end('abc'),
    'writeHead with a flat list': (res) => res.writeHead(201, ['X-A', '1']).end('abc'),
    'flushHeaders first': (res) => ((res.statusCode = 201), res.setHeader('X-A', '1'), res.flushHeaders(), res.end('abc')),
    writes: (res) => (res.writeHead(201, { 'X-A': '1' }), res.write('a'), res.write('62', 'hex'), res.write(Buffer.from('c')), res.end()),
    'a pipe': (res) => (res.writeHead(201, { 'X-A': '1' }), Readable.from(['a', 'b', 'c']).pipe(res)),
    'a pipeline': (res) => (res.writeHead(201, { 'X-A': '1' }), pipeline(Readable.from(['a', 'b', 'c']), res, () => {})),
    trailers: (res) => (res.writeHead(201, { 'X-A': '1' }), res.write('abc'), res.addTrailers({ 'X-Sum': '6' }), res.end()),
    'early hints first': (res) => (res.writeEarlyHints({ link: '</a.css>; rel=preload' }), res.writeHead(201, { 'X-A': '1' }).end('abc')),
    'early hints that are none': (res) => (res.writeEarlyHints({ link: 'none' }), res.writeHead(201, { 'X-A': '1' }).end('abc')),
    'bytes that are used again': (res) => {
      const chunk = Buffer.from('ab')
      res.writeHead(201, { 'X-A': '1' }).write(chunk)
      res.end(chunk.fill('c').subarray(1))
      chunk.fill('x')
    },
  }
  for (const [name, answer] of Object.entries(forms)) {
    test(`does not leave before it may, and then leaves as it is: ${name}`, async () => {
      await using it = await holding((_req, res) => answer(res))
      const { early, reply } = await held(it)
      expect(early).toBe(false)
      expect(reply).toMatchObject({ status: 201, text: 'abc', headers: { 'x-a': '1', 'x-outer': '1' } })
      expect([it.statuses, reply.trailers]).toEqual([[201], name === 'trailers' ? { 'x-sum': '6' } : {}])
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

  test('that Node.js would not send is refused where the handler hears it, and the next one is held', async () => {
    await using it = await holding((_req, res) => {
      res.statusMessage = 'a\nb'
      for (const answer of [() => res.end('a'), () => res.write('a'), () => res.flushHeaders()])
        expect(answer).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHAR' }))
      res.statusMessage = 'Sorry'
      res.end('abc')
    })
    const { early, reply } = await held(it)
    expect([early, reply.message, reply.text, it.statuses]).toEqual([false, 'Sorry', 'abc', [200]])
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
})

describe('what comes before an answer', () => {
  const hint = { link: '</a.css>; rel=preload' }

  /** What a client is told before the answer, and when. */
  async function informed(handler: Handler, options: Parameters<typeof holding>[1] = {}): Promise<{ order: string[]; reply: Reply }> {
    const order: string[] = []
    await using it = await holding(handler, options)
    const req = begin(it.port, '/', { method: 'POST' })
    req.on('information', ({ statusCode }) => order.push(String(statusCode)))
    const res = response(req)
    if (options.before === undefined) {
      await it.gate.reached()
      await using other = await serve((_req, res) => res.end('other'))
      await ask(other.port, '/')
      order.push('cleared')
      it.gate.open()
    }
    return { reply: await read(await res), order }
  }

  test('waits with it, in its order', async () => {
    const called: string[] = []
    const { order, reply } = await informed((_req, res) => {
      res.writeProcessing()
      res.writeEarlyHints(hint, () => called.push('hint'))
      res.end('abc')
    })
    expect([order, called, reply.text]).toEqual([['cleared', '102', '103'], ['hint'], 'abc'])
  })

  test('but for what lets the client go on, which passes', async () => {
    const { order } = await informed((_req, res) => (res.writeContinue(), res.end('abc')))
    expect(order).toEqual(['100', 'cleared'])
  })

  test('passes at once where the answer is not to be held', async () => {
    const { order, reply } = await informed((_req, res) => (res.writeEarlyHints(hint), (res.statusCode = 404), res.end('none')), {
      before: () => undefined,
    })
    expect([order, reply.text]).toEqual([['103'], 'none'])
  })

  test('comes too late behind the head, and is heard to its end', async () => {
    const called: string[] = []
    const { order, reply } = await informed((_req, res) => {
      res.write('a')
      res.writeEarlyHints(hint, () => called.push('hint'))
      res.end('b')
    })
    expect([order, called, reply.text]).toEqual([['cleared'], ['hint'], 'ab'])
  })

  test('is not sent before what is sent in its place', async () => {
    const called: string[] = []
    const how = { status: 503, body: 'Not yet.\n' }
    const { order, reply } = await informed((_req, res) => (res.writeEarlyHints(hint, () => called.push('hint')), res.end('abc')), { how })
    expect([order, called, reply.status]).toEqual([['cleared'], ['hint'], 503])
  })
})

describe('an answer into nothing', () => {
  const answers: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    end: (res) => res.end('abc'),
    write: (res) => res.write('abc', () => {}),
    writeHead: (res) => res.writeHead(200),
    flushHeaders: (res) => res.flushHeaders(),
    'a pipe': (res) => Readable.from(['abc']).pipe(res),
    'a pipeline': (res) => pipeline(Readable.from(['abc']), res, () => {}),
  }
  for (const [name, answer] of Object.entries(answers)) {
    test(`is waited for all the same: ${name}`, async () => {
      await using it = await holding(async (_req, res) => {
        await once(res, 'close')
        answer(res)
      })
      const req = begin(it.port, '/', { method: 'POST' })
      await once(req, 'finish')
      req.destroy()
      await it.gate.reached()
      it.gate.open()
      expect(it.statuses).toEqual([200])
    })
  }

  test('calls back for each chunk once, in order', async () => {
    const called: string[] = []
    const over = newGate()
    await using it = await holding((_req, res) => {
      for (const chunk of ['a', 'b', 'c'])
        res.write(chunk, (error) => {
          called.push(`${chunk} ${(error as NodeJS.ErrnoException | undefined)?.code}`)
          if (chunk === 'c') void over.wait()
        })
      res.once('close', () => it.gate.open())
    })
    const req = begin(it.port, '/', { method: 'POST' })
    await it.gate.reached()
    req.destroy()
    await over.reached()
    expect(called).toEqual(['a', 'b', 'c'].map((chunk) => `${chunk} ERR_STREAM_DESTROYED`))
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

  test('calls back who waits for its end, past layers that take a chunk and an encoding alone', async () => {
    const called: string[] = []
    await using server = await serve((_req, res) => {
      const { end } = res
      res.end = (chunk?: unknown, encoding?: unknown) => {
        if (typeof chunk === 'function') throw new TypeError('Expected a chunk.')
        return Reflect.apply(end, res, [chunk, encoding]) as ServerResponse
      }
      hold(res, { before: async () => how })
      res.end('abc', () => called.push('end'))
    })
    expect(await ask(server.port, '/', { method: 'POST' })).toMatchObject({ status: how.status, text: how.body })
    expect(called).toEqual(['end'])
  })

  test('is broken off where a layer throws at it', async () => {
    await using server = await serve((_req, res) => {
      const { setHeader } = res
      res.setHeader = (name, value) => {
        if (name === 'Content-Length') throw new Error('No lengths.')
        return setHeader.call(res, name, value)
      }
      hold(res, { before: async () => how })
      res.end('abc')
    })
    await expect(ask(server.port, '/', { method: 'POST' })).rejects.toThrow('socket hang up')
  })
})
