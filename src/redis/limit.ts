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
    race<T>(work: Promise<T>, onTimeout: (error: TimeoutError) => void): Promise<T> {
      // Not by `Promise.race`, which would take three promises more for each command.
      return new Promise<T>((resolve, reject) => {
        expire = (error) => {
          onTimeout(error)
          reject(error)
        }
        if (over !== undefined) expire(over)
        const inTime = <A>(settle: (it: A) => void) => {
          return (it: A): void => {
            expire = undefined
            settle(it)
          }
        }
        work.then(inTime(resolve), inTime(reject))
      })
    },
    end: () => clearTimeout(timer),
  }
}
