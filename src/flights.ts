// Knows which flight runs for a call, among those of one function.

import type { Flight } from './flight.ts'
import { isOneCall, type Keyed } from './label.ts'

// Beside twice as many as fly. A place takes some 300 bytes with a long key.
const MOST_RESTING = 1000

/** Where the flight of one call stands while it runs. */
class Place<T> {
  flight: Flight<T> | undefined
}

/**
 * The flights of a function by call. Of most functions one runs at a time, and that one has a place of its own. The others' places stay when their
 * flights have ended: V8 makes a Map a new table again and again where keys come and go, each table that it leaves behind leads to the next,
 * and what was in them lives until all of them are collected.
 */
export class Flights<T> {
  #call: Keyed | undefined
  #flight: Flight<T> | undefined
  #others: Map<string, Place<T>> = new Map()
  /** Of the others. */
  #running = 0

  get(call: Keyed): Flight<T> | undefined {
    return this.#isFirst(call) ? this.#flight : this.#place(call)?.flight
  }

  /** Whether it is the one that has a place of its own. */
  #isFirst(call: Keyed): boolean {
    return this.#call !== undefined && isOneCall(this.#call, call)
  }

  /** The place among the others where a flight of this call may run. */
  #place(call: Keyed): Place<T> | undefined {
    // To look for a key where nothing is would first make it, and its hash.
    return this.#running === 0 ? undefined : this.#others.get(call.key)
  }

  set(call: Keyed, flight: Flight<T>): void {
    if (this.#isFirst(call) || (this.#call === undefined && this.#place(call)?.flight === undefined)) {
      this.#call = call
      this.#flight = flight
      return
    }
    let place = this.#others.get(call.key)
    if (place === undefined) this.#others.set(call.key, (place = new Place()))
    if (place.flight === undefined) this.#running++
    place.flight = flight
  }

  /** Lets the flight that waits for this one take its place, if there is one, and if no newer one has taken it. */
  leave(call: Keyed, flight: Flight<T>): void {
    if (this.#isFirst(call)) {
      if (this.#flight === flight && (this.#flight = flight.next) === undefined) this.#call = undefined
      return
    }
    const place = this.#place(call)
    if (place?.flight !== flight || (place.flight = flight.next) !== undefined) return
    this.#running--
    if (this.#others.size > 2 * this.#running + MOST_RESTING) this.#forget()
  }

  /** Gives up the places where nothing flies. */
  #forget(): void {
    const before = this.#others
    this.#others = new Map()
    for (const [key, place] of before) if (place.flight !== undefined) this.#others.set(key, place)
  }
}
