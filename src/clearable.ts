// Knows what can be cleared by arguments: cached functions and cached routes, told by brand from any other function.

import type { Ref } from './ref.ts'

const brand: unique symbol = Symbol.for('cache-alchemy.clearable')

/** A cached function or a cached route, whatever its arguments: what `invalidates` takes. */
export interface Clearable {
  readonly [brand]: true
  /** A pattern over its calls. @example getUser.ref('42') */
  ref(...args: never[]): Ref
  /** From now on nothing that was computed from a call that these arguments cover is served. @example await getUser.clear('42') */
  clear(...args: never[]): Promise<void>
  /** As `clear`, but what it covers may still be served stale where the options allow. @example await getUser.expire('42') */
  expire(...args: never[]): Promise<void>
}

/** Gives a function or a handle the brand. */
export function branded<T extends object>(target: T): T & { readonly [brand]: true } {
  return Object.defineProperty(target, brand, { value: true }) as T & { readonly [brand]: true }
}

/**
 * Whether a value is a cached function or a cached route, of any cache and any copy of this package: for code that takes either those or
 * something else.
 * @example if (isClearable(source)) await source.clear()
 */
export function isClearable(value: unknown): value is Clearable {
  return (typeof value === 'function' || (typeof value === 'object' && value !== null)) && (value as Partial<Clearable>)[brand] === true
}
