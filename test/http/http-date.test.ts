import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseHttpDate } from '../../middleware/http/http-date.ts'

const now = Date.UTC(2026, 5, 1)
const moment = Date.UTC(1994, 10, 6, 8, 49, 37)

// RFC 9110 §5.6.7: "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date formats."
test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])('%s is a date', (text) => {
  expect(parseHttpDate(text, now)).toBe(moment)
})

// RFC 9111 §4.2: "Although all date formats are specified to be case-sensitive, a cache recipient SHOULD match the field value
// case-insensitively."
test('case does not count', () => {
  expect(parseHttpDate('SUN, 06 nov 1994 08:49:37 gmt', now)).toBe(moment)
})

// RFC 9110 §5.6.7: "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST interpret a timestamp that
// appears to be more than 50 years in the future as representing the most recent year in the past that had the same last two digits."
test('a year of two digits is at most 50 years ahead', () => {
  expect(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', now)).toBe(Date.UTC(2076, 10, 6, 8, 49, 37))
  expect(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', now)).toBe(Date.UTC(1977, 10, 6, 8, 49, 37))
})

// RFC 9111 §4.2: "A cache recipient SHOULD consider a date with a zone abbreviation other than "GMT" to be invalid for calculating
// expiration."
test.each([
  '0',
  '-1',
  '1',
  '',
  'never',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 06 Nov 1994 08:49:37 EST',
  'Sun, 06 Nov 1994 08:49:37 +0000',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 94 08:49:37 GMT',
  'Sun, 06-Nov-1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 8:49:37 GMT',
  'Sun, 06 Nov 1994 08.49.37 GMT',
  'Sun, 06 Nov 1994 24:49:37 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 31 Feb 1994 08:49:37 GMT',
  'Sun, 06 Foo 1994 08:49:37 GMT',
  'Sun 06 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  '1994-11-06T08:49:37Z',
])('%j is none', (text) => {
  expect(parseHttpDate(text, now)).toBeUndefined()
})

test('every date that JavaScript writes is read back', () => {
  const anyDate = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true })
  fc.assert(
    fc.property(anyDate, (date) => {
      expect(parseHttpDate(date.toUTCString(), now)).toBe(Math.floor(date.getTime() / 1000) * 1000)
    }),
  )
})
