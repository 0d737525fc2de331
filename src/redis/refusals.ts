// Knows which failures of Redis are news: what the server refuses, once until it takes it again. That it is away, the connection tells.

import { CodecError } from '../errors.ts'
import { isReply } from './reply.ts'

const known = new WeakSet<object>()

/** Whether this failure was told before, or is told by somebody else. */
export function isKnown(failure: unknown): boolean {
  return typeof failure === 'object' && failure !== null && known.has(failure)
}

/** One kind of command, whose failures would else be told as often as it is sent. */
export class Refusals {
  #isRefused = false

  async watch<T>(work: Promise<T>): Promise<T> {
    try {
      const answer = await work
      this.taken()
      return answer
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /** One was taken. */
  taken(): void {
    this.#isRefused = false
  }

  /** One failed: to be called before anybody has the error. */
  failed(error: unknown): void {
    // It answered, with what is no answer: each is news.
    if (error instanceof CodecError) return
    const isRefused = isReply(error)
    if (!isRefused || this.#isRefused) known.add(error as object)
    this.#isRefused ||= isRefused
  }
}
