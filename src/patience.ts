// Knows how to wait for something no longer than it is worth.

/** What a promise gives, unless it is late: then `onLate` may settle it. Milliseconds; Infinity: it is never late. */
export function patiently<T>(
  promise: Promise<T>,
  patience: number,
  onLate: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  if (patience === Number.POSITIVE_INFINITY) return promise
  return new Promise((resolve, reject) => {
    const timer = setTimeout(onLate, patience, resolve, reject)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
