// Knows the way of one request through its route: into its handler, which it enters at most once, or past it.

import { cacheStatusWith } from './cache-status.ts'
import type { Outcome } from './cache-status.ts'
import type { Visit } from './visit.ts'

/** One request on its way. */
export class Passage<Subject> {
  readonly visit: Visit<Subject>
  readonly #saysStatus: boolean
  #hasEntered = false
  #entered: Promise<void> | undefined
  #enter: (() => void) | undefined

  constructor(visit: Visit<Subject>, saysStatus: boolean) {
    this.visit = visit
    this.#saysStatus = saysStatus
  }

  get hasEntered(): boolean {
    return this.#hasEntered
  }

  /** Resolves when its handler has been entered. */
  get entered(): Promise<void> {
    // Who is answered at once never asks.
    return (this.#entered ??= this.#hasEntered ? Promise.resolve() : new Promise((resolve) => (this.#enter = resolve)))
  }

  /** From here on the answer is its handler's own. */
  enter(): void {
    this.#hasEntered = true
    this.#enter?.()
  }

  /** Lets the handler answer, unobserved, and says why. */
  forward(outcome: Outcome): void {
    const { res } = this.visit
    this.enter()
    if (this.#saysStatus && !res.headersSent) res.setHeader('Cache-Status', cacheStatusWith(res.getHeader('cache-status'), outcome))
    this.visit.pass()
  }
}
