import { parse as parseSimple } from 'node:querystring'
import { parse as parseExtended } from 'qs'
import { describe, expect, test } from 'vitest'
import { argumentsOf, keyText, selectedArguments } from '../../middleware/http/request-key.ts'
import type { KeyRules, ParsedRequest } from '../../middleware/http/request-key.ts'
import type { Fields } from '../../middleware/http/fields.ts'
import type { Selection } from '../../middleware/http/vary.ts'
import { keyOf } from '../../src/key.ts'

const all: KeyRules = { query: true, headers: [] }
const request = (change: Partial<ParsedRequest>): ParsedRequest => ({ params: {}, query: {}, fields: {}, partition: undefined, ...change })
const key = (change: Partial<ParsedRequest>, rules: KeyRules = all): string => keyOf([argumentsOf(request(change), rules)])
const simple = (raw: string): string => key({ query: parseSimple(raw) })
const extended = (raw: string): string => key({ query: parseExtended(raw, { allowPrototypes: true }) })

test('a request is its params and its query, and no more than the rules say', () => {
  const plain = request({ params: { id: '42' }, query: { page: '2', utm: 'x' }, fields: { 'x-tenant': 'a' } })
  expect(argumentsOf(plain, all)).toEqual({ params: { id: '42' }, query: { page: '2', utm: 'x' } })
  expect(argumentsOf(plain, { query: ['page'], headers: ['x-tenant'] })).toEqual({
    params: { id: '42' },
    query: { page: '2' },
    headers: { 'x-tenant': 'a' },
  })
  expect(argumentsOf({ ...plain, partition: 'u1' }, { query: false, headers: [] })).toEqual({
    params: { id: '42' },
    query: {},
    partition: 'u1',
  })
})

describe('one key for every spelling', () => {
  test('order, encoding, empty parameters', () => {
    expect(simple('a=1&b=2')).toBe(simple('b=2&a=1'))
    expect(simple('a=x+y')).toBe(simple('a=x%20y'))
    expect(simple('%61=%C3%A9')).toBe(simple('a=é'))
    expect(simple('a')).toBe(simple('a='))
    expect(simple('')).toBe(simple('&&'))
    expect(extended('a[b]=1&a[c]=2')).toBe(extended('a%5Bc%5D=2&a%5Bb%5D=1'))
  })

  test('an optional parameter that is undefined is one that is absent', () => {
    expect(key({ params: { id: '1', format: undefined } })).toBe(key({ params: { id: '1' } }))
  })

  test('objects with and without a prototype', () => {
    expect(key({ query: { a: '1' } })).toBe(simple('a=1'))
  })
})

describe('different keys for what a handler can tell apart', () => {
  test.each([
    ['a=1', 'a=1&a=1'],
    ['a=1&a=2', 'a=2&a=1'],
    ['a=1,2', 'a=1&a=2'],
    ['a=1', 'A=1'],
    ['a=', ''],
    ['a=1&b=2', 'a=1%26b%3D2'],
    ['a=%00', 'a=%1e'],
    ['a="', 'a=%22b'],
    ['a=%2520', 'a=%20'],
  ])('%j and %j', (one, other) => {
    expect(simple(one)).not.toBe(simple(other))
  })

  test('what a parser reads as an object and what it reads as a text', () => {
    expect(extended('a[b]=1')).not.toBe(simple('a[b]=1'))
    expect(extended('a[b]=1')).not.toBe(extended('a=%5Bb%5D'))
    expect(extended('a[]=1')).not.toBe(extended('a=1'))
    expect(key({ params: { p: ['a', 'b'] } })).not.toBe(key({ params: { p: 'a/b' } }))
  })

  test('names that objects inherit', () => {
    expect(simple('__proto__=1')).not.toBe(simple(''))
    expect(simple('__proto__=1')).not.toBe(simple('__proto__=2'))
    expect(simple('constructor=1')).not.toBe(simple('hasOwnProperty=1'))
    const params = JSON.parse('{"__proto__":"x","gone":"y"}') as Record<string, unknown>
    expect(key({ params: { ...params, gone: undefined } })).not.toBe(key({}))
  })

  test('a param and a query parameter, and none of a partition and an empty one', () => {
    expect(key({ params: { a: '1' } })).not.toBe(key({ query: { a: '1' } }))
    expect(key({ partition: '' })).not.toBe(key({}))
    expect(key({ partition: 'a' })).not.toBe(key({ partition: 'b' }))
  })
})

