// Knows methods and getters: how decorators make cached functions of them, and what their `this` is.

import { isClearable } from './clearable.ts'
import { show } from './duration.ts'
import type { Engine } from './engine.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import { memoizeGetter } from './getter.ts'
import { dress, memoize, type AnyFunction, type CachedFunction, type CachedHandle, type CachedSyncFunction, type MemoizeOptions, type MemoizeSyncOptions } from './memoize.ts'

type AnyGet = () => any
type AsyncOnly = Exclude<keyof MemoizeOptions<AnyGet>, keyof MemoizeSyncOptions<AnyGet>>

/** As the options of `memoize`. Without `key` all instances share their entries. */
export interface MethodOptions<A extends readonly unknown[] = any[], K = unknown> extends Omit<MemoizeOptions<(...args: any[]) => any, K>, 'key'> {
  /**
   * What the result is kept by; called with the method's `this`. An array is the argument list for `ref` and `clear`, anything else a list
   * of one. @default the arguments, without `this`
   * @example key(this: Users, id: string) { return [this.tenant, id] }
   */
  key?: (this: any, ...args: A) => K
}

/** The options of a getter. `store`, `codec`, `staleWhileRevalidate` and `staleIfError` are for one that gives a promise, and say that it does. */
export interface GetterOptions<K = unknown> extends Omit<MemoizeOptions<AnyGet, K>, 'key'> {
  /** What the value is kept by; called with the getter's `this`. @default nothing: all instances share one value */
  key?: (this: any) => K
}

type Keyed<K, A> = [K] extends [never] ? A : K

type Fits<A extends readonly unknown[], M extends AnyFunction> = ((...args: A) => void) extends (...args: Parameters<M>) => void ? true : false

/** The method itself, or what is wrong with it. */
type CacheableMethod<M extends AnyFunction, A extends readonly unknown[]> = [ReturnType<M>] extends [PromiseLike<unknown>]
  ? Fits<A, M> extends true
    ? M
    : 'The parameters of `key` are not those of the method.'
  : 'A cached method returns a promise: make this one async, or use memoizeSync.'

/** Decorates a method, instance or static; standard and `experimentalDecorators` alike. */
export interface CachedMethodDecorator<A extends readonly unknown[], K> {
  <M extends AnyFunction>(method: M & CacheableMethod<M, A>, context: ClassMethodDecoratorContext): CachedFunction<M, Keyed<K, Parameters<M>>>
  <M extends AnyFunction>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<M> & { value?: CacheableMethod<M, A> }): void
}

/** Decorates a getter, instance or static; standard and `experimentalDecorators` alike. */
export interface CachedGetterDecorator<V, K> {
  <T extends V>(get: () => T, context: ClassGetterDecoratorContext): (() => T) & CachedHandle<() => T, Keyed<K, []>>
  <T extends V>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
}

/** What `cache.method` is. */
export type DecorateMethod = <A extends readonly unknown[] = any[], const K = never>(options?: MethodOptions<A, K>) => CachedMethodDecorator<A, K>

/** What `cache.getter` is. */
export interface DecorateGetter {
  <const K = never>(options?: Omit<GetterOptions<K>, AsyncOnly>): CachedGetterDecorator<unknown, K>
  <const K = never>(options: GetterOptions<K>): CachedGetterDecorator<PromiseLike<unknown>, K>
}

type Door = 'method' | 'getter'

/** Where a decorator stands. */
interface Site {
  readonly name: string | symbol
  /** The class of a static member, once it is defined. */
  owner: unknown
}

/** Makes the decorator that `cache.method(options)` or `cache.getter(options)` is. */
export function decoratorOf(engine: Engine, door: Door, given: readonly unknown[]): unknown {
  const [options = {}] = given as [object?]
  if (given.length > 1 || typeof options === 'function') throw new ConfigError(`A decorator of a cache has parentheses: write @cache.${door}().`)
  const decorate = door === 'method' ? decorateMethod : decorateGetter
  const wrap = (fn: unknown, site: Site): unknown => decorate(engine, fn as AnyFunction, { ...options, name: nameOf(engine, door, options, site) }, site)
  return (target: unknown, context: unknown, descriptor?: PropertyDescriptor) => {
    if (isStandard(context)) return wrapStandard(door, target, context, wrap)
    return wrapLegacy(door, { target, name: context as string | symbol, descriptor }, wrap)
  }
}

type Wrap = (fn: unknown, site: Site) => unknown

function isStandard(context: unknown): context is ClassMethodDecoratorContext | ClassGetterDecoratorContext {
  return typeof context === 'object' && context !== null && 'kind' in context
}

