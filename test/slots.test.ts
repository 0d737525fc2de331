// What is kept by name, beside a Map.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../src/slots.ts'

type Act = readonly [act: 'set' | 'delete', name: number]

test('hold what a Map would, after any acts', () => {
  const act = fc.tuple(fc.constantFrom('set', 'delete'), fc.nat(20)) as fc.Arbitrary<Act>
  fc.assert(
    fc.property(fc.array(act, { maxLength: 100 }), (acts) => {
      const [slots, map] = [new Slots<object>(), new Map<string, object>()]
      for (const [act, number] of acts) {
        const name = String(number)
        const value = { name }
        if (act === 'set') for (const it of [slots, map]) it.set(name, value)
        else for (const it of [slots, map]) it.delete(name)
        expect(slots.get(name)).toBe(map.get(name))
      }
      expect(slots.size).toBe(map.size)
      expect(Array.from(slots.values())).toEqual(Array.from(map.values()))
    }),
  )
})

test('hold what is left of many that have gone', () => {
  const slots = new Slots<number>()
  for (let n = 0; n < 10_000; n++) slots.set(`name ${n}`, n)
  for (let n = 0; n < 10_000; n++) if (n % 100 !== 0) slots.delete(`name ${n}`)
  slots.set('new', -1)
  expect(slots.size).toBe(101)
  expect(Array.from(slots.values())).toEqual([...Array.from({ length: 100 }, (_, index) => index * 100), -1])
  expect(slots.get('name 9900')).toBe(9900)
  expect(slots.get('name 9901')).toBeUndefined()
})

test('can be emptied on a walk of them', () => {
  const slots = new Slots<number>()
  for (let n = 0; n < 10_000; n++) slots.set(`name ${n}`, n)
  const walked: number[] = []
  for (const n of slots.values()) {
    walked.push(n)
    slots.delete(`name ${n}`)
  }
  expect(walked).toEqual(Array.from({ length: 10_000 }, (_, n) => n))
  expect(slots.size).toBe(0)
})
