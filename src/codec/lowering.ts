// Knows how a graph of values becomes a tree that JSON keeps: marks stand for what JSON would change.

import { CodecError } from '../errors.ts'
import type { Down, Kind, Kinds } from './kind.ts'
import { prototypeAtHome } from './kinds.ts'
import { change, refusal, strangeness } from './refusal.ts'

/**
 * A string that begins with a tilde is a mark. With a small letter it is a value: `~u` undefined, `~n` a number, `~i` a bigint, `~r` an
 * object met before (they are counted as they are met), and with another tilde a string that begins with one. With a capital or a colon, as
 * the first item of a list, it makes the list an instance: `["~Set", 1, 2]`.
 */
export const TILDE = 0x7e

/** How deep a value may lie in another: what is deeper would end the stack of whoever walks it. */
export const DEEPEST = 500

const LOST = 'has a property named by a symbol, which would be lost.'

/** One value on its way down. */
export class Lowering implements Down {
  /** Bytes that follow the tree, in this order. */
  readonly attachments: Uint8Array[] = []
  /** Whether the tree has a mark in it. */
  marked = false
  readonly #kinds: Kinds
  readonly #mayMark: boolean
  readonly #path: unknown[] = []
  readonly #ids = new Map<object, number>()
  /** Instances that will be made after their parts. */
  readonly #unmade = new Set<object>()

  /** Without marks, a value that needs one is refused. */
  constructor(kinds: Kinds, mayMark: boolean) {
    this.#kinds = kinds
    this.#mayMark = mayMark
  }

  /** The tree of a whole value, which may share parts with it. */
  tree(value: unknown): unknown {
    try {
      return this.#lower(value)
    } catch (error) {
      if (error instanceof CodecError) throw error
      // A getter, a proxy, or the `encode` of a class.
      throw refusal(this.#path, `could not be read: ${String((error as Error | undefined)?.message)}`, error)
    }
  }

  part(key: unknown, value: unknown): unknown {
    if (isKept(value)) return value
    this.#path.push(key)
    const tree = this.#lower(value)
    this.#path.pop()
    return tree
  }

  properties(value: object): Record<string, unknown> {
    // Hidden symbols are how Node marks errors as its own.
    const [lost] = Object.getOwnPropertySymbols(value).filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))
    if (lost !== undefined) this.refuse(LOST)
    const copy = { ...value }
    return this.#lowerProperties(copy, copy)
  }

  attach(bytes: Uint8Array): void {
    this.attachments.push(bytes)
  }

  refuse(why: string): never {
    throw refusal(this.#path, why)
  }

  #lower(value: unknown): unknown {
    if (typeof value === 'object' && value !== null) return this.#lowerObject(value)
    if (isKept(value)) return value
    switch (typeof value) {
      case 'string':
        return this.#mayMark ? this.#mark(value, value) : value
      case 'number':
        return this.#mark(value, Object.is(value, -0) ? 'n-0' : `n${value}`)
      case 'bigint':
        return this.#mark(value, `i${value}`)
      case 'undefined':
        return this.#mark(value, 'u')
      default:
        return this.refuse(strangeness(value))
    }
  }

  #lowerObject(value: object): unknown {
    const id = this.#ids.get(value)
    if (id !== undefined) return this.#lowerAgain(value, id)
    if (this.#path.length > DEEPEST) this.refuse(`lies more than ${DEEPEST} levels deep.`)
    this.#ids.set(value, this.#ids.size)
    const tree = this.#lowerAs(Object.getPrototypeOf(value) as object | null, value)
    // Without marks an object may occur twice, but not within itself.
    if (!this.#mayMark) this.#ids.delete(value)
    return tree
  }

  #lowerAgain(value: object, id: number): unknown {
    if (!this.#mayMark) this.refuse('is part of itself, which JSON has no text for: return something else, or use the codec "structured".')
    if (this.#unmade.has(value)) this.refuse('is part of itself: what an instance of a registered class becomes may not contain it.')
    return this.#mark(value, `r${id}`)
  }

  #lowerAs(prototype: object | null, value: object): unknown {
    if (prototype === Object.prototype) {
      // Its own symbols also tell `Math`, `arguments` and their like from data.
      if (hasSymbols(value)) this.refuse(LOST)
      return this.#lowerProperties(value as Record<string, unknown>)
    }
    if (prototype === Array.prototype && isDense(value)) return this.#lowerItems(value)
    const kind = this.#kinds.get(prototype)
    if (kind !== undefined) return this.#lowerInstance(value, kind)
    const home = prototype === null ? undefined : prototypeAtHome(prototype)
    return home === undefined ? this.refuse(strangeness(value)) : this.#lowerAs(home, value)
  }

  #lowerInstance(value: object, kind: Kind): unknown {
    this.#mark(value, '')
    if (kind.last !== true) return kind.lower(value as never, this)
    this.#unmade.add(value)
    const tree = kind.lower(value as never, this)
    this.#unmade.delete(value)
    return tree
  }

  #lowerProperties(value: Record<string, unknown>, copy?: Record<string, unknown>): Record<string, unknown> {
    let tree = copy
    for (const key of Object.keys(value)) {
      const item = value[key]
      const lowered = this.part(key, item)
      // A copy by spreading has a property named `__proto__` as its own, as the value has.
      if (lowered !== item) (tree ??= { ...value })[key] = lowered
    }
    return tree ?? value
  }

  #lowerItems(value: readonly unknown[]): readonly unknown[] {
    let tree: unknown[] | undefined
    for (let i = 0; i < value.length; i++) {
      const item = value[i]
      const lowered = this.part(i, item)
      if (lowered !== item) (tree ??= value.slice())[i] = lowered
    }
    return tree ?? value
  }

  #mark(value: unknown, mark: string): string {
    if (!this.#mayMark) this.refuse(change(value))
    this.marked = true
    return `~${mark}`
  }
}

/** Whether a value needs no mark and has no parts. */
function isKept(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.charCodeAt(0) !== TILDE
    case 'number':
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'boolean':
      return true
    default:
      return value === null
  }
}

function hasSymbols(value: object): boolean {
  return Object.getOwnPropertySymbols(value).length > 0
}

/** Whether it is a list with no hole and no property beside its items. */
function isDense(value: object): value is unknown[] {
  if (!Array.isArray(value) || hasSymbols(value)) return false
  const keys = Object.keys(value)
  // A hole and a property beside the items make up for each other in number: the last key tells.
  return keys.length === value.length && (keys.length === 0 || keys.at(-1) === String(value.length - 1))
}
