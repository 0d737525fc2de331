// Knows one text for all spellings of a URI, so that a write to a resource finds what is stored for it however it was asked for.

import { parse, unescape } from 'node:querystring'
import { linesOf } from './fields.ts'
import type { Fields } from './fields.ts'
import type { Query } from './query.ts'

/**
 * The normalised URI of a request: its path as the framework routes it (mount path included, rewrites applied) and its parsed query. What
 * is the same to a router and a parser is the same here; where they differ among themselves (case, trailing slash, an encoded slash), what
 * any of them takes for the same is. All is left decoded: two URIs that look alike so are cleared together, which is too much at worst.
 *
 * Scheme and host are not in it: unless a route keys the host, one entry answers for all of them, and a write through any must clear it.
 */
export function normalisedUri(path: string, query: Query): string {
  const pairs = flatten(query)
  return pairs === '' ? normalisedPath(path) : `${normalisedPath(path)}?${pairs}`
}

/**
 * The URI under which a response is filed whose route takes only some of the query for arguments: it answers for any query, so it is filed
 * under all of them.
 */
export function anyQueryUri(path: string): string {
  return `${normalisedPath(path)}?*`
}

/** What a successful unsafe request clears: its own URI, and what answers for any query of its path. RFC 9111 §4.4 */
export function urisToClear(path: string, query: Query): readonly [string, string] {
  return [normalisedUri(path, query), anyQueryUri(path)]
}

/** The URI that a request is for: its origin as its client sees it, undefined where that is not known, and its path as it is routed. */
export interface TargetUri {
  readonly origin: string | undefined
  readonly path: string
}

/**
 * What else a successful unsafe request clears: what its answer names as the place of what it made or changed. Another origin's URIs are not
 * its to clear. RFC 9111 §4.4
 */
export function namedUris(answer: Fields, target: TargetUri): readonly string[] {
  const references = [...linesOf(answer, 'location'), ...linesOf(answer, 'content-location')]
  return references.flatMap((reference) => sameOriginUris(reference, target))
}

// RFC 9110 §10.2.2, §8.7: a reference is resolved against the target URI.
function sameOriginUris(reference: string, { origin, path }: TargetUri): readonly string[] {
  const base = `${origin ?? UNKNOWN_ORIGIN}${path}`
  if (!URL.canParse(reference, base)) return []
  const uri = new URL(reference, base)
  if (uri.origin !== new URL(base).origin) return []
  return urisToClear(uri.pathname, parse(uri.search.slice(1)))
}

/** Whether a reference names exactly what the request is for: its path letter by letter, its query in any order. RFC 9110 §8.7 */
export function isTarget(reference: string, { origin, path }: TargetUri, query: Query): boolean {
  const base = `${origin ?? UNKNOWN_ORIGIN}${path}`
  if (!URL.canParse(reference, base)) return false
  const [uri, target] = [new URL(reference, base), new URL(base)]
  return uri.origin === target.origin && uri.pathname === target.pathname && flatten(parse(uri.search.slice(1))) === flatten(query)
}

// RFC 6761 §6.4: no one's, so that only references without an origin of their own are of this one.
const UNKNOWN_ORIGIN = 'http://unknown.invalid'

// RFC 3986 §6.2.2: case and percent-encoding. `unescape` leaves alone what is not valid, and so does a router: to it "%E0" may be what "%25E0" is.
function normalisedPath(path: string): string {
  const decoded = unescape(path.replaceAll(/%(?:25)+/g, '%')).toLowerCase()
  let end = decoded.length
  while (end > 1 && decoded[end - 1] === '/') end--
  return decoded.slice(0, end)
}

// By name, since the order of names is no part of a key; a list stays in its own order, as it does there.
function flatten(query: Query): string {
  const pairs: [name: string, value: string][] = []
  for (const name of Object.keys(query)) pushPairs(name, query[name], pairs)
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

// `a[b]=1` is an object to one parser and a name to the other: here a name to both, as `a[]=1` is `a=1`.
function pushPairs(name: string, value: unknown, pairs: [string, string][]): void {
  if (Array.isArray(value)) {
    for (const item of value) pushPairs(name, item, pairs)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) pushPairs(`${name}[${key}]`, item, pairs)
  } else pairs.push([name, String(value)])
}
