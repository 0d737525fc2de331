// Knows entries in Redis: a readable header line and the value's bytes, found by the call's key.

import type { Redis } from 'ioredis'
import { dateOf, encodeEntry, UNDATED, type NewRemoteEntry, type RemoteEntry, type UseRead } from '../entry-bytes.ts'
import { CodecError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { dateScript } from './entry-scripts.ts'
import { endOf, entriesOf, entryKeyIn, lifetimeInRedis } from './naming.ts'
import type { Question } from './question.ts'
import { Reads } from './reads.ts'
import { Refusals } from './refusals.ts'
import { Uses, type UsesOptions } from './uses.ts'

/** Where the clear log was known to be. */
export interface Since {
  readonly generation: string | undefined
  readonly epoch: number
}

// Enough of an entry for its generation and epoch.
const HEAD = 160

/** The entries of one prefix. */
export class RedisEntries {
  readonly #connection: RedisConnection
  readonly #prefix: string
  /** What the keys of all of them begin with. */
  readonly #start: string
  readonly #bounds: Uses[] = []
  readonly #writing = new Refusals()
  readonly #reads: Reads

  constructor(options: { connection: RedisConnection; prefix: string; latestQuestion?: (() => Question | undefined) | undefined }) {
    this.#connection = options.connection
    this.#prefix = options.prefix
    this.#start = entriesOf(options.prefix)
    this.#reads = new Reads(options.connection, options.latestQuestion)
  }

  /** What is stored for a call. Reads of one tick travel together. Rejects with a `StoreError`, and for garbage with a `CodecError`. */
  read(name: string, key: string, version?: string): Promise<RemoteEntry | undefined> {
    return this.#reads.read(entryKeyIn(this.#start, name, key, version))
  }

  /** As `read`, and what `use` makes of it in the step in which it comes. */
  take<R>(name: string, key: string, version: string | undefined, use: UseRead<R>): Promise<R> {
    return this.#reads.take(entryKeyIn(this.#start, name, key, version), use)
  }

  /** Stores an entry until its lifetime and its stale window have passed; 30 days where it has no end. Rejects with a `StoreError`. */
  async write(name: string, key: string, entry: NewRemoteEntry, version?: string): Promise<void> {
    const lifetime = lifetimeInRedis(entry.lifetime + entry.staleWindow)
    const at = entryKeyIn(this.#start, name, key, version)
    const bytes = encodeEntry(entry)
    // In one go, so that what is read after it on this connection is the entry; who reads it between the two finds it of no use yet.
    const write = (client: Redis, isAsked: boolean): Promise<unknown> =>
      Promise.all([client.set(at, bytes, 'PX', lifetime), date(client, at, isAsked)])
    await this.#writing.watch(this.#connection.command(at, write))
  }

  async remove(name: string, key: string, version?: string): Promise<void> {
    await this.#connection.unlink([entryKeyIn(this.#start, name, key, version)])
  }

  /** Holds the entries of a function to a number, as far as this process writes and uses them. */
  bound(bound: Pick<UsesOptions, 'name' | 'version' | 'limit' | 'onError'>): Uses {
    const uses = new Uses({ connection: this.#connection, prefix: this.#prefix, ...bound })
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
      const entries = await Promise.all(fresh.map((key) => this.#reads.read(key).catch(nothingOfGarbage)))
      for (const [index, entry] of entries.entries()) if (entry !== undefined) yield [fresh[index]!.slice(start.length, -end.length), entry]
    }
  }

  /** Gives back the space of all entries of the prefix, or of all but those whose load began at `since` or later; a few at a time, until `isOver`. */
  async sweep(since?: Since, isOver: () => boolean = () => false): Promise<void> {
    for await (const keys of this.#connection.scan(this.#start)) {
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
}

/** Who walks the entries is not told of what is none. */
function nothingOfGarbage(error: unknown): undefined {
  if (!(error instanceof CodecError)) throw error
}

async function date(client: Redis, key: string, isAsked: boolean): Promise<unknown> {
  // For the very next command alone.
  const asking = (): void => void (isAsked && client.asking().catch(() => undefined))
  const args = [key, UNDATED.begin, UNDATED.at] as const
  try {
    asking()
    return await client.evalsha(dateScript.sha, 1, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('NOSCRIPT'))) throw error
    asking()
    return await client.eval(dateScript.text, 1, ...args)
  }
}

function isSince(head: unknown, since: Since): boolean {
  const date = Buffer.isBuffer(head) ? dateOf(head) : undefined
  return date !== undefined && date.generation === since.generation && date.epoch >= since.epoch
}
