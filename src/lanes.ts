// Knows how many loads of one function run at a time, and which wait in line.

import type { Frame } from './tracking.ts'

// Of all functions together.
const holding = new WeakSet<Frame>()

/** A function's lanes. A load that finds none free waits in line, first come first served. */
export class Lanes {
  readonly #count: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(count: number) {
    this.#count = count
  }

  /**
   * Takes a lane for a load; undefined when there is one at once. A load nested in one that has a lane does not wait, whatever the bound: two
   * functions that call each other would wait for each other's lanes.
   */
  enter(frame: Frame): Promise<void> | undefined {
    holding.add(frame)
    if (this.#taken < this.#count || isNested(frame)) {
      this.#taken++
      return undefined
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  leave(): void {
    this.#taken--
    if (this.#taken >= this.#count) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#taken++
    next()
  }
}

function isNested(frame: Frame): boolean {
  for (let at = frame.parent; at !== undefined; at = at.parent) if (at.open && holding.has(at)) return true
  return false
}
