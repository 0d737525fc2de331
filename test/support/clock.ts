// Time that passes only when a test says so.

export interface Clock {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  advance(ms: number): void
}

/** A clock that stands at `start` milliseconds. */
export function newClock(start = 1_000_000): Clock {
  let time = start
  return {
    now: () => time,
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`A monotonic clock does not go back: expected milliseconds of 0 or more, got ${ms}.`)
      time += ms
    },
  }
}
