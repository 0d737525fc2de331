// What a route remembers of its requests: the call that each was, for those that are like it in all that a call is made of.
import { describe, expect, test } from 'vitest'
import { KnownCalls } from '../../middleware/http/known-calls.ts'
import type { Visit } from '../../middleware/http/visit.ts'
import { Call } from '../../src/call.ts'

type Request = Pick<Visit<unknown>, 'target' | 'url' | 'path' | 'pattern' | 'params' | 'query'>

const request: Request = {
  target: '/api/films/17?page=2',
  url: '/films/17?page=2',
  path: '/api/films/17',
  pattern: '/api/films/:id',
  params: { id: '17' },
  query: { page: '2', tags: ['a', 'b'], filter: { year: '1979' } },
}
const call = new Call('k', true, 'films')
const visitOf = (changed: Partial<Request> = {}): Visit<unknown> => ({ ...structuredClone(request), ...changed }) as Visit<unknown>

function knowing(visit: Visit<unknown>): KnownCalls {
  const known = new KnownCalls()
  known.note(visit, call, { params: visit.params, query: visit.query })
  return known
}

describe('a request', () => {
  test('is the call that one like it was', () => {
    expect(knowing(visitOf()).of(visitOf())?.call).toBe(call)
    expect(knowing(visitOf()).of(visitOf({ target: '/api/films/18' }))).toBeUndefined()
  })

  const others: readonly Partial<Request>[] = [
    { url: '/films/18?page=2' },
    { path: '/films/17' },
    { pattern: '/films/:id' },
    { pattern: undefined },
    { params: { id: '18' } },
    { params: {} },
    { params: { id: '17', who: 'ann' } },
    { params: { id: ['17'] } },
    { params: { id: { toString: () => '17' } } },
    { query: {} },
    { query: { ...request.query, page: 2 } },
    { query: { ...request.query, page: '3' } },
    { query: { ...request.query, tags: ['b', 'a'] } },
    { query: { ...request.query, tags: ['a', 'b', 'c'] } },
    { query: { ...request.query, tags: 'a,b' } },
    { query: { ...request.query, filter: { year: '1980' } } },
    { query: { ...request.query, filter: ['1979'] } },
    { query: { ...request.query, toString: 'x' } },
    { query: { page: '2', tags: ['a', 'b'], toString: '' } },
  ]
  for (const other of others) {
    test(`is not, where what it is made of differs: ${JSON.stringify(other)}`, () => {
      expect(knowing(visitOf()).of(visitOf(other))).toBeUndefined()
      expect(knowing(visitOf(other)).of(visitOf())).toBeUndefined()
    })
  }

  test('may have its properties in another order, on objects with or without a prototype', () => {
    const { page, tags, filter } = request.query
    const query = Object.assign(Object.create(null) as Record<string, unknown>, { filter, tags, page })
    expect(knowing(visitOf()).of(visitOf({ query }))?.call).toBe(call)
  })

  test('is remembered as it was, whatever its handler does to it', () => {
    const params: Record<string, string> = { id: '17' }
    const first = visitOf({ params })
    const known = knowing(first)
    params['id'] = '18'
    expect(known.of(visitOf())?.args).toEqual({ params: { id: '17' }, query: request.query })
    expect(known.of(visitOf({ params: { id: '18' } }))).toBeUndefined()
  })

  test('is known by parameters that nobody can change without a look into them, and by those that hold what changes with one', () => {
    const fixed = Object.freeze({ id: '17' })
    expect(knowing(visitOf({ params: fixed })).of(visitOf({ params: fixed }))?.call).toBe(call)
    expect(knowing(visitOf({ params: fixed })).of(visitOf())?.call).toBe(call)
    expect(knowing(visitOf({ params: fixed })).of(visitOf({ params: Object.freeze({ id: '18' }) }))).toBeUndefined()
    const list = ['17']
    const loose = Object.freeze({ id: list })
    const known = knowing(visitOf({ params: loose }))
    list[0] = '18'
    expect(known.of(visitOf({ params: loose }))).toBeUndefined()
  })

  test('is not known by parameters that compute what they hold', () => {
    let id = '17'
    const computed = Object.freeze({
      get id() {
        return id
      },
    })
    const visit = { ...visitOf(), params: computed }
    const known = knowing(visit)
    id = '18'
    expect(known.of(visit)).toBeUndefined()
  })

  test('whose parameters a layer has made into what changes is made into a call each time', () => {
    const user = new (class User {
      name = 'ann'
    })()
    expect(knowing(visitOf({ params: { id: '17', user } })).of(visitOf({ params: { id: '17', user } }))).toBeUndefined()
  })
})

describe('requests', () => {
  test('are remembered up to a bound, the latest ones, and none of any length', () => {
    const known = knowing(visitOf())
    for (let i = 0; i < 1000; i++) known.note(visitOf({ target: `/${i}` }), call, { params: {}, query: {} })
    expect(known.of(visitOf())).toBeUndefined()
    expect(known.of(visitOf({ target: '/999' }))?.call).toBe(call)
    for (const long of [{ target: `/${'a'.repeat(500)}` }, { url: `/${'a'.repeat(500)}` }])
      expect(knowing(visitOf(long)).of(visitOf(long))).toBeUndefined()
  })

  test('are forgotten', () => {
    const known = knowing(visitOf())
    known.clear()
    expect(known.of(visitOf())).toBeUndefined()
  })
})
