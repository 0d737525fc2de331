// Knows the options of a cached function: what each is for, and what is wrong with one that is.

import type { CodecOption } from './codec.ts'
import { show, type Duration } from './duration.ts'
import type { StoreOption } from './remote.ts'
import { ConfigError } from './errors.ts'
import type { any } from './key.ts'
import { checkFunction, checkNames } from './options.ts'
import type { Isolate } from './isolate.ts'
import { Ref } from './ref.ts'
import type { ArgsOf, GivenArgs, ResultOf } from './signatures.ts'

// A narrower type would refuse functions that declare their own arguments or `this`.
export type AnyFunction = (this: any, ...args: any[]) => unknown

/** What can be cached. With `AnyFunction` in its place, a parameter that has a default and no type would become `any`. */
export type Cacheable = (...args: never[]) => unknown

/**
 * The arguments a ref of a function names: leading ones, `any` for one in between, some of an object's properties at any depth. `K` is
 * what the option `key` returns, where there is one.
 */
export type PartialArgs<F extends AnyFunction, K = ArgsOf<F>> = PartialList<KeyArgs<K>>

type PartialList<A extends readonly unknown[]> = { [I in keyof A]?: PartialArg<A[I]> }

type PartialArg<T> = T | typeof any | PartialObject<T>
type PartialObject<T> = T extends
  | readonly unknown[]
  | AnyFunction
  | RegExp
  | { toJSON: AnyFunction }
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView
  | ArrayBufferLike
  | AbortSignal
  ? never
  : T extends object
    ? { [P in keyof T]?: PartialArg<T[P]> }
    : never

/** What `key` returns as an argument list: an array as it is, anything else as a list of one. */
export type KeyArgs<K> = K extends readonly unknown[] ? K : [K]

/** The options of a cached function. One that does not exist, or a value that is none of its own, is a `ConfigError`. */
export interface MemoizeOptions<F extends AnyFunction, K = ArgsOf<F>> {
  /**
   * What the function is called in keys, refs and Redis; one name, one function. 1 to 500 characters, of which the first is no #; one that is
   * taken is refused. @default the function's own name
   * @example name: 'users.find'
   */
  name?: string
  /**
   * Which shape its values have: processes with different versions of a function share clears and no entries, as while a new one is rolled
   * out. Letters, digits and ._+-, at most 100. @default none
   * @example version: '2' // values have got a field
   */
  version?: string
  /**
   * How long a result is fresh: milliseconds, or a string with its unit; or a function that says so of each value: where that fails the
   * result is not stored, and `onError` is told. 0: not cached; -1 or Infinity: no expiry; what else is negative is refused. Of a
   * synchronous function in a cache without Redis up to 250 calls may go by one look at the clock, where code makes them without a break.
   * @default the cache's
   * @example ttl: (token) => token.expires_in * 1000
   */
  ttl?: Duration | ((value: Awaited<ResultOf<F>>, ...args: GivenArgs<F>) => Duration)
  /**
   * Entries kept in this process, and about as many in Redis: up to 10 % and 64 a process over. The least recently used go first. 0: not
   * cached; -1 or Infinity: no bound; what else is no whole number of 0 or more is refused. @default the cache's
   * @example limit: 10_000
   */
  limit?: number
  /**
   * Where entries live: in this process, in Redis, in both, or in a store of one's own, which is four functions over bytes. In front of
   * that one there is no memory; what it keeps is bounded by itself, not by `limit`. "redis" and "tiered" are refused without Redis.
   * @default "tiered" with Redis, "memory" without
   * @example store: 'redis'
   */
  store?: StoreOption
  /**
   * How values become bytes in Redis. "structured" keeps their types, "json" is readable there, "reference" leaves the value in this
   * process, where Redis only tells of clears; or two functions of one's own. "reference" is refused with a `store` elsewhere.
   * @default "structured"
   * @example codec: 'json'
   */
  codec?: CodecOption
  /**
   * What of the arguments selects the result. An array is the argument list for `ref` and `clear`, anything else a list of one. What it leaves
   * out, no result may depend on; what it throws is the call's rejection. @default all arguments
   * @example key: (user) => [user.tenant, user.id]
   */
  key?: (...args: GivenArgs<F>) => K
  /**
   * What a result depends on that running the function does not show: refs, or a function of the call's arguments that gives them. Where it
   * fails the result is not stored, and `onError` is told. @default nothing
   * @example dependsOn: (id) => [cache.tag(`user:${id}`)]
   */
  dependsOn?: readonly Ref[] | ((...args: GivenArgs<F>) => readonly Ref[])
  /**
   * Past `ttl`, how long the old value is served while one caller loads the new one: milliseconds, or a string with its unit. 0: not at all;
   * what is negative or Infinity is refused. @default 0
   * @example staleWhileRevalidate: '1m'
   */
  staleWhileRevalidate?: Duration
  /**
   * Past `ttl`, how long the old value is served where loading fails: milliseconds, or a string with its unit. 0: not at all; what is negative
   * or Infinity is refused. @default 0
   * @example staleIfError: '1h'
   */
  staleIfError?: Duration
  /**
   * Spreads expiry, so that what was stored together does not expire together: 0.1 makes each result fresh for 90 to 100 % of `ttl`. 0 to 1.
   * @default 0
   * @example jitter: 0.1
   */
  jitter?: number
  /**
   * Loads anew before a result expires, with a probability that grows towards its end and with what its load took, while the old value is
   * served: so that a busy key is never missing. 1 is the rule's own measure, more is earlier; 0 is off; what is negative or Infinity is
   * refused. XFetch: Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache Stampede Prevention, VLDB 2015. @default 0
   * @example refreshAhead: 1
   */
  refreshAhead?: number
  /**
   * A load slower than this is answered by the stale value, where `staleIfError` or `staleWhileRevalidate` kept one; the load goes on and is
   * stored. Milliseconds, or a string with its unit. -1 or Infinity: none; what else is negative is refused. @default none
   * @example softTimeout: '200ms'
   */
  softTimeout?: Duration
  /**
   * A load slower than this is a `TimeoutError` for its callers, and what it gives later is not stored; the work itself goes on. Milliseconds,
   * or a string with its unit. -1 or Infinity: none; what else is negative is refused. @default none
   * @example loadTimeout: '5s'
   */
  loadTimeout?: Duration
  /**
   * Loads of this function at a time in this process; the rest wait in line. A load nested in one that is counted so does not wait, but for a
   * function with `track: false`, where that is not seen. 1 or more, or Infinity for no bound; 0, what is negative and what is no whole number is
   * refused. @default Infinity
   * @example concurrency: 10
   */
  concurrency?: number
  /**
   * Whether dependencies are found by running. Without, a result depends on its own call and what `dependsOn` declares, not on what
   * `cache.track` says inside. Nor is it seen that a load needs its own result, or one that waits in line behind it: it waits; or that it runs a
   * transaction: its result is stored. @default true
   * @example track: false
   */
  track?: boolean
  /**
   * What a value takes of the cache's `maxBytes`, in bytes: 0 or more, and finite. Where it fails or gives anything else the result is not
   * stored, and `onError` is told. @default its serialised form, where it has one, else nothing
   * @example size: (rows) => 100 * rows.length
   */
  size?: (value: Awaited<ResultOf<F>>) => number
  /**
   * `false`: a flat key, which is cheaper to make of large arguments. Two calls still never share one, but the order of properties counts, so
   * that the same call may be loaded once for each. No ref names arguments: `clear()` clears all of the function, `clear(args)` is an
   * `UnsupportedError`, and what reads one call depends on all of them. @default true
   * @example strict: false
   */
  strict?: boolean
  /**
   * What keeps a stored value from changes by who was given it. `false`: nothing, all callers share the stored value. `"freeze"`: it is
   * deep-frozen, itself, as soon as it is loaded; one with a Map, Set, Date, RegExp, URL or bytes in it cannot be, and private fields of
   * class instances are not. `"copy"`: each caller gets a copy of its own, the one who loaded it too, made by `codec` where that is an object,
   * else by the structured one. A value that cannot be frozen or copied reaches its callers as it is and is not stored, and `onError` is
   * told. @default false
   * @example isolate: 'freeze'
   */
  isolate?: Isolate
  /**
   * Loads what `many` finds nowhere, all at once: it is given the argument lists and gives the results in their order. An `Error` among them
   * is the rejection of its call alone. Each result is stored as if its call had been made by itself, and depends on all that was read
   * while they were loaded. @default the function itself, for each
   * @example loadMany: async (calls) => { const rows = await findByIds(calls.map(([id]) => id)); return calls.map(([id]) => rows.get(id)) }
   */
  loadMany?: (calls: ArgsOf<F>[]) => PromiseLike<readonly (Awaited<ResultOf<F>> | Error)[]>
  /**
   * Whether a value is worth keeping. Rejections never are. Where it fails the value is not kept, and `onError` is told.
   * @default every value, undefined and null too
   * @example shouldCache: (user) => user !== undefined
   */
  shouldCache?: (value: Awaited<ResultOf<F>>, ...args: GivenArgs<F>) => boolean
}

