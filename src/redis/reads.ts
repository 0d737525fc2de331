// Knows how entries are read: those that are asked for in one tick travel together, in pieces that hold up nobody for long.

import type { Redis } from 'ioredis'
import { decodeEntry, garbage, type RemoteEntry, type UseRead } from '../entry-bytes.ts'
import { StoreError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { newLimit } from './limit.ts'
import type { Question } from './question.ts'
import { Refusals } from './refusals.ts'
import { isAcrossSlots, redirectionOf, type Redirection } from './reply.ts'
import { answersTo, type Answer } from './steps.ts'
import { endOfTick } from './tick.ts'

/** What a server has at some keys, and what its clock said just before that, in milliseconds. */
interface Answered {
  readonly time: number
  /** Other than bytes: nothing, or what is no entry. */
  readonly values: readonly unknown[]
}

/** The same, asked for at `since` by the clock of this process. */
interface Found extends Answered {
  readonly since: number
}

/** Why there is no answer. */
interface Unanswered {
  readonly failure: unknown
}

// A server answers nobody else meanwhile, and the first value waits for the last: so many bytes are about a millisecond. And where many ask,
// it looks up one piece while another one is taken here.
const MOST_KEYS = 32
const MOST_BYTES = 512 * 1024
/** How much the latest piece says of how large entries are. */
const WEIGHT = 0.5

/** Keys that are asked for together, and what comes of that: one promise for all who read them, which never rejects. */
interface Piece {
  readonly keys: string[]
  readonly found: Promise<Found | Unanswered>
}

/** The reads of all entries of a prefix. */
export class Reads {
  readonly #connection: RedisConnection
  readonly #latestQuestion: () => Question | undefined
  readonly #refusals = new Refusals()
  /** What has not been sent and has room, by who is to be asked. */
  readonly #open: Map<string, Piece | undefined> = new Map()
  /** Bytes of an entry, about. */
  #size = 0
  /** Whether one command may be about keys of several slots, as far as is known. */
  #isOneSlot = true

  /** `latestQuestion`: where who reads waits for the answer to that too, as in strong mode. */
  constructor(connection: RedisConnection, latestQuestion: () => Question | undefined = () => undefined) {
    this.#connection = connection
    this.#latestQuestion = latestQuestion
  }

  /** What is stored at a key. Rejects with a `StoreError`, and for garbage with a `CodecError`. */
  read(key: string): Promise<RemoteEntry | undefined> {
    return this.take(key, (entry, failure) => {
      if (failure !== undefined) throw failure as Error
      return entry
    })
  }

  /** What `use` makes of what is stored at a key, in the step in which it comes. */
  take<R>(key: string, use: UseRead<R>): Promise<R> {
    const { keys, found } = this.#pieceFor(key)
    // One that is asked for twice is answered twice: to look for it among the others would cost each of them more.
    const place = keys.push(key) - 1
    return found.then((all) => {
      if ('failure' in all) return use(undefined, all.failure)
      const said = this.#connection.isOneServer ? undefined : redirectionOf(all.values[place])
      return said === undefined ? this.#useOf(all, place, key, use) : this.#takeElsewhere(key, said, all.since, use)
    })
  }

  #takeElsewhere<R>(key: string, said: Redirection, since: number, use: UseRead<R>): Promise<R> {
    return this.#askAgain(key, said, since).then(
      (again) => this.#useOf(again, 0, key, use),
      (failure: unknown) => use(undefined, failure),
    )
  }

  #pieceFor(key: string): Piece {
    const group = this.#connection.groupOf(key)
    const open = this.#open.get(group)
    const most = Math.max(1, Math.min(MOST_KEYS, Math.floor(MOST_BYTES / this.#size)))
    if (open !== undefined && open.keys.length < most) return open
    const keys: string[] = []
    const piece: Piece = {
      keys,
      found: endOfTick().then(() => {
        if (this.#open.get(group) === piece) this.#close(group, key)
        return this.#send(keys)
      }),
    }
    this.#open.set(group, piece)
    return piece
  }

  /** A server's name stays: a Map in which names come and go keeps what it held alive for long. While no server is known each key goes by its own name. */
  #close(group: string, key: string): void {
    if (group === key) this.#open.delete(group)
    else this.#open.set(group, undefined)
  }

  async #send(keys: readonly string[]): Promise<Found | Unanswered> {
    const since = this.#connection.now
    // Where another server may have to be asked next, this wait would take the time for that.
    const question = this.#connection.isOneServer ? this.#latestQuestion() : undefined
    try {
      const found = { since, ...(await this.#ask(keys, since)) }
      // One wait for all who read, in place of one for each.
      await question?.answer
      let bytes = 0
      for (const value of found.values) if (Buffer.isBuffer(value)) bytes += value.byteLength
      this.#size += WEIGHT * (bytes / keys.length - this.#size)
      return found
    } catch (failure) {
      this.#refusals.failed(failure)
      return { failure }
    }
  }

  async #ask(keys: readonly string[], since: number): Promise<Answered> {
    if (this.#isOneSlot && this.#connection.isOneServer) {
      try {
        return await this.#connection.command(keys[0]!, (client) => inOneCommand(client, keys))
      } catch (error) {
        // A node of a Cluster that was given as if it were a server by itself.
        if (!isAcrossSlots(error)) throw error
        this.#isOneSlot = false
      }
      return this.#inTime(this.#askEach(keys), since)
    }
    return this.#askEach(keys)
  }

  #askEach(keys: readonly string[]): Promise<Answered> {
    return this.#connection.command(keys[0]!, (client) => inOnePiece(client, keys))
  }

  #useOf<R>({ time, values }: Answered, place: number, key: string, use: UseRead<R>): R | Promise<R> {
    let entry: RemoteEntry | undefined
    try {
      entry = entryOf(key, time, values[place])
    } catch (error) {
      this.#refusals.failed(error)
      return use(undefined, error)
    }
    this.#refusals.taken()
    return use(entry)
  }

  /** Another server has the key: since the others of its piece were sent, or for a moment. */
  async #askAgain(key: string, said: Redirection, since: number): Promise<Answered> {
    const asking = this.#connection.command(key, (client, isAsked) => byItself(client, key, isAsked), said)
    try {
      return await this.#inTime(asking, since)
    } catch (error) {
      this.#refusals.failed(error)
      throw error
    }
  }

  /**
   * Work that follows another answer, in the time of who waits since before that. Its server may take a whole `commandTimeout` before it
   * counts as silent.
   */
  async #inTime<T>(work: Promise<T>, since: number): Promise<T> {
    const limit = newLimit(this.#connection.commandTimeout, 'Redis', this.#connection.now - since)
    try {
      return await limit.race(work, () => undefined)
    } finally {
      limit.end()
    }
  }
}

