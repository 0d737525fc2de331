// Knows how what is stored of a call is looked for, in the time of who waits for it.

import type { Call } from './call.ts'
import type { Entries } from './entries.ts'
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

  /** What is stored of a call, as far as it is found within the `commandTimeout` of who came at `since`: after that, what is here. */
  find({ key }: Call, since: number = this.#engine.clock(), isAgain = false): Promise<Entry<V> | undefined> | Entry<V> | undefined {
    const entries = this.#entries
    if (this.isStrong) return this.#inTime(this.#findVerified(key, since, isAgain), since)
    if (entries?.mayAsk !== true) return entries?.kept(key)
    // A store of one's own keeps to it by itself.
    if (this.#engine.shared === undefined) return entries.find(key, asItIs, isAgain)
    const soon = (work: Promise<Entry<V> | undefined>): Promise<Entry<V> | undefined> =>
      this.#soon(work, since).then((found) => found ?? entries.kept(key))
    const finding = entries.find(key, soon, isAgain)
    return this.#isPrompt(since) ? finding : soon(finding)
  }

  /** Sends the question and the look together. */
  async #findVerified(key: string, since: number, isAgain: boolean): Promise<Entry<V> | undefined> {
    const asking = this.#engine.shared!.log.ask()
    const found = await this.#entries?.find(key, (work) => this.#soon(work, since), isAgain)
    return (await asking) && found !== undefined && this.#engine.freshness.survives(found) ? found : undefined
  }

  /** Work that ends in time by itself: for who has just come, that is within the time of who waits for it. */
  #inTime(work: Promise<Entry<V> | undefined>, since: number): Promise<Entry<V> | undefined> {
    return this.#isPrompt(since) ? work : this.#soon(work, since)
  }

  /** Whether a command that is sent now ends within the time of who came at `since`, give or take a millisecond. */
  #isPrompt(since: number): boolean {
    return this.#engine.clock() - since < 1
  }

  /** What is there within the `commandTimeout` of who came at `since`. */
  async #soon<T>(work: Promise<T>, since: number): Promise<T | undefined> {
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

function asItIs<T>(work: T): T {
  return work
}
