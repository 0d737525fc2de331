// Knows values that can be read only once: who is given one after another reader finds it empty.

import { classOf } from './codec/refusal.ts'
import { CodecError } from './errors.ts'

/**
 * Whether a value is a stream, an iterator or a body. What can be written to as well is taken for a connection, which several may share.
 * It is told by what it has: streams come from more than one place.
 */
export function isReadOnce(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (has(value, 'getReader')) return true
  if (has(value, 'pipe') && has(value, 'read')) return !has(value, 'write')
  if (has(value, 'next')) return Symbol.iterator in value || Symbol.asyncIterator in value
  return 'bodyUsed' in value && has(value, 'arrayBuffer')
}

/** What is told of such a value of a cached function. */
export function readOnce(value: object, name: string): CodecError {
  const what = `an instance of ${classOf(value)}, which can be read only once: return what was read from it`
  return new CodecError(`The value of "${name}" is ${what}. It reaches its caller and is not stored.`)
}

function has(value: object, name: string): boolean {
  return name in value && typeof (value as Record<string, unknown>)[name] === 'function'
}
