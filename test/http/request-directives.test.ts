// What a client's directives demand, and which stored responses meet that.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { demandsOf, meets } from '../../middleware/http/request-directives.ts'
import type { Condition, Demands } from '../../middleware/http/request-directives.ts'

const nothing: Demands = {
  validated: false,
  stored: true,
  onlyStored: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
}
const saying = (control: string, pragma?: string): Demands | undefined =>
  demandsOf({ 'cache-control': control, ...(pragma !== undefined && { pragma }) })

// RFC 9111 §5.2.1
describe('what a request demands', () => {
  const table: readonly [control: string, demanded: Partial<Demands> | undefined][] = [
    ['no-cache', { validated: true }],
    ['No-Cache', { validated: true }],
    ['no-store', { stored: false }],
    ['max-age=60', { maxAge: 60_000 }],
    ['max-age="60"', { maxAge: 60_000 }],
    // As browsers reload a page.
    ['max-age=0', { maxAge: 0, validated: true }],
    ['min-fresh=10', { minFresh: 10_000 }],
    ['max-stale', { maxStale: Number.POSITIVE_INFINITY }],
    ['max-stale=10', { maxStale: 10_000 }],
    ['only-if-cached', { onlyStored: true }],
    ['max-age=60, max-stale=10, only-if-cached', { maxAge: 60_000, maxStale: 10_000, onlyStored: true }],
    // Of what is stored they demand nothing.
    ['no-transform', undefined],
    ['', undefined],
    ['stale-if-error=60, community="UCI"', undefined],
  ]
  test.each(table)('%s', (control, demanded) => {
    expect(saying(control)).toEqual(demanded && { ...nothing, ...demanded })
  })

  test('is nothing without the field', () => {
    expect(demandsOf({})).toBeUndefined()
    expect(demandsOf({ accept: '*/*' })).toBeUndefined()
  })

  // RFC 9111 §5.4: "if the Cache-Control header field is not present in a request".
  test('is no-cache by a Pragma, where there is no Cache-Control', () => {
    expect(demandsOf({ pragma: 'no-cache' })).toEqual({ ...nothing, validated: true })
    expect(demandsOf({ pragma: 'x, No-Cache' })).toEqual({ ...nothing, validated: true })
    expect(demandsOf({ pragma: 'unknown' })).toBeUndefined()
    expect(saying('max-stale=1', 'no-cache')).toEqual({ ...nothing, maxStale: 1000 })
    expect(saying('', 'no-cache')).toBeUndefined()
  })

  describe('badly written restricts as far as it can, and permits nothing', () => {
    const badly: readonly [control: string, demanded: Partial<Demands>][] = [
      ['no-cache=1', { validated: true }],
      ['no-store="x"', { stored: false }],
      ['max-age', { maxAge: 0, validated: true }],
      ['max-age=', { maxAge: 0, validated: true }],
      ['max-age=-1', { maxAge: 0, validated: true }],
      ['max-age=1.5', { maxAge: 0, validated: true }],
      ['max-age=60, max-age=30', { maxAge: 0, validated: true }],
      ['max-age=60; no-cache', { maxAge: 0, validated: true }],
      ['min-fresh=soon', { minFresh: Number.POSITIVE_INFINITY }],
      ['max-stale=soon', {}],
      ['max-stale=', {}],
      ['max-stale, max-stale=5', {}],
      ['only-if-cached=1', {}],
    ]
    test.each(badly)('%s', (control, demanded) => {
      expect(saying(control)).toEqual({ ...nothing, ...demanded })
    })

    test('whatever comes: it never throws, and never takes a stale response without max-stale', () => {
      fc.assert(
        fc.property(fc.string(), (control) => {
          const demands = saying(control)
          if (demands === undefined || /max-stale/i.test(control)) return
          expect(demands.maxStale).toBeUndefined()
        }),
      )
    })
  })
})

describe('a stored response', () => {
  const young: Condition = { age: 10_000, freshFor: 50_000, staleFor: 0, mayBeStale: true }
  const stale: Condition = { age: 70_000, freshFor: -10_000, staleFor: 0, mayBeStale: true }
  const table: readonly [control: string, condition: Condition, isMet: boolean][] = [
    ['no-store', young, true],
    ['only-if-cached', young, true],
    ['no-cache', young, false],
    ['no-cache, max-stale', young, false],
    ['max-age=0', { ...young, age: 0 }, false],
    // "whose age is less than or equal to the specified number of seconds"
    ['max-age=10', young, true],
    ['max-age=9', young, false],
    // "no less than its current age plus the specified time"
    ['min-fresh=50', young, true],
    ['min-fresh=51', young, false],
    ['min-fresh=soon', { ...young, freshFor: Number.MAX_VALUE }, false],
    ['max-age=10, min-fresh=51', young, false],
    ['max-stale', stale, true],
    ['max-stale=10', stale, true],
    ['max-stale=9', stale, false],
    ['max-stale=soon', stale, false],
    // RFC 9111 §4.2.4
    ['max-stale', { ...stale, mayBeStale: false }, false],
    ['max-stale', { ...young, mayBeStale: false }, true],
    // "Unless the max-stale request directive is also present, the client does not wish to receive a stale response."
    ['max-age=100', stale, false],
    ['max-age=100, max-stale=10', stale, true],
    ['max-age=60, max-stale=10', stale, false],
    ['min-fresh=0, max-stale', stale, true],
    ['min-fresh=1, max-stale', stale, false],
    // What says nothing of it is served stale as anyone is.
    ['no-store', stale, false],
    ['no-store', { ...stale, staleFor: 10_001 }, true],
    ['only-if-cached', { ...stale, staleFor: 10_001 }, true],
    ['max-age=100', { ...stale, staleFor: 10_001 }, false],
    ['max-stale=9', { ...stale, staleFor: 10_001 }, false],
  ]
  test.each(table)('%s, %o: %s', (control, condition, isMet) => {
    expect(meets(saying(control)!, condition)).toBe(isMet)
  })

  const seconds = fc.nat({ max: 100 })
  const conditions = fc.record({ age: fc.nat(100_000), freshFor: fc.integer({ min: -100_000, max: 100_000 }), mayBeStale: fc.boolean() })

  test('that meets a demand meets each weaker one', () => {
    fc.assert(
      fc.property(conditions, seconds, seconds, seconds, seconds, (rest, maxAge, minFresh, maxStale, more) => {
        const condition = { ...rest, staleFor: 0 }
        const demand = (age: number, fresh: number, stale: number) =>
          meets(saying(`max-age=${age}, min-fresh=${fresh}, max-stale=${stale}`)!, condition)
        if (!demand(maxAge + 1, minFresh, maxStale)) return
        expect(demand(maxAge + 1 + more, minFresh, maxStale)).toBe(true)
        expect(demand(maxAge + 1, Math.max(0, minFresh - more), maxStale)).toBe(true)
        expect(demand(maxAge + 1, minFresh, maxStale + more)).toBe(true)
      }),
    )
  })

  test('that is stale answers no one against its own word', () => {
    fc.assert(
      fc.property(conditions, seconds, (rest, maxStale) => {
        const condition = { ...rest, freshFor: -Math.abs(rest.freshFor), mayBeStale: false, staleFor: 0 }
        expect(meets(saying(`max-stale=${maxStale}`)!, condition)).toBe(false)
      }),
    )
  })
})
