// Knows one request on its way through the whole application, as it is seen from in front of it: what any layer reads of it, which route answers
// it, and the response as it leaves.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Frame } from '../../src/door.ts'
import type { Call, Calls, Engine, Entry } from '../../src/door.ts'
import type { Ref } from '../../src/index.ts'
import { AtOnce } from './at-once.ts'
import { onceClosed } from './client.ts'
import { isNotModified } from './conditional.ts'
import { withheldFields } from './field-lists.ts'
import type { Fields } from './fields.ts'
import type { FrontRoute } from './front-route.ts'
import { isHttp2 } from './head.ts'
import type { Head } from './head.ts'
import { watchLeaving } from './leaving.ts'
import { propertyOf } from './property.ts'
import { whyBodyNotStored } from './storable.ts'
import { toStored } from './stored-response.ts'
import type { StoredField, StoredResponse } from './stored-response.ts'
import { policyOf } from './targeted.ts'
import { watch } from './unkeyed.ts'
import type { Input } from './unkeyed.ts'
import { headersOf, keepQuiet, showHeaders } from './unwatched.ts'
import { nominatedBy, whyNotSelectable } from './vary.ts'
import { withoutHidden } from './watched-headers.ts'

/** What a route answered a request with. */
export interface Made {
  readonly calls: Calls<StoredResponse>
  readonly call: Call
  readonly entry: Entry<StoredResponse>
}

/** A response as it left, and what it is served for. */
export interface Fronted extends Made {
  readonly route: FrontRoute
  readonly response: StoredResponse
  readonly atOnce: AtOnce
  /** The request fields that select it, and their values. */
  readonly selecting: readonly (readonly [name: string, value: unknown])[]
  /** What layers around the route have read of the cache, besides what the entry depends on. */
  readonly read: readonly Ref[]
  /** The clear log's position before they did. */
  readonly position: number
  readonly trustFrom: number
}

export interface FrontRunOptions {
  readonly engine: Engine
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Those that are answered in this front. */
  readonly routes: ReadonlySet<FrontRoute>
  readonly maxBodyBytes: number
  /** Told of what may be served to the next request like this one; or of what keeps it from that, when it is its layers' doing. */
  onKept(fronted: Fronted): void
  onRefused(route: FrontRoute, inputs: readonly Input[]): void
  /** Told that no route that is answered in front has it. */
  onForeign(): void
}

// RFC 9110 §12.5, and Origin: what is read of them selects.
const NEGOTIATION: ReadonlySet<Input> = new Set(['accept', 'accept-encoding', 'accept-language', 'origin'])
// The front's own key has the first two, and it takes no request that has the third.
const COVERED: ReadonlySet<Input> = new Set(['host', 'protocol', 'authorization'])
// How long a response is fresh, and for whom it is, the route has judged: who changes that around it is not heard.
const JUDGED = ['cache-control', 'expires', 'date']

const runs = new WeakMap<object, FrontRun>()
let hasRuns = false

/** The run of a request that a front observes. */
export function frontRunOf(req: object): FrontRun | undefined {
  return hasRuns ? runs.get(req) : undefined
}

export class FrontRun {
  readonly #options: FrontRunOptions
  /** As they came: a layer may change them for those behind it. */
  readonly #fields: Fields
  /** That of a front around this one. */
  readonly #around: FrontRun | undefined
  readonly #frame: Frame
  readonly #position: number
  readonly #inputs: Set<Input> = new Set()
  readonly #negotiated: Set<Input> = new Set()
  /** The outermost route that it has come to; null where that is none that is answered in front. */
  #route: FrontRoute | null | undefined
  #left: Fields | undefined
  #made: Made | undefined
  #head: Head | undefined
  #body: Uint8Array | undefined
  #read: readonly Ref[] = []
  /** Runs what no layer reads: that of a front around it does not hear of it either. */
  #unwatched: <T>(work: () => T) => T = atOnce

  constructor(options: FrontRunOptions) {
    this.#options = options
    const { engine, req } = options
    this.#fields = { ...headersOf(req) }
    this.#around = runs.get(req)
    // What a layer within it reads counts for both: a load's reads are its own alone.
    const isWithin = this.#around !== undefined && this.#around.#options.engine === engine
    this.#frame = isWithin ? this.#around.#frame : new Frame(engine.clock(), undefined)
    this.#position = isWithin ? this.#around.#position : engine.log.position
    runs.set(req, this)
    hasRuns = true
  }

