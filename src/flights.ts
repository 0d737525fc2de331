// Knows which flight runs for a key, among those of one function.

import type { Flight } from './flight.ts'

/**
 * The flights of a function by key. Of most functions one runs at a time, and that one has a place of its own: a Map that is emptied makes
 * itself a new table each time, and what was in the tables that it leaves behind lives until all of them are collected.
 */
export class Flights<T> {
  #key: string | undefined
  #flight: Flight<T> | undefined
  readonly #others: Map<string, Flight<T>> = new Map()

  get(key: string): Flight<T> | undefined {
    if (this.#key === key) return this.#flight
    return this.#others.size === 0 ? undefined : this.#others.get(key)
  }

  #isAmongOthers(key: string): boolean {
    // A key is made for its call: to look for it where nothing is would first make its hash.
    return this.#others.size > 0 && this.#others.has(key)
  }

  set(key: string, flight: Flight<T>): void {
    if (this.#key !== key && (this.#key !== undefined || this.#isAmongOthers(key))) {
      this.#others.set(key, flight)
      return
    }
    this.#key = key
    this.#flight = flight
  }

  /** Lets the flight that waits for this one take its place, if there is one, and if no newer one has taken it. */
  leave(key: string, flight: Flight<T>): void {
    if (this.get(key) !== flight) return
    if (flight.next !== undefined) this.set(key, flight.next)
    else if (this.#key === key) this.#key = this.#flight = undefined
    else this.#others.delete(key)
  }
}
