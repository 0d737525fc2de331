import { ServerResponse } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import type { Head } from '../../middleware/http/head.ts'
import { dress, replay, type DressOptions, type ReplayOptions, type ReplayRequest } from '../../middleware/http/replay.ts'
import type { StoredResponse } from '../../middleware/http/stored-response.ts'
import { ask, serve, type Reply } from '../support/http.ts'

const stored: StoredResponse = {
  status: 200,
  statusMessage: '',
  fields: [
    ['Content-Type', 'text/plain'],
    ['ETag', 'W/"1"'],
    ['Date', 'Mon, 01 Jan 2024 00:00:00 GMT'],
    ['Link', ['<a>', '<b>']],
  ],
  removed: [],
  body: Buffer.from('abc'),
}

/** What a client gets of a stored response, on top of what outer layers have set. */
async function replayed(
  response: Partial<StoredResponse>,
  request: Partial<ReplayRequest> = {},
  options: Partial<ReplayOptions> = {},
  outer: (res: ServerResponse) => void = () => {},
): Promise<Reply> {
  await using server = await serve((req, res) => {
    outer(res)
    replay(res, { ...stored, ...response }, { method: req.method ?? 'GET', fields: {}, ...request }, { age: 0, now: Date.now, ...options })
  })
  return await ask(server.port, '/', { method: request.method ?? 'GET' })
}

