// Which flight runs for a call.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Call } from '../src/call.ts'
import { Flight } from '../src/flight.ts'
import { Flights } from '../src/flights.ts'
import { Frame } from '../src/tracking.ts'

const newFlight = (): Flight<unknown> => new Flight(new Frame(0, undefined))
// The string 42 has the label that the number has.
const calls = [new Call('', true, 'row'), new Call('42', true, 'row'), new Call('42', false, 'row'), new Call('[1]', false, 'row')]
const callOf = (label: string): Call => new Call(label, true, 'row')

test('each call has the flight that came last, until that one leaves, whatever the others do', () => {
  const step = fc.record({ call: fc.constantFrom(...calls), does: fc.constantFrom('comes', 'leaves', 'an older one leaves') })
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 40 }), (steps) => {
      const flights = new Flights<unknown>()
      const expected = new Map<Call, Flight<unknown>>()
      const older = newFlight()
      for (const { call, does } of steps) {
        const present = expected.get(call) ?? older
        const coming = newFlight()
        if (does === 'comes') {
          flights.set(call, coming)
          expected.set(call, coming)
        } else if (does === 'leaves') {
          flights.leave(present)
          expected.delete(call)
        } else flights.leave(older)
        for (const each of calls) expect(flights.get(each)).toBe(expected.get(each))
      }
    }),
    { numRuns: 300 },
  )
})

test.each([0, 1])('the flight that waits for another takes its place, where %i others run', (others) => {
  const flights = new Flights<unknown>()
  for (let i = 0; i < others; i++) flights.set(callOf(`other ${i}`), newFlight())
  const first = newFlight()
  flights.set(callOf('key'), first)
  first.next = newFlight()
  flights.leave(first)
  expect(flights.get(callOf('key'))).toBe(first.next)
  flights.leave(first.next)
  expect(flights.get(callOf('key'))).toBeUndefined()
})

test('thousands that come and go, some of which stay, are each found while they run and no longer', () => {
  const flights = new Flights<unknown>()
  const running = Array.from({ length: 3000 }, (_, i) => ({ call: callOf(`key ${i}`), flight: newFlight() }))
  const stays = (i: number): boolean => i % 7 === 0
  const found = (): boolean[] => running.map(({ call, flight }) => flights.get(call) === flight)
  running.forEach(({ call, flight }, i) => {
    flights.set(call, flight)
    const before = running[i - 50]
    if (before !== undefined && !stays(i - 50)) flights.leave(before.flight)
  })
  const isRunning = (i: number): boolean => stays(i) || i >= running.length - 50
  expect(found()).toEqual(running.map((_, i) => isRunning(i)))
  for (const { flight } of running) flights.leave(flight)
  expect(running.map(({ call }) => flights.get(call)).filter((flight) => flight !== undefined)).toEqual([])
})
