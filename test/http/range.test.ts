import { describe, expect, test } from 'vitest'
import { partOf, type Whole } from '../../middleware/http/range.ts'

const now = Date.UTC(2026, 5, 1, 12, 0, 0)
const at = (seconds: number): string => new Date(now + seconds * 1000).toUTCString()
const part = (range: string | string[], whole: Partial<Whole> = {}, condition?: string): unknown => {
  const fields = { range, ...(condition !== undefined && { 'if-range': condition }) }
  return partOf('GET', fields, { status: 200, fields: {}, length: 10, ...whole }, now)
}

// RFC 9110 §14.1.2: "A client can limit the number of bytes requested without knowing the size of the selected representation. If the last-pos
// value is absent, or if the value is greater than or equal to the current length of the representation data, the byte range is interpreted as
// the remainder of the representation ... If the selected representation is shorter than the specified suffix-length, the entire
// representation is used."
describe('RFC 9110 §14.1.2, one range of bytes', () => {
  test.each([
    ['bytes=0-1', 0, 1],
    ['bytes=0-0', 0, 0],
    ['bytes=9-9', 9, 9],
    ['bytes=3-', 3, 9],
    ['bytes=3-10', 3, 9],
    ['bytes=3-99999999999999999999999', 3, 9],
    ['bytes=-1', 9, 9],
    ['bytes=-10', 0, 9],
    ['bytes=-11', 0, 9],
    [`bytes=-${'9'.repeat(400)}`, 0, 9],
    ['BYTES=0-1', 0, 1],
    ['bytes= 0-1 ', 0, 1],
    ['bytes=007-008', 7, 8],
  ])('%s', (range, first, last) => {
    expect(part(range)).toEqual({ first, last })
  })

  // §14.1.2: "If a valid byte-range-set includes at least one int-range with a first-pos that is less than the current length ... or at least
  // one suffix-range with a non-zero suffix-length, then the byte-range-set is satisfiable. Otherwise, it is unsatisfiable."
  test.each(['bytes=10-', 'bytes=10-20', 'bytes=99999999999999999999-', `bytes=${'9'.repeat(400)}-`, 'bytes=-0'])('%s is none', (range) => {
    expect(part(range)).toBe('none')
  })

  test('of nothing is none, but for its end, which is all of it', () => {
    expect(part('bytes=0-', { length: 0 })).toBe('none')
    expect(part('bytes=-5', { length: 0 })).toBeUndefined()
  })
})

// §14.2: "A server MAY ignore the Range header field"; §14.1.1: "An int-range is invalid if the last-pos value is present and less than
// first-pos. A server that receives ... MUST ignore".
test.each([
  'bytes=0-1,3-4',
  'bytes=0-1, 3-4',
  'bytes=5-4',
  'bytes=',
  'bytes=-',
  'bytes',
  'bytes=a-b',
  'bytes=1',
  'bytes=--1',
  'bytes=0x0-0x1',
  'bytes=1.0-2',
  'bytes=0-1;',
  'bytes =0-1',
  'items=0-1',
  '0-1',
  '',
])('for %j the whole is the answer', (range) => {
  expect(part(range)).toBeUndefined()
})

test('so it is for two Range fields, for another method and for another status', () => {
  expect(part(['bytes=0-1', 'bytes=2-3'])).toBeUndefined()
  for (const method of ['HEAD', 'POST'])
    expect(partOf(method, { range: 'bytes=0-1' }, { status: 200, fields: {}, length: 10 }, now)).toBeUndefined()
  for (const status of [203, 204, 301, 404]) expect(part('bytes=0-1', { status })).toBeUndefined()
  expect(partOf('GET', {}, { status: 200, fields: {}, length: 10 }, now)).toBeUndefined()
})

// RFC 9110 §13.1.5: "a recipient ... MUST ... use the strong comparison function"; "If the HTTP-date validator provided is not a strong
// validator in the sense defined by Section 8.8.2.2, the condition is false"; "If the HTTP-date validator provided exactly matches".
describe('RFC 9110 §13.1.5, If-Range', () => {
  const dated = { 'last-modified': at(-60), date: at(0) }

  test.each([
    ['"a"', { etag: '"a"' }],
    ['"a,b"', { etag: '"a,b"' }],
    [at(-60), dated],
    ['Monday, 01-Jun-26 11:59:00 GMT', dated],
    [at(-1), { 'last-modified': at(-1), date: at(0) }],
  ])('%s lets a part go', (condition, fields) => {
    expect(part('bytes=0-1', { fields }, condition)).toEqual({ first: 0, last: 1 })
    expect(part('bytes=10-', { fields }, condition)).toBe('none')
  })

  test.each([
    ['"b"', { etag: '"a"' }],
    ['W/"a"', { etag: 'W/"a"' }],
    ['"a"', { etag: 'W/"a"' }],
    ['W/"a"', { etag: '"a"' }],
    ['"a"', {}],
    ['"a", "b"', { etag: '"a"' }],
    ['*', { etag: '"a"' }],
    ['', { etag: '"a"' }],
    [at(-61), dated],
    [at(-59), dated],
    [at(-60), { 'last-modified': at(-60) }],
    [at(-60), { date: at(0) }],
    [at(0), { 'last-modified': at(0), date: at(0) }],
    ['0', dated],
  ])('%s does not, with what is there', (condition, fields) => {
    expect(part('bytes=0-1', { fields }, condition)).toBeUndefined()
    expect(part('bytes=10-', { fields }, condition)).toBeUndefined()
  })
})
