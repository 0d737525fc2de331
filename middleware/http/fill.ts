// Knows how one request's answer becomes an entry: what the handler read and answered is judged, dressed for its client, and kept or not.

import type { IncomingHttpHeaders } from 'node:http'
import type { Entry, Loaded } from '../../src/door.ts'
import { longestOf } from '../../src/door.ts'
import { CacheError } from '../../src/index.ts'
import { isProperty } from './added.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Forward } from './cache-status.ts'
import type { Captured, CaptureOptions, Verdict } from './capture.ts'
import { isNotModified, weakTag } from './conditional.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { freshFor, mayStoreStale, staleFor } from './freshness.ts'
import { groupsIn } from './groups.ts'
import { headOf } from './head.ts'
import type { Head } from './head.ts'
import { dress, isTagged } from './replay.ts'
import { bodyInstead, conditionsOf, putInstead, updatedBy } from './revalidation.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { whyBodyNotStored, whyNotStored } from './storable.ts'
import { toStored } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import { policyOf } from './targeted.ts'
import { headersOf, watch } from './unkeyed.ts'
import type { Input, Watch } from './unkeyed.ts'
import { selectingFields, selectionOf, whyNotSelectable } from './vary.ts'
import type { Selection } from './vary.ts'
import type { Visit } from './visit.ts'

// From its first byte on a streamed answer may take so long: past it others no longer wait for its last.
const PATIENCE = 5_000
// So long a response that its handler can be asked after is kept past its freshness.
const KEPT_FOR = 24 * 60 * 60 * 1000

export interface FillOptions {
  readonly route: Pick<
    ResolvedOptions<never>,
    'query' | 'headers' | 'ttl' | 'stale' | 'revalidate' | 'targets' | 'maxBodyBytes' | 'ignore' | 'cacheStatus'
  >
  /** Whether the route's `partition` named an owner for this request. */
  readonly partitioned: boolean
  /** Why the handler is asked. */
  readonly fwd: Forward
  /** The key, where the client may see it. */
  readonly shownKey: string | undefined
  /** The fields that name the response's groups, as far as is known what it was computed from. Must not throw. */
  groupFields(before: Fields): Readonly<Record<string, string>>
  /** A stale response to the same request that nothing has cleared. */
  readonly found: Entry<StoredResponse> | undefined
  readonly clock: () => number
  /** Called when the handler is about to run: from here on the answer is its own. */
  onEnter(): void
}

/** What came of a run of the handler. */
export interface Filled {
  readonly loaded: Loaded<StoredResponse>
  /** What was read and not keyed. */
  readonly unkeyed: readonly Input[]
  /** What selects the response besides the route's own key. */
  readonly selects?: Selection | undefined
  /** The groups that the handler put its answer into. */
  readonly groups: readonly string[]
  /** Whether it is what was found, which the handler said still holds. */
  readonly isRenewed?: boolean
}

// RFC 9110 §12.5, and Origin: what a client says so that the answer is made for it. A handler that reads one is keyed by it.
const NEGOTIATION: ReadonlySet<Input> = new Set(['accept', 'accept-encoding', 'accept-language', 'origin'])

const UNKEYED = 'unkeyed '
const ABOUT_KEY = /^(?:vary |authorization$)/

const NOTHING: StoredResponse = { status: 0, statusMessage: '', fields: [], removed: [], body: new Uint8Array() }

/** What a load gives whose answer is for its own client alone. */
export const unshared: Loaded<StoredResponse> = { value: NOTHING, store: false, share: false }
/** What a load gives whose client has gone: the next in line takes its place. */
export const givenUp: Loaded<StoredResponse> = { ...unshared, ending: 'overtaken' }
/** What a load gives whose handler failed. */
const failed: Loaded<StoredResponse> = { ...unshared, ending: 'failed' }

/** Lets the handler answer, and makes of its answer what a load gives. */
export async function fill<Subject>(visit: Visit<Subject>, options: FillOptions): Promise<Filled> {
  return new Fill(visit, options).run()
}

class Fill {
  readonly #visit: Visit<unknown>
  readonly #options: FillOptions
  readonly #inputs: Set<Input> = new Set()
  readonly #negotiated: Set<Input> = new Set()
  readonly #requestFields: IncomingHttpHeaders
  readonly #baseline: Fields
  readonly #watch: Watch
  readonly #restoreQuery: () => void
  #isOver = false
  /** The head as it left, once it has. */
  #head: Head | undefined
  #freshFor = 0
  #selects: Selection | undefined
  /** What it takes to serve it stale, or to ask after it. */
  #means: Pick<StoredResponse, 'stale' | 'conditions' | 'said'> | undefined
  #isRenewed = false
  #failure: string | undefined
  #why: string | undefined
  #groups: readonly string[] = []

