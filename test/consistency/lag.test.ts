// The lag, on a history written by hand.
import { expect, test } from 'vitest'
import type { Clear, Read } from './history.ts'
import { lagsOf, quantile } from './lag.ts'

const read = (process: string, begin: number, version: number): Read => ({
  process,
  id: begin,
  kind: 'row',
  begin,
  end: begin + 1,
  saw: [['k', version]],
})
const clear = (called: number, version: number, acked?: number): Clear => {
  return { process: 'a', id: called, kind: 'clear', wrote: [['k', version]], called, acked, rejected: undefined }
}

test('a lag is how late the last other process still returned the old', () => {
  const reads = [read('b', 25, 1), read('c', 32, 1), read('b', 40, 2), read('a', 45, 1), read('c', 50, 2)]
  expect(lagsOf({ reads, clears: [clear(10, 2, 20)], settled: [], mishaps: [] }, 100)).toEqual([12])
})

test('it is 0 where none did, and unknown where none read or nothing was acknowledged', () => {
  const clears = [clear(10, 2, 20), clear(100, 3, 300), clear(12, 2)]
  expect(lagsOf({ reads: [read('b', 19, 1), read('b', 21, 2)], clears, settled: [], mishaps: [] }, 50)).toEqual([0])
})

test('a quantile is the value below which a part lies', () => {
  expect([quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 1), quantile([], 0.5)]).toEqual([3, 4, Number.NaN])
})
