// Knows what can be cleared by arguments: cached functions and cached routes, told by brand from any other function.

import type { Ref } from './ref.ts'

const brand: unique symbol = Symbol.for('cache-alchemy.clearable')

/** A cached function or a cached route. */
export interface Clearable {
  readonly [brand]: true
  ref(...args: never[]): Ref
  clear(...args: never[]): Promise<void>
  expire(...args: never[]): Promise<void>
}

/** Gives a function or a handle the brand. */
export function branded<T extends object>(target: T): T & { readonly [brand]: true } {
  return Object.defineProperty(target, brand, { value: true }) as T & { readonly [brand]: true }
}

export function isClearable(value: unknown): value is Clearable {
  return (typeof value === 'function' || (typeof value === 'object' && value !== null)) && (value as Partial<Clearable>)[brand] === true
}