async function inOneCommand(client: Redis, keys: readonly string[]): Promise<Answered> {
  const { stream } = client
  // One piece on the wire, for less than a pipeline takes.
  stream.cork()
  const asking = Promise.all([client.time(), client.mgetBuffer(keys as string[])])
  stream.uncork()
  const [time, values] = await asking
  if (!Array.isArray(values) || values.length !== keys.length) throw noAnswer()
  return { time: timeIn(time), values }
}

async function inOnePiece(client: Redis, keys: readonly string[]): Promise<Answered> {
  const pipeline = client.pipeline().time()
  for (const key of keys) pipeline.getBuffer(key)
  const [time, ...answers] = await answersTo(pipeline)
  return { time: timeOf(time), values: answers.map(([error, value]) => error ?? value) }
}

/** Rejects where another server has the key, so that this one's time is not taken for that one's. */
async function byItself(client: Redis, key: string, isAsked: boolean): Promise<Answered> {
  const pipeline = client.pipeline().time()
  // For the next command alone, and that must not be the one for the time.
  if (isAsked) pipeline.asking()
  const answers = await answersTo(pipeline.getBuffer(key))
  const [error, value] = answers.at(-1) ?? []
  if (redirectionOf(error) !== undefined) throw error!
  return { time: timeOf(answers[0]), values: [error ?? value] }
}

function timeOf(answer: Answer | undefined): number {
  if (answer?.[0]) throw answer[0]
  return timeIn(answer?.[1])
}

function timeIn(answer: unknown): number {
  const [seconds, microseconds] = Array.isArray(answer) ? (answer as unknown[]) : []
  const time = Number(seconds) * 1000 + Number(microseconds) / 1000
  // No word of Redis: who asks it for the clear log tells.
  if (!Number.isFinite(time)) throw noAnswer()
  return time
}

function entryOf(key: string, time: number, value: unknown): RemoteEntry | undefined {
  if (Buffer.isBuffer(value)) return decodeEntry(value, key, time)
  if (!(value instanceof Error)) return undefined
  if (value.message.startsWith('WRONGTYPE')) throw garbage(key, 'is of another type')
  throw new StoreError(`Redis could not read an entry: ${value.message}`, value)
}

function noAnswer(): StoreError {
  return new StoreError('Redis gave an answer that is none to the question for an entry.')
}
