// Knows how what is stored of a call is looked for, in the time of who waits for it.

import type { Call } from './call.ts'
import { orThrow, taken, type Entries, type Soon, type Use } from './entries.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import { TimeoutError } from './errors.ts'
import { newLimit } from './redis/limit.ts'

export class Looks<V> {
  /** Whether every look asks Redis what was cleared before. */
  readonly isStrong: boolean
  readonly #engine: Engine
  readonly #entries: Entries<V> | undefined

  constructor(engine: Engine, entries: Entries<V> | undefined, isStrong: boolean) {
    this.#engine = engine
    this.#entries = entries
    this.isStrong = isStrong
  }

  /** Whether a look may take a word from elsewhere: else what it finds is there at once. */
  get mayAsk(): boolean {
    return this.isStrong || this.#entries?.mayAsk === true
  }

  /** What is stored of a call, as far as it is found within the `commandTimeout` of who came at `since`: after that, what is here. */
  find(call: Call, since?: number, isAgain?: boolean): Promise<Entry<V> | undefined> | Entry<V> | undefined {
    return this.take(call, orThrow, since, isAgain)
  }

  /** What `use` makes of what `find` finds, in the step in which that is there. */
  take<R>(call: Call, use: Use<V, R>, since: number = this.#engine.clock(), isAgain = false): R | Promise<R> {
    const entries = this.#entries
    if (this.isStrong) return this.#takeStrong(call, use, since, isAgain)
    if (entries?.mayAsk !== true) return use(entries?.kept(call.key))
    const now = this.#engine.clock()
    // A store of one's own keeps to it by itself.
    if (this.#engine.shared === undefined) return entries.find(call, now, use, untimed, isAgain)
    if (isPrompt(now, since)) return entries.find(call, now, use, this.#orKept, isAgain)
    return taken(this.#orKept(entries.find(call, now, orThrow, this.#orKept, isAgain), since, call.key), use)
  }

  /** What is there in time, or what is here. */
  readonly #orKept: Soon<V> = async (work, since, key) => (await this.#soon(work, since)) ?? this.#entries?.kept(key)

  #takeStrong<R>(call: Call, use: Use<V, R>, since: number, isAgain: boolean): Promise<R> {
    const now = this.#engine.clock()
    if (isPrompt(now, since)) return this.#takeVerified(call, now, use, since, isAgain)
    return taken(this.#soon(this.#takeVerified(call, now, orThrow, since, isAgain), since), use)
  }

  /** Sends the question and the look together. */
  #takeVerified<R>(call: Call, now: number, use: Use<V, R>, since: number, isAgain: boolean): Promise<R> {
    const { shared, freshness } = this.#engine
    const question = shared!.log.question()
    const told = (found: Entry<V> | undefined, failure?: unknown): R | Promise<R> =>
      use(question.isAnswered && found !== undefined && freshness.survives(found) ? found : undefined, failure)
    // A promise for each who looks takes longer than all else that the question costs them.
    const verified: Use<V, R> = (found, failure) =>
      question.isAnswered === undefined ? question.answer.then(() => told(found, failure)) : told(found, failure)
    const entries = this.#entries
    return entries === undefined ? question.answer.then(() => told(undefined)) : entries.find(call, now, verified, this.#soon, isAgain)
  }

  /** What is there within the `commandTimeout` of who came at `since`. */
  readonly #soon = async <T>(work: Promise<T>, since: number): Promise<T | undefined> => {
    const { clock, options } = this.#engine
    const limit = newLimit((options.commandTimeout ?? 500) - (clock() - since))
    try {
      return await limit.race(work, () => undefined)
    } catch (error) {
      if (error instanceof TimeoutError) return undefined
      throw error
    } finally {
      limit.end()
    }
  }
}

function untimed<T>(work: Promise<T>): Promise<T> {
  return work
}

/** Whether a command that is sent now ends within the time of who came at `since`, give or take a millisecond. */
function isPrompt(now: number, since: number): boolean {
  return now - since < 1
}
