// Knows a route's life through the engine: found fresh, waited for, or answered by its handler and kept.

import { engineOf } from '../../src/door.ts'
import type { Engine } from '../../src/door.ts'
import { KeyError } from '../../src/index.ts'
import type { Cache } from '../../src/index.ts'
import { Answers } from './answers.ts'
import { FrontRoute, frontRoutesOf } from './front-route.ts'
import { frontRunOf } from './front-run.ts'
import { HandlerLoads } from './handler-loads.ts'
import { clearBeforeAnswer } from './mutation.ts'
import { ownUri } from './mutation-options.ts'
import { told } from './option-calls.ts'
import { Passage } from './passage.ts'
import { demandsOf } from './request-directives.ts'
import { resolveRouteOptions } from './resolved-options.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { RouteCalls } from './route-calls.ts'
import type { Asked, NotAsked } from './route-calls.ts'
import { handleOf } from './route-handle.ts'
import type { RouteHandle } from './route-handle.ts'
import type { RouteOptions } from './route-options.ts'
import { isAnswerable, isSafe, whyBypassed } from './storable.ts'
import { whyTargetBypassed } from './target.ts'
import { headersOf } from './unwatched.ts'
import type { Visit } from './visit.ts'

/** A cached route, whatever its framework. `Subject` is what the functions among its options are given. */
export class Route<Subject> {
  readonly #engine: Engine
  readonly #options: ResolvedOptions<Subject>
  readonly #calls: RouteCalls<Subject>
  readonly #loads: HandlerLoads<Subject>
  readonly #answers: Answers<Subject>
  readonly #isOff: boolean
  /** Where its hits are answered in front of the framework. */
  readonly #front: FrontRoute | undefined

  /** Throws a `ConfigError` for options that are wrong, or a name that is taken. */
  constructor(cache: Cache, options: RouteOptions<Subject>, framework: string) {
    this.#engine = engineOf(cache)
    this.#options = resolveRouteOptions(this.#engine, options)
    this.#calls = new RouteCalls(this.#engine, this.#options, framework)
    this.#isOff = this.#engine.options.disabled || this.#options.limit === 0
    this.#loads = new HandlerLoads(this.#engine, this.#options, this.#calls)
    if (this.#options.front) frontRoutesOf(this.#engine).add((this.#front = new FrontRoute(this.#options, this.#calls)))
    this.#answers = new Answers(this.#engine, this.#options, this.#loads)
  }

  /** What the door hands to its user. */
  handle(): RouteHandle {
    return handleOf(this.#engine, this.#calls)
  }

  /** Takes a request. Undefined where it is answered, or its handler has been entered; else resolves once that is so. Never rejects. */
  visit(visit: Visit<Subject>): Promise<void> | undefined {
    if (!isAnswerable(visit.method)) return this.#write(visit)
    const asked = this.#ask(visit)
    if (asked === undefined) {
      visit.pass()
      return undefined
    }
    frontRunOf(visit.req)?.enter(this.#front)
    if ('call' in asked) return this.#serve(visit, asked)
    this.#passage(visit).forward({ fwd: 'bypass', detail: asked.why })
    return undefined
  }

  /** Takes a request that is written through. RFC 9111 §4 */
  #write(visit: Visit<Subject>): undefined {
    const passage = this.#passage(visit)
    const asked = this.#mayKeepAnswer(visit) ? this.#ask(visit) : undefined
    if (asked !== undefined && 'call' in asked) {
      this.#loads.post(asked, passage)
      return
    }
    if (!isSafe(visit.method)) clearBeforeAnswer(visit, ownUri)
    // RFC 9211 §2.2: what its method alone sends to the handler.
    passage.forward({ fwd: 'method' })
  }

  /** Whether the answer to a request that is written through may be kept, as far as the request tells. RFC 9110 §9.3.3, RFC 9111 §5.2.1.5 */
  #mayKeepAnswer({ method, req }: Visit<Subject>): boolean {
    const { posts, query, requestDirectives } = this.#options
    return method === 'POST' && posts && query === true && (!requestDirectives || demandsOf(headersOf(req))?.stored !== false)
  }

  /** The request as a call; why it goes past the cache; or undefined where it is none of this route's business. */
  #ask(visit: Visit<Subject>): Asked | NotAsked | undefined {
    const { req } = visit
    // A request that runs into the same route twice would wait for itself.
    if (this.#loads.isInside(req)) return undefined
    if (this.#isOff) return { why: 'switched off' }
    try {
      const asked = this.#calls.askAgain(visit) ?? this.#askAnew(visit)
      if (asked === undefined || 'why' in asked) return asked
      const { bypass } = this.#options
      if (bypass !== undefined && told(asked.calls.name, 'bypass', () => bypass(visit.subject))) return { why: 'bypass' }
      // RFC 9110 §7.8: to go on in another protocol is between the client and the handler.
      const { fields } = asked
      const why = fields['upgrade'] !== undefined ? 'upgrade' : isAnswerable(visit.method) ? whyBypassed(fields) : undefined
      return why === undefined ? asked : { why }
    } catch (error) {
      if (!(error instanceof KeyError)) this.#engine.report(error)
      return { why: error instanceof KeyError ? 'no key' : 'error' }
    }
  }

  #askAnew(visit: Visit<Subject>): Asked | NotAsked | undefined {
    const odd = whyTargetBypassed(visit.target)
    // Before the route learns its path from it.
    return odd === undefined ? this.#calls.ask(visit) : { why: odd }
  }

  #passage(visit: Visit<Subject>): Passage<Subject> {
    return new Passage(visit, this.#options.cacheStatus)
  }

  #serve(visit: Visit<Subject>, asked: Asked): Promise<void> | undefined {
    const passage = this.#passage(visit)
    try {
      const answering = this.#answers.answer(passage, asked)
      if (answering === undefined) return undefined
      const answered = answering.catch((error: unknown) => this.#failed(passage, error))
      // The handler's answer may take as long as it likes, and a framework that sends only afterwards must not wait for it.
      return Promise.race([answered, passage.entered])
    } catch (error) {
      this.#failed(passage, error)
      return undefined
    }
  }

  /** Whatever fails here, the handler still answers. */
  #failed(passage: Passage<Subject>, error: unknown): void {
    this.#engine.report(error)
    if (!passage.hasEntered && !passage.visit.res.headersSent) passage.forward({ fwd: 'bypass', detail: 'error' })
  }
}
