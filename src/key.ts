// Knows how arguments become one canonical text: equal arguments have equal texts, different ones never.

import { createHash } from 'node:crypto'
import { types } from 'node:util'
import { isPlain } from './label.ts'
import { propertiesNamed, type Properties } from './properties.ts'
import { RecentKeys, type Kind } from './recent-keys.ts'
import { reading, Unkeyable } from './unkeyable.ts'

/** In a ref, stands for an argument whose value does not matter: `listPosts.clear(any, 2)`. */
export const any: unique symbol = Symbol('cache-alchemy.any')

/** How many objects deep an argument may be. */
export const DEEPEST = 100
const LONGEST_READABLE = 200

// A longer one with its quotes would be a text that V8 keeps as a part of the one that it was cut out of, such as a body: JSON writes a new one.
const LONGEST_SCANNED = 10

const recent = new RecentKeys()
const MOST_LISTED = 8
// Those of objects are positive.
const lists: readonly Kind[] = Array.from({ length: MOST_LISTED + 1 }, (_, length) => ({ id: -length }))

/** Whether a value is an object by literal: what a ref may name some properties of. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const proto = Object.getPrototypeOf(value) as object | null
  return proto === null || proto === Object.prototype || isObjectPrototype(proto)
}

/** That of another realm (vm, jest) is not ours. */
function isObjectPrototype(proto: object): boolean {
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'hasOwnProperty') && Object.hasOwn(proto, 'isPrototypeOf')
}

/** Whether a value is written property by property. */
export function isWrittenPlain(value: unknown): value is Record<string, unknown> {
  return isPlainObject(value) && typeof value['toJSON'] !== 'function'
}

/** The canonical text of a value that lies in `depth` objects. */
export function textOf(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quoted(value)
    case 'number':
      // Of -0 too it is "0".
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return 'undefined'
    case 'bigint':
      return `${value}n`
    case 'object':
      return value === null ? 'null' : textOfObject(value, depth + 1)
    case 'symbol':
      throw new Unkeyable(value, value === any ? 'is `any`, which stands for a whole argument or property of a ref' : 'is a symbol')
    case 'function':
      throw new Unkeyable(value, 'is a function')
  }
}

/** As JSON writes it, where nothing is to be escaped without asking JSON. */
export function quoted(text: string): string {
  return text.length <= LONGEST_SCANNED && isPlain(text) ? `"${text}"` : JSON.stringify(text)
}

function textOfObject(value: object, depth: number): string {
  checkDepth(value, depth)
  if (Array.isArray(value)) return textOfArray(value, depth)
  if (isWrittenPlain(value)) return textOfPlain(value, depth)
  return textOfInstance(value, depth)
}

export function checkDepth(value: object, depth: number): void {
  if (depth > DEEPEST) throw new Unkeyable(value, `lies more than ${DEEPEST} levels deep, or in a cycle`)
}

function textOfArray(value: readonly unknown[], depth: number): string {
  const names = Object.keys(value)
  // Indexes come first and in order, so a last one in its place says that all are there and nothing else is.
  const isDense = names.length === value.length && (names.length === 0 || names.at(-1) === String(value.length - 1))
  if (!isDense) throw new Unkeyable(value, 'is an array with holes, or with properties besides its elements')
  return `${classOf(value, 'Array', '')}[${textOfList(value, depth)}]`
}

function textOfList(values: readonly unknown[], depth: number): string {
  let text = values.length === 0 ? '' : textOf(values[0], depth)
  for (let i = 1; i < values.length; i++) text += `,${textOf(values[i], depth)}`
  return text
}

/** The names of a plain object's properties in their one order. */
export function sortedNames(value: object): readonly string[] {
  return propertiesOf(value).names
}

function propertiesOf(value: object): Properties {
  if (Object.getOwnPropertySymbols(value).length > 0) throw new Unkeyable(value, 'has a property named by a symbol')
  return propertiesNamed(Object.keys(value))
}

function textOfPlain(value: Record<string, unknown>, depth: number): string {
  const properties = propertiesOf(value)
  return textOfProperties(properties, valuesOf(value, properties), depth)
}

/** Each is read once: what a getter gives the second time would be kept as the key of what it gave the first time. */
function valuesOf(value: Record<string, unknown>, { names, places }: Properties): readonly unknown[] {
  const values = Object.values(value)
  if (values.length === names.length) return values
  // A getter has taken a later property away.
  const named: unknown[] = []
  for (let i = 0; i < names.length; i++) named[places[i]!] = value[names[i]!]
  return named
}

function textOfProperties({ places, openings }: Properties, values: readonly unknown[], depth: number): string {
  let text = ''
  for (let i = 0; i < places.length; i++) text += openings[i]! + textOf(values[places[i]!], depth)
  return text === '' ? '{}' : `${text}}`
}

