// Two caches that stand for two processes, over rows of one database; further ones as they are needed.
import type { Cluster, Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { createCache, type Cache, type CachedFunction, type CacheError, type CacheOptions } from '../../src/index.ts'
import { newPrefix } from './process.ts'

export interface Member {
  readonly cache: Cache
  readonly errors: CacheError[]
  /** A row. */
  readonly row: CachedFunction<(id: string) => Promise<string>>
  /** What is computed from a row. */
  readonly page: CachedFunction<(id: string) => Promise<string>>
}

export interface Pair {
  readonly prefix: string
  readonly a: Member
  readonly b: Member
  /** What a row holds that nobody has written. */
  value: string
  /** How often rows were loaded. */
  loads: number
  /** Another process, which comes now. */
  newMember(options?: CacheOptions): Member
}

/** How long Redis may keep a caller waiting, for tests of how long it does. */
export const COMMAND_TIMEOUT = 400

/** `connect` makes the client that a cache is given: one for each. */
export function newPair(connect: () => Redis | Cluster, options: CacheOptions = {}): Pair {
  const prefix = newPrefix()
  const newMember = (further: CacheOptions = {}): Member => {
    const errors: CacheError[] = []
    const given = connect()
    const cache = createCache({
      redis: given,
      prefix,
      commandTimeout: 10_000,
      onError: (error) => errors.push(error),
      ...options,
      ...further,
    })
    onTestFinished(async () => {
      await cache.close()
      given.disconnect()
    })
    const row = cache.memoize(async (id: string) => (pair.loads++, `${id} ${pair.value}`), { name: 'row' })
    const page = cache.memoize(async (id: string) => `page of ${await row(id)}`, { name: 'page' })
    return { cache, errors, row, page }
  }
  const pair: Pair = { prefix, a: newMember(), b: newMember(), value: 'old', loads: 0, newMember }
  return pair
}

/** Resolves when a clear was not confirmed. */
export async function refused(clear: Promise<void>): Promise<void> {
  await expect(clear).rejects.toMatchObject({ code: 'STORE' })
}
