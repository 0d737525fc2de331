// Knows how far this process knows the shared clear log, and takes over what Redis says of it.

import type { ClearLog } from '../clear-log.ts'
import { LagMeter } from './lag.ts'
import type { Message, Reply, WireRecord } from './wire.ts'

/** When a question was asked, and in which generation this process was then. */
export interface Asked {
  readonly generation: string | undefined
  /** Monotonic. */
  readonly sent: number
}

/** The part of the shared log that a process has in its own. */
export class Position {
  generation: string | undefined
  /** All records of this generation up to here are applied. */
  epoch = 0
  /** The name of the append there: what tells this log from one that lost it and has gone on since. Empty where it is not known. */
  tip = ''
  /** All records later than this are applied, up to `epoch`. */
  windowStart: number = Number.POSITIVE_INFINITY
  /** Up to here records have been dropped from the shared log itself. */
  floor = 0
  /** When the last answered question was sent. */
  verifiedAt: number = Number.NEGATIVE_INFINITY
  /** How many records could not be read. */
  skipped = 0
  /** How late what others clear is heard of. */
  readonly meter: LagMeter = new LagMeter()
  readonly #log: ClearLog
  readonly #clock: () => number

  constructor(log: ClearLog, clock: () => number) {
    this.#log = log
    this.#clock = clock
  }

  /** Takes over a reply. False when it is of a generation that may be dead. */
  apply(reply: Reply, asked: Asked): boolean {
    if (reply.generation !== this.generation) {
      // Another generation has come since it was asked: which of the two is the newer one, only a new question tells.
      if (asked.generation !== this.generation) return false
      this.#beginAt(reply)
    } else if (reply.from > this.epoch) {
      // It slept while records that it does not have were dropped.
      this.#beginAt(reply)
    }
    this.meter.answered(reply.time, asked.sent, this.#clock())
    // Epochs are times as long as they are not ahead of the clock.
    this.#receive(reply.records, reply.epoch <= reply.time ? (epoch) => epoch : undefined)
    if (reply.upto > this.epoch || (reply.upto === this.epoch && reply.tip !== '')) this.#moveTo(reply.upto, reply.tip)
    this.floor = Math.max(this.floor, reply.floor)
    this.#log.forgetBefore(this.floor)
    // Not when it was answered: the answer may have lain in a stopped process or a slow network for any time.
    if (reply.upto >= reply.epoch) this.verifiedAt = Math.max(this.verifiedAt, asked.sent)
    return true
  }

  /** Takes over a message of this generation. False when something before it was missed. `isOwn`: its records are here already. */
  hear(message: Message, isOwn: boolean): boolean {
    if (message.epoch <= this.epoch) return true
    // Records commute: none needs to wait for those before it.
    if (!isOwn) this.#receive(message.records, () => message.time)
    // Where the append before it is not the one that is known last, that one was lost with the log's tail: a question tells.
    const isNext = message.previous === this.epoch && (message.before === this.tip || message.before === '' || this.tip === '')
    if (isNext) this.#moveTo(message.epoch, message.tip)
    return isNext
  }

  /** Takes over the older records of a reply, which join on to the window where it began at `below`. */
  recall(reply: Reply, below: number): void {
    if (this.windowStart !== below) return
    for (const { epoch, what } of reply.older) {
      if (what === undefined) this.skipped++
      else this.#log.recall(what.kind, what.ref, epoch)
    }
    this.windowStart = Math.min(below, reply.low)
  }

  #beginAt(reply: Reply): void {
    // At the first word too: what was loaded before it may have been cleared meanwhile.
    this.#log.reset()
    this.generation = reply.generation
    this.#moveTo(reply.from, '')
    this.windowStart = reply.from
    this.floor = reply.floor
  }

  #moveTo(epoch: number, tip: string): void {
    this.epoch = epoch
    this.tip = tip
  }

  #receive(records: readonly WireRecord[], timeOf: ((epoch: number) => number) | undefined): void {
    const now = this.#clock()
    const news = new Set<number>()
    for (const { epoch, what } of records) {
      if (what === undefined) this.skipped++
      else if (this.#log.receive(what.kind, what.ref, epoch, now)) news.add(epoch)
    }
    // What the last answer did not hold was not there when it was asked for.
    if (timeOf !== undefined) for (const epoch of news) this.meter.heard(timeOf(epoch), now, this.verifiedAt)
  }
}
