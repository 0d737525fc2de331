import { describe, expect, test } from 'vitest'
import { isAnswerable, isSafe, whyBodyNotStored, whyBypassed, whyNotKept, whyNotStored } from '../../middleware/http/storable.ts'
import type { Exchange } from '../../middleware/http/storable.ts'

const plain: Exchange = {
  method: 'GET',
  requestFields: {},
  status: 200,
  fields: {},
  baseline: {},
  keyed: [],
  partitioned: false,
  storesErrors: false,
  validated: false,
  maxBodyBytes: 1000,
}
const why = (change: Partial<Exchange>): string | undefined => whyNotStored({ ...plain, ...change })
const saying = (cacheControl: string | string[], change: Partial<Exchange> = {}): string | undefined =>
  why({ ...change, fields: { 'cache-control': cacheControl } })

test('a plain answer to a GET may be stored', () => {
  expect(whyNotStored(plain)).toBeUndefined()
})

// RFC 9111 §4: "A cache MUST write through requests with methods that are unsafe (Section 9.2.1 of [HTTP]) to the origin server".
describe('RFC 9111 §4, methods', () => {
  test('only GET and HEAD are answered, only a GET is stored', () => {
    expect(['GET', 'HEAD'].every(isAnswerable)).toBe(true)
    expect(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'get'].some(isAnswerable)).toBe(false)
    for (const method of ['HEAD', 'POST', 'PUT', 'OPTIONS']) expect(why({ method })).toBe(`method ${method}`)
  })

  // RFC 9110 §9.2.1: "Of the request methods defined by this specification, the GET, HEAD, OPTIONS, and TRACE methods are defined to be safe."
  // RFC 9111 §4.4: "A cache MUST invalidate the target URI when it receives a non-error status code in response to an unsafe request method
  // (including methods whose safety is unknown)."
  test('a method of unknown safety is not safe', () => {
    expect(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'].every(isSafe)).toBe(true)
    expect(['POST', 'PUT', 'PATCH', 'DELETE', 'PURGE', 'LINK', 'M-SEARCH', ''].some(isSafe)).toBe(false)
  })
})

