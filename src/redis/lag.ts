// Knows how late this process hears of what other processes clear.

/** How late this process heard of other processes' clears, in milliseconds: from when Redis recorded one to when it counted here. */
export interface Lag {
  /** Half of them were heard of within this. */
  readonly median: number
  /** 99 of 100 were. */
  readonly p99: number
}

/** Where this process's clock may stand when that of Redis stands at zero: between the two, in milliseconds. */
interface Offset {
  readonly low: number
  readonly high: number
}

const KEPT = 1000
// An offset drifts away: two seconds of questions, with the default `maxStaleness`.
const OFFSETS = 8

/**
 * Measures by the clock of Redis, which dates each clear, set beside this process's monotonic one by the questions asked: what Redis dates
 * in its answer happened between question and answer. So no two wall clocks are compared, and an error is at most half of a round trip.
 */
export class LagMeter {
  readonly #latest = new Float64Array(KEPT)
  #count = 0
  #offsets: Offset[] = []

  /** An answer that Redis dated `time`, in microseconds of its clock, to a question sent here at `sent`, and read at `now`. */
  answered(time: number, sent: number, now: number): void {
    const offset = { low: sent - time / 1000, high: now - time / 1000 }
    // One of the clocks jumped: what was known of the other one is void.
    const isAgreed = this.#offsets.every(({ low, high }) => low <= offset.high && offset.low <= high)
    this.#offsets = [...(isAgreed ? this.#offsets.slice(1 - OFFSETS) : []), offset]
  }

  /** Redis recorded something at `time` that counts here from `now` on. It cannot have been there at `after`. */
  heard(time: number, now: number, after: number): void {
    const [first, ...others] = this.#offsets
    if (first === undefined) return
    const { low, high } = others.reduce((best, other) => (other.high - other.low < best.high - best.low ? other : best), first)
    const lag = now - time / 1000 - (low + high) / 2
    this.#latest[this.#count++ % KEPT] = Math.max(0, Math.min(lag, now - after))
  }

  /** Of the latest 1000 clears; undefined until there was one. */
  get lag(): Lag | undefined {
    if (this.#count === 0) return undefined
    const sorted = this.#latest.slice(0, this.#count).sort()
    const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!
    return { median: at(0.5), p99: at(0.99) }
  }
}
