// Knows a route's life through the engine: found fresh, waited for, or answered by its handler and kept.

import { LRUCache } from 'lru-cache'
import { engineOf, groupRef, uriRef } from '../../src/door.ts'
import type { Engine, Entry, Load, Loaded } from '../../src/door.ts'
import { KeyError } from '../../src/index.ts'
import type { Cache, FunctionStats, Ref } from '../../src/index.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Forward, Outcome } from './cache-status.ts'
import { fill, givenUp, unshared } from './fill.ts'
import type { Filled } from './fill.ts'
import type { Fields } from './fields.ts'
import { groupFields, groupsOf, MANY } from './groups.ts'
import { clearBeforeAnswer, ownUri } from './mutation.ts'
import { RouteCalls, selected } from './route-calls.ts'
import type { Asked, NotAsked } from './route-calls.ts'
import type { PartialRouteArguments } from './route-name.ts'
import { resolveRouteOptions } from './route-options.ts'
import type { ResolvedOptions, RouteOptions } from './route-options.ts'
import { isAnswerable, isSafe, whyBypassed, whyNotKept } from './storable.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unkeyed.ts'
import { anyQueryUri, normalisedUri } from './uri.ts'
import { placed } from './variants.ts'
import type { Visit } from './visit.ts'

// For so long a key is remembered whose answer was for its own client alone: those who come meanwhile do not wait for each other.
const ALONE_FOR = 10_000
const MOST_ALONE = 1_000
// So often a request waits for others whose answers fail, before it runs its handler beside them.
const MOST_WAITS = 3

/** What every cached route has, whatever its framework. */
export interface RouteHandle {
  /** What the route is called in keys, refs and Redis. Throws a `ConfigError` while it is not known. @example userPage.cacheName */
  readonly cacheName: string
  /**
   * A pattern over its responses: with `params` alone, every query and partition of that page. Throws a `ConfigError` while the route's name is
   * not known.
   * @example await cache.clear(userPage.ref({ params: { id: '42' } }))
   */
  ref(args?: PartialRouteArguments): Ref
  /**
   * From now on no response that these arguments cover is served; without any, none. Rejects with a `StoreError` when Redis did not confirm in
   * time: it then holds here and stays queued.
   * @example await userPage.clear({ params: { id: '42' } })
   */
  clear(args?: PartialRouteArguments): Promise<void>
  /** As `clear`, but what these arguments cover is stale at once, not gone. @example await userPage.expire() */
  expire(args?: PartialRouteArguments): Promise<void>
  /** What happened to its requests in this process. Throws a `ConfigError` while the route's name is not known. @example userPage.stats().hits */
  stats(): FunctionStats
}

/** A cached route, whatever its framework. `Subject` is what the functions among its options are given. */
export class Route<Subject> {
  readonly #cache: Cache
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #calls: RouteCalls<Subject>
  readonly #alone: LRUCache<string, true>
  readonly #inside: WeakSet<object> = new WeakSet()
  readonly #isOff: boolean

  /** Throws a `ConfigError` for options that are wrong, or a name that is taken. */
  constructor(cache: Cache, options: RouteOptions<Subject>, framework: string) {
    this.#cache = cache
    this.#engine = engineOf(cache)
    this.#options = resolveRouteOptions(this.#engine, options)
    this.#calls = new RouteCalls(this.#engine, this.#options, framework)
    this.#isOff = this.#engine.options.disabled || this.#options.limit === 0
    this.#alone = new LRUCache({ max: MOST_ALONE, ttl: ALONE_FOR, perf: { now: this.#engine.clock } })
  }

  /** What the door hands to its user. */
  handle(): RouteHandle {
    const route = this.#calls
    const ref = (args?: PartialRouteArguments): Ref => route.ref(args)
    return {
      get cacheName() {
        return route.known().name
      },
      ref,
      clear: (args) => this.#engine.record('clear', () => [ref(args)]),
      expire: (args) => this.#engine.record('expire', () => [ref(args)]),
      stats: () => route.known().stats(),
    }
  }

  /** Takes a request. Resolves once it is answered, or its handler has been entered; never rejects. */
  async visit(visit: Visit<Subject>): Promise<void> {
    if (!isSafe(visit.method)) clearBeforeAnswer(visit, ownUri)
    // RFC 9211 §2.2: what its method alone sends to the handler.
    if (!isAnswerable(visit.method)) return this.#forward(visit, { fwd: 'method' })
    const asked = this.#ask(visit)
    if (asked === undefined) return visit.pass()
    if ('why' in asked) return this.#forward(visit, { fwd: 'bypass', detail: asked.why })
    return this.#serve(visit, asked)
  }

