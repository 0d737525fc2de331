// Knows what one run of a handler reads of its request: what its answer is negotiated by, and what the key does not cover.

import { MOST_ABSENT } from './absent.ts'
import { isProperty } from './added.ts'
import { harmlessOn } from './harmless.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { watch } from './unkeyed.ts'
import type { Input, Watch } from './unkeyed.ts'
import { fieldsOf, headersOf } from './unwatched.ts'
import type { Selection } from './vary.ts'
import type { Visit } from './visit.ts'

export interface ReadsOptions {
  readonly route: Pick<ResolvedOptions<never>, 'headers' | 'ignore' | 'query'>
  /** Whether the route's `partition` named an owner for this request. */
  readonly partitioned: boolean
  /** Conditions that the handler sees in place of the client's. */
  readonly conditions: Readonly<Record<string, string>> | undefined
}

// RFC 9110 §12.5, and Origin: what a client says so that the answer is made for it. A handler that reads one is keyed by it.
const NEGOTIATION: ReadonlySet<Input> = new Set(['accept', 'accept-encoding', 'accept-language', 'origin'])

// RFC 9110 §8
const OF_CONTENT: ReadonlySet<Input> = new Set(['content-encoding', 'content-language', 'content-type'])

/** What a handler reads from now on until `close`. */
export class Reads {
  readonly #options: ReadsOptions
  readonly #inputs: Set<Input> = new Set()
  readonly #negotiated: Set<Input> = new Set()
  readonly #absent: Set<Input> = new Set()
  readonly #watch: Watch
  readonly #restoreQuery: () => void
  readonly #hasContent: boolean
  #hasHead = false
  #isClosed = false

  constructor(visit: Visit<unknown>, options: ReadsOptions) {
    this.#options = options
    this.#hasContent = visit.method === 'POST'
    this.#watch = watch(visit.req, {
      res: visit.res,
      conditions: options.conditions,
      derived: visit.derived(),
      places: visit.places(),
      isHarmless: harmlessOn(headersOf(visit.req), fieldsOf(visit.res)),
      isCovered: (input) => this.#isCovered(input),
      onRead: (input) => this.#onRead(input),
      onAbsent: (input) => this.#onAbsent(input),
    })
    this.#restoreQuery = visit.limitQuery(options.route.query)
  }

  /** The negotiation fields that were read in time for its Vary to say so. */
  get negotiated(): ReadonlySet<Input> {
    return this.#negotiated
  }

  /** What of the properties that layers may leave was looked for and not there. */
  get absent(): ReadonlySet<Input> {
    return this.#absent
  }

  has(input: Input): boolean {
    return this.#inputs.has(input)
  }

  /** What was read that neither the key covers nor this selection. Who looks through all headers has read each; one warning says it. */
  unkeyed(selects: Selection | undefined): readonly Input[] {
    if (this.#inputs.has('headers')) return ['headers']
    return Array.from(this.#inputs).filter((input) => selects?.fields.includes(input) !== true)
  }

  /** Runs what sends: what outer layers do then is not the handler's doing. */
  unwatched<T>(work: () => T): T {
    return this.#watch.unwatched(work)
  }

  /** As `unwatched`, until what it returns is called. */
  pause(): () => void {
    return this.#watch.pause()
  }

  /** Its head has left: what is read from here on its Vary can say no more. */
  sayHead(): void {
    this.#hasHead = true
  }

  /** The handler has done its part: layers around it see the request as it came. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watch.close()
    this.#restoreQuery()
  }

  #isCovered(input: Input): boolean {
    const { route, partitioned } = this.#options
    if (route.ignore === true || route.ignore.has(input.toLowerCase()) || route.headers.includes(input)) return true
    // They describe what the request brings, and not who brings it.
    if (this.#hasContent && OF_CONTENT.has(input)) return true
    // Who asks is what a partition tells apart, whatever layers have made of it.
    if (partitioned && (input === 'cookie' || input === 'authorization' || isProperty(input))) return true
    return !isProperty(input) && input !== 'ip' && input !== 'protocol' && route.ignore.has('headers')
  }

  #onRead(input: Input): void {
    if (!this.#hasHead && NEGOTIATION.has(input)) this.#negotiated.add(input)
    else if (!this.#negotiated.has(input)) this.#inputs.add(input)
  }

  #onAbsent(input: Input): void {
    if (this.#absent.size < MOST_ABSENT) this.#absent.add(input)
    else if (!this.#absent.has(input)) this.#inputs.add(input)
  }
}
