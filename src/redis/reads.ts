// Knows how entries are read: those that are asked for in one tick travel together, in pieces that hold up nobody for long.

import type { Redis } from 'ioredis'
import { decodeEntry, garbage, type RemoteEntry } from '../entry-bytes.ts'
import { StoreError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { newLimit } from './limit.ts'
import { Refusals } from './refusals.ts'
import { isAcrossSlots, redirectionOf, type Redirection } from './reply.ts'
import { answersTo, type Answer } from './steps.ts'

interface Read {
  readonly key: string
  resolve(entry: RemoteEntry | undefined): void
  reject(error: unknown): void
}

/** What a server has at some keys, and what its clock said just before that, in milliseconds. */
interface Found {
  readonly time: number
  /** Other than bytes: nothing, or what is no entry. */
  readonly values: readonly unknown[]
}

// A server answers nobody else meanwhile, and the first value waits for the last: so many bytes are about a millisecond.
const MOST_KEYS = 128
const MOST_BYTES = 512 * 1024
/** How much the latest piece says of how large entries are. */
const WEIGHT = 0.5

/** The reads of all entries of a prefix. */
export class Reads {
  readonly #connection: RedisConnection
  readonly #refusals = new Refusals()
  #waiting: Read[] = []
  /** Bytes of an entry, about. */
  #size = 0
  /** Whether one command may be about keys of several slots, as far as is known. */
  #isOneSlot = true

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  /** What is stored at a key. Rejects with a `StoreError`, and for garbage with a `CodecError`. */
  read(key: string): Promise<RemoteEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
      // After all that the promises resolved so far lead to.
      if (this.#waiting.length === 1) void Promise.resolve().then(() => process.nextTick(() => this.#readAll()))
    })
  }

  #readAll(): void {
    const byKey = new Map<string, Read[]>()
    for (const read of this.#waiting) {
      const reads = byKey.get(read.key)
      if (reads === undefined) byKey.set(read.key, [read])
      else reads.push(read)
    }
    this.#waiting = []
    const most = Math.max(1, Math.min(MOST_KEYS, Math.floor(MOST_BYTES / this.#size)))
    for (const keys of this.#connection.groups(Array.from(byKey.keys()))) {
      for (let at = 0; at < keys.length; at += most) void this.#readPiece(keys.slice(at, at + most), byKey)
    }
  }

  async #readPiece(keys: readonly string[], byKey: ReadonlyMap<string, readonly Read[]>): Promise<void> {
    const since = this.#connection.now
    try {
      const { time, values } = await this.#ask(keys, since)
      let bytes = 0
      for (let i = 0; i < keys.length; i++) {
        const value = values[i]
        const reads = byKey.get(keys[i]!)!
        if (Buffer.isBuffer(value)) bytes += value.byteLength
        const said = redirectionOf(value)
        if (said === undefined || this.#connection.isOneServer) this.#settle(reads, time, value)
        else void this.#readAgain(reads, said, since)
      }
      this.#size += WEIGHT * (bytes / keys.length - this.#size)
    } catch (error) {
      this.#refusals.failed(error)
      for (const key of keys) for (const read of byKey.get(key)!) read.reject(error)
    }
  }

  async #ask(keys: readonly string[], since: number): Promise<Found> {
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

  #askEach(keys: readonly string[]): Promise<Found> {
    return this.#connection.command(keys[0]!, (client) => inOnePiece(client, keys))
  }

  /** Another server has the key: since the others of its piece were sent, or for a moment. */
  async #readAgain(reads: readonly Read[], said: Redirection, since: number): Promise<void> {
    const { key } = reads[0]!
    try {
      const asking = this.#connection.command(key, (client, isAsked) => byItself(client, key, isAsked), said)
      const { time, values } = await this.#inTime(asking, since)
      this.#settle(reads, time, values[0])
    } catch (error) {
      this.#refusals.failed(error)
      for (const read of reads) read.reject(error)
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

  #settle(reads: readonly Read[], time: number, value: unknown): void {
    for (const read of reads) {
      try {
        const entry = entryOf(read.key, time, value)
        this.#refusals.taken()
        read.resolve(entry)
      } catch (error) {
        this.#refusals.failed(error)
        read.reject(error)
      }
    }
  }
}

async function inOneCommand(client: Redis, keys: readonly string[]): Promise<Found> {
  const [time, answer] = (await client
    .pipeline()
    .time()
    .mgetBuffer(keys as string[])
    .exec()) as Answer[]
  if (answer?.[0]) throw answer[0]
  const values = answer?.[1]
  if (!Array.isArray(values) || values.length !== keys.length) throw noAnswer()
  return { time: timeOf(time), values }
}

async function inOnePiece(client: Redis, keys: readonly string[]): Promise<Found> {
  const pipeline = client.pipeline().time()
  for (const key of keys) pipeline.getBuffer(key)
  const [time, ...answers] = await answersTo(pipeline)
  return { time: timeOf(time), values: answers.map(([error, value]) => error ?? value) }
}

/** Rejects where another server has the key, so that this one's time is not taken for that one's. */
async function byItself(client: Redis, key: string, isAsked: boolean): Promise<Found> {
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
  const [seconds, microseconds] = Array.isArray(answer?.[1]) ? (answer[1] as unknown[]) : []
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
