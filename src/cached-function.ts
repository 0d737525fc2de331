// Knows how the cached function that a method is comes out of its object: with its own type, and bound.

import { isClearable } from './clearable.ts'
import { show } from './duration.ts'
import { ConfigError } from './errors.ts'
import type { CachedFunction, CachedHandle, CachedSyncFunction } from './cached-handle.ts'
import { dress } from './memoize.ts'
import type { AnyFunction } from './memoize-options.ts'
import type { ArgsOf } from './signatures.ts'

/** A cached function, with all that it can do in its type. */
export type Cached<F extends AnyFunction, K = ArgsOf<F>> =
  ReturnType<F> extends PromiseLike<unknown> ? CachedFunction<F, K> : CachedSyncFunction<F, K>

type CachedMember<T> = T extends AnyFunction ? Cached<OmitThisParameter<T>, ArgsOf<T>> : (() => T) & CachedHandle<() => T>

/**
 * What a decorated method or getter can do, which its own type cannot tell: `clear`, `ref` and the rest, and calls, `peek` and `refresh`
 * with `object` as their `this`. Throws a `ConfigError` when the member is not cached.
 * @example await cachedFunction(users, 'find').clear('42')
 */
export function cachedFunction<T extends object, const N extends keyof T>(object: T, name: N): CachedMember<T[N]>
/**
 * The same of a function in hand, such as a private method; it is bound to no object. Where a `key` was given, its refs are typed by what
 * that gives: `cachedFunction<typeof users.find, [tenant: string, id: string]>(users.find)`.
 */
export function cachedFunction<F extends AnyFunction, K = ArgsOf<F>>(fn: F): Cached<F, K>
export function cachedFunction(from: object, name?: PropertyKey): object {
  return name === undefined ? checkCached(from, show(from)) : bind(checkCached(memberOf(from, name), `"${String(name)}"`), from)
}

function memberOf(object: object, name: PropertyKey): unknown {
  for (let at: unknown = object; typeof at === 'function' || (typeof at === 'object' && at !== null); at = Object.getPrototypeOf(at)) {
    const found: { get?: unknown; value?: unknown } | undefined = Object.getOwnPropertyDescriptor(at, name)
    if (found !== undefined) return found.get ?? found.value
  }
  return undefined
}

function checkCached(fn: unknown, what: string): AnyFunction {
  if (isClearable(fn) && typeof fn === 'function' && 'original' in fn) return fn as AnyFunction
  throw new ConfigError(`Expected a cached function, such as a method decorated by @cache.method(), and ${what} is none.`)
}

function bind(cached: AnyFunction, object: object): object {
  const bound = (...args: unknown[]): unknown => cached.apply(object, args)
  return dress(
    bound,
    cached,
    membersOf(cached, RUNNING, (member) => member.bind(object)),
  )
}

/** The members of a cached function that run what its user wrote. */
export const RUNNING: readonly string[] = ['peek', 'refresh', 'many']

/** The members of a cached function, some of them changed. */
export function membersOf(cached: AnyFunction, names: readonly string[], change: (member: AnyFunction) => AnyFunction): object {
  const members = Object.entries(cached) as Array<[string, AnyFunction]>
  return Object.fromEntries(members.map(([name, member]) => [name, names.includes(name) ? change(member) : member]))
}
