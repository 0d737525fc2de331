// Which answers speak of what is stored, and what they make of it.
import { describe, expect, test } from 'vitest'
import { conditionsOf, renewedByHead, isOfAsked, updatedBy } from '../../middleware/http/revalidation.ts'
import type { StoredField, StoredResponse } from '../../middleware/http/stored-response.ts'

const DATE = 'Mon, 01 Jun 2026 12:00:00 GMT'
const LATER = 'Mon, 01 Jun 2026 12:00:01 GMT'
const storedWith = (...fields: StoredField[]): StoredResponse => ({
  status: 200,
  statusMessage: '',
  fields,
  removed: [],
  body: Buffer.from('body'),
})
const answer = (fields: Record<string, string | number | string[]>, status = 200): Parameters<typeof renewedByHead>[0] => ({
  status,
  statusMessage: '',
  fields,
  spelling: new Map(),
})

test('RFC 9111 §4.3.1: a handler is asked with the validators that it gave, each if it is one', () => {
  expect(conditionsOf({ etag: '"a"', 'last-modified': DATE })).toEqual({ 'if-none-match': '"a"', 'if-modified-since': DATE })
  expect(conditionsOf({ etag: ['"a"', '"b"'], 'last-modified': DATE })).toEqual({ 'if-modified-since': DATE })
  expect(conditionsOf({ date: DATE })).toBeUndefined()
})

// RFC 9111 §4.3.4: "If the new response contains one or more strong validators ... If none of the stored responses contains at least one of the
// same strong validators, then the cache MUST NOT use the new response to update any stored responses." "If the new response contains no strong
// validators but does contain one or more weak validators, and if those validators correspond to one of the cache's stored responses ..."
describe('RFC 9111 §4.3.4, a 304', () => {
  test.each<[Record<string, string>, Record<string, string>]>([
    [{ etag: '"a"' }, { 'if-none-match': '"a"' }],
    [{ etag: ' "a"' }, { 'if-none-match': '"a" ' }],
    [{ etag: 'W/"a"' }, { 'if-none-match': 'W/"a"' }],
    [{ etag: 'W/"a"' }, { 'if-none-match': '"a"' }],
    [
      { etag: '"a"', 'last-modified': LATER },
      { 'if-none-match': '"a"', 'if-modified-since': DATE },
    ],
    [{ 'last-modified': DATE }, { 'if-none-match': '"a"', 'if-modified-since': DATE }],
    [{}, { 'if-none-match': '"a"' }],
    [{}, { 'if-modified-since': DATE }],
  ])('with %j speaks of what was asked after with %j', (fields, conditions) => {
    expect(isOfAsked(fields, conditions)).toBe(true)
  })

  test.each<[Record<string, string>, Record<string, string>]>([
    [{ etag: '"b"' }, { 'if-none-match': '"a"' }],
    [{ etag: '"A"' }, { 'if-none-match': '"a"' }],
    [{ etag: '"a"' }, { 'if-none-match': 'W/"a"' }],
    [{ etag: 'W/"b"' }, { 'if-none-match': '"a"' }],
    [{ etag: '"a", "b"' }, { 'if-none-match': '"a"' }],
    [{ etag: '"a"' }, { 'if-modified-since': DATE }],
    [{ etag: 'W/"a"', 'last-modified': DATE }, { 'if-modified-since': DATE }],
    [{ 'last-modified': LATER }, { 'if-none-match': '"a"', 'if-modified-since': DATE }],
    [{ 'last-modified': DATE }, { 'if-none-match': '"a"' }],
  ])('with %j does not of what was asked after with %j', (fields, conditions) => {
    expect(isOfAsked(fields, conditions)).toBe(false)
  })
})

