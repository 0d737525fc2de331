import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { capture, type Captured, type CaptureOptions } from '../../middleware/http/capture.ts'
import type { Head } from '../../middleware/http/head.ts'
import { newGate } from '../support/gate.ts'
import { ask, begin, read, response, serve, type Reply } from '../support/http.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown
type OptionsFor = (res: ServerResponse) => Partial<CaptureOptions>

interface Capturing extends AsyncDisposable {
  readonly port: number
  /** What came of the only request. */
  readonly captured: Promise<Captured>
  readonly heads: Head[]
  readonly wholes: (string | undefined)[]
}

/** A server whose one handler is captured. */
async function capturing(handler: Handler, optionsFor: OptionsFor = () => ({})): Promise<Capturing> {
  const heads: Head[] = []
  const wholes: (string | undefined)[] = []
  let resolve!: (captured: Captured) => void
  const captured = new Promise<Captured>((settle) => (resolve = settle))
  const server = await serve((req, res) => {
    const { onHead, ...options } = optionsFor(res)
    const done = capture(res, {
      maxBodyBytes: 1_000_000,
      patience: 10_000,
      onHead(head, whole, isRecoded) {
        heads.push(head)
        wholes.push(whole === undefined ? undefined : Buffer.from(whole).toString())
        return onHead?.(head, whole, isRecoded) ?? { keep: true, notModified: false }
      },
      onChanged() {},
      send: (work) => work(),
      pause: () => () => {},
      onOver() {},
      ...options,
    })
    void done.then(resolve)
    handler(req, res)
  })
  return { port: server.port, captured, heads, wholes, [Symbol.asyncDispose]: () => server.close() }
}

/** What a captured handler answers, and what was captured of it. */
async function run(
  handler: Handler,
  optionsFor?: OptionsFor,
): Promise<{ reply: Reply; body: string | undefined; why: string | undefined; heads: Head[]; wholes: (string | undefined)[] }> {
  await using it = await capturing(handler, optionsFor)
  const reply = await ask(it.port, '/')
  const captured = await it.captured
  return { reply, body: bodyOf(captured), why: captured.why, heads: it.heads, wholes: it.wholes }
}

function bodyOf(captured: Captured): string | undefined {
  return captured.why === undefined ? Buffer.from(captured.body).toString('latin1') : undefined
}

describe('a body', () => {
  const forms: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    'end(text)': (res) => res.end('abc'),
    'end(text, encoding)': (res) => res.end('YWJj', 'base64'),
    'end(text, callback)': (res) => res.end('abc', () => {}),
    'end(bytes)': (res) => res.end(Buffer.from('abc')),
    'end(Uint8Array)': (res) => res.end(new Uint8Array([97, 98, 99])),
    'write and end()': (res) => (res.write('abc'), res.end()),
    'write and end(callback)': (res) => (res.write('abc'), res.end(() => {})),
    'write(text, encoding, callback)': (res) => (res.write('616263', 'hex', () => {}), res.end()),
    'write(text, callback)': (res) => (res.write('abc', () => {}), res.end()),
    'write("") first': (res) => (res.write(''), res.write('ab'), res.end('c')),
    latin1: (res) => (res.write('äb', 'latin1'), res.end('c', 'latin1')),
    utf16le: (res) => (res.write('äb', 'utf16le'), res.end('c', 'utf16le')),
    utf8: (res) => res.end('äbc'),
    'a pipe': (res) => Readable.from([Buffer.from('a'), Buffer.from('bc')]).pipe(res),
    'flushHeaders first': (res) => (res.flushHeaders(), res.end('abc')),
    'no chunk at all': (res) => res.end(),
  }
  for (const [name, answer] of Object.entries(forms)) {
    test(`is captured byte for byte: ${name}`, async () => {
      const { reply, body, heads } = await run((_req, res) => answer(res))
      expect(body).toBe(reply.body.toString('latin1'))
      expect(heads).toHaveLength(1)
    })
  }

  test('is copied: the handler may use its memory again', async () => {
    const { reply, body } = await run((_req, res) => {
      const chunk = Buffer.from('abc')
      res.write(chunk, () => {
        chunk.fill('x')
        res.end()
      })
    })
    expect([reply.text, body]).toEqual(['abc', 'abc'])
  })

  test('is known as a whole before anything leaves, where one call gives it', async () => {
    expect((await run((_req, res) => res.end('abc'))).wholes).toEqual(['abc'])
    expect((await run((_req, res) => (res.write('abc'), res.end()))).wholes).toEqual([undefined])
    expect((await run((_req, res) => res.writeHead(200).end('abc'))).wholes).toEqual([undefined])
  })

  test('of a 204 is none, whatever was written', async () => {
    expect(await run((_req, res) => ((res.statusCode = 204), res.end('abc')))).toMatchObject({ body: '', reply: { text: '' } })
  })

  test('past the bound goes through whole and is not kept', async () => {
    const { reply, why } = await run(
      (_req, res) => (res.write('x'.repeat(60)), res.end('y'.repeat(60))),
      () => ({ maxBodyBytes: 100 }),
    )
    expect([reply.body.length, why]).toEqual([120, 'body too large'])
  })
})