// RFC 9111 §4.1: "The header fields from two requests are defined to match if and only if those in the first request can be transformed to
// those in the second request by applying any of: adding or removing whitespace, where allowed in the header field's syntax; combining
// multiple header field lines with the same field name ... If (after any normalization that might take place) a header field is absent from a
// request, it can only match another request if it is also absent there."
describe('RFC 9111 §4.1, request fields', () => {
  const rules: KeyRules = { query: true, headers: ['accept-language', 'x-tenant'] }
  const of = (fields: ParsedRequest['fields']): string => key({ fields }, rules)

  test('lines and spaces do not count', () => {
    expect(of({ 'accept-language': 'de, en;q=0.5' })).toBe(of({ 'accept-language': ' de ,en;q=0.5' }))
    expect(of({ 'accept-language': ['de', 'en;q=0.5'] })).toBe(of({ 'accept-language': 'de, en;q=0.5' }))
  })

  test('spaces inside quotation marks do', () => {
    expect(of({ 'x-tenant': '"a, b"' })).not.toBe(of({ 'x-tenant': '"a,b"' }))
  })

  test('absent is not empty', () => {
    expect(of({})).not.toBe(of({ 'x-tenant': '' }))
    expect(of({ 'x-tenant': 'a' })).not.toBe(of({ 'accept-language': 'a' }))
  })

  test('what every object inherits is absent', () => {
    expect(argumentsOf(request({}), { query: true, headers: ['constructor', '__proto__'] }).headers).toEqual({})
  })
})

describe('what selects a response', () => {
  const nominated = (...fields: string[]): Selection => ({ fields, asRead: [] })
  const keyed = (fields: Fields, selection: Selection = nominated('foo')): string =>
    keyOf([selectedArguments(argumentsOf(request({}), all), fields, selection)])

  test('is an argument more, beside those that the route names', () => {
    const args = argumentsOf(request({ params: { id: '1' }, fields: { 'x-tenant': 'a' } }), { query: true, headers: ['x-tenant'] })
    expect(selectedArguments(args, { foo: ' 1 , 2' }, nominated('bar', 'foo'))).toEqual({
      params: { id: '1' },
      query: {},
      headers: { 'x-tenant': 'a', foo: '1,2', bar: null },
    })
  })

  // RFC 9111 §4.1: "normalizing both header field values in a way that is known to have identical semantics".
  test('is the same for lines and lists, with and without whitespace', () => {
    expect(keyed({ foo: ['1', '2'] })).toBe(keyed({ foo: '1,  2 ' }))
    expect(keyed({ foo: '1,2' })).not.toBe(keyed({ foo: '2,1' }))
    expect(keyed({ foo: 'a' })).not.toBe(keyed({ foo: 'A' }))
    expect(keyed({ foo: '" 1"' })).not.toBe(keyed({ foo: '"1"' }))
  })

  test('is absent in its own way, which no value and no other selection is', () => {
    const keys = [keyed({}), keyed({ foo: '' }), keyed({ foo: 'null' }), keyed({}, nominated('bar')), keyed({}, nominated('bar', 'foo'))]
    keys.push(key({}), keyed({ foo: '1","bar":"2' }), keyed({ foo: '1', bar: '2' }, nominated('bar', 'foo')))
    expect(new Set(keys).size).toBe(keys.length)
    expect(keyed({}, nominated('__proto__', 'constructor'))).not.toBe(keyed({}, nominated()))
  })

  test('of languages is neither their order nor their case, unless a handler reads them', () => {
    const nominates = nominated('accept-language')
    const reads = { ...nominates, asRead: ['accept-language'] }
    expect(keyed({ 'accept-language': 'en, De;q=0.5' }, nominates)).toBe(keyed({ 'accept-language': 'de; q=0.5,EN' }, nominates))
    expect(keyed({ 'accept-language': 'en, de' }, reads)).not.toBe(keyed({ 'accept-language': 'de, en' }, reads))
    expect(keyed({ 'accept-language': 'en' }, nominates)).not.toBe(keyed({ 'accept-language': 'de' }, nominates))
  })

  test('is no longer than it needs to be, and still no other', () => {
    const long = 'x'.repeat(1000)
    expect(keyText(long).length).toBeLessThan(60)
    expect(keyText(long)).not.toBe(keyText(`${long}x`))
    // What stands for it holds a character that no field's value can hold: RFC 9110 §5.5.
    expect(keyText(long)[0]).toBe('\0')
    expect(keyText('x'.repeat(128))).toBe('x'.repeat(128))
  })
})