describe('requests that go to the handler whatever is stored', () => {
  test('a plain one does not, nor a conditional one, nor one that asks for a new answer', () => {
    expect(whyBypassed({ accept: '*/*', 'if-none-match': '"a"', 'content-length': '0' })).toBeUndefined()
    // RFC 9111 §5.2.1: "They are advisory; caches MAY implement them, but are not required to."
    expect(whyBypassed({ 'cache-control': 'no-cache, no-store', pragma: 'no-cache' })).toBeUndefined()
  })

  // RFC 9110 §9.3.1: "content received in a GET request has no generally defined semantics, cannot alter the meaning or target of the request".
  test('one with content', () => {
    expect(whyBypassed({ 'content-length': '5' })).toBe('request content')
    expect(whyBypassed({ 'transfer-encoding': 'chunked' })).toBe('request content')
  })

  // RFC 9111 §4.3.2: "the If-Match and If-Unmodified-Since conditional header fields are not applicable to a cache".
  test('one with a precondition for the origin', () => {
    expect(whyBypassed({ 'if-match': '"a"' })).toBe('precondition')
    expect(whyBypassed({ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' })).toBe('precondition')
  })
})

// RFC 9111 §3.3: "A cache that does not support the Range and Content-Range header fields MUST NOT store incomplete or partial responses."
test('a HEAD and a request for a part are answered unobserved where nothing is stored', () => {
  expect(whyNotKept('GET', {})).toBeUndefined()
  expect(whyNotKept('HEAD', {})).toBe('method HEAD')
  expect(whyNotKept('GET', { range: 'bytes=0-1' })).toBe('range')
  expect(whyBypassed({ range: 'bytes=0-1' })).toBeUndefined()
})

// RFC 9111 §3: "A cache MUST NOT store a response to a request unless: ... the response status code is final; if the response status code is
// 206 or 304, or the must-understand cache directive is present: the cache understands the response status code".
describe('RFC 9111 §3, the status', () => {
  test.each([100, 103, 206, 304, 401, 403, 407, 412, 416, 428, 429, 431, 500, 501, 502, 503, 504, 511, 599])(
    '%i is not stored',
    (status) => {
      expect(why({ status, fields: { 'cache-control': 'public, max-age=60' } })).toBe(`status ${status}`)
    },
  )

  test.each([200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 451])('%i may be', (status) => {
    expect(why({ status })).toBeUndefined()
  })

  test('must-understand asks for a status whose meaning is known', () => {
    expect(saying('must-understand, max-age=5', { status: 299 })).toBe('must-understand, status 299')
    expect(saying('must-understand, max-age=5', { status: 404 })).toBeUndefined()
  })

  // RFC 9111 §5.2.2.3: "When a cache that implements the must-understand directive receives a response that includes it, the cache SHOULD
  // ignore the no-store directive if it understands and implements the status code's caching requirements."
  test('must-understand stands for no-store where the status is understood, if it is written as it should be', () => {
    for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414])
      expect(saying('no-store, must-understand', { status })).toBeUndefined()
    expect(saying('no-store, must-understand', { status: 501, storesErrors: true })).toBeUndefined()
    for (const status of [299, 302, 307, 499]) expect(saying('no-store, must-understand', { status })).toBe('no-store')
    for (const field of ['no-store, must-understand=1', 'no-store; must-understand', 'no-store, must-understand=""'])
      expect(saying(field)).toBe('no-store')
    expect(saying('no-store, must-understand, private')).toBe('private')
  })
})

describe('directives', () => {
  // RFC 9111 §5.2.2.5: "The no-store response directive indicates that a cache MUST NOT store any part of either the immediate request or the
  // response and MUST NOT use the response to satisfy any other request."
  test('no-store', () => {
    expect(saying('no-store')).toBe('no-store')
    expect(saying('NO-STORE, max-age=60')).toBe('no-store')
    expect(saying(['max-age=60', 'No-Store'])).toBe('no-store')
    expect(saying('no-store', { partitioned: true })).toBe('no-store')
  })

  // RFC 9111 §5.2.2.7: "The unqualified private response directive indicates that a shared cache MUST NOT store the response".
  test.each([
    'private',
    'Private, max-age=60',
    'private=',
    'private="',
    "private='x'",
    'private="vary"',
    'private, private="x"',
    'private="x", private',
    'max-age=60; private',
  ])('private as %s', (field) => {
    expect(saying(field)).toBe('private')
    expect(saying(field, { partitioned: true })).toBe('private')
  })

  // RFC 9111 §5.2.2.4: "MUST NOT be used to satisfy any other request without forwarding it for validation and receiving a successful response".
  test.each(['no-cache', 'no-cache="Content-Type"', 'no-cache=x', 'NO-CACHE, max-age=60'])('no-cache as %s', (field) => {
    expect(saying(field)).toBe('no-cache')
    expect(saying(field, { validated: true })).toBeUndefined()
  })

  // RFC 9111 §3.1: what such a list names is not stored, and the rest may be.
  test('neither with a list of fields, but a cookie that it names', () => {
    for (const name of ['private', 'no-cache']) {
      expect(saying(`${name}="x-a"`)).toBeUndefined()
      const fields = { 'cache-control': `${name}="set-cookie", max-age=60` }
      expect(why({ fields })).toBeUndefined()
      expect(why({ fields: { ...fields, 'set-cookie': 'a=1' } })).toBe('set-cookie')
    }
    expect(saying('private="x-a"', { requestFields: { authorization: 'Bearer a' } })).toBe('authorization')
  })

  test('a directive of an outer layer counts', () => {
    const outer = { 'cache-control': 'no-store' }
    expect(why({ fields: outer, baseline: outer })).toBe('no-store')
  })
})

// RFC 9111 §3.5: "A shared cache MUST NOT use a cached response to a request with an Authorization header field to satisfy any subsequent
// request unless the response contains a Cache-Control field with a response directive that allows it to be stored by a shared cache ... In
// this specification, the following response directives have such an effect: must-revalidate, public, and s-maxage."
describe('RFC 9111 §3.5, answers to Authorization', () => {
  const requestFields = { authorization: 'Bearer a' }

  test('are not stored', () => {
    expect(why({ requestFields })).toBe('authorization')
    expect(why({ requestFields, keyed: ['authorization'] })).toBe('authorization')
    expect(saying('max-age=60', { requestFields })).toBe('authorization')
    expect(saying('public="x", s-maxage=a, must-revalidate=1', { requestFields })).toBe('authorization')
    expect(saying('max-age=60; public', { requestFields })).toBe('authorization')
    expect(why({ requestFields: { authorization: '' } })).toBe('authorization')
  })

  test.each(['public', 'must-revalidate', 's-maxage=60', 'S-MaxAge="60"'])('are with %s', (field) => {
    expect(saying(field, { requestFields })).toBeUndefined()
  })

  test('are where the route says whose they are', () => {
    expect(why({ requestFields, partitioned: true })).toBeUndefined()
  })
})

describe('fields', () => {
  // RFC 9111 §7.3: "The presence of a Set-Cookie response header field does not inhibit caching". Here it does: one client's cookie is never
  // the answer to another, whatever the response says.
  test("Set-Cookie, the handler's or an outer layer's", () => {
    const cookie = { 'set-cookie': ['a=1', 'b=2'], 'cache-control': 'public, max-age=60' }
    expect(why({ fields: cookie })).toBe('set-cookie')
    expect(why({ fields: cookie, baseline: cookie })).toBe('set-cookie')
  })

  test('a Vary that no key can hold', () => {
    expect(why({ fields: { vary: 'Accept-Language' } })).toBeUndefined()
    expect(why({ fields: { vary: 'Accept-Language, Cookie' } })).toBe('vary cookie')
    expect(why({ fields: { vary: 'Cookie' }, keyed: ['cookie'] })).toBeUndefined()
    expect(why({ fields: { vary: 'Cookie' }, partitioned: true })).toBeUndefined()
    expect(why({ fields: { vary: '*' } })).toBe('vary *')
  })

  // RFC 9110 §6.5.1: "A recipient that retains a received trailer field ... MUST store/forward the trailer field separately".
  test('trailers', () => {
    expect(why({ fields: { trailer: 'Digest' } })).toBe('trailer')
  })

  test('a stream of events, which has no end', () => {
    expect(why({ fields: { 'content-type': 'Text/Event-Stream; charset=utf-8' } })).toBe('event stream')
  })

  test('a body that says it is too large', () => {
    expect(why({ fields: { 'content-length': 1000 } })).toBeUndefined()
    expect(why({ fields: { 'content-length': '1001' } })).toBe('body too large')
  })
})

// RFC 9111 §3.3: "A cache MUST NOT use an incomplete response to answer requests unless the response has been made complete".
describe('RFC 9111 §3.3, the body', () => {
  test('is stored when it is as long as it said', () => {
    expect(whyBodyNotStored({ 'content-length': '5' }, 5, 1000)).toBeUndefined()
    expect(whyBodyNotStored({ 'content-length': 5 }, 5, 1000)).toBeUndefined()
    expect(whyBodyNotStored({}, 5, 1000)).toBeUndefined()
  })

  test('is not when it is shorter, longer, or too long', () => {
    expect(whyBodyNotStored({ 'content-length': '5' }, 4, 1000)).toBe('body incomplete')
    expect(whyBodyNotStored({ 'content-length': '5' }, 6, 1000)).toBe('body incomplete')
    expect(whyBodyNotStored({}, 1001, 1000)).toBe('body too large')
  })
})
