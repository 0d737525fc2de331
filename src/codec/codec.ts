// Knows what a codec is, and keeps the promises of one that somebody else wrote.

import { types } from 'node:util'
import { show } from '../duration.ts'
import { CodecError } from '../errors.ts'

/**
 * How values become bytes for a store and come back. One of your own is these two functions. Both are synchronous, and what they throw
 * is never the caller's error: a value that cannot be encoded is returned without being stored, bytes that cannot be decoded are a miss.
 *
 * @example
 * const users: Codec<User> = {
 *   encode: (user) => User.encode(user).finish(),
 *   decode: (bytes) => User.decode(bytes),
 * }
 */
export interface Codec<V = unknown> {
  /** Throws for a value that would not come back as it is. */
  encode(value: V): Uint8Array
  /** Throws for bytes that `encode` did not make. */
  decode(bytes: Uint8Array): V
}

/** The codec, with every failure a `CodecError`. */
export function guarded(codec: Codec): Codec {
  return {
    encode(value) {
      const bytes: unknown = attempt('encode the value', () => codec.encode(value))
      if (bytes instanceof Uint8Array) return bytes
      throw new CodecError(
        `Expected \`encode\` of the codec to return a Uint8Array, got ${show(bytes)}. Text becomes one by Buffer.from(text).`,
      )
    },
    decode(bytes) {
      const value = attempt('decode the bytes', () => codec.decode(bytes))
      if (!types.isPromise(value)) return value
      // What it gives later is nobody's, its failure too.
      value.catch(() => undefined)
      throw new CodecError('Expected `decode` of the codec to return a value, got a promise. A codec is synchronous.')
    },
  }
}

/** What the work returns. What it throws is the cause of a `CodecError`, if it is not one. */
export function attempt<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodecError) throw error
    throw new CodecError(`The codec could not ${what}: ${error instanceof Error ? error.message : show(error)}`, error)
  }
}
