import type { Context } from 'koa'
import { expect, test } from 'vitest'
import { matchedRouteOf, routedPath } from '../../middleware/koa/matched-route.ts'

interface Layer {
  path: string | RegExp
  methods: string[]
}

/** A context as @koa/router leaves it: of its layers the paths, part by part, which is enough here. */
function contextOf(path: string, layers: readonly Layer[], more: object = {}): Context {
  const matched = layers.map((layer) => ({
    ...layer,
    match: (it: string) => it === path,
    captures: (it: string) => it.split('/'),
    params: (_path: string, captures: string[], existing: object) => ({
      ...existing,
      ...Object.fromEntries(
        String(layer.path)
          .split('/')
          .flatMap((part, at) => (part.startsWith(':') ? [[part.slice(1), captures[at]]] : [])),
      ),
    }),
  }))
  return {
    request: { path },
    originalUrl: path,
    matched,
    _matchedRoute: layers.at(-1)?.path,
    params: { kind: 'films' },
    ...more,
  } as unknown as Context
}

const film: Layer = { path: '/films/:id', methods: ['HEAD', 'GET'] }

test('the parameters are the route’s own, whatever other layers have found, and though it has not had its turn', () => {
  expect(matchedRouteOf(contextOf('/films/1', [{ path: '/:kind', methods: [] }, film]))).toEqual({
    pattern: '/films/:id',
    params: { id: '1' },
  })
})

test('what a layer found in a path it finds in that path alone, and nobody changes it', () => {
  const layers = (contextOf('/films/1', [film]) as unknown as { matched: { match: (path: string) => boolean }[] }).matched
  const asked: string[] = []
  layers[0]!.match = (path) => (asked.push(path), path !== '/films/3')
  const paramsOf = (path: string): unknown => matchedRouteOf({ ...contextOf(path, [film], { params: {} }), matched: layers })?.params
  for (let i = 0; i < 2; i++)
    expect([paramsOf('/films/1'), paramsOf('/films/2'), paramsOf('/films/3')]).toEqual([{ id: '1' }, { id: '2' }, undefined])
  expect(asked).toEqual(['/films/1', '/films/2', '/films/3', '/films/3'])
  expect(Object.isFrozen(paramsOf('/films/1'))).toBe(true)
})

test('the parameters are also what an outer layer has put there, and made of them', () => {
  const params = { kind: 'films', id: '42', user: 'ann' }
  expect(matchedRouteOf(contextOf('/films/me', [{ path: '/:kind', methods: [] }, film], { params }))?.params).toEqual({
    id: '42',
    user: 'ann',
  })
})

test('a layer of `use` is no route, and neither is one that the context has left', () => {
  expect(matchedRouteOf(contextOf('/films/1', []))).toBeUndefined()
  expect(matchedRouteOf(contextOf('/films/1', [{ path: '/films', methods: [] }]))).toBeUndefined()
  expect(matchedRouteOf({ ...contextOf('/films/1', [film]), request: { path: '/other' } } as unknown as Context)).toBeUndefined()
  expect(matchedRouteOf({ request: { path: '/' }, originalUrl: '/' } as Context)).toBeUndefined()
})

test('a mount path is part of the pattern and of the path, however deep, and not once it is left', () => {
  const mounted = contextOf('/films/1', [film], { mountPath: '/v1', originalUrl: '/API/v1/films/1?x=/films/1' })
  expect([matchedRouteOf(mounted)?.pattern, routedPath(mounted)]).toEqual(['/api/v1/films/:id', '/API/v1/films/1'])
  const left = contextOf('/films/1', [film], { mountPath: '/films', originalUrl: '/films/1' })
  expect([matchedRouteOf(left)?.pattern, routedPath(left)]).toEqual(['/films/:id', '/films/1'])
})

test('what an outer layer rewrote stays rewritten', () => {
  expect(routedPath(contextOf('/films/1', [film], { originalUrl: '/old/1' }))).toBe('/films/1')
  expect(routedPath(contextOf('/films/1', [film], { mountPath: '/v1', originalUrl: '/old/1' }))).toBe('/v1/films/1')
})
