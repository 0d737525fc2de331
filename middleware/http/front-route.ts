// Knows a route whose responses are answered with before the framework is entered: what of it the front needs, and which requests may be its.

import type { Calls, Engine } from '../../src/door.ts'
import { nameOfInput } from './advice.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { RouteCalls } from './route-calls.ts'
import type { StoredResponse } from './stored-response.ts'
import type { Input } from './unkeyed.ts'

type Options = Pick<
  ResolvedOptions<never>,
  'ignore' | 'headers' | 'targets' | 'maxBodyBytes' | 'cacheStatus' | 'debug' | 'onHit' | 'requestDirectives' | 'track'
>

/** One such route. */
export class FrontRoute {
  readonly options: Options
  readonly #calls: RouteCalls<never>

  constructor(options: Options, calls: RouteCalls<never>) {
    this.options = options
    this.#calls = calls
  }

  /** Whether these are its own calls. */
  isOf(calls: Calls<StoredResponse>): boolean {
    return this.#calls.isOf(calls)
  }

  /** Whether a request with this target may be its: also where no request has said yet on which path it is mounted. */
  mayTake(target: string): boolean {
    return target.startsWith(this.#calls.prefix ?? '')
  }

  /** Whether an input was declared harmless. */
  ignores(input: Input): boolean {
    const { ignore } = this.options
    return ignore === true || ignore.has(input.toLowerCase()) || (ignore.has('headers') && !/^(?:ip|protocol)$|\./.test(input))
  }

  /** Warns once of what keeps its responses behind the framework. */
  warnOfInput(input: Input): void {
    this.#calls.warnOf(
      (name) =>
        `A layer around "${name}" read ${nameOfInput(input)}: its responses are not answered in front of the framework, only behind it. ` +
        `Give \`ignore: [${JSON.stringify(input)}]\` if that changes nothing in a response, or leave out \`front\`.`,
      'UNKEYED',
    )
  }
}

const routes = new WeakMap<Engine, Set<FrontRoute>>()

/** The routes of a cache that are answered in front, also those that will be made. */
export function frontRoutesOf(engine: Engine): Set<FrontRoute> {
  let known = routes.get(engine)
  if (known === undefined) routes.set(engine, (known = new Set()))
  return known
}
