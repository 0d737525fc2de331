// Knows how entries are read: those that are asked for in one tick travel together, in pieces that hold up nobody for long.

import type { Redis } from 'ioredis'
import { decodeEntry, garbage, type RemoteEntry } from '../entry-bytes.ts'
import { StoreError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { Refusals } from './refusals.ts'
import { isAcrossSlots, redirectionOf } from './reply.ts'
import type { Answer, Step } from './steps.ts'

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
const steps: readonly Step[] = [(client) => client.time(), (client, key) => client.getBuffer(key)]

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
    try {
      const { time, values } = await this.#refusals.watch(this.#ask(keys))
      let bytes = 0
      for (let i = 0; i < keys.length; i++) {
        const value = values[i]
        const reads = byKey.get(keys[i]!)!
        if (Buffer.isBuffer(value)) bytes += value.byteLength
        if (redirectionOf(value) === undefined) settle(reads, time, value)
        else void this.#readAgain(reads)
      }
      this.#size += WEIGHT * (bytes / keys.length - this.#size)
    } catch (error) {
      for (const key of keys) for (const read of byKey.get(key)!) read.reject(error)
    }
  }

  async #ask(keys: readonly string[]): Promise<Found> {
    if (this.#isOneSlot && this.#connection.isOneServer) {
      try {
        return await this.#connection.command(keys[0]!, (client) => inOneCommand(client, keys))
      } catch (error) {
        // A node of a Cluster that was given as if it were a server by itself.
        if (!isAcrossSlots(error)) throw error
        this.#isOneSlot = false
      }
    }
    return this.#connection.command(keys[0]!, (client) => inOnePiece(client, keys))
  }

  /** Another server has the key: since the others of its piece were sent, or for a moment. */
  async #readAgain(reads: readonly Read[]): Promise<void> {
    try {
      const [time, value] = await this.#connection.together([reads[0]!.key], steps)[0]!
      settle(reads, timeOf(time), value?.[0] ?? value?.[1])
    } catch (error) {
      for (const read of reads) read.reject(error)
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
  const [time, ...answers] = (await pipeline.exec()) as Answer[]
  return { time: timeOf(time), values: answers.map(([error, value]) => error ?? value) }
}

function timeOf(answer: Answer | undefined): number {
  if (answer?.[0]) throw answer[0]
  const [seconds, microseconds] = Array.isArray(answer?.[1]) ? (answer[1] as unknown[]) : []
  const time = Number(seconds) * 1000 + Number(microseconds) / 1000
  // No word of Redis: who asks it for the clear log tells.
  if (!Number.isFinite(time)) throw noAnswer()
  return time
}

function settle(reads: readonly Read[], time: number, value: unknown): void {
  for (const read of reads) {
    try {
      read.resolve(entryOf(read.key, time, value))
    } catch (error) {
      read.reject(error)
    }
  }
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
