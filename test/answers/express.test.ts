// Every way to answer in Express, 4 and 5: without a cache, the first time, as a hit, and held until a write is cleared.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PassThrough, pipeline, Readable } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import express5, { type Express, type Response } from 'express'
import { describe, expect, test } from 'vitest'
import { cached, front, invalidates } from '../../middleware/express.ts'
import { openCache } from '../../src/cache.ts'
import { engineOf } from '../../src/door.ts'
import { HIT, newWarnings, statusOf } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { ask, begin, serve, type Reply } from '../support/http.ts'
import { seenOf } from './same.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5
const file = join(import.meta.dirname, '..', 'support', 'clock.ts')

type Way = (res: Response) => unknown
type Ways = Readonly<Record<string, Way>>

const sends: Ways = {
  'send(text)': (res) => res.send('é'),
  'send(bytes)': (res) => res.type('png').send(Buffer.from([1, 2, 255])),
  'send(object)': (res) => res.send({ a: 'é' }),
  'send(list)': (res) => res.send([1, null]),
  'send(null)': (res) => res.send(null),
  'send(undefined)': (res) => res.send(undefined),
  'send(true)': (res) => res.send(true),
  'send("")': (res) => res.send(''),
  'send(Uint8Array)': (res) => res.send(new Uint8Array([1, 2])),
  'status(201).send': (res) => res.status(201).set('Cache-Control', 'max-age=60').send('made'),
  json: (res) => res.json({ a: 1 }),
  'json(null)': (res) => res.json(null),
  jsonp: (res) => res.jsonp({ a: 1 }),
  'sendStatus(200)': (res) => res.sendStatus(200),
  'sendStatus(204)': (res) => res.sendStatus(204),
  'status(200).end()': (res) => res.status(200).end(),
  'status(204).end()': (res) => res.status(204).end(),
  'status(404).send, with a lifetime': (res) => res.status(404).set('Cache-Control', 'max-age=60').send('none'),
  'redirect(301, url)': (res) => res.redirect(301, '/b'),
  'redirect(308, url)': (res) => res.redirect(308, '/b'),
  'redirect(url), with a lifetime': (res) => res.set('Cache-Control', 'max-age=60').redirect('/b'),
  'location and links': (res) => res.status(200).location('/c').links({ next: '/d' }).send('a'),
  'type, attachment and append': (res) => res.type('html').attachment('é.txt').append('X-A', '1').append('X-A', ['2', '3']).send('<p>'),
  format: (res) => res.format({ text: () => res.send('a'), json: () => res.json({}) }),
  sendFile: (res) => res.sendFile(file, { maxAge: 60_000 }),
  'sendFile with fields': (res) => res.sendFile(file, { maxAge: 60_000, headers: { 'X-A': '1' }, lastModified: false, etag: false }),
  'sendFile without Accept-Ranges': (res) => res.sendFile(file, { maxAge: 60_000, acceptRanges: false }),
  download: (res) => res.download(file, 'a.ts', { maxAge: 60_000 } as never, () => {}),
  render: (res) => res.render('view', { film: 'Alien' }),
}

