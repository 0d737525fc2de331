import { describe, expect, test } from 'vitest'
import { adviceForInside, insideOf, insideOfChanged, type InsideOptions } from '../../middleware/http/inside.ts'

const inside = (options: Partial<InsideOptions>): unknown =>
  insideOf({ fields: {}, baseline: {}, why: undefined, isRecoded: false, ...options })

describe('what belongs around a route is', () => {
  test('a cookie that was set inside, and is why nothing is stored', () => {
    const fields = { 'set-cookie': ['a=1'] }
    expect(inside({ fields, why: 'set-cookie' })).toBe('set-cookie')
    expect(inside({ fields: { 'set-cookie': ['a=1', 'b=2'] }, baseline: fields, why: 'set-cookie' })).toBe('set-cookie')
    // Of an outer layer; of a handler that says so itself; of none that is to blame.
    expect(inside({ fields, baseline: fields, why: 'set-cookie' })).toBeUndefined()
    expect(inside({ fields: { ...fields, 'cache-control': 'private="set-cookie"' }, why: 'set-cookie' })).toBeUndefined()
    expect(inside({ fields, why: 'private' })).toBeUndefined()
  })

  test('a coding that came behind the handler', () => {
    expect(inside({ fields: { 'content-encoding': 'gzip' }, isRecoded: true })).toBe('content-encoding')
    expect(inside({ fields: { 'content-encoding': 'gzip' } })).toBeUndefined()
    expect(inside({ fields: { 'content-encoding': 'Identity' }, isRecoded: true })).toBeUndefined()
    expect(inside({ isRecoded: true })).toBeUndefined()
  })
})

test('what changes a head on its way out is told from what sets a cookie there', () => {
  expect(insideOfChanged({ 'set-cookie': ['a=1'] }, { 'set-cookie': ['a=1'], vary: 'cookie' })).toBe('changed')
  expect(insideOfChanged({}, { 'set-cookie': ['a=1'] })).toBe('set-cookie')
})

test('the advice names the route and says what to move where', () => {
  expect(adviceForInside('set-cookie', 'express GET /')).toMatch(/"express GET \/".*before `cached`/)
  expect(adviceForInside('changed', 'koa GET /')).toMatch(/"koa GET \/".*before `cached`/)
  expect(adviceForInside('content-encoding', 'koa GET /')).toMatch(/"koa GET \/".*before `cached`/)
})
