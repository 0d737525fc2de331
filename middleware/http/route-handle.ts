// Knows what the user of a cached route holds: what clears it, and what happened to it.

import type { Engine } from '../../src/door.ts'
import type { FunctionStats, Ref } from '../../src/index.ts'
import type { RouteCalls } from './route-calls.ts'
import type { PartialRouteArguments } from './route-name.ts'

/** What every cached route has, whatever its framework. */
export interface RouteHandle {
  /** What the route is called in keys, refs and Redis. Throws a `ConfigError` while it is not known. @example userPage.cacheName */
  readonly cacheName: string
  /**
   * A pattern over its responses: with `params` alone, every query and partition of that page. Throws a `ConfigError` while the route's name is
   * not known.
   * @example await cache.clear(userPage.ref({ params: { id: '42' } }))
   */
  ref(args?: PartialRouteArguments): Ref
  /**
   * From now on no response that these arguments cover is served; without any, none. Rejects with a `StoreError` when Redis did not confirm in
   * time: it then holds here and stays queued.
   * @example await userPage.clear({ params: { id: '42' } })
   */
  clear(args?: PartialRouteArguments): Promise<void>
  /** As `clear`, but what these arguments cover is stale at once, not gone. @example await userPage.expire() */
  expire(args?: PartialRouteArguments): Promise<void>
  /** What happened to its requests in this process. Throws a `ConfigError` while the route's name is not known. @example userPage.stats().hits */
  stats(): FunctionStats
}

/** The handle of a route. */
export function handleOf(engine: Engine, calls: RouteCalls<never>): RouteHandle {
  const ref = (args?: PartialRouteArguments): Ref => calls.ref(args)
  return {
    get cacheName() {
      return calls.known().name
    },
    ref,
    clear: (args) => engine.record('clear', () => [ref(args)]),
    expire: (args) => engine.record('expire', () => [ref(args)]),
    stats: () => calls.known().stats(),
  }
}
