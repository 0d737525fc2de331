// Knows whether an entry may be served: not cleared, not too old, and vouched for.

import type { ClearLog } from './clear-log.ts'
import type { Entry } from './entry.ts'
import { NameSets } from './name-sets.ts'

/** What Redis last said about the log. Without Redis this process knows every clear, always. */
export interface Trust {
  /** The monotonic time at which the last answered question to Redis was sent. */
  readonly verifiedAt: number
}

export class Freshness {
  readonly clock: () => number
  /** How long an entry is trusted without word from Redis, in milliseconds. */
  readonly maxStaleness: number
  readonly #log: ClearLog
  readonly #trust: Trust | undefined
  readonly #nameSets: NameSets = new NameSets()

  constructor(log: ClearLog, clock: () => number, maxStaleness: number, trust: Trust | undefined) {
    this.clock = clock
    this.maxStaleness = maxStaleness
    this.#log = log
    this.#trust = trust
  }

  /** When what Redis has not said otherwise about was last known to be so. */
  get verifiedAt(): number {
    return this.#trust === undefined ? this.clock() : this.#trust.verifiedAt
  }

  /** Whether this process knows the log well enough to vouch for whatever the log does not clear. */
  isVerified(now: number): boolean {
    return this.#trust === undefined || now < this.#trust.verifiedAt + this.maxStaleness
  }

  isFresh(entry: Entry<unknown>): boolean {
    return this.survives(entry) && this.isInTime(entry)
  }

  /** Whether an entry that nothing has cleared may be served as fresh. */
  isInTime(entry: Entry<unknown>): boolean {
    // What does not end, and needs nobody's word, needs no look at the clock.
    if (entry.freshUntil === Number.POSITIVE_INFINITY && this.#trust === undefined) return true
    const now = this.clock()
    return now < entry.freshUntil && this.isTrusted(entry, now)
  }

  /** Whether it is known at once that nothing has cleared the entry. */
  isChecked(entry: Entry<unknown>): boolean {
    return entry.checked === this.#log.position
  }

  /** Whether nothing has cleared the entry; what has expired it makes it stale. */
  survives(entry: Entry<unknown>): boolean {
    if (this.isChecked(entry)) return true
    const log = this.#log
    // Most clears are of other names.
    entry.names ??= this.#nameSets.of(entry.name, entry.read)
    if (!log.isQuiet(entry.names, entry.checked) && this.#isCleared(entry)) return false
    entry.checked = log.position
    return true
  }

  #isCleared(entry: Entry<unknown>): boolean {
    const log = this.#log
    const { refs, checked } = entry
    if (log.clearedSince(refs, checked)) return true
    const expiredAt = log.expiredSince(refs, checked)
    if (expiredAt !== undefined && expiredAt < entry.freshUntil) entry.freshUntil = Math.floor(expiredAt)
    return false
  }

  /** An entry, or what a load has read so far, is vouched for by the log, or for a while by having been loaded recently. */
  isTrusted({ trustFrom }: Pick<Entry<unknown>, 'trustFrom'>, now: number): boolean {
    return this.#trust === undefined || now < this.#trust.verifiedAt + this.maxStaleness || now < trustFrom + this.maxStaleness
  }

  /** From when on the entry was surely fresh: what a load that reads it can vouch for. */
  trustOf(entry: Entry<unknown>): number {
    return this.#trust === undefined ? entry.trustFrom : Math.max(entry.trustFrom, this.#trust.verifiedAt)
  }
}
