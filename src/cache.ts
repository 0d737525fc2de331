// Knows the cache that its user holds: what creates one, and the names it has.

import { resolveConfig, type CacheOptions, type Config } from './config.ts'
import { decoratorOf, type DecorateGetter, type DecorateMethod } from './decorators.ts'
import { show } from './duration.ts'
import { Engine } from './engine.ts'
import type { Shared } from './remote.ts'
import { ConfigError } from './errors.ts'
import type { CachedFunction, CachedSyncFunction, Synchronous } from './cached-handle.ts'
import { memoize, memoizeSync } from './memoize.ts'
import type { AnyFunction, Cacheable, MemoizeOptions, MemoizeSyncOptions } from './memoize-options.ts'
import { everything, patternRef, Ref, tagRef } from './ref.ts'
import { RedisConnection } from './redis/connection.ts'
import { RedisEntries } from './redis/entries.ts'
import type { LeaseTimes } from './redis/lease.ts'
import { SharedLog } from './redis/log.ts'
import { Sweeper } from './redis/sweeper.ts'
import { Turns } from './redis/turn.ts'
import type { ArgsOf } from './signatures.ts'
import type { CacheStats } from './stats.ts'

/** One cache: its functions, its routes and everything that was computed from them. */
export interface Cache extends AsyncDisposable {
  /**
   * Wraps a function so that its results are kept until their time is up or something they were computed from is cleared. Throws a
   * `ConfigError` for an option that is wrong and for a name that is taken.
   * @example const getUser = cache.memoize(loadUser, { name: 'user', ttl: '10m' })
   */
  memoize<F extends Cacheable>(fn: F, options: MemoizeOptions<F, unknown> & { strict: false }): CachedFunction<F, []>
  memoize<F extends Cacheable, const K = ArgsOf<F>>(fn: F, options?: MemoizeOptions<F, K>): CachedFunction<F, K>
  /**
   * As `memoize`, for a synchronous function: it stays synchronous, and its values in this process. One that gives a promise is refused.
   * @example const parse = cache.memoizeSync(JSON.parse, { name: 'parse' })
   */
  memoizeSync<F extends Cacheable>(
    fn: F & Synchronous<F>,
    options: MemoizeSyncOptions<F, unknown> & { strict: false },
  ): CachedSyncFunction<F, []>
  memoizeSync<F extends Cacheable, const K = ArgsOf<F>>(
    fn: F & Synchronous<F>,
    options?: MemoizeSyncOptions<F, K>,
  ): CachedSyncFunction<F, K>
  /**
   * Decorates an asynchronous method, instance or static: `@cache.method({ name: "users.find" })`. Its `this` is no argument, so instances
   * share their entries, unless `key` makes it one. `cachedFunction(users, "find")` is the method with `clear`, `ref` and the rest.
   * The name is by default the method's, which only one class of a cache can have.
   *
   * @example
   * class Users {
   *   @cache.method({ name: 'users.find' })
   *   async find(id: string): Promise<User> { … }
   * }
   * await cachedFunction(users, 'find').clear('42')
   */
  readonly method: DecorateMethod
  /**
   * Decorates a getter, instance or static. One that gives plain values stays synchronous; of one that gives a promise, the value is kept.
   * Both are kept in this process, and by one value for all instances unless `key` tells them apart. What only an asynchronous function
   * has, such as `store`, says that it gives a promise. `cachedFunction(config, "flags").clear()` clears it.
   *
   * @example
   * class Config {
   *   @cache.getter({ name: 'config.flags', ttl: '1m' })
   *   get flags(): Promise<Flags> { … }
   * }
   */
  readonly getter: DecorateGetter
  /**
   * A dependency that is not a function, such as a table: for `dependsOn`, `track` and `clear`. The name is any text but the empty one, and
   * does not begin with #.
   * @example await cache.clear(cache.tag('table:users'))
   */
  tag(name: string): Ref
  /**
   * A ref of a function that this process does not have, for a worker that only clears: the name is all that ties the two.
   * @example await cache.clear(cache.ref('user', '42'))
   */
  ref(name: string, ...args: unknown[]): Ref
  /**
   * Inside a load: its result also depends on these. Outside of one it does nothing, nor for the result of a function with `track: false`.
   * @example cache.track(cache.tag('table:users'))
   */
  track(...refs: Ref[]): void
  /**
   * From now on nothing that was computed from what the refs cover is served. All of them at one instant. Rejects with a `StoreError` when Redis
   * did not confirm in time: it then holds here and stays queued. A ref of another cache is a name like any here: it clears nothing there, unless
   * the two share Redis and prefix.
   * @example await cache.clear(getUser.ref('42'), cache.tag('table:users'))
   */
  clear(...refs: Ref[]): Promise<void>
  /**
   * As `clear`, but what the refs cover is stale at once: it may still be served where `staleWhileRevalidate` or `staleIfError` allow.
   * @example await cache.expire(listPosts.ref())
   */
  expire(...refs: Ref[]): Promise<void>
  /**
   * Clears inside take effect together when `work` resolves, and are dropped when it throws. Until then, reads inside bypass what was
   * cleared, and what is loaded inside is neither stored nor shared. Once `work` resolved its value is returned whatever happens to the
   * clears: what Redis did not confirm goes to `onError`, holds here and stays queued. One inside another is a part of it.
   *
   * @example
   * await cache.transaction(() => db.transaction(async (sql) => {
   *   await sql`update users set name = ${name} where id = ${id}`
   *   await getUser.clear(id)
   * }))
   */
  transaction<T>(work: () => Promise<T>): Promise<T>
  /** Clears everything under this prefix, as one clear; the space is given back in the background. @example await cache.flush() */
  flush(): Promise<void>
  /** What happened in this process: of each function and route by name, and of the cache itself. @example cache.stats().functions */
  stats(): CacheStats
  /**
   * Ends what the cache opened, after writes under way, and closes stores of one's own; never a client it was given. `await using` and
   * `cache[Symbol.asyncDispose]()` are the same.
   * @example await cache.close()
   */
  close(): Promise<void>
}