describe('the head', () => {
  const forms: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    setHeader: (res) => (res.setHeader('X-A', '1'), res.setHeader('X-B', ['2', '3']), (res.statusCode = 201)),
    'writeHead(status, fields)': (res) => res.writeHead(201, { 'X-A': '1', 'X-B': ['2', '3'] }),
    'writeHead(status, message, fields)': (res) => res.writeHead(201, 'Made', { 'X-A': '1', 'X-B': ['2', '3'] }),
    'writeHead(status, undefined, fields)': (res) => res.writeHead(201, undefined, { 'X-A': '1', 'X-B': ['2', '3'] }),
    'writeHead(status, flat list)': (res) => res.writeHead(201, ['X-A', '1', 'X-B', '2', 'X-B', '3']),
    'writeHead(status, list of pairs)': (res) =>
      res.writeHead(201, [
        ['X-A', '1'],
        ['X-B', '2'],
        ['X-B', '3'],
      ] as never),
    'writeHead over setHeader': (res) => (res.setHeader('X-A', '0'), res.setHeader('X-B', ['2', '3']), res.writeHead(201, { 'X-A': '1' })),
    appendHeader: (res) => (res.setHeader('X-A', '1'), res.appendHeader('X-B', '2'), res.appendHeader('X-B', '3'), (res.statusCode = 201)),
  }
  for (const [name, answer] of Object.entries(forms)) {
    test(`is captured as it leaves: ${name}`, async () => {
      const { reply, heads } = await run((_req, res) => (answer(res), res.end('abc')))
      expect(reply).toMatchObject({ status: 201, headers: { 'x-a': '1', 'x-b': '2, 3' }, text: 'abc' })
      expect(heads).toMatchObject([{ status: 201, fields: { 'x-a': '1', 'x-b': ['2', '3'] } }])
      expect(heads[0]!.spelling.get('x-a')).toBe('X-A')
    })
  }

  test('keeps its message', async () => {
    const { reply, heads } = await run((_req, res) => res.writeHead(200, 'Fine').end('abc'))
    expect([reply.message, heads[0]!.statusMessage]).toEqual(['Fine', 'Fine'])
  })

  test('may be changed before it leaves, also where writeHead gave it', async () => {
    const change: OptionsFor = (res) => ({
      onHead() {
        res.setHeader('X-A', '2')
        res.setHeader('X-Cache', 'miss')
        return { keep: true, notModified: false }
      },
    })
    const { reply } = await run((_req, res) => res.writeHead(200, { 'X-A': '1' }).end('abc'), change)
    expect(reply.headers).toMatchObject({ 'x-a': '2', 'x-cache': 'miss' })
  })

  test('that is refused is refused where the handler hears it, and the next one counts', async () => {
    const { reply, heads } = await run((_req, res) => {
      expect(() => res.writeHead(99)).toThrow(RangeError)
      expect(() => res.writeHead(200, { 'X-A': 'a\nb' })).toThrow(/Invalid character/)
      expect(() => res.end({} as never)).toThrow(TypeError)
      res.statusCode = 500
      res.end('sorry')
    })
    expect(reply.status).toBe(500)
    expect(heads.map((head) => head.status)).toEqual([500])
  })
})

