// Knows what a suite is and what it gives: tables, and what was reached of what was aimed at.
import { median, quartiles, ratio, timingOf, type Timing } from './rounds.ts'

/** Measurements that belong together; each runs in a process of its own. */
export interface Suite {
  readonly name: string
  readonly title: string
  /** Checks that every case gives what it should, then measures. Runs inside an AsyncLocalStorage, as all suites do. */
  run(): Promise<Measured>
}

export interface Measured {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
}

export interface Table {
  readonly title: string
  /** Over the second column and those after it; the first names the case. */
  readonly columns: readonly string[]
  /** A row that is this package's begins with `OWN`. Nothing stands where nothing was measured. */
  readonly rows: readonly Row[]
}

export type Row = readonly [name: string, ...cells: (number | string | null)[]]

/** A figure that this package is to reach. */
export interface Target {
  readonly work: string
  readonly bound: 'at most' | 'at least'
  readonly aim: number
  /** "×" where it is a ratio. */
  readonly unit: string
  readonly reached: number
}

/** How the rows of this package begin. */
export const OWN = 'cache-alchemy'

const UNITS = { ns: 1e6, µs: 1e3, ms: 1 } as const

/** A table of what each case takes, and in what ratio to the one that is called `base`. */
export function sideBySide(title: string, timings: readonly Timing[], base: string, unit: keyof typeof UNITS = 'ns'): Table {
  const limit = timingOf(base, timings)
  const rows = timings.map((timing): Row => {
    const [low, high] = quartiles(timing, limit)
    const spread = timing === limit ? null : `${low.toFixed(2)}–${high.toFixed(2)}`
    return [timing.name, rounded(median(timing.rounds) * UNITS[unit]), rounded(ratio(timing, limit)), spread]
  })
  return { title, columns: [unit, `ratio to ${base}`, 'middle half of rounds'], rows }
}

/** A table of how often a second each case does its work, and in what ratio to the one that is called `base`: more is better. */
export function rates(title: string, timings: readonly Timing[], base: string): Table {
  const limit = timingOf(base, timings)
  const rows = timings.map((timing): Row => {
    const [low, high] = quartiles(limit, timing)
    const spread = timing === limit ? null : `${low.toFixed(2)}–${high.toFixed(2)}`
    return [timing.name, Math.round(1000 / median(timing.rounds)), rounded(ratio(limit, timing)), spread]
  })
  return { title, columns: ['a second', `ratio to ${base}`, 'middle half of rounds'], rows }
}

/** To four digits: more are noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

export function atMost(work: string, aim: number, reached: number, unit = '×'): Target {
  return { work, bound: 'at most', aim, unit, reached: rounded(reached) }
}

export function atLeast(work: string, aim: number, reached: number, unit = '×'): Target {
  return { work, bound: 'at least', aim, unit, reached: rounded(reached) }
}
