import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { json } from '../../src/codec/json.ts'
import { CodecError } from '../../src/errors.ts'

function textOf(value: unknown): string {
  return Buffer.from(json.encode(value)).toString()
}

test('a value is written as JSON text', () => {
  expect(textOf({ name: 'Zoë', tags: ['~u', 'x'], n: 1.5, none: null })).toBe('{"name":"Zoë","tags":["~u","x"],"n":1.5,"none":null}')
})

test('what JSON keeps comes back as it was', () => {
  // Some have a -0 in them, which is refused.
  const kept = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))
  fc.assert(
    fc.property(kept, (value) => {
      expect(json.decode(json.encode(value))).toStrictEqual(value)
    }),
  )
})

test.each([[undefined], [null], [0], [''], [false]])('%s is a value', (value) => {
  expect(json.decode(json.encode(value))).toBe(value)
})

test('half of a surrogate pair survives', () => {
  expect(json.decode(json.encode(['\uD800', '\uDC00x']))).toEqual(['\uD800', '\uDC00x'])
})

test('an own property named __proto__ stays one and sets no prototype', () => {
  const value = JSON.parse('{"__proto__":{"admin":true}}') as object
  const back = json.decode(json.encode(value)) as { admin?: boolean }
  expect(Object.keys(back)).toEqual(['__proto__'])
  expect(back.admin).toBeUndefined()
})

test('an object that occurs twice comes back as two equal ones', () => {
  const shared = { a: 1 }
  expect(json.decode(json.encode([shared, shared]))).toEqual([{ a: 1 }, { a: 1 }])
})

describe('a value that JSON would change is a CodecError that names it and its place', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const holes: unknown[] = [1]
  holes[2] = 3

  test.each<[string, unknown, string]>([
    ['undefined in an object', { user: { nick: undefined } }, 'The value at user.nick is undefined, which JSON would change'],
    ['undefined in a list', [1, undefined], 'at 1 is undefined'],
    ['NaN', { mean: Number.NaN }, 'at mean is NaN'],
    ['Infinity', Number.POSITIVE_INFINITY, 'The value is Infinity'],
    ['-0', { n: -0 }, 'at n is -0'],
    ['a bigint', { id: 1n }, 'at id is a bigint'],
    ['a Date', { rows: [{ at: new Date(0) }] }, 'at rows.0.at is an instance of Date'],
    ['a Map', new Map(), 'The value is an instance of Map'],
    ['a Buffer', { body: Buffer.from('x') }, 'at body is an instance of Buffer'],
    ['an error', { reason: new TypeError('x') }, 'at reason is an instance of TypeError'],
    ['an object without a prototype', { row: Object.create(null) as object }, 'at row is an object without a prototype'],
    ['a list with holes', { list: holes }, 'at list is an array with holes'],
    ['a cycle', { cycle }, 'at cycle.self is part of itself'],
    ['a function', { toJSON: () => 1 }, 'at toJSON is a function'],
    ['a symbol', [Symbol('x')], 'at 0 is a symbol'],
    ['a property named by a symbol', { [Symbol('x')]: 1 }, 'has a property named by a symbol'],
  ])('%s', (_, value, message) => {
    expect(() => json.encode(value)).toThrow(CodecError)
    expect(() => json.encode(value)).toThrow(message)
  })

  test('and the message says which codec keeps it', () => {
    expect(() => json.encode({ at: new Date(0) })).toThrow('use the codec "structured"')
  })
})

test('bytes that are no JSON are a CodecError', () => {
  for (const text of ['', 'undefine', '{"a":1', '~["~Map"]', '\0']) expect(() => json.decode(Buffer.from(text))).toThrow(CodecError)
  expect(() => json.decode(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).toThrow(CodecError)
})
