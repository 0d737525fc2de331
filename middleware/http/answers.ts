// Knows how a request is answered: with what is stored, with another request's answer, or by its handler.

import type { Engine, Entry, Load, Loaded } from '../../src/door.ts'
import type { Forward } from './cache-status.ts'
import { givenUp } from './filled.ts'
import { frontRunOf } from './front-run.ts'
import type { HandlerLoads } from './handler-loads.ts'
import { isGone } from './client.ts'
import { Hits } from './hits.ts'
import type { Passage } from './passage.ts'
import { Refreshes, refreshOf } from './refresh.ts'
import { demandsOf, meets } from './request-directives.ts'
import type { Demands } from './request-directives.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { selected } from './route-calls.ts'
import type { Asked } from './route-calls.ts'
import { whyNotKept } from './storable.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unwatched.ts'
import type { Visit } from './visit.ts'

// So often a request waits for others whose answers fail, before it runs its handler beside them.
const MOST_WAITS = 3

/** A request on its way, as the call that it came as and as the one that its fields select, with what it demands. */
interface Answering<Subject> {
  readonly passage: Passage<Subject>
  readonly asked: Asked
  readonly current: Asked
  readonly demands?: Demands
}

/** The answers of one route. */
export class Answers<Subject> {
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #loads: HandlerLoads<Subject>
  readonly #hits: Hits<Subject>
  readonly #refreshes: Refreshes

  constructor(engine: Engine, options: ResolvedOptions<Subject>, loads: HandlerLoads<Subject>) {
    this.#engine = engine
    this.#options = options
    this.#loads = loads
    this.#hits = new Hits(engine, options, loads)
    this.#refreshes = new Refreshes(engine, options)
  }

  /** Answers a request, or lets its handler do so; undefined where that is done already. */
  answer(passage: Passage<Subject>, asked: Asked): Promise<void> | undefined {
    const demands = this.#options.requestDirectives ? demandsOf(asked.fields) : undefined
    // A copy of a request has no client that could demand anything.
    const isAnyone = demands === undefined || refreshOf(passage.visit.req) !== undefined
    return isAnyone ? this.#answer(passage, asked) : this.#answerDemanding(passage, asked, demands)
  }

