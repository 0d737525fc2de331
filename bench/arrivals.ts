// Knows when work of an open loop is due: a Poisson process, which waits for nobody, and is the same each time for one seed.

/** Numbers from 0 up to 1, the same for one seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Arrivals at random, so many a second on average. */
export class Arrivals {
  /** When the next one is due, in milliseconds since the beginning. */
  next: number
  readonly #gap: () => number

  constructor(perSecond: number, seed: number) {
    const random = randomFrom(seed)
    this.#gap = () => (perSecond === 0 ? Number.POSITIVE_INFINITY : (-Math.log(1 - random()) * 1000) / perSecond)
    this.next = this.#gap()
  }

  /** The next one: when it was due. */
  take(): number {
    const at = this.next
    this.next += this.#gap()
    return at
  }
}