const writes: Ways = {
  'end()': (res) => res.end(),
  'end(callback)': (res) => res.end(() => {}),
  'end(null)': (res) => res.end(null),
  'end(text)': (res) => res.end('abc'),
  'end(text, callback)': (res) => res.end('abc', () => {}),
  'end(text, encoding, callback)': (res) => res.end('YWJj', 'base64', () => {}),
  'end("")': (res) => res.end(''),
  'write, end(callback)': (res) => (res.write('a'), res.end(() => {})),
  'write(text, callback), end(text)': (res) => (res.write('a', () => {}), res.end('b')),
  'write(text, encoding, callback)': (res) => (res.write('6162', 'hex', () => {}), res.end()),
  'write("")': (res) => (res.write(''), res.end('a')),
  'write(empty bytes)': (res) => (res.write(Buffer.alloc(0)), res.end('a')),
  'write(Uint8Array)': (res) => (res.write(new Uint8Array([0, 255])), res.end(new Uint8Array([1]))),
  'a view of a larger buffer': (res) => (res.write(new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)), res.end()),
  'bytes that are used again': (res) => {
    const chunk = Buffer.from('abc')
    res.write(chunk, () => (chunk.fill('x'), res.end(chunk, () => chunk.fill('y'))))
  },
  'cork and uncork': (res) => (res.cork(), res.write('a'), res.write('b'), res.uncork(), res.end('c')),
  'end twice': (res) => (res.end('a'), res.end()),
  'write after end': (res) => (res.on('error', () => {}), res.end('a'), res.write('b', () => {})),
  '204 with content': (res) => (res.status(204), res.write('a'), res.end('b')),
}
const ENCODINGS: Readonly<Record<string, readonly [BufferEncoding, string, string]>> = {
  utf8: ['utf8', 'aé', '€'],
  'utf8, in capitals': ['UTF-8' as BufferEncoding, 'aé', '€'],
  utf16le: ['utf16le', 'aé', '€'],
  ucs2: ['ucs2', 'aé', '€'],
  latin1: ['latin1', 'aé', '€'],
  binary: ['binary', 'aé', 'ÿ'],
  base64: ['base64', 'YWI=', 'Yw=='],
  base64url: ['base64url', 'YWI', '_-8'],
  hex: ['hex', '61ff', '00'],
  ascii: ['ascii', 'a', 'bc'],
}
const encodings: Ways = Object.fromEntries(
  Object.entries(ENCODINGS).map(([name, [encoding, first, last]]) => [
    name,
    (res: Response) => (res.write(first, encoding), res.end(last, encoding)),
  ]),
)

const streams: Ways = {
  pipe: (res) => Readable.from([Buffer.from('a'), 'bé']).pipe(res),
  'pipe of a file': (res) => createReadStream(file).pipe(res),
  'pipe of nothing': (res) => Readable.from([]).pipe(res),
  'pipe, end: false': (res) => {
    const source = Readable.from(['a'])
    source.pipe(res, { end: false })
    source.on('end', () => res.end('z'))
  },
  'pipe through another': (res) => createReadStream(file).pipe(new PassThrough()).pipe(res),
  pipeline: (res) => pipeline(Readable.from(['a', 'b']), res, () => {}),
  'pipeline, awaited': (res) => piped(Readable.from(['a', 'b']), res),
  'pipeline of a file with a length': (res) => {
    res.set('Content-Length', '3')
    return piped(Readable.from(['abc']), res)
  },
  'for await': async (res) => {
    for await (const chunk of Readable.from(['a', 'b'])) res.write(chunk)
    res.end()
  },
}

