// Knows cached functions: how a function becomes calls, and the handle that its user holds.

import { types } from 'node:util'
import { branded, type Clearable } from './clearable.ts'
import { resolveCodec, type Codec, type CodecOption } from './codec.ts'
import { show, toLifetime, toMilliseconds, type Duration } from './duration.ts'
import type { Place } from './entries.ts'
import type { Engine } from './engine.ts'
import { ConfigError } from './errors.ts'
import { any, isPlainObject, keyOf } from './key.ts'
import { Calls, type Call, type Loaded } from './load.ts'
import { checkFunction, checkNames, toLimit } from './options.ts'
import { placeOf } from './place.ts'
import { patternRef, Ref, wholeRef } from './ref.ts'
import type { FunctionStats } from './stats.ts'

// A narrower type would refuse functions that declare their own arguments or `this`.
export type AnyFunction = (this: any, ...args: any[]) => unknown

/** What can be cached. With `AnyFunction` in its place, a parameter that has a default and no type would become `any`. */
export type Cacheable = (...args: never[]) => unknown

/**
 * The arguments a ref of a function names: leading ones, `any` for one in between, some of an object's properties at any depth. `K` is
 * what the option `key` returns, where there is one.
 */
export type PartialArgs<F extends AnyFunction, K = Parameters<F>> = PartialList<KeyArgs<K>>

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
  ? never
  : T extends object
    ? { [P in keyof T]?: PartialArg<T[P]> }
    : never

/** What `key` returns as an argument list: an array as it is, anything else as a list of one. */
export type KeyArgs<K> = K extends readonly unknown[] ? K : [K]

export interface MemoizeOptions<F extends AnyFunction, K = Parameters<F>> {
  /** What the function is called in keys, refs and Redis; one name, one function. @default the function's own name */
  name?: string
  /** How long a result is fresh, or a function that says so of each. 0: not cached; -1 or Infinity: no expiry. @default the cache's */
  ttl?: Duration | ((value: Awaited<ReturnType<F>>, ...args: Parameters<F>) => Duration)
  /** Entries kept in this process, least recently used out first. 0: not cached; -1 or Infinity: no bound. @default the cache's */
  limit?: number
  /** Where entries live: in this process, in Redis, or in both. @default "tiered" with Redis, "memory" without */
  store?: Place
  /**
   * How values become bytes in Redis. "structured" keeps their types, "json" is readable there, "reference" leaves the value in this
   * process, where Redis only tells of clears; or two functions of one's own. @default "structured"
   */
  codec?: CodecOption
  /** What of the arguments selects the result. An array is the argument list for `ref` and `clear`, anything else a list of one. */
  key?: (...args: Parameters<F>) => K
  /** What a result depends on that running the function does not show. */
  dependsOn?: readonly Ref[] | ((...args: Parameters<F>) => readonly Ref[])
  /** Past `ttl`, how long the old value is served while one caller loads the new one. @default 0 */
  staleWhileRevalidate?: Duration
  /** Past `ttl`, how long the old value is served where loading fails. @default 0 */
  staleIfError?: Duration
  /** What a value takes of the cache's `maxBytes`, in bytes. @default its serialised form, where it has one, else nothing */
  size?: (value: Awaited<ReturnType<F>>) => number
  /** Whether a value is worth keeping. Rejections never are. @default every value, undefined and null too */
  shouldCache?: (value: Awaited<ReturnType<F>>, ...args: Parameters<F>) => boolean
}

export interface MemoizeSyncOptions<F extends AnyFunction, K = Parameters<F>> extends Omit<
  MemoizeOptions<F, K>,
  'store' | 'codec' | 'staleWhileRevalidate' | 'staleIfError'
> {}

