// Knows a time that is good for code that runs without a break: what a hit goes by that only has to know whether a result's own time is up.

// So many looks at the clock take longer than to wait for the end of the code.
const MANY = 32
// Code that never lets anybody in sees the time pass nevertheless.
const MOST_READS = 250
const AT_ONCE: Promise<void> = Promise.resolve()

/**
 * A clock that is looked at each time while that is done now and then. Where it is done many times within a millisecond, a reading holds for so many
 * more, and no longer than that code runs and what waits already to run right after it. It is never ahead of the exact time, and
 * never behind one that `now` has told: what is over by that is over at once.
 */
export class CoarseClock {
  readonly #clock: () => number
  /** The last reading, in whole milliseconds, which V8 keeps in the object. */
  #time = 0
  /** How many reads it holds for yet. */
  #left = 0
  /** When the last look was, by the exact time. */
  #last = Number.NaN
  /** When the millisecond began whose looks are counted. */
  #since = Number.NaN
  #looks = 0
  #isEnding = false

  constructor(clock: () => number) {
    this.#clock = clock
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
    // One that stands still may be faked, and move by leaps.
    const isPassing = now > this.#last
    this.#last = now
    if (!isPassing || !(now - this.#since < 1)) {
      this.#since = now
      this.#looks = 0
    }
    if (++this.#looks >= MANY) this.#hold()
    return this.#time
  }

  #hold(): void {
    this.#left = MOST_READS
    if (this.#isEnding) return
    this.#isEnding = true
    void AT_ONCE.then(this.#drop)
  }

  readonly #drop = (): void => {
    this.#left = 0
    this.#looks = 0
    this.#isEnding = false
  }
}