/**
 * The options of a synchronous function: those of `memoize` without what only a load that is waited for can have, or a value that leaves this
 * process. One of these, or one that does not exist, is a `ConfigError`.
 */
export interface MemoizeSyncOptions<F extends AnyFunction, K = ArgsOf<F>> extends Omit<
  MemoizeOptions<F, K>,
  | 'version'
  | 'store'
  | 'codec'
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'refreshAhead'
  | 'softTimeout'
  | 'loadTimeout'
  | 'concurrency'
  | 'loadMany'
> {}

/** The options of a synchronous function. */
export const SYNC_NAMES: readonly string[] = [
  'name',
  'ttl',
  'limit',
  'key',
  'dependsOn',
  'shouldCache',
  'size',
  'jitter',
  'track',
  'isolate',
  'strict',
]
/** The options of any function. */
export const NAMES: readonly string[] = [
  ...SYNC_NAMES,
  'version',
  'store',
  'codec',
  'staleWhileRevalidate',
  'staleIfError',
  'refreshAhead',
  'softTimeout',
  'loadTimeout',
  'concurrency',
  'loadMany',
]

/** Refuses what can be seen to be wrong before there is a call. */
export function checkDefinition(fn: unknown, options: object, names: readonly string[], door: string): void {
  if (typeof fn !== 'function') throw new ConfigError(`Expected ${door} to be given a function, got ${show(fn)}.`)
  checkNames(options, names, door)
  const { key, dependsOn, shouldCache, size, name, loadMany } = options as MemoizeOptions<AnyFunction, unknown>
  checkFunction(key, 'key')
  checkFunction(shouldCache, 'shouldCache')
  checkFunction(size, 'size')
  checkFunction(loadMany, 'loadMany')
  if (name !== undefined && typeof name !== 'string') throw new ConfigError(`Expected \`name\` to be a string, got ${show(name)}.`)
  const isList =
    dependsOn === undefined || typeof dependsOn === 'function' || (Array.isArray(dependsOn) && dependsOn.every((ref) => ref instanceof Ref))
  if (!isList)
    throw new ConfigError('Expected `dependsOn` to be a list of refs, such as [getUser.ref("42")], or a function that gives one.')
}
