// Knows when a handler may be done whose client has gone before it answered: it may see that, and say nothing more.

import type { ServerResponse } from 'node:http'
import { shadow } from './shadow.ts'

/** Milliseconds after which it is asked, though nothing is seen of the handler. */
export const ASKED_AFTER: readonly number[] = [1_000, 10_000, 60_000]

// Where a handler looks for whether anyone still listens.
const OF_RESPONSE = ['destroyed', 'closed', 'writable', 'writableEnded', 'headersSent'] as const
const OF_REQUEST = ['destroyed', 'closed', 'aborted'] as const

/**
 * Calls `mayBeDone` each time after someone has looked whether the client is there, and after a while, until what it returns is called. The response
 * is closed. A handler that has looked answers at once, if it does: so it is heard first.
 */
export function whileUnheard(res: ServerResponse, mayBeDone: () => void): () => void {
  let looked: NodeJS.Immediate | undefined
  const before = (): void => {
    looked ??= setImmediate(() => {
      looked = undefined
      mayBeDone()
    })
  }
  const shadows = [
    ...OF_RESPONSE.map((name) => shadow(res, name, { before })),
    ...OF_REQUEST.map((name) => shadow(res.req, name, { before })),
  ]
  const timers = ASKED_AFTER.map((after) => setTimeout(mayBeDone, after).unref())
  return () => {
    clearImmediate(looked)
    for (const timer of timers) clearTimeout(timer)
    for (const restore of shadows) restore?.()
  }
}