const engines = new WeakMap<object, Engine>()

/** The engine of a cache, for a door of one's own such as the route cache. No part of the promised API. */
export function engineOf(cache: Cache): Engine {
  const engine = typeof cache === 'object' && cache !== null ? engines.get(cache) : undefined
  if (engine !== undefined) return engine
  throw new ConfigError(`Expected a cache made by createCache, got ${show(cache)}.`)
}

/**
 * Creates a cache. Throws a `ConfigError` for an option or an environment variable that is wrong; never waits for Redis.
 * @example const cache = createCache({ redis: 'redis://127.0.0.1:6379', prefix: 'shop', ttl: '10m' })
 */
export function createCache(options: CacheOptions = {}): Cache {
  return openCache(options, () => performance.now(), { isCoarse: true })
}

/** What a lease lasts, and whether hits in this process alone go by a coarse clock. */
interface Times extends LeaseTimes {
  readonly isCoarse?: boolean
}

/** As `createCache`, with a monotonic clock in milliseconds, and what a lease lasts. */
export function openCache(options: CacheOptions, clock: () => number, { isCoarse = false, ...leases }: Times = {}): Cache {
  const config = resolveConfig(options, process.env)
  const engine = new Engine({
    ...config,
    clock,
    isCoarse,
    connect: config.redis === undefined || config.disabled ? undefined : (self) => connect(self, config, config.redis!, leases),
  })
  const sweeper = engine.shared && newSweeper(engine, engine.shared)
  const cache: Cache = {
    memoize: ((fn: AnyFunction, given: MemoizeOptions<AnyFunction, unknown> = {}) =>
      memoize(engine, fn, given)) as AnyFunction as Cache['memoize'],
    memoizeSync: ((fn: AnyFunction, given: MemoizeSyncOptions<AnyFunction, unknown> = {}) =>
      memoizeSync(engine, fn, given)) as AnyFunction as Cache['memoizeSync'],
    method: ((...given: unknown[]) => decoratorOf(engine, 'method', given)) as Cache['method'],
    getter: ((...given: unknown[]) => decoratorOf(engine, 'getter', given)) as Cache['getter'],
    tag: (name) => tagRef(checkName(name, 'tag'), engine),
    ref: (name, ...args) => patternRef(checkName(name, 'ref'), args, engine),
    track(...refs) {
      const checked = checkRefs(refs, 'track')
      const frame = engine.tracker.current()
      if (frame !== undefined) engine.declare(frame.refs, checked)
    },
    clear: (...refs) => engine.record('clear', () => checkRefs(refs, 'clear')),
    expire: (...refs) => engine.record('expire', () => checkRefs(refs, 'expire')),
    transaction: (work) => engine.transaction(checkWork(work)),
    flush() {
      const { shared } = engine
      const done = engine.record('clear', () => [everything])
      const sweep = (): void => void (shared && sweeper?.want({ generation: shared.log.generation, epoch: shared.log.epoch }))
      engine.follow(() => {
        for (const named of engine.names.values()) named.drop()
        done.then(sweep, () => undefined)
      })
      return done
    },
    stats: () => ({
      functions: Object.fromEntries(Array.from(engine.names.values(), (named) => [named.name, named.stats()])),
      storeErrors: engine.storeErrors,
      clearLogSize: engine.log.size,
      lag: engine.shared?.log.lag,
    }),
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
  engines.set(cache, engine)
  return cache
}

function connect(
  engine: Engine,
  config: Config,
  redis: NonNullable<Config['redis']>,
  leases: LeaseTimes,
): Shared & { close(): Promise<void> } {
  const { prefix, maxStaleness, commandTimeout, consistency } = config
  const { clock } = engine
  const onError = (error: unknown): void => engine.report(error)
  const connection = new RedisConnection({ redis, commandTimeout, onError, clock })
  const log = new SharedLog({ connection, log: engine.log, prefix, maxStaleness, retention: () => engine.retention, clock, onError })
  const turns = new Turns({ connection, log: engine.log, shared: log, prefix, commandTimeout, clock, onError, ...leases })
  return {
    log,
    entries: new RedisEntries({ connection, prefix, latestQuestion: consistency === 'strong' ? () => log.latest : undefined }),
    turns,
    async close() {
      await turns.close()
      await log.close()
      await connection.close()
    },
  }
}

function newSweeper(engine: Engine, { entries }: Shared): Sweeper {
  return new Sweeper({
    sweep: (since, isOver) => entries.sweep(since, isOver),
    later: (walk) => engine.later(walk),
    isClosed: () => engine.isClosed,
  })
}

function checkName(name: unknown, door: string): string {
  if (typeof name === 'string' && name !== '' && !name.startsWith('#')) return name
  throw new ConfigError(`Expected cache.${door} to be given a name that does not begin with #, got ${show(name)}.`)
}

function checkWork<T>(work: () => Promise<T>): () => Promise<T> {
  if (typeof work === 'function') return work
  throw new ConfigError(`Expected cache.transaction to be given a function that does the work, got ${show(work)}.`)
}

function checkRefs(refs: readonly unknown[], door: string): readonly Ref[] {
  const wrong = refs.find((ref) => !(ref instanceof Ref))
  if (wrong === undefined && !refs.includes(undefined)) return refs as readonly Ref[]
  throw new ConfigError(
    `Expected cache.${door} to be given refs, such as getUser.ref("42") or cache.tag("table:users"), got ${show(wrong)}.`,
  )
}
