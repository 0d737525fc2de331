// The clear log told naively: a list of everything that happened, which is gone through for every question.
import { callRef, everything, patternRef, type Ref } from '../../src/ref.ts'
import { keyOf } from '../../src/key.ts'
import type { RecordKind } from '../../src/clear-log.ts'
import { commonCall, covers, isSameCall } from './meaning.ts'

/** What a ref is made of. */
export interface Target {
  readonly of: 'call' | 'pattern' | 'everything'
  readonly name: string
  readonly args: readonly unknown[]
}

export interface NaiveRecord {
  readonly kind: RecordKind
  readonly target: Target
  readonly id: string
  readonly position: number
  readonly time: number
  epoch: number
  isPending: boolean
}

/** From the least that a log may say of an entry to the most. */
export type Verdict = 'fresh' | 'expired' | 'cleared'

const never = -1

export function refOf({ of, name, args }: Target): Ref {
  if (of === 'everything') return everything
  return of === 'call' ? callRef(name, args, keyOf(args)) : patternRef(name, args)
}

function overlap(a: Target, b: Target): boolean {
  if (a.of === 'everything' || b.of === 'everything') return true
  if (a.name !== b.name) return false
  if (a.of === 'call') return b.of === 'call' ? isSameCall(a.args, b.args) : covers(b.args, a.args)
  return b.of === 'call' ? covers(a.args, b.args) : commonCall(a.args, b.args) !== undefined
}

export class NaiveLog {
  position = 0
  records: NaiveRecord[] = []
  #lostAt = never
  #forgotten = never

  append(kind: RecordKind, target: Target, time: number, isPending: boolean): NaiveRecord {
    return this.#add({ kind, target, time, isPending, position: ++this.position, epoch: never })
  }

  receive(kind: RecordKind, target: Target, epoch: number, time: number): void {
    if (!this.#knows(kind, target, epoch)) this.#add({ kind, target, time, isPending: false, position: ++this.position, epoch })
  }

  recall(kind: RecordKind, target: Target, epoch: number): void {
    this.#add({ kind, target, time: Number.NEGATIVE_INFINITY, isPending: false, position: never, epoch })
  }

  forgetBefore(epoch: number): void {
    this.#forgotten = Math.max(this.#forgotten, epoch)
  }

  reset(): void {
    this.#lostAt = ++this.position
    this.#forgotten = never
    this.records = this.records.filter((record) => record.isPending)
    for (const record of this.records) record.epoch = never
  }

  /** The records that can matter to an entry with these dependencies. */
  overlapping(targets: readonly Target[]): NaiveRecord[] {
    return this.records.filter((record) => targets.some((target) => overlap(target, record.target)))
  }

  /** Of an entry that these records overlap, known to be fresh at a position. */
  since(overlapping: readonly NaiveRecord[], position: number): Verdict {
    return this.#lostAt > position ? 'cleared' : verdict(overlapping.filter((record) => record.position > position))
  }

  /** Of an entry that these records overlap, which another process loaded at an epoch. */
  sinceEpoch(overlapping: readonly NaiveRecord[], epoch: number): Verdict {
    return this.#forgotten > epoch ? 'cleared' : verdict(overlapping.filter((record) => record.isPending || record.epoch > epoch))
  }

  #knows(kind: RecordKind, target: Target, epoch: number): boolean {
    const id = `${kind} ${refOf(target).id}`
    return this.records.some((record) => record.id === id && record.epoch >= epoch)
  }

  #add(record: Omit<NaiveRecord, 'id'>): NaiveRecord {
    const added = { ...record, id: `${record.kind} ${refOf(record.target).id}` }
    this.records.push(added)
    return added
  }
}

function verdict(later: readonly NaiveRecord[]): Verdict {
  if (later.some(({ kind }) => kind === 'clear')) return 'cleared'
  return later.length > 0 ? 'expired' : 'fresh'
}
