// What a client is told that says what it has already, and what is never part of what is stored.
import { describe, expect, test } from 'vitest'
import type { Framework } from './framework.ts'
import { HIT, newSite, refused, statusOf } from './site.ts'

const DATE = 'Mon, 01 Jun 2026 12:00:00 GMT'
const EARLIER = 'Mon, 01 Jun 2026 11:59:59 GMT'
const LATER = 'Mon, 01 Jun 2026 12:00:01 GMT'

export function conditions(framework: Framework): void {
  const { cached } = framework

  /** The statuses with which a stored response with these fields answers the conditions. */
  async function statusFor(
    fields: Readonly<Record<string, string>>,
    headers: Record<string, string | string[]>,
    status = 200,
  ): Promise<number> {
    await using site = newSite(framework)
    site.app.on('get', '/', [cached(site.cache)], (x) => {
      x.status(status)
      x.set('Cache-Control', 'max-age=60')
      for (const [name, value] of Object.entries(fields)) x.set(name, value)
      x.send('a')
    })
    await site.ask('/')
    const reply = await site.ask('/', { headers })
    expect(statusOf(reply)).toBe(HIT)
    expect(reply.text).toBe(reply.status === 304 ? '' : 'a')
    return reply.status
  }

  // RFC 9110 §13.1.2, §13.1.3, §13.2.1, §13.2.2, RFC 9111 §4.3.2
  describe('a hit asked for with a condition', () => {
    const strong = { ETag: '"a"', 'Last-Modified': DATE }
    const cases: Readonly<Record<string, [expected: number, fields: Record<string, string>, headers: Record<string, string | string[]>]>> =
      {
        'by its tag': [304, strong, { 'if-none-match': '"a"' }],
        'by its tag, weak': [304, strong, { 'if-none-match': 'W/"a"' }],
        'by its tag among others': [304, strong, { 'if-none-match': '"x,y", W/"a", "b"' }],
        'by any tag': [304, strong, { 'if-none-match': '*' }],
        'by its tag, which counts before the date': [304, strong, { 'if-none-match': '"a"', 'if-modified-since': EARLIER }],
        'by another tag, which counts before the date': [200, strong, { 'if-none-match': '"b"', 'if-modified-since': LATER }],
        'by a tag within another': [200, strong, { 'if-none-match': '"x"a"' }],
        'by its date': [304, strong, { 'if-modified-since': DATE }],
        'by a later date': [304, strong, { 'if-modified-since': LATER }],
        'by its date as C writes it': [304, strong, { 'if-modified-since': 'Mon Jun  1 12:00:00 2026' }],
        'by its date as RFC 850 writes it': [304, strong, { 'if-modified-since': 'Monday, 01-Jun-26 12:00:00 GMT' }],
        'by an earlier date': [200, strong, { 'if-modified-since': EARLIER }],
        'by no date': [200, strong, { 'if-modified-since': '0' }],
        'by a date after its own, where it was never changed': [
          304,
          { Date: DATE, 'Cache-Control': 'max-age=99999999' },
          { 'if-modified-since': LATER },
        ],
        'by its own, where it was never changed': [200, { Date: DATE, 'Cache-Control': 'max-age=99999999' }, { 'if-modified-since': DATE }],
      }
    for (const [name, [expected, fields, headers]] of Object.entries(cases)) {
      test(`${name} is a ${expected}`, async () => {
        expect(await statusFor(fields, headers)).toBe(expected)
      })
    }

    test('is what it is where it is no 200', async () => {
      expect(await statusFor({ ETag: '"a"', 'Last-Modified': DATE }, { 'if-none-match': '"a"' }, 404)).toBe(404)
      expect(await statusFor({ 'Last-Modified': DATE }, { 'if-modified-since': LATER }, 404)).toBe(404)
    })

    // RFC 9110 §15.4.5
    test('has with a 304 what guides a cache, and nothing of the content', async () => {
      await using site = newSite(framework)
      const guiding = {
        'Cache-Control': 'max-age=60',
        'Content-Location': '/a',
        ETag: '"a"',
        Expires: LATER,
        Vary: 'X-Size',
        Link: '<b>',
      }
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        for (const [name, value] of Object.entries({ ...guiding, 'Content-Language': 'de', 'Content-Type': 'text/css' })) x.set(name, value)
        x.send('a')
      })
      const { headers } = await site.ask('/')
      const reply = await site.ask('/', { headers: { 'if-none-match': '"a"' } })
      expect([reply.status, statusOf(reply), reply.headers['date']]).toEqual([304, HIT, headers['date']])
      for (const [name, value] of Object.entries(guiding)) expect([name, reply.headers[name.toLowerCase()]]).toEqual([name, value])
      for (const name of ['content-type', 'content-language', 'content-length', 'transfer-encoding'])
        expect([name, reply.headers[name]]).toEqual([name, undefined])
    })

    // RFC 9111 §4.3.2
    test('by what is its handler’s to evaluate goes there', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send(x.header('if-match') ?? x.header('if-unmodified-since') ?? '-'))
      await site.ask('/')
      for (const [name, value] of [
        ['if-match', '"a"'],
        ['if-unmodified-since', DATE],
      ] as const) {
        const reply = await site.ask('/', { headers: { [name]: value } })
        expect([reply.text, statusOf(reply)]).toEqual([value, refused('precondition', 'bypass')])
      }
    })
  })

  // RFC 9111 §3.1, RFC 9110 §7.6.1
  test('fields of one connection are not stored, and all others are, known or not', async () => {
    await using site = newSite(framework)
    site.app.on('get', '/', [cached(site.cache)], (x) => {
      x.set('Connection', 'X-Hop, keep-alive')
      for (const name of ['X-Hop', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authentication-Info', 'Proxy-Connection', 'TE', 'Upgrade'])
        x.set(name, 'x')
      x.set('X-Unknown', ['1', '2'])
      x.set('Warning', '199 - "x"')
      x.send('a')
    })
    expect((await site.ask('/')).headers['x-hop']).toBe('x')
    const hit = await site.ask('/')
    expect([statusOf(hit), hit.headers['x-unknown'], hit.headers['warning']]).toEqual([HIT, '1, 2', '199 - "x"'])
    for (const name of ['x-hop', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-connection', 'te', 'upgrade'])
      expect([name, hit.headers[name]]).toEqual([name, undefined])
    expect(hit.headers['connection']).not.toMatch(/x-hop/i)
  })
}
