import { describe, expect, test } from 'vitest'
import { isNotModified, isOnNotModified, weakTag } from '../../middleware/http/conditional.ts'

const now = Date.UTC(2026, 5, 1, 12, 0, 0)
const at = (seconds: number): string => new Date(now + seconds * 1000).toUTCString()
const matches = (list: string | string[], tag: string | undefined): boolean =>
  isNotModified('GET', { 'if-none-match': list }, 200, tag === undefined ? {} : { etag: tag }, now)
const since = (date: string | string[], fields: Record<string, string>): boolean =>
  isNotModified('GET', { 'if-modified-since': date }, 200, fields, now)

// RFC 9110 §13.1.2: "A recipient MUST use the weak comparison function when comparing entity tags for If-None-Match".
// RFC 9110 §8.8.3.2: "two entity tags are equivalent if their opaque-tags match character-by-character, regardless of either or both being
// tagged as 'weak'."
describe('RFC 9110 §13.1.2, If-None-Match', () => {
  test.each([
    ['"a"', '"a"'],
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    ['W/"a"', 'W/"a"'],
    ['"x", W/"a" ,"y"', '"a"'],
    ['"a,b"', '"a,b"'],
    ['"x,y", "a"', '"a"'],
    ['"a\\", "b"', '"b"'],
    ['"a\\"', '"a\\"'],
    ['""', '""'],
    ['*', '"a"'],
    [' * ', undefined],
    ['unquoted', 'unquoted'],
  ])('%s has %s', (list, tag) => {
    expect(matches(list, tag)).toBe(true)
  })

  test.each([
    ['"a"', '"b"'],
    ['"a"', '"A"'],
    ['w/"a"', '"a"'],
    ['"a"', undefined],
    ['"x,a"', '"a"'],
    ['"x, "a"', '"a"'],
    ['a', '"a"'],
    ['"a', '"a"'],
    ['"*"', '"a"'],
    ['*, "x"', '"a"'],
    ['', '"a"'],
  ])('%s has not %s', (list, tag) => {
    expect(matches(list, tag)).toBe(false)
  })

  test('lines are one list', () => {
    expect(matches(['"x"', '"a"'], '"a"')).toBe(true)
  })

  // RFC 9110 §13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header field".
  test('decides alone', () => {
    const fields = { etag: '"a"', 'last-modified': at(-60) }
    expect(isNotModified('GET', { 'if-none-match': '"b"', 'if-modified-since': at(0) }, 200, fields, now)).toBe(false)
    expect(isNotModified('GET', { 'if-none-match': '"a"', 'if-modified-since': at(-120) }, 200, fields, now)).toBe(true)
  })
})

// RFC 9110 §13.1.3: "If the selected representation's last modification date is earlier or equal to the date provided in the field value, the
// condition is false."
describe('RFC 9110 §13.1.3, If-Modified-Since', () => {
  test('asks for what is newer than the date', () => {
    expect(since(at(-60), { 'last-modified': at(-60) })).toBe(true)
    expect(since(at(-30), { 'last-modified': at(-60) })).toBe(true)
    expect(since(at(-90), { 'last-modified': at(-60) })).toBe(false)
  })

  // RFC 9110 §13.1.3: "A recipient MUST ignore the If-Modified-Since header field if the received field value is not a valid HTTP-date, the
  // field value has more than one member".
  test('is ignored when it is no date, or several', () => {
    expect(since('0', { 'last-modified': at(-60) })).toBe(false)
    expect(since([at(0), at(0)], { 'last-modified': at(-60) })).toBe(false)
    expect(since(at(0), { 'last-modified': 'yesterday' })).toBe(false)
  })

  // RFC 9111 §4.3.2: "If a request contains an If-Modified-Since header field and the Last-Modified header field is not present in a stored
  // response, a cache SHOULD use the stored response's Date field value (or, if no Date field is present, the time that the stored response
  // was received) to evaluate the conditional."
  test('is compared with Date where there is no Last-Modified, and the same second is no proof', () => {
    expect(since(at(-30), { date: at(-60) })).toBe(true)
    expect(since(at(-60), { date: at(-60) })).toBe(false)
    expect(since(at(0), {})).toBe(false)
  })
})

// RFC 9110 §13.2.1: "A server MUST ignore all received preconditions if its response to the same request without those conditions, prior to
// processing the request content, would have been a status code other than a 2xx (Successful) or 412 (Precondition Failed)."
test('a condition is asked of a 200 to a GET or HEAD only', () => {
  const request = { 'if-none-match': '*' }
  expect(isNotModified('GET', request, 200, {}, now)).toBe(true)
  expect(isNotModified('HEAD', request, 200, {}, now)).toBe(true)
  for (const method of ['POST', 'PUT', 'OPTIONS']) expect(isNotModified(method, request, 200, {}, now)).toBe(false)
  for (const status of [204, 301, 404, 500]) expect(isNotModified('GET', request, status, {}, now)).toBe(false)
  expect(isNotModified('GET', {}, 200, { etag: '"a"', 'last-modified': at(-60) }, now)).toBe(false)
})

// RFC 9110 §8.8.3: "entity-tag = [ weak ] opaque-tag".
test('a tag that is made here is weak and tells bodies apart', () => {
  expect(weakTag(Buffer.from('a'))).toMatch(/^W\/"[^"]+"$/)
  expect(weakTag(new Uint8Array([97]))).toBe(weakTag(Buffer.from('a')))
  expect(weakTag(new Uint8Array([97, 98]).subarray(0, 1))).toBe(weakTag(Buffer.from('a')))
  expect(weakTag(Buffer.from('a'))).not.toBe(weakTag(Buffer.from('b')))
  expect(weakTag(Buffer.alloc(0))).toMatch(/^W\/"/)
})

// RFC 9110 §15.4.5: "The server generating a 304 response MUST generate any of the following header fields that would have been sent in a 200
// (OK) response to the same request: Content-Location, Date, ETag, and Vary; Cache-Control and Expires". "a sender SHOULD NOT generate
// representation metadata other than the above listed fields".
test('a 304 has the fields that guide a cache and none that describe content', () => {
  for (const name of ['content-location', 'date', 'etag', 'vary', 'cache-control', 'expires', 'last-modified', 'content-security-policy']) {
    expect(isOnNotModified(name), name).toBe(true)
  }
  for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-range', 'transfer-encoding']) {
    expect(isOnNotModified(name), name).toBe(false)
  }
})

test('time grows with the length of the list and no faster', () => {
  const start = performance.now()
  for (const unit of ['"', ',', '"a",', 'W/', '\\"']) matches(unit.repeat(100_000), '"zzz"')
  expect(performance.now() - start).toBeLessThan(5_000)
})
