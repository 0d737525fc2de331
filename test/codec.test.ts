import { describe, expect, expectTypeOf, test } from 'vitest'
import { resolveCodec, structured, type Codec, type CodecOption } from '../src/codec.ts'
import { CodecError, ConfigError } from '../src/errors.ts'

/** The codec of an option that has one. */
function codecOf(option: CodecOption | undefined): Codec {
  const codec = resolveCodec(option)
  if (codec === 'reference') throw new Error('Values of codec "reference" have no bytes.')
  return codec
}

const upperCase: Codec<string> = {
  encode: (value) => Buffer.from(value.toUpperCase()),
  decode: (bytes) => Buffer.from(bytes).toString().toLowerCase(),
}

test('the default is "structured"', () => {
  const bytes = codecOf(undefined).encode(new Set([1]))
  expect(codecOf('structured').decode(bytes)).toEqual(new Set([1]))
})

test('"json" is JSON', () => {
  expect(Buffer.from(codecOf('json').encode({ a: [1] })).toString()).toBe('{"a":[1]}')
})

test('"reference" has no bytes', () => {
  expect(resolveCodec('reference')).toBe('reference')
})

test('plain data of "structured" and "json" is the same JSON, so one reads what the other wrote', () => {
  const value = { id: 1, tags: ['a', null], nested: { ok: true } }
  expect(codecOf('json').decode(codecOf('structured').encode(value))).toEqual(value)
  expect(codecOf('structured').decode(codecOf('json').encode(value))).toEqual(value)
})

describe('a codec of one’s own', () => {
  test('is two functions', () => {
    const codec = codecOf(upperCase)
    expect(Buffer.from(codec.encode('word')).toString()).toBe('WORD')
    expect(codec.decode(codec.encode('word'))).toBe('word')
    expectTypeOf(upperCase).toExtend<CodecOption>()
  })

  test('may use its `this`', () => {
    class Prefixed implements Codec<string> {
      readonly #prefix = 'x'

      encode(value: string): Uint8Array {
        return Buffer.from(this.#prefix + value)
      }

      decode(bytes: Uint8Array): string {
        return Buffer.from(bytes).toString().slice(this.#prefix.length)
      }
    }
    const codec = codecOf(new Prefixed())
    expect(Buffer.from(codec.encode('word')).toString()).toBe('xword')
  })

  test('fails with a CodecError that holds what it threw', () => {
    const cause = new TypeError('no such field')
    const fails = (): never => {
      throw cause
    }
    const codec = codecOf({ encode: fails, decode: fails })
    for (const work of [() => codec.encode(1), () => codec.decode(new Uint8Array())]) {
      expect(work).toThrow(CodecError)
      expect(work).toThrow(expect.objectContaining({ code: 'CODEC', cause, message: expect.stringContaining('no such field') as string }))
    }
  })

  test('keeps a CodecError that it throws', () => {
    const error = new CodecError('too large for us')
    const codec = codecOf({
      encode() {
        throw error
      },
      decode: () => 1,
    })
    expect(() => codec.encode(1)).toThrow(error)
  })

  test.each([
    ['text', 'word', 'got "word"'],
    ['nothing', undefined, 'got undefined'],
    ['a promise', Promise.resolve(new Uint8Array()), 'got an object (Promise)'],
  ])('that encodes to %s is told so', (_, bytes, message) => {
    const codec = codecOf({ encode: () => bytes as unknown as Uint8Array, decode: () => 1 })
    expect(() => codec.encode(1)).toThrow(CodecError)
    expect(() => codec.encode(1)).toThrow(message)
  })

  test('that decodes to a promise is told so', () => {
    const codec = codecOf({ encode: () => new Uint8Array(), decode: () => Promise.resolve(1) })
    expect(() => codec.decode(new Uint8Array())).toThrow(CodecError)
    expect(() => codec.decode(new Uint8Array())).toThrow('a promise')
  })
})

test.each([
  ['JSON', 'got "JSON"'],
  [null, 'got null'],
  [{ encode: () => new Uint8Array() }, 'got an object (Object)'],
  [JSON, 'got an object (Object)'],
  [structured, 'Call it: structured()'],
])('what is no codec is a ConfigError that says what to write: %s', (option, message) => {
  const wrong = option as CodecOption
  expect(() => resolveCodec(wrong)).toThrow(ConfigError)
  expect(() => resolveCodec(wrong)).toThrow(message)
  expect(() => resolveCodec(wrong)).toThrow('"structured", "json", "reference" or an object with the functions `encode` and `decode`')
})
