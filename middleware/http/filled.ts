// Knows what comes of a handler's answer once it has left, and what is kept of it: what a load gives.

import type { Loaded } from '../../src/door.ts'
import type { Captured } from './capture.ts'
import { weakTag } from './conditional.ts'
import type { Fields } from './fields.ts'
import type { Head } from './head.ts'
import type { Inside } from './inside.ts'
import type { Judgement } from './judgement.ts'
import type { Reads } from './reads.ts'
import { isTagged } from './replay.ts'
import { whyBodyNotStored } from './storable.ts'
import { toStored } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import type { Input } from './unkeyed.ts'
import type { Selection } from './vary.ts'

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

/** An answer that has left. */
export interface Answered {
  /** Its head as it left; undefined where it has none. */
  readonly head: Head | undefined
  /** The fields that stood before the handler. */
  readonly baseline: Fields
  readonly judged: Judgement
  readonly reads: Reads
  readonly maxBodyBytes: number
  readonly groups: readonly string[]
  readonly inside: Inside | undefined
  /** What was stored of which the handler said that it holds. */
  readonly renewed: StoredResponse | undefined
  /** Whether it is given to those who wait, and not stored. */
  readonly isDropped: boolean
  /** Whether it showed that what was found is not what a GET brings now. */
  readonly isChanged: boolean
}

const NOTHING: StoredResponse = { status: 0, statusMessage: '', fields: [], removed: [], body: new Uint8Array() }

/** What a load gives whose answer is for its own client alone. */
export const unshared: Loaded<StoredResponse> = { value: NOTHING, store: false, share: false }
/** What a load gives whose client has gone: the next in line takes its place. */
export const givenUp: Loaded<StoredResponse> = { ...unshared, ending: 'overtaken' }
/** What a load gives whose handler failed. */
const failed: Loaded<StoredResponse> = { ...unshared, ending: 'failed' }

/** What is kept of an answer, if it may be. */
export function filledBy(captured: Captured, answered: Answered): Filled {
  const { head, judged, reads, groups, inside, renewed, isDropped, isChanged } = answered
  // Where it would not be stored anyway, nobody needs to hear what was read.
  const unkeyed = judged.why === undefined || judged.isUnkeyed === true ? reads.unkeyed(judged.selects) : []
  if (captured.why !== undefined || head === undefined) return { loaded: unkept(captured, head), unkeyed, groups: [], inside, isChanged }
  const why = whyBodyNotStored(head.fields, captured.body.byteLength, answered.maxBodyBytes)
  if (why !== undefined || unkeyed.length > 0) return { loaded: unshared, unkeyed, groups: [], inside }
  const loaded = { value: storedOf(head, captured.body, answered), store: true, share: true, ttl: judged.freshFor }
  if (isDropped) return { loaded: { ...loaded, store: false, ending: 'failed' }, unkeyed, groups: [], inside }
  return { loaded, unkeyed, selects: judged.selects, groups, inside, isRenewed: renewed !== undefined }
}

function unkept(captured: Captured, head: Head | undefined): Loaded<StoredResponse> {
  if (captured.why === 'aborted') return givenUp
  return (captured.why !== undefined && captured.isAborted) || (head?.status ?? 0) >= 500 ? failed : unshared
}

function storedOf(head: Head, body: Uint8Array, { baseline, judged, reads, renewed }: Answered): StoredResponse {
  const stored = toStored(tagged(aged(head, judged.age ?? 0), body), baseline, body, judged.withheld)
  // A handler that says that it still holds need not have looked again.
  const absent = new Set([...reads.absent, ...(renewed?.absent ?? [])])
  return { ...stored, ...judged.means, ...(absent.size > 0 && { absent: [...absent] }) }
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
