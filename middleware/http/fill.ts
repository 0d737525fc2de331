// Knows how one request's answer becomes an entry: its handler runs, its answer is judged, dressed for its client, and kept or not.

import type { IncomingHttpHeaders } from 'node:http'
import type { Entry, Loaded } from '../../src/door.ts'
import { CacheError } from '../../src/index.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Forward } from './cache-status.ts'
import type { Captured, CaptureOptions, Verdict } from './capture.ts'
import { isNotModified, weakTag } from './conditional.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { groupsIn } from './groups.ts'
import { headOf } from './head.ts'
import type { Head } from './head.ts'
import { bodyInstead, mayServeStale, putHeld, putInstead } from './instead.ts'
import { insideOf } from './inside.ts'
import type { Inside } from './inside.ts'
import { judge } from './judgement.ts'
import type { Judgement } from './judgement.ts'
import { isOfTarget } from './posted.ts'
import { Reads } from './reads.ts'
import { dress, isTagged } from './replay.ts'
import { heldByHead, isOfAsked, updatedBy } from './revalidation.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { whyBodyNotStored } from './storable.ts'
import { toStored } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unkeyed.ts'
import type { Input } from './unkeyed.ts'
import type { Selection } from './vary.ts'
import type { Visit } from './visit.ts'

// From its first byte on a streamed answer may take so long: past it others no longer wait for its last.
const PATIENCE = 5_000