/** As the function, but asynchronous where it is not. */
export type Async<F extends AnyFunction> =
  ReturnType<F> extends Promise<unknown> ? F : (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>

/** What every cached function has, whether its calls are asynchronous or not. */
export interface CachedHandle<F extends AnyFunction, K = Parameters<F>> extends Clearable {
  readonly cacheName: string
  /** The function that was given. */
  readonly original: F
  /** A pattern over its calls, to clear, to depend on, or to declare. */
  ref(...args: PartialArgs<F, K>): Ref
  /** From now on nothing that was computed from a call that these arguments cover is served. Rejects with a `StoreError` when Redis did not confirm in time: it then holds here and stays queued. */
  clear(...args: PartialArgs<F, K>): Promise<void>
  /** As `clear`, but what it covers may still be served stale where `staleWhileRevalidate` or `staleIfError` allow. */
  expire(...args: PartialArgs<F, K>): Promise<void>
  /** How many fresh entries these arguments cover. Walks them. */
  count(...args: PartialArgs<F, K>): Promise<number>
  stats(): FunctionStats
}

/** A cached function: called as the original, and cleared by its arguments. */
export type CachedFunction<F extends AnyFunction, K = Parameters<F>> = Async<F> &
  CachedHandle<F, K> & {
    /** The value of a call if a fresh one is stored, else undefined. Never loads. */
    peek(...args: Parameters<F>): Promise<Awaited<ReturnType<F>> | undefined>
    /** Loads, whatever is stored, and stores the result. */
    refresh(...args: Parameters<F>): Promise<Awaited<ReturnType<F>>>
  }

/** A synchronous function itself, or what is wrong with it: a promise kept as a value would keep its rejection too. */
export type Synchronous<F extends AnyFunction> =
  ReturnType<F> extends PromiseLike<unknown> ? 'This function returns a promise: use memoize.' : F

/** A cached synchronous function: it stays synchronous, and its values in this process. */
export type CachedSyncFunction<F extends AnyFunction, K = Parameters<F>> = F &
  CachedHandle<F, K> & { peek(...args: Parameters<F>): ReturnType<F> | undefined }

/** The options of a synchronous function. */
export const SYNC_NAMES: readonly string[] = ['name', 'ttl', 'limit', 'key', 'dependsOn', 'shouldCache', 'size']
const NAMES: readonly string[] = [...SYNC_NAMES, 'store', 'codec', 'staleWhileRevalidate', 'staleIfError']

/** A function and its resolved options, as calls. */
export class Definition {
  readonly original: AnyFunction
  readonly calls: Calls<unknown>
  readonly engine: Engine
  readonly #options: MemoizeOptions<AnyFunction, unknown>
  readonly #declaredNames: Set<string> = new Set()
  /** The most arguments that a call had: parameters with a default and rest parameters are not in a function's `length`. */
  #mostArgs = 0

  constructor(engine: Engine, original: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>, place: Place) {
    this.engine = engine
    this.original = original
    this.#options = options
    const { ttl, limit, size } = options
    const codec = resolveCodec(options.codec)
    this.calls = new Calls(engine, {
      name: options.name ?? original.name,
      ttl: ttl === undefined || typeof ttl === 'function' ? engine.options.ttl : toLifetime(ttl, 'ttl'),
      limit: limit === undefined ? engine.options.limit : toLimit(limit, 'limit'),
      staleWhileRevalidate: toMilliseconds(options.staleWhileRevalidate ?? 0, 'staleWhileRevalidate'),
      staleIfError: toMilliseconds(options.staleIfError ?? 0, 'staleIfError'),
      place: codec === 'reference' ? referencePlace(options.store) : place,
      codec: codec === 'reference' ? neverEncoded : codec,
      ...(size !== undefined && { size: (value: unknown) => checkedSize(size(value)) }),
      declaredFor: (ref) => this.#declaredFor(ref),
    })
  }

  keyArgs(self: unknown, args: unknown[]): readonly unknown[] {
    const { key } = this.#options
    if (key === undefined) return args
    const chosen = key.apply(self, args)
    return Array.isArray(chosen) ? (chosen as unknown[]) : [chosen]
  }

  /** Runs the original as a load, inside the frame that the engine made for it. */
  async load(self: unknown, args: unknown[]): Promise<Loaded<unknown>> {
    this.#track(args)
    return this.#loaded(await this.original.apply(self, args), args)
  }

  loadSync(self: unknown, args: unknown[]): Loaded<unknown> {
    this.#track(args)
    const value = this.original.apply(self, args)
    // Kept, a promise would keep a failure too, and nothing that its function reads after the first await would be known.
    if (isPromise(value)) throw notSync(this.calls.name)
    return this.#loaded(value, args)
  }

  /** As `load` where the original gives a promise, as `loadSync` where it does not. */
  loadEither(self: unknown, args: unknown[]): Loaded<unknown> | Promise<Loaded<unknown>> {
    this.#track(args)
    const value = this.original.apply(self, args)
    return isPromise(value) ? Promise.resolve(value).then((it) => this.#loaded(it, args)) : this.#loaded(value, args)
  }

  #loaded(value: unknown, args: unknown[]): Loaded<unknown> {
    const { ttl, shouldCache } = this.#options
    const loaded = { value, store: shouldCache === undefined || shouldCache(value, ...args), share: true }
    return typeof ttl === 'function' ? { ...loaded, ttl: toLifetime(ttl(value, ...args), 'ttl') } : loaded
  }

  #track(args: readonly unknown[]): void {
    const { dependsOn } = this.#options
    const frame = this.engine.tracker.current()
    if (dependsOn === undefined || frame === undefined) return
    if (args.length > this.#mostArgs) this.#mostArgs = args.length
    this.engine.declare(frame.refs, typeof dependsOn === 'function' ? this.#named(dependsOn(...args)) : dependsOn)
  }

  /** What a declared ref to this function brings with it: never less than what its calls depend on. */
  #declaredFor(ref: Ref): readonly Ref[] {
    const { dependsOn, key } = this.#options
    if (typeof dependsOn !== 'function') return dependsOn ?? []
    const args = ref.origin?.args
    const least = Math.max(this.original.length, dependsOn.length, this.#mostArgs)
    const namesAll =
      key === undefined && args !== undefined && args.length >= least && !args.some((arg) => arg === any || isPlainObject(arg))
    return namesAll ? this.#named(dependsOn(...args)) : Array.from(this.#declaredNames, wholeRef)
  }

  #named(refs: readonly Ref[]): readonly Ref[] {
    if (!Array.isArray(refs) || !refs.every((ref) => ref instanceof Ref)) {
      throw new ConfigError(
        `Expected \`dependsOn\` of "${this.calls.name}" to give a list of refs, such as [getUser.ref(id)], got ${show(refs)}.`,
      )
    }
    for (const ref of refs) this.#declaredNames.add(ref.name)
    return refs
  }

  ref(args: readonly unknown[]): Ref {
    return patternRef(this.calls.name, args, this.engine)
  }

  handle(): object {
    const { calls, engine, original } = this
    const ref = (...args: unknown[]): Ref => this.ref(args)
    return {
      cacheName: calls.name,
      original,
      ref,
      clear: (...args: unknown[]) => engine.record('clear', () => [ref(...args)]),
      expire: (...args: unknown[]) => engine.record('expire', () => [ref(...args)]),
      count: async (...args: unknown[]) => calls.count(ref(...args)),
      stats: () => calls.stats(),
    }
  }
}

const neverEncoded: Codec = {
  encode() {
    throw new ConfigError('A value of codec "reference" never leaves its process.')
  },
  decode() {
    throw new ConfigError('A value of codec "reference" never comes from another process.')
  },
}

function referencePlace(store: Place | undefined): Place {
  if (store !== 'redis') return 'memory'
  throw new ConfigError('`codec: "reference"` keeps values in this process: use `store: "memory"` with it, or another codec.')
}

function notSync(name: string): ConfigError {
  return new ConfigError(`"${name}" gives a promise, and memoizeSync keeps values that are there at once: use memoize.`)
}

function checkedSize(bytes: number): number {
  if (Number.isFinite(bytes) && bytes >= 0) return bytes
  throw new ConfigError(`Expected \`size\` to give a number of bytes, 0 or more, got ${show(bytes)}.`)
}

function isPromise(value: unknown): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Refuses what can be seen to be wrong before there is a call. */
export function checkDefinition(fn: unknown, options: object, names: readonly string[], door: string): void {
  if (typeof fn !== 'function') throw new ConfigError(`Expected ${door} to be given a function, got ${show(fn)}.`)
  checkNames(options, names, door)
  const { key, dependsOn, shouldCache, size, name } = options as MemoizeOptions<AnyFunction, unknown>
  checkFunction(key, 'key')
  checkFunction(shouldCache, 'shouldCache')
  checkFunction(size, 'size')
  if (name !== undefined && typeof name !== 'string') throw new ConfigError(`Expected \`name\` to be a string, got ${show(name)}.`)
  const isList =
    dependsOn === undefined || typeof dependsOn === 'function' || (Array.isArray(dependsOn) && dependsOn.every((ref) => ref instanceof Ref))
  if (!isList)
    throw new ConfigError('Expected `dependsOn` to be a list of refs, such as [getUser.ref("42")], or a function that gives one.')
}

/** Wraps a function so that its results are kept until their time is up or something they were computed from is cleared. */
export function memoize(engine: Engine, fn: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, NAMES, 'memoize')
  const definition = new Definition(engine, fn, options, placeOf(engine, options.store))
  const { calls } = definition
  const callOf = (self: unknown, args: unknown[]): Call => {
    const keyArgs = definition.keyArgs(self, args)
    return calls.call(keyArgs, keyOf(keyArgs))
  }
  const serve = async (call: Call, self: unknown, args: unknown[]): Promise<unknown> => {
    const served = await calls.serve(call, () => definition.load(self, args))
    if (served.from === 'unshared') throw new TypeError('unreachable: the load of a function shares its value')
    return served.entry.value
  }
  const cached = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    try {
      const keyArgs = definition.keyArgs(this, args)
      const key = keyOf(keyArgs)
      const entry = calls.fresh(key)
      return entry === undefined ? serve(calls.call(keyArgs, key), this, args) : Promise.resolve(entry.value)
    } catch (error) {
      return Promise.reject(error)
    }
  }
  // `fn.refresh(…)` is called on the cached function, which is nobody's `this`; `fn.refresh.call(object, …)` on the object.
  const selfOf = (self: unknown): unknown => (self === cached ? undefined : self)
  return dress(cached, fn, {
    ...definition.handle(),
    async peek(this: unknown, ...args: unknown[]) {
      return (await calls.peek(callOf(selfOf(this), args)))?.value
    },
    async refresh(this: unknown, ...args: unknown[]) {
      const self = selfOf(this)
      return (await calls.refresh(callOf(self, args), () => definition.load(self, args))).value
    },
  })
}

