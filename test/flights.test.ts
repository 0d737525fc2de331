// Which flight runs for a key.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Flight } from '../src/flight.ts'
import { Flights } from '../src/flights.ts'
import { Frame } from '../src/tracking.ts'

const newFlight = (): Flight<unknown> => new Flight(new Frame(0, undefined))
const keys = ['', 'a', 'b']

test('each key has the flight that came last, until that one leaves, whatever the others do', () => {
  const step = fc.record({ key: fc.constantFrom(...keys), does: fc.constantFrom('comes', 'leaves', 'an older one leaves') })
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 40 }), (steps) => {
      const flights = new Flights<unknown>()
      const expected = new Map<string, Flight<unknown>>()
      const older = newFlight()
      for (const { key, does } of steps) {
        const present = expected.get(key) ?? older
        const coming = newFlight()
        if (does === 'comes') {
          flights.set(key, coming)
          expected.set(key, coming)
        } else if (does === 'leaves') {
          flights.leave(key, present)
          expected.delete(key)
        } else flights.leave(key, older)
        for (const each of keys) expect(flights.get(each)).toBe(expected.get(each))
      }
    }),
    { numRuns: 300 },
  )
})

test.each([0, 1])('the flight that waits for another takes its place, where %i others run', (others) => {
  const flights = new Flights<unknown>()
  for (let i = 0; i < others; i++) flights.set(`other ${i}`, newFlight())
  const first = newFlight()
  flights.set('key', first)
  first.next = newFlight()
  flights.leave('key', first)
  expect(flights.get('key')).toBe(first.next)
  flights.leave('key', first.next)
  expect(flights.get('key')).toBeUndefined()
})

test('thousands that come and go, some of which stay, are each found while they run and no longer', () => {
  const flights = new Flights<unknown>()
  const running = Array.from({ length: 3000 }, (_, i) => ({ key: `key ${i}`, flight: newFlight() }))
  const stays = (i: number): boolean => i % 7 === 0
  const found = (): boolean[] => running.map(({ key, flight }) => flights.get(key) === flight)
  running.forEach(({ key, flight }, i) => {
    flights.set(key, flight)
    const before = running[i - 50]
    if (before !== undefined && !stays(i - 50)) flights.leave(before.key, before.flight)
  })
  const isRunning = (i: number): boolean => stays(i) || i >= running.length - 50
  expect(found()).toEqual(running.map((_, i) => isRunning(i)))
  for (const { key, flight } of running) flights.leave(key, flight)
  expect(running.map(({ key }) => flights.get(key)).filter((flight) => flight !== undefined)).toEqual([])
})
