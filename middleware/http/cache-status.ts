// Knows how to say in a response what the cache did with the request.

import { serializeItem, Token } from 'structured-headers'
import type { BareItem } from 'structured-headers'
import { MOST_SECONDS } from './cache-control.ts'
import { valueOf } from './fields.ts'
import type { FieldValue } from './fields.ts'

/** Why a request was not answered with what is stored: RFC 9211 §2.2. */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial'

/** What the cache did with one request. RFC 9211 §2 */
export type Outcome = (Hit | Forwarded | Refused) & {
  /** Why, in a few words. */
  readonly detail?: string | undefined
  /** The key, for a response that leaves with `debug: true`: it shows whose response this is. */
  readonly key?: string | undefined
}

interface Hit {
  readonly hit: true
  /** Milliseconds for which it will still be fresh; negative when it was served stale. */
  readonly freshFor: number
}

interface Forwarded {
  readonly hit?: false
  readonly fwd: Forward
  readonly stored?: boolean
  /** Whether this request waited for another one's load. */
  readonly collapsed?: boolean
  readonly freshFor?: number
}

interface Refused {
  readonly hit?: false
  /** Neither answered with what is stored nor by the handler. */
  readonly fwd?: undefined
}

/** The name under which this cache speaks in Cache-Status. */
export const CACHE_NAME = 'CacheAlchemy'

const LONGEST_TEXT = 256

/** The Cache-Status field with this cache's member behind what is there: the last member is the cache nearest to the client. RFC 9211 §2 */
export function cacheStatusWith(existing: FieldValue, outcome: Outcome): string {
  const before = existing === undefined ? undefined : valueOf({ 'cache-status': existing }, 'cache-status')
  const member = memberOf(outcome)
  return before ? `${before}, ${member}` : member
}

function memberOf(outcome: Outcome): string {
  // The commonest, which says no text.
  if (outcome.hit && outcome.key === undefined && outcome.detail === undefined && Number.isFinite(outcome.freshFor))
    return `${CACHE_NAME};hit;ttl=${wholeSeconds(outcome.freshFor)}`
  return serializeItem([new Token(CACHE_NAME), parametersOf(outcome)])
}

function parametersOf(outcome: Outcome): Map<string, BareItem> {
  const parameters = new Map<string, BareItem>()
  if (outcome.hit) parameters.set('hit', true)
  else if (outcome.fwd !== undefined) {
    parameters.set('fwd', new Token(outcome.fwd))
    if (outcome.stored) parameters.set('stored', true)
    if (outcome.collapsed) parameters.set('collapsed', true)
  }
  // RFC 9211 §2.4: whole seconds. What never expires has no number of them.
  const { freshFor } = { freshFor: undefined, ...outcome }
  if (freshFor !== undefined && Number.isFinite(freshFor)) parameters.set('ttl', wholeSeconds(freshFor))
  if (outcome.key !== undefined) parameters.set('key', toPrintable(outcome.key))
  if (outcome.detail !== undefined) parameters.set('detail', toPrintable(outcome.detail))
  return parameters
}

// No more than a directive can mean: an Integer has 15 digits, a duration may have more. RFC 8941 §3.3.1
function wholeSeconds(milliseconds: number): number {
  return Math.min(Math.floor(milliseconds / 1000), MOST_SECONDS)
}

// RFC 8941 §3.3.3: a String holds printable ASCII. A field name or a key may hold anything.
function toPrintable(text: string): string {
  let printable = ''
  for (const char of text.slice(0, LONGEST_TEXT)) printable += char >= ' ' && char <= '~' ? char : '?'
  return printable
}
