import { describe, expect, test } from 'vitest'
import { ConfigError } from '../src/errors.ts'
import { checkChoice, checkFunction, checkNames, toLimit } from '../src/options.ts'

describe('an option', () => {
  test('that does not exist is refused, with those that do', () => {
    expect(() => checkNames({ ttl: 1, tttl: 1 }, ['ttl', 'limit'], 'memoize')).toThrow(
      new ConfigError('memoize has no option `tttl`. It has: ttl, limit.'),
    )
    // One that is undefined is given too: it is as misspelled.
    expect(() => checkNames({ tttl: undefined }, ['ttl'], 'memoize')).toThrow(ConfigError)
    expect(() => checkNames(JSON.parse('{"__proto__":1}') as object, ['ttl'], 'memoize')).toThrow(ConfigError)
    expect(checkNames({ limit: 1 }, ['ttl', 'limit'], 'memoize')).toBeUndefined()
  })

  test.each<[unknown, string]>([
    [null, 'null'],
    ['user', '"user"'],
    [5, '5'],
    [[], 'an array'],
    [() => 1, 'the function (anonymous)'],
  ])('is looked for in an object: %o is none', (options, shown) => {
    expect(() => checkNames(options as object, ['ttl'], 'memoize')).toThrow(
      new ConfigError(`Expected the options of memoize to be an object, got ${shown}.`),
    )
  })

  test('that is one of some words is none other', () => {
    expect(checkChoice('redis', ['memory', 'redis'], 'store')).toBe('redis')
    for (const [value, shown] of [
      ['Redis', '"Redis"'],
      [null, 'null'],
      [1, '1'],
    ] as const) {
      expect(() => checkChoice(value, ['memory', 'redis'], 'store')).toThrow(
        new ConfigError(`Expected \`store\` to be one of "memory", "redis", got ${shown}.`),
      )
    }
  })

  test('that is a function is one, or absent', () => {
    expect([checkFunction(isNaN, 'key'), checkFunction(undefined, 'key')]).toEqual([undefined, undefined])
    for (const [value, shown] of [
      ['id', '"id"'],
      [null, 'null'],
      [{}, 'an object (Object)'],
    ] as const) {
      expect(() => checkFunction(value, 'key')).toThrow(new ConfigError(`Expected \`key\` to be a function, got ${shown}.`))
    }
  })
})

describe('a limit', () => {
  test('is a number of entries: 0 is none, -1 and Infinity no bound', () => {
    expect([0, 1, 1000, -1, Infinity].map((limit) => toLimit(limit, 'limit'))).toEqual([0, 1, 1000, Infinity, Infinity])
  })

  test.each<[unknown, string]>([
    [-2, '-2'],
    [1.5, '1.5'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [2 ** 60, '1152921504606847000'],
    ['100', '"100"'],
    [null, 'null'],
    [10n, '10n'],
  ])('is not %o, and the message says what is', (value, shown) => {
    expect(() => toLimit(value as number, 'limit')).toThrow(
      new ConfigError(`Expected \`limit\` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got ${shown}.`),
    )
  })
})
