// Knows how long hits take at most, when they are asked for at random times and clears go on meanwhile.
import { QUIET, type ClearRates } from './clear-rates.ts'
import { functions, openLoop, saturation } from './latency-function.ts'
import { halfOf, latencies, type LatencyCase } from './latency-http.ts'
import type { Percentiles } from './percentiles.ts'
import { median } from './rounds.ts'
import { OWN, rounded, type Row, type Suite, type Table } from './suite.ts'

const UNRELATED: ClearRates = { unrelated: 1000, related: 0 }
const BOTH: ClearRates = { unrelated: 1000, related: 10 }
const COLUMNS = ['median µs', '99 % µs', '99.9 % µs', 'slowest µs']

export const suite: Suite = {
  name: 'latency',
  title: 'Latency while clears arrive',
  run: async () => ({
    tables: [await overExpress({ rounds: 9, seconds: 2 }), await ofFunctions({ rounds: 9, seconds: 0.7 })],
    targets: [],
  }),
}

async function overExpress(options: { readonly rounds: number; readonly seconds: number }): Promise<Table> {
  const cases = casesOf('a constant', [OWN, 'apicache'])
  const { perSecond, rounds } = await latencies(cases, options)
  return tableOf(`Express, ${perSecond.toLocaleString('en-US')} requests a second`, cases, rounds)
}

async function ofFunctions({ rounds, seconds }: { readonly rounds: number; readonly seconds: number }): Promise<Table> {
  const cases = casesOf('lru-cache', [OWN, 'async-cache-dedupe'])
  const made = await Promise.all(cases.map(({ app }) => functions[app]!()))
  let slowest = Number.POSITIVE_INFINITY
  for (const one of made) slowest = Math.min(slowest, await saturation(one))
  const perSecond = halfOf(slowest)
  const taken: Percentiles[][] = cases.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < cases.length; turn++) {
      const index = (turn + round + 1) % cases.length
      const took = await openLoop(made[index]!, cases[index]!.clears, perSecond, seconds, round + 2)
      if (round >= 0) taken[index]!.push(took)
    }
  }
  return tableOf(`A function, ${perSecond.toLocaleString('en-US')} calls a second`, cases, taken)
}

/** The limit without clears, and caches without and with them. */
function casesOf(limit: string, caches: readonly string[]): LatencyCase[] {
  return [{ app: limit, clears: QUIET }, ...caches.flatMap((app) => [QUIET, UNRELATED, BOTH].map((clears) => ({ app, clears })))]
}

/** Percentiles are medians of the rounds'; the slowest is that of all rounds. */
function tableOf(title: string, cases: readonly LatencyCase[], rounds: readonly (readonly Percentiles[])[]): Table {
  const rows = cases.map(({ app, clears: { unrelated, related } }, index): Row => {
    const of = rounds[index]!
    const cleared = unrelated + related === 0 ? '' : `, ${unrelated} unrelated and ${related} related clears a second`
    const middles = (['p50', 'p99', 'p999'] as const).map((key) => rounded(median(of.map((took) => took[key])) * 1000))
    return [`${app}${cleared}`, ...middles, rounded(Math.max(...of.map(({ max }) => max)) * 1000)]
  })
  return { title, columns: COLUMNS, rows }
}
