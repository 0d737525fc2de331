// Whether a read of a history returned what an earlier clear had made stale.
import { staleKinds, type Clear, type History, type Read } from './history.ts'

/** A read that returned what a clear had made stale, which counted in the reader's process from `since`. */
export interface Violation {
  readonly read: Read
  readonly clear: Clear
  readonly key: string
  readonly returned: number
  readonly required: number
  readonly since: number
}

/** What a clear asks of the reads that begin after it counts: at least this version. */
interface Bound {
  readonly since: number
  readonly version: number
  readonly clear: Clear
}

/**
 * Every read that returned an older version of a key than an earlier clear allows. A clear counts from its call in its own process, and in
 * others from `allowance` milliseconds after its acknowledgement: 0 where reads are strong, `maxStaleness` where they are eventual. One
 * that was rejected is acknowledged when its process has delivered all it had queued.
 */
export function check(history: History, allowance: number): Violation[] {
  const bounds = boundsOf(history, allowance)
  const violations: Violation[] = []
  for (const read of history.reads) {
    const kinds: ReadonlyArray<Clear['kind']> = staleKinds.has(read.kind) ? ['clear'] : ['clear', 'expire']
    for (const [key, returned] of read.saw) {
      for (const place of kinds.flatMap((kind) => [placeOf(kind, key), placeOf(kind, key, read.process)])) {
        const bound = bounds.get(place)?.before(read.begin)
        if (bound === undefined || bound.version <= returned) continue
        violations.push({ read, key, returned, clear: bound.clear, required: bound.version, since: bound.since })
      }
    }
  }
  return violations
}

/** Where a key's clears of a kind are: those of one process, by their call, or those of all, by their acknowledgement. */
function placeOf(kind: Clear['kind'], key: string, process = ''): string {
  return `${kind} ${key} ${process}`
}

function boundsOf({ clears, settled }: History, allowance: number): Map<string, Bounds> {
  const bounds = new Map<string, Bounds>()
  const add = (place: string, bound: Bound): void => {
    const known = bounds.get(place)
    if (known === undefined) bounds.set(place, new Bounds(bound))
    else known.add(bound)
  }
  for (const clear of clears) {
    const delivered = clear.acked ?? deliveredAt(clear, settled)
    for (const [key, version] of clear.wrote) {
      add(placeOf(clear.kind, key, clear.process), { since: clear.called, version, clear })
      if (delivered !== undefined) add(placeOf(clear.kind, key), { since: delivered + allowance, version, clear })
    }
  }
  return bounds
}

function deliveredAt({ process, rejected }: Clear, settled: History['settled']): number | undefined {
  if (rejected === undefined) return undefined
  const times = settled.filter((one) => one.process === process && one.at > rejected).map(({ at }) => at)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The bounds of one place, and which of those before a moment asks for most. */
class Bounds {
  #bounds: Bound[]
  #isSorted = false

  constructor(first: Bound) {
    this.#bounds = [first]
  }

  add(bound: Bound): void {
    this.#bounds.push(bound)
    this.#isSorted = false
  }

  before(moment: number): Bound | undefined {
    if (!this.#isSorted) this.#sort()
    let [from, to] = [0, this.#bounds.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.#bounds[middle]!.since < moment) from = middle + 1
      else to = middle
    }
    return this.#bounds[from - 1]
  }

  /** By time, without those that ask for no more than one before them. */
  #sort(): void {
    const sorted = this.#bounds.toSorted((one, other) => one.since - other.since)
    this.#bounds = []
    for (const bound of sorted) if (bound.version > (this.#bounds.at(-1)?.version ?? -1)) this.#bounds.push(bound)
    this.#isSorted = true
  }
}
