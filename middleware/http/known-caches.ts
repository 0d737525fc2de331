// Knows which caches have routes in this process: a write is told to all of them, since a ref does not say whose it is, nor a URI.

import { engineOf } from '../../src/door.ts'
import type { Cache } from '../../src/index.ts'

const known = new Set<WeakRef<Cache>>()

export function addCacheWithRoutes(cache: Cache): void {
  if (!cachesWithRoutes().includes(cache)) known.add(new WeakRef(cache))
}

export function cachesWithRoutes(): readonly Cache[] {
  const caches: Cache[] = []
  for (const ref of known) {
    const cache = ref.deref()
    if (cache === undefined) known.delete(ref)
    else caches.push(cache)
  }
  return caches
}

/** Tells the caches what went wrong where no one awaits it. */
export function report(error: unknown): void {
  for (const cache of cachesWithRoutes()) engineOf(cache).report(error)
}