  constructor(visit: Visit<unknown>, options: FillOptions) {
    this.#visit = visit
    this.#options = options
    this.#requestFields = headersOf(visit.req)
    this.#baseline = headOf(visit.res).fields
    this.#watch = watch(visit.req, {
      conditions: options.found?.value.conditions,
      derived: visit.derived(),
      places: visit.places(),
      isCovered: (input) => this.#isCovered(input),
      onRead: (input) => this.#onRead(input),
    })
    this.#restoreQuery = visit.limitQuery(options.route.query)
  }

  async run(): Promise<Filled> {
    const observed: CaptureOptions = {
      maxBodyBytes: this.#options.route.maxBodyBytes,
      patience: PATIENCE,
      onHead: (head, body) => this.#onHead(head, body),
      onFailure: () => this.#staleInstead('error'),
      send: (work) => this.#watch.unwatched(work),
      pause: () => this.#watch.pause(),
      onOver: () => this.#over(),
    }
    this.#options.onEnter()
    try {
      return this.#filled(await this.#visit.observe(observed))
    } finally {
      this.#over()
    }
  }

  /** The handler has done its part: layers around it see the request as it came. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#watch.close()
    this.#restoreQuery()
  }

  #isCovered(input: Input): boolean {
    const { route, partitioned } = this.#options
    if (route.ignore === true || route.ignore.has(input.toLowerCase()) || route.headers.includes(input)) return true
    // Who asks is what a partition tells apart, whatever layers have made of it.
    if (partitioned && (input === 'cookie' || input === 'authorization' || isProperty(input))) return true
    return !isProperty(input) && input !== 'ip' && input !== 'protocol' && route.ignore.has('headers')
  }

  #onRead(input: Input): void {
    // Once the head has left, its Vary can say no more what was read.
    const inTime = this.#head === undefined
    if (inTime && NEGOTIATION.has(input)) this.#negotiated.add(input)
    else if (!this.#negotiated.has(input)) this.#inputs.add(input)
  }

  #onHead(head: Head, body: Uint8Array | undefined): Verdict {
    const { found } = this.#options
    if (head.status === 304 && found?.value.conditions !== undefined) return this.#renew(found.value, head)
    // RFC 5861 §4
    const stale = [500, 502, 503, 504].includes(head.status) ? this.#staleInstead(`status ${head.status}`) : undefined
    return stale ?? this.#judge(head, body)
  }

  /** What is stored holds: it goes out, updated, as if the handler had answered with it. RFC 9111 §4.3.3 */
  #renew(found: StoredResponse, head: Head): Verdict {
    const { res, method } = this.#visit
    const now = Date.now()
    const cookies = head.fields['set-cookie']
    const value = updatedBy(head, this.#baseline, found)
    putInstead(res, value, this.#baseline, { age: 0, now })
    // RFC 9111 §5.1: Age says that nobody was asked. One of a cache behind the handler stays.
    if (!value.fields.some(([name]) => name.toLowerCase() === 'age')) res.removeHeader('Age')
    // One client's, and so never stored; but this one's.
    if (cookies !== undefined) res.setHeader('Set-Cookie', cookies)
    this.#isRenewed = true
    const { keep } = this.#judge(headOf(res), value.body)
    return { keep, ...bodyInstead(res, value, { method, fields: this.#requestFields }, now) }
  }

  /** What is stored and stale goes out where the handler failed, if it may. RFC 5861 §4 */
  #staleInstead(detail: string): Verdict | undefined {
    const { found, clock, fwd, shownKey, route } = this.#options
    const { res, method } = this.#visit
    const now = clock()
    if (found === undefined || res.headersSent || now >= found.freshUntil + (found.value.stale?.ifError ?? 0)) return undefined
    const cacheStatus = (existing: string | undefined): string =>
      cacheStatusWith(existing, { fwd, freshFor: found.freshUntil - now, detail, key: shownKey })
    putInstead(res, found.value, this.#baseline, { age: now - found.loadedAt, now: Date.now(), ...(route.cacheStatus && { cacheStatus }) })
    this.#failure = detail
    return { keep: false, ...bodyInstead(res, found.value, { method, fields: this.#requestFields }, Date.now()) }
  }

  #judge(head: Head, body: Uint8Array | undefined): Verdict {
    const { res, method } = this.#visit
    const { route, partitioned } = this.#options
    const now = Date.now()
    this.#selects = this.#selectionFor(head)
    this.#why = this.#whyNot(head, body, now)
    const mayStore = this.#why === undefined
    this.#groups = groupsIn(head.fields, 'cache-groups')
    const control = valueOf(head.fields, 'cache-control') ?? ''
    const keyed = [...route.headers, ...this.#negotiated]
    const dressed = dress(head, body, { keyed, partitioned, mayStore, sendsDate: res.sendDate, now })
    const said = { ...dressed, ...this.#options.groupFields(head.fields) }
    for (const [name, value] of Object.entries(said)) res.setHeader(name, value)
    if (dressed['Cache-Control'] !== undefined && this.#means !== undefined) this.#means = { ...this.#means, said: control }
    // What is kept is the answer as its client gets it, less what is said of this one request.
    this.#head = headOf(res)
    if (route.cacheStatus) res.setHeader('Cache-Status', this.#cacheStatus(body))
    return { keep: mayStore, notModified: isNotModified(method, this.#requestFields, head.status, res.getHeaders(), now) }
  }

  #selectionFor({ fields }: Head): Selection | undefined {
    const { route, partitioned } = this.#options
    const varying = { fields, baseline: this.#baseline, keyed: route.headers, partitioned }
    const nominated = whyNotSelectable(varying) === undefined ? selectingFields(varying) : []
    return selectionOf(nominated, [...this.#negotiated, ...nominated.filter((name) => this.#inputs.has(name))])
  }

  #whyNot(head: Head, body: Uint8Array | undefined, now: number): string | undefined {
    const why = this.#whyNotOfAnswer(head, body, now)
    const [unkeyed] = this.#unkeyed()
    // Of two reasons that are about the key, the one that can be warned of. One that is not says that the handler knows what it does.
    return unkeyed !== undefined && (why === undefined || ABOUT_KEY.test(why)) ? `${UNKEYED}${unkeyed}` : why
  }

  #whyNotOfAnswer(head: Head, body: Uint8Array | undefined, now: number): string | undefined {
    const { route, partitioned } = this.#options
    const { status } = head
    const fields = policyOf(head.fields, route.targets)
    const conditions = this.#conditionsFrom(fields)
    const stale = { ...staleFor(fields, route.stale), kept: conditions === undefined ? 0 : KEPT_FOR }
    const why = whyNotStored({
      storesErrors: route.ttl === 'heuristic',
      validated: conditions !== undefined,
      method: this.#visit.method,
      requestFields: this.#requestFields,
      status,
      fields,
      baseline: this.#baseline,
      keyed: route.headers,
      partitioned,
      maxBodyBytes: route.maxBodyBytes,
    })
    if (why !== undefined) return why
    this.#freshFor = freshFor({ status, fields }, route.ttl, now)
    const isOfUse = longestOf(stale) > 0 && mayStoreStale({ status, fields }, route.ttl, now)
    if (isOfUse) this.#means = { stale, ...(conditions && { conditions }) }
    if (this.#freshFor <= 0 && !isOfUse) return `status ${status} without freshness`
    return body === undefined ? undefined : whyBodyNotStored(fields, body.byteLength, route.maxBodyBytes)
  }

  /** How the handler is asked after this response: by what it gave itself, and not by a tag that was made here. */
  #conditionsFrom(fields: Fields): StoredResponse['conditions'] {
    if (!this.#options.route.revalidate) return undefined
    const conditions = conditionsOf(fields)
    if (conditions === undefined || !this.#isRenewed || 'if-none-match' in this.#options.found!.value.conditions!) return conditions
    const { 'if-none-match': _, ...others } = conditions
    return others
  }

  /** Who looks through all headers has read each; one warning says it. */
  #unkeyed(): readonly Input[] {
    if (this.#inputs.has('headers')) return ['headers']
    return Array.from(this.#inputs).filter((input) => this.#selects?.fields.includes(input) !== true)
  }

  #cacheStatus(body: Uint8Array | undefined): string {
    const before = this.#visit.res.getHeader('cache-status')
    // Whether what streams will be stored nobody knows when its head leaves.
    const detail = this.#why ?? (body === undefined ? 'streamed' : undefined)
    return cacheStatusWith(before, { fwd: this.#options.fwd, stored: detail === undefined, detail, key: this.#options.shownKey })
  }

  #filled(captured: Captured): Filled {
    // Those who wait get what is stale too: a load that fails has its entry to fall back on.
    if (this.#failure !== undefined) throw new CacheError('LOAD', `The handler failed: ${this.#failure}.`)
    // Where it would not be stored anyway, nobody needs to hear what was read.
    const unkeyed = this.#why === undefined || this.#why.startsWith(UNKEYED) ? this.#unkeyed() : []
    if (captured.why !== undefined || this.#head === undefined) {
      return { loaded: unkept(captured, this.#head), unkeyed, groups: [] }
    }
    const { body } = captured
    const why = whyBodyNotStored(this.#head.fields, body.byteLength, this.#options.route.maxBodyBytes)
    if (why !== undefined || unkeyed.length > 0) return { loaded: unshared, unkeyed, groups: [] }
    const value = { ...toStored(tagged(this.#head, body), this.#baseline, body), ...this.#means }
    const loaded = { value, store: true, share: true, ttl: this.#freshFor }
    return { loaded, unkeyed, selects: this.#selects, groups: this.#groups, isRenewed: this.#isRenewed }
  }
}

function unkept(captured: Captured, head: Head | undefined): Loaded<StoredResponse> {
  if (captured.why === 'aborted') return givenUp
  return (captured.why !== undefined && captured.isAborted) || (head?.status ?? 0) >= 500 ? failed : unshared
}

/** A streamed answer's tag could not be known when its head left: it has one from its first hit on. */
function tagged(head: Head, body: Uint8Array): Head {
  return isTagged(head)
    ? { ...head, fields: { ...head.fields, etag: weakTag(body) }, spelling: new Map(head.spelling).set('etag', 'ETag') }
    : head
}
