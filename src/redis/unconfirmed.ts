// Knows which of this process's clears Redis has not confirmed: those on their way, and those that wait for it to be back.

import type { ClearLog, ClearRecord, RecordKind } from '../clear-log.ts'
import { everything, wholeRef, type Ref } from '../ref.ts'

/** What is appended at one instant: records, and how many clears of this process each of them stands for. */
export class Delivery {
  readonly id: string
  readonly records: Map<ClearRecord, number>
  /** Resolves when Redis is known to have it. Pending for ever where that stays unknown. */
  readonly confirmed: Promise<void>
  confirm!: () => void

  constructor(id: string, records: Map<ClearRecord, number>) {
    this.id = id
    this.records = records
    this.confirmed = new Promise((resolve) => (this.confirm = resolve))
  }
}

const NO_EPOCH = -1

/** Clears that Redis does not have yet. Past a size they are widened to whole functions, never forgotten. */
export class Unconfirmed {
  readonly #log: ClearLog
  readonly #limit: number
  readonly #clock: () => number
  readonly #underway = new Map<string, Delivery>()
  #waiting: Map<ClearRecord, number> | undefined
  /** A delivery whose reply was lost, under its name: its message may still come. */
  #lost: string | undefined
  #count = 0

  constructor(log: ClearLog, clock: () => number, limit: number) {
    this.#log = log
    this.#clock = clock
    this.#limit = limit
  }

  /** Whether some wait for Redis to be back. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  get size(): number {
    let size = this.#waiting?.size ?? 0
    for (const delivery of this.#underway.values()) size += delivery.records.size
    return size
  }

  /** Puts records on their way, and with them all that wait: widened where they are many, so that no append keeps Redis from others. */
  send(records: readonly ClearRecord[]): Delivery {
    const all = this.#waiting ?? new Map<ClearRecord, number>()
    this.#waiting = undefined
    this.#lost = undefined
    for (const record of records) add(all, record, 1)
    const delivery = new Delivery(`${++this.#count}`, this.#bounded(all))
    this.#underway.set(delivery.id, delivery)
    return delivery
  }

  /** A delivery was appended at `epoch`, as its reply or its message says. Only the first to say so counts. */
  confirm(id: string, epoch: number): void {
    const delivery = this.#underway.get(id)
    const records = delivery?.records ?? (this.#lost === id ? this.#waiting : undefined)
    if (records === undefined) return
    if (delivery === undefined) this.#waiting = this.#lost = undefined
    this.#underway.delete(id)
    for (const [record, times] of records) this.#settle(record, times, epoch)
    delivery?.confirm()
  }

  /** Nobody knows what became of a delivery: it waits for the next one. */
  lose(id: string): void {
    const delivery = this.#underway.get(id)
    if (delivery === undefined) return
    this.#underway.delete(id)
    this.#lost = this.#waiting === undefined ? id : undefined
    const all = this.#waiting ?? delivery.records
    if (all !== delivery.records) for (const [record, times] of delivery.records) add(all, record, times)
    this.#waiting = this.#bounded(all)
  }

  #bounded(records: Map<ClearRecord, number>): Map<ClearRecord, number> {
    return records.size > this.#limit ? this.#widen(records) : records
  }

  #widen(records: Map<ClearRecord, number>): Map<ClearRecord, number> {
    const wide = new Map<ClearRecord, number>()
    for (const [kind, ref] of this.#wider(records)) wide.set(this.#log.append(kind, ref, this.#clock(), true), 1)
    // They count through the wider ones from here on.
    for (const [record, times] of records) this.#settle(record, times, NO_EPOCH)
    return wide
  }

  #wider(records: Map<ClearRecord, number>): Array<[RecordKind, Ref]> {
    const functions = new Map<string, [RecordKind, Ref]>()
    for (const { kind, ref } of records.keys()) functions.set(`${kind} ${ref.name}`, [kind, wholeRef(ref.name)])
    return functions.size > this.#limit ? [['clear', everything]] : Array.from(functions.values())
  }

  #settle(record: ClearRecord, times: number, epoch: number): void {
    for (let time = 0; time < times; time++) this.#log.settle(record, epoch)
  }
}

function add(records: Map<ClearRecord, number>, record: ClearRecord, times: number): void {
  records.set(record, (records.get(record) ?? 0) + times)
}
