// Has what nothing leads to any more collected.
import { setImmediate as nextRound } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const MOST_ROUNDS = 50

/**
 * More than once, and not in one round of the event loop: what is read by a WeakRef lives until its round is over, and what the machine's stack
 * still names may outlive a collection. `isGone`: as often as it takes, for a while.
 */
export async function collected(isGone?: () => boolean): Promise<void> {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < (isGone === undefined ? 3 : MOST_ROUNDS) && isGone?.() !== true; round++) {
    await nextRound()
    collect()
  }
}
