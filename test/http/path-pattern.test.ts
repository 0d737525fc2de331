import { expect, test } from 'vitest'
import { compilePath } from '../../middleware/http/path-pattern.ts'
import { ConfigError } from '../../src/errors.ts'

test('parameters are decoded', () => {
  const user = compilePath('/users/:id')
  expect(user('/users/42')).toEqual({ id: '42' })
  expect(user('/users/%34%32')).toEqual({ id: '42' })
  expect(user('/users/a%2Fb')).toEqual({ id: 'a/b' })
  expect(compilePath('/files/*path')('/files/a/b%2Fc')).toEqual({ path: ['a', 'b/c'] })
  expect(compilePath('/users{/:id}')('/users')).toEqual({})
})

test('what does not match to the letter, or cannot be decoded, is no match', () => {
  const user = compilePath('/users/:id')
  for (const path of ['/users', '/users/42/', '/Users/42', '/users/42/posts', '//users/42', '/users/%E0%A4', ''])
    expect(user(path)).toBeUndefined()
})

test('a pattern that is not valid says what one looks like', () => {
  expect(() => compilePath('/users/:')).toThrow(ConfigError)
  expect(() => compilePath('/files/*')).toThrow('Expected `path` to be a pattern such as "/users/:id"')
})

// CVE-2024-45296, CVE-2024-52798: patterns that made a regular expression backtrack.
test('no path takes long to match', () => {
  const start = performance.now()
  compilePath('/:a-:b')(`/${'a-'.repeat(50_000)}/`)
  compilePath('/*a/x/*b')(`/${'x/'.repeat(2_000)}y`)
  expect(performance.now() - start).toBeLessThan(5_000)
})
