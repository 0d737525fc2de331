// Knows a route's life through the engine: found fresh, waited for, or answered by its handler and kept.

import { engineOf } from '../../src/door.ts'
import type { Engine, Entry, Load, Loaded } from '../../src/door.ts'
import { KeyError } from '../../src/index.ts'
import type { Cache } from '../../src/index.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Forward, Outcome } from './cache-status.ts'
import { givenUp } from './fill.ts'
import { HandlerLoads } from './handler-loads.ts'
import { clearBeforeAnswer, ownUri } from './mutation.ts'
import { told } from './option-calls.ts'
import { Passage } from './passage.ts'
import { Refreshes, refreshOf } from './refresh.ts'
import { resolveRouteOptions } from './resolved-options.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { RouteCalls, selected } from './route-calls.ts'
import type { Asked, NotAsked } from './route-calls.ts'
import { handleOf } from './route-handle.ts'
import type { RouteHandle } from './route-handle.ts'
import type { RouteOptions } from './route-options.ts'
import { isAnswerable, isSafe, whyBypassed, whyNotKept } from './storable.ts'
import type { StoredResponse } from './stored-response.ts'
import { whyTargetBypassed } from './target.ts'
import { headersOf } from './unkeyed.ts'
import type { Visit } from './visit.ts'

// So often a request waits for others whose answers fail, before it runs its handler beside them.
const MOST_WAITS = 3

/** A cached route, whatever its framework. `Subject` is what the functions among its options are given. */
export class Route<Subject> {
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #calls: RouteCalls<Subject>
  readonly #loads: HandlerLoads<Subject>
  readonly #refreshes: Refreshes
  readonly #isOff: boolean

  /** Throws a `ConfigError` for options that are wrong, or a name that is taken. */
  constructor(cache: Cache, options: RouteOptions<Subject>, framework: string) {
    this.#engine = engineOf(cache)
    this.#options = resolveRouteOptions(this.#engine, options)
    this.#calls = new RouteCalls(this.#engine, this.#options, framework)
    this.#isOff = this.#engine.options.disabled || this.#options.limit === 0
    this.#refreshes = new Refreshes(this.#engine, this.#options)
    this.#loads = new HandlerLoads(this.#engine, this.#options, this.#calls)
  }

  /** What the door hands to its user. */
  handle(): RouteHandle {
    return handleOf(this.#engine, this.#calls)
  }

  /** Takes a request. Resolves once it is answered, or its handler has been entered; never rejects. */
  async visit(visit: Visit<Subject>): Promise<void> {
    if (!isAnswerable(visit.method)) return this.#write(visit)
    const asked = this.#ask(visit)
    if (asked === undefined) return visit.pass()
    if ('why' in asked) return this.#passage(visit).forward({ fwd: 'bypass', detail: asked.why })
    return this.#serve(visit, asked)
  }

  /** Takes a request that is written through. RFC 9111 §4 */
  #write(visit: Visit<Subject>): void {
    const passage = this.#passage(visit)
    const asked = visit.method === 'POST' && this.#options.posts && this.#options.query === true ? this.#ask(visit) : undefined
    if (asked !== undefined && 'call' in asked) return this.#loads.post(asked, passage)
    if (!isSafe(visit.method)) clearBeforeAnswer(visit, ownUri)
    // RFC 9211 §2.2: what its method alone sends to the handler.
    passage.forward({ fwd: 'method' })
  }

