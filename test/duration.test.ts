import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { show, toLifetime, toMilliseconds, type Duration } from '../src/duration.ts'
import { ConfigError } from '../src/errors.ts'

describe('a duration', () => {
  test.each<[Duration, number]>([
    [0, 0],
    [250, 250],
    [0.5, 0.5],
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    [' 5 minutes ', 300_000],
    ['5M', 300_000],
    // Past what a timer can wait, which is no bound on freshness.
    ['30d', 2_592_000_000],
    ['10y', 315_576_000_000],
    [2 ** 40, 2 ** 40],
  ])('%o is %d milliseconds', (value, milliseconds) => {
    expect([toMilliseconds(value, 'ttl'), toLifetime(value, 'ttl')]).toEqual([milliseconds, milliseconds])
  })

  test.each<[unknown, string]>([
    ['soon', '"soon"'],
    ['', '""'],
    ['m', '"m"'],
    ['5', '"5"'],
    ['5 parsecs', '"5 parsecs"'],
    ['-5m', '"-5m"'],
    ['Infinity', '"Infinity"'],
    [`${'9'.repeat(400)}d`, `"${'9'.repeat(60)}…"`],
    [-2, '-2'],
    [-0.1, '-0.1'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [null, 'null'],
    [true, 'true'],
    [10n, '10n'],
    [{}, 'an object (Object)'],
    [[5], 'an array'],
    [() => 5, 'the function (anonymous)'],
  ])('is not %o, and the message says what is', (value, shown) => {
    const error = new ConfigError(`Expected \`staleIfError\` to be a duration such as 5000 or "5m", got ${shown}.`)
    expect(() => toMilliseconds(value as Duration, 'staleIfError')).toThrow(error)
    expect(() => toLifetime(value as Duration, 'staleIfError')).toThrow(error)
  })

  test('is finite, and without end only as a lifetime: -1 or Infinity', () => {
    expect([toLifetime(-1, 'ttl'), toLifetime(Infinity, 'ttl')]).toEqual([Infinity, Infinity])
    for (const value of [-1, Infinity]) expect(() => toMilliseconds(value, 'commandTimeout')).toThrow(ConfigError)
  })

  test('as a string is always one with its unit, and never not a number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.stringMatching(/^-?[\d.]{1,5} ?[a-z]{1,5}$/)), (text) => {
        const outcome = outcomeOf(() => toMilliseconds(text, 'ttl'))
        const isDuration = typeof outcome === 'number' && outcome >= 0 && outcome < Infinity && /[a-z]\s*$/i.test(text)
        expect(isDuration || outcome instanceof ConfigError).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a wrong value is shown', () => {
  test.each<[unknown, string]>([
    ['a "b"', String.raw`"a \"b\""`],
    ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [-0, '0'],
    [isNaN, 'the function isNaN'],
    [new Date(0), 'an object (Date)'],
    [Object.create(null), 'an object (of no class)'],
    [{ constructor: { name: Symbol('s') } }, 'an object (of no class)'],
    [Object.assign(() => 1, { toString: null }), 'the function (anonymous)'],
  ])('%o', (value, shown) => {
    expect(show(value)).toBe(shown)
  })

  test('in a short line whatever it is', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true }), (value) => {
        expect(show(value).length).toBeLessThan(400)
      }),
    )
  })
})

function outcomeOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