function textOfInstance(value: object, depth: number): string {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return textOfBytes(value)
  const text = textOfBuiltIn(value, depth)
  if (text !== undefined) {
    if (Object.keys(value).length === 0) return text
    throw new Unkeyable(value, `is a ${nameOf(value)} with properties of its own`)
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return `${classOf(value)}(${textOf(value.toJSON(), depth)})`
  throw new Unkeyable(value, `is an instance of ${nameOf(value) || 'a class without a name'}, which has no toJSON`)
}

function textOfBuiltIn(value: object, depth: number): string | undefined {
  if (types.isDate(value)) return `${classOf(value, 'Date')}(${value.getTime()})`
  if (types.isMap(value))
    return `${classOf(value, 'Map')}{${sorted(value, ([key, item]) => `${textOf(key, depth)}:${textOf(item, depth)}`)}}`
  if (types.isSet(value)) return `${classOf(value, 'Set')}{${sorted(value, (item) => textOf(item, depth))}}`
  // A sticky or global one goes on from its last match.
  if (types.isRegExp(value)) return `${classOf(value, 'RegExp')}(${JSON.stringify(value.source)},"${value.flags}",${value.lastIndex})`
  if (value instanceof URL) return `${classOf(value, 'URL')}(${JSON.stringify(value.href)})`
  return undefined
}

function sorted<T>(items: Iterable<T>, text: (item: T) => string): string {
  return Array.from(items, text).sort().join(',')
}

function textOfBytes(value: ArrayBufferView | ArrayBufferLike): string {
  // Not the class's name, which anyone may give: what the language itself calls it.
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  // By number, not by byte: -0 is 0 here as everywhere, and one NaN is another.
  if (kind.startsWith('Float')) return `${classOf(value, kind)}(${textOfList(Array.from(value as Float64Array), 0)})`
  const bytes = ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value)
  return `${classOf(value, kind)}("${bytes.toString('base64')}")`
}

// `#` and a quoted name: a class cannot be named so that its text is that of a built-in type.
function classOf(value: object, builtIn?: string, text: string = builtIn ?? ''): string {
  const name = nameOf(value)
  return name === builtIn ? text : `#${JSON.stringify(name)}${text}`
}

function nameOf(value: object): string {
  const name: unknown = value.constructor?.name
  return typeof name === 'string' ? name : ''
}

/** The text itself while it is short, else a SHA-256 of it. */
export function shortened(text: string): string {
  return isReadable(text) ? text : `#${createHash('sha256').update(text).digest('base64url')}`
}

function isReadable(text: string): boolean {
  // A UTF-16 unit is at most three bytes.
  return text.length * 3 <= LONGEST_READABLE || (text.length <= LONGEST_READABLE && Buffer.byteLength(text) <= LONGEST_READABLE)
}

/** The arguments without those at the end that say nothing: for a call `undefined` does, for a pattern `any`. */
export function withoutTrailing(args: readonly unknown[], nothing: unknown): readonly unknown[] {
  let { length } = args
  while (length > 0 && args[length - 1] === nothing) length--
  return length === args.length ? args : args.slice(0, length)
}

/** The canonical text of an argument list, readable up to 200 bytes and a SHA-256 past it. Throws a `KeyError`. */
export function keyOf(args: readonly unknown[]): string {
  // The commonest call, and the shortest way.
  if (args.length === 1 && typeof args[0] === 'string' && args[0].length < 64) return shortened(quoted(args[0]))
  return reading(args, () => strictText(args))
}

/** What turns an argument list into a key, in which strings that stand alone are as in `keyOf`. */
export type KeyText = (args: readonly unknown[]) => string

/** A key by `text`; undefined where a value that `isLeftOut` is what has no text. Throws a `KeyError`. */
export function keyUnless(args: readonly unknown[], text: KeyText, isLeftOut: (value: unknown) => boolean): string | undefined {
  if (args.length === 1 && typeof args[0] === 'string') return keyOf(args)
  try {
    return text(args)
  } catch (error) {
    if (error instanceof Unkeyable && isLeftOut(error.value)) return undefined
    return reading(args, () => {
      throw error
    })
  }
}

/** The text that `keyOf` makes of an argument list. */
export function strictText(args: readonly unknown[]): string {
  const only = args.length === 1 ? args[0] : undefined
  if (isWrittenPlain(only)) return keyOfPlain(only)
  // A single one is made as soon as it is found.
  const list = args.length > 1 ? lists[args.length] : undefined
  return (list && recent.get(list, args, keyOfList)) ?? keyOfList(list, args)
}

function keyOfList(_: unknown, args: readonly unknown[]): string {
  return shortened(textOfArgs(withoutTrailing(args, undefined)))
}

function keyOfPlain(value: Record<string, unknown>): string {
  const properties = propertiesOf(value)
  const values = valuesOf(value, properties)
  return recent.get(properties, values, keyOfProperties) ?? keyOfProperties(properties, values)
}

function keyOfProperties(properties: Properties, values: readonly unknown[]): string {
  return shortened(textOfProperties(properties, values, 1))
}

/** The canonical text of an argument list, whatever its length. */
export function textOfArgs(args: readonly unknown[]): string {
  return textOfList(args, 0)
}
