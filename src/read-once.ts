// Knows values that can be read only once: who is given one after another reader finds it empty.

import { classOf } from './codec/refusal.ts'
import { CodecError } from './errors.ts'

/**
 * Whether a value is a stream, an iterator or a body. What can be written to as well is taken for a connection, which several may share.
 * It is told by what it has: streams come from more than one place.
 */
export function isReadOnce(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  try {
    return isReadOnceObject(value)
  } catch {
    // A getter of the user's own, which nobody asked for: its caller is to have the value.
    return false
  }
}

function isReadOnceObject(value: object): boolean {
  // By names that stand here: V8 then knows of the next value of a shape that it has none of them.
  if ('getReader' in value && isMethod(value.getReader)) return true
  if ('pipe' in value && isMethod(value.pipe) && 'read' in value && isMethod(value.read))
    return !('write' in value && isMethod(value.write))
  if ('next' in value && isMethod(value.next)) return Symbol.iterator in value || Symbol.asyncIterator in value
  return 'bodyUsed' in value && 'arrayBuffer' in value && isMethod(value.arrayBuffer)
}

/** What is told of such a value of a cached function. */
export function readOnce(value: object, name: string): CodecError {
  const what = `an instance of ${classOf(value)}, which can be read only once: return what was read from it`
  return new CodecError(`The value of "${name}" is ${what}. It reaches its caller and is not stored.`)
}

function isMethod(property: unknown): boolean {
  return typeof property === 'function'
}
