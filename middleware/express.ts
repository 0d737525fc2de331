// Knows Express, 4 and 5: its requests as visits to a route, and the two middlewares that its users mount.

import { parse } from 'node:querystring'
import type { NextFunction, Request, Response } from 'express'
import { branded } from '../src/door.ts'
import type { Cache, Clearable, Ref } from '../src/index.ts'
import type { Place } from './http/added.ts'
import { capture } from './http/capture.ts'
import type { Captured, CaptureOptions } from './http/capture.ts'
import { hold } from './http/hold.ts'
import type { HoldOptions } from './http/hold.ts'
import { clearBeforeAnswer } from './http/mutation.ts'
import { resolveMutation } from './http/mutation-options.ts'
import type { InvalidatesOptions as MutationOptions, Target } from './http/mutation-options.ts'
import { propertyOf } from './http/property.ts'
import { filterQuery, filterUrl } from './http/query.ts'
import type { Query, QueryRule } from './http/query.ts'
import { replay } from './http/replay.ts'
import type { ReplayOptions, ReplayRequest } from './http/replay.ts'
import { fullPattern } from './http/route-name.ts'
import { Route } from './http/route.ts'
import type { RouteHandle } from './http/route-handle.ts'
import type { RouteOptions as Options } from './http/route-options.ts'
import type { StoredResponse } from './http/stored-response.ts'
import { socketOf } from './http/unwatched.ts'
import type { DerivedProperty } from './http/unkeyed.ts'
import type { Visit } from './http/visit.ts'

export { front } from './http/front.ts'
export type { RequestListener } from './http/front.ts'
export type { PartialRouteArguments } from './http/route-name.ts'

/** Options of `invalidates`. Its functions are given the request. */
export type InvalidatesOptions = MutationOptions<Request>

/** Options of a cached route. Its functions are given the request. */
export type RouteOptions = Options<Request>

/** A middleware of Express, for any path: generic, so that the next handler's `req.params` stays what its path says. */
export interface Middleware {
  <P, ResBody, ReqBody, ReqQuery, Locals extends Record<string, any>>(
    req: Request<P, ResBody, ReqBody, ReqQuery, Locals>,
    res: Response<ResBody, Locals>,
    next: NextFunction,
  ): void
}

/** A cached route: mount it before its handler, and clear it by its arguments. */
export interface CachedRoute extends Middleware, RouteHandle, Clearable {
  readonly ref: RouteHandle['ref']
  readonly clear: RouteHandle['clear']
  readonly expire: RouteHandle['expire']
}

/**
 * Caches the responses of the handlers behind it: `app.get("/users/:id", cached(cache), handler)`. Where it is not mounted on a path
 * (`app.use`), it needs its `path` option. Throws a `ConfigError` for options that are wrong.
 */
export function cached(cache: Cache, options: RouteOptions = {}): CachedRoute {
  const route = new Route<Request>(cache, options, 'express')
  const middleware = (req: Request, res: Response, next: NextFunction): void =>
    void route.visit(new ExpressVisit(req, res, next))?.catch(next)
  return branded(Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(route.handle()))) as unknown as CachedRoute
}

/**
 * Clears what a successful unsafe request (not GET, HEAD, OPTIONS or TRACE) changed, before its response reaches the client: all of a
 * cached function or route, the calls of it that `argsOf` gives the leading arguments of, or a ref.
 * @example app.put('/users/:id', invalidates(getUser, (req) => [req.params.id]), handler)
 */
export function invalidates(target: Clearable, argsOf?: (req: Request) => readonly unknown[], options?: InvalidatesOptions): Middleware
export function invalidates(target: Ref, argsOf?: undefined, options?: InvalidatesOptions): Middleware
/** The same for refs that are worked out from the request.@example invalidates((req) => [getUser.ref(req.params.id), cache.tag('table:users')]) */
export function invalidates(refsOf: (req: Request) => readonly Ref[], options?: InvalidatesOptions): Middleware
export function invalidates(target: Target<Request>, second?: unknown, third?: InvalidatesOptions): Middleware {
  const mutation = resolveMutation(target, second, third)
  const middleware = (req: Request, res: Response, next: NextFunction): void => {
    clearBeforeAnswer(new ExpressVisit(req, res, next), mutation)
    next()
  }
  return middleware as Middleware
}

/** One request that passes a middleware of this package: as it is when it comes to it, whatever layers behind it change. */
class ExpressVisit implements Visit<Request> {
  readonly subject: Request
  readonly req: Request
  readonly res: Response
  readonly method: string
  readonly target: string
  readonly url: string
  readonly path: string
  readonly pattern: string | undefined
  readonly params: Request['params']
  readonly query: Query
  readonly #next: NextFunction

  constructor(req: Request, res: Response, next: NextFunction) {
    this.subject = req
    this.req = req
    this.res = res
    this.method = req.method
    this.target = propertyOf(req, 'originalUrl')
    this.url = propertyOf(req, 'url')
    const baseUrl = propertyOf(req, 'baseUrl')
    this.path = routedPath(req, baseUrl)
    this.pattern = patternOf(req, baseUrl)
    this.params = req.params ?? {}
    this.query = queryOf(req, this.url)
    this.#next = next
  }

