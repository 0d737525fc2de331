import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { structured } from '../../src/codec/structured.ts'
import { CodecError } from '../../src/errors.ts'
import { differenceOf } from '../support/value-graph.ts'

const codec = structured()

function roundTrip<T>(value: T): T {
  return codec.decode(codec.encode(value)) as T
}

describe('a value that would not come back is a CodecError that names it and its place', () => {
  class Money {
    readonly amount = 1
  }
  class MyMap extends Map {}
  class HttpError extends Error {}
  const view = new Uint8Array(new SharedArrayBuffer(4))

  test.each<[string, unknown, string]>([
    [
      'an instance of a class',
      { rows: [1, { owner: new Money() }] },
      'The value at rows.1.owner is an instance of Money, a class that is not registered',
    ],
    ['at the top', new Money(), 'The value is an instance of Money'],
    ['an instance in a Map', { map: new Map([['a', { m: new Money() }]]) }, 'at map.a.m is an instance of Money'],
    ['an instance in a Set', new Set([1, new Money()]), 'at 1 is an instance of Money'],
    ['an instance in a cause', { reason: new Error('x', { cause: new Money() }) }, 'at reason.cause is an instance of Money'],
    ['a subclass of Map', { map: new MyMap() }, 'at map is an instance of MyMap'],
    ['a subclass of Array', [class Rows extends Array {}].map((Rows) => new Rows()), 'at 0 is an instance of Rows'],
    ['a subclass of Error', { reason: new HttpError('x') }, 'at reason is an instance of HttpError'],
    ['an object that inherits from an object', Object.create({ a: 1 }), 'prototype is another object'],
    ['a function', { user: { save: () => 1 } }, 'at user.save is a function'],
    ['a class', [Money], 'at 0 is a function'],
    ['a symbol', { kind: Symbol('x') }, 'at kind is a symbol'],
    ['a property named by a symbol', { a: { [Symbol('x')]: 1 } }, 'at a has a property named by a symbol'],
    ['a promise', { user: Promise.resolve(1) }, 'at user is a promise: await it'],
    ['a WeakMap', new WeakMap(), 'is an instance of WeakMap'],
    ['a WeakRef', new WeakRef({}), 'is an instance of WeakRef'],
    ['a stream', { body: Readable.from(['x']) }, 'at body is an instance of Readable, which has to be read first'],
    ['a web stream', new Blob(['x']).stream(), 'ReadableStream, which has to be read first'],
    ['an iterator', [1].values(), 'which has to be read first'],
    ['a generator', (function* () {})(), 'is an instance of Generator, which has to be read first'],
    ['a Response', { response: new Response('x') }, 'at response is an instance of Response, which has to be read first'],
    ['a Blob', new Blob(['x']), 'is an instance of Blob'],
    ['a boxed string', Object('x'), 'is an instance of String'],
    ['shared memory', { view }, 'at view shows memory that threads share'],
    ['a Date with a property', Object.assign(new Date(1), { zone: 'UTC' }), 'has a property of its own, "zone", which would be lost'],
    ['what only has the prototype of an error', Object.create(Error.prototype), 'has the prototype of Error but is none'],
    ['what only has the prototype of a Map', { a: Object.create(Map.prototype) }, 'The value at a could not be read'],
    ['what only has the prototype of an array', { a: Object.create(Array.prototype) }, 'has the prototype of Array but is none'],
    ['Math', { Math }, 'at Math has a property named by a symbol'],
    [
      'the arguments of a function',
      [
        (function () {
          return arguments
        })(),
      ],
      'at 0 has a property named by a symbol',
    ],
  ])('%s', (_, value, message) => {
    expect(() => codec.encode(value)).toThrow(CodecError)
    expect(() => codec.encode(value)).toThrow(message)
  })

  test('a getter that throws, with what it threw', () => {
    const cause = new RangeError('not loaded')
    const value = {
      row: {
        get author(): never {
          throw cause
        },
      },
    }
    expect(() => codec.encode(value)).toThrow(
      expect.objectContaining({ code: 'CODEC', cause, message: expect.stringContaining('at row') as string }),
    )
  })

  test('what lies too deep to be walked', () => {
    expect(() => codec.encode(nested(100_000))).toThrow(CodecError)
    expect(() => codec.encode(nested(200))).toThrow('more than 500 levels deep')
    expect(differenceOf(roundTrip(nested(160)), nested(160))).toBeUndefined()
  })
})

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = new Map([[1, new Error('x', { cause: { value } })]])
  return value
}
