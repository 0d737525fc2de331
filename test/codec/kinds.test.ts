import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { structured } from '../../src/codec/structured.ts'
import { differenceOf } from '../support/value-graph.ts'

const codec = structured()

function roundTrip<T>(value: T): T {
  return codec.decode(codec.encode(value)) as T
}

describe('brings back', () => {
  const holes: unknown[] = [1]
  holes[2] = undefined
  holes.length = 5
  const match = /(?<year>\d+)-(\d+)/.exec('on 2024-05')

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['NaN', Number.NaN],
    ['-0', -0],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['the smallest number', Number.MIN_VALUE],
    ['an empty string', ''],
    ['strings that look like marks', ['~', '~~', '~u', '~n1', '~Map', '~r0', '~:Money', '~\0']],
    ['half of a surrogate pair', ['\uD800', 'x\uDC00']],
    ['false', false],
    ['a bigint', 2n ** 200n],
    ['a negative bigint', -12n],
    ['a Date', new Date(1_700_000_000_123)],
    ['a RegExp', /a\/b(?<name>.)/giu],
    ['a URL', new URL('https://user:pw@example.com:8080/a%20b?c=d#e')],
    [
      'a Map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Map()],
        [undefined, Number.NaN],
      ]),
    ],
    ['a Set', new Set<unknown>(['a', 1n, undefined, new Set([-0])])],
    ['a Set whose first item looks like a mark', new Set(['~Map', 1])],
    ['a list whose first item is undefined', [undefined, 1]],
    ['undefined in objects', { a: undefined, b: [undefined] }],
    ['an array with holes', holes],
    ['a sparse array', Object.assign([], { 4_000_000_000: 'far' })],
    ['an array with properties', match],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1, nested: new Map([[1, undefined]]) })],
    ['names that objects inherit', JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":2,"hasOwnProperty":3,"length":4}')],
    ['names that look like marks', { '~Map': 1, '~': 2, $date: 3 }],
    ['numeric names', { 10: 'a', 2: 'b', x: 'c', '-1': 'd', '01': 'e' }],
  ])('%s', (_, value) => {
    expect(differenceOf(roundTrip(value), value)).toBeUndefined()
    expect(differenceOf(roundTrip([{ value }]), [{ value }])).toBeUndefined()
  })

  test('an invalid Date', () => {
    const back = roundTrip(new Date(Number.NaN))
    expect(back).toBeInstanceOf(Date)
    expect(back.getTime()).toBeNaN()
  })

  test('a RegExp at the place where it was', () => {
    const value = /a/g
    value.test('aaa')
    expect(roundTrip(value).lastIndex).toBe(1)
  })

  test('values of another realm, as this one’s', () => {
    const value = runInNewContext(
      `({ list: [1, new Date(5)], map: new Map([['a', new Set([1])]]), error: new TypeError('x'), bytes: new Uint8Array([7]) })`,
    ) as {
      error: unknown
    }
    const back = roundTrip(value)
    expect(
      differenceOf(back, { list: [1, new Date(5)], map: new Map([['a', new Set([1])]]), error: back.error, bytes: new Uint8Array([7]) }),
    ).toBeUndefined()
    expect(back.error).toBeInstanceOf(TypeError)
  })

  test('a shared reference as shared, a cycle as a cycle, through every kind of container', () => {
    const shared = { date: new Date(1) }
    const map = new Map<unknown, unknown>()
    const set = new Set<unknown>()
    const list: unknown[] = []
    const error = new Error('loop')
    const bare = Object.create(null) as Record<string, unknown>
    const extra: unknown = undefined
    const loose = Object.assign([1], { extra })
    const value = { shared, again: shared, map, set, list, error, bare, loose, dates: [shared.date, shared.date] }
    map.set(map, value).set('set', set)
    set.add(set).add(list)
    list.push(list, shared)
    error.cause = { error, value }
    bare['bare'] = bare
    loose.extra = loose
    const back = roundTrip(value)
    expect(differenceOf(back, value)).toBeUndefined()
    expect(back.shared).toBe(back.again)
    expect(back.dates[0]).toBe(back.shared.date)
    expect(back.map.get(back.map)).toBe(back)
    expect((back.error.cause as { error: unknown }).error).toBe(back.error)
  })

  test('a value as it was when it was encoded, and leaves it as it is', () => {
    const value = { at: new Date(1), list: [undefined, { n: -0 }] }
    const before = structuredClone(value)
    codec.encode(Object.freeze(value))
    expect(differenceOf(value, before)).toBeUndefined()
  })
})

describe('an error comes back', () => {
  test.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])('as a %o', (Class) => {
    const back = roundTrip(new Class('broken'))
    expect(Object.getPrototypeOf(back)).toBe(Class.prototype)
    expect(back.message).toBe('broken')
    expect(back).toBeInstanceOf(Error)
  })

  test('with its stack, its cause and its own properties, shown or hidden as they were', () => {
    const error = Object.assign(new TypeError('outer', { cause: new RangeError('inner', { cause: 7 }) }), { code: 'E_X', at: new Date(3) })
    const back = roundTrip(error)
    expect(back.stack).toBe(error.stack)
    expect(back.cause).toBeInstanceOf(RangeError)
    expect((back.cause as Error).cause).toBe(7)
    expect(Object.keys(back)).toEqual(['code', 'at'])
    expect(differenceOf(back.at, new Date(3))).toBeUndefined()
    expect(Object.getOwnPropertyNames(back).sort()).toEqual(Object.getOwnPropertyNames(error).sort())
  })

  test('with the errors of an AggregateError', () => {
    const back = roundTrip(new AggregateError([new TypeError('a'), 'b'], 'both'))
    expect(back).toBeInstanceOf(AggregateError)
    expect(back.message).toBe('both')
    expect(back.errors[0]).toBeInstanceOf(TypeError)
    expect(back.errors[1]).toBe('b')
  })

  test('with a name of its own, and without what it has not', () => {
    const error = new Error()
    error.name = 'QuotaError'
    const back = roundTrip(error)
    expect(back.name).toBe('QuotaError')
    expect(Object.hasOwn(back, 'message')).toBe(false)
    expect(Object.hasOwn(back, 'cause')).toBe(false)
  })

  test('when Node made it', () => {
    const thrown = [() => readFileSync('/nowhere'), () => Buffer.alloc(-1), () => new URL('/')].map((work): unknown => {
      try {
        return work()
      } catch (error) {
        return error
      }
    })
    const back = roundTrip(thrown) as NodeJS.ErrnoException[]
    expect(back.map((error) => error.stack)).toEqual(thrown.map((error) => (error as Error).stack))
    expect(back.map((error) => error.code)).toEqual(['ENOENT', 'ERR_OUT_OF_RANGE', 'ERR_INVALID_URL'])
    expect(back[0]?.syscall).toBe('open')
    expect(back[1]).toBeInstanceOf(RangeError)
  })
})
