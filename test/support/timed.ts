// How long something takes, by the time in which this process could have seen it: what a busy machine took away is nobody's wait.

// Between two ticks of a process that is let run; one that comes later was kept from running.
const TICK = 5
const MOST = 2 * TICK

interface Meter {
  /** Milliseconds in which this process ran or could have. */
  read(): number
  end(): void
}

/** `onTick` is told each time of how many there were. */
function newMeter(onTick: (ms: number) => void = () => undefined): Meter {
  let ms = 0
  let last = performance.now()
  const read = (): number => {
    const now = performance.now()
    ms += Math.min(now - last, MOST)
    last = now
    return ms
  }
  const timer = setInterval(() => onTick(read()), TICK)
  return { read, end: () => clearInterval(timer) }
}

/** How long work takes, in milliseconds in which this process ran or could have, and what it gave. Rejects as the work does. */
export async function timed<T>(work: Promise<T>): Promise<readonly [ms: number, result: T]> {
  const meter = newMeter()
  try {
    const result = await work
    return [meter.read(), result]
  } finally {
    meter.end()
  }
}

/** What the work gives; rejects when it takes longer than `ms` of such time, and what this process needs to see that the time is up. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (turns: number): void => {
      if (turns === 0) reject(new Error(`This took longer than ${ms} ms.`))
      else setImmediate(late, turns - 1)
    }
    const meter = newMeter((spent) => {
      if (spent < ms) return
      meter.end()
      late(20)
    })
    work.then(resolve, reject).finally(() => meter.end())
  })
}
