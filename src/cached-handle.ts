// Knows what the user of a cached function holds.

import type { Clearable } from './clearable.ts'
import type { AnyFunction, PartialArgs } from './memoize-options.ts'
import type { Ref } from './ref.ts'
import type { ArgsOf, Each, ResultOf } from './signatures.ts'
import type { FunctionStats } from './stats.ts'

/** As the function, but asynchronous where it is not. */
export type Async<F extends AnyFunction> = ResultOf<F> extends Promise<unknown> ? F : Each<F, 'async'>

/** What every cached function has, whether its calls are asynchronous or not. */
export interface CachedHandle<F extends AnyFunction, K = ArgsOf<F>> extends Clearable {
  /** What the function is called in keys, refs and Redis. @example getUser.cacheName */
  readonly cacheName: string
  /** The function that was given. @example getUser.original */
  readonly original: F
  /**
   * A pattern over its calls, to clear, to depend on, or to declare.
   * @example await cache.clear(getUser.ref('42'), listPosts.ref({ author: '42' }))
   */
  ref(...args: PartialArgs<F, K>): Ref
  /**
   * From now on nothing that was computed from a call that these arguments cover is served; without any, from any call. Rejects with a
   * `StoreError` when Redis did not confirm in time: it then holds here and stays queued.
   * @example await getUser.clear('42')
   */
  clear(...args: PartialArgs<F, K>): Promise<void>
  /**
   * As `clear`, but what it covers may still be served stale where `staleWhileRevalidate` or `staleIfError` allow.
   * @example await listPosts.expire({ author: '42' })
   */
  expire(...args: PartialArgs<F, K>): Promise<void>
  /**
   * How many fresh entries these arguments cover, here and in Redis. Walks them: for tools, not for the path of a request. Rejects with a
   * `StoreError` where Redis does not answer.
   * @example await listPosts.count({ author: '42' })
   */
  count(...args: PartialArgs<F, K>): Promise<number>
  /** What happened to its calls in this process since it was defined. @example getUser.stats().hits */
  stats(): FunctionStats
}

/**
 * A cached function: called as the original, and cleared by its arguments.
 * @example const getUser: CachedFunction<(id: string) => Promise<User>> = cache.memoize(loadUser)
 */
export type CachedFunction<F extends AnyFunction, K = ArgsOf<F>> = Async<F> &
  CachedHandle<F, K> & {
    /**
     * The value of a call if a fresh one is stored, else undefined, which may also be the stored value. Never loads, and counts as nothing.
     * @example await getUser.peek('42')
     */
    readonly peek: Each<F, 'peek'>
    /**
     * Loads, whatever is stored, and stores the result; where `shouldCache` or `ttl` refuses it, what was stored before goes too. Who calls
     * without `refresh` meanwhile gets what is stored, while it is fresh, and else waits for this load. A load that fails is the caller's
     * error, whatever `staleIfError` keeps.
     * @example await getUser.refresh('42')
     */
    readonly refresh: Async<F>
    /**
     * The results of several calls, in their order: as `Promise.all` of them, but what Redis has comes in one round trip, equal calls are
     * made once, and what is missing is loaded by `loadMany`, where there is one. Rejects with the first rejection; the others are stored.
     * @example const [ada, grace] = await getUser.many([['1'], ['2']])
     */
    many(calls: readonly ArgsOf<F>[]): Promise<Awaited<ResultOf<F>>[]>
  }

/** A synchronous function itself, or what is wrong with it: a promise kept as a value would keep its rejection too. */
export type Synchronous<F extends AnyFunction> = Each<F, 'promises'> extends true ? 'This function returns a promise: use memoize.' : F

/**
 * A cached synchronous function: it stays synchronous, and its values in this process.
 * @example const parse: CachedSyncFunction<(text: string) => unknown> = cache.memoizeSync((text: string) => JSON.parse(text), { name: 'parse' })
 */
export type CachedSyncFunction<F extends AnyFunction, K = ArgsOf<F>> = F &
  CachedHandle<F, K> & {
    /**
     * The value of a call if a fresh one is stored, else undefined, which may also be the stored value: at once, and by what this process
     * knows. Never loads, and counts as nothing.
     * @example parse.peek('{}')
     */
    readonly peek: Each<F, 'peekSync'>
  }
