import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Head } from '../../middleware/http/head.ts'
import { bytesOf, signOf, storedResponseCodec, toStored, type StoredResponse } from '../../middleware/http/stored-response.ts'
import { uriRef } from '../../src/door.ts'
import { CodecError } from '../../src/index.ts'

const body = Buffer.from('abc')

test('a response takes what its body, its fields, what selects it and what it depends on take, and something for itself', () => {
  const stored = (more: Partial<StoredResponse> = {}): StoredResponse => ({
    status: 200,
    statusMessage: '',
    fields: [],
    removed: [],
    body: new Uint8Array(),
    ...more,
  })
  const least = bytesOf(stored())
  expect(least).toBeGreaterThan(100)
  const fields: StoredResponse['fields'] = [
    ['a', '123'],
    ['b', ['1', '2']],
  ]
  const takes = [
    bytesOf(stored({ body })),
    bytesOf(stored({ fields })),
    bytesOf(stored({ selection: { fields: ['accept'], asRead: [] } })),
    bytesOf(stored({ absent: ['req.a'] })),
    bytesOf(stored(), [uriRef('/a'), uriRef('/abc')]),
  ]
  expect(takes.map((bytes) => bytes - least)).toEqual([3, 8, 6, 5, uriRef('/a').text.length + uriRef('/abc').text.length])
})

function head(fields: Head['fields'], spelling: Record<string, string> = {}): Head {
  return { status: 200, statusMessage: '', fields, spelling: new Map(Object.entries(spelling)) }
}

describe('what is stored of a response', () => {
  test('is what the handler added and changed, as it was spelled', () => {
    const made = head({ 'x-outer': '1', 'x-changed': '2', 'x-added': ['a', 'b'], 'content-length': 3 }, { 'x-added': 'X-Added' })
    expect(toStored(made, { 'x-outer': '1', 'x-changed': '1' }, body)).toEqual({
      status: 200,
      statusMessage: '',
      fields: [
        ['x-changed', '2'],
        ['X-Added', ['a', 'b']],
        ['content-length', '3'],
      ],
      removed: [],
      body,
    })
  })

  test('is what it took away', () => {
    expect(toStored(head({ 'x-a': '1' }), { 'x-a': '1', 'x-b': '1' }, body)).toMatchObject({ fields: [], removed: ['x-b'] })
  })

  test('is no field of one connection or one client', () => {
    const made = head({
      connection: 'X-Hop, close',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'set-cookie': ['a=1'],
      'proxy-authenticate': 'Basic',
      'x-end': '1',
    })
    expect(toStored(made, {}, body).fields).toEqual([['x-end', '1']])
  })

  test('is what caches behind said, not what this one said', () => {
    expect(toStored(head({ 'cache-status': 'Origin; hit, CacheAlchemy;fwd=miss' }), {}, body).fields).toEqual([
      ['cache-status', 'Origin; hit'],
    ])
    expect(toStored(head({ 'cache-status': 'CacheAlchemy;fwd=miss' }), {}, body).fields).toEqual([])
  })

  test('is a field that an outer layer set to the same lines as nothing', () => {
    expect(toStored(head({ vary: ['a', 'b'], age: 5 }), { vary: ['a', 'b'], age: '5' }, body).fields).toEqual([])
  })
})

describe('what is stored in the place of several responses', () => {
  const selection = { fields: ['accept', 'x-size'], asRead: ['accept'] }

  test('is a sign, of no status that could be sent, that comes back from its bytes', () => {
    const sign = signOf(selection)
    expect([sign.status, sign.selection]).toEqual([0, selection])
    expect(storedResponseCodec.decode(storedResponseCodec.encode(sign))).toEqual({ ...sign, body: Buffer.alloc(0) })
  })

  test('is neither a response that selects nor a sign that does not', () => {
    const wrong = [
      { ...signOf(selection), status: 200 },
      { status: 0, statusMessage: '', fields: [], removed: [], body },
      signOf({ fields: ['cookie'], asRead: [] }),
      signOf({ fields: [], asRead: [] }),
    ]
    for (const value of wrong) expect(() => storedResponseCodec.decode(storedResponseCodec.encode(value))).toThrow(CodecError)
  })
})

describe('a stored response as bytes', () => {
  const anyText = fc.string({ unit: 'binary' })
  const anyResponse: fc.Arbitrary<StoredResponse> = fc.record(
    {
      status: fc.integer({ min: 200, max: 599 }),
      statusMessage: anyText,
      fields: fc.array(fc.tuple(anyText, fc.oneof(anyText, fc.array(anyText)))),
      removed: fc.array(anyText),
      body: fc.uint8Array(),
      absent: fc.array(anyText),
    },
    { requiredKeys: ['status', 'statusMessage', 'fields', 'removed', 'body'] },
  )

  test('comes back as it was', () => {
    fc.assert(
      fc.property(anyResponse, (response) => {
        const back = storedResponseCodec.decode(storedResponseCodec.encode(response))
        expect({ ...back, body: Buffer.from(back.body) }).toEqual({ ...response, body: Buffer.from(response.body) })
      }),
    )
  })

  test('is refused where it is anything else, and nothing of it is run', () => {
    const whole = Buffer.from(storedResponseCodec.encode({ status: 200, statusMessage: '', fields: [], removed: [], body }))
    const framed = (json: string): Buffer => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(json))
      return Buffer.concat([length, Buffer.from(json)])
    }
    const wrong = [
      Buffer.alloc(0),
      Buffer.from('abc'),
      whole.subarray(0, 10),
      Buffer.from([255, 255, 255, 255, 1]),
      framed('null'),
      framed('{}'),
      framed('{"status":99,"statusMessage":"","fields":[],"removed":[]}'),
      framed('{"status":200,"statusMessage":"","fields":[],"removed":[],"absent":"req.user"}'),
      framed('{"status":200,"statusMessage":"","fields":[["a",1]],"removed":[]}'),
    ]
    for (const bytes of wrong) expect(() => storedResponseCodec.decode(bytes)).toThrow(CodecError)
    expect(() => storedResponseCodec.decode(framed('{"status"'))).toThrow(/JSON/)
  })
})
