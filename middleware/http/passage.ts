// Knows the way of one request through its route: into its handler, which it enters at most once, or past it.

import { cacheStatusWith } from './cache-status.ts'
import type { Outcome } from './cache-status.ts'
import type { Visit } from './visit.ts'

/** One request on its way. */
export class Passage<Subject> {
  readonly visit: Visit<Subject>
  /** Resolves when its handler has been entered. */
  readonly entered: Promise<void>
  #hasEntered = false
  readonly #saysStatus: boolean
  #enter!: () => void

  constructor(visit: Visit<Subject>, saysStatus: boolean) {
    this.visit = visit
    this.#saysStatus = saysStatus
    this.entered = new Promise((resolve) => (this.#enter = resolve))
  }

  get hasEntered(): boolean {
    return this.#hasEntered
  }

  /** From here on the answer is its handler's own. */
  enter(): void {
    this.#hasEntered = true
    this.#enter()
  }

  /** Lets the handler answer, unobserved, and says why. */
  forward(outcome: Outcome): void {
    const { res } = this.visit
    this.enter()
    if (this.#saysStatus && !res.headersSent) res.setHeader('Cache-Status', cacheStatusWith(res.getHeader('cache-status'), outcome))
    this.visit.pass()
  }
}
