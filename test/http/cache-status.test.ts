import fc from 'fast-check'
import { parseList } from 'structured-headers'
import { expect, test } from 'vitest'
import { cacheStatusWith } from '../../middleware/http/cache-status.ts'

// RFC 9211 §2.1: "The "hit" parameter's value is a Boolean ... when true, it indicates that the request was satisfied by the cache".
// §2.4: "The "ttl" parameter's value is an Integer ... indicates the response's remaining freshness lifetime as calculated by the cache, as an
// integer number of seconds".
test('a hit says for how long it is fresh', () => {
  expect(cacheStatusWith(undefined, { hit: true, freshFor: 59_999 })).toBe('CacheAlchemy;hit;ttl=59')
  expect(cacheStatusWith(undefined, { hit: true, freshFor: -1 })).toBe('CacheAlchemy;hit;ttl=-1')
  expect(cacheStatusWith(undefined, { hit: true, freshFor: Infinity })).toBe('CacheAlchemy;hit')
  expect(cacheStatusWith(undefined, { hit: true, freshFor: 1e25 })).toBe('CacheAlchemy;hit;ttl=2147483648')
})

// RFC 9211 §2.2, §2.5, §2.6: "fwd", "stored", "collapsed".
test('a forwarded request says why, whether the answer was stored, and whether it waited', () => {
  expect(cacheStatusWith(undefined, { fwd: 'bypass' })).toBe('CacheAlchemy;fwd=bypass')
  expect(cacheStatusWith(undefined, { fwd: 'uri-miss', stored: true, freshFor: 5000 })).toBe('CacheAlchemy;fwd=uri-miss;stored;ttl=5')
  expect(cacheStatusWith(undefined, { fwd: 'miss', stored: false, collapsed: true })).toBe('CacheAlchemy;fwd=miss;collapsed')
  expect(cacheStatusWith(undefined, { fwd: 'uri-miss', detail: 'set-cookie' })).toBe('CacheAlchemy;fwd=uri-miss;detail="set-cookie"')
})

// RFC 9211 §2: "The first member represents the cache closest to the origin server, and the last member represents the cache closest to the
// user". "When adding a value to the Cache-Status header field, caches SHOULD preserve the existing field value".
test('it stands behind what is there', () => {
  expect(cacheStatusWith('Origin; hit', { fwd: 'stale' })).toBe('Origin; hit, CacheAlchemy;fwd=stale')
  expect(cacheStatusWith(['A; hit', 'B; hit'], { fwd: 'stale' })).toBe('A; hit, B; hit, CacheAlchemy;fwd=stale')
  expect(cacheStatusWith('', { fwd: 'stale' })).toBe('CacheAlchemy;fwd=stale')
})

test('a key or a detail cannot break out of its string, nor throw', () => {
  expect(cacheStatusWith(undefined, { fwd: 'miss', key: 'a"\\,\r\nX: é' })).toBe('CacheAlchemy;fwd=miss;key="a\\"\\\\,??X: ?"')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (key, detail) => {
      const list = parseList(cacheStatusWith('A', { fwd: 'miss', key, detail }))
      expect(list).toHaveLength(2)
      expect([...list[1]![1].keys()]).toEqual(['fwd', 'key', 'detail'])
    }),
  )
})

test('a long key is cut', () => {
  expect(cacheStatusWith(undefined, { fwd: 'miss', key: 'k'.repeat(10_000) }).length).toBeLessThan(400)
})
