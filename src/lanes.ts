// Knows how many loads of one function run at a time, and which wait in line.

import { waitListeners } from './flight.ts'
import type { Frame } from './tracking.ts'

// Of all functions together.
const holding = new Set<Frame>()

/** A function's lanes. A load that finds none free waits in line, first come first served. */
export class Lanes {
  readonly #count: number
  readonly #line: Map<Frame, (hasLane: boolean) => void> = new Map()
  #taken = 0

  constructor(count: number) {
    this.#count = count
  }

  /**
   * Takes a lane for a load, at once where there is one; false if it was given up while it waited. A load for which one waits that has a lane,
   * over any number of others, does not wait, whatever the bound: each would wait for the other.
   */
  enter(frame: Frame): boolean | Promise<boolean> {
    if (this.#taken < this.#count || isAwaited(frame)) return this.#take(frame)
    waitListeners.add(this.#admit)
    return new Promise((resolve) => this.#line.set(frame, resolve))
  }

  leave(frame: Frame): void {
    holding.delete(frame)
    this.#taken--
    const [next] = this.#line.keys()
    if (next !== undefined && this.#taken < this.#count) this.#end(next, this.#take(next))
  }

  /** Takes a load out of the line that nobody waits for any more. */
  giveUp(frame: Frame): void {
    if (this.#line.has(frame)) this.#end(frame, false)
  }

  #take(frame: Frame): true {
    this.#taken++
    holding.add(frame)
    return true
  }

  #end(frame: Frame, hasLane: boolean): void {
    const resolve = this.#line.get(frame)
    this.#line.delete(frame)
    if (this.#line.size === 0) waitListeners.delete(this.#admit)
    resolve?.(hasLane)
  }

  readonly #admit = (): void => {
    for (const frame of this.#line.keys()) if (isAwaited(frame)) this.#end(frame, this.#take(frame))
  }
}

function isAwaited(frame: Frame): boolean {
  for (let at = frame.parent; at !== undefined; at = at.parent) if (at.open && holding.has(at)) return true
  const { flight } = frame
  if (flight === undefined) return false
  for (const { flight: holder } of holding) if (holder !== undefined && holder !== flight && holder.waitsFor(flight)) return true
  return false
}
