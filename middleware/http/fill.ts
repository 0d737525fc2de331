// Knows how one request's handler answers while it is observed: its answer is judged, and dressed for its client, or what is stored goes out instead.

import type { IncomingHttpHeaders } from 'node:http'
import type { Entry } from '../../src/door.ts'
import { CacheError } from '../../src/index.ts'
import { cacheStatusWith } from './cache-status.ts'
import type { Forward } from './cache-status.ts'
import type { Captured, CaptureOptions, Verdict } from './capture.ts'
import { isNotModified } from './conditional.ts'
import { valueOf } from './fields.ts'
import type { Fields, FieldValue } from './fields.ts'
import { filledBy } from './filled.ts'
import type { Filled } from './filled.ts'
import { frontRunOf } from './front-run.ts'
import { groupsIn } from './groups.ts'
import { headOf } from './head.ts'
import type { Head } from './head.ts'
import { bodyInstead, mayServeStale, putRenewed, putInstead } from './instead.ts'
import type { Replacing } from './instead.ts'
import { insideOf, insideOfChanged } from './inside.ts'
import type { Inside } from './inside.ts'
import { judge } from './judgement.ts'
import type { Judgement } from './judgement.ts'
import { isOfTarget } from './posted.ts'
import { Reads } from './reads.ts'
import { dress } from './replay.ts'
import { renewedByHead, isOfAsked, updatedBy } from './revalidation.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { StoredResponse } from './stored-response.ts'
import { headersOf } from './unwatched.ts'
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

/** Lets the handler answer, and makes of its answer what a load gives. */
export async function fill<Subject>(visit: Visit<Subject>, options: FillOptions): Promise<Filled> {
  return new Fill(visit, options).run()
}

class Fill {
  readonly #visit: Visit<unknown>
  readonly #options: FillOptions
  readonly #requestFields: IncomingHttpHeaders
  readonly #baseline: Fields
  readonly #replacing: Replacing
  readonly #reads: Reads
  /** The head as it left, once it has. */
  #head: Head | undefined
  #judged: Judgement = { why: undefined, freshFor: 0, selects: undefined }
  /** Whether the handler said of what was found that it holds. */
  #isRenewed = false
  /** Whether its answer showed that what was found is not what a GET brings now. */
  #isChanged = false
  /** Why it is not stored again though it goes out. */
  #whyDropped: string | undefined
  #failure: string | undefined
  /** The Cache-Status that it had when it was judged. */
  #statusBefore: FieldValue
  #groups: readonly string[] = []
  #inside: Inside | undefined

  constructor(visit: Visit<unknown>, options: FillOptions) {
    this.#visit = visit
    this.#options = options
    this.#requestFields = headersOf(visit.req)
    this.#baseline = headOf(visit.res).fields
    this.#replacing = { visit, requestFields: this.#requestFields, baseline: this.#baseline }
    this.#reads = new Reads(visit, { ...options, conditions: options.found?.value.conditions })
  }