  origin(): string | undefined {
    return originOf(this.req)
  }

  derived(): readonly DerivedProperty[] {
    return derivedOf(this.req)
  }

  places(): readonly Place[] {
    return placesOf(this.req, this.res)
  }

  limitQuery(rule: QueryRule): () => void {
    return limitQuery(this.req, rule)
  }

  urls(rule: QueryRule): readonly [string, string] {
    return urlsOf(this.req, this.path, rule)
  }

  pass(): void {
    this.#next()
  }

  observe(options: CaptureOptions): Promise<Captured> {
    const captured = capture(this.res, options)
    this.#next()
    return captured
  }

  replay(stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): void {
    replay(this.res, stored, request, options)
  }

  hold(options: HoldOptions): void {
    hold(this.res, options)
  }
}

function patternOf(req: Request, baseUrl: string): string | undefined {
  const route = propertyOf(req, 'route') as { readonly path: unknown } | undefined
  return route === undefined ? undefined : fullPattern(baseUrl, route.path)
}

// As the router reads it.
function routedPath(req: Request, baseUrl: string): string {
  const path = propertyOf(req, 'path')
  return path === '/' && baseUrl !== '' ? baseUrl : baseUrl + path
}

function queryOf(req: Request, url: string): Query {
  const search = searchOf(url)
  const query = propertyOf(req, 'query') as Query | undefined
  // Where the application has switched the parser off, its handlers may still read the URL.
  const isParsed = search === '' || (query !== undefined && Object.keys(query).length > 0)
  return isParsed ? (query ?? {}) : parse(search)
}

function searchOf(url: string): string {
  if (!url.includes('?')) return ''
  const whole = url.split('#', 1)[0]!
  const mark = whole.indexOf('?')
  return mark < 0 ? '' : whole.slice(mark + 1)
}

function trustsProxy(req: Request): boolean {
  return (req.app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean)(socketOf(req).remoteAddress, 0)
}

// `req.host` is without its port in Express 4.
function originOf(req: Request): string | undefined {
  const forwarded = trustsProxy(req) ? req.get('x-forwarded-host')?.split(',')[0]?.trim() : undefined
  const host = forwarded || req.get('host')
  return host === undefined ? undefined : `${req.protocol}://${host}`
}

// Express computes them of these headers where it trusts the proxy, and of the connection where it does not.
function derivedOf(req: Request): readonly DerivedProperty[] {
  const trusts = trustsProxy(req)
  const host = trusts ? ['x-forwarded-host', 'host'] : ['host']
  const protocol = trusts ? ['x-forwarded-proto'] : ['protocol']
  const inputs = { host, hostname: host, subdomains: host, protocol, secure: protocol, ip: ['ip'], ips: ['ip'] }
  const computed = Object.entries(inputs).map(([name, inputs]) => ({ target: req, name, inputs }))
  // Parsed by an outer layer, which is over and done; its result is what is read now.
  const parsed = ['cookies', 'signedCookies'].filter((name) => Object.hasOwn(req, name))
  return [...computed, ...parsed.map((name) => ({ target: req, name, inputs: ['cookie'] }))]
}

function placesOf(req: Request, res: Response): Place[] {
  const locals: unknown = res.locals
  const places = [
    { target: req as object, label: 'req' },
    { target: res as object, label: 'res' },
  ]
  // A text that somebody has put in its place is an object that is not plain.
  return locals === undefined || locals === null
    ? places
    : [...places, { target: Object(locals) as object, label: 'res.locals', holder: { target: res, name: 'locals' } }]
}

function urlsOf(req: Request, path: string, rule: QueryRule): readonly [string, string] {
  const search = searchOf(req.url)
  const routed = search === '' ? path : `${path}?${search}`
  if (rule === true) return [req.originalUrl, routed]
  const nested = isNested(req)
  return [filterUrl(req.originalUrl, rule, nested), filterUrl(routed, rule, nested)]
}

function limitQuery(req: Request, rule: QueryRule): () => void {
  if (rule === true) return () => {}
  const { url, originalUrl } = req
  const own = Object.getOwnPropertyDescriptor(req, 'query')
  const whole = req.query
  const nested = isNested(req)
  // An own property, since Express 5 parses the URL anew each time it is asked and forgets what is written to it.
  Object.defineProperty(req, 'query', { value: filterQuery(whole as Query, rule), configurable: true, enumerable: true, writable: true })
  const limited = filterUrl(url, rule, nested)
  req.url = limited
  req.originalUrl = filterUrl(originalUrl, rule, nested)
  return () => {
    req.originalUrl = originalUrl
    // What an inner layer rewrote stays rewritten.
    if (req.url === limited) req.url = url
    Object.defineProperty(req, 'query', own ?? { value: whole, configurable: true, enumerable: true, writable: true })
  }
}

/** Whether the application's parser takes `a[b]=1` for an `a`. */
function isNested(req: Request): boolean {
  const parser = req.app.get('query parser fn') as ((query: string) => Query) | undefined
  return typeof parser?.('a[b]=1')['a'] === 'object'
}
