// What a worker is given, what it is told to do, and what it answers.
import type { ReadKind } from './history.ts'

/** Where its Redis is. */
export type Target =
  | { readonly url: string }
  | {
      readonly sentinels: { readonly name: string; readonly sentinels: Array<{ readonly host: string; readonly port: number }> }
    }
  | { readonly cluster: Array<{ readonly host: string; readonly port: number }> }

export interface WorkerOptions {
  readonly name: string
  readonly seed: string
  readonly redis: Target
  /** The port of the truth. */
  readonly truth: number
  readonly consistency: 'eventual' | 'strong'
  readonly maxStaleness: number
  readonly commandTimeout: number
  /** The file that its record goes to. */
  readonly record: string
  /** Milliseconds by which its wall clock is wrong, now ahead and now behind. */
  readonly offset: number
}

/** How busy it is, and with what. */
export interface Profile {
  /** Operations that it has under way at a time. */
  readonly loops: number
  /** The longest pause after an operation, in milliseconds. */
  readonly pause: number
  /** The longest that each part of a load takes, in milliseconds. */
  readonly load: number
  /** The part of the loads that take far longer than entries are trusted. */
  readonly slow: number
  /** The part of the operations that clear a hot key, and a cold one. */
  readonly clears: number
  readonly colds: number
  /** The part of the reads that are of cold keys. */
  readonly seldom: number
  /** The part of the clears that only expire. */
  readonly expires: number
  /** The part of the clears that are requests to a route which clears. */
  readonly posts: number
  /** How hot keys are read. */
  readonly kinds: readonly ReadKind[]
}

export type Order =
  /** Read each of these keys. */
  | { readonly do: 'read'; readonly keys: readonly string[] }
  /** Begin to read, write and clear at random; of the cold keys, `mine` are cleared, each once. */
  | { readonly do: 'act'; readonly cold: readonly string[]; readonly mine: readonly string[]; readonly profile: Profile }
  /** Stop that, and answer when all has ended. */
  | { readonly do: 'rest' }
  /** Answer when Redis has all that was cleared. */
  | { readonly do: 'settle' }

/** Of a function or route, by its name: how often it was answered from what is kept, and how often not. */
export type Counts = Readonly<Record<string, { readonly hits: number; readonly misses: number }>>

export interface Answer {
  readonly did: 'start' | Order['do']
  readonly counts: Counts
}

export const HOT: readonly string[] = ['hot-1', 'hot-2', 'hot-3', 'hot-4', 'hot-5', 'hot-6']
export const KINDS: readonly ReadKind[] = ['row', 'page', 'list', 'late', 'swr', 'express', 'koa', 'front', 'peek']

/** By which kinds a cold key is read: not by all, so that each is read seldom. */
export function kindsOf(key: string): readonly ReadKind[] {
  const number = Number(key.slice(key.lastIndexOf('-') + 1))
  return [0, 1, 3].map((step) => KINDS[(number + step) % KINDS.length]!)
}
