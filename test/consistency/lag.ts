// How late after a clear's acknowledgement another process still returned what was before it.
import type { History, Read } from './history.ts'

/** Of each acknowledged clear that others read after: the latest begin of a read in another process that returned the old, 0 where none did. */
export function lagsOf({ reads, clears }: History, longest: number): number[] {
  const byKey = new Map<string, { begin: number; process: string; version: number }[]>()
  const add = (read: Read): void => {
    for (const [key, version] of read.saw) {
      const list = byKey.get(key) ?? []
      byKey.set(key, list)
      list.push({ begin: read.begin, process: read.process, version })
    }
  }
  for (const read of reads.toSorted((one, other) => one.begin - other.begin)) add(read)
  const lags: number[] = []
  for (const { acked, wrote, process, kind } of clears) {
    if (acked === undefined || kind !== 'clear') continue
    for (const [key, version] of wrote) {
      const list = byKey.get(key) ?? []
      const after = list.slice(firstAfter(list, acked), firstAfter(list, acked + longest)).filter((read) => read.process !== process)
      if (after.length === 0) continue
      const last = after.findLast((read) => read.version < version)
      lags.push(last === undefined ? 0 : last.begin - acked)
    }
  }
  return lags.toSorted((one, other) => one - other)
}

/** The value below which a part of a sorted list lies. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

function firstAfter(list: readonly { begin: number }[], moment: number): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle]!.begin <= moment) from = middle + 1
    else to = middle
  }
  return from
}