function wrapStandard(door: Door, fn: unknown, context: ClassMethodDecoratorContext | ClassGetterDecoratorContext, wrap: Wrap): unknown {
  if (context.kind !== door) throw misplaced(door, context.kind, context.name)
  const site: Site = { name: context.name, owner: undefined }
  const wrapped = wrap(fn, site)
  if (context.static) {
    context.addInitializer(function () {
      site.owner = this
    })
  }
  return wrapped
}

interface Legacy {
  readonly target: unknown
  readonly name: string | symbol
  readonly descriptor: PropertyDescriptor | undefined
}

function wrapLegacy(door: Door, { target, name, descriptor }: Legacy, wrap: Wrap): PropertyDescriptor {
  const slot = door === 'method' ? 'value' : 'get'
  const fn: unknown = descriptor?.[slot]
  if (typeof fn !== 'function') throw misplaced(door, 'something else', name)
  return { ...descriptor, [slot]: wrap(fn, { name, owner: typeof target === 'function' ? target : undefined }) }
}

function misplaced(door: Door, kind: string, name: unknown): ConfigError {
  const what = typeof name === 'string' || typeof name === 'symbol' ? `"${String(name)}" is a ${kind}` : 'it was called on something else'
  return new ConfigError(`@cache.${door}() is a decorator for a ${door}, and ${what}. For anything else there is cache.memoize.`)
}

function nameOf(engine: Engine, door: Door, options: { readonly name?: string }, site: Site): string {
  if (options.name !== undefined) return options.name
  const name = typeof site.name === 'string' ? site.name.replace(/^#/, '') : ''
  if (!engine.names.has(name)) return name
  // A decorator does not know its class, and a compiler may rename classes: a name that other processes share has to be said.
  throw new ConfigError(`Something named "${name}" is already cached here. Give this ${door} a name of its own: @cache.${door}({ name: "Users.${name}" }).`)
}

function decorateGetter(engine: Engine, get: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  return memoizeGetter(engine, get, options)
}

/** Whatever runs the user's code needs an object: without it a call would succeed or fail by what happens to be stored. */
function decorateMethod(engine: Engine, fn: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>, site: Site): object {
  const cached = memoize(engine, fn, options) as CachedFunction<AnyFunction> & Record<string, AnyFunction>
  const objectOf = (self: unknown): unknown => {
    const object = self === undefined || self === null || self === method ? site.owner : self
    if (object !== undefined) return object
    throw new UnsupportedError(
      `The cached method "${cached.cacheName}" was called without its object. Call it as a method, or bind it: cachedFunction(object.method, object).`,
    )
  }
  const on = (door: AnyFunction) =>
    async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      return door.apply(objectOf(this), args)
    }
  const method = function (this: unknown, ...args: unknown[]): unknown {
    try {
      return cached.apply(objectOf(this), args)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }
  // Where `key` is not given, `peek` runs nothing of the user's.
  const running = RUNNING.filter((name) => name in cached && (name !== 'peek' || options.key !== undefined))
  return dress(method, fn, { ...cached, ...Object.fromEntries(running.map((name) => [name, on(cached[name]!)])) })
}

/** The members of a cached function that run what its user wrote. */
const RUNNING: readonly string[] = ['peek', 'refresh', 'many']

/** A cached function or method, with all that it can do in its type. */
export type Cached<F extends AnyFunction, K = Parameters<F>> = ReturnType<F> extends PromiseLike<unknown> ? CachedFunction<F, K> : CachedSyncFunction<F, K>

/**
 * The cached function that a decorated method is, which the method's own type cannot tell. With `object`, its calls, `peek`, `refresh` and
 * `many` run with that object as `this`. Throws a `ConfigError` when it is not cached.
 * @example
 * await cachedFunction(users.find).clear('42')
 * const find = cachedFunction(users.find, users)
 * await find.refresh('42')
 */
export function cachedFunction<F extends AnyFunction, K = Parameters<F>>(method: F, object?: object): Cached<F, K> {
  if (!isClearable(method) || !('original' in method)) {
    throw new ConfigError(`Expected a cached function, such as a method decorated by @cache.method(), got ${show(method)}.`)
  }
  return (object === undefined ? method : bind(method, object)) as unknown as Cached<F, K>
}

function bind(cached: AnyFunction, object: object): object {
  const members = Object.entries(cached).map(([name, member]: [string, unknown]) => {
    return [name, RUNNING.includes(name) ? (member as AnyFunction).bind(object) : member]
  })
  return dress((...args: unknown[]) => cached.apply(object, args), cached, Object.fromEntries(members) as object)
}
