import { describe, expect, test } from 'vitest'
import { headOfCopy, isCopyable } from '../../middleware/http/copy.ts'

const head = (fields: Record<string, string>, selecting: string[] = [], target = '/'): string | undefined =>
  headOfCopy({ target, version: '1.1', fields }, selecting)

describe('a copy of a request', () => {
  test('has its target as it came, its host, and what selects its response', () => {
    const fields = { host: 'a.test', 'x-theme': 'dark', 'accept-language': 'de, en', accept: '*/*' }
    expect(head(fields, ['x-theme', 'accept-language', 'x-absent'], '/films?q=%7e')).toBe(
      'GET /films?q=%7e HTTP/1.1\r\nConnection: close\r\nhost: a.test\r\nx-theme: dark\r\naccept-language: de, en\r\n\r\n',
    )
  })

  test('has where the application is by the word of its proxies, and not for whom they ask', () => {
    const forwarded = 'for=1.1.1.1;host=a.test;proto=https;by=_p, For="[::1]:80, b";proto=http, for=c'
    expect(head({ 'x-forwarded-for': '1.1.1.1', 'x-forwarded-host': 'a.test', forwarded })).toBe(
      'GET / HTTP/1.1\r\nConnection: close\r\nx-forwarded-host: a.test\r\nforwarded: host=a.test;proto=https, proto=http\r\n\r\n',
    )
    expect(head({ forwarded: 'for=1.1.1.1' })).toBe('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  })

  test('has no field of who asks, of a body or of a client’s own copy', () => {
    const of = ['authorization', 'cookie', 'proxy-authorization', 'x-forwarded-for', 'range', 'if-none-match', 'expect', 'x-api-key']
    expect(head(Object.fromEntries(of.map((name) => [name, 'x'])))).toBe('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  })

  test('is none where an outer layer has put there what would be read as something else', () => {
    expect(head({ host: 'a.test\r\nx-admin: 1' })).toBeUndefined()
    expect(head({ 'x-theme': 'd€rk' }, ['x-theme'])).toBeUndefined()
    expect([head({}, [], '/ HTTP/1.1\r\nx: '), head({}, [], '/a b'), head({}, [], '')]).toEqual([undefined, undefined, undefined])
  })

  test('can be made where nothing that selects is its client’s', () => {
    expect(isCopyable({ cookie: 'a', authorization: 'b' }, ['x-theme', 'accept'])).toBe(true)
    expect(isCopyable({}, ['cookie'])).toBe(true)
    const own = [
      'cookie',
      'authorization',
      'x-forwarded-for',
      'x-api-key',
      'apikey',
      'x-auth-token',
      'x-csrf-token',
      'x-session-id',
      'if-none-match',
    ]
    for (const name of own) expect([name, isCopyable({ [name]: 'a' }, [name])]).toEqual([name, false])
    for (const name of ['x-tokenised', 'accept-language', 'author', 'origin', 'x-keynote'])
      expect(isCopyable({ [name]: 'a' }, [name])).toBe(true)
  })
})
