// Knows a store of one's own: what it has to do, and how far it is relied on, which is not to answer, nor in time, nor with what was set.

import { show } from './duration.ts'
import { decodeEntry, encodeEntry, type NewRemoteEntry, type RemoteEntry, type UseRead } from './entry-bytes.ts'
import { CacheError, ConfigError, StoreError } from './errors.ts'
import { newLimit } from './redis/limit.ts'
import { entryKeyOf, lifetimeInRedis } from './redis/naming.ts'

/**
 * A place for entries: four functions over bytes. It decides nothing: what is fresh and what was cleared is in the bytes, and for the cache
 * to say. It may forget anything at any time; it may never give a key the bytes of another. One that fails or is slow costs a bounded
 * wait (`commandTimeout`) and a load. `storeContract` of `cache-alchemy/testing` are its tests.
 *
 * @example
 * const bytes = new Map<string, Uint8Array>()
 * const store: Store = {
 *   get: async (key) => bytes.get(key),
 *   set: async (key, value) => void bytes.set(key, value),
 *   delete: async (key) => void bytes.delete(key),
 *   close: async () => bytes.clear(),
 * }
 */
export interface Store {
  /** The bytes that were set last, or undefined. A key is any text: of some hundred characters, slashes and line ends among them. */
  get(key: string): Promise<Uint8Array | undefined>
  /** Keeps bytes in place of those that were there. After `ttlMs` milliseconds, 30 days at the most, nobody wants them any more. */
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** Lets go of bytes, if there are any. */
  delete(key: string): Promise<void>
  /** Called once, by `cache.close()`, when no other call is under way or will come. */
  close(): Promise<void>
}

export interface OwnStoreOptions {
  readonly store: Store
  readonly prefix: string
  /** Milliseconds that the store may keep a caller waiting. */
  readonly commandTimeout: number
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** Milliseconds of the clock by which entries age. All who read them have to share it. */
  readonly date: () => number
  readonly onError: (error: unknown) => void
}

/** Bytes on their way into the store, or out of it where there are none. */
interface Change {
  readonly bytes: Buffer | undefined
  done: Promise<void>
}

const METHODS = ['get', 'set', 'delete', 'close'] as const
const TIMEOUTS_IN_A_ROW = 3
const LEFT_ALONE_FOR = 1000

/** The entries of a cache in a store of its user's. */
export class OwnStore {
  readonly #options: OwnStoreOptions
  readonly #changes: Map<string, Change> = new Map()
  #timeouts = 0
  #leftAloneUntil = 0
  #isClosed = false

  constructor(options: OwnStoreOptions) {
    this.#options = options
  }

  take<R>(name: string, key: string, version: string | undefined, use: UseRead<R>): Promise<R> {
    return this.read(name, key, version).then(use, (failure: unknown) => use(undefined, failure))
  }