  #answer(passage: Passage<Subject>, asked: Asked): Promise<void> | undefined {
    // Without a promise, since most requests end here.
    const found = asked.calls.fresh(asked.call.key)
    // What selects is no older for its age, and what it leads to may be served stale.
    const current = this.#current(asked, found ?? asked.calls.kept(asked.call.key))
    const entry = current === asked ? found : asked.calls.fresh(current.call.key)
    if (entry === undefined) return this.#waitOrLoad({ passage, asked, current })
    this.#hits.replay(passage, current, entry)
    return undefined
  }

  /** As its client's directives have it. RFC 9111 §5.2.1 */
  async #answerDemanding(passage: Passage<Subject>, asked: Asked, demands: Demands): Promise<void> {
    const { visit } = passage
    const found = await asked.calls.look(asked.call)
    const current = this.#current(asked, found)
    const entry = current === asked ? found : await asked.calls.look(current.call)
    if (isGone(visit.res)) return
    const mayAnswer =
      entry !== undefined && meets(demands, this.#hits.conditionOf(entry)) && this.#loads.whyNotFor(visit, entry) === undefined
    if (mayAnswer) {
      asked.calls.take(entry)
      return this.#hits.replay(passage, current, entry)
    }
    if (demands.onlyStored) return this.#hits.refuse(passage)
    const answering = { passage, asked, current, demands }
    const isFresh = entry !== undefined && this.#engine.clock() < entry.freshUntil
    // What others have begun to load is of before this request; where it is not to be stored, it is for nobody else.
    const isAlone = demands.validated || !demands.stored || isFresh
    return isAlone ? this.#loadAnew(answering, entry) : this.#waitOrLoad(answering)
  }

  /** Waits for the answer of another request, or lets the handler give this one's. */
  async #waitOrLoad(answering: Answering<Subject>): Promise<void> {
    const { passage, asked, demands } = answering
    const { visit } = passage
    let { current } = answering
    const copy = refreshOf(visit.req)
    for (let waits = 0; ; waits++) {
      const { calls, call } = current
      if (copy?.isFor(this.#refreshes, call.key) === true) return this.#loads.refresh(copy, current, passage)
      const fwd = this.#whyForwarded(current)
      // A HEAD's answer is no GET's and a part no whole, so nobody waits for it.
      const isKept = whyNotKept(visit.method, headersOf(visit.req)) === undefined
      const join = isKept && waits < MOST_WAITS && !this.#loads.isAlone(current)
      // What has no client is in no hurry, and so no copy makes a copy; who has demands is not served what others are meanwhile.
      const refresh = copy === undefined && demands === undefined && this.#refreshes.behind(visit, current)
      const load = copy?.isOf(this.#refreshes) === true ? () => astray(visit) : this.#load({ ...answering, current }, fwd)
      const served = await calls.serve(call, load, { join, refresh })
      // What selects among responses is none.
      if (passage.hasEntered && served.from === 'load' && served.entry.value.selection === undefined)
        frontRunOf(visit.req)?.answer({ calls, call, entry: served.entry })
      if (passage.hasEntered || isGone(visit.res)) return
      if (served.from === 'unshared') continue
      const { entry } = served
      const next = this.#current(asked, entry)
      // Its own load gives a request nothing but what selects its response.
      if (served.from === 'load' && next === asked) continue
      if (next === asked) {
        if (demands !== undefined && !meets(demands, this.#hits.conditionOf(entry)))
          return this.#loadAnew({ ...answering, current, demands }, entry)
        return this.#hits.replay(passage, current, entry, served.from === 'store' ? undefined : { fwd, collapsed: true })
      }
      current = next
    }
  }

  /** Lets the handler answer whatever is stored and whoever else is asking it, so that no answer begun before this request came is given to it. */
  async #loadAnew(answering: Required<Answering<Subject>>, entry: Entry<StoredResponse> | undefined): Promise<void> {
    const { passage, current, demands } = answering
    const { calls, call } = current
    // RFC 9211 §2.2: fresh it is, and its request does not want it.
    const isFresh = entry !== undefined && this.#engine.clock() < entry.freshUntil
    const fwd = entry === undefined ? this.#whyForwarded(current) : isFresh ? 'request' : 'stale'
    const load = this.#load(answering, fwd)
    const join = whyNotKept(passage.visit.method, current.fields, demands) === undefined && !this.#loads.isAlone(current)
    const survives = (): boolean => entry !== undefined && this.#engine.freshness.survives(entry)
    await calls.refresh(call, (frame) => load(frame, survives() ? entry : undefined), { join })
  }

  #load({ passage, current, demands }: Answering<Subject>, fwd: Forward): Load<StoredResponse> {
    const asking = { ...current, fwd, demands }
    // Who has demands is not given what the handler failed to confirm: it is there to be asked after.
    const usable = (found: Entry<StoredResponse> | undefined): Entry<StoredResponse> | undefined =>
      found && (demands === undefined ? found : found.outdated)
    return (frame, found) => this.#loads.load({ ...asking, frame, found: usable(found) }, passage)
  }

  /** The request as the call of what is selected for it, where an entry says that something is. RFC 9111 §4.1 */
  #current(asked: Asked, entry: Entry<StoredResponse> | undefined): Asked {
    const selection = entry?.value.selection
    return selection === undefined ? asked : { ...selected(asked, selection), signUntil: entry!.freshUntil }
  }

  /** RFC 9211 §2.2. Where more than its URI tells requests apart, nobody knows what is stored of that URI for others. */
  #whyForwarded({ calls, call, selection }: Asked): Forward {
    if (calls.isStale(call.key)) return 'stale'
    if (selection !== undefined) return 'vary-miss'
    return this.#options.headers.length === 0 && this.#options.partition === undefined ? 'uri-miss' : 'miss'
  }
}

/** Ends a copy that has come to its route as another request than it was made of: nobody would hear what its handler answers. */
function astray({ res }: Visit<unknown>): Loaded<StoredResponse> {
  res.destroy()
  return givenUp
}
