// Knows methods and getters: how decorators make cached functions of them, and what their `this` is.

import { membersOf, RUNNING } from './cached-function.ts'
import type { Engine } from './engine.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import { memoizeGetter } from './getter.ts'
import type { CachedFunction, CachedHandle } from './cached-handle.ts'
import { dress, memoize } from './memoize.ts'
import { NAMES, type AnyFunction, type MemoizeOptions, type MemoizeSyncOptions } from './memoize-options.ts'
import { checkNames } from './options.ts'

type AnyGet = () => any
type AsyncOnly = Exclude<keyof MemoizeOptions<AnyGet>, keyof MemoizeSyncOptions<AnyGet>>

/** As the options of `memoize`. Without `key` all instances share their entries. */
export interface MethodOptions<A extends readonly unknown[] = any[], K = unknown> extends Omit<
  MemoizeOptions<(...args: any[]) => any, K>,
  'key'
> {
  /**
   * What the result is kept by; called with the method's `this`. An array is the argument list for `ref` and `clear`, anything else a list
   * of one. What it leaves out, no result may depend on; what it throws is the call's rejection. @default the arguments, without `this`
   * @example key(this: Users, id: string) { return [this.tenant, id] }
   */
  key?: (this: any, ...args: A) => K
}

/**
 * The options of a getter. Those that `memoizeSync` has not (`version`, `store`, `codec`, the stale windows, `refreshAhead`, the time-outs,
 * `concurrency`) are for one that gives a promise, and say that it does.
 */
export interface GetterOptions<K = unknown> extends Omit<MemoizeOptions<AnyGet, K>, 'key'> {
  /**
   * What the value is kept by; called with the getter's `this`. An array is the argument list for `ref` and `clear`, anything else a list of
   * one. @default nothing: all instances share one value
   * @example key(this: Tenant) { return this.id }
   */
  key?: (this: any) => K
}

type Keyed<K, A> = [K] extends [never] ? A : K

type Fits<A extends readonly unknown[], M extends AnyFunction> = ((...args: A) => void) extends (...args: Parameters<M>) => void
  ? true
  : false

/** The method itself, or what is wrong with it. */
type CacheableMethod<M extends AnyFunction, A extends readonly unknown[]> = [ReturnType<M>] extends [PromiseLike<unknown>]
  ? Fits<A, M> extends true
    ? M
    : 'The parameters of `key` are not those of the method.'
  : 'A cached method returns a promise: make this one async.'

/** Decorates a method, instance or static; standard and `experimentalDecorators` alike. */
export interface CachedMethodDecorator<A extends readonly unknown[], K> {
  <M extends AnyFunction>(
    method: M & CacheableMethod<M, A>,
    context: ClassMethodDecoratorContext,
  ): CachedFunction<M, Keyed<K, Parameters<M>>>
  <M extends AnyFunction>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & { value?: CacheableMethod<M, A> },
  ): void
}

/** Decorates a getter, instance or static; standard and `experimentalDecorators` alike. */
export interface CachedGetterDecorator<V, K> {
  <T extends V>(get: () => T, context: ClassGetterDecoratorContext): (() => T) & CachedHandle<() => T, Keyed<K, []>>
  <T extends V>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
}

/** What `cache.method` is. */
export type DecorateMethod = <A extends readonly unknown[] = any[], const K = never>(
  options?: MethodOptions<A, K>,
) => CachedMethodDecorator<A, K>

/** What `cache.getter` is. */
export interface DecorateGetter {
  <const K = never>(options?: Omit<GetterOptions<K>, AsyncOnly>): CachedGetterDecorator<unknown, K>
  <const K = never>(options: GetterOptions<K>): CachedGetterDecorator<PromiseLike<unknown>, K>
}

type Door = 'method' | 'getter'

/** What a decorator stands on. */
interface Member {
  readonly fn: AnyFunction
  readonly name: string | symbol
  /** The class of a static member, once it is defined. */
  owner: unknown
}

