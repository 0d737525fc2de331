import { describe, expect, test } from 'vitest'
import { nominatedBy, unkeyedNomination, varyWith } from '../../middleware/http/vary.ts'

// RFC 9110 §12.5.5: "Vary = #( "*" / field-name )". "A list containing the member "*" signals that other aspects of the request might have
// played a role in selecting the response representation".
test('what a Vary nominates is a list of names without case, or anything', () => {
  expect(nominatedBy({})).toEqual([])
  expect(nominatedBy({ vary: 'Accept-Language,  ORIGIN' })).toEqual(['accept-language', 'origin'])
  expect(nominatedBy({ vary: ['Accept', 'Cookie,'] })).toEqual(['accept', 'cookie'])
  expect(nominatedBy({ vary: '*' })).toBe('*')
  expect(nominatedBy({ vary: ['Accept', 'Cookie, *'] })).toBe('*')
})

// RFC 9111 §4.1: "When a cache receives a request that can be satisfied by a stored response and that stored response contains a Vary header
// field, the cache MUST NOT use that stored response without revalidation unless all the presented request header fields nominated by that
// Vary field value match those fields in the original request". "A stored response with a Vary header field value containing a member "*"
// always fails to match."
describe('RFC 9111 §4.1, what the key must hold', () => {
  test('each nominated field', () => {
    expect(unkeyedNomination({}, {}, [])).toBeUndefined()
    expect(unkeyedNomination({ vary: 'Accept-Language' }, {}, [])).toBe('accept-language')
    expect(unkeyedNomination({ vary: 'Accept-Language' }, {}, ['accept-language'])).toBeUndefined()
    expect(unkeyedNomination({ vary: 'Accept-Language, Accept' }, {}, ['accept-language'])).toBe('accept')
    expect(unkeyedNomination({ vary: 'constructor' }, {}, [])).toBe('constructor')
  })

  test('"*" is never held', () => {
    expect(unkeyedNomination({ vary: '*' }, {}, ['*'])).toBe('*')
    expect(unkeyedNomination({ vary: '*' }, { vary: '*' }, [])).toBe('*')
  })
})

describe('what a layer around the route varies on', () => {
  test('Origin is its own where only its own fields depend on it', () => {
    const outer = { vary: 'Origin', 'access-control-allow-origin': 'https://a.example' }
    expect(unkeyedNomination({ ...outer }, outer, [])).toBeUndefined()
    expect(unkeyedNomination({ vary: 'Origin' }, { vary: 'Origin' }, [])).toBeUndefined()
  })

  test("Origin is the handler's too where the handler answers it", () => {
    const outer = { vary: 'Origin', 'access-control-allow-origin': 'https://a.example' }
    expect(unkeyedNomination({ ...outer, 'access-control-allow-origin': 'https://b.example' }, outer, [])).toBe('origin')
    expect(unkeyedNomination({ vary: 'Origin' }, outer, [])).toBe('origin')
    expect(unkeyedNomination({ vary: 'Origin' }, {}, [])).toBe('origin')
  })

  test('Accept-Encoding is its own unless the handler encoded the body', () => {
    const outer = { vary: 'Accept-Encoding' }
    expect(unkeyedNomination(outer, outer, [])).toBeUndefined()
    expect(unkeyedNomination({ ...outer, 'content-encoding': 'br' }, outer, [])).toBe('accept-encoding')
  })

  // An outer layer may have chosen what the handler reads: `req.locale`, `req.user`.
  test.each(['Accept-Language', 'Cookie', 'Authorization', 'Accept', 'User-Agent'])("%s is the handler's whoever nominates it", (name) => {
    expect(unkeyedNomination({ vary: name }, { vary: name }, [])).toBe(name.toLowerCase())
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