  async run(): Promise<Filled> {
    const reads = this.#reads
    const observed: CaptureOptions = {
      maxBodyBytes: this.#options.route.maxBodyBytes,
      patience: PATIENCE,
      onHead: (head, body, isRecoded) => this.#onHead(head, body, isRecoded),
      onChanged: () => this.#onChanged(),
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
    if (head.status === 304 && conditions !== undefined) return this.#renew(stored!, head, isOfAsked(head.fields, conditions))
    const byHead = this.#visit.method === 'HEAD' && stored !== undefined ? renewedByHead(head, stored) : undefined
    if (byHead === 'renewed') return this.#renew(stored!, head, true)
    this.#isChanged = byHead === 'changed'
    // RFC 5861 §4
    const stale = [500, 502, 503, 504].includes(head.status) ? this.#staleInstead(`status ${head.status}`) : undefined
    if (stale !== undefined) return stale
    const verdict = this.#judge(head, body)
    this.#inside = insideOf({ fields: head.fields, baseline: this.#baseline, why: this.#judged.why, isRecoded })
    return verdict
  }

  /** It leaves otherwise than it was judged. */
  #onChanged(): void {
    const { res } = this.#visit
    const head = headOf(res)
    const inside = insideOfChanged(this.#head?.fields ?? {}, head.fields)
    const why = inside === 'changed' ? 'changed on its way' : inside
    this.#inside = inside
    this.#head = head
    this.#judged = { why, freshFor: 0, selects: undefined }
    if (this.#options.route.cacheStatus && !res.headersSent) res.setHeader('Cache-Status', this.#cacheStatus(undefined))
  }

  /**
   * What is stored holds: it goes out, updated, as if the handler had answered with it. RFC 9111 §4.3.3. `isNamed`: whether the answer's validators
   * are its own. Where they are another's it goes out this once, since that was what the handler was asked; but nothing of it is updated (RFC 9111
   * §4.3.4), and the next request is asked without conditions.
   */
  #renew(stored: StoredResponse, head: Head, isNamed: boolean): Verdict {
    const now = Date.now()
    const renewed = isNamed ? updatedBy(head, this.#baseline, stored, now) : stored
    putRenewed(this.#replacing, renewed, head, now)
    this.#isRenewed = true
    if (!isNamed) this.#whyDropped = '304 of another'
    const { keep } = this.#judge(headOf(this.#visit.res), renewed.body)
    return { keep, ...bodyInstead(this.#replacing, renewed, now) }
  }

  /** What is stored and stale goes out where the handler failed, if it may. RFC 5861 §4 */
  #staleInstead(detail: string): Verdict | undefined {
    const { found, clock, fwd, shownKey, route } = this.#options
    const now = clock()
    if (found === undefined || !mayServeStale(this.#visit, found, now)) return undefined
    const outcome = route.cacheStatus ? { fwd, freshFor: found.freshUntil - now, detail, key: shownKey } : undefined
    putInstead(this.#visit.res, found.value, this.#baseline, { age: now - found.loadedAt, now: Date.now, outcome })
    this.#failure = detail
    return { keep: false, ...bodyInstead(this.#replacing, found.value, Date.now()) }
  }

  #judge(head: Head, body: Uint8Array | undefined): Verdict {
    const { res, method } = this.#visit
    const { route, partitioned, found, groupFields } = this.#options
    const now = Date.now()
    const judging = judge(head, body, {
      route,
      method: this.#methodOf(head, now),
      requestFields: this.#requestFields,
      baseline: this.#baseline,
      partitioned,
      reads: this.#reads,
      asked: this.#isRenewed ? found?.value.conditions : undefined,
      now,
    })
    // A POST's fields say nothing of what a GET's would select.
    const isOfPost = method === 'POST' && judging.selects !== undefined
    const judged = isOfPost ? { ...judging, why: judging.why ?? 'varies' } : judging
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
    frontRunOf(this.#visit.req)?.leave(this.#head.fields)
    this.#statusBefore = res.getHeader('cache-status')
    if (route.cacheStatus) res.setHeader('Cache-Status', this.#cacheStatus(body))
    return { keep: mayStore, notModified: isNotModified(method, this.#requestFields, head.status, res.getHeaders(), now) }
  }

  /** The method that this answers, or could: what is stored is a GET's, and what a POST's URI gives is what a GET of it would. */
  #methodOf(head: Head, now: number): string {
    const { method, path, query } = this.#visit
    if (this.#isRenewed) return 'GET'
    if (method !== 'POST') return method
    const origin = this.#reads.unwatched(() => this.#visit.origin())
    return isOfTarget(head, { origin, path }, query, now) ? 'GET' : method
  }

  #cacheStatus(body: Uint8Array | undefined): string {
    // Whether what streams will be stored nobody knows when its head leaves.
    const detail = this.#judged.why ?? this.#whyDropped ?? (body === undefined ? 'streamed' : undefined)
    return cacheStatusWith(this.#statusBefore, {
      fwd: this.#options.fwd,
      stored: detail === undefined,
      detail,
      key: this.#options.shownKey,
    })
  }

  #filled(captured: Captured): Filled {
    // Those who wait get what is stale too: a load that fails has its entry to fall back on.
    if (this.#failure !== undefined) throw new CacheError('LOAD', `The handler failed: ${this.#failure}.`)
    return filledBy(captured, {
      head: this.#head,
      baseline: this.#baseline,
      judged: this.#judged,
      reads: this.#reads,
      maxBodyBytes: this.#options.route.maxBodyBytes,
      groups: this.#groups,
      inside: this.#inside,
      renewed: this.#isRenewed ? this.#options.found?.value : undefined,
      isDropped: this.#whyDropped !== undefined,
      isChanged: this.#isChanged,
    })
  }
}
