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
  find(call: Call, since: number = this.#engine.clock(), isAgain = false): Promise<Entry<V> | undefined> | Entry<V> | undefined {
    const entries = this.#entries
    if (this.isStrong) return this.#soon(this.#findVerified(call, isAgain), since)
    if (entries?.mayAsk !== true) return entries?.kept(call.key)
    const finding = entries.find(call.key, isAgain)
    // A store of one's own keeps to it by itself.
    if (this.#engine.shared === undefined) return finding
    return this.#soon(finding, since).then((found) => found ?? entries.kept(call.key))
  }

  /** Sends the question and the look together. */
  async #findVerified({ key }: Call, isAgain: boolean): Promise<Entry<V> | undefined> {
    const [isAnswered, found] = await Promise.all([this.#engine.shared!.log.ask(), this.#entries?.find(key, isAgain)])
    return isAnswered && found !== undefined && this.#engine.freshness.survives(found) ? found : undefined
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
