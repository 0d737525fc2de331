// Knows which entries of a function in Redis were used last, where their number is bounded: past it the others go.

import type { CacheError } from '../errors.ts'
import { keyOfString, type Label } from '../label.ts'
import type { RedisConnection } from './connection.ts'
import { entriesOf, entryKeyOf, lifetimeInRedis, usesKeyOf } from './naming.ts'
import { isReply } from './reply.ts'
import { usesScript } from './uses-scripts.ts'

export interface UsesOptions {
  readonly connection: RedisConnection
  readonly prefix: string
  readonly name: string
  /** Of the entries. */
  readonly version: string | undefined
  /** How many entries there may be, over all processes. */
  readonly limit: number
  readonly onError: (error: CacheError) => void
}

// A script does not hold up the others for longer than about a millisecond.
const MOST_AT_ONCE = 250
// An entry that is used all the time is known to be within a second; what is used beyond this many until then is only late.
const USES_WAIT = 1000
const MOST_NOTED = 1000
const MOST_LEFT = 10_000

/**
 * The uses of one function's entries, as one process notes them. Writes of a tick travel together, right behind the entries themselves;
 * uses travel with the next writes, or by themselves once a second: a hit never waits for Redis.
 */
export class Uses {
  readonly #options: UsesOptions
  readonly #key: string
  readonly #start: string
  /** Entries that were written, with the milliseconds until they end. The last one is the latest. */
  #written: Map<string, string> = new Map()
  /** The labels of those that were used: the strings of some calls, the keys of others. In which order, within a second, is not kept. */
  readonly #strings: Set<string> = new Set()
  readonly #keys: Set<string> = new Set()
  /** Entries that had to go, and could not be removed. */
  #left: readonly string[] = []
  #sending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isFailing = false

  constructor(options: UsesOptions) {
    this.#options = options
    this.#key = usesKeyOf(options.prefix, options.name)
    this.#start = entriesOf(options.prefix, options.name)
  }

  /** An entry was written that ends in so many milliseconds. Resolves when those that had to go for it are gone; never rejects. */
  wrote(key: string, ms: number): Promise<void> {
    const entry = this.#nameOf(key)
    this.#written.delete(entry)
    this.#written.set(entry, `${lifetimeInRedis(ms)}`)
    return (this.#sending ??= new Promise((resolve) => process.nextTick(() => resolve(this.#sendNow()))))
  }

  /** An entry was used, by what it is called in this process. A hit pays for this: it makes no name. */
  used({ label, isOfString }: Label): void {
    const noted = isOfString ? this.#strings : this.#keys
    if (noted.has(label) || this.#strings.size + this.#keys.size >= MOST_NOTED) return
    noted.add(label)
    this.#timer ??= setTimeout(() => void this.#sendNow(), USES_WAIT).unref()
  }

  /** These are removed. Other functions' keys may be among them. */
  async forget(keys: readonly string[]): Promise<void> {
    const entries = keys.filter((key) => key.startsWith(this.#start)).map((key) => key.slice(this.#start.length))
    if (entries.length === 0) return
    const { connection } = this.#options
    const sets = [this.#key, `${this.#key}:ends`]
    await Promise.all(sets.map((set) => connection.command(set, (client) => client.zrem(set, ...entries))))
  }

  #nameOf(key: string): string {
    const { prefix, name, version } = this.#options
    return entryKeyOf(prefix, name, key, version).slice(this.#start.length)
  }

  async #sendNow(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = this.#sending = undefined
    const keys = [...this.#keys, ...Array.from(this.#strings, (string) => keyOfString(string))]
    const used = keys.map((key) => this.#nameOf(key)).filter((entry) => !this.#written.has(entry))
    const noted = [...used.map((entry) => [entry, ''] as const), ...this.#written]
    this.#strings.clear()
    this.#keys.clear()
    this.#written = new Map()
    const parts: (typeof noted)[] = []
    for (let at = 0; at < noted.length; at += MOST_AT_ONCE) parts.push(noted.slice(at, at + MOST_AT_ONCE))
    await Promise.all(parts.map((part) => this.#send(part)))
  }

  async #send(part: ReadonlyArray<readonly [entry: string, ends: string]>): Promise<void> {
    const { connection, limit, onError } = this.#options
    // More go than come: a limit that was lowered is reached in a few steps.
    const args = [`${limit}`, `${2 * MOST_AT_ONCE}`, ...part.flat()]
    try {
      const gone = await connection.script(usesScript, this.#key, () => args)
      if (Array.isArray(gone)) await this.#remove(gone.map(String), part)
      this.#isFailing = false
    } catch (error) {
      this.#takeBack(part)
      // That Redis is away, the connection tells.
      if (isReply(error) && !this.#isFailing) onError(error as CacheError)
      this.#isFailing ||= isReply(error)
    }
  }

  /** Nothing else knows these any more: those that cannot be removed go with the next ones, unless they are written again. */
  async #remove(gone: readonly string[], part: ReadonlyArray<readonly [entry: string, ends: string]>): Promise<void> {
    const all = this.#left.length === 0 ? gone : [...gone, ...this.#notWritten(part)]
    if (all.length === 0) return
    this.#left = []
    try {
      await this.#options.connection.unlink(all.map((entry) => this.#start + entry))
    } catch (error) {
      this.#left = [...this.#left, ...all].slice(0, MOST_LEFT)
      throw error
    }
  }

  #notWritten(part: ReadonlyArray<readonly [entry: string, ends: string]>): readonly string[] {
    const written = new Set(part.filter(([, ends]) => ends !== '').map(([entry]) => entry))
    return this.#left.filter((entry) => !written.has(entry) && !this.#written.has(entry))
  }

  /** Entries that were written and are not noted would stay until they end: they go with the next ones. */
  #takeBack(part: ReadonlyArray<readonly [entry: string, ends: string]>): void {
    const written = part.filter(([entry, ends]) => ends !== '' && !this.#written.has(entry))
    this.#written = new Map([...written.slice(0, Math.max(0, MOST_NOTED - this.#written.size)), ...this.#written])
  }
}
