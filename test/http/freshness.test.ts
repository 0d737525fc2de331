import { describe, expect, test } from 'vitest'
import { ageOf, explicitLifetime, freshFor, staleFor } from '../../middleware/http/freshness.ts'

const now = Date.UTC(2026, 5, 1, 12, 0, 0)
const at = (offset: number): string => new Date(now + offset).toUTCString()
const lifetime = (fields: Record<string, string | string[]>): number | undefined => explicitLifetime(fields, now)

// RFC 9111 §4.2.1: "A cache can calculate the freshness lifetime (denoted as freshness_lifetime) of a response by evaluating the following
// rules and using the first match: If the cache is shared and the s-maxage response directive is present, use its value, or if the max-age
// response directive is present, use its value, or if the Expires response header field is present, use its value minus the value of the
// Date response header field, or otherwise, no explicit expiration time is present in the response."
describe('RFC 9111 §4.2.1, the first of s-maxage, max-age, Expires', () => {
  test('s-maxage before max-age before Expires', () => {
    const expires = at(30_000)
    expect(lifetime({ 'cache-control': 'max-age=20, s-maxage=10', expires })).toBe(10_000)
    expect(lifetime({ 'cache-control': 'max-age=20', expires })).toBe(20_000)
    expect(lifetime({ expires })).toBe(30_000)
    expect(lifetime({ 'cache-control': 'public' })).toBeUndefined()
    expect(lifetime({})).toBeUndefined()
  })

  test('zero is explicit', () => {
    expect(lifetime({ 'cache-control': 'max-age=0' })).toBe(0)
    expect(lifetime({ 'cache-control': 's-maxage=0, max-age=100' })).toBe(0)
  })

  test('Expires counts from the Date of the response, not from now', () => {
    expect(lifetime({ date: at(-60_000), expires: at(30_000) })).toBe(90_000)
    expect(lifetime({ date: at(60_000), expires: at(30_000) })).toBe(0)
  })

  // RFC 9111 §4.2.1: "If directives conflict (e.g., both max-age and no-cache are present), the most restrictive directive should be honored.
  // Caches are encouraged to consider responses that have invalid freshness information (e.g., a max-age directive with non-integer content)
  // to be stale."
  test.each([
    { 'cache-control': 'max-age=abc' },
    { 'cache-control': 'max-age=-5' },
    { 'cache-control': 'max-age' },
    { 'cache-control': 's-maxage=x, max-age=100' },
    { 'cache-control': 'max-age=100, max-age=5' },
    { 'cache-control': 'max-age=abc', expires: at(100_000) },
    { expires: [at(1000), at(2000)] },
  ])('what is invalid or contradicts itself is stale: %j', (fields) => {
    expect(lifetime(fields)).toBe(0)
  })

  // RFC 9111 §5.3: "A cache recipient MUST interpret invalid date formats, especially the value "0", as representing a time in the past
  // (i.e., "already expired")."
  test.each(['0', '-1', '', 'soon', at(1000).replace('GMT', 'UTC')])('Expires: %s is in the past', (expires) => {
    expect(lifetime({ expires })).toBe(0)
  })

  test('the longest lifetime is 2^31 seconds', () => {
    expect(lifetime({ 'cache-control': 'max-age=99999999999999999999' })).toBe(2 ** 31 * 1000)
  })
})

// RFC 9111 §4.2.3: "apparent_age = max(0, response_time - date_value)", "corrected_initial_age = max(apparent_age, corrected_age_value)".
describe('RFC 9111 §4.2.3, the age of what a handler forwards', () => {
  test('the greater of what Age says and what Date shows', () => {
    expect(ageOf({}, now)).toBe(0)
    expect(ageOf({ age: '7' }, now)).toBe(7000)
    expect(ageOf({ date: at(-9000) }, now)).toBe(9000)
    expect(ageOf({ age: '7', date: at(-9000) }, now)).toBe(9000)
    expect(ageOf({ age: '70', date: at(-9000) }, now)).toBe(70_000)
    expect(ageOf({ date: at(9000) }, now)).toBe(0)
  })

  // RFC 9111 §5.1: "Although it is defined as a singleton header field, a cache encountering a message with a list-based Age field value
  // SHOULD use the first member of the field value, discarding subsequent ones. If the field value (after discarding additional members, as
  // per above) is invalid (e.g., it contains something other than a non-negative integer), a cache SHOULD ignore the field."
  test('the first member of an Age counts, garbage does not', () => {
    expect(ageOf({ age: ['5', '100'] }, now)).toBe(5000)
    expect(ageOf({ age: '5, 100' }, now)).toBe(5000)
    expect(ageOf({ age: 'abc' }, now)).toBe(0)
    expect(ageOf({ age: '-5' }, now)).toBe(0)
    expect(ageOf({ age: 12 }, now)).toBe(12_000)
    expect(ageOf({ age: '99999999999999' }, now)).toBe(2 ** 31 * 1000)
  })
})

