import { parse as parseSimple } from 'node:querystring'
import { parse as parseExtended } from 'qs'
import { describe, expect, test } from 'vitest'
import { anyQueryUri, namedUris, normalisedUri, urisToClear } from '../../middleware/http/uri.ts'

const uri = (url: string): string => {
  const [path = '', raw = ''] = url.split('?')
  return normalisedUri(path, parseSimple(raw))
}
const extendedUri = (url: string): string => {
  const [path = '', raw = ''] = url.split('?')
  return normalisedUri(path, parseExtended(raw, { allowPrototypes: true }))
}

// RFC 9110 §4.2.3: "Characters other than those in the "reserved" set are equivalent to their percent-encoded octets". RFC 3986 §6.2.2.1: "the
// hexadecimal digits within a percent-encoding triplet ... are case-insensitive".
describe('spellings of one URI', () => {
  test.each([
    ['/users/42', '/users/%34%32'],
    ['/users/é', '/users/%C3%A9'],
    ['/users/%c3%a9', '/users/%C3%A9'],
    ['/users/42', '/Users/42'],
    ['/users/42', '/users/42/'],
    ['/a%2fb', '/a%2Fb'],
    ['/u?a=1&b=2', '/u?b=2&a=1'],
    ['/u?a=x+y', '/u?a=x%20y'],
    ['/u?a=', '/u?a'],
    ['/u?a=1&&b=2&', '/u?a=1&b=2'],
    ['/u', '/u?'],
    ['/u?%61=1', '/u?a=%31'],
  ])('%s is %s', (one, other) => {
    expect(uri(one)).toBe(uri(other))
  })

  test('of brackets too, and for both parsers', () => {
    expect(extendedUri('/u?a[]=1&a[]=2')).toBe(extendedUri('/u?a[0]=1&a[1]=2'))
    expect(extendedUri('/u?f[x]=1&f[y]=2&fA=3')).toBe(extendedUri('/u?fA=3&f%5By%5D=2&f%5Bx%5D=1'))
    expect(extendedUri('/u?f[x]=1&fA=3&b=2')).toBe(uri('/u?f[x]=1&fA=3&b=2'))
    expect(extendedUri('/u?a=1&a=2')).toBe(uri('/u?a=1&a=2'))
  })
})

test.each([
  ['/users/4', '/users/42'],
  ['/users', '/'],
  ['/u?a=1', '/u?a=2'],
  ['/u?a=1', '/u'],
  ['/u?a=1&a=2', '/u?a=2&a=1'],
  ['/u?a=1', '/u?A=1'],
  ['/u?a=%2520', '/u?a=%20'],
])('%s is not %s', (one, other) => {
  expect(uri(one)).not.toBe(uri(other))
})

test('what cannot be decoded is taken as it is', () => {
  expect(() => uri('/%E0%A4/%/%zz?%E0=%')).not.toThrow()
  expect(uri('/%zz')).not.toBe(uri('/%yy'))
  expect(uri('/')).toBe('/')
  expect(uri('//')).toBe('/')
})

test('names that objects inherit are names', () => {
  expect(uri('/u?__proto__=1&constructor=2')).toBe('/u?__proto__=1&constructor=2')
})

// RFC 9111 §4.4: "A cache MUST invalidate the target URI when it receives a non-error status code in response to an unsafe request method".
test('a write clears its own URI, and what answers for any query of its path', () => {
  const cleared = urisToClear('/U/1/', parseSimple('b=2&a=1'))
  expect(cleared).toContain(uri('/u/%31?a=1&b=2'))
  expect(cleared).toContain(anyQueryUri('/u/1'))
  expect(cleared).not.toContain(uri('/u/1'))
  expect(anyQueryUri('/u')).not.toBe(uri('/u'))
})

// RFC 9111 §4.4: "the URI(s) in the Location and Content-Location response header fields (if present) are candidates for invalidation ...
// However, a cache MUST NOT trigger an invalidation under these conditions if the origin ... differs".
describe('what an answer names besides is', () => {
  const target = { origin: 'https://films.example:8443', path: '/films/1/ratings' }
  const named = (location: string | string[], from: Parameters<typeof namedUris>[1] = target): readonly string[] =>
    namedUris({ location }, from)

  test.each([
    ['/films/1', '/films/1'],
    ['/films/%31/?b=2&a=1#top', '/films/1?a=1&b=2'],
    ['../2', '/films/2'],
    ['reviews', '/films/1/reviews'],
    ['?page=2', '/films/1/ratings?page=2'],
    ['//films.example:8443/a', '/a'],
    ['HTTPS://FILMS.example:8443/a', '/a'],
  ])('%s: %s', (reference, expected) => {
    expect(named(reference)).toContain(uri(expected))
  })

  test('by both fields, each line of them, with and without its query', () => {
    const uris = namedUris({ location: ['/a', '/b'], 'content-location': '/c?x=1' }, target)
    expect(uris).toEqual([uri('/a'), anyQueryUri('/a'), uri('/b'), anyQueryUri('/b'), uri('/c?x=1'), anyQueryUri('/c')])
  })

  test.each([
    'https://other.example:8443/films/1',
    '//other.example/films/1',
    'https://films.example/films/1',
    'http://films.example:8443/films/1',
    'mailto:a@films.example',
    'http://[',
    'https://films.example:8443@other.example/films/1',
    '\\\\other.example/films/1',
  ])('nothing of another origin: %s', (reference) => {
    expect(named(reference)).toEqual([])
  })

  test('nothing with an origin where its own is not known, or is none', () => {
    expect(named('/a', { origin: undefined, path: '/' })).toContain('/a')
    expect(named('https://films.example/a', { origin: undefined, path: '/' })).toEqual([])
    expect(named('/a', { origin: 'https://[', path: '/' })).toEqual([])
  })
})
