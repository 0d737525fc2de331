// Knows how long something may take: one stretch of time for all that a command has to wait for.

import { TimeoutError } from '../errors.ts'

export interface Limit {
  /** What the work gives, or a `TimeoutError` once the time is up, after `onTimeout`. */
  race<T>(work: Promise<T>, onTimeout: (error: TimeoutError) => void): Promise<T>
  end(): void
}

/** Begins now. */
export function newLimit(ms: number): Limit {
  let expire: ((error: TimeoutError) => void) | undefined
  // Once through the event loop: in a process that was busy or stopped itself, the reply lies there unread.
  const timer = setTimeout(() => setImmediate(() => expire?.(new TimeoutError(`Redis did not answer within ${ms} ms.`))), ms)
  return {
    race: (work, onTimeout) =>
      new Promise((resolve, reject) => {
        expire = (error) => {
          onTimeout(error)
          reject(error)
        }
        work.then(resolve, reject)
      }),
    end() {
      clearTimeout(timer)
      expire = undefined
    },
  }
}
