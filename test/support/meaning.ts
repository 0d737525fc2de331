// What arguments mean, told without keys: which are equal, which a pattern covers, and what two patterns have in common.
import { any } from '../../src/key.ts'

/** A class with a `toJSON`. */
export class Money {
  readonly amount: unknown

  constructor(amount: unknown) {
    this.amount = amount
  }

  toJSON(): unknown {
    return this.amount
  }
}

export class Weight extends Money {}

// Subclasses of built-in types, three of them named as if to be taken for another.
export class FloatsAsDate extends Float64Array {
  static override readonly name = 'Date'
}

export class BytesAsFloats extends Uint8Array {
  static override readonly name = 'Float64Array'
}

export class MapAsSet extends Map<unknown, unknown> {
  static override readonly name = 'Set'
}

export class Ids extends Array<unknown> {}

/** Whether a value is an object by literal. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object)
}

/** Whether two values are equal in structure and type, where -0 is 0 and NaN itself. */
export function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b || (Number.isNaN(a) && Number.isNaN(b))
  if (isPlain(a) || isPlain(b)) return isPlain(a) && isPlain(b) && areSamePairs(Object.entries(a), Object.entries(b))
  if (a.constructor !== b.constructor) return false
  if (a instanceof Money && b instanceof Money) return isSame(a.amount, b.amount)
  if (a instanceof Map && b instanceof Map) return areSamePairs([...a], [...b])
  if (a instanceof Set && b instanceof Set) return areSamePairs([...a], [...b])
  if (a instanceof RegExp) return a.toString() === (b as RegExp).toString()
  if (a instanceof URL) return a.href === (b as URL).href
  if (a instanceof Date) return isSame(a.getTime(), (b as Date).getTime())
  const [these, those] = [elementsOf(a), elementsOf(b)]
  return these.length === those.length && these.every((item, index) => isSame(item, those[index]))
}

function elementsOf(value: object): unknown[] {
  if (Array.isArray(value)) return value
  if (value instanceof DataView) return [...new Uint8Array(value.buffer)]
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)]
  return [...(value as Uint8Array)]
}

/** In whatever order. */
function areSamePairs(these: readonly unknown[], those: readonly unknown[]): boolean {
  const left = [...those]
  for (const pair of these) {
    const at = left.findIndex((other) => isSame(pair, other))
    if (at < 0) return false
    left.splice(at, 1)
  }
  return left.length === 0
}

/** Whether two calls are one: what is missing at the end is undefined. */
export function isSameCall(a: readonly unknown[], b: readonly unknown[]): boolean {
  return Array.from({ length: Math.max(a.length, b.length) }).every((_, index) => isSame(a[index], b[index]))
}

/** Whether a pattern covers a call. */
export function covers(pattern: readonly unknown[], call: readonly unknown[]): boolean {
  return pattern.every((part, index) => coversValue(part, call[index]))
}

function coversValue(part: unknown, value: unknown): boolean {
  if (part === any) return true
  if (!isPlain(part)) return !isPlain(value) && isSame(part, value)
  if (!isPlain(value)) return false
  return Object.entries(part).every(([name, inner]) => inner === any || (Object.hasOwn(value, name) && coversValue(inner, value[name])))
}

/** A call that both patterns cover; undefined where there can be none. */
export function commonCall(a: readonly unknown[], b: readonly unknown[]): unknown[] | undefined {
  const parts = Array.from({ length: Math.max(a.length, b.length) }, (_, index) =>
    commonValue(index < a.length ? a[index] : any, index < b.length ? b[index] : any),
  )
  return parts.includes(none) ? undefined : parts
}

const none = Symbol('no common value')

function commonValue(a: unknown, b: unknown): unknown {
  if (a === any && b === any) return 'whatever'
  if (a === any) return commonValue(b, isPlain(b) ? {} : b)
  if (b === any) return commonValue(b, a)
  if (!isPlain(a) || !isPlain(b)) return !isPlain(a) && !isPlain(b) && isSame(a, b) ? a : none
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  const parts = Array.from(
    names,
    (name) => [name, commonValue(Object.hasOwn(a, name) ? a[name] : any, Object.hasOwn(b, name) ? b[name] : any)] as const,
  )
  return parts.some(([, part]) => part === none) ? none : Object.fromEntries(parts)
}
