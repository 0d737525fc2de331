// Knows the options of a cached route: what each is for, and what is wrong with one that is.

import { checkChoice, checkFunction, checkNames, placeOf, show, toLifetime, toLimit, toMilliseconds } from '../../src/door.ts'
import type { Engine, Place, StoreOption } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Duration, Ref } from '../../src/index.ts'
import { isTokenCode } from './fields.ts'
import type { StaleFor } from './freshness.ts'
import { GROUP_FIELDS } from './groups.ts'
import type { GroupField, GroupsOption } from './groups.ts'
import { compilePath } from './path-pattern.ts'
import type { PathPattern } from './path-pattern.ts'
import type { QueryRule } from './query.ts'

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
   * forbids it in no way: milliseconds, or a string with its unit. The first request that finds it stale runs the handler and gets its answer;
   * those that come meanwhile get the stale one. @default 0, never
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
   * Whether responses say in Cache-Status what the cache did. `fwd=uri-miss`: nothing was stored; `stale`: it was too old; `miss`: nothing was
   * stored for this request, and where `headers` or `partition` tell requests apart nobody looks what is for others; `vary-miss`: its Vary tells
   * it apart from what is stored. @default true
   * @example cacheStatus: false
   */
  cacheStatus?: boolean
  /** Whether Cache-Status shows keys, and with them whose response it is. @default false @example debug: process.env.NODE_ENV !== 'production' */
  debug?: boolean
}

/** Options with every value there and checked. */
export interface ResolvedOptions<Subject> {
  readonly name: string | undefined
  readonly path: { readonly pattern: string; readonly match: PathPattern } | undefined
  readonly query: QueryRule
  /** In lower case. */
  readonly headers: readonly string[]
  readonly partition: ((subject: Subject) => string | undefined) | undefined
  /** Milliseconds. */
  readonly ttl: number | 'heuristic'
  readonly stale: StaleFor
  readonly revalidate: boolean
  /** In lower case, in their order. */
  readonly targets: readonly string[]
  readonly limit: number
  readonly limitInRedis: number | undefined
  readonly place: Place
  readonly dependsOn: ((subject: Subject) => readonly Ref[]) | undefined
  readonly groups: GroupsOption<Subject>
  readonly groupFields: readonly GroupField[]
  readonly maxBodyBytes: number
  readonly bypass: ((subject: Subject) => boolean) | undefined
  readonly ignore: ReadonlySet<string> | true
  readonly cacheStatus: boolean
  readonly debug: boolean
}

const NAMES: readonly (keyof RouteOptions<unknown>)[] = [
  'name',
  'path',
  'query',
  'headers',
  'partition',
  'ttl',
  'targets',
  'staleWhileRevalidate',
  'staleIfError',
  'revalidate',
  'limit',
  'store',
  'dependsOn',
  'groups',
  'groupFields',
  'maxBodyBytes',
  'bypass',
  'ignore',
  'cacheStatus',
  'debug',
]

const MAX_BODY_BYTES = 1024 * 1024

