// Knows how a request's handler answers for a load: what its answer depends on, and what is learned from it.

import { LRUCache } from 'lru-cache'
import { groupRef } from '../../src/door.ts'
import type { Engine, Entry, Load, Loaded } from '../../src/door.ts'
import type { Ref } from '../../src/index.ts'
import { areUnwrapped, foundOn } from './absent.ts'
import type { Forward } from './cache-status.ts'
import { fill } from './fill.ts'
import { givenUp, unshared } from './filled.ts'
import type { Filled } from './filled.ts'
import { isGone } from './client.ts'
import { clearBeforeAnswer } from './mutation.ts'
import { ownUri } from './mutation-options.ts'
import { nested } from './nesting.ts'
import type { Passage } from './passage.ts'
import type { Refresh } from './refresh.ts'
import type { Demands } from './request-directives.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { copyOf } from './request-key.ts'
import type { Asked, RouteCalls } from './route-calls.ts'
import { RouteDependencies } from './route-dependencies.ts'
import { whyNotAsked, whyNotKept } from './storable.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unwatched.ts'
import type { Input } from './unkeyed.ts'
import { placed, signAgain } from './variants.ts'
import type { Visit } from './visit.ts'

// For so long a key is remembered whose answer was for its own client alone: those who come meanwhile do not wait for each other.
const ALONE_FOR = 10_000
const MOST_ALONE = 1_000

/** A request whose handler is to answer: why, what is read meanwhile, and the stale response that was found. */
export interface Loading extends Asked {
  readonly fwd: Forward
  /** What its client demands, where the route obeys it. */
  readonly demands?: Demands | undefined
  readonly frame: Parameters<Load<StoredResponse>>[0]
  readonly found: Entry<StoredResponse> | undefined
  /** Whether it has no client: what its handler makes of that says nothing of others. */
  readonly isRefresh?: boolean
}

interface Running extends Loading {
  readonly dependencies: readonly Ref[]
}

/** The runs of one route's handler. */
export class HandlerLoads<Subject> {
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #calls: RouteCalls<Subject>
  readonly #dependencies: RouteDependencies<Subject>
  readonly #alone: LRUCache<string, true>
  readonly #inside: WeakSet<object> = new WeakSet()

  constructor(engine: Engine, options: ResolvedOptions<Subject>, calls: RouteCalls<Subject>) {
    this.#engine = engine
    this.#options = options
    this.#calls = calls
    this.#dependencies = new RouteDependencies(engine, options, calls)
    this.#alone = new LRUCache({ max: MOST_ALONE, ttl: ALONE_FOR, perf: { now: engine.clock } })
  }

  /** Whether the handler of this request has been entered here. */
  isInside(req: object): boolean {
    return this.#inside.has(req)
  }

  /** Whether the last answer to such a request was for its own client alone. */
  isAlone(asked: Asked): boolean {
    return this.#alone.has(asked.call.key) || this.#alone.has(aloneKeyOf(asked))
  }

  /** What of a request a response was made without, though its handler looked for it: it is for others. Warns of it. */
  whyNotFor(visit: Visit<Subject>, { value: { absent } }: Entry<StoredResponse>): Input | undefined {
    const { replaced } = visit
    if (replaced === undefined && (absent === undefined || areUnwrapped(visit.res, absent))) return undefined
    const { ignore } = this.#options
    const isIgnored = (label: string): boolean => ignore === true || ignore.has(label.toLowerCase())
    const input = replaced?.find((label) => !isIgnored(label)) ?? foundOn(visit.places(), absent ?? [], isIgnored)
    if (input !== undefined) this.#calls.warnOfInput(input)
    return input
  }

  /** Lets the handler answer, and makes of its answer what the engine stores. */
  async load(asked: Loading, passage: Passage<Subject>): Promise<Loaded<StoredResponse>> {
    const { visit } = passage
    // Its turn came, and its client had gone, or has gone on: the next in line takes it.
    if (isGone(visit.res) || passage.hasEntered) return givenUp
    const sign = signAgain(asked, asked.found)
    if (sign !== undefined) {
      this.#readAgain(asked)
      return sign
    }
    const why = (asked.found === undefined ? whyNotKept : whyNotAsked)(visit.method, headersOf(visit.req), asked.demands)
    const dependencies = why === undefined ? this.#dependencies.of(visit, asked.calls.name) : undefined
    if (dependencies === undefined) {
      passage.forward({ fwd: asked.fwd, detail: why ?? 'error' })
      return unshared
    }
    // A handler may change what it was asked.
    const own = { ...asked, args: copyOf(asked.args), fields: { ...asked.fields } }
    const filled = await this.#run({ ...asked, dependencies }, passage)
    if (filled.isChanged === true) this.#makeStale(asked)
    if (visit.method === 'GET') this.#learn(asked, filled)
    return placed(own, filled, (asked.signUntil ?? 0) - this.#engine.clock())
  }

  /** RFC 9111 §4.3.5. What is stored is stale already, where it was not for its client's sake that the handler was asked. */
  #makeStale({ call, calls, demands }: Loading): void {
    if (demands === undefined || calls.isStale(call.key)) return
    this.#engine.record('expire', () => [call.ref]).catch((error: unknown) => this.#engine.report(error))
  }

