// Slots of keys, as a Cluster counts them.
import { expect, test } from 'vitest'
import { slotOf } from '../../src/redis/slot.ts'

test.each([
  ['', 0],
  ['123456789', 0x31c3],
  ['foo', 12_182],
  ['{foo}:log', 12_182],
  ['a{foo}b{bar}', 12_182],
  ['ü€😀', 10_853],
])('%j lies in slot %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot)
})

test.each(['{}:log', '{', '}{', 'a{b', 'x}{}{foo}'])('braces of %j that hold nothing do not count', (key) => {
  expect(slotOf(key)).not.toBe(slotOf('foo'))
  expect(slotOf(key)).not.toBe(0)
})
