// What several processes did with their caches, by one clock: reads with what they returned, clears with what had been written before them.

/** A key, and the number of the write that gave it the value. */
export type Written = readonly [key: string, version: number]

/** What reads a value. Those in `staleKinds` may serve what was expired, and never what was cleared. */
export type ReadKind = 'row' | 'page' | 'list' | 'late' | 'swr' | 'peek' | 'express' | 'koa' | 'front'
export const staleKinds: ReadonlySet<ReadKind> = new Set(['swr'])

export interface Read {
  /** Another one after each start of a process. */
  readonly process: string
  readonly id: number
  readonly kind: ReadKind
  /** All times are milliseconds of the machine's monotonic clock, which is the same in all processes. */
  readonly begin: number
  readonly end: number
  /** All that the value was composed of. */
  readonly saw: readonly Written[]
}

export interface Clear {
  readonly process: string
  readonly id: number
  readonly kind: 'clear' | 'expire'
  /** What the source held when it was called, of each key that it names. */
  readonly wrote: readonly Written[]
  /** From when on it counts in its own process: its call, or for a mutation by HTTP the moment its answer came. */
  readonly called: number
  /** When it was acknowledged; undefined where it was not. */
  readonly acked: number | undefined
  /** When it was rejected: it is queued from then on. */
  readonly rejected: number | undefined
}

/** From here on all that a process had cleared without an acknowledgement is delivered. */
export interface Settled {
  readonly process: string
  readonly at: number
}

/** What no process may do, whatever happens: fail a reader, reject what nobody handles, or end by itself. */
export interface Mishap {
  readonly process: string
  readonly what: string
}

export interface History {
  readonly reads: readonly Read[]
  readonly clears: readonly Clear[]
  readonly settled: readonly Settled[]
  readonly mishaps: readonly Mishap[]
}

/** A line of a process's record: an operation has one when it begins and one when it ends, so that a process that is killed loses nothing. */
export type Line =
  | { readonly t: 'read'; readonly id: number; readonly at: number; readonly kind: ReadKind; readonly keys: readonly string[] }
  | { readonly t: 'saw'; readonly id: number; readonly at: number; readonly saw: readonly Written[] }
  | { readonly t: 'clear'; readonly id: number; readonly at: number; readonly kind: Clear['kind']; readonly wrote: readonly Written[] }
  /** A mutation by HTTP began: what it wrote is known, and what it clears is called, by the time it is answered. */
  | { readonly t: 'post'; readonly id: number; readonly at: number }
  | { readonly t: 'posted'; readonly id: number; readonly at: number; readonly wrote: readonly Written[]; readonly isAcked: boolean }
  | { readonly t: 'acked'; readonly id: number; readonly at: number }
  | { readonly t: 'rejected'; readonly id: number; readonly at: number }
  | { readonly t: 'settled'; readonly at: number }
  | { readonly t: 'mishap'; readonly what: string }

/** The histories of single processes as one. */
export function joined(histories: readonly History[]): History {
  return {
    reads: histories.flatMap(({ reads }) => reads),
    clears: histories.flatMap(({ clears }) => clears),
    settled: histories.flatMap(({ settled }) => settled),
    mishaps: histories.flatMap(({ mishaps }) => mishaps),
  }
}

/** What the record of one process says. */
export function historyOf(process: string, lines: readonly Line[]): History {
  const reads: Read[] = []
  const clears = new Map<number, Clear>()
  const settled: Settled[] = []
  const mishaps: Mishap[] = []
  const begun = new Map<number, Line & { t: 'read' }>()
  const ends = (id: number, end: Partial<Clear>): void => {
    const clear = clears.get(id)
    if (clear !== undefined) clears.set(id, { ...clear, ...end })
  }
  for (const line of lines) {
    if (line.t === 'read') begun.set(line.id, line)
    else if (line.t === 'saw') {
      const { id, kind, at } = begun.get(line.id)!
      reads.push({ process, id, kind, begin: at, end: line.at, saw: line.saw })
    } else if (line.t === 'clear') {
      const { id, kind, wrote, at } = line
      clears.set(id, { process, id, kind, wrote, called: at, acked: undefined, rejected: undefined })
    } else if (line.t === 'posted') {
      const { id, wrote, at, isAcked } = line
      const end = isAcked ? { acked: at, rejected: undefined } : { acked: undefined, rejected: at }
      clears.set(id, { process, id, kind: 'clear', wrote, called: at, ...end })
    } else if (line.t === 'acked') ends(line.id, { acked: line.at })
    else if (line.t === 'rejected') ends(line.id, { rejected: line.at })
    else if (line.t === 'settled') settled.push({ process, at: line.at })
    else if (line.t === 'mishap') mishaps.push({ process, what: line.what })
  }
  return { reads, clears: Array.from(clears.values()), settled, mishaps }
}