type Wrap = (member: Member) => object

type StandardContext = ClassMethodDecoratorContext | ClassGetterDecoratorContext

/** Makes the decorator that `cache.method(options)` or `cache.getter(options)` is. */
export function decoratorOf(engine: Engine, door: Door, given: readonly unknown[]): unknown {
  const [options = {}] = given as [object?]
  if (given.length > 1 || typeof options !== 'object' || options === null) {
    throw new ConfigError(
      `Expected options or nothing: write @cache.${door}(), with parentheses, or @cache.${door}({ name: "users.find" }).`,
    )
  }
  checkNames(options, NAMES, `cache.${door}`)
  const wrap: Wrap = (member) => {
    const named = { ...options, name: nameOf(engine, door, options, member) }
    return door === 'method' ? decorateMethod(engine, member, named) : memoizeGetter(engine, member.fn, named)
  }
  return (target: unknown, context: unknown, descriptor?: PropertyDescriptor) => {
    if (isStandard(context)) return wrapStandard(door, { fn: target as AnyFunction, context }, wrap)
    return wrapLegacy(door, { target, name: context as string | symbol, descriptor }, wrap)
  }
}

function isStandard(context: unknown): context is StandardContext {
  return typeof context === 'object' && context !== null && 'kind' in context
}

function wrapStandard(door: Door, { fn, context }: { readonly fn: AnyFunction; readonly context: StandardContext }, wrap: Wrap): object {
  if (context.kind !== door) throw misplaced(door, context.kind, context.name)
  const member: Member = { fn, name: context.name, owner: undefined }
  const wrapped = wrap(member)
  if (context.static) {
    context.addInitializer(function () {
      member.owner = this
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
  return { ...descriptor, [slot]: wrap({ fn: fn as AnyFunction, name, owner: typeof target === 'function' ? target : undefined }) }
}

function misplaced(door: Door, kind: string, name: unknown): ConfigError {
  const what = typeof name === 'string' || typeof name === 'symbol' ? `"${String(name)}" is a ${kind}` : 'it was called on something else'
  return new ConfigError(`@cache.${door}() is a decorator for a ${door}, and ${what}. For anything else there is cache.memoize.`)
}

function nameOf(engine: Engine, door: Door, options: { readonly name?: string }, member: Member): string {
  if (options.name !== undefined) return options.name
  const name = typeof member.name === 'string' ? member.name.replace(/^#/, '') : ''
  if (!engine.names.has(name)) return name
  // A decorator does not know its class, and a compiler may rename classes: a name that other processes share has to be said.
  throw new ConfigError(
    `Something named "${name}" is already cached here. Give this ${door} a name of its own: @cache.${door}({ name: "users.${name}" }).`,
  )
}

/** Without its object a call would fail or not by what happens to be stored: it always does. */
function decorateMethod(engine: Engine, member: Member, options: MemoizeOptions<AnyFunction, unknown>): object {
  const cached = memoize(engine, member.fn, options) as AnyFunction
  const objectOf = (self: unknown): unknown => (self === undefined || self === null || self === method ? member.owner : self)
  const refuse = async (): Promise<never> => {
    const name = String(member.name)
    throw new UnsupportedError(
      `The cached method "${name}" was called without its object. Call it on one, or bind it: cachedFunction(object, "${name}").`,
    )
  }
  const onObject = (door: AnyFunction): AnyFunction =>
    function (this: unknown, ...args: unknown[]) {
      const object = objectOf(this)
      return object === undefined ? refuse() : door.apply(object, args)
    }
  const method = onObject(cached)
  // Where no `key` is given, `peek` runs nothing of the user's.
  const running = options.key === undefined ? RUNNING.filter((name) => name !== 'peek') : RUNNING
  return dress(method, member.fn, membersOf(cached, running, onObject))
}