// RFC 9111 §4.3.5: "if the stored response and HEAD response have matching values for any received validator fields (ETag and Last-Modified)
// and, if the HEAD response has a Content-Length, the value of Content-Length matches that of the stored response".
describe('RFC 9111 §4.3.5, the answer to a HEAD', () => {
  const stored = storedWith(['ETag', '"a"'], ['Last-Modified', DATE])

  test('says that a response holds where its validators and its length are the same', () => {
    expect(renewedByHead(answer({ etag: '"a"' }), stored)).toBe('renewed')
    expect(renewedByHead(answer({ 'last-modified': DATE, 'content-length': 4 }), stored)).toBe('renewed')
    expect(renewedByHead(answer({ etag: '"a"', 'last-modified': DATE, 'content-length': '4' }), stored)).toBe('renewed')
  })

  test.each<Record<string, string | number>>([
    { etag: '"b"' },
    { etag: 'W/"a"' },
    { etag: '"a"', 'last-modified': LATER },
    { 'last-modified': LATER },
    { etag: '"a"', 'content-length': 5 },
    { etag: '"a"', 'content-length': '04' },
    { 'content-length': 5 },
  ])('says that it is another with %j', (fields) => {
    expect(renewedByHead(answer(fields), stored)).toBe('changed')
  })

  test.each<[Record<string, string | number>, number]>([
    [{ 'content-length': 4 }, 200],
    [{}, 200],
    [{ etag: '"a"' }, 404],
    [{ etag: '"b"' }, 404],
    [{ etag: '"a"' }, 304],
  ])('says nothing with %j and status %i', (fields, status) => {
    expect(renewedByHead(answer(fields, status), stored)).toBeUndefined()
  })

  test('is of another than one without that validator, and says nothing of one that is no 200', () => {
    expect(renewedByHead(answer({ etag: '"a"' }), storedWith(['Last-Modified', DATE]))).toBe('changed')
    expect(renewedByHead(answer({ etag: '"a"' }), { ...stored, status: 404 })).toBeUndefined()
  })
})

// RFC 9111 §3.2: "the cache MUST add each header field in the provided response to the stored response, replacing field values already present,
// with the following exceptions: Header fields excluded from storage in Section 3.1, ... The Content-Length header field."
test('RFC 9111 §3.2: what speaks of a response replaces its fields, but those of its content, and takes none away', () => {
  const stored = storedWith(
    ['ETag', '"a"'],
    ['X-Kept', '1'],
    ['X-Old', '1'],
    ['Content-Length', '4'],
    ['Content-Encoding', 'br'],
    ['Age', '7'],
  )
  const fields = {
    'x-old': '2',
    'x-new': '3',
    etag: 'W/"a"',
    'content-length': '0',
    'content-encoding': 'gzip',
    connection: 'x-hop',
    'x-hop': '1',
  }
  const given = { ...fields, 'x-outer': '1', 'set-cookie': ['a=1'], date: LATER }
  const updated = updatedBy(answer(given, 304), { 'x-outer': '1' }, stored, 0)
  expect(Object.fromEntries(updated.fields.map(([name, value]) => [name.toLowerCase(), value]))).toEqual({
    date: LATER,
    etag: '"a"',
    'x-kept': '1',
    'x-old': '2',
    'x-new': '3',
    'content-length': '4',
    'content-encoding': 'br',
  })
  expect(updated.body).toBe(stored.body)
})

test('a Cache-Control that was made for clients is not taken for the handler’s', () => {
  const names = (said: string): unknown =>
    updatedBy(answer({ date: DATE }, 304), { date: DATE }, { ...storedWith(['Cache-Control', 'no-cache']), said }, 0).fields
  expect(names('')).toEqual([])
  expect(names('max-age=5')).toEqual([['Cache-Control', 'max-age=5']])
})

// RFC 9110 §6.6.1: "A recipient with a clock that receives a response message without a Date header field MUST record the time it was received
// and append a corresponding Date header field to the message's header section if it is cached or forwarded downstream."
test('RFC 9110 §6.6.1: an answer without a Date is of now', () => {
  const stored = storedWith(['Date', DATE], ['ETag', '"a"'])
  expect(updatedBy(answer({}, 304), {}, stored, Date.parse(LATER)).fields).toEqual([
    ['Date', LATER],
    ['ETag', '"a"'],
  ])
})
