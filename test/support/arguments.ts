// Arguments of every kind for properties, and pairs of them that are equal or nearly so.
import fc from 'fast-check'
import { any } from '../../src/key.ts'
import { BytesAsFloats, FloatsAsDate, Ids, isPlain, MapAsSet, Money, Weight } from './meaning.ts'

const names = ['a', 'b', '', '0', 'a.b', '"a"', '}', '__proto__', 'constructor', 'toString', 'length', 'é', 'e\u0301', '\ud800']
const words = [
  '',
  '1',
  '-1',
  '0',
  'NaN',
  'null',
  'undefined',
  'true',
  '1n',
  '*',
  '#',
  '{}',
  '[]',
  ',',
  '":"',
  '\\',
  '"',
  '\\"',
  '\\ud800',
  '\ud800',
  '\u2028',
]
const moments = ['2020-01-01T00:00:00.000Z', '1577836800000']

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<unknown>(0, -0, 1, -1, NaN, Infinity, -Infinity, 1e21, 0.1, 0n, 1n, -1n, true, false, null, undefined),
  },
  { weight: 4, arbitrary: fc.constantFrom(...words, ...names, ...moments) },
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  // Past 200 bytes, and about there.
  fc.constantFrom('x', 'é', '\ud800').map((unit) => unit.repeat(199)),
  fc.tuple(fc.constantFrom('x', '"', '€'), fc.integer({ min: 60, max: 260 })).map(([unit, length]) => unit.repeat(length)),
)

const numbers = fc.array(fc.constantFrom(0, -0, 1, 49, 255, NaN), { maxLength: 3 })

const instance: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(0, 1, 1_577_836_800_000, NaN).map((time) => new Date(time)),
  fc.tuple(fc.constantFrom('a', 'a,b', '"', '/'), fc.constantFrom('', 'g', 'gi')).map(([source, flags]) => new RegExp(source, flags)),
  fc.constantFrom('http://a/', 'http://a/?b', 'http://a/?b#').map((href) => new URL(href)),
  fc
    .tuple(fc.constantFrom(Uint8Array, Int8Array, Uint16Array, Float32Array, Float64Array, FloatsAsDate, BytesAsFloats), numbers)
    .map(([Kind, list]) => Kind.from(list)),
  numbers.map((list) => Buffer.from(list)),
  numbers.map((list) => Uint8Array.from(list).buffer),
  numbers.map((list) => new DataView(Uint8Array.from(list).buffer)),
  fc.constantFrom([], [1n], [2n]).map((list) => BigInt64Array.from(list)),
)

const { value, plain } = fc.letrec<{ value: unknown; plain: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 6, arbitrary: scalar },
    { weight: 2, arbitrary: instance },
    { weight: 4, arbitrary: tie('plain') },
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(tie('value'), { maxLength: 2 }).map((items) => Ids.from(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 2 }).map((pairs) => new MapAsSet(pairs)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
    tie('value').map((amount) => new Money(amount)),
    tie('value').map((amount) => new Weight(amount)),
  ),
  plain: fc
    .tuple(fc.array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 3 }), fc.boolean())
    .map(([pairs, bare]) => (bare ? Object.assign(Object.create(null) as object, Object.fromEntries(pairs)) : Object.fromEntries(pairs))),
}))

/** An argument that can be part of a key, of any kind. */
export const anyArgument: fc.Arbitrary<unknown> = value

/** An argument list, often one that ends with `undefined`. */
export const anyArguments: fc.Arbitrary<unknown[]> = fc.array(fc.oneof({ weight: 3, arbitrary: value }, plain, fc.constant(undefined)), {
  maxLength: 3,
})

/** Two argument lists that are equal or nearly so: one and another spelling of it, which has been changed in a place or not. */
export const twoArguments: fc.Arbitrary<[unknown[], unknown[]]> = fc.oneof(
  fc.tuple(anyArguments, anyArguments),
  anyArguments.map((args): [unknown[], unknown[]] => [args, respelled(args) as unknown[]]),
  anyArguments.map((args): [unknown[], unknown[]] => [args, [...(respelled(args) as unknown[]), undefined]]),
  fc
    .tuple(anyArguments, fc.nat({ max: 20 }), value)
    .map(([args, place, other]): [unknown[], unknown[]] => [args, changed(args, place, other)]),
)

/** An equal value made of other objects, in which whatever has no order comes in another one. */
export function respelled(value: unknown): unknown {
  return rebuilt(value, (inner) => (inner === 0 ? -inner : inner))
}

/** A copy in which the scalar at a place is another value. */
function changed(args: readonly unknown[], place: number, other: unknown): unknown[] {
  let at = 0
  return rebuilt(args, (inner) => (at++ === place ? other : inner)) as unknown[]
}

function rebuilt(value: unknown, scalarOf: (value: unknown) => unknown): unknown {
  const again = (inner: unknown): unknown => rebuilt(inner, scalarOf)
  if (typeof value !== 'object' || value === null) return scalarOf(value)
  if (value instanceof Ids) return Ids.from(value.map(again))
  if (Array.isArray(value)) return value.map(again)
  if (value instanceof Map)
    return new (value.constructor as MapConstructor)(Array.from(value, ([key, item]) => [again(key), again(item)] as const).toReversed())
  if (value instanceof Set) return new Set(Array.from(value, again).toReversed())
  if (value instanceof Weight) return new Weight(again(value.amount))
  if (value instanceof Money) return new Money(again(value.amount))
  if (!isPlain(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, again(item)])
      .toReversed(),
  )
}

/** A pattern that often covers the call: some of its arguments and properties, others left open, one changed. */
export function patternsOf(call: readonly unknown[]): fc.Arbitrary<unknown[]> {
  return fc.tuple(fc.array(fc.nat({ max: 5 }), { minLength: 24, maxLength: 24 }), value).map(([choices, other]) => {
    let at = 0
    const partOf = (inner: unknown): unknown => {
      const choice = choices[at++ % choices.length]!
      if (choice === 0) return any
      if (choice === 1 && at % 3 === 0) return other
      if (!isPlain(inner)) return respelled(inner)
      return Object.fromEntries(
        Object.entries(inner).flatMap(([name, item]) => (choices[at++ % choices.length]! < 2 ? [] : [[name, partOf(item)]])),
      )
    }
    return call.slice(0, choices[0] === 0 ? undefined : choices[0]).map(partOf)
  })
}