  /** Lets the handler answer for the load that waits for this request. */
  async refresh(copy: Refresh, asked: Asked, passage: Passage<Subject>): Promise<void> {
    const { tracker, transactions } = this.#engine
    await copy.arrive((frame, found) => {
      // An outer layer may do all of its work in one.
      if (transactions.current() !== undefined) frame.isTentative = true
      const load = (): Promise<Loaded<StoredResponse>> => this.load({ ...asked, fwd: 'stale', frame, found, isRefresh: true }, passage)
      return this.#options.track ? tracker.run(frame, load) : load()
    })
    if (!passage.hasEntered) passage.visit.res.destroy()
  }

  /** Lets the handler of a POST answer, and stores its answer where it is what a GET of its URI gives from now on. RFC 9110 §9.3.3 */
  post(asked: Asked, passage: Passage<Subject>): void {
    const { visit } = passage
    const dependencies = this.#dependencies.of(visit, asked.calls.name)
    if (dependencies === undefined) {
      clearBeforeAnswer(visit, ownUri)
      return passage.forward({ fwd: 'method', detail: 'error' })
    }
    const written = asked.calls.written(asked.call, [asked.call.ref, this.#dependencies.uriOf(visit)])
    const cleared = new Promise<void>((resolve) => {
      clearBeforeAnswer(visit, ownUri, (clear) => {
        const clearing = written.clear(clear)
        resolve(clearing)
        return clearing
      })
    })
    const filling = written.within(() =>
      this.#run({ ...asked, fwd: 'method', frame: written.frame, found: undefined, dependencies }, passage),
    )
    // Its reads are nobody's from here on, also where its own clear never comes.
    filling.then(
      ({ loaded }) => loaded.store || written.drop(),
      (error: unknown) => {
        written.drop()
        this.#engine.report(error)
        if (!passage.hasEntered) passage.forward({ fwd: 'method' })
      },
    )
    Promise.all([filling, cleared]).then(
      ([{ loaded }]) => loaded.store && written.keep(loaded),
      // Told where its answer waits for it.
      () => written.drop(),
    )
  }

  #run(asked: Running, passage: Passage<Subject>): Promise<Filled> {
    const run = (): Promise<Filled> => this.#fill(asked, passage)
    return this.#options.track ? nested(passage.visit.req, { engine: this.#engine, frame: asked.frame }, run) : run()
  }

  async #fill(asked: Running, passage: Passage<Subject>): Promise<Filled> {
    const { visit } = passage
    this.#engine.declare(asked.frame.refs, asked.dependencies)
    this.#inside.add(visit.req)
    const found = asked.found === undefined || this.whyNotFor(visit, asked.found) !== undefined ? undefined : asked.found
    const filled = await fill(visit, {
      route: this.#options,
      partitioned: asked.partitioned,
      fwd: asked.fwd,
      shownKey: this.#options.debug ? asked.call.key : undefined,
      groupFields: (before) => this.#dependencies.groupFields(visit, asked, before),
      found,
      clock: this.#engine.clock,
      onEnter: () => passage.enter(),
    })
    // RFC 9875 §2.2.1: what drops a group drops this.
    this.#engine.declare(asked.frame.refs, filled.groups.map(groupRef))
    if (filled.isRenewed === true) this.#readAgain(asked)
    return filled
  }

  /** What is stored anew was computed from what it was computed from then, though its handler need not have read that again. */
  #readAgain({ frame, found }: Loading): void {
    if (found !== undefined) frame.add(found.refs, this.#engine.freshness.trustOf(found), false)
  }

  #learn(asked: Loading, filled: Filled): void {
    if (filled.loaded.store) for (const key of [asked.call.key, aloneKeyOf(asked)]) this.#alone.delete(key)
    else if (filled.loaded.ending === undefined && asked.isRefresh !== true) this.#alone.set(aloneKeyOf(asked), true)
    for (const input of filled.unkeyed) this.#calls.warnOfInput(input)
    if (filled.inside !== undefined) this.#calls.warnOfInside(filled.inside)
  }
}

// Anyone may send an Authorization: what becomes of the answer to it says nothing of the answers to those who send none. RFC 9111 §3.5
function aloneKeyOf({ call, fields, partitioned }: Asked): string {
  return fields['authorization'] === undefined || partitioned ? call.key : `${call.key}\0authorization`
}
