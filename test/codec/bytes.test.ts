import { describe, expect, test } from 'vitest'
import { structured } from '../../src/codec/structured.ts'
import { CodecError } from '../../src/errors.ts'
import { differenceOf } from '../support/value-graph.ts'

const codec = structured()

function roundTrip<T>(value: T): T {
  return codec.decode(codec.encode(value)) as T
}

describe('brings back', () => {
  test.each([Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array])(
    'a %o',
    (Class) => {
      const value = { before: 'x', view: new Class([1, 2, 250]), empty: new Class() }
      expect(differenceOf(roundTrip(value), value)).toBeUndefined()
    },
  )

  test.each([BigInt64Array, BigUint64Array])('a %o', (Class) => {
    const value = new Class([1n, 2n ** 62n])
    expect(differenceOf(roundTrip(value), value)).toBeUndefined()
  })

  test('a Buffer as a Buffer, and a Uint8Array as a Uint8Array', () => {
    const back = roundTrip({ buffer: Buffer.from('héllo\0'), bytes: new Uint8Array([0, 255]) })
    expect(Buffer.isBuffer(back.buffer)).toBe(true)
    expect(back.buffer.toString()).toBe('héllo\0')
    expect(Buffer.isBuffer(back.bytes)).toBe(false)
    expect([...back.bytes]).toEqual([0, 255])
  })

  test('an ArrayBuffer and a DataView', () => {
    const memory = new Uint8Array([1, 2, 3, 4]).buffer
    const back = roundTrip({ memory, view: new DataView(memory, 1, 2) })
    expect([...new Uint8Array(back.memory)]).toEqual([1, 2, 3, 4])
    expect([back.view.getUint8(0), back.view.getUint8(1), back.view.byteLength]).toEqual([2, 3, 2])
  })
})

test('bytes come back as a copy, which is neither the bytes decoded nor the memory encoded', () => {
  const value = { body: new Uint8Array([1, 2, 3]) }
  const bytes = codec.encode(value)
  value.body.fill(9)
  const back = codec.decode(bytes) as typeof value
  bytes.fill(8)
  expect([...back.body]).toEqual([1, 2, 3])
  expect(back.body.buffer.byteLength).toBe(3)
})

test('a Buffer is written as its bytes are, without what lies around them', () => {
  const body = Buffer.from('secret, body, secret').subarray(8, 12)
  expect(Buffer.from(codec.encode({ body })).toString()).toBe('~{"body":["~Buffer",4]}\0body')
})

test('a claim of much memory takes none', () => {
  const before = process.memoryUsage().arrayBuffers
  for (const text of ['~["~Buffer",4294967295]\0', '~["~ArrayBuffer",1e15]\0'])
    expect(() => codec.decode(Buffer.from(text))).toThrow(CodecError)
  expect(codec.decode(Buffer.from('~["~Array",4294967295,{}]'))).toHaveLength(4_294_967_295)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6)
})
