// Knows which flight runs for a call, among those of one function.

import type { Flight, Place } from './flight.ts'
import { isOneCall, lasting, type Keyed } from './label.ts'

// Beside twice as many as fly. A place takes some 300 bytes with a long label.
const MOST_RESTING = 1000

/**
 * The flights of a function by call. Of most functions one runs at a time, and that one has a place of its own. The others' places stay when their
 * flights have ended: V8 makes a Map a new table again and again where keys come and go, each table that it leaves behind leads to the next,
 * and what was in them lives until all of them are collected.
 */
export class Flights<T> {
  readonly #first: Place<T> = { flight: undefined }
  /** Whose flight has the first place. */
  #call: Keyed | undefined
  /** By the string that is the only argument, of which V8 mostly knows the hash: to make the key, and its hash, takes longer than to look. */
  #ofStrings: Map<string, Place<T>> = new Map()
  #ofKeys: Map<string, Place<T>> = new Map()
  /** Of the others. */
  #running = 0

  get(call: Keyed): Flight<T> | undefined {
    return this.#placeOf(call)?.flight
  }

  /** The place where a flight of this call runs, if one does. */
  #placeOf(call: Keyed): Place<T> | undefined {
    if (this.#call !== undefined && isOneCall(this.#call, call)) return this.#first
    return this.#running === 0 ? undefined : this.#like(call).get(call.label)
  }

  /** The others that are told apart as this call is. */
  #like({ isOfString }: Keyed): Map<string, Place<T>> {
    return isOfString ? this.#ofStrings : this.#ofKeys
  }

  /** Gives a flight the place of the one that runs, which is returned, if there is one. */
  set(call: Keyed, flight: Flight<T>): Flight<T> | undefined {
    const there = this.#placeOf(call)
    const place = there?.flight === undefined ? this.#newPlace(call) : there
    const before = place.flight
    flight.place = place
    place.flight = flight
    return before
  }

  #newPlace(call: Keyed): Place<T> {
    if (this.#call === undefined) {
      this.#call = call
      return this.#first
    }
    this.#running++
    const others = this.#like(call)
    let place = others.get(call.label)
    if (place === undefined) others.set(lasting(call), (place = { flight: undefined }))
    return place
  }

  /** Lets the flight that waits for this one take its place, if there is one, and if no newer one has taken it. */
  leave(flight: Flight<T>): void {
    const { place, next } = flight
    if (place?.flight !== flight) return
    place.flight = next
    if (next !== undefined) next.place = place
    else if (place === this.#first) this.#call = undefined
    else if (--this.#running * 2 + MOST_RESTING < this.#ofStrings.size + this.#ofKeys.size) this.#forget()
  }

  /** Gives up the places where nothing flies. */
  #forget(): void {
    this.#ofStrings = inUse(this.#ofStrings)
    this.#ofKeys = inUse(this.#ofKeys)
  }
}

function inUse<T>(places: Map<string, Place<T>>): Map<string, Place<T>> {
  const used = new Map<string, Place<T>>()
  for (const [label, place] of places) if (place.flight !== undefined) used.set(label, place)
  return used
}
