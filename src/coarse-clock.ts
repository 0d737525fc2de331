// Knows a time that is good for a millisecond: what a hit goes by that only has to know whether a result's own time is up.

const HELD_FOR = 1
// So many looks at the clock take longer than a timer does.
const MANY = 32
// The timer of a loop that lets nobody in comes late, and a faked one perhaps never.
const MOST_READS = 250

/**
 * A clock that is looked at each time while that is done now and then. Once it is done all the time, a reading holds for the rest of its millisecond,
 * or until the event loop turns where that is later. It is never ahead of the exact time, and never behind one that `now` has told: what is
 * over by that is over at once.
 */
export class CoarseClock {
  readonly #clock: () => number
  readonly #later: (drop: () => void) => void
  /** The last reading, in whole milliseconds, which V8 keeps in the object. */
  #time = 0
  /** How many reads it holds for yet. */
  #left = 0
  /** When the millisecond began whose looks are counted. */
  #since = Number.NaN
  #looks = 0

  /** `later` calls what it is given in a millisecond, as `soon` does, or when it can. */
  constructor(clock: () => number, later: (drop: () => void) => void) {
    this.#clock = clock
    this.#later = later
  }

  /** The exact time. */
  readonly now = (): number => {
    const now = this.#clock()
    this.#time = Math.floor(now)
    return now
  }

  /** The time in whole milliseconds. */
  read(): number {
    if (this.#left === 0) return this.#look()
    this.#left--
    return this.#time
  }

  #look(): number {
    const now = this.now()
    // One that was faked, or is no longer, goes back.
    if (!(Math.abs(now - this.#since) < HELD_FOR)) {
      this.#since = now
      this.#looks = 0
    }
    this.#looks++
    // A new timer in each millisecond: the last one may have been thrown away.
    if (this.#looks === MANY) this.#later(this.#drop)
    if (this.#looks >= MANY) this.#left = MOST_READS
    return this.#time
  }

  readonly #drop = (): void => {
    this.#left = 0
    this.#since = Number.NaN
  }
}

/** Calls `act` in a millisecond, unless the process has ended before. */
export function soon(act: () => void): void {
  // Where timers are a browser's, as under jsdom, they are numbers.
  const timer: { unref?(): unknown } = setTimeout(act, HELD_FOR)
  timer.unref?.()
}
