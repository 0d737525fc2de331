import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deltaSeconds, MOST_SECONDS, parseCacheControl, permits, restricts, validSeconds } from '../../middleware/http/cache-control.ts'

// RFC 9111 §5.2: "Cache directives are identified by a token, to be compared case-insensitively, and have an optional argument that can use
// both token and quoted-string syntax. For the directives defined below that define arguments, recipients ought to accept both forms, even
// if a specific form is required for generation."
describe('RFC 9111 §5.2, the syntax', () => {
  test('names are compared without case', () => {
    const directives = parseCacheControl('No-Store, PRIVATE, Max-Age=5')
    expect(restricts(directives, 'no-store')).toBe(true)
    expect(restricts(directives, 'private')).toBe(true)
    expect(validSeconds(directives, 'max-age')).toBe(5)
  })

  test('an argument is a token or a quoted string', () => {
    expect(validSeconds(parseCacheControl('max-age=60'), 'max-age')).toBe(60)
    expect(validSeconds(parseCacheControl('max-age="60"'), 'max-age')).toBe(60)
    expect(validSeconds(parseCacheControl('max-age="6\\0"'), 'max-age')).toBe(60)
  })

  test('a comma or an escaped quotation mark inside a quoted string ends nothing', () => {
    const directives = parseCacheControl('ext="a, no-store, \\", private", max-age=1')
    expect([...directives.keys()]).toEqual(['ext', 'max-age'])
    expect(directives.get('ext')?.argument).toBe('a, no-store, ", private')
  })

  test('lines are one list, and empty members and spaces around members are nothing', () => {
    const directives = parseCacheControl([' , public ,, ', '\tmax-age=3\t', ''])
    expect([...directives.keys()]).toEqual(['public', 'max-age'])
    expect(permits(directives, 'public')).toBe(true)
  })

  test('what is not text is not read', () => {
    expect(parseCacheControl(undefined).size).toBe(0)
    expect(parseCacheControl('').size).toBe(0)
    expect(parseCacheControl(7).has('7')).toBe(true)
  })
})

// RFC 9111 §5.2.2.4: "The no-cache response directive, in its unqualified form (without an argument), indicates that the response MUST NOT be
// used to satisfy any other request without forwarding it for validation". §5.2.2.7: "The unqualified private response directive indicates
// that a shared cache MUST NOT store the response".
describe('a restriction holds in whatever form it is written', () => {
  test.each([
    'private="x"',
    'private=',
    'private="',
    'private="x',
    'private, private="x"',
    'private="x", private',
    'private=x y',
    'PRIVATE="Set-Cookie"; max-age=1',
    'max-age=60; private',
    'max-age=60 private',
    'public; private',
    '"private"',
    'ext="a, private',
    'ext="a" "private',
    'x="a"junk", private',
    '=private',
    '@private',
  ])('%s is private', (field) => {
    expect(restricts(parseCacheControl(field), 'private')).toBe(true)
  })

  test('a quoted string that one line leaves open hides nothing on the next', () => {
    expect(restricts(parseCacheControl(['ext="a', 'no-store']), 'no-store')).toBe(true)
  })

  test('a name that only contains it is another directive', () => {
    expect(restricts(parseCacheControl('x-private, private2, ext=private'), 'private')).toBe(false)
  })
})

describe('a permission holds only as it should be written', () => {
  test.each(['public', 'PUBLIC', ' public ,x', 'x, public', 'public, public'])('%s is public', (field) => {
    expect(permits(parseCacheControl(field), 'public')).toBe(true)
  })

  test.each([
    'public=1',
    'public="x"',
    'public;',
    '"public"',
    'public x',
    'ext="a, public',
    'ext="a" b", public, c"',
    'public, public=1',
    'public;, public',
    'public, public x',
  ])('%s is not', (field) => {
    expect(permits(parseCacheControl(field), 'public')).toBe(false)
  })
})

describe('numbers of seconds', () => {
  // RFC 9111 §1.2.2: "If a cache receives a delta-seconds value greater than the greatest integer it can represent, or if any of its
  // subsequent calculations overflows, the cache MUST consider the value to be 2147483648 (2^31) or the greatest positive integer it can
  // conveniently represent."
  test('one too large is 2^31', () => {
    expect(deltaSeconds('2147483647')).toBe(2147483647)
    expect(deltaSeconds('2147483649')).toBe(2 ** 31)
    expect(deltaSeconds('9'.repeat(5000))).toBe(MOST_SECONDS)
    expect(validSeconds(parseCacheControl('max-age=99999999999'), 'max-age')).toBe(2 ** 31)
  })

  // RFC 9111 §1.2.2: "delta-seconds = 1*DIGIT"
  test.each(['-1', '+1', '1.0', '1e3', '0x10', ' 1', '1 ', '', 'abc', '１'])('%j is none', (text) => {
    expect(deltaSeconds(text)).toBeUndefined()
  })

  test.each(['max-age', 'max-age=', 'max-age=abc', 'max-age=-1', 'max-age =5', 'max-age= 5', "max-age='5'", 'max-age=5;', 'max-age=5 s'])(
    '%s says none',
    (field) => {
      const directives = parseCacheControl(field)
      expect(restricts(directives, 'max-age')).toBe(true)
      expect(validSeconds(directives, 'max-age')).toBeUndefined()
    },
  )

  // RFC 9111 §4.2.1: "When there is more than one value present for a given directive (e.g., ... multiple Cache-Control: max-age directives),
  // either the first occurrence should be used or the response should be considered stale."
  test('two that differ say none, the same one twice is that one', () => {
    expect(validSeconds(parseCacheControl('max-age=1, max-age=100'), 'max-age')).toBeUndefined()
    expect(validSeconds(parseCacheControl(['max-age=1', 'max-age=100, max-age=100']), 'max-age')).toBeUndefined()
    expect(validSeconds(parseCacheControl('max-age=100, max-age="100"'), 'max-age')).toBe(100)
  })
})

test('no text makes it throw, and a directive between others is found whatever surrounds it', () => {
  const junk = fc.string({ unit: fc.constantFrom(',', ';', '"', '\\', '=', ' ', '\t', 'a', '\u0000', 'é', '5') })
  fc.assert(
    fc.property(junk, junk, (before, after) => {
      expect(restricts(parseCacheControl([before, 'no-store', after]), 'no-store')).toBe(true)
      parseCacheControl(`${before},no-store,${after}`)
    }),
  )
})

test('time grows with the length of the text and no faster', () => {
  const hostile = ['"', ',"', 'a="', '\\"', 'a=;', ' ', ',', 'a ', '="', 'a="b"c'].map((unit) => unit.repeat(200_000))
  const start = performance.now()
  for (const text of hostile) parseCacheControl(text)
  expect(performance.now() - start).toBeLessThan(5_000)
})