describe('a stored response', () => {
  test('is its status, message, fields and bytes', async () => {
    const reply = await replayed({ status: 203, statusMessage: 'Fine' })
    expect(reply).toMatchObject({ status: 203, message: 'Fine', text: 'abc' })
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain',
      etag: 'W/"1"',
      date: 'Mon, 01 Jan 2024 00:00:00 GMT',
      link: '<a>, <b>',
      age: '0',
      'content-length': '3',
    })
  })

  const reasons: readonly [what: string, response: Partial<StoredResponse>, layers: string, reason: string][] = [
    ['its own', { statusMessage: 'Fine' }, '', 'Fine'],
    ['that of its status', { status: 203 }, '', 'Non-Authoritative Information'],
    ['"unknown" for a status that has none', { status: 299 }, '', 'unknown'],
    ['that of a layer around it', {}, 'As you wish', 'As you wish'],
  ]
  for (const [what, response, layers, reason] of reasons) {
    test(`has the reason that Node.js gives it, also where its length is known: ${what}`, async () => {
      for (const fields of [stored.fields, [...stored.fields, ['Content-Length', '3'] as const]]) {
        const reply = await replayed({ fields, ...response }, {}, {}, (res) => void (layers && (res.statusMessage = layers)))
        expect(reply).toMatchObject({ message: reason, text: 'abc' })
      }
    })
  }

  test('comes whole to a layer around `end`, before its head has left', async () => {
    const met: unknown[] = []
    const reply = await replayed({ fields: [...stored.fields, ['Content-Length', '3']] }, {}, {}, (res) => {
      const end = res.end.bind(res) as (chunk: unknown) => ServerResponse
      res.end = (chunk?: unknown) => {
        met.push(res.headersSent, String(chunk))
        return end(chunk)
      }
    })
    expect(met).toEqual([false, 'abc'])
    expect(reply).toMatchObject({ status: 200, text: 'abc' })
  })

  test('comes so to an agent too that stood around `end` before all else was loaded', async () => {
    const { prototype } = ServerResponse
    const { end } = prototype
    let early: { replay: typeof replay }
    prototype.end = function (this: ServerResponse, ...args: unknown[]) {
      this.setHeader('X-Agent', '1')
      return Reflect.apply(end, this, args) as ServerResponse
    }
    try {
      vi.resetModules()
      early = await import('../../middleware/http/replay.ts')
      await using server = await serve((_req, res) =>
        early.replay(
          res,
          { ...stored, fields: [...stored.fields, ['Content-Length', '3']] },
          { method: 'GET', fields: {} },
          { age: 0, now: Date.now },
        ),
      )
      expect(await ask(server.port, '/')).toMatchObject({ status: 200, text: 'abc', headers: { 'x-agent': '1' } })
    } finally {
      prototype.end = end
    }
  })

  test('has the status that a layer makes of it, and passes one that stands where Node.js makes the head', async () => {
    const fields = [...stored.fields, ['Content-Length', '3'] as const]
    const reply = await replayed({ status: 404, fields }, {}, {}, (res) => {
      let status = 200
      Object.defineProperty(res, 'statusCode', { get: () => (status === 404 ? 200 : status), set: (next: number) => void (status = next) })
    })
    expect(reply.status).toBe(200)
    const { headers } = await replayed({ fields }, {}, {}, (given) => {
      const res = given as ServerResponse & { _implicitHeader(): void }
      const make = res._implicitHeader.bind(res)
      res._implicitHeader = () => (res.setHeader('X-Head', '1'), make())
    })
    expect(headers).toMatchObject({ 'x-head': '1' })
  })

  test('passes a layer around `setHeader` that takes itself away once', async () => {
    const { headers } = await replayed({}, {}, {}, (res) => {
      const set = res.setHeader.bind(res)
      res.setHeader = (name, value) => {
        res.setHeader = set
        res.appendHeader('X-Once', '1')
        return set(name, value)
      }
    })
    expect(headers).toMatchObject({ 'x-once': '1', etag: 'W/"1"' })
  })

  test('has its length, whether its handler said it or not', async () => {
    for (const fields of [stored.fields, [...stored.fields, ['Content-Length', '3'] as const]]) {
      const { headers } = await replayed({ fields })
      expect(headers).toMatchObject({ 'content-length': '3' })
      expect(headers).not.toHaveProperty('transfer-encoding')
    }
  })

  test('says its age in whole seconds, with what it had when it came', async () => {
    expect((await replayed({}, {}, { age: 1_999 })).headers).toMatchObject({ age: '1' })
    expect((await replayed({ fields: [['Age', '10']] }, {}, { age: 1_999 })).headers).toMatchObject({ age: '11' })
    expect((await replayed({ fields: [['Age', 'old']] }, {}, { age: -5 })).headers).toMatchObject({ age: '0' })
  })

  test('takes away what its handler took away, and leaves the rest to outer layers', async () => {
    const reply = await replayed(
      { removed: ['x-taken'] },
      {},
      {},
      (res) => (res.setHeader('X-Taken', '1'), res.setHeader('X-Outer', '1'), res.setHeader('Content-Type', 'text/html')),
    )
    expect([reply.headers['x-taken'], reply.headers['x-outer'], reply.headers['content-type']]).toEqual([undefined, '1', 'text/plain'])
  })

  test('varies by what it did and by what outer layers vary by today', async () => {
    expect((await replayed({ fields: [['Vary', 'Accept']] }, {}, {}, (res) => res.setHeader('Vary', 'Origin'))).headers).toMatchObject({
      vary: 'Origin, Accept',
    })
  })

  test('has no field of one connection, no cookie, and none that would be two', async () => {
    const reply = await replayed({
      fields: [
        ['Connection', 'x-a'],
        ['Keep-Alive', 'timeout=1'],
        ['Set-Cookie', 'sid=1'],
        ['Transfer-Encoding', 'chunked'],
        ['X-Split', 'a\r\nSet-Cookie: sid=1'],
        ['X Space', 'a'],
        ['X-Ok', 'a'],
      ],
    })
    expect(reply).toMatchObject({ text: 'abc', headers: { 'x-ok': 'a' } })
    for (const name of ['set-cookie', 'x-split', 'x space', 'transfer-encoding'])
      expect([name, reply.headers[name]]).toEqual([name, undefined])
  })

  test('is a 304 for who has it, with the fields that belong on one', async () => {
    const reply = await replayed({}, { fields: { 'if-none-match': '"1"' } })
    expect(reply).toMatchObject({
      status: 304,
      message: 'Not Modified',
      text: '',
      headers: { etag: 'W/"1"', date: 'Mon, 01 Jan 2024 00:00:00 GMT', age: '0' },
    })
    expect([reply.headers['content-type'], reply.headers['content-length']]).toEqual([undefined, undefined])
  })

  test('has for a HEAD the length of what a GET gets', async () => {
    expect(await replayed({}, { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': '3', 'content-type': 'text/plain' },
    })
    expect((await replayed({ status: 204, body: Buffer.alloc(0) }, { method: 'HEAD' })).headers['content-length']).toBeUndefined()
  })

  test('says what the cache did behind what others said', async () => {
    const outcome = { hit: true, freshFor: 1_000 } as const
    expect((await replayed({ fields: [['Cache-Status', 'Origin; hit']] }, {}, { outcome })).headers).toMatchObject({
      'cache-status': 'Origin; hit, CacheAlchemy;hit;ttl=1',
    })
    expect((await replayed({}, {}, { outcome })).headers).toMatchObject({ 'cache-status': 'CacheAlchemy;hit;ttl=1' })
    expect((await replayed({}, {}, {})).headers['cache-status']).toBeUndefined()
  })
})

