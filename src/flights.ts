// Knows which flight runs for a key, among those of one function.

import type { Flight } from './flight.ts'

// Keys without a flight, at most, or half of all where more are flying.
const MOST_RESTING = 256

/**
 * The flights of a function by key. Of most functions one runs at a time, and that one has a place of its own. The others' keys rest where their
 * flights have ended: V8 makes a Map a new table again and again where keys come and go, each table that it leaves behind leads to the next,
 * and what was in them lives until all of them are collected.
 */
export class Flights<T> {
  #key: string | undefined
  #flight: Flight<T> | undefined
  #others: Map<string, Flight<T> | undefined> = new Map()
  /** Of the others. */
  #running = 0

  get(key: string): Flight<T> | undefined {
    return this.#key === key ? this.#flight : this.#other(key)
  }

  #other(key: string): Flight<T> | undefined {
    // A key is made for its call: to look for it where nothing is would first make its hash.
    return this.#running === 0 ? undefined : this.#others.get(key)
  }

  set(key: string, flight: Flight<T>): void {
    const other = this.#key === key ? undefined : this.#other(key)
    if (this.#key === key || (this.#key === undefined && other === undefined)) {
      this.#key = key
      this.#flight = flight
      return
    }
    this.#others.set(key, flight)
    if (other === undefined) this.#running++
  }

  /** Lets the flight that waits for this one take its place, if there is one, and if no newer one has taken it. */
  leave(key: string, flight: Flight<T>): void {
    if (this.get(key) !== flight) return
    if (flight.next !== undefined) this.set(key, flight.next)
    else if (this.#key === key) this.#key = this.#flight = undefined
    else this.#rest(key)
  }

  #rest(key: string): void {
    this.#others.set(key, undefined)
    this.#running--
    const resting = this.#others.size - this.#running
    if (resting > MOST_RESTING && resting > this.#running) this.#forget()
  }

  /** Forgets the keys that rest. */
  #forget(): void {
    const before = this.#others
    this.#others = new Map()
    for (const [key, flight] of before) {
      if (flight === undefined) continue
      this.#others.set(key, flight)
      before.set(key, undefined)
    }
  }
}
