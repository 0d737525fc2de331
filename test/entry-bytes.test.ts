// An entry as bytes.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEntry, encodeEntry, type NewRemoteEntry } from '../src/entry-bytes.ts'
import { CodecError } from '../src/errors.ts'
import { exactRef, wholeRef } from '../src/ref.ts'

const STORED_AT = 1_700_000_000_000

function newEntry(entry: Partial<NewRemoteEntry> = {}): NewRemoteEntry {
  const payload = Buffer.from('{}')
  return { generation: 'g', epoch: 1, refs: [exactRef('row', '1')], lifetime: 60_000, staleWindow: 0, cost: undefined, payload, ...entry }
}

test('each of thousands of entries says what it said, however often it is read and however alike they are', () => {
  const entryOf = fc.record({
    epoch: fc.integer({ min: 1, max: 3 }),
    // Where two headers are told apart by a few of their characters, these have the same ones.
    text: fc.stringMatching(/^[a-f]{2}same end$/),
    lifetime: fc.constantFrom(1000, 1500.5, Number.POSITIVE_INFINITY),
    staleWindow: fc.constantFrom(0, 500),
    cost: fc.constantFrom(undefined, 7),
    storedAt: fc.integer({ min: STORED_AT, max: STORED_AT + 3 }),
  })
  fc.assert(
    fc.property(fc.array(entryOf, { minLength: 200, maxLength: 200, size: 'max' }), (made) => {
      const stored = made.map(({ text, storedAt, ...entry }) => {
        const given = newEntry({ ...entry, refs: [exactRef('row', text)] })
        return { given, storedAt, bytes: encodeEntry(given, storedAt) }
      })
      for (const { given, storedAt, bytes } of [...stored, ...stored]) {
        const { generation, epoch, lifetime, cost, refs } = given
        const read = decodeEntry(bytes, 'at', STORED_AT + 10)!
        expect(read).toMatchObject({ generation, epoch, lifetime, remaining: lifetime - (STORED_AT + 10 - storedAt) })
        expect([read.cost, read.refs.map(String), read.payload.length]).toEqual([cost, refs.map(String), given.payload.byteLength])
      }
    }),
    { numRuns: 40 },
  )
})

test.each([
  ['of calls of a function', (id: number) => exactRef('row', `"id-${id}"`)],
  ['with keys that are no arguments', () => wholeRef('row')],
  ['of a route', (id: number) => exactRef('GET /rows/:id', `{"params":{"id":"${id}"},"path":"/rows/${id}","query":{}}`)],
])('of a thousand entries %s that are read in turn nearly all are known the second time', (_, refOf) => {
  const stored = Array.from({ length: 1000 }, (_, id) => {
    const refs = [refOf(id), exactRef('tag', 'all of them')]
    return encodeEntry(newEntry({ refs, epoch: id % 10 }), STORED_AT + Math.floor(id / 10))
  })
  const read = (): unknown[] => stored.map((bytes) => decodeEntry(bytes, 'at', STORED_AT + 1000)!.refs)
  const first = read()
  // The list of refs itself is that of the first time.
  expect(read().filter((refs, index) => refs === first[index]).length).toBeGreaterThan(950)
})

test.each([
  ['17000000000x0 2 g 1 60000 0 -', 'a time that is none'],
  ['1700000000000 2 g 9007199254740993 60000 0 -', 'an epoch that no number says exactly'],
  ['1700000000000 2 g 1 soon 0 -', 'a lifetime that is none'],
  ['1700000000000 2 g 1 60000 0', 'a field less'],
  ['1700000000000 2 g 1 60000 0 - -', 'a field more'],
  ['1700000000000 2 g 1 60000 0 1.5', 'a cost in parts'],
])('a header with %s is none: %s', (fields) => {
  const bytes = Buffer.from(`cache-alchemy:2 ${fields}\t=row(1\n{}`)
  expect(() => decodeEntry(bytes, 'at', STORED_AT)).toThrow(CodecError)
})
