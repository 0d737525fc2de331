// Knows how values of nearly any kind lie in bytes, and which classes of the user's are among them.

import { show } from '../duration.ts'
import { CodecError, ConfigError } from '../errors.ts'
import { checkNames } from '../options.ts'
import { attempt, type Codec } from './codec.ts'
import { textOf } from './json.ts'
import type { Kind, Kinds } from './kind.ts'
import { builtIn } from './kinds.ts'
import { Lowering, TILDE } from './lowering.ts'
import { Raising } from './raising.ts'

/** How the instances of a class become data and come back. */
export interface ClassCodec<Instance> {
  /** The class itself. A subclass is another one, registered for itself. @example class: Money */
  readonly class: { readonly prototype: Instance }
  /**
   * Data of any kind that the codec knows: a Date, a Map, an instance of a registered class. It may not contain the instance.
   * @example encode: (money) => ({ amount: money.amount, currency: money.currency })
   */
  encode(instance: Instance): unknown
  /**
   * A new instance, of what `encode` returned, perhaps in an older release. What it throws makes the entry a miss.
   * @example decode: ({ amount, currency }: MoneyData) => new Money(amount, currency)
   */
  decode(data: unknown): NoInfer<Instance>
}

/** The options of {@link structured}. */
export interface StructuredOptions<Instances> {
  /**
   * Classes of your own, by the name their instances are written under: an entry with another name is a miss. One that the codec knows
   * already, or that has two names, is refused. @default none
   * @example classes: { Money: { class: Money, encode: (money) => money.amount, decode: (amount: number) => new Money(amount) } }
   */
  readonly classes?: { readonly [Name in keyof Instances]: ClassCodec<Instances[Name]> }
}

/** Ends the text where bytes follow: JSON has no such character, it escapes it. */
const END = 0
const NOTHING = new Uint8Array()

/**
 * The codec that brings back plain data with undefined, NaN and -0, bigints, Map, Set, Date, RegExp, URL, Buffer, typed arrays, ArrayBuffer
 * and DataView, the built-in errors with message, stack, cause and properties, arrays with holes, objects without a prototype, cycles and
 * shared references, and instances of the classes that are registered with it. Anything else is a `CodecError` that says what
 * it is and where: a function, a promise, a stream, an instance of another class. A value that is plain JSON is written as plain JSON.
 *
 * Not kept: that an object was frozen, getters (their values are), properties that are not enumerable, and that two views shared memory.
 * A value may be 500 levels deep. Throws a `ConfigError` for options that are wrong, and for a class that the codec knows already.
 *
 * @example
 * const codec = structured({
 *   classes: {
 *     Money: {
 *       class: Money,
 *       encode: (money) => ({ amount: money.amount, currency: money.currency }),
 *       decode: ({ amount, currency }: MoneyData) => new Money(amount, currency),
 *     },
 *   },
 * })
 */
export function structured<Instances>(options: StructuredOptions<Instances> = {}): Codec {
  checkNames(options, ['classes'], 'structured')
  const { classes = {} } = options
  const kinds = withClasses(classes)
  const byMark = new Map(Array.from(kinds.values(), (kind) => [kind.mark, kind]))
  return {
    encode: (value) => attempt('encode the value', () => write(value, kinds)),
    decode: (bytes) => attempt('decode the bytes', () => read(bytes, byMark)),
  }
}

function write(value: unknown, kinds: Kinds): Uint8Array {
  const lowering = new Lowering(kinds, true)
  const text = JSON.stringify(lowering.tree(value))
  if (!lowering.marked) return Buffer.from(text)
  const marked = Buffer.from(`~${text}`)
  return lowering.attachments.length === 0 ? marked : Buffer.concat([marked, Uint8Array.of(END), ...lowering.attachments])
}

function read(bytes: Uint8Array, kinds: ReadonlyMap<string, Kind>): unknown {
  // The first byte is the form: JSON begins with no tilde, and a later form will begin with another byte.
  if (bytes[0] !== TILDE) return JSON.parse(textOf(bytes))
  const end = bytes.indexOf(END)
  const text = textOf(end === -1 ? bytes : bytes.subarray(0, end))
  return new Raising(kinds, end === -1 ? NOTHING : bytes.subarray(end + 1)).value(JSON.parse(text.slice(1)))
}

function withClasses(classes: Record<string, ClassCodec<unknown>>): Kinds {
  if (typeof classes !== 'object' || classes === null)
    throw new ConfigError(`Expected \`classes\` to be an object of classes by name, got ${show(classes)}.`)
  const kinds = new Map(builtIn)
  for (const [name, codec] of Object.entries(classes)) {
    const kind = registered(name, codec)
    const isKnown = builtIn.has(kind.prototype) || kind.prototype === Object.prototype
    if (isKnown) throw new ConfigError(`Expected \`classes.${name}\` to be a class of your own: the codec knows this one.`)
    if (kinds.has(kind.prototype)) throw new ConfigError(`Expected \`classes.${name}\` to be a class that has no other name here.`)
    kinds.set(kind.prototype, kind)
  }
  return kinds
}

function registered(name: string, codec: ClassCodec<unknown>): Kind {
  const prototype: unknown = codec?.class?.prototype
  if (typeof codec?.class !== 'function' || typeof prototype !== 'object' || prototype === null) {
    throw new ConfigError(`Expected \`classes.${name}.class\` to be a class, got ${show(codec?.class)}.`)
  }
  for (const method of ['encode', 'decode'] as const) {
    if (typeof codec[method] !== 'function') {
      throw new ConfigError(`Expected \`classes.${name}.${method}\` to be a function, got ${show(codec[method])}.`)
    }
  }
  return {
    mark: `~:${name}`,
    prototype,
    last: true,
    lower(instance, down) {
      return [this.mark, down.part('encode()', codec.encode(instance))]
    },
    raise([, data], up) {
      const made: unknown = codec.decode(up.part(data))
      if (typeof made === 'object' && made !== null && Object.getPrototypeOf(made) === prototype) return made
      throw new CodecError(`Expected \`decode\` of the class "${name}" to return an instance of it, got ${show(made)}.`)
    },
  }
}
