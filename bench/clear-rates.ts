// Knows clears that go on while something else is measured: of what is read, and of what nobody has read.
import { Arrivals, randomFrom } from './arrivals.ts'

/** How many documents are kept; what is cleared and not among them has never been read. */
export const KEPT = 1000

/** Clears a second. */
export interface ClearRates {
  /** Of what nothing that is kept depends on. */
  readonly unrelated: number
  /** Of what one of the kept documents depends on. */
  readonly related: number
}

export const QUIET: ClearRates = { unrelated: 0, related: 0 }

/** Clears what is due, `now` being milliseconds since the beginning. */
export function clearingAt({ unrelated, related }: ClearRates, clear: (index: number) => unknown, seed = 1): (now: number) => void {
  const others = new Arrivals(unrelated, seed)
  const own = new Arrivals(related, seed + 1)
  const random = randomFrom(seed + 2)
  return (now) => {
    for (; others.next <= now; others.take()) clear(KEPT + Math.floor(random() * 10 * KEPT))
    for (; own.next <= now; own.take()) clear(Math.floor(random() * KEPT))
  }
}