describe('an answer that Node.js refuses when its head is known', () => {
  const refused: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    'by its message, in write': (res) => ((res.statusMessage = 'a\nb'), res.write('a')),
    'by its message, in end': (res) => ((res.statusMessage = 'a\nb'), res.end('a')),
    'by its message, in flushHeaders': (res) => ((res.statusMessage = 'a\nb'), res.flushHeaders()),
  }
  for (const [name, answer] of Object.entries(refused)) {
    test(`is not kept, and neither is what is answered then: ${name}`, async () => {
      const { reply, why } = await run((_req, res) => {
        expect(() => answer(res)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHAR' }))
        res.statusMessage = 'Sorry'
        res.statusCode = 500
        res.end('b')
      })
      expect([reply.status, reply.text, why]).toEqual([500, 'b', 'broken'])
    })
  }

  test('by its source, that breaks under a pipe, is not kept, and not waited for', async () => {
    await using it = await capturing((_req, res) => {
      const source = new Readable({ read() {} })
      source.on('error', () => {})
      source.push('half')
      source.pipe(res)
      setImmediate(() => source.destroy(new Error('disk')))
    })
    const req = begin(it.port, '/')
    expect(await it.captured).toEqual({ why: 'broken', isAborted: true })
    req.destroy()
  })
})

describe('a response on its way', () => {
  test('has its first byte sent at once, and its source feels the reader', async () => {
    const gate = newGate()
    const flowing: boolean[] = []
    await using it = await capturing(async (_req, res) => {
      flowing.push(res.write('a'))
      await gate.wait()
      flowing.push(res.write(Buffer.alloc(900_000)))
      if (!flowing[1]) await once(res, 'drain')
      res.end('z')
    })
    const res = await response(begin(it.port, '/'))
    const [first] = (await once(res, 'data')) as [Buffer]
    expect(first.toString()).toBe('a')
    gate.open()
    expect((await read(res)).body.length).toBe(900_001)
    expect(flowing).toEqual([true, false])
    expect(bodyOf(await it.captured)).toHaveLength(900_002)
  })

  test('that the client breaks off is not kept, and may be tried again', async () => {
    const gate = newGate()
    await using it = await capturing(async (_req, res) => {
      res.write('a')
      await gate.wait()
    })
    const req = begin(it.port, '/')
    await response(req)
    req.destroy()
    expect(await it.captured).toEqual({ why: 'aborted', isAborted: true })
    gate.open()
  })

  test('that the client breaks off before the first byte is not kept, though the handler goes on', async () => {
    const gate = newGate()
    let over = 0
    await using it = await capturing(
      async (_req, res) => {
        await gate.wait()
        res.end('early')
      },
      () => ({ onOver: () => void over++ }),
    )
    const req = begin(it.port, '/')
    await gate.reached()
    req.destroy()
    expect(await it.captured).toEqual({ why: 'aborted', isAborted: true })
    expect(over).toBe(1)
    gate.open()
  })

  test('that the handler destroys is not kept', async () => {
    await using it = await capturing((_req, res) => (res.write('a'), res.destroy()))
    await expect(ask(it.port, '/')).rejects.toThrow(/aborted|hang up/)
    expect((await it.captured).why).toBe('aborted')
  })

  test('that its handler ends after it has destroyed it is not kept', async () => {
    await using it = await capturing((_req, res) => (res.destroy(), res.end('abc')))
    await expect(ask(it.port, '/')).rejects.toThrow(/hang up/)
    expect((await it.captured).why).toBe('aborted')
  })

  test('that comes by and by is not waited for past its patience, and reaches its client whole', async () => {
    const gate = newGate()
    await using it = await capturing(
      async (_req, res) => {
        res.write('a')
        await gate.wait()
        res.end('b')
      },
      () => ({ patience: 1 }),
    )
    const reply = ask(it.port, '/')
    expect(await it.captured).toEqual({ why: 'slow', isAborted: false })
    gate.open()
    expect((await reply).text).toBe('ab')
  })

  test('with trailers goes through with them and is not kept', async () => {
    const { reply, why } = await run((_req, res) => {
      res.writeHead(200, { Trailer: 'X-Sum' })
      res.write('abc')
      res.addTrailers({ 'X-Sum': '6' })
      res.end()
    })
    expect([reply.text, reply.trailers, why]).toEqual(['abc', { 'x-sum': '6' }, 'trailers'])
  })

  test('that is refused by its head is let go at once', async () => {
    const gate = newGate()
    const refuse: OptionsFor = () => ({ onHead: () => ({ keep: false, notModified: false }) })
    await using it = await capturing(async (_req, res) => {
      res.write('a')
      await gate.wait()
      res.end('b')
    }, refuse)
    const reply = ask(it.port, '/')
    expect(await it.captured).toMatchObject({ why: 'refused' })
    gate.open()
    expect((await reply).text).toBe('ab')
  })

  test('whose head left behind its back is not kept', async () => {
    const captures: Promise<Captured>[] = []
    await using server = await serve((_req, res) => {
      const behind = res.writeHead.bind(res)
      captures.push(
        capture(res, {
          maxBodyBytes: 10,
          patience: 10_000,
          onHead: () => ({ keep: true, notModified: false }),
          onChanged() {},
          send: (work) => work(),
          pause: () => () => {},
          onOver() {},
        }),
      )
      behind(200)
      res.end('abc')
    })
    expect((await ask(server.port, '/')).text).toBe('abc')
    expect(await Promise.all(captures)).toEqual([{ why: 'head unseen', isAborted: false }])
  })

  test('is over for its handler when the last chunk is handed over, before outer layers see it', async () => {
    const order: string[] = []
    await run(
      (_req, res) => {
        res.write('a')
        res.end('b')
        order.push('handler')
      },
      () => ({
        onOver: () => void order.push('over'),
        send(work) {
          order.push('send')
          return work()
        },
      }),
    )
    expect(order.filter((it, at) => it !== order[at - 1])).toEqual(['send', 'over', 'send', 'handler'])
  })
})

