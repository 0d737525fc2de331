import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { structured } from '../../src/codec/structured.ts'
import { CodecError } from '../../src/errors.ts'
import { anything, differenceOf, graphs, strings } from '../support/value-graph.ts'

const codec = structured()

describe('decoding', () => {
  test.each([
    ['nothing', ''],
    ['no JSON', 'garbage'],
    ['a text cut short', '{"a":[1,2'],
    ['a marked text cut short', '~["~Map",1,'],
    ['another form', '\u0001{"a":1}'],
    ['an unknown mark', '~"~x1"'],
    ['a class that is not registered', '~["~:Money",{"amount":1}]'],
    ['a reference to nothing', '~["~r5"]'],
    ['a reference to what has no place yet', '~"~r0"'],
    ['bytes that are missing', '~["~Buffer",10]\0abc'],
    ['bytes that belong to nothing', '~["~Buffer",3]\0abcdef'],
    ['bytes of no number', '~["~Buffer","3"]\0abc'],
    ['a negative number of bytes', '~[["~Buffer",3],["~Buffer",-3]]\0abc'],
    ['half a number', '~["~Float64Array",3]\0abc'],
    ['a regular expression that is none', '~["~RegExp","(",""]'],
    ['a URL that is none', '~["~URL","nowhere"]'],
    ['a bigint that is none', '~"~i1x"'],
    ['a list of a length that no list has', '~["~Array",-1,{}]'],
    ['an error without its parts', '~["~TypeError"]'],
    ['what is too deep', `~${'['.repeat(5000)}${']'.repeat(5000)}`],
  ])('%s is a CodecError', (_, text) => {
    expect(() => codec.decode(Buffer.from(text))).toThrow(CodecError)
  })

  test('bytes that are no UTF-8 are a CodecError, and not replaced by something else', () => {
    for (const form of ['', '~'])
      expect(() => codec.decode(Buffer.concat([Buffer.from(`${form}"`), Uint8Array.of(0xff), Buffer.from('"')]))).toThrow(CodecError)
  })

  test.each(['Function', 'Object', 'process', 'Promise', 'WeakMap', 'constructor', '__proto__', 'globalThis', 'CodecError'])(
    'the name %s finds nothing to call',
    (name) => {
      expect(() => codec.decode(Buffer.from(`~["~${name}","globalThis.attacked=1"]`))).toThrow(CodecError)
      expect(() => codec.decode(Buffer.from(`~["~:${name}",{}]`))).toThrow(CodecError)
      expect('attacked' in globalThis).toBe(false)
    },
  )

  test('no name sets a prototype or meets a setter', () => {
    const attack = '{"__proto__":{"admin":["~Date",1]},"constructor":{"prototype":{"admin":1}}}'
    for (const text of [
      attack,
      `["~Null",${attack}]`,
      `["~Error",${attack},${attack}]`,
      `["~Array",0,${attack}]`,
      `["~Map",${attack},${attack}]`,
    ]) {
      const value = codec.decode(Buffer.from(`~${text}`)) as { admin?: unknown }
      expect(value.admin).toBeUndefined()
      expect(({} as { admin?: unknown }).admin).toBeUndefined()
    }
    const back = codec.decode(Buffer.from(`~${attack}`)) as object
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(differenceOf(Object.getOwnPropertyDescriptor(back, '__proto__')?.value, { admin: new Date(1) })).toBeUndefined()
  })

  test('a view over other memory is decoded within its bounds', () => {
    const memory = new Uint8Array(100).fill(0x7e)
    const bytes = codec.encode({ at: new Date(1), body: Buffer.from('x') })
    memory.set(bytes, 10)
    expect(differenceOf(codec.decode(memory.subarray(10, 10 + bytes.length)), { at: new Date(1), body: Buffer.from('x') })).toBeUndefined()
  })
})

describe('bytes that no encoder made are decoded to some value or are a CodecError:', () => {
  test('those that were damaged', () => {
    const damages = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.oneof(anything, graphs), damages, fc.nat(), (value, changes, cut) => {
        const bytes = Buffer.from(codec.encode(value))
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        expect(failureOf(bytes)).toSatisfy(isMiss)
        expect(failureOf(bytes.subarray(0, cut % bytes.length))).toSatisfy(isMiss)
      }),
      { numRuns: 1000 },
    )
  })

  test('marks put together at random', () => {
    const marks = fc.constantFrom(
      '~Map',
      '~Set',
      '~Date',
      '~RegExp',
      '~URL',
      '~Null',
      '~Array',
      '~Buffer',
      '~Float64Array',
      '~ArrayBuffer',
      '~Error',
      '~AggregateError',
    )
    const leaves = fc.oneof(
      fc.constantFrom('~r0', '~r1', '~i1', '~i', '~n', '~n-0', '~u', '~', '~~', '~x', 'g', null),
      fc.integer({ min: -1, max: 5 }),
      fc.constantFrom(2 ** 32, 2 ** 60, 1.5),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaves,
        fc.tuple(marks, fc.array(tie('tree'))).map(([mark, parts]) => [mark, ...parts]),
        fc.dictionary(strings, tie('tree')),
      ),
    }))
    fc.assert(
      fc.property(tree, fc.uint8Array(), (it, attached) => {
        expect(failureOf(Buffer.concat([Buffer.from(`~${JSON.stringify(it)}\0`), attached]))).toSatisfy(isMiss)
      }),
      { numRuns: 1000 },
    )
  })

  test('random ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(failureOf(bytes)).toSatisfy(isMiss)
      }),
      { numRuns: 1000 },
    )
  })
})

function failureOf(bytes: Uint8Array): unknown {
  try {
    codec.decode(bytes)
    return undefined
  } catch (error) {
    return error
  }
}

function isMiss(failure: unknown): boolean {
  return failure === undefined || failure instanceof CodecError
}
