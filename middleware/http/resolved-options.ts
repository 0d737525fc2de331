// Knows the options of a route as it uses them: each one checked, and those that are not given filled in.

import { checkFunction, checkNames, placeOf, show, toBoolean, toLifetime, toLimit, toVersion } from '../../src/door.ts'
import type { Engine, Place } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Ref } from '../../src/index.ts'
import type { StaleFor } from './freshness.ts'
import type { GroupField, GroupsOption } from './groups.ts'
import {
  checkGroups,
  toBytes,
  toFieldNames,
  toGroupFields,
  toHeaders,
  toList,
  toName,
  toPath,
  toQueryRule,
  toWindow,
} from './option-values.ts'
import type { GivenPath } from './option-values.ts'
import type { QueryRule } from './query.ts'
import type { OnHit, RouteOptions } from './route-options.ts'

/** Options with every value there and checked. */
export interface ResolvedOptions<Subject> {
  readonly name: string | undefined
  /** Empty for none. */
  readonly version: string
  readonly path: GivenPath | undefined
  readonly query: QueryRule
  /** In lower case. */
  readonly headers: readonly string[]
  readonly partition: ((subject: Subject) => string | undefined) | undefined
  /** Milliseconds. */
  readonly ttl: number | 'heuristic'
  readonly stale: StaleFor
  readonly revalidate: boolean
  readonly requestDirectives: boolean
  readonly posts: boolean
  /** In lower case, in their order. */
  readonly targets: readonly string[]
  readonly limit: number
  readonly limitInRedis: number | undefined
  readonly place: Place
  readonly dependsOn: ((subject: Subject) => readonly Ref[]) | undefined
  readonly track: boolean
  readonly groups: GroupsOption<Subject>
  readonly groupFields: readonly GroupField[]
  readonly maxBodyBytes: number
  readonly bypass: ((subject: Subject) => boolean) | undefined
  readonly ignore: ReadonlySet<string> | true
  readonly front: boolean
  readonly onHit: OnHit | undefined
  readonly cacheStatus: boolean
  readonly debug: boolean
}

const NAMES: readonly (keyof RouteOptions<unknown>)[] = [
  'name',
  'version',
  'path',
  'query',
  'headers',
  'partition',
  'ttl',
  'targets',
  'staleWhileRevalidate',
  'staleIfError',
  'revalidate',
  'requestDirectives',
  'posts',
  'limit',
  'store',
  'dependsOn',
  'track',
  'groups',
  'groupFields',
  'maxBodyBytes',
  'bypass',
  'ignore',
  'front',
  'onHit',
  'cacheStatus',
  'debug',
]

const MAX_BODY_BYTES = 1024 * 1024

/** Checks the options of a route and fills in the rest. Throws a `ConfigError` for what is wrong. */
export function resolveRouteOptions<Subject>(engine: Engine, options: RouteOptions<Subject>): ResolvedOptions<Subject> {
  checkNames(options, NAMES, 'cached')
  for (const name of ['partition', 'dependsOn', 'bypass', 'onHit'] as const) checkFunction(options[name], name)
  const { ttl, limit, partition, dependsOn, bypass, ignore = [] } = options
  const { track = true, revalidate = false, requestDirectives = false, posts = false, cacheStatus = true, debug = false } = options
  const { query = true, headers = [], maxBodyBytes = MAX_BODY_BYTES, front = false, onHit } = options
  const place = placeOf(engine, options.store)
  if (toBoolean(front, 'front')) checkFront(options, place)
  else if (onHit !== undefined)
    throw new ConfigError('`onHit` tells of hits in front of the framework: give `front: true` with it, or leave it out.')
  return {
    name: toName(options.name),
    version: toVersion(options.version),
    path: toPath(options.path),
    query: toQueryRule(query),
    headers: toHeaders(headers),
    partition,
    ttl: ttl === 'heuristic' ? ttl : ttl === undefined ? engine.options.ttl : toLifetime(ttl, 'ttl'),
    stale: {
      whileRevalidate: toWindow(options.staleWhileRevalidate, 'staleWhileRevalidate'),
      ifError: toWindow(options.staleIfError, 'staleIfError'),
    },
    revalidate: toBoolean(revalidate, 'revalidate'),
    requestDirectives: toBoolean(requestDirectives, 'requestDirectives'),
    posts: toBoolean(posts, 'posts'),
    targets: toFieldNames(options.targets ?? [], 'targets', 'names of response headers such as ["cdn-cache-control"]'),
    limit: limit === undefined ? engine.options.limit : toLimit(limit, 'limit'),
    limitInRedis: limit === undefined ? engine.options.limitInRedis : toLimit(limit, 'limit'),
    place,
    dependsOn,
    track: toBoolean(track, 'track'),
    groups: checkGroups(options.groups),
    groupFields: toGroupFields(options.groupFields ?? ['cache-groups']),
    maxBodyBytes: toBytes(maxBodyBytes),
    bypass,
    ignore:
      ignore === true
        ? true
        : new Set(toList(ignore, 'ignore', 'inputs such as ["user-agent"], or true').map((name) => name.toLowerCase())),
    front,
    onHit,
    cacheStatus: toBoolean(cacheStatus, 'cacheStatus'),
    debug: toBoolean(debug, 'debug'),
  }
}

/** What needs the framework's request, or is in no process's memory, cannot be answered before the framework is entered. */
function checkFront<Subject>({ partition, bypass }: RouteOptions<Subject>, place: Place): void {
  for (const [name, given] of Object.entries({ partition, bypass })) {
    if (given !== undefined) {
      throw new ConfigError(
        `\`${name}\` is asked of the framework's request, and with \`front: true\` hits are answered before there is one: leave out one of the two.`,
      )
    }
  }
  if (place === 'memory' || place === 'tiered') return
  throw new ConfigError(
    `\`front: true\` answers with what is in this process: it needs \`store\` to be "memory" or "tiered", got ${typeof place === 'string' ? show(place) : 'a store of your own'}.`,
  )
}
