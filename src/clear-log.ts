// Knows what was cleared and when: records in their order, and whether one overlaps a ref.

import { NameRecords, never, NEVER, raise, type ClearRecord, type IsLater, type Mark, type RecordKind } from './name-records.ts'
import type { NameSet } from './name-sets.ts'
import { everything, isEverything, overlaps, type Ref } from './ref.ts'

export type { ClearRecord, RecordKind } from './name-records.ts'

const MOST_IDLE_NAMES = 1000

function idOf(kind: RecordKind, ref: Ref): string {
  return `${kind} ${ref.id}`
}

/** The clear log of one cache in this process. */
export class ClearLog {
  /** Grows by one with each record: an entry checked at the present position is fresh, whatever it depends on. */
  position = 0
  readonly #limit: number
  readonly #names: Record<RecordKind, Map<string, NameRecords>> = { clear: new Map(), expire: new Map() }
  /** Oldest first. */
  readonly #records: Map<string, ClearRecord> = new Map()
  readonly #pending: Set<ClearRecord> = new Set()
  /** Whatever was computed before this is gone. */
  readonly #floor: Mark = never()
  readonly #watchers: Array<() => void> = []

  /** `limit`: how many records are kept one by one; past it the oldest are collapsed to their whole function. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#records.size
  }

  /** Calls `watcher` whenever the position has moved or an own record has got its epoch, for as long as there is a log. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher)
  }

  /** Adds a record of this process, which counts at once. With `pending`, it counts as later than every epoch until `settle`. */
  append(kind: RecordKind, ref: Ref, time: number, pending: boolean): ClearRecord {
    const record = this.#move(kind, ref, { position: ++this.position, epoch: NEVER }, time)
    if (pending) {
      record.pending++
      this.#pending.add(record)
    }
    this.#tell()
    return record
  }

