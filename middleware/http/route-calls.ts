// Knows which call a request is: the route's name and pattern, from its options or its first request, and the arguments of each request.

import { Calls, keyOf, wholeRef } from '../../src/door.ts'
import type { Call, Engine, StaleWindows } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Ref } from '../../src/index.ts'
import { adviceFor, nameOfInput } from './advice.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { selectingFieldsOf } from './http2.ts'
import { adviceForInside } from './inside.ts'
import type { Inside } from './inside.ts'
import { KnownCalls } from './known-calls.ts'
import { isPlain, plainPathOf } from './plain-url.ts'
import type { PlainPath } from './plain-url.ts'
import { argumentsOf, keyText, selectedArguments } from './request-key.ts'
import type { RouteArguments } from './request-key.ts'
import { defaultName, hasParamsOf, isDetermined, routeRef } from './route-name.ts'
import type { PartialRouteArguments } from './route-name.ts'
import { anOwner, told } from './option-calls.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { bytesOf, storedResponseCodec } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unwatched.ts'
import type { Input } from './unkeyed.ts'
import type { Selection } from './vary.ts'
import type { Visit } from './visit.ts'

/** A request as a call of its route. */
export interface Asked {
  readonly calls: Calls<StoredResponse>
  readonly call: Call
  /** What its URI, the route's `headers` and its owner are: the call where nothing else selects its response. */
  readonly primary: Call
  readonly args: RouteArguments
  /** Its fields, as they came. */
  readonly fields: Fields
  /** What else selects its response, once that is known. RFC 9111 §4.1 */
  readonly selection?: Selection
  /** Until when what says so is fresh, in milliseconds of the cache's clock. */
  readonly signUntil?: number
  /** Whether the route's `partition` named an owner for it. */
  readonly partitioned: boolean
}

/** Why a request is no call of its route, in a few words for Cache-Status. */
export interface NotAsked {
  readonly why: string
}

function callOf(calls: Calls<StoredResponse>, args: RouteArguments): Call {
  const list = [args]
  return calls.call(list, keyOf(list))
}

/** The request as the call of what this selects for it. */
export function selected(asked: Asked, selection: Selection): Asked {
  return { ...asked, selection, call: callOf(asked.calls, selectedArguments(asked.args, asked.fields, selection)) }
}

// What the log keeps clears for, where only the responses say how long they are fresh.
const DAY = 24 * 60 * 60 * 1000
const MOST_WARNINGS = 100
const NEVER_STALE: StaleWindows = { whileRevalidate: 0, ifError: 0, kept: 0 }

export class RouteCalls<Subject> {
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #framework: string
  readonly #warned: Set<string> = new Set()
  readonly #declaredNames: Set<string> = new Set()
  #calls: Calls<StoredResponse> | undefined
  #pattern: string | undefined
  #plainPath: PlainPath | undefined
  /** Undefined where more than a request's URL says which call it is. */
  readonly #known: KnownCalls | undefined
  #isRefused = false
  #otherPattern: string | undefined

  constructor(engine: Engine, options: ResolvedOptions<Subject>, framework: string) {
    this.#engine = engine
    this.#options = options
    this.#framework = framework
    const { name, path, headers, partition } = options
    if (headers.length === 0 && partition === undefined) this.#known = new KnownCalls()
    if (path !== undefined) this.#pattern = path.pattern
    if (name !== undefined || path !== undefined) this.#calls = this.#register(name ?? defaultName(framework, path!.pattern))
  }

