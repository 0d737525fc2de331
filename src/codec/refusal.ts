// Knows how to say which part of a value a codec refuses, and why.

import { types } from 'node:util'
import { CodecError } from '../errors.ts'

const LONGEST_PATH = 200

/** An error that names the part of the value at `path`: "The value at rows.3.owner is a function…". */
export function refusal(path: readonly unknown[], why: string, cause?: unknown): CodecError {
  const text = path.map(step).join('.')
  const where = text.length > LONGEST_PATH ? `…${text.slice(-LONGEST_PATH)}` : text
  return new CodecError(`The value${path.length === 0 ? '' : ` at ${where}`} ${why}`, cause)
}

function step(key: unknown): string {
  return typeof key === 'object' && key !== null ? '(object)' : String(key)
}

/** Why a value of no known kind is refused, and what to do instead. */
export function strangeness(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `is a ${typeof value}: return data instead.`
  if (types.isPromise(value)) return 'is a promise: await it.'
  const name = classOf(value)
  if (isReadOnce(value)) return `is an instance of ${name}, which has to be read first: return what was read from it.`
  if (name === 'Object') return 'is an object whose prototype is another object: return plain data.'
  return `is an instance of ${name}, a class that is not registered: return plain data, or register it with structured({ classes }).`
}

/** Why JSON would not bring a value back. */
export function change(value: unknown): string {
  return `is ${shown(value)}, which JSON would change: return something else, or use the codec "structured".`
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return 'a bigint'
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return 'an array with holes, or with properties beside its items'
  return Object.getPrototypeOf(value) === null ? 'an object without a prototype' : `an instance of ${classOf(value)}`
}

export function classOf(value: object): string {
  const { constructor } = value
  if (typeof constructor === 'function' && constructor.name !== '') return constructor.name
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}

/** Iterators, streams, and whatever has a body. */
function isReadOnce(value: object): boolean {
  return ['next', 'getReader', 'pipe', 'arrayBuffer'].some((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}
