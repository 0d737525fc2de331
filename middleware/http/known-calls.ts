// Knows the calls that a route's last requests were, by their targets, so that most requests are not made into calls anew.

import { LRUCache } from 'lru-cache'
import { isPlainObject } from '../../src/door.ts'
import type { Call } from '../../src/door.ts'
import { copyOf } from './request-key.ts'
import type { RouteArguments } from './request-key.ts'
import type { Visit } from './visit.ts'

const MOST = 1000
// A client may send as long a target as it likes.
const LONGEST = 500

/** What a call is made of where the route keys no fields and no owner, and the call. */
interface Known extends Pick<Visit<unknown>, 'url' | 'path' | 'pattern' | 'params' | 'query'> {
  /** Its parameters themselves, where nobody can change them: a router may find the same ones again. */
  readonly fixed: Visit<unknown>['params'] | undefined
  readonly call: Call
  readonly args: RouteArguments
}

export class KnownCalls {
  readonly #byTarget: LRUCache<string, Known> = new LRUCache({ max: MOST })

  /** The call that such a request was; undefined where there was none. */
  of(visit: Visit<unknown>): Known | undefined {
    const known = this.#byTarget.get(visit.target)
    return known !== undefined && isMadeOf(known, visit) ? known : undefined
  }

  /** Keeps what call a request is. */
  note({ target, url, path, pattern, params, query }: Visit<unknown>, call: Call, args: RouteArguments): void {
    if (target.length > LONGEST || url.length > LONGEST) return
    // Handlers may change theirs.
    const kept = copyOf({ params, query })
    this.#byTarget.set(target, { url, path, pattern, ...kept, fixed: isFixed(params) ? params : undefined, call, args: copyOf(args) })
  }

  /** Forgets all of them, as the route is no longer what it was. */
  clear(): void {
    this.#byTarget.clear()
  }
}

// Not the target alone: layers rewrite the URL, routers decode it, and both leave what they like in its parameters.
function isMadeOf(known: Known, visit: Visit<unknown>): boolean {
  return (
    known.url === visit.url &&
    known.path === visit.path &&
    known.pattern === visit.pattern &&
    (known.fixed === visit.params || isSame(known.params, visit.params)) &&
    isSame(known.query, visit.query)
  )
}

function isFixed(params: Known['params']): boolean {
  // Behind a getter each look may find something else.
  return Object.isFrozen(params) && Object.values(Object.getOwnPropertyDescriptors(params)).every(({ value }) => typeof value === 'string')
}

/** Whether two values have one key; not where that would take more than a look. */
function isSame(known: unknown, value: unknown): boolean {
  if (typeof known !== 'object' || known === null) return known === value
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(known)) return Array.isArray(value) && known.length === value.length && known.every((it, at) => isSame(it, value[at]))
  return isPlainObject(value) && isPlainObject(known) && hasSame(known, value)
}

function hasSame(known: Readonly<Record<string, unknown>>, value: Readonly<Record<string, unknown>>): boolean {
  let names = 0
  for (const name in known) {
    if (!Object.hasOwn(value, name) || !isSame(known[name], value[name])) return false
    names++
  }
  for (const name in value) if (Object.hasOwn(value, name)) names--
  return names === 0
}
