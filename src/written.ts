// Knows how a change gives the value of a call: what the change itself clears came before it, what others clear meanwhile did not.

import type { Call, Loaded } from './call.ts'
import type { ClearLog } from './clear-log.ts'
import type { Ref } from './ref.ts'
import type { Runs } from './runs.ts'
import type { Frame } from './tracking.ts'

/** A value in the making. */
export class Written<V> {
  readonly frame: Frame
  readonly #runs: Runs<V>
  readonly #log: ClearLog
  readonly #call: Call
  readonly #own: readonly Ref[]
  #position: number
  /** Whether its own clear is confirmed, and nothing touched what it has read until then. */
  #isSettled = false

  /** `own`: what the change clears and this value depends on nevertheless. */
  constructor(runs: Runs<V>, log: ClearLog, call: Call, own: readonly Ref[]) {
    this.#runs = runs
    this.#log = log
    this.#call = call
    this.#own = own
    this.#position = log.position
    this.frame = runs.newFrame(call, undefined)
  }

  /** Runs work whose reads the value depends on. */
  within<T>(work: () => T): T {
    return this.#runs.within(this.frame, work)
  }

  /** Makes the change's own clear, which is recorded in this process before it returns. Rejects as that does: the value is then not kept. */
  async clear(record: () => Promise<void>): Promise<void> {
    const wasOvertaken = this.#isOvertaken([...this.#own, ...this.frame.refs])
    const recorded = record()
    // What it read before it changed that may be what it changed.
    const reads = Array.from(this.frame.refs).filter(({ id }) => !this.#own.some((own) => own.id === id))
    const isOvertaken = wasOvertaken || this.#isOvertaken(reads)
    this.#position = this.#log.position
    await recorded
    this.#isSettled = !isOvertaken
  }

  /** Stores the value, unless something that it depends on was cleared or expired by others since the change began. */
  keep(loaded: Loaded<V>): void {
    for (const ref of this.#own) this.frame.refs.add(ref)
    if (this.#isSettled && !this.#isOvertaken(Array.from(this.frame.refs))) this.#runs.keep(this.#call, loaded, this.frame)
    else this.drop()
  }

  /** There is no value to store. */
  drop(): void {
    this.frame.end()
  }

  #isOvertaken(refs: readonly Ref[]): boolean {
    return this.#log.clearedSince(refs, this.#position) || this.#log.expiredSince(refs, this.#position) !== undefined
  }
}
