// How long something takes, by the time in which this process could have seen it: what a busy machine took away is nobody's wait.

// Between two ticks of a process that is let run; one that comes later was kept from running.
const TICK = 5
const MOST = 2 * TICK

/** How long work takes, in milliseconds in which this process ran or could have, and what it gave. Rejects as the work does. */
export async function timed<T>(work: Promise<T>): Promise<readonly [ms: number, result: T]> {
  let ms = 0
  let last = performance.now()
  const tick = (): void => {
    const now = performance.now()
    ms += Math.min(now - last, MOST)
    last = now
  }
  const timer = setInterval(tick, TICK)
  try {
    const result = await work
    tick()
    return [ms, result]
  } finally {
    clearInterval(timer)
  }
}