/** As `memoize`, for a synchronous function, in this process alone. */
export function memoizeSync(engine: Engine, fn: AnyFunction, options: MemoizeSyncOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, SYNC_NAMES, 'memoizeSync')
  if (types.isAsyncFunction(fn)) throw notSync(options.name ?? fn.name)
  const definition = new Definition(engine, fn, options, 'memory')
  const { calls } = definition
  const cached = function (this: unknown, ...args: unknown[]): unknown {
    const keyArgs = definition.keyArgs(this, args)
    const key = keyOf(keyArgs)
    const entry = calls.fresh(key)
    return entry === undefined ? calls.loadSync(calls.call(keyArgs, key), () => definition.loadSync(this, args)) : entry.value
  }
  return dress(cached, fn, {
    ...definition.handle(),
    peek(this: unknown, ...args: unknown[]) {
      const keyArgs = definition.keyArgs(this === cached ? undefined : this, args)
      return calls.peekSync(calls.call(keyArgs, keyOf(keyArgs)))?.value
    },
  })
}

/** Makes a function look like the one it stands for, and gives it its handle. */
export function dress(cached: AnyFunction, fn: AnyFunction, handle: object): object {
  Object.defineProperty(cached, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(cached, 'length', { value: fn.length, configurable: true })
  return branded(Object.assign(cached, handle))
}
