// Knows how an entry leaves this process: encoded, dated by what its load knew, and told to who waits for it.

import type { Codec } from './codec.ts'
import type { Entry } from './entry.ts'
import type { Epochs } from './epochs.ts'
import { CodecError } from './errors.ts'
import type { Lease } from './redis/lease.ts'
import type { Uses } from './redis/uses.ts'
import type { Remote } from './remote.ts'

/** What was known of the clear log when a load began, and the lease that it holds: whoever takes this ends it. */
export interface Began {
  readonly generation: string | undefined
  readonly epoch: number
  readonly lease: Lease | undefined
}

/** How long an entry is fresh, and how long after that it may be served stale; in milliseconds. */
export interface Lifetime {
  readonly fresh: number
  readonly stale: number
}

export interface WritesOptions<V> {
  readonly name: string
  readonly version?: string
  readonly codec: Codec<V>
  /** How early results are loaded anew; 0 or undefined: never early. */
  readonly refreshAhead?: number
  /** By what entries that leave are dated. */
  readonly epochs: Epochs
  readonly remote: Remote
  /** Undefined where entries are not bounded there. */
  readonly uses: Uses | undefined
  /** Told how many bytes an entry's value takes that leaves. */
  readonly onEncoded: (entry: Entry<V>, bytes: number) => void
  /** Takes a write that nobody waits for. */
  readonly later: (write: Promise<void>) => void
}

/** The writes of one function's entries. */
export class Writes<V> {
  readonly #options: WritesOptions<V>

  constructor(options: WritesOptions<V>) {
    this.#options = options
  }

  /** Stores an entry, unless the log was lost since its load began. Behind its caller, who waits for none of it. */
  store(key: string, entry: Entry<V>, lifetime: Lifetime, { generation, epoch, lease }: Began): void {
    const { epochs, later } = this.#options
    if (generation === undefined || generation !== epochs.generation) return lease?.end('overtaken')
    later(this.#writeUnder(lease, () => this.#write(key, entry, lifetime, generation, epoch)))
  }

  remove(key: string): void {
    const { name, version, remote, later } = this.#options
    later(remote.remove(name, key, version))
  }

  /** Ends the lease when its entry has arrived, and not before: whoever waits for it reads it then. */
  async #writeUnder(lease: Lease | undefined, write: () => Promise<void>): Promise<void> {
    try {
      await write()
      lease?.end('stored')
    } catch (error) {
      lease?.end(error instanceof CodecError ? 'unstored' : 'failed')
      throw error
    }
  }

  /** What a load took is of use to other processes where it decides when to load ahead. */
  #costOf({ cost }: Entry<V>): { readonly cost?: number } {
    return this.#options.refreshAhead === undefined || this.#options.refreshAhead === 0 ? {} : { cost: Math.round(cost) }
  }

  async #write(key: string, entry: Entry<V>, lifetime: Lifetime, generation: string, epoch: number): Promise<void> {
    const { name, version, codec, remote, uses, onEncoded, later } = this.#options
    const payload = codec.encode(entry.value)
    onEncoded(entry, payload.byteLength)
    const leaving = {
      generation,
      epoch,
      refs: entry.refs,
      lifetime: lifetime.fresh,
      staleWindow: lifetime.stale,
      ...this.#costOf(entry),
      payload,
    }
    if (uses !== undefined) later(uses.wrote(key, lifetime.fresh + lifetime.stale))
    await remote.write(name, key, leaving, version)
  }
}