  /** What is stored for a call, which is never older than this process's own last write. For garbage it rejects with a `CodecError`. */
  async read(name: string, key: string, version?: string): Promise<RemoteEntry | undefined> {
    if (this.#isClosed) return undefined
    const { store, prefix } = this.#options
    const at = entryKeyOf(prefix, name, key, version)
    const change = this.#changes.get(at)
    const bytes = change === undefined ? await this.#askPatiently(() => store.get(at)) : change.bytes
    if (bytes === undefined) return undefined
    const given = copied(bytes)
    let entry: RemoteEntry | undefined
    try {
      entry = this.#decode(given, at)
      return entry
    } finally {
      if (entry === undefined) this.discard(name, key, version)
    }
  }

  #decode(bytes: Buffer, at: string): RemoteEntry | undefined {
    return decodeEntry(bytes, at, this.#options.date())
  }

  /** Resolves when the store has it. Rejects with a `StoreError` or a `TimeoutError`. */
  write(name: string, key: string, entry: NewRemoteEntry, version?: string): Promise<void> {
    const { store, prefix, date } = this.#options
    const at = entryKeyOf(prefix, name, key, version)
    const bytes = encodeEntry(entry, date())
    const lifetime = lifetimeInRedis(entry.lifetime + entry.staleWindow)
    return this.#change(at, bytes, () => store.set(at, bytes, lifetime))
  }

  /** Gives back the space of an entry that nobody may be served, unless a new one is on its way. */
  discard(name: string, key: string, version?: string): void {
    const { store, prefix, onError } = this.#options
    const at = entryKeyOf(prefix, name, key, version)
    if (!this.#changes.has(at)) this.#change(at, undefined, () => store.delete(at)).catch(onError)
  }

  /** Resolves when the store has it no more. Rejects with a `StoreError` or a `TimeoutError`. */
  remove(name: string, key: string, version?: string): Promise<void> {
    const { store, prefix } = this.#options
    const at = entryKeyOf(prefix, name, key, version)
    return this.#change(at, undefined, () => store.delete(at))
  }

  /** Waits for what is under way, and closes the store. Rejects with a `StoreError` or a `TimeoutError`. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(Array.from(this.#changes.values(), ({ done }) => done))
    await this.#ask(() => this.#options.store.close())
  }

  /** One change of a key at a time; what is overtaken while it waits is left out. */
  #change(at: string, bytes: Buffer | undefined, run: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const before = this.#changes.get(at)?.done ?? Promise.resolve()
    const change: Change = { bytes, done: Promise.resolve() }
    const isLast = (): boolean => this.#changes.get(at) === change
    change.done = before
      .catch(ignore)
      .then(() => (isLast() ? this.#askUnlessSilent(run) : undefined))
      .finally(() => isLast() && this.#changes.delete(at))
    this.#changes.set(at, change)
    return change.done
  }

  /** Somebody waits for the answer: where none comes again and again, one caller now and then finds out whether it does, the others load. */
  async #askPatiently<T>(run: () => Promise<T>): Promise<T> {
    if (this.#timeouts >= TIMEOUTS_IN_A_ROW) {
      this.#refuseSilent()
      this.#leftAloneUntil = this.#options.clock() + LEFT_ALONE_FOR
    }
    const answer = await this.#ask(run, () => {
      this.#timeouts++
      this.#leftAloneUntil = this.#options.clock() + LEFT_ALONE_FOR
    })
    this.#timeouts = 0
    return answer
  }

  async #askUnlessSilent(run: () => Promise<void>): Promise<void> {
    if (this.#timeouts >= TIMEOUTS_IN_A_ROW) this.#refuseSilent()
    await this.#ask(run)
  }

  #refuseSilent(): void {
    if (this.#options.clock() >= this.#leftAloneUntil) return
    throw new StoreError('The store did not answer lately, and is left alone for a moment.')
  }

  async #ask<T>(run: () => Promise<T>, onTimeout: () => void = ignore): Promise<T> {
    const { commandTimeout } = this.#options
    const limit = newLimit(commandTimeout, 'The store')
    const answering = (async () => await run())()
    try {
      return await limit.race(answering, onTimeout)
    } catch (error) {
      if (error instanceof CacheError) throw error
      throw new StoreError(`The store failed: ${error instanceof Error ? error.message : show(error)}`, error)
    } finally {
      limit.end()
    }
  }
}

/** Bytes of our own: a store may give the same ones to every reader, and a value may be made of them. */
function copied(bytes: unknown): Buffer {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes)
  throw new StoreError(`Expected \`get\` of the store to give a Uint8Array or undefined, got ${show(bytes)}.`)
}

/** Refuses what is no store. */
export function checkStore(store: unknown): Store {
  const given = (typeof store === 'object' && store !== null ? store : {}) as Partial<Store>
  const missing = METHODS.find((method) => typeof given[method] !== 'function')
  if (missing === undefined) return store as Store
  throw new ConfigError(`Expected \`store\` to have the functions ${METHODS.join(', ')}, got ${show(store)}, which has no \`${missing}\`.`)
}

function ignore(): undefined {
  return undefined
}