  /** The calls of this route. Throws a `ConfigError` while nothing has said what it is called. */
  known(): Calls<StoredResponse> {
    if (this.#calls !== undefined) return this.#calls
    throw new ConfigError(
      'This route is not known yet: no request has reached it. Give it a `path` or a `name`, and it can be cleared from the start.',
    )
  }

  /** Whether these are its calls, and it is not bypassed. */
  isOf(calls: Calls<StoredResponse>): boolean {
    return this.#calls === calls && this.#otherPattern === undefined
  }

  ref(args: PartialRouteArguments | undefined): Ref {
    return routeRef(this.known().name, args, this.#engine)
  }

  /** The request as a call, where one like it was that call. */
  askAgain(visit: Visit<Subject>): Asked | undefined {
    const known = this.#known?.of(visit)
    if (known === undefined || this.#calls === undefined) return undefined
    const { call, args } = known
    return { calls: this.#calls, call, primary: call, args, fields: selectingFieldsOf(headersOf(visit.req)), partitioned: false }
  }

  /** The request as a call; why it is none; or undefined where it is none of this route's business. */
  ask(visit: Visit<Subject>): Asked | NotAsked | undefined {
    const { path } = this.#options
    const isMounted = path === undefined || visit.pattern === path.pattern
    const matched = isMounted ? visit.params : path.match(visit.path)
    if (matched === undefined) return undefined
    // What a router has found, its handler sees too, and layers on the way may have put there what is somebody's.
    const params = isMounted || visit.pattern === undefined ? matched : { ...visit.params, ...matched }
    const pattern = path?.pattern ?? visit.pattern
    if (pattern === undefined)
      return this.#refuse('no path', 'A cached route that is not mounted on a path needs its `path` option. It is bypassed.')
    const calls = this.#identify(pattern)
    if ('why' in calls) return calls
    if (isDetermined(pattern) && !hasParamsOf(pattern, params))
      return this.#refuse(
        'params missing',
        `The router gives no parameters of "${pattern}" where the cached route is mounted. Give it its \`path\`. It is bypassed.`,
      )
    const { partition: ownerOf } = this.#options
    const partition = ownerOf && told(calls.name, 'partition', () => ownerOf(visit.subject), anOwner)
    const fields = selectingFieldsOf(headersOf(visit.req))
    // RFC 9110 §4.2.3: case means nothing in a host. A handler may take it to mean something, and a clear by its name would not cover all spellings.
    if (this.#options.headers.includes('host') && /[A-Z]/.test(valueOf(fields, 'host') ?? '')) return { why: 'host in capitals' }
    const named = argumentsOf({ params, query: visit.query, fields, partition }, this.#options)
    const args = { ...named, ...this.#spelled(visit, pattern, named) }
    const call = callOf(calls, args)
    this.#known?.note(visit, call, args)
    return { calls, call, primary: call, args, fields, partitioned: partition !== undefined }
  }

  /** What the URL says besides the parameters and the query: where it is spelled plainly, nothing. */
  #spelled(visit: Visit<Subject>, pattern: string, { params, query }: RouteArguments): Pick<RouteArguments, 'path' | 'url'> {
    const { path } = visit
    const [url, routed] = visit.urls(this.#options.query)
    const plain = isDetermined(pattern) ? (this.#plainPath ??= plainPathOf(pattern))(params) : path
    return {
      // Where parts of a path may be anything, its parameters alone do not say which it was.
      ...(!isDetermined(pattern) && { path }),
      ...((url !== routed || !isPlain(url, plain, query)) && { url: keyText(url === routed ? url : `${url} ${routed}`) }),
    }
  }

  /** Warns once of an input that the handler read though the key does not cover it, with what to do about it. */
  warnOfInput(input: Input): void {
    const name = this.#calls?.name ?? 'A cached route'
    this.#warn(
      `The handler of "${name}" read ${nameOfInput(input)}, which its key does not cover: the response was not stored. ${adviceFor(input)}`,
      'UNKEYED',
    )
  }

  /** What every path begins with that it is mounted on; undefined where no request has said that yet. */
  get prefix(): string | undefined {
    return this.#pattern && /^[^:*{(?+[\\]*/.exec(this.#pattern)![0]
  }

  /** Warns once of what is said of the route by its name. */
  warnOf(what: (name: string) => string, code: string): void {
    this.#warn(what(this.#calls?.name ?? 'a cached route'), code)
  }

  /** Warns once of what a layer inside did, with what to move where. */
  warnOfInside(what: Inside): void {
    this.#warn(adviceForInside(what, this.#calls?.name ?? 'a cached route'), 'ORDER')
  }

  #warn(what: string, code: string): void {
    if (this.#warned.has(what) || this.#warned.size >= MOST_WARNINGS) return
    this.#warned.add(what)
    process.emitWarning(what, { type: 'CacheAlchemyWarning', code })
  }

  /** Notes what the route's `dependsOn` gave, for who declares a dependency on the route. */
  noteDeclared(refs: readonly Ref[]): void {
    for (const ref of refs) this.#declaredNames.add(ref.name)
  }

  #identify(pattern: string): Calls<StoredResponse> | NotAsked {
    if (this.#isRefused) return { why: 'name taken' }
    this.#pattern ??= pattern
    if (this.#pattern !== pattern) this.#otherPattern ??= pattern
    // On both: which of them comes first is chance, and below a mount path with parameters it is a client's choice.
    if (this.#otherPattern !== undefined) {
      this.#known?.clear()
      return this.#refuse(
        'other path',
        `One cached route is mounted on "${this.#pattern}" and on "${this.#otherPattern}": it is bypassed on both. Make one with cached() for each, or give it a \`path\` that covers them.`,
      )
    }
    try {
      return (this.#calls ??= this.#register(defaultName(this.#framework, pattern)))
    } catch (error) {
      this.#isRefused = true
      return this.#refuse('name taken', `${(error as Error).message} Until then this route is bypassed.`)
    }
  }

  #refuse(why: string, warning: string): NotAsked {
    this.#warn(warning, 'ROUTE')
    return { why }
  }

  #register(name: string): Calls<StoredResponse> {
    const { ttl, version, limit, limitInRedis, place, track } = this.#options
    return new Calls<StoredResponse>(this.#engine, {
      name,
      version,
      track,
      // A response may say itself how long it is fresh, so entries there are, whatever the option is.
      ttl: ttl === 'heuristic' || ttl === 0 ? DAY : ttl,
      limit,
      limitInRedis,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      staleOf: (response) => response.stale ?? NEVER_STALE,
      place,
      codec: storedResponseCodec,
      size: bytesOf,
      isSign: (value) => value.selection !== undefined,
      declaredFor: () => Array.from(this.#declaredNames, wholeRef),
    })
  }
}