  /** Adds what another process recorded. False for one that is known already, by a doubled message or a second read: it changes nothing. */
  receive(kind: RecordKind, ref: Ref, epoch: number, time: number): boolean {
    // What was collapsed says nothing of it: this one may have been overtaken on its way by one that was.
    if (this.#has(kind, ref, epoch)) return false
    this.#move(kind, ref, { position: ++this.position, epoch }, time)
    this.#tell()
    return true
  }

  /** Adds a record that is older than all this process has loaded: it counts only for entries that come from elsewhere. */
  recall(kind: RecordKind, ref: Ref, epoch: number): void {
    const collapsed = this.#names[kind].get(ref.name)?.collapsed.epoch ?? NEVER
    if (epoch <= Math.max(collapsed, this.#floor.epoch) || this.#has(kind, ref, epoch)) return
    this.#move(kind, ref, { position: NEVER, epoch }, Number.NEGATIVE_INFINITY)
  }

  /**
   * An own record was acknowledged: it has its epoch now, and stays where it is in this process's order. What others recorded
   * between must have been received before.
   */
  settle(record: ClearRecord, epoch: number): void {
    record.pending--
    if (record.pending <= 0) this.#pending.delete(record)
    raise(record, { position: NEVER, epoch })
    const kept = this.#records.get(record.id)
    if (kept === undefined) this.#collapse(record)
    else {
      raise(kept, record)
      this.#index(kept)
    }
    this.#tell()
  }

  /** From now on nothing that was computed before counts: the shared log was lost, or gave its first word. */
  reset(): void {
    // Epochs go with the log that gave them: beside those of another server's clock they would hide its records, or outlast them.
    Object.assign(this.#floor, { position: ++this.position, epoch: NEVER })
    this.#names.clear.clear()
    this.#names.expire.clear()
    this.#records.clear()
    for (const record of this.#pending) {
      record.epoch = NEVER
      this.#records.set(record.id, record)
      this.#index(record)
    }
    this.#compact()
    this.#tell()
  }

  /** Whatever is older than `epoch` in the shared log is no longer known one by one. */
  forgetBefore(epoch: number): void {
    raise(this.#floor, { position: NEVER, epoch })
  }

  /** Whether nothing was recorded of any of these names after the local position `since`: nothing that overlaps a ref of them can have been. */
  isQuiet(set: NameSet, since: number): boolean {
    if (set.seen !== this.position) {
      set.newest = this.#newestOf(set.names)
      set.seen = this.position
    }
    return set.newest <= since
  }

  /** Whether something that overlaps one of the refs was cleared after the local position `since`. */
  clearedSince(refs: readonly Ref[], since: number): boolean {
    return since < this.position && this.#find('clear', refs, (mark) => mark.position > since) !== undefined
  }

  /** As `clearedSince`, by epoch: for an entry that another process computed. */
  clearedSinceEpoch(refs: readonly Ref[], epoch: number): boolean {
    return this.#pendingFor('clear', refs) !== undefined || this.#find('clear', refs, (mark) => mark.epoch > epoch) !== undefined
  }

  /** When what overlaps one of the refs was expired after the local position `since`: undefined when it was not. */
  expiredSince(refs: readonly Ref[], since: number): number | undefined {
    if (since >= this.position) return undefined
    return timeOf(this.#find('expire', refs, (mark) => mark.position > since))
  }

  /** As `expiredSince`, by epoch. */
  expiredSinceEpoch(refs: readonly Ref[], epoch: number): number | undefined {
    return timeOf(this.#pendingFor('expire', refs) ?? this.#find('expire', refs, (mark) => mark.epoch > epoch))
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }

  #find(kind: RecordKind, refs: readonly Ref[], isLater: IsLater): ClearRecord | Mark | undefined {
    if (kind === 'clear' && isLater(this.#floor)) return this.#floor
    const names = this.#names[kind]
    if (names.size === 0) return undefined
    for (const ref of refs) {
      const found = isEverything(ref) ? findAny(names, isLater) : names.get(ref.name)?.find(ref, isLater)
      if (found !== undefined) return found
    }
    return undefined
  }

  #newestOf(names: readonly string[]): number {
    let newest = this.#floor.position
    for (const name of names) {
      if (name === everything.name) return this.position
      for (const kind of ['clear', 'expire'] as const) newest = Math.max(newest, this.#names[kind].get(name)?.newest.position ?? NEVER)
    }
    return newest
  }

  #pendingFor(kind: RecordKind, refs: readonly Ref[]): ClearRecord | undefined {
    if (this.#pending.size === 0) return undefined
    for (const record of this.#pending) if (record.kind === kind && refs.some((ref) => overlaps(ref, record.ref))) return record
    return undefined
  }

  #has(kind: RecordKind, ref: Ref, epoch: number): boolean {
    const record = this.#records.get(idOf(kind, ref))
    return record !== undefined && record.epoch >= epoch
  }

  #move(kind: RecordKind, ref: Ref, mark: Mark, time: number): ClearRecord {
    const id = idOf(kind, ref)
    const record: ClearRecord = this.#records.get(id) ?? { id, kind, ref, ...never(), time, pending: 0 }
    record.time = Math.max(record.time, time)
    raise(record, mark)
    this.#records.delete(id)
    this.#records.set(id, record)
    this.#index(record)
    this.#compact()
    return record
  }

  #index(record: ClearRecord): void {
    if (isEverything(record.ref)) return raise(this.#floor, record)
    const names = this.#names[record.kind]
    let name = names.get(record.ref.name)
    if (name === undefined) names.set(record.ref.name, (name = new NameRecords()))
    name.put(record)
  }

  #compact(): void {
    // One record in makes at most a few out: no append pauses, however long the log was.
    for (const [id, record] of this.#records) {
      if (this.#records.size <= this.#limit) return
      this.#records.delete(id)
      this.#collapse(record)
    }
  }

  #collapse(record: ClearRecord): void {
    const names = this.#names[record.kind]
    const name = names.get(record.ref.name)
    // Of everything, or of a name that was given up meanwhile.
    if (name === undefined) return raise(this.#floor, record)
    name.collapse(record)
    if (!name.isEmpty || names.size <= MOST_IDLE_NAMES) return
    names.delete(record.ref.name)
    raise(this.#floor, name.collapsed)
  }
}

function findAny(names: Map<string, NameRecords>, isLater: IsLater): Mark | undefined {
  for (const name of names.values()) if (isLater(name.newest)) return name.newest
  return undefined
}

function timeOf(found: ClearRecord | Mark | undefined): number | undefined {
  if (found === undefined) return undefined
  return 'time' in found ? found.time : Number.NEGATIVE_INFINITY
}
