// Knows how long something took: not on average, but most times, and at worst.
import { createHistogram } from 'node:perf_hooks'

/** In milliseconds. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Collects what was taken, in milliseconds. */
export function percentiles(): { record(took: number): void; of(): Percentiles } {
  const histogram = createHistogram()
  const at = (percentile: number) => histogram.percentile(percentile) / 1e6
  return {
    record: (took) => histogram.record(Math.max(1, Math.round(took * 1e6))),
    of: () => ({ p50: at(50), p99: at(99), p999: at(99.9), max: histogram.max / 1e6 }),
  }
}
