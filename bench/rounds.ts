// Knows how cases are measured side by side: each in turn in every round, so that what the machine does meanwhile happens to all.
import { setImmediate as turn } from 'node:timers/promises'

/** One thing that is measured. */
export interface Case {
  readonly name: string
  /** Throws where it gives anything but what it should. Asked of every case before the first is measured. */
  check(): Promise<void> | void
  /** Does the work `times` times. */
  run(times: number): Promise<void> | void
}

/** What a case took: milliseconds for one time, by round. */
export interface Timing {
  readonly name: string
  readonly rounds: readonly number[]
}

export interface Rounds {
  /** @default 11 */
  readonly rounds?: number
  /** How long a case runs in a round, in milliseconds, about. @default 60 */
  readonly length?: number
}

const WARM_UP = 3

/** Checks every case, then runs each in every round, in an order that is another each time. */
export async function measure(cases: readonly Case[], { rounds = 11, length = 60 }: Rounds = {}): Promise<Timing[]> {
  for (const it of cases) await checked(it)
  const times: number[] = []
  // Twice: the first time a case is cold, and what it takes then says little.
  for (let warm = 0; warm < 2; warm++) for (const [index, it] of cases.entries()) times[index] = await calibrate(it, length)
  const taken: number[][] = cases.map(() => [])
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const index of orderOf(round + WARM_UP, cases.length)) {
      const took = await timeOf(cases[index]!, times[index]!)
      if (round >= 0) taken[index]!.push(took / times[index]!)
    }
  }
  return cases.map(({ name }, index) => ({ name, rounds: taken[index]! }))
}

/** What one case took in ratio to another, in the round that is the median of these ratios. */
export function ratio(of: Timing, to: Timing): number {
  return median(ratios(of, to))
}

/** Between which ratios the middle half of the rounds lies. */
export function quartiles(of: Timing, to: Timing): readonly [number, number] {
  const sorted = ratios(of, to).sort((a, b) => a - b)
  const quarter = Math.floor(sorted.length / 4)
  return [sorted[quarter]!, sorted[sorted.length - 1 - quarter]!]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!
}

/** The one that is called so. */
export function timingOf(name: string, timings: readonly Timing[]): Timing {
  const found = timings.find((timing) => timing.name === name)
  if (found === undefined) throw new Error(`No case was called "${name}".`)
  return found
}

function ratios(of: Timing, to: Timing): number[] {
  return of.rounds.map((took, round) => took / to.rounds[round]!)
}

async function checked(it: Case): Promise<void> {
  try {
    await it.check()
  } catch (error) {
    throw new Error(`"${it.name}" is not measured, since what it gives is wrong: ${String(error)}`, { cause: error })
  }
}

/** Rotated by one, and in another stride each time: who comes before a case leaves it warm caches, or garbage, and is not always the same. */
function orderOf(round: number, count: number): number[] {
  const strides = Array.from({ length: count }, (_, index) => index + 1).filter((stride) => divisor(stride, count) === 1)
  const stride = strides[round % strides.length]!
  return Array.from({ length: count }, (_, turn) => (turn * stride + round) % count)
}

/** The greatest common one. */
function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

/** How often a case has to do its work to be busy for so many milliseconds. */
async function calibrate(it: Case, length: number): Promise<number> {
  for (let times = 1; ; times *= 2) {
    // The shorter of two: a pause of the machine must not pass for the work.
    const took = Math.min(await timeOf(it, times), await timeOf(it, times))
    if (took >= length / 4) return Math.max(1, Math.round((times * length) / took))
  }
}

async function timeOf(it: Case, times: number): Promise<number> {
  // What waits for the event loop, such as another case's timer or socket, has its turn before and not meanwhile.
  await turn()
  const began = performance.now()
  await it.run(times)
  // What a case has left to be done after its answers is its own.
  await turn()
  return performance.now() - began
}