export interface FillOptions {
  readonly route: Pick<
    ResolvedOptions<never>,
    'query' | 'headers' | 'ttl' | 'stale' | 'revalidate' | 'requestDirectives' | 'targets' | 'maxBodyBytes' | 'ignore' | 'cacheStatus'
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
  /** What a layer inside did that belongs outside. */
  readonly inside?: Inside | undefined
  /** Whether it is what was found, which the handler said still holds. */
  readonly isRenewed?: boolean
  /** Whether what was found is no longer what its handler gives. */
  readonly isChanged?: boolean
}

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
  readonly #requestFields: IncomingHttpHeaders
  readonly #baseline: Fields
  readonly #reads: Reads
  /** The head as it left, once it has. */
  #head: Head | undefined
  #judged: Judgement = { why: undefined, freshFor: 0, selects: undefined }
  /** Whether the handler said of what was found that it holds. */
  #isHeld = false
  /** Whether its answer showed that what was found is not what a GET brings now. */
  #isChanged = false
  /** Why it is not stored again though it goes out. */
  #whyDropped: string | undefined
  #failure: string | undefined
  #groups: readonly string[] = []
  #inside: Inside | undefined

  constructor(visit: Visit<unknown>, options: FillOptions) {
    this.#visit = visit
    this.#options = options
    this.#requestFields = headersOf(visit.req)
    this.#baseline = headOf(visit.res).fields
    this.#reads = new Reads(visit, { ...options, conditions: options.found?.value.conditions })
  }

  async run(): Promise<Filled> {
    const reads = this.#reads
    const observed: CaptureOptions = {
      maxBodyBytes: this.#options.route.maxBodyBytes,
      patience: PATIENCE,
      onHead: (head, body, isRecoded) => this.#onHead(head, body, isRecoded),
      onFailure: () => this.#staleInstead('error'),
      send: (work) => reads.unwatched(work),
      pause: () => reads.pause(),
      onOver: () => reads.close(),
    }
    this.#options.onEnter()
    try {
      return this.#filled(await this.#visit.observe(observed))
    } finally {
      reads.close()
    }
  }

  #onHead(head: Head, body: Uint8Array | undefined, isRecoded: boolean): Verdict {
    const stored = this.#options.found?.value
    const conditions = stored?.conditions
    if (head.status === 304 && conditions !== undefined) return this.#hold(stored!, head, isOfAsked(head.fields, conditions))
    const byHead = this.#visit.method === 'HEAD' && stored !== undefined ? heldByHead(head, stored) : undefined
    if (byHead === 'held') return this.#hold(stored!, head, true)
    this.#isChanged = byHead === 'changed'
    // RFC 5861 §4
    const stale = [500, 502, 503, 504].includes(head.status) ? this.#staleInstead(`status ${head.status}`) : undefined
    if (stale !== undefined) return stale
    const verdict = this.#judge(head, body)
    this.#inside = insideOf({ fields: head.fields, baseline: this.#baseline, why: this.#judged.why, isRecoded })
    return verdict
  }

  /**
   * What is stored holds: it goes out, updated, as if the handler had answered with it. RFC 9111 §4.3.3. `isNamed`: whether the answer's validators
   * are its own. Where they are another's it goes out this once, since that was what the handler was asked; but nothing of it is updated (RFC 9111
   * §4.3.4), and the next request is asked without conditions.
   */
  #hold(stored: StoredResponse, head: Head, isNamed: boolean): Verdict {
    const now = Date.now()
    const replacing = { visit: this.#visit, requestFields: this.#requestFields, baseline: this.#baseline }
    const held = isNamed ? updatedBy(head, this.#baseline, stored, now) : stored
    putHeld(replacing, held, head, now)
    this.#isHeld = true
    if (!isNamed) this.#whyDropped = '304 of another'
    const { keep } = this.#judge(headOf(this.#visit.res), held.body)
    return { keep, ...bodyInstead(replacing, held, now) }
  }

  /** What is stored and stale goes out where the handler failed, if it may. RFC 5861 §4 */
  #staleInstead(detail: string): Verdict | undefined {
    const { found, clock, fwd, shownKey, route } = this.#options
    const now = clock()
    if (found === undefined || !mayServeStale(this.#visit, found, now)) return undefined
    const cacheStatus = (existing: string | undefined): string =>
      cacheStatusWith(existing, { fwd, freshFor: found.freshUntil - now, detail, key: shownKey })
    const replacing = { visit: this.#visit, requestFields: this.#requestFields, baseline: this.#baseline }
    const said = { age: now - found.loadedAt, now: Date.now(), ...(route.cacheStatus && { cacheStatus }) }
    putInstead(this.#visit.res, found.value, this.#baseline, said)
    this.#failure = detail
    return { keep: false, ...bodyInstead(replacing, found.value, said.now) }
  }

  #judge(head: Head, body: Uint8Array | undefined): Verdict {
    const { res, method } = this.#visit
    const { route, partitioned, found, groupFields } = this.#options
    const now = Date.now()
    const judged = judge(head, body, {
      route,
      method: this.#methodOf(head, now),
      requestFields: this.#requestFields,
      baseline: this.#baseline,
      partitioned,
      reads: this.#reads,
      asked: this.#isHeld ? found?.value.conditions : undefined,
      now,
    })
    const mayStore = judged.why === undefined
    this.#groups = groupsIn(head.fields, 'cache-groups')
    const keyed = [...route.headers, ...this.#reads.negotiated]
    const dressed = dress(head, body, { keyed, partitioned, mayStore, sendsDate: res.sendDate, now })
    for (const [name, value] of Object.entries({ ...dressed, ...groupFields(head.fields) })) res.setHeader(name, value)
    const hidesControl = dressed['Cache-Control'] !== undefined && judged.means !== undefined
    this.#judged = hidesControl ? { ...judged, means: { ...judged.means, said: valueOf(head.fields, 'cache-control') ?? '' } } : judged
    // What is kept is the answer as its client gets it, less what is said of this one request.
    this.#head = headOf(res)
    this.#reads.sayHead()
    if (route.cacheStatus) res.setHeader('Cache-Status', this.#cacheStatus(body))
    return { keep: mayStore, notModified: isNotModified(method, this.#requestFields, head.status, res.getHeaders(), now) }
  }

  /** The method that this answers, or could: what is stored is a GET's, and what a POST's URI gives is what a GET of it would. */
  #methodOf(head: Head, now: number): string {
    const { method, path, query } = this.#visit
    if (this.#isHeld) return 'GET'
    if (method !== 'POST') return method
    const origin = this.#reads.unwatched(() => this.#visit.origin())
    return isOfTarget(head, { origin, path }, query, now) ? 'GET' : method
  }

  #cacheStatus(body: Uint8Array | undefined): string {
    const before = this.#visit.res.getHeader('cache-status')
    // Whether what streams will be stored nobody knows when its head leaves.
    const detail = this.#judged.why ?? this.#whyDropped ?? (body === undefined ? 'streamed' : undefined)
    return cacheStatusWith(before, { fwd: this.#options.fwd, stored: detail === undefined, detail, key: this.#options.shownKey })
  }

  #filled(captured: Captured): Filled {
    // Those who wait get what is stale too: a load that fails has its entry to fall back on.
    if (this.#failure !== undefined) throw new CacheError('LOAD', `The handler failed: ${this.#failure}.`)
    const { why, isUnkeyed = false, freshFor, selects, means, withheld, age = 0 } = this.#judged
    // Where it would not be stored anyway, nobody needs to hear what was read.
    const unkeyed = why === undefined || isUnkeyed ? this.#reads.unkeyed(selects) : []
    if (captured.why !== undefined || this.#head === undefined) {
      return { loaded: unkept(captured, this.#head), unkeyed, groups: [], inside: this.#inside, isChanged: this.#isChanged }
    }
    const { body } = captured
    const whyNotBody = whyBodyNotStored(this.#head.fields, body.byteLength, this.#options.route.maxBodyBytes)
    if (whyNotBody !== undefined || unkeyed.length > 0) return { loaded: unshared, unkeyed, groups: [], inside: this.#inside }
    const stored = toStored(tagged(aged(this.#head, age), body), this.#baseline, body, withheld)
    const value = { ...stored, ...means, ...this.#lookedFor() }
    const loaded = { value, store: true, share: true, ttl: freshFor }
    // Those who waited get it as this client does.
    if (this.#whyDropped !== undefined) return { loaded: { ...loaded, store: false, ending: 'failed' }, unkeyed, groups: [] }
    return { loaded, unkeyed, selects, groups: this.#groups, inside: this.#inside, isRenewed: this.#isHeld }
  }

  #lookedFor(): Pick<StoredResponse, 'absent'> {
    // A handler that says that it still holds need not have looked again.
    const before = this.#isHeld ? this.#options.found?.value.absent : undefined
    const absent = new Set([...this.#reads.absent, ...(before ?? [])])
    return absent.size === 0 ? {} : { absent: [...absent] }
  }
}

function unkept(captured: Captured, head: Head | undefined): Loaded<StoredResponse> {
  if (captured.why === 'aborted') return givenUp
  return (captured.why !== undefined && captured.isAborted) || (head?.status ?? 0) >= 500 ? failed : unshared
}

/** What is stored says in seconds how old it was when it came, whatever its Age said and whatever its Date shows. RFC 9111 §4.2.3, §5.1 */
function aged(head: Head, age: number): Head {
  return { ...head, fields: { ...head.fields, age: age > 0 ? String(age) : undefined } }
}

/** A streamed answer's tag could not be known when its head left: it has one from its first hit on. */
function tagged(head: Head, body: Uint8Array): Head {
  return isTagged(head)
    ? { ...head, fields: { ...head.fields, etag: weakTag(body) }, spelling: new Map(head.spelling).set('etag', 'ETag') }
    : head
}
