import { describe, expect, test } from 'vitest'
import type { Fields } from '../../middleware/http/fields.ts'
import {
  isSameSelection,
  isSelection,
  learn,
  nominatedBy,
  selectingFields,
  selectionOf,
  varyWith,
  whyNotSelectable,
} from '../../middleware/http/vary.ts'
import type { Selection } from '../../middleware/http/vary.ts'

// RFC 9110 §12.5.5: "Vary = #( "*" / field-name )". "A list containing the member "*" signals that other aspects of the request might have
// played a role in selecting the response representation".
test('what a Vary nominates is a list of names without case, or anything', () => {
  expect(nominatedBy({})).toEqual([])
  expect(nominatedBy({ vary: 'Accept-Language,  ORIGIN' })).toEqual(['accept-language', 'origin'])
  expect(nominatedBy({ vary: ['Accept', 'Cookie,'] })).toEqual(['accept', 'cookie'])
  expect(nominatedBy({ vary: '*' })).toBe('*')
  expect(nominatedBy({ vary: ['Accept', 'Cookie, *'] })).toBe('*')
})

const selecting = (fields: Fields, baseline: Fields = {}, keyed: readonly string[] = [], partitioned = false): readonly string[] =>
  selectingFields({ fields, baseline, keyed, partitioned })
const refused = (vary: string, partitioned = false): string | undefined =>
  whyNotSelectable({ fields: { vary }, baseline: {}, keyed: [], partitioned })

// RFC 9111 §4.1: "When a cache receives a request that can be satisfied by a stored response and that stored response contains a Vary header
// field, the cache MUST NOT use that stored response without revalidation unless all the presented request header fields nominated by that
// Vary field value match those fields in the original request". "A stored response with a Vary header field value containing a member "*"
// always fails to match."
describe('RFC 9111 §4.1, what selects a response', () => {
  test('is each nominated field that the key does not hold anyway', () => {
    expect(selecting({})).toEqual([])
    expect(selecting({ vary: 'Accept-Language, constructor, accept-language' })).toEqual(['accept-language', 'constructor'])
    expect(selecting({ vary: 'Accept-Language, Accept' }, {}, ['accept-language'])).toEqual(['accept'])
  })

  test('is nothing that could be matched where it is "*", no name, or who asks', () => {
    for (const vary of ['*', 'Accept, *', ', *']) expect(refused(vary)).toBe('*')
    expect(refused('Accept; q=1')).toBe('accept; q=1')
    expect([refused('Cookie'), refused('Accept, Authorization')]).toEqual(['cookie', 'authorization'])
    expect([refused('Cookie, Authorization', true), selecting({ vary: 'Cookie' }, {}, [], true)]).toEqual([undefined, []])
  })

  test('is within bounds, or nothing is kept', () => {
    const names = Array.from({ length: 9 }, (_, at) => `x-${at}`)
    expect([refused(names.slice(1).join()), refused(names.join())]).toEqual([undefined, 'too long'])
    expect([refused('x'.repeat(256)), refused('x'.repeat(257))]).toEqual([undefined, 'too long'])
  })
})

describe('what is learned of a URI', () => {
  const nominated = (...fields: string[]): Selection => selectionOf(fields, [])!

  test('is what was nominated and what was read, or that nothing selects', () => {
    expect(selectionOf([], [])).toBeUndefined()
    expect(selectionOf(['b', 'a'], ['b', 'c'])).toEqual({ fields: ['a', 'b', 'c'], asRead: ['b', 'c'] })
  })

  test('is all that responses of it vary on, so that what was kept stays found', () => {
    expect(learn(undefined, nominated('a'))).toEqual(nominated('a'))
    expect(learn(nominated('a'), nominated('b'))).toEqual(nominated('a', 'b'))
    expect(learn(nominated('a'), selectionOf(['a'], ['a'])!)).toEqual({ fields: ['a'], asRead: ['a'] })
    expect(isSameSelection(nominated('a'), learn(nominated('a'), nominated('a')))).toBe(true)
    expect(isSameSelection(nominated('a'), selectionOf([], ['a'])!)).toBe(false)
    expect(isSameSelection(undefined, nominated('a'))).toBe(false)
  })

  test('is what the latest one varies on where both are too much', () => {
    const many = nominated(...Array.from({ length: 8 }, (_, at) => `x-${at}`))
    expect(learn(many, nominated('a'))).toEqual(nominated('a'))
    expect(learn(many, nominated('x-1'))).toEqual(many)
  })

  test('is not what somebody else wrote into a store', () => {
    expect(isSelection(nominated('a'))).toBe(true)
    for (const wrong of [
      null,
      {},
      { fields: [], asRead: [] },
      { fields: ['a'] },
      { fields: ['a b'], asRead: [] },
      { fields: 'a', asRead: [] },
    ])
      expect(isSelection(wrong)).toBe(false)
    expect(isSelection(nominated('cookie'))).toBe(false)
    expect(isSelection(nominated(...Array.from({ length: 9 }, (_, at) => `x-${at}`)))).toBe(false)
  })
})

describe('what a layer around the route varies on', () => {
  test('Origin is its own where only its own fields depend on it', () => {
    const outer = { vary: 'Origin', 'access-control-allow-origin': 'https://a.example' }
    expect(selecting({ ...outer }, outer)).toEqual([])
    expect(selecting({ vary: 'Origin' }, { vary: 'Origin' })).toEqual([])
  })

  test("Origin is the handler's too where the handler answers it", () => {
    const outer = { vary: 'Origin', 'access-control-allow-origin': 'https://a.example' }
    expect(selecting({ ...outer, 'access-control-allow-origin': 'https://b.example' }, outer)).toEqual(['origin'])
    expect(selecting({ vary: 'Origin' }, outer)).toEqual(['origin'])
    expect(selecting({ vary: 'Origin' }, {})).toEqual(['origin'])
  })

  test('Accept-Encoding is its own unless the handler encoded the body', () => {
    const outer = { vary: 'Accept-Encoding' }
    expect(selecting(outer, outer)).toEqual([])
    expect(selecting({ ...outer, 'content-encoding': 'br' }, outer)).toEqual(['accept-encoding'])
  })

  // An outer layer may have chosen what the handler reads: `req.locale`, `req.user`.
  test.each(['Accept-Language', 'Cookie', 'Authorization', 'Accept', 'User-Agent'])("%s is the handler's whoever nominates it", (name) => {
    expect(selecting({ vary: name }, { vary: name })).toEqual([name.toLowerCase()])
  })
})

// RFC 9110 §12.5.5: "An origin server SHOULD generate a Vary header field on a cacheable response when it wishes that response to be
// selectively reused for subsequent requests."
describe('the Vary of a response', () => {
  test('names each keyed field once, behind what is there', () => {
    expect(varyWith(undefined, [])).toBeUndefined()
    expect(varyWith(undefined, ['accept-language'])).toBe('accept-language')
    expect(varyWith('Accept-Language', ['accept-language', 'x-tenant'])).toBe('Accept-Language, x-tenant')
    expect(varyWith(['Origin', 'Accept'], ['accept'])).toBe('Origin, Accept')
    expect(varyWith('Origin', [])).toBe('Origin')
  })

  test('stays "*"', () => {
    expect(varyWith('*', ['accept'])).toBe('*')
  })
})
