// Knows what becomes of a handler's answer: why it is not stored, or for how long it is, what selects it, and what it takes to ask after it.

import type { IncomingHttpHeaders } from 'node:http'
import { longestOf } from '../../src/door.ts'
import type { Fields } from './fields.ts'
import { withheldFields } from './field-lists.ts'
import { ageOf, freshFor, mayBeStale, mayStoreStale, staleFor } from './freshness.ts'
import type { Head } from './head.ts'
import type { Reads } from './reads.ts'
import { conditionsOf } from './revalidation.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { whyBodyNotStored, whyNotStored } from './storable.ts'
import type { StoredResponse } from './stored-response.ts'
import { policyOf } from './targeted.ts'
import { selectingFields, selectionOf, whyNotSelectable } from './vary.ts'
import type { Selection } from './vary.ts'

/** A request whose answer is judged. */
export interface Judging {
  readonly route: Pick<
    ResolvedOptions<never>,
    'headers' | 'ttl' | 'stale' | 'revalidate' | 'requestDirectives' | 'targets' | 'maxBodyBytes'
  >
  readonly method: string
  readonly requestFields: IncomingHttpHeaders
  /** The fields that stood before the handler. */
  readonly baseline: Fields
  /** Whether the route's `partition` named an owner for this request. */
  readonly partitioned: boolean
  readonly reads: Reads
  /** With what its handler was asked, where the answer is what was stored. */
  readonly asked: StoredResponse['conditions']
  /** The time of day. */
  readonly now: number
}

/** What becomes of an answer, as far as its head tells. */
export interface Judgement {
  /** Why it is not stored, in a few words for Cache-Status. */
  readonly why: string | undefined
  /** Whether that is an input which the key does not cover. */
  readonly isUnkeyed?: boolean
  /** Milliseconds for which it is fresh. */
  readonly freshFor: number
  /** Whole seconds that it is old already. */
  readonly age?: number
  /** What selects it besides the route's own key. */
  readonly selects: Selection | undefined
  /** The fields that are not stored with it, in lower case. */
  readonly withheld?: readonly string[]
  /** What it takes to serve it stale, or to ask after it. */
  readonly means?: Pick<StoredResponse, 'stale' | 'mayBeStale' | 'conditions' | 'said'>
}

// So long a response is kept past its freshness that its handler can be asked after, or a client may take stale.
const KEPT_FOR = 24 * 60 * 60 * 1000

const ABOUT_KEY = /^(?:vary |authorization$)/

/** Judges an answer. `body` where it is known as a whole. */
export function judge(head: Head, body: Uint8Array | undefined, judging: Judging): Judgement {
  const selects = selectionFor(head, judging)
  const judged = judgeAnswer(head, body, judging)
  const [unkeyed] = judging.reads.unkeyed(selects)
  // Of two reasons that are about the key, the one that can be warned of. One that is not says that the handler knows what it does.
  const isUnkeyed = unkeyed !== undefined && (judged.why === undefined || ABOUT_KEY.test(judged.why))
  return isUnkeyed ? { ...judged, selects, why: `unkeyed ${unkeyed}`, isUnkeyed } : { ...judged, selects }
}

function selectionFor({ fields }: Head, { route, baseline, partitioned, reads }: Judging): Selection | undefined {
  const varying = { fields, baseline, keyed: route.headers, partitioned }
  const nominated = whyNotSelectable(varying) === undefined ? selectingFields(varying) : []
  return selectionOf(nominated, [...reads.negotiated, ...nominated.filter((name) => reads.has(name))])
}

function judgeAnswer(head: Head, body: Uint8Array | undefined, judging: Judging): Omit<Judgement, 'selects'> {
  const { route, now } = judging
  const { status } = head
  const fields = policyOf(head.fields, route.targets)
  const conditions = conditionsFrom(fields, judging)
  const why = whyNotStored({
    ...judging,
    storesErrors: route.ttl === 'heuristic',
    validated: conditions !== undefined,
    status,
    fields,
    keyed: route.headers,
    maxBodyBytes: route.maxBodyBytes,
  })
  if (why !== undefined) return { why, freshFor: 0 }
  const fresh = freshFor({ status, fields }, route.ttl, now)
  // RFC 9111 §5.2.1.2: what was fresh at all, for clients that take it stale.
  const isOnRequest = route.requestDirectives && fresh > 0 && mayBeStale(fields)
  const stale = { ...staleFor(fields, route.stale), kept: conditions === undefined && !isOnRequest ? 0 : KEPT_FOR }
  const isOfUse = longestOf(stale) > 0 && mayStoreStale({ status, fields }, route.ttl, now)
  if (fresh <= 0 && !isOfUse) return { why: `status ${status} without freshness`, freshFor: fresh }
  const whyNotBody = body === undefined ? undefined : whyBodyNotStored(fields, body.byteLength, route.maxBodyBytes)
  const means = isOfUse && { means: { stale, ...(isOnRequest && { mayBeStale: true as const }), ...(conditions && { conditions }) } }
  const age = Math.floor(ageOf(fields, now) / 1000)
  return { why: whyNotBody, freshFor: fresh, age, withheld: withheldFields(fields), ...means }
}

/** How the handler is asked after this response: by what it gave itself, and not by a tag that was made here. */
function conditionsFrom(fields: Fields, { route, asked }: Judging): StoredResponse['conditions'] {
  if (!route.revalidate) return undefined
  const conditions = conditionsOf(fields)
  if (conditions === undefined || asked === undefined || 'if-none-match' in asked) return conditions
  const { 'if-none-match': _, ...others } = conditions
  return others
}