describe('what a cached route says besides its handler', () => {
  const now = Date.parse('Mon, 01 Jan 2024 00:00:00 GMT')
  const dressed = (
    fields: Record<string, string | string[]>,
    options: Partial<DressOptions> = {},
    status = 200,
  ): Readonly<Record<string, string>> => {
    const head: Head = { status, statusMessage: '', fields, spelling: new Map() }
    return dress(head, Buffer.from('abc'), { keyed: [], partitioned: false, mayStore: true, sendsDate: true, now, ...options })
  }
  const date = 'Mon, 01 Jan 2024 00:00:00 GMT'

  test('is to ask again, by a weak tag', () => {
    expect(dressed({})).toEqual({ 'Cache-Control': 'no-cache', ETag: expect.stringMatching(/^W\/"3-/) as string, Date: date })
    expect(dressed({}, { sendsDate: false })['Date']).toBeUndefined()
    expect(dressed({ date })['Date']).toBeUndefined()
  })

  test('is nothing where the handler has said it', () => {
    expect(dressed({ 'cache-control': 'max-age=5', etag: '"mine"' })).toEqual({ Date: date })
    expect(dressed({ expires: date, etag: '"mine"' })).toEqual({ Date: date })
  })

  test('is no tag for what streams, or is no 200', () => {
    const head: Head = { status: 200, statusMessage: '', fields: {}, spelling: new Map() }
    expect(dress(head, undefined, { keyed: [], partitioned: false, mayStore: true, sendsDate: true, now })['ETag']).toBeUndefined()
    expect(dressed({}, {}, 404)['ETag']).toBeUndefined()
  })

  test('is nothing where it is not stored, but what it varies by and whose it is', () => {
    expect(dressed({}, { mayStore: false })).toEqual({})
    expect(dressed({}, { mayStore: false, keyed: ['accept'], partitioned: true })).toEqual({ 'Cache-Control': 'private', Vary: 'accept' })
  })

  test('is that it varies by the fields of the key', () => {
    expect(dressed({ vary: 'Origin' }, { keyed: ['accept', 'origin'] })['Vary']).toBe('Origin, accept')
    expect(dressed({ vary: '*' }, { keyed: ['accept'] })['Vary']).toBe('*')
  })

  test('is that it is its owner’s alone', () => {
    const privately = (control: string): string | undefined => dressed({ 'cache-control': control }, { partitioned: true })['Cache-Control']
    expect(dressed({}, { partitioned: true })['Cache-Control']).toBe('private, no-cache')
    expect(dressed({ expires: date }, { partitioned: true })['Cache-Control']).toBe('private')
    expect(privately('max-age=60')).toBe('private, max-age=60')
    expect(privately('public, max-age=60, S-MaxAge=90')).toBe('private, max-age=60')
    expect(privately('PRIVATE, max-age=60')).toBe('PRIVATE, max-age=60')
    expect(privately('no-store')).toBe('no-store')
    // RFC 9111 §5.2.2.7, §5.2.2.3: what would leave others the rest of it, or all of it.
    expect(privately('private="x-a", max-age=60')).toBe('private, max-age=60')
    expect(privately('private="x-a", private')).toBe('private, private')
    expect(privately('max-age=60; private')).toBe('private, max-age=60; private')
    expect(privately('no-store, must-understand')).toBe('private, no-store, must-understand')
  })
})
