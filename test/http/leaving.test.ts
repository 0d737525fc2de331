// How a response is seen from outside all layers: its head and its body as they leave, and nothing of what is less than that.
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { Head } from '../../middleware/http/head.ts'
import { watchLeaving } from '../../middleware/http/leaving.ts'
import { ask, serve, type Reply } from '../support/http.ts'

interface Seen {
  readonly heads: Head[]
  readonly bodies: string[]
  reply: Reply | undefined
}

/** What is seen of an answer that is given in some way, and what its client gets. */
async function seenOf(
  answer: (res: ServerResponse) => unknown,
  verdict = { keep: true, notModified: false },
  maxBodyBytes = 100,
): Promise<Seen> {
  const seen: Seen = { heads: [], bodies: [], reply: undefined }
  await using server = await serve((_req, res) => {
    watchLeaving(res, {
      maxBodyBytes,
      send: (work) => work(),
      onHead: (head) => (seen.heads.push(head), verdict),
      onEnd: (body) => void seen.bodies.push(Buffer.from(body).toString()),
    })
    answer(res)
  })
  seen.reply = await ask(server.port, '/').catch(() => undefined)
  return seen
}

describe('a response as it leaves', () => {
  test.each<[string, (res: ServerResponse) => unknown, string]>([
    ['in one piece', (res) => res.end('abc'), 'abc'],
    ['in pieces', (res) => (res.write('a'), res.write(Buffer.from('b')), res.end(new Uint8Array([99]))), 'abc'],
    ['in another encoding', (res) => (res.write('6162', 'hex'), res.end('Yw==', 'base64')), 'abc'],
    ['with callbacks', (res) => (res.write('ab', () => {}), res.end('c', () => {})), 'abc'],
    ['and nothing in it', (res) => res.end(() => {}), ''],
    [
      'in memory that is used again',
      (res) => {
        const bytes = Buffer.from('abc')
        res.write(bytes)
        bytes.fill('x')
        res.end()
      },
      'abc',
    ],
    ['ended twice', (res) => (res.end('abc'), res.end()), 'abc'],
  ])('%s is seen whole, once', async (_way, answer, body) => {
    const { heads, bodies } = await seenOf(answer)
    expect([heads.length, heads[0]!.status, bodies]).toEqual([1, 200, [body]])
  })

  test('is seen with what layers have made of its head, however they give it', async () => {
    const { heads, reply } = await seenOf((res) => {
      const { writeHead } = res
      res.writeHead = (...args: unknown[]) => (res.setHeader('X-Layer', 'a'), Reflect.apply(writeHead, res, args))
      res.setHeader('X-Before', ['1', '2'])
      res.writeHead(203, 'Other', { 'X-Own': 'b' }).end('a')
    })
    expect(heads).toMatchObject([{ status: 203, statusMessage: 'Other', fields: { 'x-layer': 'a', 'x-before': ['1', '2'], 'x-own': 'b' } }])
    expect(reply).toMatchObject({ status: 203, message: 'Other', headers: { 'x-layer': 'a', 'x-before': '1, 2', 'x-own': 'b' } })
  })

  test.each<[string, (res: ServerResponse) => unknown]>([
    ['has trailers', (res) => (res.writeHead(200, { Trailer: 'X-Sum' }), res.write('a'), res.addTrailers({ 'X-Sum': '1' }), res.end())],
    ['is broken off', (res) => (res.write('a'), res.destroy())],
    ['is ended when its client has gone', (res) => (res.write('a'), res.destroy(), res.end('b'))],
    ['never ends', (res) => (res.write('a'), res.socket!.destroy())],
    ['is larger than is kept', (res) => res.end('a'.repeat(101))],
    ['is larger than is kept, in pieces', (res) => (res.write('a'.repeat(60)), res.write('a'.repeat(60)), res.end())],
  ])('that %s has no body', async (_what, answer) => {
    expect((await seenOf(answer)).bodies).toEqual([])
  })

  test('whose head cannot leave is not the one that is answered in its place', async () => {
    const { bodies, reply } = await seenOf((res) => {
      res.statusMessage = 'é\u0100'
      expect(() => res.writeHead(200)).toThrow(/statusMessage/)
      res.statusMessage = 'OK'
      res.end('error')
    })
    expect([bodies, reply?.text]).toEqual([[], 'error'])
  })

  test('that is not wanted leaves as it is', async () => {
    const { bodies, reply } = await seenOf((res) => (res.write('a'), res.end('b')), { keep: false, notModified: false })
    expect([bodies, reply?.text]).toEqual([[], 'ab'])
  })

  test('is a 304 where its client has it, and is seen whole all the same', async () => {
    const answer = (res: ServerResponse): void =>
      void res.writeHead(200, { ETag: '"a"', 'Content-Type': 'text/plain', 'Content-Length': 3 }).end('abc')
    const { bodies, heads, reply } = await seenOf(answer, { keep: true, notModified: true })
    expect([bodies, heads[0]!.status, reply!.status, reply!.text]).toEqual([['abc'], 200, 304, ''])
    expect(reply!.headers).toMatchObject({ etag: '"a"' })
    expect([reply!.headers['content-length'], reply!.headers['content-type']]).toEqual([undefined, undefined])
  })

  test('tells its source when it is full, and lets it go on', async () => {
    const flows: boolean[] = []
    const { bodies } = await seenOf(
      (res) => {
        flows.push(res.write('a'.repeat(60)), res.write(Buffer.alloc(4_000_000)))
        res.once('drain', () => res.end())
      },
      undefined,
      5_000_000,
    )
    expect([flows[1], bodies[0]?.length]).toEqual([false, 4_000_060])
  })
})
