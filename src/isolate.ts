// Knows how a stored value is kept from changes by who was given it: frozen, or given as copies.

import { types } from 'node:util'
import { resolveCodec, type Codec, type CodecOption } from './codec.ts'
import { UnsupportedError } from './errors.ts'
import { checkChoice } from './options.ts'

/** Whether callers are given the stored value itself, itself but deep-frozen, or copies. */
export type Isolate = false | 'freeze' | 'copy'

/** How values come into entries, and out of them. */
export interface Isolation {
  /** What an entry has in the place of a value. Throws for one that cannot be isolated. */
  keep(value: unknown): unknown
  /** The same for a value that is not stored because it cannot be isolated. */
  keepAsIs(value: unknown): unknown
  /** What a caller is given. */
  give(kept: unknown): unknown
  /** What a kept value takes, in bytes; undefined where that is not known. */
  readonly size: ((kept: unknown) => number) | undefined
  /** How it travels. */
  readonly codec: Codec
}

export interface IsolationOptions {
  readonly isolate: Isolate | undefined
  readonly codec: CodecOption | undefined
  /** That of the values themselves. */
  readonly wire: Codec
  readonly size: ((value: unknown) => number) | undefined
}

/** Throws a `ConfigError` where `isolate` is none of its three. */
export function isolationOf({ isolate = false, codec, wire, size }: IsolationOptions): Isolation {
  if (isolate === false) return { keep: itself, keepAsIs: itself, give: itself, size, codec: wire }
  checkChoice(isolate, ['freeze', 'copy'], 'isolate')
  if (isolate === 'freeze') {
    const decode: Codec['decode'] = (bytes) => frozen(wire.decode(bytes))
    return { keep: frozen, keepAsIs: itself, give: itself, size, codec: { encode: (value) => wire.encode(value), decode } }
  }
  // One of the user's own may know classes that no other knows.
  return copying(typeof codec === 'object' ? wire : (resolveCodec('structured') as Codec), wire, size)
}

function itself(value: unknown): unknown {
  return value
}

function copying(copier: Codec, wire: Codec, size: ((value: unknown) => number) | undefined): Isolation {
  return {
    keep: (value) => new Copies(copier, copyOf(copier.encode(value))),
    keepAsIs: (value) => new Single(value),
    give: (kept) => (kept as Copies | Single).take(),
    size: (kept) => size?.((kept as Copies | Single).look()) ?? (kept as Copies | Single).bytes.byteLength,
    codec: {
      encode: (kept) => (wire === copier ? (kept as Copies).bytes : wire.encode((kept as Copies).look())),
      decode: (bytes) => new Copies(copier, copyOf(wire === copier ? bytes : copier.encode(wire.decode(bytes)))),
    },
  }
}

/** A value as bytes, of which each caller gets a value of its own. */
class Copies {
  readonly bytes: Uint8Array
  readonly #codec: Codec
  /** The first copy, made while there is still something else to do about bytes that are no value. */
  #first: { readonly value: unknown } | undefined

  constructor(codec: Codec, bytes: Uint8Array) {
    this.#codec = codec
    this.bytes = bytes
    this.#first = { value: this.#copy() }
  }

  take(): unknown {
    const { value } = this.#first ?? { value: this.#copy() }
    this.#first = undefined
    return value
  }

  /** A value for who changes nothing. */
  look(): unknown {
    return this.#first === undefined ? this.#copy() : this.#first.value
  }

  #copy(): unknown {
    return this.#codec.decode(copyOf(this.bytes))
  }
}

/** A value of which there are no copies: all who waited for its load get it. */
class Single {
  readonly bytes: Uint8Array = new Uint8Array()
  readonly #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  take(): unknown {
    return this.#value
  }

  look(): unknown {
    return this.#value
  }
}

/** A codec may hand out what it was given. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** The value itself, frozen with all that is in it. Throws an `UnsupportedError` and freezes nothing where a part of it cannot be. */
function frozen(value: unknown): unknown {
  const parts = new Set<object>()
  collect(value, parts)
  for (const part of parts) Object.freeze(part)
  return value
}

function collect(value: unknown, parts: Set<object>): void {
  const left = [value]
  while (left.length > 0) {
    const part = left.pop()
    if (typeof part !== 'object' || part === null || parts.has(part)) continue
    if (hasHiddenState(part)) throw unfreezable(part)
    parts.add(part)
    // What a getter gives is not asked for.
    for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(part))) left.push(inner)
    for (const symbol of Object.getOwnPropertySymbols(part)) left.push(Object.getOwnPropertyDescriptor(part, symbol)!.value)
  }
}

/** Whether a value has state that `Object.freeze` does not reach. */
function hasHiddenState(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isGeneratorObject(value) ||
    value instanceof URL ||
    value instanceof URLSearchParams ||
    value instanceof Headers
  )
}

function unfreezable(value: object): UnsupportedError {
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return new UnsupportedError(
    `\`isolate: "freeze"\` was given a value with a ${kind} in it, which cannot be frozen. It reaches its caller and is not stored: use \`isolate: "copy"\`.`,
  )
}
