// Knows what a framework's door tells a route of one request, and does for it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Place } from './added.ts'
import type { Captured, CaptureOptions } from './capture.ts'
import type { HoldOptions } from './hold.ts'
import type { Query, QueryRule } from './query.ts'
import type { ReplayOptions, ReplayRequest } from './replay.ts'
import type { StoredResponse } from './stored-response.ts'
import type { DerivedProperty, Input } from './unkeyed.ts'

/** A request that passes a route, as its framework has it. `Subject` is what the functions among the options are given. */
export interface Visit<Subject> {
  readonly subject: Subject
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  /** The request's target as it arrived at the application. */
  readonly target: string
  /** Its URL as the layers before the route have left it: below a mount path, without that. */
  readonly url: string
  /** The path as it is routed: mount path included, rewrites applied, without the query. */
  readonly path: string
  /** The pattern of the framework's route, mount path included; undefined where the route object is not mounted on one. */
  readonly pattern: string | undefined
  /** What the framework's router found in the path. */
  readonly params: Readonly<Record<string, unknown>>
  /** The whole query, parsed as the handler would see it. */
  readonly query: Query
  /** What layers have put in the place of what the framework has, where the route goes past it. */
  readonly replaced?: readonly Input[] | undefined
  /** The origin as the client sees it, as far as the framework trusts what it is told; undefined where it cannot tell. */
  origin(): string | undefined
  /** Properties of the subject that are computed from inputs. */
  derived(): readonly DerivedProperty[]
  /** Where outer layers leave things for those behind them. */
  places(): readonly Place[]
  /** Takes away from what the handler sees the query parameters that are no arguments; returns what gives them back. */
  limitQuery(rule: QueryRule): () => void
  /** Its URL as its handler sees it, less the query parameters that are no arguments: as it came, and as it is routed, mount path included. */
  urls(rule: QueryRule): readonly [asItCame: string, asRouted: string]
  /** Lets the handler answer, unobserved. */
  pass(): void
  /** Lets the handler answer, and observes it. Never rejects: what the handler throws is its framework's. */
  observe(options: CaptureOptions): Promise<Captured>
  /** Answers in the handler's place. */
  replay(stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): void
  /** Holds the handler's answer back; called before `pass`. */
  hold(options: HoldOptions): void
}
