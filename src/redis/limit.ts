// Knows how long something may take: one stretch of time for all that a command has to wait for.

import { TimeoutError } from '../errors.ts'

export interface Limit {
  /** What the work gives, or a `TimeoutError` once the time is up, after `onTimeout`. */
  race<T>(work: Promise<T>, onTimeout: (error: TimeoutError) => void): Promise<T>
  end(): void
}

/** Began `spent` milliseconds ago. `of`: who has to answer. */
export function newLimit(ms: number, of = 'Redis', spent = 0): Limit {
  let over: TimeoutError | undefined
  let expire: ((error: TimeoutError) => void) | undefined
  const end = (): void => {
    over = new TimeoutError(`${of} did not answer within ${ms} ms.`)
    expire?.(over)
  }
  // Once through the event loop: in a process that was busy or stopped itself, the reply lies there unread.
  const timer = setTimeout(() => setImmediate(end), ms - spent)
  return {
    async race(work, onTimeout) {
      const expired = new Promise<never>((_, reject) => {
        expire = (error) => {
          onTimeout(error)
          reject(error)
        }
      })
      if (over !== undefined) expire?.(over)
      try {
        return await Promise.race([work, expired])
      } finally {
        expire = undefined
      }
    },
    end: () => clearTimeout(timer),
  }
}
