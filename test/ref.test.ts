import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { any, keyOf } from '../src/key.ts'
import {
  callRef,
  everything,
  fromWire,
  isEverything,
  leafAt,
  overlaps,
  patternRef,
  Ref,
  tagRef,
  toWire,
  uriRef,
  wholeRef,
} from '../src/ref.ts'
import { anyArguments, patternsOf, twoArguments } from './support/arguments.ts'
import { commonCall, covers, isSameCall } from './support/meaning.ts'

const call = (...args: unknown[]): Ref => callRef('f', args, keyOf(args))
const pattern = (...args: unknown[]): Ref => patternRef('f', args)

function refOf([name, args, exact]: [string, unknown[], boolean]): Ref {
  return exact ? callRef(name, args, keyOf(args)) : patternRef(name, args)
}

/** Both ways, since there is no direction in it. */
function meet(a: Ref, b: Ref): boolean {
  const answers = new Set([overlaps(a, b), overlaps(b, a)])
  expect(answers.size, `${String(a)} and ${String(b)}`).toBe(1)
  return answers.has(true)
}

describe('refs overlap', () => {
  test('as a pattern and a call exactly where the pattern covers the call', () => {
    const callAndPattern = anyArguments.chain((args) =>
      fc.tuple(fc.constant(args), fc.oneof({ weight: 3, arbitrary: patternsOf(args) }, anyArguments)),
    )
    fc.assert(
      fc.property(callAndPattern, ([args, part]) => {
        expect(meet(call(...args), pattern(...part))).toBe(covers(part, args))
      }),
      { numRuns: 5000 },
    )
  })

  test('as two calls exactly where they are one', () => {
    fc.assert(
      fc.property(twoArguments, ([a, b]) => {
        expect(meet(call(...a), call(...b))).toBe(isSameCall(a, b))
      }),
      { numRuns: 3000 },
    )
  })

  test('as two patterns exactly where a call can be covered by both', () => {
    const twoPatterns = twoArguments.chain(([a, b]) => fc.tuple(patternsOf(a), patternsOf(b)))
    fc.assert(
      fc.property(twoPatterns, ([a, b]) => {
        const common = commonCall(a, b)
        expect(meet(pattern(...a), pattern(...b))).toBe(common !== undefined)
        if (common === undefined) return
        expect([covers(a, common), covers(b, common)]).toEqual([true, true])
        expect([meet(pattern(...a), call(...common)), meet(pattern(...b), call(...common))]).toEqual([true, true])
      }),
      { numRuns: 3000 },
    )
  })

  test.each<[string, unknown[], unknown[], boolean]>([
    ['no argument covers every call', [], ['42', { a: 1 }], true],
    ['leading arguments cover what follows', ['42'], ['42', 2], true],
    ['another leading argument does not', ['42'], ['43', 2], false],
    ['any covers an argument in between', [any, 2], ['42', 2], true],
    ['any covers a missing argument', [any, undefined], [], true],
    ['any covers nothing after it', [any, 2], ['42', 3], false],
    ['a property covers calls with more of them', [{ author: 'a' }], [{ author: 'a', page: 2 }], true],
    ['a property does not cover another value', [{ author: 'a' }], [{ author: 'b', page: 2 }], false],
    ['a property does not cover calls that lack it', [{ author: 'a' }], [{ page: 2 }], false],
    ['a property that is undefined does not cover calls that lack it', [{ author: undefined }], [{ page: 2 }], false],
    ['a property at any depth', [{ where: { author: { id: 1 } } }], [{ where: { author: { id: 1, name: 'A' }, tag: 'b' } }], true],
    ['a property at any depth, of another value', [{ where: { author: { id: 1 } } }], [{ where: { author: { id: 2 } } }], false],
    ['any as a property says nothing of it', [{ author: any, page: 2 }], [{ page: 2 }], true],
    ['{} covers every plain object there', [{}], [{ author: 'a' }], true],
    ['{} covers no other value', [{}], ['a'], false],
    ['{} covers no missing argument', [{}], [], false],
    ['{} covers no list', [{}], [[]], false],
    ['{} covers no instance', [{}], [new Date(0)], false],
    ['a list is compared as a whole', [[1]], [[1, 2]], false],
    ['an undefined that is written covers calls that lack the argument', [undefined], [], true],
    ['an undefined that is written covers no other call', [undefined], ['42'], false],
    ['an undefined after others is one too', ['42', undefined], ['42', 2], false],
    ['null is not undefined', [null], [], false],
    ['types count', [1], ['1'], false],
    ['a long argument is compared in full', ['x'.repeat(300)], ['x'.repeat(300), 2], true],
    ['a long argument that differs at its end', [`${'x'.repeat(300)}a`], [`${'x'.repeat(300)}b`], false],
    ['a property of a call with a long key', [{ page: 2 }], [{ page: 2, text: 'x'.repeat(300) }], true],
    ['another property of a call with a long key', [{ page: 3 }], [{ page: 2, text: 'x'.repeat(300) }], false],
    ['names from a prototype are no properties', [{ constructor: any, toString: 1 }], [{}], false],
    [
      'the tenth argument and further ones',
      [any, any, any, any, any, any, any, any, any, any, 'k'],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'k'],
      true,
    ],
    ['the tenth argument is not the first', [any, 1], [0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 1], false],
  ])('%s', (_, part, args, expected) => {
    expect(meet(pattern(...part), call(...args))).toBe(expected)
  })

  test('never under two names, but with everything', () => {
    expect(meet(wholeRef('f'), wholeRef('g'))).toBe(false)
    expect(meet(callRef('f', [], ''), callRef('g', [], ''))).toBe(false)
    expect(meet(tagRef('f'), wholeRef('f'))).toBe(false)
    expect(meet(tagRef('/a'), uriRef('/a'))).toBe(false)
    for (const ref of [call('a'), pattern('a'), wholeRef('f'), tagRef('a'), uriRef('/a'), everything])
      expect(meet(everything, ref)).toBe(true)
    expect([everything, wholeRef('all')].map(isEverything)).toEqual([true, false])
  })

  test('as tags and URIs exactly where they are one', () => {
    for (const one of [tagRef, uriRef]) {
      expect(meet(one('table:users'), one('table:users'))).toBe(true)
      expect(meet(one('table:users'), one('table:user'))).toBe(false)
      expect(meet(one('x'.repeat(300)), one('x'.repeat(300)))).toBe(true)
      expect(meet(one('x'.repeat(300)), one('x'.repeat(301)))).toBe(false)
    }
    expect(meet(wholeRef(tagRef('a').name), tagRef('b'))).toBe(true)
  })
})

