// Knows the headers of a request as its handler sees them while it is watched: each read noticed, conditions and ranges not there.

import type { IncomingHttpHeaders } from 'node:http'

// RFC 9110 §13, §14: a handler that answered them would answer with a 304 or a part, which is this cache's to do from the whole.
const HIDDEN: ReadonlySet<string> = new Set(['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'range'])

/** The headers without conditions and ranges. */
export function withoutHidden(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = { ...headers }
  for (const name of HIDDEN) delete kept[name]
  return kept
}

/** By name, each with its value or its lines. */
export type HeaderSet = Record<string, unknown>

/**
 * The headers, with `read` told of each field that is looked at, and these conditions in place of the client's. Nothing is read of them by itself:
 * who watches around this would hear of it.
 */
export function watchedHeaders(headers: HeaderSet, read: (name: string) => void, conditions: HeaderSet = {}): HeaderSet {
  const isGiven = (name: string): boolean => Object.hasOwn(conditions, name)
  return new Proxy(headers, {
    get(target, name, receiver) {
      if (isField(name, target)) {
        if (HIDDEN.has(name)) return conditions[name]
        read(name.toLowerCase())
      }
      return Reflect.get(target, name, receiver) as unknown
    },
    set: (target, name, value) => Reflect.set(target, name, value),
    has(target, name) {
      if (isField(name, target)) {
        if (HIDDEN.has(name)) return isGiven(name)
        read(name.toLowerCase())
      }
      return Reflect.has(target, name)
    },
    getOwnPropertyDescriptor(target, name) {
      if (isField(name, target)) {
        if (HIDDEN.has(name))
          return isGiven(name) ? { value: conditions[name], configurable: true, enumerable: true, writable: true } : undefined
        read(name.toLowerCase())
      }
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
    ownKeys(target) {
      // Also what is absent was seen then, so it is no use to name those that are there.
      read('headers')
      return [...Reflect.ownKeys(target).filter((name) => !HIDDEN.has(name as string)), ...Object.keys(conditions)]
    },
  })
}

/** Whether a property is a header field: it is there, or could be, since it is in lower case and no method of every object. */
function isField(name: string | symbol, headers: object): name is string {
  // A layer may put there what is none, under any name.
  return typeof name === 'string' && (Object.hasOwn(headers, name) || (!(name in Object.prototype) && name === name.toLowerCase()))
}
