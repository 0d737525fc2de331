import { expect, test } from 'vitest'
import { defaultName, fullPattern, hasParamsOf, isDetermined, routeRef } from '../../middleware/http/route-name.ts'
import { any, ConfigError } from '../../src/index.ts'

test('a pattern is its mount and its path, and the mount is in lower case', () => {
  expect([
    fullPattern('', '/'),
    fullPattern('', '/a/:Id'),
    fullPattern('/API', '/a/'),
    fullPattern('/api', '/'),
    fullPattern('/api', /^\/a$/),
  ]).toEqual(['/', '/a/:Id', '/api/a', '/api', '/api/^\\/a$'])
})

test('a name is the framework, the method and the pattern', () => {
  expect(defaultName('express', '/a/:id')).toBe('express GET /a/:id')
})

test('the parameters say which path it was where every part is fixed or a parameter', () => {
  for (const pattern of ['/', '/a/:id', '/a-b/:from-:to', '/a.json', '/a/:id.json'])
    expect([pattern, isDetermined(pattern)]).toEqual([pattern, true])
  for (const pattern of [
    '/a/*',
    '/a/*rest',
    '/a/:id?',
    '/a{/:id}',
    '/ab?c',
    '/ab+c',
    '/(a|b)',
    String(/^\/a/),
    String(['/a/:id', '/b/:id']),
  ])
    expect([pattern, isDetermined(pattern)]).toEqual([pattern, false])
})

test('parameters are those of a pattern where it has no other', () => {
  expect([
    hasParamsOf('/a/:id', { id: '1' }),
    hasParamsOf('/a', {}),
    hasParamsOf('/a/:id', {}),
    hasParamsOf('/a/:id/:b', { id: '1' }),
  ]).toEqual([true, true, false, false])
})

test('a ref names what it is given, and header names in any case', () => {
  expect(String(routeRef('r', undefined))).toBe('r(…)')
  expect(routeRef('r', { headers: { 'X-A': '1' } }).id).toBe(routeRef('r', { headers: { 'x-a': '1' } }).id)
  expect(routeRef('r', { params: { id: any } }).id).not.toBe(routeRef('r', { params: { id: '1' } }).id)
  expect(() => routeRef('r', { id: '1' } as never)).toThrow(ConfigError)
  expect(() => routeRef('r', { headers: { a: 1 } } as never)).toThrow(/`headers\.a`/)
})
