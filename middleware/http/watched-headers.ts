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

/** The headers, with `read` told of each field that is looked at, and these conditions in place of the client's. */
export function watchedHeaders(
  original: HeaderSet,
  read: (name: string) => void,
  conditions: Readonly<Record<string, string>> | undefined,
): HeaderSet {
  const headers = conditions === undefined ? original : withConditions(original, conditions)
  const isHidden = (name: string): boolean => HIDDEN.has(name) && !(conditions !== undefined && name in conditions)
  return new Proxy(headers, {
    get(target, name, receiver) {
      if (isField(name, target)) {
        if (isHidden(name)) return undefined
        if (!HIDDEN.has(name)) read(name.toLowerCase())
      }
      return Reflect.get(target, name, receiver) as unknown
    },
    set: (target, name, value) => Reflect.set(target, name, value),
    has(target, name) {
      if (isField(name, target)) {
        if (isHidden(name)) return false
        if (!HIDDEN.has(name)) read(name.toLowerCase())
      }
      return Reflect.has(target, name)
    },
    getOwnPropertyDescriptor(target, name) {
      if (isField(name, target)) {
        if (isHidden(name)) return undefined
        if (!HIDDEN.has(name)) read(name.toLowerCase())
      }
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
    ownKeys(target) {
      // Also what is absent was seen then, so it is no use to name those that are there.
      read('headers')
      return Reflect.ownKeys(target).filter((name) => !isHidden(name as string))
    },
  })
}

function withConditions(headers: HeaderSet, conditions: Readonly<Record<string, string>>): HeaderSet {
  // Lists of lines where it is `headersDistinct`.
  const isDistinct = Array.isArray(Object.values(headers)[0])
  return { ...headers, ...Object.fromEntries(Object.entries(conditions).map(([name, value]) => [name, isDistinct ? [value] : value])) }
}

/** Whether a property is a header field: it is there, or could be, since it is in lower case and no method of every object. */
function isField(name: string | symbol, headers: object): name is string {
  // A layer may put there what is none, under any name.
  return typeof name === 'string' && (Object.hasOwn(headers, name) || (!(name in Object.prototype) && name === name.toLowerCase()))
}
