// Knows entries in Redis: a readable header line and the value's bytes, found by the call's key.

import type { Redis } from 'ioredis'
import { decodeEntry, encodeEntry, garbage, type NewRemoteEntry, type RemoteEntry } from '../entry-bytes.ts'
import { CodecError, StoreError, type CacheError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { beginningWith, endOf, entriesOf, entryKeyOf, lifetimeInRedis } from './naming.ts'
import { Refusals } from './refusals.ts'
import { Uses } from './uses.ts'

interface Read {
  readonly key: string
  resolve(entry: RemoteEntry | undefined): void
  reject(error: unknown): void
}

const SCAN_STEP = 200
// What PTTL says of a key that stays.
const NO_EXPIRY = -1
// Enough of an entry for its generation and epoch.
const HEAD = 160

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
    const stored = entryKeyOf(this.#prefix, name, key, version)
    await this.#writing.watch(this.#connection.command((client) => client.set(stored, encodeEntry(entry), 'PX', lifetime)))
  }

  async remove(name: string, key: string, version?: string): Promise<void> {
    await this.#connection.command((client) => client.unlink(entryKeyOf(this.#prefix, name, key, version)))
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
    for await (const keys of this.#scan(start)) {
      const fresh = keys.filter((key) => key.endsWith(end) && !seen.has(key))
      for (const key of fresh) seen.add(key)
      const entries = await Promise.all(fresh.map((key) => this.#read(key).catch(nothingOfGarbage)))
      for (const [index, entry] of entries.entries()) if (entry !== undefined) yield [fresh[index]!.slice(start.length, -end.length), entry]
    }
  }

  /** Gives back the space of all entries of the prefix, or of all but those whose load began at `since` or later; a few at a time. */
  async sweep(since?: { readonly generation: string | undefined; readonly epoch: number }): Promise<void> {
    for await (const keys of this.#scan(entriesOf(this.#prefix))) {
      const old = since === undefined ? keys : await this.#before(since, keys)
      if (old.length === 0) continue
      await this.#connection.command((client) => client.unlink(...old))
      for (const uses of this.#bounds) await uses.forget(old)
    }
  }

  async #before(since: { readonly generation: string | undefined; readonly epoch: number }, keys: readonly string[]): Promise<string[]> {
    const heads = await this.#connection.command((client) => Promise.all(keys.map((key) => client.getrangeBuffer(key, 0, HEAD))))
    return keys.filter((_, index) => !isSince(heads[index], since))
  }

  #read(key: string): Promise<RemoteEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.#reads.push({ key, resolve, reject })
      if (this.#reads.length === 1) void Promise.resolve().then(() => process.nextTick(() => void this.#readAll()))
    })
  }

  async #readAll(): Promise<void> {
    const reads = this.#reads
    this.#reads = []
    try {
      const replies = await this.#connection.command((client) => readThrough(client, reads))
      reads.forEach((read, index) => settle(read, replies[2 * index], replies[2 * index + 1]))
    } catch (error) {
      for (const read of reads) read.reject(error)
    }
  }

  /** Keys that begin with a text, as commands take them, in bounded steps. */
  async *#scan(start: string): AsyncGenerator<string[]> {
    const { keyPrefix } = this.#connection
    let cursor = '0'
    do {
      const pattern = beginningWith(keyPrefix + start)
      const [next, keys] = await this.#connection.command((client) => client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_STEP))
      if (keys.length > 0) yield keys.map((key) => key.slice(keyPrefix.length))
      cursor = next
    } while (cursor !== '0')
  }
}

type Answer = readonly [error: Error | null, result: unknown]

async function readThrough(client: Redis, reads: readonly Read[]): Promise<readonly Answer[]> {
  const pipeline = client.pipeline()
  // The time first: if the entry is replaced in between, the new one is taken for older than it is, never for younger.
  for (const { key } of reads) pipeline.pttl(key).getBuffer(key)
  return (await pipeline.exec()) ?? []
}

function settle(read: Read, ttl: Answer | undefined, value: Answer | undefined): void {
  const error = ttl?.[0] ?? value?.[0]
  if (error?.message.startsWith('WRONGTYPE')) return read.reject(garbage(read.key, 'is of another type'))
  if (error) return read.reject(new StoreError(`Redis could not read an entry: ${error.message}`, error))
  const bytes = value?.[1]
  try {
    read.resolve(Buffer.isBuffer(bytes) ? decode(read.key, bytes, Number(ttl?.[1])) : undefined)
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

function isSince(head: Buffer | undefined, since: { generation: string | undefined; epoch: number }): boolean {
  const [, generation, epoch] = /"generation":"([^"]*)","epoch":(\d+)/.exec(head?.toString('latin1') ?? '') ?? []
  return generation !== undefined && generation === since.generation && Number(epoch) >= since.epoch
}
