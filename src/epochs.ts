// Knows how entries that leave this process's memory are dated: by the shared log, or without Redis by this process alone.

import { randomBytes } from 'node:crypto'
import type { ClearLog } from './clear-log.ts'
import type { Ref } from './ref.ts'
import type { SharedLog } from './redis/log.ts'

/** The dates that such entries carry, and what the log says of one. */
export interface Epochs {
  /** An entry of another generation cannot be known to be uncleared. Undefined until the first answer of Redis. */
  readonly generation: string | undefined
  /** What was cleared until here is known. */
  readonly epoch: number
  /** Whether all that was cleared since then is known, or can be. */
  reach(epoch: number): boolean | Promise<boolean>
  clearedSince(refs: readonly Ref[], epoch: number): boolean
  /** When one of the refs was expired since then: undefined when none was. */
  expiredSince(refs: readonly Ref[], epoch: number): number | undefined
}

/** What all processes that share a log count by. */
export function sharedEpochs(log: ClearLog, shared: SharedLog): Epochs {
  return {
    get generation() {
      return shared.generation
    },
    get epoch() {
      return shared.epoch
    },
    reach: (epoch) => epoch >= shared.windowStart || shared.reach(epoch),
    clearedSince: (refs, epoch) => log.clearedSinceEpoch(refs, epoch),
    expiredSince: (refs, epoch) => log.expiredSinceEpoch(refs, epoch),
  }
}

/** What this process counts by, and no other: its epochs are the positions of its own log. */
export function ownEpochs(log: ClearLog): Epochs {
  return {
    generation: randomBytes(12).toString('base64url'),
    get epoch() {
      return log.position
    },
    reach: () => true,
    clearedSince: (refs, epoch) => log.clearedSince(refs, epoch),
    expiredSince: (refs, epoch) => log.expiredSince(refs, epoch),
  }
}
