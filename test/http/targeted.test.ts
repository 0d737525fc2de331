import { describe, expect, test } from 'vitest'
import { parseCacheControl, permits, restricts, validSeconds } from '../../middleware/http/cache-control.ts'
import { explicitLifetime } from '../../middleware/http/freshness.ts'
import { policyOf, privateTargets } from '../../middleware/http/targeted.ts'

const now = Date.UTC(2026, 5, 1, 12, 0, 0)
const CDN = ['cdn-cache-control']
const others = { 'cache-control': 'max-age=5', expires: new Date(now + 7_000).toUTCString() }
/** Seconds of freshness that a response with this CDN-Cache-Control has. */
const seconds = (cdn: string | string[], fields: Record<string, string> = others): number | undefined => {
  const lifetime = explicitLifetime(policyOf({ ...fields, 'cdn-cache-control': cdn }, CDN), now)
  return lifetime === undefined ? undefined : lifetime / 1000
}

// RFC 9213 §2.2: "the cache MUST use the first field in the target list that is present with a valid, non-empty value ... and MUST ignore the
// Cache-Control and Expires header fields".
describe('RFC 9213 §2.2, a targeted field', () => {
  test('decides alone', () => {
    expect(seconds('max-age=60')).toBe(60)
    expect(seconds('max-age=60', { 'cache-control': 'no-store, private' })).toBe(60)
    const control = parseCacheControl(policyOf({ 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=60' }, CDN)['cache-control'])
    expect(restricts(control, 'no-store')).toBe(false)
    expect(seconds('none')).toBeUndefined()
    expect(seconds(['max-age=60', 'must-revalidate'])).toBe(60)
  })

  test('takes no Decimal for a number of seconds: it is there, and says none', () => {
    for (const cdn of ['max-age=60.0', 'max-age=60.5', 'max-age=7, max-age=60.0']) expect([cdn, seconds(cdn)]).toEqual([cdn, 0])
    expect(seconds('max-age=60, x=1.5')).toBe(60)
  })

  test('is read as a dictionary: the last of two, without parameters, in lower case', () => {
    expect(seconds('max-age=60, max-age=70')).toBe(70)
    expect(seconds('max-age=60;x=1, no-cache;y')).toBe(60)
    expect(seconds('max-age=60   ,   must-revalidate')).toBe(60)
  })

  test.each([
    '',
    '   ',
    'max-age=60,',
    'max-age=60 private',
    'Max-Age=60',
    'max-age=',
    '"max-age"=60',
    'max-age=60; private, é',
    'max-age=60.0001',
    '=60',
  ])('is as if it were not there where it is empty or invalid: %j', (cdn) => {
    expect(seconds(cdn)).toBe(5)
  })

  test.each(['max-age="60"', 'max-age=60.5', 'max-age', 'max-age=?1', 'max-age=-60', 'max-age=(60)', 'max-age=sixty'])(
    'is fresh for no time where it says no whole number: %s',
    (cdn) => {
      expect(seconds(cdn)).toBe(0)
    },
  )

  test('restricts in any form, and permits in its own only', () => {
    const control = parseCacheControl(
      policyOf({ 'cdn-cache-control': 'private="x-a", no-cache=tok, no-store=?0, public=1, must-revalidate' }, CDN)['cache-control'],
    )
    for (const name of ['private', 'no-cache', 'no-store']) expect([name, restricts(control, name)]).toEqual([name, true])
    expect([permits(control, 'public'), permits(control, 'must-revalidate')]).toEqual([false, true])
    const odd = parseCacheControl(policyOf({ 'cdn-cache-control': 'x="a\\", private, \\"b", max-age=60' }, CDN)['cache-control'])
    expect([restricts(odd, 'private'), validSeconds(odd, 'max-age')]).toEqual([false, 60])
  })

  test('is one of the list, in its order; others are nothing to this cache', () => {
    const fields = { ...others, 'cdn-cache-control': 'max-age=60', 'a-cache-control': 'max-age=70', 'b-cache-control': '' }
    expect(explicitLifetime(policyOf(fields, ['b-cache-control', 'a-cache-control', 'cdn-cache-control']), now)).toBe(70_000)
    expect(policyOf(fields, [])).toBe(fields)
    expect(policyOf(fields, ['c-cache-control'])).toBe(fields)
  })
})

test('one owner’s response tells no cache to keep it', () => {
  expect(
    privateTargets({
      'cache-control': 'max-age=60',
      'cdn-cache-control': 'max-age=60',
      'x-cdn-cache-control': '',
      'surrogate-control': 'max-age=9',
    }),
  ).toEqual({
    'cdn-cache-control': 'private',
    'x-cdn-cache-control': 'private',
    'surrogate-control': 'no-store',
  })
  expect(privateTargets({})).toEqual({})
})