describe('a ref', () => {
  test('has another id wherever it is another pattern, and only there', () => {
    const refs = [
      call(),
      call('a'),
      pattern(),
      pattern('a'),
      pattern('a', any),
      pattern('a', undefined),
      wholeRef('f'),
      wholeRef('f("a")'),
      tagRef('a'),
      uriRef('a'),
    ]
    expect(new Set(refs.map((ref) => ref.id)).size).toBe(refs.length - 2)
    expect(pattern('a', any).id).toBe(pattern('a').id)
    expect(pattern().id).toBe(wholeRef('f').id)
    expect(pattern({ a: 1, b: 2 }).id).toBe(pattern({ b: 2, a: 1, c: any }).id)
    expect(call('a').id).not.toBe(pattern('a').id)
  })

  test('has an id that no name can forge', () => {
    const piece = fc.constantFrom('f', '(', ')', '"', '\\', ',', '1', '()')
    const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
    const named = fc.tuple(text, fc.array(fc.oneof(text, fc.constant(1)), { maxLength: 2 }), fc.boolean())
    fc.assert(
      fc.property(named, named, (a, b) => {
        const [left, right] = [refOf(a), refOf(b)]
        expect(left.id === right.id).toBe(left.name === right.name && left.text === right.text && left.exact === right.exact)
      }),
      { numRuns: 5000 },
    )
  })

  test('prints as the calls it covers', () => {
    expect(String(call('42', { page: 2 }))).toBe('f("42",{"page":2})')
    expect(String(pattern('42'))).toBe('f("42",…)')
    expect(String(wholeRef('f'))).toBe('f(…)')
  })

  test('of a call retains no argument, and one of a pattern can do without', () => {
    const large = { rows: [1] }
    expect(call(large).origin).toBeUndefined()
    expect(pattern(large).origin?.args).toEqual([large])
    expect(pattern(large).withoutOrigin).toEqual(new Ref('f', '{"rows":[1]}', false))
    expect(meet(pattern(large).withoutOrigin, call(large))).toBe(true)
  })

  test('of a call knows what the call lacks: arguments are undefined, properties are not there', () => {
    expect(leafAt(call('a'), '0')).toBe('"a"')
    expect(leafAt(call('a'), '1')).toBe('undefined')
    expect(leafAt(call({}), '0."a"')).toBeUndefined()
    expect(leafAt(pattern('a'), '1')).toBeUndefined()
  })
})

describe('a ref that travels', () => {
  test('comes out as it went in, through JSON', () => {
    fc.assert(
      fc.property(anyArguments, anyArguments, (args, others) => {
        for (const ref of [call(...args), pattern(...args)]) {
          const come = fromWire(JSON.parse(JSON.stringify(toWire(ref))))!
          expect([come.id, come.exact, [...come.leaves]]).toEqual([ref.id, ref.exact, [...ref.leaves]])
          expect(overlaps(come, call(...others))).toBe(overlaps(ref, call(...others)))
        }
      }),
    )
  })

  test('and is none is undefined', () => {
    const garbage = [undefined, null, 'f', 1, {}, [], ['f'], ['f', 1, 0], [1, '', 0], [null, '', 1], { 0: 'f', 1: '' }]
    expect(garbage.map(fromWire)).toEqual(garbage.map(() => undefined))
  })

  test('and whose text is broken overlaps something or nothing, and never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), anyArguments, (text, exact, args) => {
        const broken = fromWire(['f', text, exact ? 1 : 0])!
        expect([true, false]).toContain(overlaps(broken, call(...args)))
        expect([true, false]).toContain(overlaps(pattern(...args), broken))
      }),
    )
  })
})
