// What a request for a part gets: a part of what is stored whole, or what its handler says.
import { describe, expect, test } from 'vitest'
import { newGate } from '../support/gate.ts'
import type { Reply } from '../support/http.ts'
import type { Framework } from './framework.ts'
import { HIT, newSite, refused, statusOf, STORED, type Site } from './site.ts'

export function ranges(framework: Framework): void {
  const { cached } = framework
  const DATE = 'Mon, 01 Jan 2024 00:01:00 GMT'

  async function filled(fields: Readonly<Record<string, string>> = {}, body = '0123456789'): Promise<Site> {
    const site = newSite(framework)
    site.app.on('get', '/', [cached(site.cache)], (x) => {
      for (const [name, value] of Object.entries(fields)) x.set(name, value)
      x.send(body)
    })
    expect(statusOf(await site.ask('/'))).toBe(STORED)
    return site
  }

  async function askFor(range: string, fields: Readonly<Record<string, string>> = {}, more: Record<string, string> = {}): Promise<Reply> {
    await using site = await filled(fields)
    return await site.ask('/', { headers: { range, ...more } })
  }

  describe('a part of what is stored', () => {
    test.each([
      ['bytes=0-1', '01', 'bytes 0-1/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-1', '9', 'bytes 9-9/10'],
      ['bytes=5-99', '56789', 'bytes 5-9/10'],
    ])('is served from it: %s', async (range, text, contentRange) => {
      const reply = await askFor(range, { 'X-A': '1', 'Content-Length': '10', 'Cache-Control': 'max-age=60', ETag: '"a"' })
      expect(reply).toMatchObject({ status: 206, message: 'Partial Content', text })
      expect(reply.headers).toMatchObject({
        'content-range': contentRange,
        'content-length': String(text.length),
        'x-a': '1',
        age: '0',
        etag: '"a"',
        // Compressed on its way out it would be a part of nothing.
        'cache-control': 'max-age=60, no-transform',
        date: expect.any(String) as string,
      })
      expect(statusOf(reply)).toBe(HIT)
    })

    test('that there is not is a 416, which nobody keeps', async () => {
      const reply = await askFor('bytes=10-', { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60', 'Content-Language': 'de' })
      expect(reply).toMatchObject({ status: 416, message: 'Range Not Satisfiable', text: '' })
      expect(reply.headers).toMatchObject({ 'content-range': 'bytes */10', 'content-length': '0', 'cache-control': 'no-store' })
      expect([reply.headers['content-type'], reply.headers['content-language'], statusOf(reply)]).toEqual([undefined, undefined, HIT])
    })

    test('is asked for in a way that is not known, or is several: the whole is the answer', async () => {
      for (const range of ['bytes=0-1,3-4', 'items=0-1', 'bytes=5-4']) {
        const reply = await askFor(range)
        expect([reply.status, reply.text, reply.headers['content-range'], statusOf(reply)]).toEqual([200, '0123456789', undefined, HIT])
      }
    })

    test('is for who has the rest of this, by a strong tag or a date', async () => {
      const strong = { ETag: '"a"' }
      expect(await askFor('bytes=0-1', strong, { 'if-range': '"a"' })).toMatchObject({ status: 206, text: '01' })
      expect(await askFor('bytes=0-1', strong, { 'if-range': '"b"' })).toMatchObject({ status: 200, text: '0123456789' })
      const dated = { 'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT', Date: DATE, 'Cache-Control': 'max-age=999999999' }
      expect(await askFor('bytes=0-1', dated, { 'if-range': dated['Last-Modified'] })).toMatchObject({ status: 206, text: '01' })
      expect(await askFor('bytes=0-1', dated, { 'if-range': DATE })).toMatchObject({ status: 200, text: '0123456789' })
      // A tag that this package made is a weak one.
      await using site = await filled()
      const tag = (await site.ask('/')).headers['etag']!
      expect(await site.ask('/', { headers: { range: 'bytes=0-1', 'if-range': tag } })).toMatchObject({ status: 200 })
    })

    test('is not sent to who has the whole', async () => {
      expect(await askFor('bytes=0-1', { ETag: '"a"' }, { 'if-none-match': '"a"' })).toMatchObject({ status: 304, text: '' })
    })

    test('leaves the whole as it is', async () => {
      await using site = await filled({ 'X-A': '1' })
      for (const range of ['bytes=0-1', 'bytes=99-']) await site.ask('/', { headers: { range } })
      const whole = await site.ask('/')
      expect(whole).toMatchObject({ status: 200, text: '0123456789', headers: { 'x-a': '1', 'cache-control': 'no-cache' } })
      expect([whole.headers['content-range'], statusOf(whole)]).toEqual([undefined, HIT])
    })

    test('is no part of what is no 200, or asked for by a HEAD', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => (x.status(203), x.send('0123456789')))
      await site.ask('/')
      const headers = { range: 'bytes=0-1' }
      expect(await site.ask('/', { headers })).toMatchObject({ status: 203, text: '0123456789' })
      await using other = await filled()
      expect(await other.ask('/', { method: 'HEAD', headers })).toMatchObject({ status: 200, headers: { 'content-length': '10' } })
    })
  })

  describe('a request for a part of what is not stored', () => {
    test('is its handler’s to answer, and the answer is not stored', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        if (x.header('range') === undefined) return x.send('0123456789')
        x.status(206)
        x.set('Content-Range', 'bytes 0-1/10')
        x.send('01')
      })
      const headers = { range: 'bytes=0-1' }
      for (let times = 0; times < 2; times++) {
        const reply = await site.ask('/', { headers })
        expect([reply.status, reply.text, statusOf(reply)]).toEqual([206, '01', refused('range')])
      }
      expect(await site.ask('/')).toMatchObject({ status: 200, text: '0123456789' })
      expect(statusOf(await site.ask('/', { headers }))).toBe(HIT)
      expect(site.warnings.texts).toEqual([])
    })

    test('makes nobody wait, and waits for nobody', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      site.app.on('get', '/', [cached(site.cache)], async (x) => {
        if (x.header('range') !== undefined) await gate.wait()
        x.send('0123456789')
      })
      const part = site.ask('/', { headers: { range: 'bytes=0-1' } })
      await gate.reached()
      expect(statusOf(await site.ask('/'))).toBe(STORED)
      gate.open()
      expect(statusOf(await part)).toBe(refused('range'))
    })
  })
}