  /** Lets the application answer. */
  run<T>(listen: () => T): T {
    const { engine, req, res, routes, maxBodyBytes } = this.#options
    const watched = watch(req, {
      res,
      derived: [],
      places: [],
      isCovered: (input) => COVERED.has(input),
      onRead: (input) => void (NEGOTIATION.has(input) ? this.#negotiated : this.#inputs).add(input),
      onAbsent: () => undefined,
    })
    // What a layer changes of them, the next one finds.
    const around = this.#around
    this.#unwatched = (work) => (around === undefined ? watched.unwatched(work) : around.#unwatched(() => watched.unwatched(work)))
    const restoreShown = showHeaders(req, () => withoutHidden(this.#unwatched(() => propertyOf(req, 'headers'))))
    // What a handler reads its route hears of, and judges by more than is known here.
    const restoreHeard = keepQuiet(req, this.#unwatched)
    let isWatched = true
    const end = (): void => {
      if (isWatched) {
        restoreShown()
        restoreHeard()
        watched.close()
      }
      isWatched = false
      this.#read = this.#frame.close()
    }
    onceClosed(res, end)
    watchLeaving(res, {
      maxBodyBytes,
      send: (work) => watched.unwatched(work),
      onHead: (head) => {
        this.#head = head
        const keep = Boolean(this.#route)
        if (!keep) {
          // Watched it is until its end: a route inside stands before what stands here.
          this.#frame.end()
          this.#options.onForeign()
        }
        return { keep, notModified: !isHttp2(res) && isNotModified('GET', this.#fields, head.status, head.fields, Date.now()) }
      },
      onEnd: (body) => {
        end()
        this.#body = body
        this.#keep()
      },
    })
    return Array.from(routes).some(({ options }) => options.track) ? engine.tracker.run(this.#frame, listen) : listen()
  }

  /** It has come to a route: the outermost one decides. */
  enter(route: FrontRoute | undefined): void {
    this.#around?.enter(route)
    if (this.#route === undefined) this.#route = route !== undefined && this.#options.routes.has(route) ? route : null
  }

  /** What its answer says as it leaves a route: the last one is the outermost. */
  leave(fields: Fields): void {
    this.#around?.leave(fields)
    this.#left = fields
  }

  /** What a route that has let its handler answer keeps of that. */
  answer(made: Made): void {
    this.#around?.answer(made)
    if (this.#route?.isOf(made.calls) !== true) return
    this.#made = made
    this.#keep()
  }

  /** What a route answers with in its handler's place. `fields`: what layers around it have said before. */
  answerWith(made: Made, fields: Fields): void {
    this.leave({ ...fields, ...Object.fromEntries(made.entry.value.fields.map(([name, value]) => [name.toLowerCase(), value])) })
    this.answer(made)
  }

  #keep(): void {
    const [route, made, head, body] = [this.#route, this.#made, this.#head, this.#body]
    if (!route || made === undefined || head === undefined || body === undefined) return
    const { onKept, onRefused } = this.#options
    // What is so for this one alone says nothing of its URL.
    if (this.#frame.stale || this.#frame.isTentative || this.#isOvertaken() || this.#isYetUntagged(made.entry.value)) return
    // Then its route has said why.
    if (made.calls.kept(made.entry.key) !== made.entry) return onRefused(route, [])
    const names = this.#selectingNames(route, head.fields)
    const inputs = Array.from(this.#inputs).filter((input) => !names.includes(input) && !route.ignores(input))
    if (this.#isOtherwise(route, head, made.entry.value) || this.#whyNotKept(route, head, body) !== undefined || inputs.length > 0)
      return onRefused(route, inputs)
    const own = new Set(made.entry.refs.map(({ id }) => id))
    const response = responseOf(head, body, made.entry.value, withheldFields(policyOf(head.fields, route.options.targets)))
    onKept({
      ...made,
      route,
      response,
      atOnce: new AtOnce(response),
      selecting: names.map((name) => [name, this.#fields[name]]),
      read: this.#read.filter(({ id }) => !own.has(id)),
      position: this.#position,
      trustFrom: this.#frame.trustFrom,
    })
  }

  #selectingNames({ options }: FrontRoute, fields: Fields): readonly string[] {
    // A layer around the route may have taken its Vary away.
    const nominated = [fields, this.#left ?? {}].map(nominatedBy).flatMap((names) => (names === '*' ? [] : names))
    return [...new Set([...nominated, ...options.headers, ...this.#negotiated])].filter((name) => name !== 'host')
  }

  /** Whether layers around the route have made another response of its: one of another status, or one that is not for everybody, or not for so long. */
  #isOtherwise({ options }: FrontRoute, { status, fields }: Head, stored: StoredResponse): boolean {
    const left = this.#left
    const judged = [...JUDGED, ...options.targets]
    return status !== stored.status || left === undefined || judged.some((name) => String(fields[name]) !== String(left[name]))
  }

  /** Whether what was read, by any layer, was cleared meanwhile: one may have seen it before that, and another after. */
  #isOvertaken(): boolean {
    const { log } = this.#options.engine
    return log.clearedSince(this.#read, this.#position) || log.expiredSince(this.#read, this.#position) !== undefined
  }

  /** Whether it has left without the tag that its hits have: that of what is streamed is known when all of it has left. */
  #isYetUntagged({ fields }: StoredResponse): boolean {
    return this.#left?.['etag'] === undefined && fields.some(([name]) => name.toLowerCase() === 'etag')
  }

  #whyNotKept({ options }: FrontRoute, { fields }: Head, body: Uint8Array): string | undefined {
    if (fields['set-cookie'] !== undefined) return 'set-cookie'
    const selecting = whyNotSelectable({ fields, baseline: {}, keyed: Array.from(this.#negotiated), partitioned: false })
    return selecting ?? whyBodyNotStored(fields, body.byteLength, options.maxBodyBytes)
  }
}

/** A response as it left, to be served to others: how old it was when it came to its route, its route knows. */
function responseOf(head: Head, body: Uint8Array, made: StoredResponse, withheld: readonly string[]): StoredResponse {
  const left = toStored(head, {}, Buffer.from(body), withheld)
  const fields = left.fields.filter(([name]) => !/^(?:age|content-length)$/i.test(name))
  const age = made.fields.filter(([name]) => name.toLowerCase() === 'age')
  const length: StoredField[] = left.status === 204 ? [] : [['Content-Length', String(body.byteLength)]]
  const isSame = Buffer.compare(left.body, made.body) === 0
  return { ...left, fields: [...fields, ...age, ...length], body: isSame ? made.body : left.body }
}

function atOnce<T>(work: () => T): T {
  return work()
}
