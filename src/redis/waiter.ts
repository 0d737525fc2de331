// Knows one load that waits for another's lease, and what it was told meanwhile.

import type { Ref } from '../ref.ts'
import type { Ending, Held } from './lease.ts'

/** What a waiter is told: how the lease ended, to try again, that it has waited for too long, or that nobody waits for its load any more. */
export type Word = Ending | 'again' | 'late' | 'left'

export class Waiter {
  readonly key: string
  readonly ref: Ref
  /** The lease that it waits for. */
  holder: Held | undefined
  /** Whether that lease's load was overtaken by a clear: it is not worth waiting for. */
  isOvertaken = false
  /** Whether a clear of its call was not confirmed yet when it last asked for the lease. */
  sawPending = false
  /** How many leases it has waited for, one after the other. */
  holders = 0
  #said: Word | undefined
  #tell: ((word: Word) => void) | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(key: string, ref: Ref) {
    this.key = key
    this.ref = ref
  }

  meet(holder: Held): void {
    if (holder.token !== this.holder?.token) {
      this.holders++
      this.isOvertaken = false
    }
    this.holder = holder
  }

  /** Tells it something. While it does not listen, what says most is kept. */
  say(word: Word): void {
    if (this.#tell !== undefined) this.#tell(word)
    else if (this.#said === undefined || this.#said === 'again' || word === 'late' || word === 'left') this.#said = word
  }

  /** What it is told next, at the latest after `pause` milliseconds, and that it is late once it has waited for `longest`. */
  hear(pause: number, longest: number): Promise<Word> {
    this.#deadline ??= setTimeout(() => this.say('late'), longest).unref()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.say('again'), pause).unref()
      this.#tell = (word) => {
        clearTimeout(timer)
        this.#tell = this.#said = undefined
        resolve(word)
      }
      if (this.#said !== undefined) this.#tell(this.#said)
    })
  }

  end(): void {
    clearTimeout(this.#deadline)
  }
}
