// Knows Koa, 2 and 3, with and without @koa/router: the two middlewares that its users mount.

import type { Context, Next } from 'koa'
import { branded } from '../src/door.ts'
import type { Cache, Clearable, Ref } from '../src/index.ts'
import { clearBeforeAnswer } from './http/mutation.ts'
import { resolveMutation } from './http/mutation-options.ts'
import type { InvalidatesOptions as MutationOptions, Target } from './http/mutation-options.ts'
import { Route } from './http/route.ts'
import type { RouteHandle } from './http/route-handle.ts'
import type { RouteOptions as Options } from './http/route-options.ts'
import { KoaVisit } from './koa/visit.ts'

export { front } from './http/front.ts'
export type { RequestListener } from './http/front.ts'
export type { PartialRouteArguments } from './http/route-name.ts'

/** Options of `invalidates`. Its functions are given the context. */
export type InvalidatesOptions = MutationOptions<Context>

/** Options of a cached route. Its functions are given the context. */
export type RouteOptions = Options<Context>

/** A middleware of Koa, for an application or a router. */
export type Middleware = (ctx: Context, next: Next) => Promise<void>

/** A cached route: mount it before its handler, and clear it by its arguments. */
export interface CachedRoute extends Middleware, RouteHandle, Clearable {
  readonly ref: RouteHandle['ref']
  readonly clear: RouteHandle['clear']
  readonly expire: RouteHandle['expire']
}

/**
 * Caches the responses of the middlewares behind it: `router.get("/users/:id", cached(cache), handler)`. Where it is not mounted on a route
 * of @koa/router (`app.use`, `router.use`), it needs its `path` option. Throws a `ConfigError` for options that are wrong.
 */
export function cached(cache: Cache, options: RouteOptions = {}): CachedRoute {
  const route = new Route<Context>(cache, options, 'koa')
  const middleware: Middleware = (ctx, next) => {
    const visit = new KoaVisit(ctx, next)
    return visit.answered(route.visit(visit))
  }
  return branded(Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(route.handle()))) as CachedRoute
}

/**
 * Clears what a successful unsafe request (not GET, HEAD, OPTIONS or TRACE) changed, before its response reaches the client: all of a
 * cached function or route, the calls of it that `argsOf` gives the leading arguments of, or a ref.
 * @example router.put('/users/:id', invalidates(getUser, (ctx) => [ctx.params.id]), handler)
 */
export function invalidates(target: Clearable, argsOf?: (ctx: Context) => readonly unknown[], options?: InvalidatesOptions): Middleware
export function invalidates(target: Ref, argsOf?: undefined, options?: InvalidatesOptions): Middleware
/** The same for refs that are worked out from the context.@example invalidates((ctx) => [getUser.ref(ctx.params.id), cache.tag('table:users')]) */
export function invalidates(refsOf: (ctx: Context) => readonly Ref[], options?: InvalidatesOptions): Middleware
export function invalidates(target: Target<Context>, second?: unknown, third?: InvalidatesOptions): Middleware {
  const mutation = resolveMutation(target, second, third)
  return function invalidating(ctx, next) {
    const visit = new KoaVisit(ctx, next)
    clearBeforeAnswer(visit, mutation)
    visit.pass()
    return visit.answered(undefined)
  }
}
