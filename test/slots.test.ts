// Values in numbered places, beside a list in the order of their use.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NONE, Slots } from '../src/slots.ts'

type Act = readonly [act: 'add' | 'use' | 'remove', which: number]

test('hold each value in its place, and the order of use, after any acts', () => {
  const act = fc.tuple(fc.constantFrom('add', 'add', 'use', 'remove'), fc.nat(100)) as fc.Arbitrary<Act>
  fc.assert(
    fc.property(fc.array(act, { maxLength: 150 }), (acts) => {
      const slots = new Slots<object>()
      const order: Array<{ readonly place: number; readonly value: object }> = []
      for (const [act, which] of acts) {
        const [one] = act === 'add' ? [] : order.splice(which % order.length, 1)
        if (act === 'add') order.push(added(slots))
        else if (one !== undefined && act === 'remove') slots.remove(one.place)
        else if (one !== undefined) {
          slots.use(one.place)
          order.push(one)
        }
        expect(slots.size).toBe(order.length)
        for (const { place, value } of order) expect(slots.at(place)).toBe(value)
        const places = order.map(({ place }) => place)
        expect(walk(slots.oldest, (place) => slots.newerThan(place))).toEqual(places)
        expect(walk(slots.newest, (place) => slots.olderThan(place))).toEqual(places.toReversed())
      }
    }),
  )
})

test('keep nothing of what has gone, and take its place again', () => {
  const slots = new Slots<object>()
  const places = Array.from({ length: 40 }, () => slots.add({}))
  for (const place of places) slots.remove(place)
  expect(places.map((place) => slots.at(place))).toEqual(places.map(() => undefined))
  expect(Array.from({ length: 40 }, () => slots.add({})).toSorted((a, b) => a - b)).toEqual(places)
})

test('are sparse where most of many have gone', () => {
  const slots = new Slots<number>()
  const places = Array.from({ length: 2000 }, (_, n) => slots.add(n))
  for (const place of places.slice(500)) slots.remove(place)
  expect(slots.isSparse).toBe(false)
  slots.remove(places[0]!)
  expect(slots.isSparse).toBe(true)
})

function added(slots: Slots<object>): { place: number; value: object } {
  const value = {}
  return { place: slots.add(value), value }
}

function walk(from: number, next: (place: number) => number): number[] {
  const places: number[] = []
  for (let place = from; place !== NONE; place = next(place)) places.push(place)
  return places
}
