// Knows the shared clear log: what other processes cleared arrives here, what this one clears gets there.

import type { ClearLog, ClearRecord } from '../clear-log.ts'
import { StoreError, type CacheError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import type { Lag } from './lag.ts'
import { LogConversation, type Answer } from './log-conversation.ts'
import { logKeyOf } from './naming.ts'
import { Question } from './question.ts'
import { Position } from './position.ts'
import { ReadBack } from './read-back.ts'
import { appendScript, questionScript } from './log-scripts.ts'
import { newLimit } from './limit.ts'
import { endOfTick } from './tick.ts'
import { Unconfirmed, type Delivery } from './unconfirmed.ts'
import { memberOf, readMessage } from './wire.ts'

export interface SharedLogOptions {
  connection: RedisConnection
  log: ClearLog
  prefix: string
  /** Milliseconds for which in-process entries are trusted without word: a few questions are asked within them. */
  maxStaleness: number
  /** The longest that an entry may live, in milliseconds: as long must the log remember. */
  retention: () => number
  /** Monotonic milliseconds. */
  clock: () => number
  onError: (error: CacheError) => void
  /** How many records are kept one by one in Redis; past it the oldest are collapsed to their whole function. @default 10_000 */
  limit?: number
  /** How many records a reply holds. @default 1000 */
  page?: number
  /** Milliseconds that the log remembers however short entries live. @default 60_000 */
  leastRetention?: number
}

const LIMIT = 10_000
const PAGE = 1000
const MOST_UNCONFIRMED = 1000
const LEAST_RETENTION = 60_000
const QUESTIONS_A_LEASE = 4
const SHORTEST_PAUSE = 25
const LONGEST_PAUSE = 60_000
const MOST_REFUSED = 3

/** The clear log that all processes of one prefix share, as far as this process knows it. */
export class SharedLog {
  readonly #options: SharedLogOptions
  readonly #log: ClearLog
  readonly #connection: RedisConnection
  readonly #key: string
  readonly #channel: string
  readonly #position: Position
  readonly #conversation: LogConversation
  readonly #readBack: ReadBack
  readonly #unconfirmed: Unconfirmed
  readonly #running = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #unsent: Question | undefined
  #latest: Question | undefined
  #missed = 0
  #isPolling = false
  #isClosed = false

  constructor(options: SharedLogOptions) {
    const { connection, log, prefix, clock, maxStaleness, page = PAGE, leastRetention = LEAST_RETENTION } = options
    this.#options = options
    this.#log = log
    this.#connection = connection
    this.#key = logKeyOf(prefix)
    this.#channel = `${connection.keyPrefix}${this.#key}@${connection.database}`
    this.#position = new Position(log, clock)
    this.#conversation = new LogConversation({ ...options, key: this.#key, position: this.#position, page, leastRetention })
    this.#readBack = new ReadBack(this.#position, (epoch) => this.#readPage(epoch))
    this.#unconfirmed = new Unconfirmed(log, clock, MOST_UNCONFIRMED)
    connection.onReady(() => void this.ask())
    connection.listen(this.#channel, { onMessage: (text) => this.#hear(text), onListening: () => void this.ask() })
    const pause = Math.min(Math.max(maxStaleness / QUESTIONS_A_LEASE, SHORTEST_PAUSE), LONGEST_PAUSE)
    this.#timer = setInterval(() => void this.#poll(), pause).unref()
  }

  /** Made anew when the log was lost: what was computed under another one is stale. Undefined until the first answer. */
  get generation(): string | undefined {
    return this.#position.generation
  }

  /** All records of this generation up to here are applied in this process. */
  get epoch(): number {
    return this.#position.epoch
  }

  /** All records later than this are in this process's log; `reach` makes it reach further back. */
  get windowStart(): number {
    return this.#position.windowStart
  }

  /** Monotonic time at which the last answered question was sent: in-process entries are trusted for `maxStaleness` from here. */
  get verifiedAt(): number {
    return this.#position.verifiedAt
  }

  /** How late this process heard of the latest clears of others. */
  get lag(): Lag | undefined {
    return this.#position.meter.lag
  }

  /** How many records could not be read. */
  get skipped(): number {
    return this.#position.skipped
  }

  /**
   * Asks Redis what was cleared, by a question that is sent after this call; callers of one tick share it. True when it was answered:
   * `epoch` is then where the log was when it was sent, or later. Never rejects.
   */
  ask(): Promise<boolean> {
    return this.question().answer
  }

  /** The same, for who looks whether the answer is there before waiting for it. */
  question(): Question {
    return (this.#unsent ??= this.#latest = new Question(this.#askSoon()))
  }

  /** The question that was asked last. */
  get latest(): Question | undefined {
    return this.#latest
  }

  /**
   * Appends records that this process's log has as pending, all at one instant. Rejects with a `StoreError` when that is not confirmed
   * within the command timeout: they stay pending here, and are delivered in one append once Redis is back.
   */
  async append(records: readonly ClearRecord[]): Promise<void> {
    if (records.length === 0) return
    try {
      await this.#deliver(records)
    } catch (cause) {
      throw new StoreError('Redis did not confirm a clear: it counts in this process, and is delivered once Redis answers again.', cause)
    }
  }

  /** Makes the window reach back to `epoch`. False when what was cleared since then cannot be known: an entry of that age is then stale. */
  async reach(epoch: number): Promise<boolean> {
    if (this.generation === undefined && !(await this.ask())) return false
    return epoch >= this.windowStart || (await this.#readBack.reach(epoch))
  }

  /** Stops asking, and tries once more to deliver what is not confirmed. The connection is closed by who made it. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    clearInterval(this.#timer)
    if (this.#unconfirmed.isWaiting) void this.#deliverWaiting()
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
    this.#isClosed = true
    const left = this.#unconfirmed.size
    if (left > 0) this.#options.onError(new StoreError(`The cache was closed before Redis had confirmed ${left} of its clears.`))
  }

  async #askSoon(): Promise<boolean> {
    await endOfTick()
    const onSent = once(() => (this.#unsent = undefined))
    const asking = this.#askAll(onSent).finally(() => {
      // Where it was never sent.
      onSent()
    })
    const isAnswered = await this.#inTime(asking)
    if (isAnswered && this.#unconfirmed.isWaiting) void this.#deliverWaiting()
    return isAnswered
  }

  /** However many pages there are: all who wait for them wait for as long as one command may take, and are told in one tick. */
  async #inTime(asking: Promise<boolean>): Promise<boolean> {
    const limit = newLimit(this.#connection.commandTimeout)
    try {
      return await limit.race(asking, () => undefined)
    } catch {
      return false
    } finally {
      limit.end()
    }
  }

  /** Page by page, until nothing is missing. */
  async #askAll(onSent: () => void): Promise<boolean> {
    for (let refused = 0; refused < MOST_REFUSED && !this.#isClosed;) {
      const answer = await this.#question([], onSent)
      if (answer === undefined) return false
      const { reply, asked } = answer
      if (!this.#position.apply(reply, asked)) refused++
      else if (reply.upto >= reply.epoch) return true
    }
    return false
  }

  async #question(range: readonly number[], onSent: () => void): Promise<Answer | undefined> {
    try {
      return await this.#conversation.run(questionScript, () => {
        onSent()
        return range.map(String)
      })
    } catch (error) {
      this.#conversation.failed(error)
      return undefined
    }
  }

  #hear(text: string): void {
    const message = readMessage(text)
    // Of a dead generation, or of a new one: a question tells.
    const isOfNow = message !== undefined && message.generation === this.generation
    if (message === undefined) this.#position.skipped++
    if (!isOfNow) return this.#heal()
    const isOwn = message.writer === this.#conversation.writer
    if (!this.#position.hear(message, isOwn)) return this.#heal()
    // Only where nothing was missed: another process's clear of the same ref may lie in between, and has to count as a new one.
    if (isOwn) this.#unconfirmed.confirm(message.delivery, message.epoch)
  }

  /** Something was missed. One question at a time, and another one for what came while it ran. */
  #heal(): void {
    if (this.#missed++ === 0) void this.#healAll()
  }

  async #healAll(): Promise<void> {
    let missed: number
    do missed = this.#missed
    while ((await this.ask()) && missed < this.#missed)
    this.#missed = 0
  }

  /** A failure is no news here: who cleared was told, and they still wait. */
  async #deliverWaiting(): Promise<void> {
    await this.#deliver([]).catch(() => undefined)
  }

  async #deliver(records: readonly ClearRecord[]): Promise<void> {
    const delivery = this.#unconfirmed.send(records)
    const appended = this.#append(delivery)
    this.#running.add(appended)
    try {
      // Its own message says the same as the reply, and may be all that comes.
      await Promise.race([appended, delivery.confirmed])
    } finally {
      this.#running.delete(appended)
    }
  }

  async #append(delivery: Delivery): Promise<void> {
    try {
      const { reply, asked } = await this.#conversation.run(appendScript, () => {
        const { limit = LIMIT } = this.#options
        return [`${limit}`, this.#channel, this.#conversation.writer, delivery.id, ...Array.from(delivery.records.keys(), memberOf)]
      })
      if (!this.#position.apply(reply, asked)) throw new StoreError('The clear log was lost meanwhile.')
      if (reply.upto < reply.epoch) this.#countAsNew(delivery, reply.epoch)
      this.#unconfirmed.confirm(delivery.id, reply.epoch)
    } catch (error) {
      this.#unconfirmed.lose(delivery.id)
      throw error
    }
  }

  /** More was missed than one reply holds, perhaps another process's clear of the same ref. */
  #countAsNew(delivery: Delivery, epoch: number): void {
    const now = this.#options.clock()
    for (const { kind, ref } of delivery.records.keys()) this.#log.receive(kind, ref, epoch, now)
    this.#heal()
  }

  async #readPage(epoch: number): Promise<boolean> {
    const { generation, windowStart } = this.#position
    const answer = await this.#question([windowStart, epoch], () => undefined)
    if (answer === undefined || !this.#position.apply(answer.reply, answer.asked)) return false
    // A record may have moved up from this page: it is known only when all newer ones are.
    if (answer.reply.upto < answer.reply.epoch && !(await this.ask())) return false
    if (this.generation !== generation) return false
    this.#position.recall(answer.reply, windowStart)
    return true
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    await Promise.all([this.ask(), this.#connection.checkListening()])
    this.#isPolling = false
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}
