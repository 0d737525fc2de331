import { expect, test } from 'vitest'
import { Body, bytesOf, isChunk } from '../../middleware/http/body.ts'

test('a body is its chunks in one piece, and how many bytes went by', () => {
  const body = new Body(10)
  for (const chunk of ['ab', '', 'c']) expect(body.add(Buffer.from(chunk))).toBe(true)
  expect([body.bytes().toString(), body.length, new Body(1).bytes().length]).toEqual(['abc', 3, 0])
})

test('a body past its bound is let go of, and counted on', () => {
  const body = new Body(3)
  expect([body.add(Buffer.from('abc')), body.add(Buffer.from('d')), body.add(Buffer.from('e'))]).toEqual([true, false, false])
  expect([body.length, body.isTooLarge, body.bytes().length]).toEqual([5, true, 0])
})

test('a chunk is bytes of its own, in any encoding there is', () => {
  const bytes = Buffer.from('abc')
  const copy = bytesOf(bytes)!
  bytes.fill('x')
  expect(copy.toString()).toBe('abc')
  expect(['616263', 'YWJj', 'abc'].map((text, at) => bytesOf(text, ['hex', 'base64', () => {}][at])?.toString())).toEqual([
    'abc',
    'abc',
    'abc',
  ])
  expect(bytesOf('abc', 'none')).toBeUndefined()
})

test('a chunk is a text or bytes', () => {
  expect(['', Buffer.alloc(1), new Uint8Array(1), undefined, null, {}, 5, new Uint16Array(1)].map(isChunk)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ])
})
