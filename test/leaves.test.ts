import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyError } from '../src/errors.ts'
import { any, keyOf } from '../src/key.ts'
import { callText, leavesOf, patternText } from '../src/leaves.ts'
import { anyArgument, anyArguments } from './support/arguments.ts'
import { isPlain, isSame, Money } from './support/meaning.ts'

/** The leaves of arguments as they are defined: a path to each value that is no plain object, and one to each plain object. */
function definedLeaves(args: readonly unknown[]): Array<[path: string, value: unknown]> {
  const leavesAt = (path: string, value: unknown): Array<[string, unknown]> => {
    if (value === any) return []
    if (!isPlain(value)) return [[path, value]]
    return [[path, {}], ...Object.entries(value).flatMap(([name, inner]) => leavesAt(`${path}.${JSON.stringify(name)}`, inner))]
  }
  return args.flatMap((value, index) => leavesAt(String(index), value))
}

function withoutTrailing(args: readonly unknown[], nothing: unknown): readonly unknown[] {
  const last = args.findLastIndex((arg) => arg !== nothing)
  return args.slice(0, last + 1)
}

describe('the leaves that are read back from a text', () => {
  test('are those of the call', () => {
    fc.assert(
      fc.property(anyArguments, (args) => {
        const leaves = leavesOf(callText(args))
        const defined = definedLeaves(withoutTrailing(args, undefined))
        expect([...leaves.keys()].sort()).toEqual(defined.map(([path]) => path).sort())
        for (const [path, value] of defined) expect(leaves.get(path)).toBe(patternText([value]))
      }),
      { numRuns: 2000 },
    )
  })

  test('are those that the pattern names', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyArgument, fc.constant(any), fc.dictionary(fc.string(), fc.constantFrom<unknown>(any, 1, { a: any })))),
        (args) => {
          const defined = definedLeaves(args)
          expect([...leavesOf(patternText(args)).keys()].sort()).toEqual(defined.map(([path]) => path).sort())
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('have equal texts where their values are equal, and only there', () => {
    fc.assert(
      fc.property(anyArgument, anyArgument, (a, b) => {
        fc.pre(!isPlain(a) && !isPlain(b))
        expect(leavesOf(callText([[a]])).get('0') === leavesOf(callText([[b]])).get('0')).toBe(isSame(a, b))
      }),
      { numRuns: 2000 },
    )
  })

  test('name plain objects too, and nothing inside of other values', () => {
    const args = ['42', { author: 'a', page: { size: 10, at: undefined } }, [{ a: 1 }], new Map([['a', { b: 1 }]]), new Money({ a: 1 }), {}]
    expect(Object.fromEntries(leavesOf(callText(args)))).toEqual({
      '0': '"42"',
      '1': '{}',
      '1."author"': '"a"',
      '1."page"': '{}',
      '1."page"."at"': 'undefined',
      '1."page"."size"': '10',
      '2': '[{"a":1}]',
      '3': 'Map{"a":{"b":1}}',
      '4': '#"Money"({"a":1})',
      '5': '{}',
    })
  })

  test('keep apart names that hold what paths and texts are made of', () => {
    const args = [{ 'a.b': 1, a: { b: 2 }, 'a"."b': 3, '}': 4, ',1': 5, '': 6, '\\': 7 }]
    expect(leavesOf(callText(args)).size).toBe(9)
  })
})

describe('the text of a call', () => {
  test('is its key while that is readable', () => {
    fc.assert(
      fc.property(anyArguments, (args) => {
        const key = keyOf(args)
        fc.pre(!/^#[\w-]{43}$/.test(key))
        expect(callText(args)).toBe(key)
      }),
    )
  })

  test('has digests only for the leaves that are long, however many leaves there are', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, index]))
    const leaves = leavesOf(callText([{ ...many, text: 'x'.repeat(300), list: Array.from({ length: 300 }, () => 1) }]))
    expect(leaves.size).toBe(103)
    expect(leaves.get('0."p7"')).toBe('7')
    expect(leaves.get('0."text"')).toBe(keyOf(['x'.repeat(300)]))
    expect(leaves.get('0."list"')).toMatch(/^#[\w-]{43}$/)
  })

  test('says nothing of undefined arguments at its end; that of a pattern does', () => {
    expect(callText(['a', undefined, undefined])).toBe('"a"')
    expect(patternText(['a', undefined, any])).toBe('"a",undefined')
    expect(patternText([undefined])).toBe('undefined')
    expect(patternText([any, any])).toBe('')
  })
})

describe('a KeyError', () => {
  test('names the argument of a pattern that cannot be compared', () => {
    expect(() => patternText([any, { on: isNaN }])).toThrow(/^Argument 1\.on cannot be part of a key: it is a function\./)
    expect(() => patternText([{ a: Symbol('s') }])).toThrow(KeyError)
  })

  test('says that `any` is for a whole argument or property, not for a part of a list or Map', () => {
    const message = /it is `any`, which stands for a whole argument or property of a ref/
    for (const pattern of [[[1, any]], [new Set([any])], [new Map([['a', any]])]]) expect(() => patternText(pattern)).toThrow(message)
  })

  test('comes for a pattern as deep as it does for a call', () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) })
    expect(leavesOf(callText([deep(100)])).size).toBe(101)
    for (const text of [callText, patternText, keyOf]) expect(() => text([deep(101)])).toThrow(KeyError)
  })
})

describe('a text that came from elsewhere and is none', () => {
  test('is read to its end without a throw', () => {
    const piece = fc.constantFrom('{', '}', '"', '\\', ',', ':', '(', ')', '[', ']', '*', '#', 'a', '1')
    const broken = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.oneof(broken, fc.string()), (text) => {
        expect(leavesOf(text).size).toBeLessThanOrEqual(text.length + 1)
      }),
      { numRuns: 5000 },
    )
  })

  test('is read wherever it was cut', () => {
    const text = callText(['a', { b: ['c\\"', { d: 1 }], e: { f: '}' } }, new Map([['g', 2]])])
    for (let end = 0; end <= text.length; end++) expect(leavesOf(text.slice(0, end)).size).toBeLessThanOrEqual(leavesOf(text).size)
  })

  test('is read however deep it pretends to be', () => {
    expect(leavesOf('{"a":'.repeat(100_000)).size).toBeLessThan(200)
    expect(leavesOf('['.repeat(100_000)).size).toBe(1)
  })
})
