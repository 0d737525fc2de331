// Knows on which route of @koa/router a middleware runs, and what its path's parameters are.

import type { Context } from 'koa'
import { LRUCache } from 'lru-cache'
import { fullPattern } from '../http/route-name.ts'

type Params = Readonly<Record<string, unknown>>

/** A route that matched: its pattern, mount path included, and the parameters that it alone found. */
export interface MatchedRoute {
  readonly pattern: string
  readonly params: Params
}

/** A layer of @koa/router, of any of its versions: no methods where it was made by `use`. */
interface Layer {
  readonly path: unknown
  readonly methods: readonly string[]
  match(path: string): boolean
  captures(path: string): string[]
  params(path: string, captures: string[], existing: object): Params
}

/** What koa-mount and @koa/router leave on a context. */
interface Routed {
  readonly mountPath?: string
  readonly matched?: readonly Layer[]
  readonly _matchedRoute?: unknown
  readonly params?: Params
}

/** The route of a context, or undefined where no route's own stack runs it: in `app.use`, and in `router.use`, which matches beginnings of paths. */
export function matchedRouteOf(ctx: Context): MatchedRoute | undefined {
  const { matched, _matchedRoute } = ctx as Routed
  const layer = matched?.findLast(({ path, methods }) => path === _matchedRoute && methods.length > 0)
  const own = layer && foundBy(layer, ctx.request.path)
  if (layer === undefined || own === undefined) return undefined
  return { pattern: fullPattern(mountOf(ctx), layer.path), params: paramsOf(ctx, layer, own) }
}

// Asked of the layer: on the context are those of every layer that matched so far, and of one that has not, none. What is there and none of
// them has found in the path, an outer layer has put there: "me" may have become a user's own id.
function paramsOf(ctx: Context, layer: Layer, own: Params): Params {
  const { params: there = {}, matched = [] } = ctx as Routed
  if (isWithin(there, own)) return own
  const others = Object.keys(there).filter((name) => there[name] !== own[name])
  const found = matched
    .filter(({ path, methods }) => path !== layer.path || methods !== layer.methods)
    .map((it) => foundBy(it, ctx.request.path))
  const put = others.filter((name) => found.every((params) => params?.[name] !== there[name]))
  return { ...own, ...Object.fromEntries(put.map((name) => [name, there[name]])) }
}

function isWithin(there: Params, own: Params): boolean {
  for (const name in there) if (there[name] !== own[name]) return false
  return true
}

const MOST = 1000
const LONGEST = 500

// What each layer found in which path: it does not change, and takes two regular expressions.
const found = new WeakMap<Layer, LRUCache<string, Params>>()

/** What a layer finds in a path; undefined where it does not match. */
function foundBy(layer: Layer, path: string): Params | undefined {
  const known = found.get(layer)?.get(path)
  if (known !== undefined) return known
  if (!layer.match(path)) return undefined
  const params = Object.freeze(layer.params(path, layer.captures(path), {}))
  if (path.length > LONGEST) return params
  if (!found.has(layer)) found.set(layer, new LRUCache({ max: MOST }))
  found.get(layer)!.set(path, params)
  return params
}

/** The path as it is routed: what koa-mount took off is there again, what an outer layer rewrote stays rewritten. */
export function routedPath(ctx: Context): string {
  return mountOf(ctx) + ctx.request.path
}

// koa-mount tells the innermost mount path only, and goes on telling it behind the mount.
function mountOf(ctx: Context): string {
  const { mountPath } = ctx as Routed
  if (mountPath === undefined) return ''
  const asked = ctx.originalUrl.split('?', 1)[0]!
  const { path } = ctx.request
  return asked.endsWith(path) ? asked.slice(0, asked.length - path.length) : mountPath
}
