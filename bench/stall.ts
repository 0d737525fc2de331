// Knows how long a process has heard nobody else while it did something.
import { setTimeout as delay } from 'node:timers/promises'

/** How long before the work the event loop is watched already, in milliseconds: the watching itself is then compiled. */
const BEFORE = 20
/** How long after it: what it left for later counts. */
const AFTER = 50

export interface Stalled {
  /** How long the work took, in milliseconds. */
  readonly took: number
  /** The longest time between two turns of the event loop, until a little after. */
  readonly longest: number
}

export async function stalledBy(work: () => Promise<unknown>): Promise<Stalled> {
  let longest = 0
  let isOver = false
  let last = performance.now()
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(tick)
  }
  setImmediate(tick)
  await delay(BEFORE)
  longest = 0
  const began = performance.now()
  await work()
  const took = performance.now() - began
  await delay(AFTER)
  isOver = true
  return { took, longest }
}
