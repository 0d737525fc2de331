// Knows when the space of cleared entries is given back: one walk over the keys at a time, however often it is wanted.

import type { Since } from './entries.ts'

export interface SweeperOptions {
  /** Gives back the space of what is older, until it is over. */
  sweep(since: Since, isOver: () => boolean): Promise<void>
  /** Takes a walk that nobody waits for. */
  later(walk: Promise<void>): void
  isClosed(): boolean
}

/** One walk runs, and one more waits for its end: it does for all that were wanted meanwhile. */
export class Sweeper {
  readonly #options: SweeperOptions
  #wanted: Since | undefined
  #isRunning = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Entries whose load began before `since` are wanted by nobody any more. */
  want(since: Since): void {
    this.#wanted = since
    if (!this.#isRunning) this.#options.later(this.#run())
  }

  async #run(): Promise<void> {
    const { sweep, isClosed, later } = this.#options
    const since = this.#wanted
    if (since === undefined || isClosed()) return
    this.#wanted = undefined
    this.#isRunning = true
    try {
      await sweep(since, isClosed)
    } finally {
      this.#isRunning = false
      if (this.#wanted !== undefined) later(this.#run())
    }
  }
}
