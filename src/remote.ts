// Knows where entries may live beyond this process, and what is asked of such a place.

import type { NewRemoteEntry, RemoteEntry, UseRead } from './entry-bytes.ts'
import type { OwnStore, Store } from './own-store.ts'
import type { RedisEntries } from './redis/entries.ts'
import type { SharedLog } from './redis/log.ts'
import type { Turns } from './redis/turn.ts'

/** Where entries may be asked to live: in this process, in Redis, in both, or in a store of one's own. */
export type StoreOption = 'memory' | 'redis' | 'tiered' | Store

/** Where entries live. In front of a store of one's own there is none in this process. */
export type Place = 'memory' | 'redis' | 'tiered' | OwnStore

/** Entries beyond this process's memory: in Redis, or in a store of one's own. */
export interface Remote {
  /** What is made of an entry, in the step in which it comes: a promise more for each read would be its largest cost. */
  take<R>(name: string, key: string, version: string | undefined, use: UseRead<R>): Promise<R>
  write(name: string, key: string, entry: NewRemoteEntry, version?: string): Promise<void>
  remove(name: string, key: string, version?: string): Promise<void>
  /** Every entry of a function's version, where they can be walked. */
  all?(name: string, version?: string): AsyncIterable<readonly [key: string, entry: RemoteEntry]>
  /** Gives back the space of an entry that nobody may be served, where nothing else does. */
  discard?(name: string, key: string, version?: string): void
}

/** The Redis side of a cache. */
export interface Shared {
  readonly log: SharedLog
  readonly entries: RedisEntries
  readonly turns: Turns
}
