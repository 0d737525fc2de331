// Knows how the window on the shared log is made to reach further back, for entries that are older than it.

import type { Position } from './position.ts'

interface Waiter {
  readonly generation: string | undefined
  readonly epoch: number
  resolve(known: boolean): void
}

/**
 * Reads the records between `epoch` and the window into it, or a page of them. False when they could not be read, or are of another
 * generation.
 */
export type ReadPage = (epoch: number) => Promise<boolean>

/** Reads back in pages, one run at a time, and serves all entries that wait for it. */
export class ReadBack {
  readonly #position: Position
  readonly #readPage: ReadPage
  readonly #waiting = new Set<Waiter>()
  #isRunning = false

  constructor(position: Position, readPage: ReadPage) {
    this.#position = position
    this.#readPage = readPage
  }

  /** True once all records later than `epoch` are in the window, false when that cannot be. */
  reach(epoch: number): Promise<boolean> {
    const { generation } = this.#position
    return new Promise((resolve) => {
      this.#waiting.add({ generation, epoch, resolve })
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.size > 0) {
      let oldest = this.#position.windowStart
      for (const { epoch } of this.#waiting) oldest = Math.min(oldest, epoch)
      const isRead = await this.#readPage(oldest)
      for (const waiter of this.#waiting) this.#answer(waiter, isRead)
    }
    this.#isRunning = false
  }

  #answer(waiter: Waiter, isRead: boolean): void {
    const { generation, windowStart, floor } = this.#position
    const isAlive = waiter.generation === generation && waiter.epoch >= floor
    const isKnown = isAlive && waiter.epoch >= windowStart
    if (isRead && isAlive && !isKnown) return
    this.#waiting.delete(waiter)
    waiter.resolve(isKnown)
  }
}
