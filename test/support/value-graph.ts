// Values at random, as a function may return them, and what tells two of them apart.
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'

/** Also those that look like marks, or that objects inherit. */
export const strings: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('~', '~u', '~~', '~Map', '__proto__', 'toJSON', 'then', 'constructor'),
  fc.string().map((it) => `~${it}`),
)

/** Values of all kinds, each in one place. */
export const anything: fc.Arbitrary<unknown> = fc.anything({
  key: strings,
  values: [
    fc.boolean(),
    fc.integer(),
    fc.double(),
    strings,
    fc.constantFrom<unknown>(null, undefined, Number.NaN, -0),
    fc.constantFrom(/x/, /[\n/]\//dgimsuy),
    // An invalid one is not equal to itself on Node 20: test/codec/kinds.test.ts has it.
    fc.date({ noInvalidDate: true }),
    fc.webUrl().map((it) => new URL(it)),
    fc.uint8Array().map((it) => Buffer.from(it)),
  ],
  withBigInt: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
})

/** Values made of containers that hold each other, themselves and some leaves at random. */
export const graphs: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.array(fc.constantFrom('object', 'list', 'map', 'set', 'error', 'bare', 'date', 'buffer'), { minLength: 1, maxLength: 12 }),
    fc.array(fc.tuple(fc.nat(11), fc.nat(11), fc.string({ maxLength: 3 })), { maxLength: 40 }),
  )
  .map(([kinds, edges]) => {
    const nodes = kinds.map(newNode)
    for (const [from, to, name] of edges) connect(nodes[from % nodes.length], nodes[to % nodes.length], name)
    return nodes[0]
  })

function newNode(kind: string): unknown {
  if (kind === 'object') return {}
  if (kind === 'list') return []
  if (kind === 'map') return new Map()
  if (kind === 'set') return new Set()
  if (kind === 'error') return new TypeError('node')
  if (kind === 'bare') return Object.create(null)
  return kind === 'date' ? new Date(0) : Buffer.from('bytes')
}

function connect(from: unknown, to: unknown, name: string): void {
  if (from instanceof Map) from.set(name.length > 1 ? to : name, to)
  else if (from instanceof Set) from.add(to)
  else if (Array.isArray(from)) from.push(to)
  else if (!(from instanceof Date || Buffer.isBuffer(from))) {
    Object.defineProperty(from, name, { value: to, enumerable: true, writable: true, configurable: true })
  }
}

/** What tells two values apart: a type, a content, or an object of the one that stands for two of the other. */
export function differenceOf(actual: unknown, expected: unknown): string | undefined {
  try {
    deepStrictEqual(actual, expected)
  } catch (error) {
    return (error as Error).message
  }
  const partners = new Map<unknown, unknown>()
  const todo: [unknown, unknown][] = [[actual, expected]]
  for (let pair = todo.pop(); pair !== undefined; pair = todo.pop()) {
    const [left, right] = pair
    if (typeof left !== 'object' || left === null) {
      if (Object.is(left, right)) continue
      return `${String(left)} is not ${String(right)}`
    }
    if (!partners.has(left)) {
      partners.set(left, right)
      const others = partsOf(right as object)
      for (const [index, part] of partsOf(left).entries()) todo.push([part, others[index]])
    } else if (partners.get(left) !== right) return 'an object stands for two that are equal'
  }
  return new Set(partners.values()).size === partners.size ? undefined : 'two equal objects stand for one'
}

/** Also what `deepStrictEqual` does not look at: the text of a URL, the order of a map. */
function partsOf(value: object): unknown[] {
  const inside = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : []
  const shown = ArrayBuffer.isView(value) ? [] : Object.keys(value).flatMap((key) => [key, (value as Record<string, unknown>)[key]])
  return [...inside, ...shown, ...(value instanceof Error ? [value.cause] : []), ...(value instanceof URL ? [value.href] : [])]
}
