// Knows which flight runs for a key, among those of one function.

import type { Flight } from './flight.ts'

// Beside as many as fly. A key takes some 200 bytes at most.
const MOST_RESTING = 1000

/** Where the flight of one key stands while it runs. */
class Place<T> {
  flight: Flight<T> | undefined
}

/**
 * The flights of a function by key. Of most functions one runs at a time, and that one has a place of its own. The others' places stay when their
 * flights have ended: V8 makes a Map a new table again and again where keys come and go, each table that it leaves behind leads to the next,
 * and what was in them lives until all of them are collected.
 */
export class Flights<T> {
  #key: string | undefined
  #flight: Flight<T> | undefined
  #others: Map<string, Place<T>> = new Map()
  /** Of the others. */
  #running = 0

  get(key: string): Flight<T> | undefined {
    return this.#key === key ? this.#flight : this.#place(key)?.flight
  }

  /** The place among the others where a flight of this key may run. */
  #place(key: string): Place<T> | undefined {
    // A key is made for its call: to look for it where nothing is would first make its hash.
    return this.#running === 0 ? undefined : this.#others.get(key)
  }

  set(key: string, flight: Flight<T>): void {
    if (this.#key === key || (this.#key === undefined && this.#place(key)?.flight === undefined)) {
      this.#key = key
      this.#flight = flight
      return
    }
    let place = this.#others.get(key)
    if (place === undefined) this.#others.set(key, (place = new Place()))
    if (place.flight === undefined) this.#running++
    place.flight = flight
  }

  /** Lets the flight that waits for this one take its place, if there is one, and if no newer one has taken it. */
  leave(key: string, flight: Flight<T>): void {
    if (this.#key === key) {
      if (this.#flight === flight && (this.#flight = flight.next) === undefined) this.#key = undefined
      return
    }
    const place = this.#place(key)
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