/** As a layer may have it that takes a chunk and an encoding, and nothing else. */
function takeNoCallback(res: ServerResponse): void {
  const { end } = res
  res.end = (chunk?: unknown, encoding?: unknown) => {
    if (typeof chunk === 'function') throw new TypeError('Expected a chunk.')
    return Reflect.apply(end, res, [chunk, encoding]) as ServerResponse
  }
}

describe('a 304 in place of the answer', () => {
  const notModified: OptionsFor = () => ({ onHead: () => ({ keep: true, notModified: true }) })
  const forms: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    'one call': (res) => res.end('abc'),
    'a stream': (res) => res.write('ab', () => res.end('c')),
    writeHead: (res) => res.writeHead(200, 'Fine', { 'Content-Length': 3 }).end('abc'),
    'a pipe': (res) => Readable.from(['a', 'bc']).pipe(res),
  }
  test('is given to outer layers as a chunk is, and calls back who waits for its end', async () => {
    const called: string[] = []
    const { reply, body } = await run(
      (_req, res) => res.end('abc', () => called.push('end')),
      (res) => (takeNoCallback(res), notModified(res)),
    )
    expect([reply.status, body, called]).toEqual([304, 'abc', ['end']])
  })

  for (const [name, answer] of Object.entries(forms)) {
    test(`has no content, and the content is kept: ${name}`, async () => {
      const { reply, body } = await run((_req, res) => {
        res.setHeader('Content-Type', 'text/plain')
        res.setHeader('ETag', '"1"')
        answer(res)
      }, notModified)
      expect(reply).toMatchObject({ status: 304, message: 'Not Modified', text: '' })
      expect(reply.headers).toMatchObject({ etag: '"1"' })
      expect(reply.headers['content-type'] ?? reply.headers['content-length']).toBeUndefined()
      expect(body).toBe('abc')
    })
  }
})
