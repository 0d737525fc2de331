import { parseList } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import { groupFields, groupsIn, groupsOf, invalidationField, MANY } from '../../middleware/http/groups.ts'
import { groupRef, patternRef, uriRef } from '../../src/door.ts'
import { tagRef } from '../../src/ref.ts'

const names = (field: string | undefined): unknown[] => parseList(field ?? '').map(([value]) => value)
const cacheGroups = (groups: readonly string[], before: Record<string, string> = {}): unknown[] =>
  names(groupFields(groups, ['cache-groups'], before)['Cache-Groups'])

// RFC 9875 §2: "The Cache-Groups HTTP response header field is a List of Strings ... The ordering of members is not significant. Unrecognised
// Parameters MUST be ignored."
describe('RFC 9875 §2, the groups in a field', () => {
  test('are its strings, in their own case, without parameters', () => {
    expect(groupsIn({ 'cache-groups': '"a", "B";x=1 , "c d"' }, 'cache-groups')).toEqual(['a', 'B', 'c d'])
    expect(groupsIn({ 'cache-groups': ['"a"', '"b"'] }, 'cache-groups')).toEqual(['a', 'b'])
    expect(groupsIn({ 'cache-group-invalidation': '"a\\"b"' }, 'cache-group-invalidation')).toEqual(['a"b'])
  })

  test.each(['', 'a', '1', '"a", b', '"a', '("a")', '"a",', '"é"'])('are none where it is no list of strings: %j', (field) => {
    expect(groupsIn({ 'cache-groups': field }, 'cache-groups')).toEqual([])
    expect(groupsIn({}, 'cache-groups')).toEqual([])
  })
})

describe('the groups of refs', () => {
  const refs = [
    patternRef('getUser', ['ann@films.example']),
    tagRef('table:users'),
    uriRef('/users/1'),
    groupRef('a'),
    patternRef('express GET /users/:id', [{ params: { id: '1' } }]),
  ]

  test('are names of functions and routes, which tell no argument', () => {
    expect(groupsOf(refs, 'asked', true)).toEqual(['getUser', 'express GET /users/:id'])
    expect(groupsOf(refs, 'asked', false)).toEqual([])
  })

  test('are what a function makes of them, which is shown no ref that is the engine’s', () => {
    expect(groupsOf(refs, 'asked', (shown, subject) => [...shown.map(String), subject])).toEqual([
      'getUser("ann@films.example",…)',
      '#tag("table:users")',
      'express GET /users/:id({"params":{"id":"1"}},…)',
      'asked',
    ])
  })
})

// RFC 9875 §2: "Implementations MUST support at least 32 groups in a field value, with up to at least 32 characters in each member."
describe('what a response says', () => {
  test('is each group once, and what its handler said', () => {
    expect(cacheGroups(['a', 'b', 'a'], { 'cache-groups': '"c";x' })).toEqual(['c', 'a', 'b'])
    expect(groupFields([], ['cache-groups'], {})).toEqual({})
    expect(groupFields(['a'], [], {})).toEqual({})
  })

  test('is text that a field can hold, of 32 characters at most, the same for the same name', () => {
    const long = 'x'.repeat(33)
    for (const name of ['é', '%', 'a\r\nSet-Cookie: b', '"\\', '\ud800', long, 'x'.repeat(32)]) {
      const [shown, ...more] = cacheGroups([name]) as string[]
      expect(more).toEqual([])
      expect(shown).toMatch(/^[ -~]{1,32}$/)
      expect(names(invalidationField([name], {}))).toContain(shown)
    }
    expect(cacheGroups(['é', 'x'.repeat(32)])).toEqual(['%C3%A9', 'x'.repeat(32)])
    expect(new Set(cacheGroups([`${long}a`, `${long}b`])).size).toBe(2)
  })

  test('is one group past 32, and every write drops that one', () => {
    const all = Array.from({ length: 33 }, (_, at) => `${at}`)
    expect(cacheGroups(all.slice(1))).toHaveLength(32)
    expect(cacheGroups(all)).toEqual([MANY])
    expect(names(invalidationField(['a'], {}))).toEqual(['a', MANY])
  })

  test('is a key or a tag to a CDN, without what would be two, within what it reads', () => {
    const fields = groupFields(['GET /a', 'b,c'], ['surrogate-key', 'cache-tag'], { 'surrogate-key': 'own' })
    expect(fields).toEqual({ 'Surrogate-Key': 'own GET%20/a b%2Cc', 'Cache-Tag': 'GET%20/a,b%2Cc' })
    const many = Array.from({ length: 1000 }, (_, at) => `group number ${at}`)
    expect(groupFields(many, ['surrogate-key', 'cache-tag'], {})).toEqual({ 'Surrogate-Key': MANY, 'Cache-Tag': MANY })
  })

  test('of a write is what it changed and what its handler said', () => {
    expect(names(invalidationField(['b'], { 'cache-group-invalidation': '"a"' }))).toEqual(['a', 'b', MANY])
    expect(invalidationField([], { 'cache-group-invalidation': '"a"' })).toBeUndefined()
  })
})