  /** The request as a call; why it goes past the cache; or undefined where it is none of this route's business. */
  #ask(visit: Visit<Subject>): Asked | NotAsked | undefined {
    const { req } = visit
    // A request that runs into the same route twice would wait for itself.
    if (this.#loads.isInside(req)) return undefined
    if (this.#isOff) return { why: 'switched off' }
    try {
      const odd = whyTargetBypassed(visit.target)
      // Before the route learns its path from it.
      if (odd !== undefined) return { why: odd }
      const asked = this.#calls.ask(visit)
      if (asked === undefined || 'why' in asked) return asked
      const { bypass } = this.#options
      if (bypass !== undefined && told(asked.calls.name, 'bypass', () => bypass(visit.subject))) return { why: 'bypass' }
      // RFC 9110 §7.8: to go on in another protocol is between the client and the handler.
      const headers = headersOf(req)
      const why = headers.upgrade !== undefined ? 'upgrade' : isAnswerable(visit.method) ? whyBypassed(headers) : undefined
      return why === undefined ? asked : { why }
    } catch (error) {
      if (!(error instanceof KeyError)) this.#engine.report(error)
      return { why: error instanceof KeyError ? 'no key' : 'error' }
    }
  }

  #passage(visit: Visit<Subject>): Passage<Subject> {
    return new Passage(visit, this.#options.cacheStatus)
  }

  async #serve(visit: Visit<Subject>, asked: Asked): Promise<void> {
    const passage = this.#passage(visit)
    const answered = this.#answer(passage, asked).catch((error: unknown) => {
      this.#engine.report(error)
      // Whatever fails here, the handler still answers.
      if (!passage.hasEntered && !visit.res.headersSent) passage.forward({ fwd: 'bypass', detail: 'error' })
    })
    // The handler's answer may take as long as it likes, and a framework that sends only afterwards must not wait for it.
    await Promise.race([answered, passage.entered])
  }

  async #answer(passage: Passage<Subject>, asked: Asked): Promise<void> {
    const { visit } = passage
    // Without waiting for anything, since most requests end here.
    const found = asked.calls.fresh(asked.call.key)
    // What selects is no older for its age, and what it leads to may be served stale.
    let current = this.#current(asked, found ?? asked.calls.kept(asked.call.key))
    const entry = current === asked ? found : asked.calls.fresh(current.call.key)
    if (entry !== undefined) return this.#replay(passage, current, entry, this.#hit(entry))
    const copy = refreshOf(visit.req)
    for (let waits = 0; ; waits++) {
      const { calls, call } = current
      if (copy?.isFor(this.#refreshes, call.key) === true) return this.#loads.refresh(copy, current, passage)
      const fwd = this.#whyForwarded(current)
      // A HEAD's answer is no GET's and a part no whole, so nobody waits for it.
      const isKept = whyNotKept(visit.method, headersOf(visit.req)) === undefined
      const join = isKept && waits < MOST_WAITS && !this.#loads.isAlone(call.key)
      const asking = { ...current, fwd }
      // What has no client is in no hurry, and so no copy makes a copy.
      const refresh = copy === undefined && this.#refreshes.behind(visit, current)
      const load: Load<StoredResponse> = (frame, found) =>
        copy?.isOf(this.#refreshes) === true ? astray(visit) : this.#loads.load({ ...asking, frame, found }, passage)
      const served = await calls.serve(call, load, { join, refresh })
      if (passage.hasEntered || visit.res.destroyed) return
      if (served.from === 'unshared') continue
      const next = this.#current(asked, served.entry)
      // Its own load gives a request nothing but what selects its response.
      if (served.from === 'load' && next === asked) continue
      if (next === asked)
        return this.#replay(passage, current, served.entry, served.from === 'store' ? this.#hit(served.entry) : { fwd, collapsed: true })
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

  #replay(passage: Passage<Subject>, asked: Asked, entry: Entry<StoredResponse>, outcome: Outcome): void {
    const { visit } = passage
    const { res, req, method } = visit
    // Someone has answered while this request waited.
    if (res.headersSent || res.writableEnded) return
    const unkeyed = this.#loads.whyNotFor(visit, entry)
    if (unkeyed !== undefined) return passage.forward({ fwd: 'miss', detail: `unkeyed ${unkeyed}` })
    const key = this.#options.debug ? asked.call.key : undefined
    const said = this.#options.cacheStatus && {
      cacheStatus: (existing: string | undefined) => cacheStatusWith(existing, { ...outcome, key }),
    }
    visit.replay(entry.value, { method, fields: headersOf(req) }, { age: this.#engine.clock() - entry.loadedAt, now: Date.now(), ...said })
  }
}

/** Ends a copy that has come to its route as another request than it was made of: nobody would hear what its handler answers. */
function astray({ res }: Visit<unknown>): Loaded<StoredResponse> {
  res.destroy()
  return givenUp
}
