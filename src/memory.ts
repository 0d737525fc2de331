// Knows the entries that live in this process, least recently used out first.

import { LRUCache } from 'lru-cache'
import type { Entry } from './entry.ts'

/** The entries of one function by key. `peek` is `get` without counting as a use. */
export interface Memory<V> {
  entries(): Iterable<[string, Entry<V>]>
  get(key: string): Entry<V> | undefined
  peek(key: string): Entry<V> | undefined
  set(key: string, entry: Entry<V>): unknown
  delete(key: string): boolean
  clear(): void
}

/** Room for `limit` entries; `onEvict` is told of each that had to go for another. */
export function newMemory<V>(limit: number, onEvict: () => void): Memory<V> {
  if (limit === Number.POSITIVE_INFINITY) return new Unbounded<V>()
  return new LRUCache<string, Entry<V>>({
    max: limit,
    dispose: (_entry, _key, reason) => {
      if (reason === 'evict') onEvict()
    },
  })
}

class Unbounded<V> extends Map<string, Entry<V>> implements Memory<V> {
  peek(key: string): Entry<V> | undefined {
    return this.get(key)
  }
}
