// Knows refs, patterns over calls, and when two of them overlap.

import { callText, leavesOf, patternText } from './leaves.ts'

// Names that start with # are the engine's own; a function cannot have one.
const TAG = '#tag'
const URI = '#uri'
const GROUP = '#group'
const ALL = '#all'

/** Where a ref comes from: the cache that made it, and the arguments that it was made of. */
export interface Origin {
  readonly owner: object | undefined
  readonly args: readonly unknown[]
}

/**
 * A pattern over calls: a name and some of its arguments. Made by `fn.ref(...)`, `route.ref(...)`, `cache.tag(name)` and
 * `cache.ref(name, ...)`; what `clear`, `expire`, `track` and `dependsOn` take.
 */
export class Ref {
  /** The name of the function, route or tag. */
  readonly name: string
  /** @internal */
  readonly text: string
  /** @internal Whether this is one call and no other: a leaf it does not name, it does not have. */
  readonly exact: boolean
  /** @internal What only refs that a user holds know; one that is kept with an entry or a record retains nothing. */
  readonly origin: Origin | undefined
  #leaves: Map<string, string> | undefined

  /** @internal */
  constructor(name: string, text: string, exact: boolean, origin?: Origin) {
    this.name = name
    this.text = text
    this.exact = exact
    this.origin = origin
  }

  /** @internal */
  get withoutOrigin(): Ref {
    return this.origin === undefined ? this : new Ref(this.name, this.text, this.exact)
  }

  /** @internal */
  get id(): string {
    return `${this.exact ? '=' : '~'}${this.name}(${this.text})`
  }

  /** @internal */
  get leaves(): ReadonlyMap<string, string> {
    // Most refs are never compared leaf by leaf, so they are read when one is.
    return (this.#leaves ??= leavesOf(this.text))
  }

  toString(): string {
    return `${this.name}(${this.text}${this.exact ? '' : this.text === '' ? '…' : ',…'})`
  }
}

/** The ref of one call. `key` is the call's key, whose text is the same while it is readable. */
export function callRef(name: string, args: readonly unknown[], key: string): Ref {
  // A digest begins so, and an instance of a class, whose text comes out the same.
  return exactRef(name, key.startsWith('#') ? callText(args) : key)
}

/** As `callRef`; or the name alone where the key says the rest: most calls are never asked for their ref. */
export function ownOf(name: string, args: readonly unknown[], key: string): Ref | string {
  return key.startsWith('#') ? shortly(callRef(name, args, key), key) : name
}

/** A ref, or its name alone where it is that of one call whose key says the rest. */
export function shortly(ref: Ref, key: string): Ref | string {
  return ref.exact && ref.text === key ? ref.name : ref
}

/** The ref of one call by its text. */
export function exactRef(name: string, text: string): Ref {
  return new Ref(name, text, true)
}

/** The ref of every call that has these leading arguments. */
export function patternRef(name: string, args: readonly unknown[], owner?: object): Ref {
  return new Ref(name, patternText(args), false, { owner, args })
}

/** The ref of every call of a name. */
export function wholeRef(name: string): Ref {
  return new Ref(name, '', false)
}

export function tagRef(tag: string, owner?: object): Ref {
  return new Ref(TAG, patternText([tag]), true, { owner, args: [tag] })
}

export function uriRef(uri: string): Ref {
  return new Ref(URI, patternText([uri]), true)
}

/** The ref of the responses that say they are in a group. */
export function groupRef(group: string): Ref {
  return new Ref(GROUP, patternText([group]), true)
}

/** Whether two refs are one pattern. */
export function isSame(a: Ref, b: Ref): boolean {
  return a.name === b.name && a.text === b.text && a.exact === b.exact
}

/** The ref of everything a cache holds. */
export const everything: Ref = new Ref(ALL, '', false)

export function isEverything(ref: Ref): boolean {
  return ref.name === ALL
}

/** What a call that is exactly `ref` has at `path`; undefined for a property that it does not have. */
export function leafAt(ref: Ref, path: string): string | undefined {
  // A missing argument is the value undefined, a missing property is nothing.
  return ref.leaves.get(path) ?? (ref.exact && !path.includes('.') ? 'undefined' : undefined)
}

/** Whether there can be a call that both refs cover: they have one name and no leaf that both name differs. */
export function overlaps(a: Ref, b: Ref): boolean {
  if (isEverything(a) || isEverything(b)) return true
  return a.name === b.name && agrees(a, b) && agrees(b, a)
}

function agrees(pattern: Ref, other: Ref): boolean {
  for (const [path, text] of pattern.leaves) {
    const there = leafAt(other, path)
    if (there === undefined ? other.exact : there !== text) return false
  }
  return true
}

/** As it travels: a list that JSON can hold. */
export type WireRef = readonly [name: string, text: string, exact: 0 | 1]

export function toWire(ref: Ref): WireRef {
  return [ref.name, ref.text, ref.exact ? 1 : 0]
}

export function fromWire(wire: unknown): Ref | undefined {
  if (!Array.isArray(wire)) return undefined
  const [name, text, exact] = wire as unknown[]
  return typeof name === 'string' && typeof text === 'string' ? new Ref(name, text, exact === 1) : undefined
}
