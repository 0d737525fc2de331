// Knows when the answer to a POST is what a GET of its URI gives.

import { linesOf } from './fields.ts'
import { explicitLifetime } from './freshness.ts'
import type { Answer } from './freshness.ts'
import type { Query } from './query.ts'
import { isTarget } from './uri.ts'
import type { TargetUri } from './uri.ts'

/** RFC 9110 §9.3.3: it says itself how long it is fresh, and its Content-Location is the URI that the POST was sent to. */
export function isOfTarget({ status, fields }: Answer, target: TargetUri, query: Query, now: number): boolean {
  const [location, ...others] = linesOf(fields, 'content-location')
  // A 201 says that something was made; a GET of it is answered otherwise.
  if (status !== 200 || location === undefined || others.length > 0) return false
  return explicitLifetime(fields, now) !== undefined && isTarget(location, target, query)
}
