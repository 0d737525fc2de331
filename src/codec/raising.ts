// Knows how a tree becomes the graph of values that it was made of, and makes nothing but what it was told of.

import type { Kind, MarkedList, Up } from './kind.ts'
import { DEEPEST, TILDE } from './lowering.ts'

const SMALL_A = 0x61
const NUMBERS: ReadonlyMap<string, number> = new Map(
  [-0, Number.NaN, Infinity, -Infinity].map((it) => [Object.is(it, -0) ? '-0' : `${it}`, it]),
)

/** One tree on its way up. What no `Lowering` made throws, or becomes some data. */
export class Raising implements Up {
  readonly #kinds: ReadonlyMap<string, Kind>
  readonly #attached: Uint8Array
  #taken = 0
  #depth = 0
  /** Objects in the order in which they were met; undefined while it is not made. */
  readonly #made: (object | undefined)[] = []

  /** `kinds` by mark; `attached`: the bytes that were set apart. */
  constructor(kinds: ReadonlyMap<string, Kind>, attached: Uint8Array) {
    this.#kinds = kinds
    this.#attached = attached
  }

  /** The value of a whole tree, which is changed into it where it can be. */
  value(tree: unknown): unknown {
    const value = this.part(tree)
    if (this.#taken !== this.#attached.length) throw new RangeError('more bytes follow than belong to it.')
    return value
  }

  part(tree: unknown): unknown {
    if (typeof tree === 'string') return tree.charCodeAt(0) === TILDE ? this.#raiseMark(tree) : tree
    if (typeof tree !== 'object' || tree === null) return tree
    if (++this.#depth > DEEPEST + 1) throw new RangeError('it is too deep.')
    const value = Array.isArray(tree) ? this.#raiseList(tree) : this.#raiseProperties(tree as Record<string, unknown>)
    this.#depth--
    return value
  }

  keep(id: number, instance: object): void {
    this.#made[id] = instance
  }

  define(instance: object, tree: unknown, enumerable: boolean): void {
    for (const [key, item] of Object.entries(tree as object)) {
      Object.defineProperty(instance, key, { value: this.part(item), enumerable, writable: true, configurable: true })
    }
  }

  take(length: unknown): ArrayBuffer {
    const end = this.#taken + (length as number)
    if (!(Number.isSafeInteger(length) && end >= this.#taken && end <= this.#attached.length)) throw new RangeError('bytes are missing.')
    // A copy: a view would keep the whole reply in memory, and could not be aligned.
    const bytes = new Uint8Array(this.#attached.subarray(this.#taken, end))
    this.#taken = end
    return bytes.buffer
  }

  #raiseProperties(tree: Record<string, unknown>): object {
    this.#made.push(tree)
    for (const key of Object.keys(tree)) {
      const item = tree[key]
      if (hasNoMark(item)) continue
      // A property that JSON named `__proto__` is its own, so this sets no prototype.
      const value = this.part(item)
      if (value !== item) tree[key] = value
    }
    return tree
  }

  #raiseList(tree: unknown[]): object {
    if (isMarked(tree)) return this.#raiseInstance(tree)
    this.#made.push(tree)
    for (let i = 0; i < tree.length; i++) {
      const item = tree[i]
      if (hasNoMark(item)) continue
      const value = this.part(item)
      if (value !== item) tree[i] = value
    }
    return tree
  }

  #raiseInstance(list: Readonly<MarkedList>): object {
    const kind = this.#kinds.get(list[0])
    if (kind === undefined) throw new TypeError(`${JSON.stringify(list[0].slice(1, 60))} is no class that it knows.`)
    const id = this.#made.push(undefined) - 1
    return (this.#made[id] = kind.raise(list, this, id))
  }

  #raiseMark(text: string): unknown {
    const rest = text.slice(2)
    switch (text[1]) {
      case '~':
        return text.slice(1)
      case 'u':
        return undefined
      case 'n':
        return known(NUMBERS.get(rest), text)
      case 'i':
        return BigInt(rest)
      case 'r':
        return known(this.#made[Number(rest)], text)
      default:
        return known(undefined, text)
    }
  }
}

function known<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new TypeError(`${JSON.stringify(text.slice(0, 60))} stands for nothing.`)
  return value
}

/** Whether a part of a tree stays as it is; checked before it is entered, since most do. */
function hasNoMark(item: unknown): boolean {
  return typeof item === 'string' ? item.charCodeAt(0) !== TILDE : typeof item !== 'object' || item === null
}

function isMarked(list: readonly unknown[]): list is Readonly<MarkedList> {
  const first = list[0]
  return typeof first === 'string' && first.charCodeAt(0) === TILDE && first.charCodeAt(1) < SMALL_A
}
