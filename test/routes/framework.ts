// What a framework has to do for the suite of promises that hold in each of them.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { PartialRouteArguments } from '../../middleware/http/route-name.ts'
import type { GroupsOption } from '../../middleware/http/groups.ts'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { InvalidatesOptions } from '../../middleware/http/mutation-options.ts'
import type { Cache, Clearable, FunctionStats, Ref } from '../../src/index.ts'
import type { TestServer } from '../support/http.ts'

/** A request and its answer, in the words of the framework. */
export interface Exchange {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  /** The URL as the handler sees it. */
  readonly url: string
  /** Reads a request header as handlers of this framework do. */
  header(name: string): string | undefined
  readonly host: string | undefined
  readonly ip: string | undefined
  readonly protocol: string
  /** Where layers leave things for those behind them. */
  readonly state: Record<string, unknown>
  status(code: number): void
  set(name: string, value: string | string[]): void
  remove(name: string): void
  /** Answers: what is no text, bytes or stream goes as JSON. */
  send(body: string | Buffer | Readable | object): void
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

export type Handler = (x: Exchange) => unknown

/** A middleware of the framework. */
export interface Layer {
  readonly layer: unknown
}

/** What both doors' routes have. */
export interface SuiteRoute extends Layer, Clearable {
  readonly cacheName: string
  ref(args?: PartialRouteArguments): Ref
  clear(args?: PartialRouteArguments): Promise<void>
  expire(args?: PartialRouteArguments): Promise<void>
  stats(): FunctionStats
}

export interface App {
  /** A layer around everything mounted later. It does not wait for what is inside. */
  outer(layer: Handler): void
  /** A layer around everything mounted later that goes on with `next`, or answers by itself. */
  around(layer: (x: Exchange, next: () => unknown) => unknown): void
  /** Mounts layers for every method and path. */
  use(...layers: readonly Layer[]): void
  /** Mounts layers and a handler on a path. A handler that throws is answered with 500 by the framework. */
  on(method: 'get' | 'post' | 'put' | 'delete' | 'purge', path: string, layers: readonly Layer[], handler: Handler): void
  serve(): Promise<TestServer>
  /** What a server of one's own calls for each request. */
  listener(): RequestListener
}

export interface Framework {
  /** As in test titles: "Express 5". */
  readonly name: string
  /** How the default names of its routes begin. */
  readonly prefix: string
  /** Whether its routes are answered in front of it, wherever their options let them. */
  readonly isFronted: boolean
  /** `cache`: whose routes its front is for. */
  newApp(cache?: Cache): App
  cached(cache: Cache, options?: RouteOptions<Exchange>): SuiteRoute
  invalidates(target: Clearable | Ref, argsOf?: (x: Exchange) => unknown[], options?: InvalidatesOptions<Exchange>): Layer
  invalidatesRefs(refsOf: (x: Exchange) => readonly Ref[], options?: InvalidatesOptions<Exchange>): Layer
}

/** The options of a route whose functions are given what `toExchange` makes of the framework's subject. What is wrong stays as wrong. */
export function optionsWith<Subject>(options: RouteOptions<Exchange>, toExchange: (subject: Subject) => Exchange): RouteOptions<Subject> {
  if (typeof options !== 'object') return options
  const { partition, dependsOn, bypass, groups, ...rest } = options
  return {
    ...rest,
    ...(partition !== undefined && { partition: given(partition, toExchange) }),
    ...(dependsOn !== undefined && { dependsOn: given(dependsOn, toExchange) }),
    ...(bypass !== undefined && { bypass: given(bypass, toExchange) }),
    ...(groups !== undefined && { groups: groupsGiven(groups, toExchange) }),
  }
}

/** Options with which a route is answered in front of its framework, where there are any. What is wrong stays as wrong. */
export function frontedWith<Subject>(options: RouteOptions<Subject>): RouteOptions<Subject> {
  if (typeof options !== 'object' || options === null) return options
  const { partition, bypass, store = 'memory' } = options
  const isFronted = partition === undefined && bypass === undefined && (store === 'memory' || store === 'tiered')
  return isFronted ? { front: true, ...options } : options
}

/** The same of a write. */
export function mutationWith<Subject>(
  options: InvalidatesOptions<Exchange> | undefined,
  toExchange: (subject: Subject) => Exchange,
): InvalidatesOptions<Subject> | undefined {
  if (options?.groups === undefined) return options as InvalidatesOptions<Subject> | undefined
  return { ...options, groups: groupsGiven(options.groups, toExchange) }
}

function groupsGiven<Subject>(groups: GroupsOption<Exchange>, toExchange: (subject: Subject) => Exchange): GroupsOption<Subject> {
  return typeof groups === 'function' ? (refs, subject) => groups(refs, toExchange(subject)) : groups
}

/** A function that is given what `toExchange` makes of the framework's subject. */
export function given<Subject, R>(fn: (x: Exchange) => R, toExchange: (subject: Subject) => Exchange): (subject: Subject) => R {
  return typeof fn === 'function' ? (subject) => fn(toExchange(subject)) : fn
}
