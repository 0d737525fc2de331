// Knows what one cached result is.

import type { Ref } from './ref.ts'

/** One cached result, as this process holds it. */
export interface Entry<V> {
  readonly value: V
  /** The call itself first, then everything it was computed from. */
  readonly refs: readonly Ref[]
  /** The place of its load among those of its function in this process, by when they began; 0 where another process loaded it. */
  readonly order: number
  /** Up to which position of the clear log nothing was found that clears it. */
  checked: number
  /** When it was loaded and until when it is fresh, in milliseconds of this process's monotonic clock. */
  readonly loadedAt: number
  freshUntil: number
  /** Milliseconds that its load took. */
  readonly cost: number
  /** What it takes of the cache's `maxBytes`. */
  bytes: number
  /** From when on this process vouches for it without word from Redis. */
  trustFrom: number
}
