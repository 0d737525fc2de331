import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError, KeyError } from '../src/errors.ts'
import { any, isPlainObject, keyOf, textOfArgs } from '../src/key.ts'
import { anyArguments, respelled, twoArguments } from './support/arguments.ts'
import { BytesAsFloats, FloatsAsDate, Ids, isSameCall, MapAsSet, Money, Weight } from './support/meaning.ts'

const keyOfOne = (value: unknown): string => keyOf([value])

describe('equal arguments, and only they, have equal keys', () => {
  test('for any two argument lists', () => {
    fc.assert(
      fc.property(twoArguments, ([a, b]) => {
        expect(keyOf(a) === keyOf(b)).toBe(isSameCall(a, b))
      }),
      { numRuns: 5000 },
    )
  })

  test('for an object that loses a later property while it is read', () => {
    const losing = {
      get a() {
        Reflect.deleteProperty(this, 'b')
        return 1
      },
      b: 2,
      c: 3,
    }
    expect(keyOfOne(losing)).toBe('{"a":1,"b":undefined,"c":3}')
  })

  test('for another spelling: property order, order in a Map or Set, -0, objects without a prototype', () => {
    fc.assert(
      fc.property(anyArguments, (args) => keyOf(respelled(args) as unknown[]) === keyOf(args)),
      { numRuns: 1000 },
    )
  })

  // One of each, all different, though they look or print alike.
  const rows: unknown[][] = [
    [1, '1', 1n, '1n', -1, 0, '0', 0.1, true, 'true', false, null, 'null', NaN, 'NaN', Infinity, -Infinity, 'Infinity'],
    ['', ' ', '""', '"', '\\"', '\\', '\\\\', 'undefined', '*', '#', '{}', '[]', '1,2', '"1","2"', 'a', 'A', '{"a":1}', '[1]'],
    ['é', 'e\u0301', '\ud800', '\\ud800', '\udc00', '\ud800\udc00', '\0', '\u2028', '\n', '\\n'],
    [[], [[]], [null], [undefined], [1, 2], ['1,2'], [1, [2]], [[1], 2], [1, undefined], ['1', 2], ['1', '2'], [''], ['', '']],
    [
      {},
      { a: undefined },
      { a: null },
      { a: 1 },
      { a: '1' },
      { b: 1 },
      { a: 1, b: 1 },
      { a: { b: 1 } },
      { 'a.b': 1 },
      { '"a"': 1 },
      { '': 1 },
    ],
    [{ 'a":1,"b': 1 }, { constructor: 1 }, { toString: 1 }, JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":{"a":1}}'), { 0: 1 }],
    [new Date(0), new Date(1), new Date(NaN), '1970-01-01T00:00:00.000Z', { toJSON: () => new Date(0).toJSON() }],
    [new Map(), new Map([[1, 2]]), new Map([['1', 2]]), new Map([[{}, 1]]), new Map([[1, new Map()]]), { 1: 2 }, [[1, 2]]],
    [new Set(), new Set([1]), new Set(['1']), new Set([[1]]), new Set([1, 2]), new MapAsSet(), new MapAsSet([[1, 2]])],
    [/a/, /a/g, /b/, /(?:)/, '/a/', Object.assign(/a/g, { lastIndex: 1 }), new URL('http://a/'), new URL('http://a/?'), 'http://a/'],
    [new Uint8Array(), new Uint8Array([1]), new Int8Array([1]), new Uint8ClampedArray([1]), Buffer.from([1]), new Uint8Array([1]).buffer],
    [new DataView(new ArrayBuffer(1)), new SharedArrayBuffer(1), new Float64Array([1]), new Float32Array([1]), new Float64Array([1, 2])],
    [
      new BigInt64Array([1n]),
      new BigUint64Array([1n]),
      new FloatsAsDate(),
      new FloatsAsDate([1]),
      new FloatsAsDate([NaN]),
      new BytesAsFloats([1]),
    ],
    [new Ids(), Ids.from([1]), new Money(1), new Weight(1), new Money('1'), new Money(new Money(1)), new Money(undefined), new Money(null)],
  ]
  const different = rows.flat()

  test('for values that look alike', () => {
    const seen = new Map(different.map((value) => [keyOfOne(value), value]))
    expect(seen.size, `one key for two of ${inspect(different)}`).toBe(different.length)
  })

  test('wherever the values lie: in a list, a property, a Map, a Set, a toJSON', () => {
    const places: Array<(value: unknown) => unknown> = [
      (value) => [value],
      (value) => ({ a: value }),
      (value) => new Map([[value, 'item']]),
      (value) => new Map([['key', value]]),
      (value) => new Set([value]),
      (value) => new Money(value),
    ]
    const keys = new Set([undefined, ...different].flatMap((value) => places.map((place) => keyOfOne([place(value)]))))
    expect(keys.size).toBe((different.length + 1) * places.length)
  })

  test('also where several arguments might be taken for one', () => {
    const lists = [
      ['a', 'b'],
      ['a,b'],
      ['a","b'],
      [['a', 'b']],
      ['ab'],
      ['a', ['b']],
      ['', 'ab'],
      [any.toString()],
      [undefined, 'a'],
      ['a'],
      [null, 'a'],
    ]
    expect(new Set(lists.map(keyOf)).size).toBe(lists.length)
  })

  test('when a class has the name of a built-in type, or a text as a name', () => {
    const rows: unknown[][] = [
      [new Date(1), new Set([1]), new Map([[1, 2]]), Buffer.from([1]), { a: 1 }, [1], '1', new URL('http://a/')],
      [
        named('Date', 1),
        named('Date(1)', 1),
        named('Set', [1]),
        named('Map', { 1: 2 }),
        named('', 1),
        named('"', 1),
        named('Buffer', 'AQ=='),
      ],
      [named('Object', { a: 1 }), named('Array', [1]), named('String', '1'), named('URL', 'http://a/'), named('undefined', 1)],
    ]
    const values = rows.flat()
    expect(new Set(values.map(keyOfOne)).size).toBe(values.length)
  })

  test('the same class in one process and another, or in a minified bundle, is told by its name', () => {
    expect(keyOfOne(named('Money', 5))).toBe(keyOfOne(new Money(5)))
  })

  test('values of another realm are as those of this one', () => {
    const ours = [{ a: [1] }, new Date(5), new Map([[1, 2]]), new Set([1]), /a/g, new Uint8Array([1]), new Float64Array([-0, NaN])]
    const theirs = runInNewContext(
      '[{ a: [1] }, new Date(5), new Map([[1, 2]]), new Set([1]), /a/g, new Uint8Array([1]), new Float64Array([-0, NaN])]',
    ) as unknown[]
    expect(theirs.map(keyOfOne)).toEqual(ours.map(keyOfOne))
  })

  test('bytes are those of the view, not of the buffer it looks at', () => {
    const bytes = Uint8Array.from([0, 1, 2, 3])
    expect(keyOfOne(bytes.subarray(1, 3))).toBe(keyOfOne(Uint8Array.from([1, 2])))
  })
})

describe('missing arguments', () => {
  test('at the end are as undefined ones', () => {
    expect(keyOf([])).toBe(keyOf([undefined, undefined]))
    expect(keyOf(['a', undefined])).toBe(keyOf(['a']))
    expect(keyOf([{ a: 1 }, undefined])).toBe(keyOf([{ a: 1 }]))
    expect(keyOf(['x'.repeat(300), undefined])).toBe(keyOf(['x'.repeat(300)]))
  })

  test('before others are as undefined ones, and no others', () => {
    expect(keyOf([undefined, 'a'])).not.toBe(keyOf(['a']))
    expect(keyOf([null])).not.toBe(keyOf([]))
    expect(keyOf(['undefined'])).not.toBe(keyOf([]))
  })

  test('a property that is undefined is not a missing one, nor an element', () => {
    expect(keyOfOne({ a: undefined })).not.toBe(keyOfOne({}))
    expect(keyOfOne([undefined])).not.toBe(keyOfOne([]))
    expect(keyOfOne([1, undefined])).not.toBe(keyOfOne([1]))
  })
})

describe('a key', () => {
  test('is readable while it is short', () => {
    expect(keyOf([])).toBe('')
    expect(keyOf(['42'])).toBe('"42"')
    expect(keyOf([42, { page: 2, author: 'é' }, [true, null]])).toBe('42,{"author":"é","page":2},[true,null]')
    expect(keyOf([new Date(0), new Map([['a', 1n]]), new Money(5)])).toBe('Date(0),Map{"a":1n},#"Money"(5)')
    expect(keyOf(['{user}:*?[a]'])).toBe('"{user}:*?[a]"')
  })

  test.each([
    ['of 200 bytes is its text, of 201 a digest', 'x', 198],
    ['counts bytes, not characters', 'é', 99],
    ['counts what quotes become', '"', 99],
  ])('%s', (_, unit, most) => {
    const longest = keyOf([unit.repeat(most)])
    const longer = keyOf([unit.repeat(most + 1)])
    expect(Buffer.byteLength(longest)).toBe(200)
    expect(longest).toBe(JSON.stringify(unit.repeat(most)))
    // 256 bits in base64url, after a mark that no text begins with.
    expect(longer).toMatch(/^#[\w-]{43}$/)
  })

  test('is of a bounded length, and quick to make, for an argument of a megabyte', () => {
    const large = 'x'.repeat(1_000_000)
    const texts = [
      large,
      `${large}y`,
      [large],
      { a: large },
      Buffer.from(large),
      new Map([[large, 1]]),
      Array.from({ length: 100_000 }, (_, i) => i),
    ]
    const keys = texts.map(keyOfOne)
    expect(new Set(keys).size).toBe(texts.length)
    expect(Math.max(...keys.map((key) => key.length))).toBe(44)
  })

  test('is a digest where few characters become many bytes', () => {
    expect(keyOf(['\ud800'.repeat(33)])).toBe(`"${'\\ud800'.repeat(33)}"`)
    expect(keyOf(['\ud800'.repeat(34)])).toMatch(/^#[\w-]{43}$/)
  })

  test('as a digest still tells order and type', () => {
    const long = 'x'.repeat(300)
    expect(keyOfOne({ a: long, b: 1 })).toBe(keyOfOne({ b: 1, a: long }))
    expect(keyOfOne({ a: long, b: 1 })).not.toBe(keyOfOne({ a: long, b: '1' }))
    expect(keyOf([long, 1])).not.toBe(keyOf([1, long]))
  })

  test('is not changed by what was put on the prototype of all objects', () => {
    const polluted = runInNewContext('Object.prototype.polluted = 1; ({ a: 1 })') as object
    expect('polluted' in polluted).toBe(true)
    expect(keyOfOne(polluted)).toBe(keyOfOne({ a: 1 }))
  })
})

// Processes of different versions share them.
describe('the text of plain data is byte for byte what JSON writes of it with the properties sorted', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('a', '"', '\\', '\x1f', ' ', '\x7f', '\ud7ff', '\ud800', '\udfff', '\ue000', '\u2028'),
      maxLength: 45,
    }),
  )
  const name = fc.oneof(fc.constantFrom('id', 'lang', 'a', '10', '9', '__proto__'), text)

  test('for any texts, names, and orders of names', () => {
    const data = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 3 }, text, fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('object')),
      list: fc.array(tie('any'), { maxLength: 3 }),
      object: fc.dictionary(name, tie('any'), { maxKeys: 6, noNullPrototype: true }),
    })).any
    fc.assert(
      fc.property(data, (value) => textOfArgs([value]) === sortedJson(value)),
      { numRuns: 3000 },
    )
  })

  test('for more sets of names than are remembered, however long or many, and for each again', () => {
    const objects = Array.from({ length: 3000 }, (_, i) => ({ lang: 'en', [`x${i % 1500}`]: i, id: 7, ...(i % 7 === 0 && { a: true }) }))
    const large = [30, 300].map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${(i * 7) % count}`, i])))
    const long = ['x'.repeat(41), 'y'.repeat(10_000)].map((each) => ({ [each]: 1, a: 2 }))
    for (const value of [...objects, ...large, ...long, ...large, ...long]) expect(textOfArgs([value])).toBe(sortedJson(value))
  })
})

describe('an argument that cannot be a key is a KeyError', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const ring: unknown[] = []
  ring.push({ ring })
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) })
  const advice = 'Pass plain data, or give `key` to choose what selects the result.'

  test.each<[string, unknown[], string]>([
    ['a function', [() => 1], 'Argument 0 cannot be part of a key: it is a function.'],
    ['a symbol', ['a', Symbol('s')], 'Argument 1 cannot be part of a key: it is a symbol.'],
    [
      '`any`, which is for refs',
      [any],
      'Argument 0 cannot be part of a key: it is `any`, which stands for a whole argument or property of a ref.',
    ],
    ['one that lies within', [{ filter: { onDone: [1, isNaN] } }], 'Argument 0.filter.onDone.1 cannot be part of a key: it is a function.'],
    ['one in a Map', [new Map([['a', isNaN]])], 'Argument 0.a cannot be part of a key: it is a function.'],
    ['one in a Map of objects', [new Map([[{}, isNaN]])], 'Argument 0.(value) cannot be part of a key: it is a function.'],
    ['a key of a Map', [new Map([[isNaN, 1]])], 'Argument 0.(key) cannot be part of a key: it is a function.'],
    ['one in a Set', [1, new Set([isNaN])], 'Argument 1.(item) cannot be part of a key: it is a function.'],
    ['one that a toJSON gives', [{ toJSON: () => ({ a: isNaN }) }], 'Argument (nested) cannot be part of a key: it is a function.'],
    [
      'a class instance',
      [{ user: new User() }],
      'Argument 0.user cannot be part of a key: it is an instance of User, which has no toJSON.',
    ],
    [
      'an instance of no named class',
      [new (nameless())()],
      'Argument 0 cannot be part of a key: it is an instance of a class without a name, which has no toJSON.',
    ],
    [
      'an object that inherits',
      [Object.create({ a: 1 })],
      'Argument 0 cannot be part of a key: it is an instance of Object, which has no toJSON.',
    ],
    ['an Error', [new ConfigError('x')], 'Argument 0 cannot be part of a key: it is an instance of ConfigError, which has no toJSON.'],
    [
      'a promise, awaited too late',
      [Promise.resolve(1)],
      'Argument 0 cannot be part of a key: it is an instance of Promise, which has no toJSON.',
    ],
    ['a boxed number', [Object(1)], 'Argument 0 cannot be part of a key: it is an instance of Number, which has no toJSON.'],
    ['a cycle', [cycle], 'Argument 0 cannot be part of a key: it lies more than 100 levels deep, or in a cycle.'],
    ['a cycle of lists', [1, ring], 'Argument 1 cannot be part of a key: it lies more than 100 levels deep, or in a cycle.'],
    [
      'an object a hundred thousand deep',
      [deep(5000)],
      `Argument 0${'.in'.repeat(100)} cannot be part of a key: it lies more than 100 levels deep, or in a cycle.`,
    ],
    ['a property named by a symbol', [{ [Symbol('s')]: 1 }], 'Argument 0 cannot be part of a key: it has a property named by a symbol.'],
    [
      'an array with holes',
      [Array.from({ length: 2 }), Array(2)],
      'Argument 1 cannot be part of a key: it is an array with holes, or with properties besides its elements.',
    ],
    [
      'an array with as many holes as other properties',
      [Object.assign(Array(1), { x: 1 })],
      'Argument 0 cannot be part of a key: it is an array with holes, or with properties besides its elements.',
    ],
    [
      'what a regular expression matched',
      [/a/.exec('a')],
      'Argument 0 cannot be part of a key: it is an array with holes, or with properties besides its elements.',
    ],
    [
      'a Date with more to it',
      [Object.assign(new Date(0), { zone: 'CET' })],
      'Argument 0 cannot be part of a key: it is a Date with properties of its own.',
    ],
  ])('%s', (_, args, message) => {
    expect(() => keyOf(args)).toThrow(new KeyError(`${message} ${advice}`))
  })

  test('also when reading it fails, with what it threw as the cause', () => {
    const cause = new Error('no such row')
    const lazy = { get row() { throw cause } } // prettier-ignore
    const error = thrownBy(() => keyOf([lazy]))
    expect(error).toEqual(new KeyError(`An argument could not be read for its key: "no such row". ${advice}`))
    expect(error).toMatchObject({ name: 'KeyError', code: 'KEY', cause })
    expect(thrownBy(() => keyOf([new Proxy({}, { ownKeys: () => { throw 'a string' } })]))).toMatchObject({ cause: 'a string' }) // prettier-ignore
  })

  test('also when reading what is beside it fails', () => {
    let reads = 0
    const lazy = { get row() { if (++reads > 1) throw new Error('no such row'); return 1 }, a: isNaN } // prettier-ignore
    expect(() => keyOf([lazy])).toThrow(new KeyError(`Argument (nested) cannot be part of a key: it is a function. ${advice}`))
    expect(() => keyOf([new Map([[Object.create(null), isNaN]])])).toThrow(KeyError)
  })

  test('a hundred levels are none too many', () => {
    expect(keyOfOne(deep(100))).toMatch(/^#/)
    expect(() => keyOfOne(deep(101))).toThrow(KeyError)
  })

  test('a cycle that branches is found at once', () => {
    const tree: Record<string, unknown> = {}
    for (const name of 'abcdefgh') tree[name] = tree
    expect(() => keyOfOne(tree)).toThrow(KeyError)
    // Also while looking for what is wrong.
    expect(() => keyOfOne({ a: { toJSON: () => isNaN }, tree })).toThrow(KeyError)
  })
})

test('an object is plain by its prototype, in whichever realm it was written', () => {
  expect([{}, Object.create(null), JSON.parse('{"__proto__":1}'), runInNewContext('({ a: 1 })')].every(isPlainObject)).toBe(true)
  const others = [
    null,
    undefined,
    1,
    'a',
    [],
    new Date(),
    new Map(),
    new Money(1),
    Object.create({}),
    Object.create(Object.create(null)),
    isNaN,
    Buffer.of(),
  ]
  expect(others.filter(isPlainObject)).toEqual([])
})

/** By JSON alone, which sorts nothing and hoists names that are numbers: so property by property. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const named = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${named.map(([name, inner]) => `${JSON.stringify(name)}:${sortedJson(inner)}`).join(',')}}`
}

class User {
  readonly id = 1
}

function nameless(): new () => object {
  return class {
    readonly id = 1
  }
}

/** An instance of a class of that name, with a toJSON. */
function named(name: string, value: unknown): unknown {
  return new (Object.defineProperty(class extends Money {}, 'name', { value: name }))(value)
}

function thrownBy(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
