// The plain spelling of a URL: there is one for each path and set of parameters, but for their order.
import { parse } from 'node:querystring'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPlain, plainPathOf } from '../../middleware/http/plain-url.ts'

describe('a path', () => {
  const path = plainPathOf('/films/:id/by-:who')

  test('is filled in with what its parameters are, encoded', () => {
    expect(path({ id: '17', who: 'ann' })).toBe('/films/17/by-ann')
    expect(path({ id: 'a b/c', who: "é'~(*" })).toBe('/films/a%20b%2Fc/by-%C3%A9%27~%28%2A')
  })

  test('has no plain spelling where a parameter is no text, or none that can be encoded', () => {
    for (const who of [undefined, ['a'], '\uD800']) expect(path({ id: '17', who })).toBeUndefined()
  })

  test('is spelled otherwise by another letter, another case, or a slash more', () => {
    for (const url of ['/films/%31', '/FILMS/1', '/films/1/', '//films/1', '/films/1#a', 'http://a/films/1', '/films/12', '/films/1 '])
      expect([url, isPlain(url, '/films/1', {})]).toEqual([url, false])
  })
})

describe('a query', () => {
  const pieces = fc.constantFrom(
    'a',
    'b',
    '=',
    '&',
    '%61',
    '%41',
    '%C3%A9',
    '%c3%a9',
    '%E0',
    'é',
    '+',
    '%20',
    '%2B',
    '[',
    ']',
    '%5B',
    '.',
    '%2E',
    "'",
    '%27',
    '',
  )
  const queries = fc.array(pieces, { maxLength: 12 }).map((list) => list.join(''))

  test('is plain with names and values that are encoded in the one way', () => {
    for (const query of ['?a=1', '?a=1&b=2', '?b=2&a=1', '?a=', '?a=%20&a=%2C', '?%C3%A9=1'])
      expect([query, isPlain(`/p${query}`, '/p', parse(query.slice(1)))]).toEqual([query, true])
    for (const query of [
      '?',
      '?a',
      '?=1',
      '?a=1&',
      '?&a=1',
      '?a=1&&b=2',
      '?a=+',
      '?a=%2c',
      '?a=%61',
      '?a=1,2',
      '?a[]=1',
      '?a=b=c',
      '?a=%E0%A4',
      '?a=1#b',
    ])
      expect([query, isPlain(`/p${query}`, '/p', parse(query.slice(1)))]).toEqual([query, false])
  })

  test('is not plain where its application’s parser makes something else of it', () => {
    const odd: [string, Record<string, unknown>][] = [
      ['?b=1&__proto__=x', { b: '1' }],
      ['?%5Bpage%5D=3', { page: '3' }],
      ['?a%5B%5D=1', { a: ['1'] }],
      ['?page=1&page=2', { page: '2' }],
      ['?page=1', { page: '2' }],
      ['?page=1', { page: ['1'] }],
      ['?page=1', { page: '1', more: 'x' }],
      ['?constructor=1', {}],
      ['', { page: '1' }],
    ]
    for (const [query, parsed] of odd) expect([query, isPlain(`/p${query}`, '/p', parsed)]).toEqual([query, false])
    expect(isPlain('/p?a=1&b=2&a=3', '/p', { a: ['1', '3'], b: '2' })).toBe(true)
  })

  test('two plain ones that a parser takes for the same differ in order alone', () => {
    const sorted = (query: string): string => query.split('&').sort().join('&')
    const meaning = (query: string): string => JSON.stringify(Object.entries(parse(query)).sort(([a], [b]) => (a < b ? -1 : 1)))
    const values = fc.constantFrom('1', '%31', 'é', '%C3%A9', "'", '%27', '+', '%20')
    const pairs = fc.array(fc.tuple(fc.constantFrom('a=', '%61=', 'b='), values), { minLength: 1, maxLength: 2 })
    const likely = pairs.map((list) => list.map(([name, value]) => name + value).join('&'))
    let compared = 0
    fc.assert(
      fc.property(likely, likely, (one, other) => {
        const isCompared =
          isPlain(`/p?${one}`, '/p', parse(one)) && isPlain(`/p?${other}`, '/p', parse(other)) && meaning(one) === meaning(other)
        if (isCompared) compared++
        if (isCompared) expect(sorted(one)).toBe(sorted(other))
      }),
      { numRuns: 20_000 },
    )
    expect(compared).toBeGreaterThan(20)
  })

  test('one that is decoded and spelled anew is plain exactly where nothing changed', () => {
    const anew = (query: string): string =>
      Array.from(new URLSearchParams(query), (pair) =>
        pair
          .map((text) => encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`))
          .join('='),
      ).join('&')
    fc.assert(
      fc.property(queries, (query) => {
        fc.pre(!query.includes('%E0') && !query.split('&').some((piece) => piece.startsWith('=')))
        expect(isPlain(`/p?${query}`, '/p', parse(query))).toBe(query !== '' && anew(query) === query)
      }),
    )
  })
})