  /** The request as a call; why it goes past the cache; or undefined where it is none of this route's business. */
  #ask(visit: Visit<Subject>): Asked | NotAsked | undefined {
    const { req } = visit
    // A request that runs into the same route twice would wait for itself.
    if (this.#inside.has(req)) return undefined
    if (this.#isOff) return { why: 'switched off' }
    try {
      const asked = this.#calls.ask(visit)
      if (asked === undefined || 'why' in asked) return asked
      if (this.#options.bypass?.(visit.subject)) return { why: 'bypass' }
      // RFC 9110 §7.8: to go on in another protocol is between the client and the handler.
      const headers = headersOf(req)
      const why = headers.upgrade === undefined ? whyBypassed(headers) : 'upgrade'
      return why === undefined ? asked : { why }
    } catch (error) {
      if (!(error instanceof KeyError)) this.#engine.report(error)
      return { why: error instanceof KeyError ? 'no key' : 'error' }
    }
  }

  #forward(visit: Visit<Subject>, outcome: Outcome): void {
    this.#say(visit, outcome)
    visit.pass()
  }

  async #serve(visit: Visit<Subject>, asked: Asked): Promise<void> {
    const { promise: entered, resolve: enter } = newPromise()
    const passage: Passage = { hasEntered: false, hasAnswer: false, enter: () => void ((passage.hasEntered = true), enter()) }
    const answered = this.#answer(visit, asked, passage).catch((error: unknown) => {
      this.#engine.report(error)
      // Whatever fails here, the handler still answers.
      if (!passage.hasEntered && !visit.res.headersSent) this.#forward(visit, { fwd: 'bypass', detail: 'error' })
    })
    // The handler's answer may take as long as it likes, and a framework that sends only afterwards must not wait for it.
    await Promise.race([answered, entered])
  }

  async #answer(visit: Visit<Subject>, asked: Asked, passage: Passage): Promise<void> {
    // Without waiting for anything, since most requests end here.
    const found = asked.calls.fresh(asked.call.key)
    // What selects is no older for its age, and what it leads to may be served stale.
    let current = this.#current(asked, found ?? asked.calls.kept(asked.call.key))
    const entry = current === asked ? found : asked.calls.fresh(current.call.key)
    if (entry !== undefined) return this.#replay(visit, current, entry, this.#hit(entry))
    for (let waits = 0; ; waits++) {
      const { calls, call } = current
      const fwd = this.#whyForwarded(current)
      // A HEAD's answer is no GET's and a part no whole, so nobody waits for it.
      const isKept = whyNotKept(visit.method, headersOf(visit.req)) === undefined
      const join = isKept && waits < MOST_WAITS && !this.#alone.has(call.key)
      const asking = { ...current, fwd }
      const served = await calls.serve(call, (frame, found) => this.#load(visit, { ...asking, frame, found }, passage), { join })
      if (passage.hasEntered || visit.res.destroyed) return
      if (served.from !== 'store' && served.from !== 'flight') continue
      const next = this.#current(asked, served.entry)
      passage.hasAnswer = next === asked
      if (next === asked)
        return this.#replay(visit, current, served.entry, served.from === 'store' ? this.#hit(served.entry) : { fwd, collapsed: true })
      current = next
    }
  }

  /** The request as the call of what is selected for it, where an entry says that something is. RFC 9111 §4.1 */
  #current(asked: Asked, entry: Entry<StoredResponse> | undefined): Asked {
    const selection = entry?.value.selection
    return selection === undefined ? asked : { ...selected(asked, selection), signUntil: entry!.freshUntil }
  }

  #hit(entry: Entry<StoredResponse>): Outcome {
    return { hit: true, freshFor: entry.freshUntil - this.#engine.clock() }
  }

  /** RFC 9211 §2.2. Where more than its URI tells requests apart, nobody knows what is stored of that URI for others. */
  #whyForwarded({ calls, call, selection }: Asked): Forward {
    if (calls.isStale(call.key)) return 'stale'
    if (selection !== undefined) return 'vary-miss'
    return this.#options.headers.length === 0 && this.#options.partition === undefined ? 'uri-miss' : 'miss'
  }

  async #load(visit: Visit<Subject>, asked: Loading, passage: Passage): Promise<Loaded<StoredResponse>> {
    // Its turn came, and its client had gone, or has its answer: the next in line takes it.
    if (visit.res.destroyed || passage.hasAnswer) return givenUp
    const detail = whyNotKept(visit.method, headersOf(visit.req))
    if (detail !== undefined) {
      passage.enter()
      this.#say(visit, { fwd: asked.fwd, detail })
      visit.pass()
      return unshared
    }
    this.#cache.track(...this.#dependenciesOf(visit))
    this.#inside.add(visit.req)
    // A handler may change what it was asked.
    const own = { ...asked, fields: { ...asked.fields } }
    const filled = await fill(visit, {
      route: this.#options,
      partitioned: asked.partitioned,
      fwd: asked.fwd,
      shownKey: this.#options.debug ? asked.call.key : undefined,
      groupFields: (before) => this.#groupFields(visit, asked.frame.refs, before),
      found: asked.found,
      clock: this.#engine.clock,
      onEnter: () => passage.enter(),
    })
    // RFC 9875 §2.2.1: what drops a group drops this.
    this.#cache.track(...filled.groups.map(groupRef))
    this.#readAgain(asked, filled)
    this.#learn(asked.call.key, filled)
    return placed(own, filled, (asked.signUntil ?? 0) - this.#engine.clock())
  }

  /** What is stored anew was computed from what it was computed from then, though its handler need not have read that again. */
  #readAgain({ frame, found }: Loading, { isRenewed }: Filled): void {
    if (isRenewed === true && found !== undefined) frame.add(found.refs, this.#engine.freshness.trustOf(found), false)
  }

  /** What a response depends on besides what its handler calls: its URI, and what is declared. */
  #dependenciesOf(visit: Visit<Subject>): readonly Ref[] {
    const declared = this.#options.dependsOn?.(visit.subject) ?? []
    this.#calls.noteDeclared(declared)
    const uri = this.#options.query === true ? normalisedUri(visit.path, visit.query) : anyQueryUri(visit.path)
    return [uriRef(uri), ...declared]
  }

  #groupFields({ subject }: Visit<Subject>, read: ReadonlySet<Ref>, before: Fields): Readonly<Record<string, string>> {
    const { groups, groupFields: asked } = this.#options
    if (groups === false) return {}
    try {
      return groupFields(groupsOf(read, subject, groups), asked, before)
    } catch (error) {
      this.#engine.report(error)
      return groupFields([MANY], asked, before)
    }
  }

  #learn(key: string, filled: Filled): void {
    if (filled.loaded.store) this.#alone.delete(key)
    else if (filled.loaded.ending === undefined) this.#alone.set(key, true)
    for (const input of filled.unkeyed) this.#calls.warnOfInput(input)
  }

  #replay(visit: Visit<Subject>, asked: Asked, entry: Entry<StoredResponse>, outcome: Outcome): void {
    const { res, req, method } = visit
    // Someone has answered while this request waited.
    if (res.headersSent || res.writableEnded) return
    const key = this.#options.debug ? asked.call.key : undefined
    const said = this.#options.cacheStatus && {
      cacheStatus: (existing: string | undefined) => cacheStatusWith(existing, { ...outcome, key }),
    }
    visit.replay(entry.value, { method, fields: headersOf(req) }, { age: this.#engine.clock() - entry.loadedAt, now: Date.now(), ...said })
  }

  #say(visit: Visit<Subject>, outcome: Outcome): void {
    const { res } = visit
    if (this.#options.cacheStatus && !res.headersSent)
      res.setHeader('Cache-Status', cacheStatusWith(res.getHeader('cache-status'), outcome))
  }
}

/** A request whose handler is to answer: why, what is read meanwhile, and the stale response that was found. */
interface Loading extends Asked {
  readonly fwd: Forward
  readonly frame: Parameters<Load<StoredResponse>>[0]
  readonly found: Entry<StoredResponse> | undefined
}

/** The way of one request into its handler, which it takes at most once. */
interface Passage {
  hasEntered: boolean
  /** Whether it was answered in its handler's place, so that a refresh behind that finds nobody to run it for. */
  hasAnswer: boolean
  enter(): void
}

function newPromise(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
