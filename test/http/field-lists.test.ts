// Which fields of a response `no-cache` and `private` keep from others, and when they keep all of it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCacheControl } from '../../middleware/http/cache-control.ts'
import { restrictsWhole, withheldFields } from '../../middleware/http/field-lists.ts'
import { policyOf } from '../../middleware/http/targeted.ts'

const NAMES = ['private', 'no-cache'] as const
const isWhole = (name: 'private' | 'no-cache', field: string | string[]): boolean => restrictsWhole(parseCacheControl(field), name)
const withheld = (field: string | string[]): readonly string[] => withheldFields({ 'cache-control': field })

// RFC 9111 §5.2.2.7: "If a qualified private response directive is present, with an argument that lists one or more field names, then only
// the listed header fields are limited to a single user: a shared cache MUST NOT store the listed header fields if they are present in the
// original response but MAY store the remainder of the response message without those header fields". §5.2.2.4: "a cache MUST NOT use the
// listed header fields to satisfy any other request without forwarding it for validation ..., or without removing them".
describe.each(NAMES)('RFC 9111 §5.2.2, %s with a list', (name) => {
  test.each([
    [`${name}="x-a"`, ['x-a']],
    [`max-age=60, ${name.toUpperCase()}="X-A, X_b2"`, ['x-a', 'x_b2']],
    [`${name}=" x-a\t,,x-b ,"`, ['x-a', 'x-b']],
    [`${name}="x\\-a"`, ['x-a']],
    [`${name}="x-a", ${name}="x-a"`, ['x-a']],
    [`${name}="set-cookie"`, ['set-cookie']],
  ])('%s is of these fields', (field, names) => {
    expect(withheld(field)).toEqual(names)
    for (const other of NAMES) expect(isWhole(other, field)).toBe(false)
  })

  test('is whole without one', () => {
    expect(isWhole(name, name)).toBe(true)
    expect(isWhole(name, 'max-age=60')).toBe(false)
  })

  test.each([
    `${name}=`,
    `${name}=""`,
    `${name}=" , "`,
    `${name}="x-a`,
    `${name}="x-a\\"`,
    `${name}="x-a"x-b`,
    `${name}="x-a";`,
    `${name} ="x-a"`,
    `${name}= "x-a"`,
    `${name}=x-a`,
    `${name}='x-a'`,
    `${name}="'x-a'"`,
    `${name}="x-a x-b"`,
    `${name}="x-a\tx-b"`,
    `${name}="x-a; x-b"`,
    `${name}="x-a\\"x-b"`,
    `${name}="\u00A0x-a"`,
    `${name}="x-ä"`,
    `${name}="x.a"`,
    `${name}, ${name}="x-a"`,
    `${name}="x-a", ${name}`,
    `${name}="x-a", ${name}="x-b"`,
    `${name}=x-a, ${name}="x-a"`,
    `${name}="x-a", ${name}=x-a`,
    `ext="a, ${name}="x-a"`,
  ])('%s is of the whole response, since it is none', (field) => {
    expect(isWhole(name, field)).toBe(true)
    expect(withheld(field)).toEqual([])
  })

  // What is left would be read as something else (RFC 9110 §8.3, §8.4), served to the wrong request (§12.5.5), for too long, or past what it
  // forbids a browser.
  test.each([
    'Content-Type',
    'content-encoding',
    'Content-Length',
    'Content-Disposition',
    'Content-Security-Policy',
    'X-Content-Type-Options',
    'X-Frame-Options',
    'Cross-Origin-Resource-Policy',
    'Access-Control-Allow-Origin',
    'Vary',
    'ETag',
    'Last-Modified',
    'Date',
    'Age',
    'Expires',
    'Pragma',
    'Cache-Control',
    'CDN-Cache-Control',
    'Location',
    'Allow',
  ])('that names %s is of the whole response', (needed) => {
    expect(isWhole(name, `${name}="x-a, ${needed}"`)).toBe(true)
    expect(withheld(`${name}="x-a, ${needed}"`)).toEqual([])
  })
})

test('both may have a list, and one of two that is whole leaves the other its own', () => {
  expect(withheld('private="x-a", no-cache="x-b"')).toEqual(['x-a', 'x-b'])
  expect(withheld(['private="x-a"', 'no-cache'])).toEqual(['x-a'])
  expect([isWhole('no-cache', ['private="x-a"', 'no-cache']), isWhole('private', ['private="x-a"', 'no-cache'])]).toEqual([true, false])
})

// RFC 9213 §2.1: the value of a member is what its directive has as an argument; a list of names is a String.
describe('a list in a targeted field', () => {
  const policy = (field: string): ReturnType<typeof policyOf> => policyOf({ 'cdn-cache-control': field }, ['cdn-cache-control'])

  test('is one where it is a String', () => {
    expect(withheldFields(policy('max-age=60, private="X-A", no-cache="x-b"'))).toEqual(['x-a', 'x-b'])
    expect(restrictsWhole(parseCacheControl(policy('private="X-A"')['cache-control']), 'private')).toBe(false)
  })

  test.each(['private', 'private=x-a', 'private=()', 'private=("x-a")', 'private=1', 'private=?0', 'private=:eC1h:', 'private=""'])(
    '%s is of the whole response',
    (field) => {
      expect(withheldFields(policy(field))).toEqual([])
      expect(restrictsWhole(parseCacheControl(policy(field)['cache-control']), 'private')).toBe(true)
    },
  )

  test('decides in place of that of Cache-Control', () => {
    const fields = { 'cache-control': 'private="x-a"', 'cdn-cache-control': 'max-age=60, private="x-b"' }
    expect(withheldFields(policyOf(fields, ['cdn-cache-control']))).toEqual(['x-b'])
    expect(withheldFields(policyOf(fields, []))).toEqual(['x-a'])
  })
})

const junk = fc.string({ unit: fc.constantFrom(',', ';', '"', "'", '\\', '=', ' ', '\t', 'x', '-', '\u0000', 'ä'), maxLength: 40 })

test('no text makes it throw, and what it does not take for a list is whole', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), junk, (name, text) => {
      const field = `${name}=${text}`
      const names = withheld(field)
      expect(names.length > 0).toBe(!isWhole(name, field))
      for (const named of names) expect(field.toLowerCase()).toContain(named.replaceAll('\\', ''))
    }),
  )
})

test('a list is what it was written as, whatever stands around its names', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '_'), minLength: 1, maxLength: 12 }).map((text) => `x${text}`)
  const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(space, name, space), { minLength: 1, maxLength: 8 }), (members) => {
      const list = members.map((member) => member.join('')).join(',')
      const needed = members.some(([, written]) => /^x-(?:content|frame)-|-cache-control$/i.test(written))
      if (!needed) expect(withheld(`private="${list}"`)).toEqual(members.map(([, written]) => written.toLowerCase()))
    }),
  )
})

test('time grows with the length of a list and no faster', () => {
  const hostile = [' ', ',', 'x', ', ', ' x', '\t\t,', 'x '].map((unit) => `private="${unit.repeat(300_000)}"`)
  const start = performance.now()
  for (const field of hostile) withheld(field)
  expect(performance.now() - start).toBeLessThan(5_000)
})