describe('RFC 9111 §4.2.2, a guess where a response says nothing', () => {
  const guess = (status: number, fields: Readonly<Record<string, string>>): number => freshFor({ status, fields }, 'heuristic', now)

  test('is a tenth of how long it has been as it is, a day at most, less its age', () => {
    expect(guess(200, { 'last-modified': at(-100_000) })).toBe(10_000)
    expect(guess(200, { 'last-modified': at(-100_000), age: '4' })).toBe(6000)
    expect(guess(200, { 'last-modified': at(-100_000), date: at(-20_000) })).toBe(0)
    expect(guess(200, { 'last-modified': at(-1e11) })).toBe(24 * 60 * 60 * 1000)
    expect(guess(200, { 'last-modified': at(5000) })).toBe(0)
  })

  test('is none without Last-Modified, for other statuses, or where the response says how long', () => {
    expect(guess(200, {})).toBe(0)
    expect(guess(302, { 'last-modified': at(-100_000) })).toBe(0)
    expect(guess(302, { 'last-modified': at(-100_000), 'cache-control': 'public' })).toBe(10_000)
    expect(guess(404, { 'last-modified': at(-100_000) })).toBe(10_000)
    expect(guess(200, { 'last-modified': at(-100_000), 'cache-control': 'max-age=0' })).toBe(0)
    expect(guess(200, { 'last-modified': at(-100_000), 'cache-control': 'no-cache' })).toBe(0)
  })
})

describe('RFC 5861, for how long a response may be served stale', () => {
  const given = { whileRevalidate: 5000, ifError: 7000 }

  test('as it says itself, else as the route does', () => {
    expect(staleFor({}, given)).toEqual(given)
    expect(staleFor({ 'cache-control': 'max-age=1, stale-while-revalidate=2, stale-if-error=3' }, given)).toEqual({
      whileRevalidate: 2000,
      ifError: 3000,
    })
    expect(staleFor({ 'cache-control': 'stale-while-revalidate, stale-if-error=x' }, given)).toEqual({ whileRevalidate: 0, ifError: 0 })
  })

  test('under no-cache for some fields, since they are not there', () => {
    expect(staleFor({ 'cache-control': 'no-cache="x-a", stale-if-error=3' }, given)).toEqual({ whileRevalidate: 5000, ifError: 3000 })
    expect(freshFor({ status: 200, fields: { 'cache-control': 'no-cache="x-a", max-age=5' } }, 0, now)).toBe(5000)
    expect(freshFor({ status: 200, fields: { 'cache-control': 'no-cache, max-age=5' } }, 0, now)).toBe(0)
  })

  test.each(['must-revalidate', 'proxy-revalidate', 's-maxage=5', 'no-cache', 'no-cache="etag"'])('never under %s', (directive) => {
    const fields = { 'cache-control': `${directive}, stale-while-revalidate=2, stale-if-error=3` }
    expect(staleFor(fields, given)).toEqual({ whileRevalidate: 0, ifError: 0 })
  })
})

describe('for how long a response is kept', () => {
  test('its own lifetime wins over the ttl, in both directions', () => {
    expect(freshFor({ status: 200, fields: { 'cache-control': 'max-age=5' } }, 60_000, now)).toBe(5000)
    expect(freshFor({ status: 200, fields: { 'cache-control': 'max-age=500' } }, 60_000, now)).toBe(500_000)
    expect(freshFor({ status: 404, fields: { 'cache-control': 'max-age=5' } }, 60_000, now)).toBe(5000)
  })

  test('its age is taken off', () => {
    expect(freshFor({ status: 200, fields: { 'cache-control': 'max-age=60', age: '50' } }, 0, now)).toBe(10_000)
    expect(freshFor({ status: 200, fields: { 'cache-control': 'max-age=60', age: '70' } }, 0, now)).toBe(0)
    expect(freshFor({ status: 200, fields: { date: at(-20_000), expires: at(10_000) } }, 0, now)).toBe(10_000)
  })

  test.each([200, 203, 204, 301, 308])('without one, a %i is kept for the ttl', (status) => {
    expect(freshFor({ status, fields: {} }, 60_000, now)).toBe(60_000)
    expect(freshFor({ status, fields: {} }, Infinity, now)).toBe(Infinity)
    expect(freshFor({ status, fields: {} }, 0, now)).toBe(0)
  })

  test.each([201, 202, 206, 300, 302, 303, 307, 400, 404, 410, 500])('without one, a %i is not kept', (status) => {
    expect(freshFor({ status, fields: {} }, 60_000, now)).toBe(0)
  })
})
