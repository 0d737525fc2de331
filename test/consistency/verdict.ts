// What a run comes to, in words: its figures, and what speaks against the cache.
import type { Violation } from './checker.ts'
import { quantile } from './lag.ts'
import type { Outcome } from './run.ts'

/** A cache that is always empty serves nothing old: of this part of its calls, each function has to have been answered from what is kept. */
const FEWEST_HITS = 0.15
const MOST_SHOWN = 5

/** What speaks against the cache; nothing where all is well. */
export function faultsFound({ violations, history, hits }: Outcome): string[] {
  const misses = Array.from(hits).filter(([, ratio]) => ratio < FEWEST_HITS)
  return [
    ...violations.slice(0, MOST_SHOWN).map(told),
    ...(violations.length > MOST_SHOWN ? [`… and ${violations.length - MOST_SHOWN} more reads of what was cleared.`] : []),
    ...history.mishaps.slice(0, MOST_SHOWN).map(({ process, what }) => `Process ${process}: ${what}`),
    ...misses.map(([name, ratio]) => `"${name}" was answered from what is kept in ${percent(ratio)} of its calls only.`),
  ]
}

function told({ read, clear, key, returned, required, since }: Violation): string {
  const { acked, rejected } = clear
  const end =
    acked !== undefined ? `acknowledged at ${ms(acked)}` : rejected !== undefined ? `rejected at ${ms(rejected)}` : 'never answered'
  return [
    `A ${read.kind} of "${key}" in process ${read.process} (operation ${read.id}, from ${ms(read.begin)} to ${ms(read.end)}) returned version ${returned}.`,
    `  Process ${clear.process} had written version ${required} and called ${clear.kind} (operation ${clear.id}) at ${ms(clear.called)}, ${end}:`,
    `  from ${ms(since)} on it counts there, ${ms(read.begin - since)} before that read began.`,
  ].join('\n')
}

/** The figures of several runs. */
export function figuresOf(outcomes: readonly Outcome[]): string {
  const reads = sum(outcomes, ({ history }) => history.reads.length)
  const clears = outcomes.flatMap(({ history }) => history.clears)
  const acked = clears.filter((clear) => clear.acked !== undefined).length
  const injected = new Map<string, number>()
  for (const [name, count] of outcomes.flatMap((outcome) => Array.from(outcome.injected)))
    injected.set(name, (injected.get(name) ?? 0) + count)
  const lags = outcomes.flatMap((outcome) => outcome.lags).toSorted((one, other) => one - other)
  const ratios = new Map<string, number[]>()
  for (const [name, ratio] of outcomes.flatMap(({ hits }) => Array.from(hits))) ratios.set(name, [...(ratios.get(name) ?? []), ratio])
  return [
    `operations checked: ${reads + clears.length} (${reads} reads, ${clears.length} clears, ${acked} of them acknowledged)`,
    `faults injected: ${Array.from(injected, ([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
    `violations: ${sum(outcomes, ({ violations }) => violations.length)}, mishaps: ${sum(outcomes, ({ history }) => history.mishaps.length)}`,
    `answered from what is kept: ${Array.from(ratios, ([name, list]) => `${name} ${percent(list.reduce((all, one) => all + one, 0) / list.length)}`).join(', ')}`,
    `lag of the last other process after an acknowledgement: median ${ms(quantile(lags, 0.5))}, p99 ${ms(quantile(lags, 0.99))}, longest ${ms(quantile(lags, 1))} (${lags.length} clears)`,
  ].join('\n')
}

function sum(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((all, outcome) => all + of(outcome), 0)
}

function ms(time: number): string {
  return `${time.toFixed(2)} ms`
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`
}
