// Knows the options of a cached route: what each is for.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StoreOption } from '../../src/door.ts'
import type { Duration, Ref } from '../../src/index.ts'
import type { GroupField, GroupsOption } from './groups.ts'

/** Told of a request that is answered before the framework is entered, and of its response, whose head has not left yet. */
export type OnHit = (req: IncomingMessage, res: ServerResponse) => void

/**
 * How a route is cached. `Subject` is what its functions are given: a request in Express, a context in Koa. An option that does not exist, or a
 * value that is none of its own, is a `ConfigError`.
 */
export interface RouteOptions<Subject> {
  /**
   * What the route is called in keys, refs and Redis; one name, one route. 1 to 500 characters, of which the first is no #.
   * @default framework, method and path: "express GET /users/:id"
   * @example name: 'user page'
   */
  name?: string
  /**
   * Which shape its responses have: processes with different versions of a route share clears and no responses, as while a new one is rolled
   * out. Letters, digits and ._+-, at most 100. @default none
   * @example version: '2' // the page has got a field
   */
  version?: string
  /**
   * The whole path, as a path-to-regexp pattern that begins with a slash. @default the path of the route it is mounted on, known from its first
   * request on
   * @example path: '/users/:id'
   */
  path?: string
  /**
   * Which query parameters are arguments: all, none, or these. The handler does not see the rest. @default true
   * @example query: ['page', 'sort']
   */
  query?: boolean | readonly string[]
  /** Request headers that are arguments. Responses name them in Vary. @default [] @example headers: ['accept-language'] */
  headers?: readonly string[]
  /**
   * Whose response this is (user, tenant, role): an argument, and what lets the answer to an authenticated request be stored, for its owner.
   * Such a response leaves as `private`. Undefined: anyone's. @default none
   * @example partition: (req) => req.user?.id
   */
  partition?: (subject: Subject) => string | undefined
  /**
   * How long a response of status 200, 203, 204, 301 or 308 is fresh that does not say so itself: milliseconds, or a string with its unit. 0: it
   * is not stored; -1 or Infinity: no expiry; what else is negative is refused. "heuristic": a tenth of the time since its Last-Modified, a day at
   * most, and nothing without that (RFC 9111 §4.2.2); errors of the server's are then stored too, where they say how long. @default the cache's
   * @example ttl: '5m'
   */
  ttl?: Duration
  /**
   * How long past its freshness a response may be served while it is made anew, where it does not say so itself in `stale-while-revalidate` and
   * forbids it in no way: milliseconds, or a string with its unit. All get the stale one at once, and one refresh runs behind: a GET of the same
   * target through the whole application, with what selects the response and without cookies, credentials or the client's own fields. Where that does
   * not reach the handler as the same request, or the response is its owner's (`partition`), or came by HTTP/2, the first request that finds it stale
   * runs the handler and waits, and those that come meanwhile get the stale one. @default 0, never
   * @example staleWhileRevalidate: '30s'
   */
  staleWhileRevalidate?: Duration
  /**
   * How long past its freshness a response may be served where the handler fails or answers 500, 502, 503 or 504, unless the response says so
   * itself in `stale-if-error` or forbids it: milliseconds, or a string with its unit. @default 0, never
   * @example staleIfError: '1h'
   */
  staleIfError?: Duration
  /**
   * Whether a stale response that has an ETag or a Last-Modified of its handler's is kept for a day, and its handler asked with If-None-Match and
   * If-Modified-Since: a 304 makes what is stored fresh again. Responses that say `no-cache` are then stored and asked after each time. The
   * handler never sees the client's own conditions. @default false
   * @example revalidate: true
   */
  revalidate?: boolean
  /**
   * Whether the client's Cache-Control is obeyed, and `Pragma: no-cache` where it sends none, RFC 9111 §5.2.1: `no-cache` and `max-age=0` ask the
   * handler, with `revalidate` by its validators; `no-store` keeps the answer out of the store; `max-age` and `min-fresh` take what is stored only
   * so young, `max-stale` also past its freshness by so much, where the response does not forbid it, and by a day at most; `only-if-cached` is
   * answered 504 where nothing stored will do. Any client can then make the handler work as often as it likes. @default false
   * @example requestDirectives: true
   */
  requestDirectives?: boolean
  /**
   * Whether the answer to a POST is stored for GETs of its URI, where it says that it is what they give: status 200, a Content-Location that is the
   * POST's own URI, and a lifetime of its own (RFC 9110 §9.3.3). The POST itself is never answered from what is stored. Not for a route whose
   * `query` names some parameters only.
   * @default false @example posts: true
   */
  posts?: boolean
  /**
   * Response fields that address cache directives to this cache: the first that is there and valid decides in place of Cache-Control and
   * Expires. RFC 9213. A CDN's is not meant for a cache inside the application, so none is asked for unless it is named. All leave as they came,
   * but in a response that is one owner's.
   * @default [] @example targets: ['cdn-cache-control']
   */
  targets?: readonly string[]
  /**
   * Responses kept in this process, and about as many in Redis, least recently used out first. 0: none; -1 or Infinity: no bound; what else is
   * no whole number of 0 or more is refused. @default the cache's
   * @example limit: 500
   */
  limit?: number
  /**
   * Where responses live: in this process, in Redis, in both, or in a store of one's own. "redis" and "tiered" are refused without Redis.
   * @default "tiered" with Redis, "memory" without
   * @example store: 'redis'
   */
  store?: StoreOption
  /** What a response depends on that running the handler does not show. @default nothing @example dependsOn: () => [cache.tag('table:users')] */
  dependsOn?: (subject: Subject) => readonly Ref[]
  /**
   * Whether what a response depends on is found by running its handler. Without, it depends on its route and URI, on what `dependsOn` declares
   * and on its groups, and not on the cached functions that its handler calls. A cache whose functions and routes all do without, and that has no
   * transactions, never touches AsyncLocalStorage. @default true
   * @example track: false
   */
  track?: boolean
  /**
   * Names the response's groups for caches in front of this one, RFC 9875: with true the names of the functions and routes that it was computed
   * from, without arguments; a function is given their refs and gives names of its own. Of a streamed response, those of what was read before
   * its first byte. A write names the same groups with `groups` of `invalidates`.
   * @default false @example groups: (refs, req) => [...refs.map((ref) => ref.name), `film ${req.params.id}`]
   */
  groups?: GroupsOption<Subject>
  /** In which fields. @default ["cache-groups"] @example groupFields: ['cache-groups', 'surrogate-key', 'cache-tag'] */
  groupFields?: readonly GroupField[]
  /**
   * A larger body is streamed through and not stored. Bytes, a whole number of 0 or more; Infinity: no bound. @default 1048576, 1 MiB
   * @example maxBodyBytes: 64 * 1024
   */
  maxBodyBytes?: number
  /**
   * Requests that go to the handler, whatever is stored, and whose responses are not stored. @default none
   * @example bypass: (req) => req.query['preview'] !== undefined
   */
  bypass?: (subject: Subject) => boolean
  /**
   * What the handler may read though the key does not cover it, as the warning names it: a header, "ip", or what an outer layer has put on the
   * request. true: all of it. @default []
   * @example ignore: ['user-agent', 'ip', 'req.locale', 'ctx.state.theme']
   */
  ignore?: readonly string[] | true
  /**
   * Whether its hits are answered before the framework is entered, where the application's request listener goes through `front(cache, listener)`.
   * Its responses are then kept as they leave the process, fields of outer layers included. On such a hit no layer around the route runs:
   * **no authentication, logging, rate limit or metrics**; `onHit` tells of each. Not kept in front, and answered behind the framework as without
   * this option, is what a reverse proxy would refuse: the answer to a request with Authorization, one with a Set-Cookie of any layer, one whose
   * status or freshness an outer layer has changed, and one for which any layer read cookies, the client's address or another input that is
   * neither in the URL nor in its Vary nor in `ignore`. With `partition`, `bypass` or a `store` that is not in this process: a `ConfigError`.
   * @default false
   * @example front: true
   */
  front?: boolean
  /**
   * Told of each hit in front of the framework, before anything of the answer has left: to log or count it. What it throws goes to the cache's
   * `onError`, and the hit is answered. Refused without `front: true`. @default nothing
   * @example onHit: (req, res) => res.once('finish', () => log(req.method, req.url, res.statusCode))
   */
  onHit?: OnHit
  /**
   * Whether responses say in Cache-Status what the cache did. `fwd=uri-miss`: nothing was stored; `stale`: it was too old; `miss`: nothing was
   * stored for this request, and where `headers` or `partition` tell requests apart nobody looks what is for others; `vary-miss`: its Vary tells
   * it apart from what is stored. @default true
   * @example cacheStatus: false
   */
  cacheStatus?: boolean
  /** Whether Cache-Status shows keys, and with them whose response it is. @default false @example debug: process.env.NODE_ENV !== 'production' */
  debug?: boolean
}