/** Checks the options of a route and fills in the rest. Throws a `ConfigError` for what is wrong. */
export function resolveRouteOptions<Subject>(engine: Engine, options: RouteOptions<Subject>): ResolvedOptions<Subject> {
  checkNames(options, NAMES, 'cached')
  for (const name of ['partition', 'dependsOn', 'bypass'] as const) checkFunction(options[name], name)
  for (const name of ['cacheStatus', 'debug', 'revalidate'] as const) checkBoolean(options[name], name)
  const { ttl, limit, partition, dependsOn, bypass, ignore = [] } = options
  const { query = true, headers = [], maxBodyBytes = MAX_BODY_BYTES, cacheStatus = true, debug = false } = options
  return {
    name: toName(options.name),
    path: toPath(options.path),
    query: toQueryRule(query),
    headers: toHeaders(headers),
    partition,
    ttl: ttl === 'heuristic' ? ttl : ttl === undefined ? engine.options.ttl : toLifetime(ttl, 'ttl'),
    stale: {
      whileRevalidate: toWindow(options.staleWhileRevalidate, 'staleWhileRevalidate'),
      ifError: toWindow(options.staleIfError, 'staleIfError'),
    },
    revalidate: options.revalidate ?? false,
    targets: toFieldNames(options.targets ?? [], 'targets', 'names of response headers such as ["cdn-cache-control"]'),
    limit: limit === undefined ? engine.options.limit : toLimit(limit, 'limit'),
    limitInRedis: limit === undefined ? engine.options.limitInRedis : toLimit(limit, 'limit'),
    place: placeOf(engine, options.store),
    dependsOn,
    groups: checkGroups(options.groups),
    groupFields: toGroupFields(options.groupFields ?? ['cache-groups']),
    maxBodyBytes: toBytes(maxBodyBytes),
    bypass,
    ignore:
      ignore === true
        ? true
        : new Set(toList(ignore, 'ignore', 'inputs such as ["user-agent"], or true').map((name) => name.toLowerCase())),
    cacheStatus,
    debug,
  }
}

function toWindow(window: Duration | undefined, option: string): number {
  return window === undefined ? 0 : toMilliseconds(window, option)
}

function toName(name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name
  throw new ConfigError(`Expected \`name\` to be a text that is not empty, got ${show(name)}.`)
}

function toPath(path: unknown): ResolvedOptions<unknown>['path'] {
  if (path === undefined) return undefined
  if (typeof path === 'string' && path.startsWith('/')) return { pattern: path, match: compilePath(path) }
  throw new ConfigError(`Expected \`path\` to be a whole path that begins with "/", such as "/users/:id", got ${show(path)}.`)
}

function toQueryRule(query: unknown): QueryRule {
  return typeof query === 'boolean' ? query : toList(query, 'query', 'true, false, or names such as ["page", "sort"]')
}

function toHeaders(headers: unknown): readonly string[] {
  // Sorted and each once, so that two processes with one list in two orders have one Vary.
  return [...new Set(toFieldNames(headers, 'headers', 'names of request headers such as ["accept-language"]'))].sort()
}

function toFieldNames(given: unknown, option: string, expected: string): readonly string[] {
  const names = toList(given, option, expected).map((name) => name.toLowerCase())
  const wrong = names.find((name) => !Array.from(name).every((char) => isTokenCode(char.charCodeAt(0))))
  if (wrong !== undefined) throw new ConfigError(`Expected \`${option}\` to be ${expected}, got ${show(wrong)} among them.`)
  return names
}

function toList(value: unknown, option: string, expected: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')) return value as string[]
  throw new ConfigError(`Expected \`${option}\` to be ${expected}, got ${show(value)}.`)
}

function toGroupFields(given: unknown): readonly GroupField[] {
  const names = toList(given, 'groupFields', `of ${GROUP_FIELDS.map((name) => `"${name}"`).join(', ')}`)
  return names.map((name) => checkChoice(name as GroupField, GROUP_FIELDS, 'groupFields'))
}

/** Checks the option of a route and of a write. */
export function checkGroups<Subject>(groups: GroupsOption<Subject> | undefined): GroupsOption<Subject> {
  if (groups === undefined || typeof groups === 'boolean' || typeof groups === 'function') return groups ?? false
  throw new ConfigError(`Expected \`groups\` to be true, false or a function that gives names for refs, got ${show(groups)}.`)
}

function toBytes(bytes: unknown): number {
  if (bytes === Number.POSITIVE_INFINITY || (Number.isSafeInteger(bytes) && (bytes as number) >= 0)) return bytes as number
  throw new ConfigError(`Expected \`maxBodyBytes\` to be a whole number of bytes, got ${show(bytes)}.`)
}

function checkBoolean(value: unknown, option: string): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new ConfigError(`Expected \`${option}\` to be true or false, got ${show(value)}.`)
}
