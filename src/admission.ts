// Knows whether what another process stored may be served here, and what it then is.

import type { ClearLog } from './clear-log.ts'
import type { Codec } from './codec.ts'
import { Entry } from './entry.ts'
import type { RemoteEntry } from './entry-bytes.ts'
import type { Epochs } from './epochs.ts'
import { CodecError, type CacheError } from './errors.ts'
import type { Freshness } from './freshness.ts'
import { lasting, type Keyed } from './label.ts'
import { shortly, type Ref } from './ref.ts'

export interface AdmissionOptions<V> {
  readonly name: string
  readonly codec: Codec<V>
  /** What a value takes of the budget; its serialised form where this is undefined, or gives undefined. */
  readonly size: ((value: V, refs: readonly Ref[]) => number | undefined) | undefined
  readonly log: ClearLog
  readonly freshness: Freshness
  /** By what entries beyond this process's memory are dated. */
  readonly epochs: Epochs
  readonly onCleared: () => void
  readonly onError: (error: CacheError) => void
}

/** Of the entries of one function. */
export class Admission<V> {
  readonly #options: AdmissionOptions<V>

  constructor(options: AdmissionOptions<V>) {
    this.#options = options
  }

  /**
   * Checks an entry from beyond this process against all that is known, and decodes it: undefined when it may not be served. `sent`: when it
   * was asked for; an answer may have lain here unread. `isAgain`: what it finds cleared is counted already.
   */
  admit(call: Keyed, remote: RemoteEntry, sent: number, isAgain: boolean): Entry<V> | undefined | Promise<Entry<V> | undefined> {
    const { epochs } = this.#options
    if (epochs.generation !== undefined && remote.generation !== epochs.generation) return undefined
    const reached = epochs.reach(remote.epoch)
    if (reached instanceof Promise)
      return reached.then((isReached) => (isReached ? this.#admitReached(call, remote, sent, isAgain) : undefined))
    return reached ? this.#admitReached(call, remote, sent, isAgain) : undefined
  }

  #admitReached(call: Keyed, remote: RemoteEntry, sent: number, isAgain: boolean): Entry<V> | undefined {
    const { log, epochs, freshness, size, onCleared } = this.#options
    if (remote.generation !== epochs.generation) return undefined
    // Before the user's own codec runs, which may clear.
    const { position } = log
    if (epochs.clearedSince(remote.refs, remote.epoch)) {
      if (!isAgain) onCleared()
      return undefined
    }
    const value = this.#decode(remote)
    if (value === undefined) return undefined
    const expiredAt = epochs.expiredSince(remote.refs, remote.epoch) ?? Number.POSITIVE_INFINITY
    return new Entry<V>({
      label: lasting(call),
      isOfString: call.isOfString,
      value: value.value,
      own: shortly(remote.refs[0]!, call.key),
      read: remote.read,
      order: 0,
      checked: position,
      loadedAt: Number.isFinite(remote.lifetime) ? sent + remote.remaining - remote.lifetime : sent,
      freshUntil: Math.min(sent + remote.remaining, expiredAt),
      cost: remote.cost ?? 0,
      bytes: size?.(value.value, remote.refs) ?? remote.payload.byteLength,
      trustFrom: freshness.verifiedAt,
    })
  }

  #decode(remote: RemoteEntry): { value: V } | undefined {
    const { name, codec, onError } = this.#options
    try {
      return { value: codec.decode(remote.payload) }
    } catch (error) {
      // Garbage or an older format is a miss; the next write replaces it.
      onError(error instanceof CodecError ? error : new CodecError(`An entry of "${name}" could not be decoded.`, error))
      return undefined
    }
  }
}
