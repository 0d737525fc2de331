// Knows entries in Redis: a readable header line and the value's bytes, found by the call's key.

import { decodeEntry, encodeEntry, garbage, type NewRemoteEntry, type RemoteEntry } from '../entry-bytes.ts'
import { CodecError, StoreError, type CacheError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { endOf, entriesOf, entryKeyOf, lifetimeInRedis } from './naming.ts'
import { Refusals } from './refusals.ts'
import type { Answer, Step } from './steps.ts'
import { Uses } from './uses.ts'

interface Read {
  readonly key: string
  resolve(entry: RemoteEntry | undefined): void
  reject(error: unknown): void
}

/** Where the clear log was known to be. */
export interface Since {
  readonly generation: string | undefined
  readonly epoch: number
}

// What PTTL says of a key that stays.
const NO_EXPIRY = -1
// Enough of an entry for its generation and epoch.
const HEAD = 160
// The time first: if the entry is replaced in between, the new one is taken for older than it is, never for younger.
const readSteps: readonly Step[] = [(client, key) => client.pttl(key), (client, key) => client.getBuffer(key)]

/** The entries of one prefix. */
export class RedisEntries {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #bounds: Uses[] = []
  readonly #reading = new Refusals()
  readonly #writing = new Refusals()
  #reads: Read[] = []

  constructor(options: { connection: RedisConnection; prefix: string }) {
    this.#connection = options.connection
    this.#prefix = options.prefix
  }

  /** What is stored for a call. Reads of one tick travel together. Rejects with a `StoreError`, and for garbage with a `CodecError`. */
  read(name: string, key: string, version?: string): Promise<RemoteEntry | undefined> {
    return this.#reading.watch(this.#read(entryKeyOf(this.#prefix, name, key, version)))
  }

  /** Stores an entry until its lifetime and its stale window have passed; 30 days where it has no end. Rejects with a `StoreError`. */
  async write(name: string, key: string, entry: NewRemoteEntry, version?: string): Promise<void> {
    const lifetime = lifetimeInRedis(entry.lifetime + entry.staleWindow)
    const at = entryKeyOf(this.#prefix, name, key, version)
    await this.#writing.watch(this.#connection.command(at, (client) => client.set(at, encodeEntry(entry), 'PX', lifetime)))
  }

  async remove(name: string, key: string, version?: string): Promise<void> {
    await this.#connection.unlink([entryKeyOf(this.#prefix, name, key, version)])
  }

  /** Holds the entries of a function to a number, as far as this process writes and uses them. */
  bound(name: string, limit: number, onError: (error: CacheError) => void): Uses {
    const uses = new Uses({ connection: this.#connection, prefix: this.#prefix, name, limit, onError })
    this.#bounds.push(uses)
    return uses
  }

  /** Every entry of a function's version with its call's key, read a few at a time. */
  async *all(name: string, version = ''): AsyncGenerator<[key: string, entry: RemoteEntry]> {
    const start = entriesOf(this.#prefix, name)
    const end = endOf(version)
    // SCAN may give a key twice.
    const seen = new Set<string>()
    for await (const keys of this.#connection.scan(start)) {
      const fresh = keys.filter((key) => key.endsWith(end) && !seen.has(key))
      for (const key of fresh) seen.add(key)
      const entries = await Promise.all(fresh.map((key) => this.#read(key).catch(nothingOfGarbage)))
      for (const [index, entry] of entries.entries()) if (entry !== undefined) yield [fresh[index]!.slice(start.length, -end.length), entry]
    }
  }

  /** Gives back the space of all entries of the prefix, or of all but those whose load began at `since` or later; a few at a time, until `isOver`. */
  async sweep(since?: Since, isOver: () => boolean = () => false): Promise<void> {
    for await (const keys of this.#connection.scan(entriesOf(this.#prefix))) {
      if (isOver()) return
      if (keys.length === 0) continue
      const old = since === undefined ? keys : await this.#before(since, keys)
      if (old.length === 0) continue
      await this.#connection.unlink(old)
      for (const uses of this.#bounds) await uses.forget(old)
    }
  }

  async #before(since: Since, keys: readonly string[]): Promise<string[]> {
    const heads = await Promise.all(this.#connection.together(keys, [(client, key) => client.getrangeBuffer(key, 0, HEAD)]))
    return keys.filter((_, index) => !isSince(heads[index]?.[0]?.[1], since))
  }

  #read(key: string): Promise<RemoteEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.#reads.push({ key, resolve, reject })
      if (this.#reads.length === 1) void Promise.resolve().then(() => process.nextTick(() => this.#readAll()))
    })
  }

  #readAll(): void {
    const reads = this.#reads
    this.#reads = []
    const replies = this.#connection.together(
      reads.map(({ key }) => key),
      readSteps,
    )
    for (const [index, read] of reads.entries()) void replies[index]!.then((answers) => settle(read, answers), read.reject)
  }
}

function settle(read: Read, [ttl, value]: readonly Answer[]): void {
  const error = ttl?.[0] ?? value?.[0]
  if (error?.message.startsWith('WRONGTYPE')) return read.reject(garbage(read.key, 'is of another type'))
  if (error) return read.reject(new StoreError(`Redis could not read an entry: ${error.message}`, error))
  const bytes = value?.[1]
  // No word of Redis: who asks it for the clear log tells.
  if (typeof ttl?.[1] !== 'number') return read.reject(new StoreError('Redis gave an answer that is none to the question for an entry.'))
  try {
    read.resolve(Buffer.isBuffer(bytes) ? decode(read.key, bytes, ttl[1]) : undefined)
  } catch (thrown) {
    read.reject(thrown)
  }
}

function decode(key: string, bytes: Buffer, ttl: number): RemoteEntry | undefined {
  const entry = decodeEntry(bytes, key)
  if (entry !== undefined && ttl === NO_EXPIRY) throw garbage(key, 'has no expiry')
  // It came after its time was asked for: it is somebody's next load.
  if (entry === undefined || ttl < 0) return undefined
  const { stamp: _, staleWindow, ...rest } = entry
  return { ...rest, remaining: Math.min(ttl - staleWindow, rest.lifetime) }
}

/** Who walks the entries is not told of what is none. */
function nothingOfGarbage(error: unknown): undefined {
  if (!(error instanceof CodecError)) throw error
}

function isSince(head: unknown, since: Since): boolean {
  const [, generation, epoch] = /"generation":"([^"]*)","epoch":(\d+)/.exec(Buffer.isBuffer(head) ? head.toString('latin1') : '') ?? []
  return generation !== undefined && generation === since.generation && Number(epoch) >= since.epoch
}
