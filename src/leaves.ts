// Knows the text of a ref, from which each leaf of the arguments can be read back.

import { any, checkDepth, DEEPEST, isWrittenPlain, shortened, sortedNames, textOf, withoutTrailing } from './key.ts'
import { reading } from './unkeyable.ts'

const OPEN = '*'

/** The text of a call's own ref: as its key, but only its long leaves are digests, so that each leaf can still be compared. */
export function callText(args: readonly unknown[]): string {
  return reading(args, () => leafList(withoutTrailing(args, undefined)))
}

/** The text of a pattern over calls, in which `any` and whatever an object does not name may be anything. */
export function patternText(args: readonly unknown[]): string {
  return reading(args, () => leafList(withoutTrailing(args, any)))
}

function leafList(args: readonly unknown[]): string {
  return args.map((value) => leafText(value, 0)).join(',')
}

function leafText(value: unknown, depth: number): string {
  if (value === any) return OPEN
  if (!isWrittenPlain(value)) return shortened(textOf(value, depth))
  checkDepth(value, depth + 1)
  const named = sortedNames(value).filter((name) => value[name] !== any)
  return `{${named.map((name) => `${JSON.stringify(name)}:${leafText(value[name], depth + 1)}`).join(',')}}`
}

/** Reads the leaves back out of a ref's text: each path with the text of its value; a plain object itself is the leaf `{}`. */
export function leavesOf(text: string): Map<string, string> {
  return new LeafReader(text).read()
}

/** Ends on any text, and throws on none: a record from outside may be cut short, or be no ref at all. */
class LeafReader {
  readonly #text: string
  readonly #leaves: Map<string, string> = new Map<string, string>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Map<string, string> {
    for (let index = 0; this.#at < this.#text.length; index++, this.#at++) this.#readValue(String(index), 0)
    return this.#leaves
  }

  #readValue(path: string, depth: number): void {
    if (!this.#is('{') || depth > DEEPEST) return this.#readLeaf(path)
    this.#leaves.set(path, '{}')
    for (this.#at++; this.#at < this.#text.length && !this.#is('}');) {
      const start = this.#at
      this.#skipString()
      const name = this.#text.slice(start, this.#at)
      this.#at++
      this.#readValue(`${path}.${name}`, depth + 1)
      if (this.#is(',')) this.#at++
    }
    this.#at++
  }

  #readLeaf(path: string): void {
    const start = this.#at
    for (let depth = 0; this.#at < this.#text.length;) {
      const char = this.#text[this.#at]!
      if (depth === 0 && (char === ',' || char === '}')) break
      if (char === '"') this.#skipString()
      else {
        if ('([{'.includes(char)) depth++
        else if (')]}'.includes(char)) depth--
        this.#at++
      }
    }
    const leaf = this.#text.slice(start, this.#at)
    if (leaf !== OPEN) this.#leaves.set(path, leaf)
  }

  #skipString(): void {
    for (this.#at++; this.#at < this.#text.length && !this.#is('"'); this.#at++) if (this.#is('\\')) this.#at++
    this.#at++
  }

  #is(char: string): boolean {
    return this.#text[this.#at] === char
  }
}
