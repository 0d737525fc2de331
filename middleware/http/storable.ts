// Knows which requests may be answered from what is stored, and which responses may be stored.

import { deltaSeconds, parseCacheControl, permits, restricts, validSeconds } from './cache-control.ts'
import type { CacheControl } from './cache-control.ts'
import { hasContent } from './content.ts'
import { restrictsWhole } from './field-lists.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'
import type { Demands } from './request-directives.ts'
import { whyNotSelectable } from './vary.ts'

/** A request and the head of its response, with what the route knows of both. All names in lower case. */
export interface Exchange {
  readonly method: string
  readonly requestFields: Fields
  readonly status: number
  /** All fields of the response, those of outer layers too. */
  readonly fields: Fields
  /** The fields that stood before the handler was entered. */
  readonly baseline: Fields
  /** The request fields that are arguments of the route. */
  readonly keyed: readonly string[]
  /** Whether the route's `partition` named an owner for this request. */
  readonly partitioned: boolean
  /** Whether errors of the server's may be stored, where they say how long they are fresh. */
  readonly storesErrors: boolean
  /** Whether it can be asked of its handler whether the response still holds. */
  readonly validated: boolean
  /** The longest body that is stored, in bytes. */
  readonly maxBodyBytes: number
}

// RFC 9110 §9.2.1, RFC 10008. A method that is not known to be safe is taken for one that is not: RFC 9111 §4.4.
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])

/** Whether a request with this method changes nothing, so that its success clears nothing either. */
export function isSafe(method: string): boolean {
  return SAFE.has(method)
}

/** Whether a request with this method may be answered with what is stored; others are written through. RFC 9111 §4 */
export function isAnswerable(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Why a GET or HEAD goes to the handler whatever is stored, in a few words for Cache-Status; undefined when it need not. */
export function whyBypassed(requestFields: Fields): string | undefined {
  // RFC 9110 §9.3.1: content in a GET has no meaning here, but a handler that reads it gives it one.
  if (hasContent(requestFields)) return 'request content'
  // RFC 9111 §4.3.2: these are for the origin to evaluate.
  if (has(requestFields, 'if-match') || has(requestFields, 'if-unmodified-since')) return 'precondition'
  return undefined
}

/** Why a request for which nothing is stored goes to its handler unobserved, so that nobody waits for its answer; undefined when it need not. */
export function whyNotKept(method: string, requestFields: Fields, demands?: Demands): string | undefined {
  return method === 'GET' ? whyNotWhole(requestFields, demands) : `method ${method}`
}

/** Why one for which something stale is stored does. RFC 9111 §4.3.5: the answer to a HEAD may say that it holds. */
export function whyNotAsked(method: string, requestFields: Fields, demands?: Demands): string | undefined {
  return method === 'HEAD' ? whyNotWhole(requestFields, demands) : whyNotKept(method, requestFields, demands)
}

function whyNotWhole(requestFields: Fields, demands: Demands | undefined): string | undefined {
  // RFC 9111 §5.2.1.5: of what is stored already it says nothing.
  if (demands?.stored === false) return 'no-store'
  // RFC 9110 §14.2: the handler may answer with a part, and a part is not stored. RFC 9111 §3.3
  return has(requestFields, 'range') ? 'range' : undefined
}

/** Why a response may not be stored, in a few words for Cache-Status; undefined when it may. RFC 9111 §3 */
export function whyNotStored(exchange: Exchange): string | undefined {
  // A HEAD has no body to answer a GET with.
  if (exchange.method !== 'GET') return `method ${exchange.method}`
  return whyNotOfStatus(exchange) ?? whyNotOfDirectives(exchange) ?? whyNotOfFields(exchange)
}

// RFC 9110 §15.3.7, §15.4.5: parts and 304s are for who holds the rest. §15.5.2, §15.5.4, §15.5.8: who may not see is not for the next one
// to be told. §15.5.13, §15.5.17: these answer one request's preconditions. RFC 6585 §3-§5: "MUST NOT be stored by a cache".
const NEVER_STORED: ReadonlySet<number> = new Set([206, 304, 401, 403, 407, 412, 416, 428, 429, 431])

// RFC 9110 §15.1: what this cache knows the meaning of, which `must-understand` asks for.
const UNDERSTOOD: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

function whyNotOfStatus({ status, storesErrors }: Exchange): string | undefined {
  // RFC 9111 §3: the status is final. An error of the server's is for the next client to be told only where the route asks for it.
  const stored = status >= 200 && status < (storesErrors ? 600 : 500) && !NEVER_STORED.has(status)
  return stored ? undefined : `status ${status}`
}

function whyNotOfDirectives(exchange: Exchange): string | undefined {
  const directives = parseCacheControl(exchange.fields['cache-control'])
  const isUnderstood = UNDERSTOOD.has(exchange.status)
  // RFC 9111 §5.2.2.5, and §5.2.2.3: who understands the status ignores it, since it is there for those who do not know `must-understand`.
  if (restricts(directives, 'no-store') && !(isUnderstood && permits(directives, 'must-understand'))) return 'no-store'
  // RFC 9111 §5.2.2.7
  if (restrictsWhole(directives, 'private')) return 'private'
  // RFC 9111 §5.2.2.4: never served without validation.
  if (restrictsWhole(directives, 'no-cache') && !exchange.validated) return 'no-cache'
  // RFC 9111 §5.2.2.3
  if (restricts(directives, 'must-understand') && !isUnderstood) return `must-understand, status ${exchange.status}`
  const authenticated = has(exchange.requestFields, 'authorization') && !exchange.partitioned
  return authenticated && !permitsSharing(directives) ? 'authorization' : undefined
}

/** Whether an answer to a request with Authorization may be given to others. RFC 9111 §3.5 */
function permitsSharing(directives: CacheControl): boolean {
  return permits(directives, 'public') || permits(directives, 'must-revalidate') || validSeconds(directives, 's-maxage') !== undefined
}

function whyNotOfFields(exchange: Exchange): string | undefined {
  const { fields, maxBodyBytes } = exchange
  // RFC 9111 §7.3 would let it: but one client's cookie must not be another's.
  if (has(fields, 'set-cookie')) return 'set-cookie'
  const nomination = whyNotSelectable(exchange)
  if (nomination !== undefined) return `vary ${nomination}`
  // RFC 9110 §6.5.1: trailers are kept apart from fields, and here not at all.
  if (has(fields, 'trailer')) return 'trailer'
  if (valueOf(fields, 'content-type')?.toLowerCase().startsWith('text/event-stream')) return 'event stream'
  return (deltaSeconds(valueOf(fields, 'content-length')) ?? 0) > maxBodyBytes ? 'body too large' : undefined
}

/** Why a body as it went out may not be stored, undefined when it may. RFC 9111 §3.3, RFC 9112 §8 */
export function whyBodyNotStored(fields: Fields, bytes: number, maxBodyBytes: number): string | undefined {
  if (bytes > maxBodyBytes) return 'body too large'
  const said = valueOf(fields, 'content-length')
  return said !== undefined && said !== String(bytes) ? 'body incomplete' : undefined
}

function has(fields: Fields, name: string): boolean {
  return valueOf(fields, name) !== undefined
}