const heads: Ways = {
  'implicit, by setHeader': (res) => (
    res.setHeader('x-LOWER', '1'),
    res.setHeader('X-List', ['1', '2']),
    res.setHeader('X-N', 3),
    res.end('a')
  ),
  // As long as clients take it: past that an answer is none for them, cached or not.
  'a long field': (res) => (res.setHeader('X-Long', 'a'.repeat(12_000)), res.end('a')),
  'many fields': (res) => {
    for (let at = 0; at < 500; at++) res.setHeader(`X-${at}`, String(at))
    res.end('a')
  },
  'writeHead(status)': (res) => res.writeHead(203).end('a'),
  'writeHead(status, message)': (res) => res.writeHead(200, 'Fine').end('a'),
  'writeHead(status, fields)': (res) => res.writeHead(200, { 'X-A': '1', 'X-List': ['1', '2'] }).end('a'),
  'writeHead(status, message, fields)': (res) => res.writeHead(200, 'Fine', { 'X-A': 1 }).end('a'),
  'writeHead(status, flat list)': (res) => res.writeHead(200, ['X-A', '1', 'X-B', '2']).end('a'),
  'writeHead(status, message, flat list)': (res) => res.writeHead(200, 'Fine', ['X-A', '1', 'X-B', '2']).end('a'),
  'writeHead over setHeader': (res) => (
    res.setHeader('X-A', '0'),
    res.setHeader('X-B', '1'),
    res.writeHead(200, { 'x-a': '2' }),
    res.end('a')
  ),
  'writeHead with a length': (res) => res.writeHead(200, { 'Content-Length': 3, 'Content-Type': 'text/plain' }).end('abc'),
  'writeHead, then write': (res) => (res.writeHead(200, { 'X-A': '1' }), res.write('a'), res.end('b')),
  statusMessage: (res) => ((res.statusMessage = 'Fine'), res.end('a')),
  'statusMessage of another status': (res) => (
    res.status(404).set('Cache-Control', 'max-age=60'),
    (res.statusMessage = 'No such film'),
    res.end('a')
  ),
  appendHeader: (res) => (res.appendHeader('X-A', '1'), res.appendHeader('X-A', ['2', '3']), res.end('a')),
  'setHeaders(Map)': (res) => (
    res.setHeaders(
      new Map<string, string | string[]>([
        ['X-A', '1'],
        ['X-B', ['2', '3']],
      ]),
    ),
    res.end('a')
  ),
  'setHeaders(Headers)': (res) => (res.setHeaders(new Headers({ 'X-A': '1' })), res.end('a')),
  'flushHeaders, then end': (res) => (res.set('X-A', '1'), res.flushHeaders(), res.end('a')),
  'flushHeaders, then write': (res) => (res.flushHeaders(), res.write('a'), res.end('b')),
  removeHeader: (res) => (res.removeHeader('X-Powered-By'), res.set('X-A', '1'), res.removeHeader('x-a'), res.end('a')),
  'setHeader too late': (res) => {
    res.write('a')
    expect(() => res.setHeader('X-Late', '1')).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
    expect(() => res.writeHead(500)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
    res.statusCode = 500
    res.end('b')
  },
  'a head that is refused, then another': (res) => {
    expect(() => res.writeHead(99)).toThrow(RangeError)
    expect(() => res.writeHead(200, ['X-A'])).toThrow(TypeError)
    expect(() => res.writeHead(200, 'a\nb')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CHAR' }))
    res.statusMessage = ''
    res.writeHead(200, { 'X-A': '1' }).end('a')
  },
  'a length that is strict': (res) => ((res.strictContentLength = true), res.writeHead(200, { 'Content-Length': 3 }), res.end('abc')),
  'a date of its own': (res) => (
    res.set('Date', 'Mon, 01 Jan 2024 00:00:00 GMT'),
    res.set('Cache-Control', 'max-age=9999999999'),
    res.end('a')
  ),
  'continue, processing and early hints': (res) => {
    res.writeContinue()
    res.writeProcessing()
    res.writeEarlyHints({ link: '</a.css>; rel=preload' })
    res.end('a')
  },
}

const groups: Readonly<Record<string, Ways>> = { sends, writes, encodings, streams, heads }

for (const [name, express] of [
  ['Express 4', express4],
  ['Express 5', express5],
] as const) {
  function newApp(): Express {
    const app = express().set('env', 'test')
    class View {
      readonly path = 'view'
      render(data: unknown, done: (error: null, html: string) => void): void {
        done(null, `<b>${(data as { film: string }).film}</b>`)
      }
    }
    return app.set('view', View)
  }

  async function plainly(way: Way, method = 'GET'): Promise<Reply> {
    const app = newApp()
    app.all('/', (_req, res) => void way(res))
    await using server = await serve(app)
    return await ask(server.port, '/', { method })
  }

  /** The first answer, its hit, and what is told who has the hit already. */
  async function thrice(way: Way, isFronted: boolean): Promise<[Reply, Reply, Reply]> {
    const cache = openCache({ redis: false }, newClock().now)
    const warnings = newWarnings('FRONT')
    const app = newApp()
    let entered = 0
    app.use((_req, _res, next) => (entered++, next()))
    app.get('/', cached(cache, { front: isFronted }), (_req, res) => void way(res))
    await using server = await serve(isFronted ? front(cache, app) : app)
    const first = await ask(server.port, '/')
    // What streams is kept in front with its tag, which its first hit has.
    if (isFronted) await ask(server.port, '/')
    const before = entered
    const hit = await ask(server.port, '/')
    const again = await ask(server.port, '/', { headers: { 'if-none-match': hit.headers['etag'] ?? '-' } })
    warnings.stop()
    expect(warnings.texts).toEqual([])
    expect(entered - before).toBe(isFronted ? 0 : 2)
    await cache.close()
    return [first, hit, again]
  }

  describe.each(express === express5 ? [false, true] : [false])(
    `${name}: an answer and its hit are what they are without a cache, in front: %s`,
    (isFronted) => {
      for (const [group, ways] of Object.entries(groups)) {
        describe(group, () => {
          test.each(Object.entries(ways))('%s', async (_, way) => {
            const plain = await plainly(way)
            const [first, hit, again] = await thrice(way, isFronted)
            expect(seenOf(first, plain)).toEqual(seenOf(plain, plain))
            expect(seenOf(hit, plain)).toEqual(seenOf(plain, plain))
            expect([statusOf(hit), hit.headers['date']]).toEqual([HIT, first.headers['date']])
            expect(again.status).toBe(plain.status === 200 ? 304 : plain.status)
          })
        })
      }
    },
  )

  /** An application whose POST writes, and what it cleared. */
  async function writing(handler: (res: Response) => unknown) {
    const cache = openCache({ redis: false }, newClock().now)
    const target = cache.memoize(async () => 1, { name: 'target' })
    const clears: string[] = []
    const cleared = newGate()
    cleared.open()
    const engine = engineOf(cache)
    const record = engine.record.bind(engine)
    engine.record = async (kind, refsOf) => {
      // As slow as a store that takes its time to acknowledge.
      await new Promise(setImmediate)
      await record(kind, refsOf)
      clears.push(kind)
      await cleared.wait()
    }
    const app = newApp()
    app.post('/', invalidates(target), (_req, res) => void handler(res))
    const server = await serve(app)
    const end = async (): Promise<void> => {
      await server.close()
      await cache.close()
    }
    return { port: server.port, clears, cleared, [Symbol.asyncDispose]: end }
  }

  for (const [group, ways] of Object.entries(groups)) {
    describe(`${name}: an answer that a clear precedes: ${group}`, () => {
      test.each(Object.entries(ways))('is what it is without: %s', async (_, way) => {
        const plain = await plainly(way, 'POST')
        await using it = await writing(way)
        const reply = await ask(it.port, '/', { method: 'POST' })
        expect(seenOf(reply, plain)).toEqual(seenOf(plain, plain))
        expect(it.clears).toEqual(plain.status < 400 ? ['clear'] : [])
      })

      const successes = Object.entries(ways).filter(([, way]) => !/404|40\d/.test(String(way)))
      test.each(successes)('is cleared for where its client has gone: %s', async (_, way) => {
        const entered = newGate()
        await using it = await writing(async (res) => {
          const gone = once(res, 'close')
          await entered.wait()
          await gone
          res.on('error', () => {})
          try {
            await way(res)
          } catch {
            // Nobody is told.
          }
        })
        const req = begin(it.port, '/', { method: 'POST' })
        await entered.reached()
        entered.open()
        req.destroy()
        await it.cleared.reached()
        // On a busy machine it is cleared for a second after its client went, and again when its handler answers.
        expect(new Set(it.clears)).toEqual(new Set(['clear']))
      })
    })
  }
}
