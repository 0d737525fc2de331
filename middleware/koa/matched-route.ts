// Knows on which route of @koa/router a middleware runs, and what its path's parameters are.

import type { Context } from 'koa'
import { fullPattern } from '../http/route-name.ts'

/** A route that matched: its pattern, mount path included, and the parameters that it alone found. */
export interface MatchedRoute {
  readonly pattern: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A layer of @koa/router, of any of its versions: no methods where it was made by `use`. */
interface Layer {
  readonly path: unknown
  readonly methods: readonly string[]
  match(path: string): boolean
  captures(path: string): string[]
  params(path: string, captures: string[], existing: object): Readonly<Record<string, unknown>>
}

/** What koa-mount and @koa/router leave on a context. */
interface Routed {
  readonly mountPath?: string
  readonly matched?: readonly Layer[]
  readonly _matchedRoute?: unknown
  readonly params?: Readonly<Record<string, unknown>>
}

/** The route of a context, or undefined where no route's own stack runs it: in `app.use`, and in `router.use`, which matches beginnings of paths. */
export function matchedRouteOf(ctx: Context): MatchedRoute | undefined {
  const { matched, _matchedRoute } = ctx as Routed
  const layer = matched?.findLast(({ path, methods }) => path === _matchedRoute && methods.length > 0)
  if (layer?.match(ctx.path) !== true) return undefined
  return { pattern: fullPattern(mountOf(ctx), layer.path), params: paramsOf(ctx, layer) }
}

// Asked of the layer: on the context are those of every layer that matched so far, and of one that has not, none. What is there and none of
// them has found in the path, an outer layer has put there: "me" may have become a user's own id.
function paramsOf(ctx: Context, layer: Layer): Readonly<Record<string, unknown>> {
  const { params: there = {}, matched = [] } = ctx as Routed
  const own = foundBy(layer, ctx.path)
  const others = Object.keys(there).filter((name) => there[name] !== own[name])
  if (others.length === 0) return own
  const found = matched.filter(({ path, methods }) => path !== layer.path || methods !== layer.methods).map((it) => foundBy(it, ctx.path))
  const put = others.filter((name) => found.every((params) => params[name] !== there[name]))
  return { ...own, ...Object.fromEntries(put.map((name) => [name, there[name]])) }
}

function foundBy(layer: Layer, path: string): Readonly<Record<string, unknown>> {
  return layer.params(path, layer.captures(path), {})
}

/** The path as it is routed: what koa-mount took off is there again, what an outer layer rewrote stays rewritten. */
export function routedPath(ctx: Context): string {
  return mountOf(ctx) + ctx.path
}

// koa-mount tells the innermost mount path only, and goes on telling it behind the mount.
function mountOf(ctx: Context): string {
  const { mountPath } = ctx as Routed
  if (mountPath === undefined) return ''
  const asked = ctx.originalUrl.split('?', 1)[0]!
  return asked.endsWith(ctx.path) ? asked.slice(0, asked.length - ctx.path.length) : mountPath
}
