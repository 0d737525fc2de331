// Knows how a request is answered in its handler's place: with what is stored, or with the word that nothing is.

import type { Engine, Entry } from '../../src/door.ts'
import { deltaSeconds } from './cache-control.ts'
import type { Outcome } from './cache-status.ts'
import { membersOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { frontRunOf } from './front-run.ts'
import type { HandlerLoads } from './handler-loads.ts'
import type { Passage } from './passage.ts'
import { propertyOf } from './property.ts'
import { breakOff } from './replay.ts'
import type { ReplayOptions } from './replay.ts'
import type { Condition } from './request-directives.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { Asked } from './route-calls.ts'
import type { StoredResponse } from './stored-response.ts'
import { fieldsOf, headersOf } from './unwatched.ts'
import type { Visit } from './visit.ts'

/** The answers of one route that are not its handler's. */
export class Hits<Subject> {
  readonly #engine: Engine
  readonly #options: Pick<ResolvedOptions<Subject>, 'debug' | 'cacheStatus'>
  readonly #loads: HandlerLoads<Subject>

  constructor(engine: Engine, options: Pick<ResolvedOptions<Subject>, 'debug' | 'cacheStatus'>, loads: HandlerLoads<Subject>) {
    this.#engine = engine
    this.#options = options
    this.#loads = loads
  }

  /** Answers with what is stored. `outcome` where that is no hit. */
  replay(passage: Passage<Subject>, asked: Asked, entry: Entry<StoredResponse>, outcome?: Outcome): void {
    const { visit } = passage
    if (isAnswered(visit)) return
    const unkeyed = this.#loads.whyNotFor(visit, entry)
    if (unkeyed !== undefined) return passage.forward({ fwd: 'miss', detail: `unkeyed ${unkeyed}` })
    frontRunOf(visit.req)?.answerWith({ calls: asked.calls, call: asked.call, entry }, fieldsOf(visit.res))
    const now = this.#engine.clock()
    const said = outcome ?? { hit: true, freshFor: entry.freshUntil - now }
    const shown = this.#options.debug ? { ...said, key: asked.call.key } : said
    this.#send(visit, asked.fields, entry.value, { age: now - entry.loadedAt, outcome: shown })
  }

  /** Says that nothing stored will do. RFC 9111 §5.2.1.7 */
  refuse({ visit }: Passage<Subject>): void {
    if (!isAnswered(visit)) this.#send(visit, headersOf(visit.req), NOT_STORED, { age: undefined, outcome: { detail: 'only-if-cached' } })
  }

  /** A stored response as a client sees it now. */
  conditionOf({ value, loadedAt, freshUntil }: Entry<StoredResponse>): Condition {
    const now = this.#engine.clock()
    return {
      age: ageAtArrival(value) + now - loadedAt,
      freshFor: freshUntil - now,
      staleFor: value.stale?.whileRevalidate ?? 0,
      mayBeStale: value.mayBeStale === true,
    }
  }

  #send(visit: Visit<Subject>, fields: Fields, stored: StoredResponse, { age, outcome }: Pick<ReplayOptions, 'age' | 'outcome'>): void {
    const said = this.#options.cacheStatus ? outcome : undefined
    try {
      visit.replay(stored, { method: visit.method, fields }, { age, now: Date.now, outcome: said })
    } catch (error) {
      breakOff(visit.res, error)
      throw error
    }
  }
}

/** Whether someone has answered while the request waited. */
function isAnswered({ res }: Visit<unknown>): boolean {
  // What `writableEnded` gives, without a getter in between, which would name it.
  return propertyOf(res, 'headersSent') || propertyOf(res, 'finished')
}

const NOT_STORED: StoredResponse = {
  status: 504,
  statusMessage: '',
  fields: [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Cache-Control', 'no-store'],
  ],
  removed: [],
  body: Buffer.from('Nothing that is stored answers this request, and it asks for nothing else.\n'),
}

/** How old a response was when it came here, in milliseconds. RFC 9111 §5.1 */
function ageAtArrival({ fields }: StoredResponse): number {
  const said = fields.find(([name]) => name.toLowerCase() === 'age')?.[1]
  return (deltaSeconds(membersOf({ age: said }, 'age')[0]) ?? 0) * 1000
}
