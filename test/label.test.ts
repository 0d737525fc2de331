// By what the calls of one function are told apart.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCache } from '../src/cache.ts'
import { keyOf } from '../src/key.ts'
import { isAsItIs, isPlain, stringOf } from '../src/label.ts'
import { anyArguments } from './support/arguments.ts'
import { newClock } from './support/clock.ts'

const texts = [
  '',
  'a',
  '"',
  '\\',
  'a","b',
  '\u001f',
  ' ',
  'é',
  '😀',
  '\ud800',
  '\n',
  ...[12, 13, 64, 65, 198, 199].map((n) => 'x'.repeat(n)),
  'é'.repeat(99),
]

test('a key is of one string as it is exactly where it is that string in quotes', () => {
  const isAsItIs = (text: string): boolean => keyOf([text]) === `"${text}"`
  const check = (args: readonly unknown[]): void => {
    const [text, ...others] = args
    const isAlone = typeof text === 'string' && others.every((it) => it === undefined) && isAsItIs(text)
    expect(stringOf(keyOf(args))).toBe(isAlone ? text : undefined)
  }
  fc.assert(fc.property(anyArguments, check), { numRuns: 1000 })
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 2 }), check), { numRuns: 1000 })
  for (const text of texts) check([text])
})

test('the key of a plain string is that string in quotes', () => {
  const check = (text: string): void => {
    if (!isPlain(text)) return
    expect(JSON.stringify(text)).toBe(`"${text}"`)
    expect(keyOf([text])).toBe(JSON.stringify(text))
    expect(isAsItIs(text, keyOf([text]))).toBe(true)
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), check), { numRuns: 1000 })
  for (let unit = 0; unit <= 0xffff; unit++) check(String.fromCharCode(unit))
  for (const text of [...texts, '\uffff'.repeat(64)]) check(text)
  expect(texts.filter(isPlain)).toContain('x'.repeat(12))
})

describe('calls that come together', () => {
  const others: [name: string, args: unknown[], others: unknown[]][] = [
    ['a string and the number that it writes', ['42'], [42]],
    ['a string and null', ['null'], [null]],
    ['a string and the string that is its key', ['a'], ['"a"']],
    ['a string and the list of it', ['a'], [['a']]],
    ['two long strings', ['x'.repeat(64)], [`${'x'.repeat(63)}y`]],
    ['a long string and what its digest says', ['x'.repeat(300)], [keyOf(['x'.repeat(300)])]],
  ]

  test.each(others)('are two where they are of %s', async (_, ...calls) => {
    const read = openCache({ redis: false }, newClock().now).memoize(async (...args: unknown[]) => args, { name: 'row' })
    // The second time another call runs beside them.
    for (const beside of [[], ['beside']]) {
      const all = [...calls, ...beside.map((it) => [it]), ...calls]
      expect(await Promise.all(all.map((args) => read(...args)))).toEqual(all)
      for (const args of calls) expect(await read(...args)).toEqual(args)
      expect(read.stats()).toMatchObject({ loads: 2 + beside.length * 3, coalesced: 2 + beside.length * 2 })
      await read.clear()
    }
  })

  const same: [name: string, args: unknown[], again: unknown[]][] = [
    ['with and without an undefined at the end', ['42'], ['42', undefined]],
    ['of a text that was put together', ['x'.repeat(40)], [['x'.repeat(20), 'x'.repeat(20)].join('')]],
    ['of a string that JSON escapes', ['a"b'], ['a"b', undefined]],
  ]

  test.each(same)('are one %s', async (_, ...calls) => {
    const read = openCache({ redis: false }, newClock().now).memoize(async (...args: unknown[]) => args[0], { name: 'row' })
    await Promise.all([...calls, ...calls.toReversed()].map((args) => read(...args)))
    for (const args of calls) expect(await read(...args)).toBe(calls[0][0])
    expect(read.stats()).toMatchObject({ loads: 1, coalesced: 3 })
  })
})
