// Knows the fields that `no-cache` and `private` name, which are not stored with their response, and when such a list counts for all of it.

import { parseCacheControl } from './cache-control.ts'
import type { CacheControl } from './cache-control.ts'
import type { Fields } from './fields.ts'

/** Whether `no-cache` or `private` is there and speaks of the whole response. RFC 9111 §5.2.2.4, §5.2.2.7 */
export function restrictsWhole(directives: CacheControl, name: 'no-cache' | 'private'): boolean {
  return namedBy(directives, name) === 'all'
}

/**
 * The fields that a response's policy keeps from those who come later, in lower case: of `private` they are not to be stored, of `no-cache` not
 * to be served before its handler was asked, which is safest where they are not there. RFC 9111 §3.1, §5.2.2.4, §5.2.2.7
 */
export function withheldFields(policy: Fields): readonly string[] {
  const directives = parseCacheControl(policy['cache-control'])
  const lists = [namedBy(directives, 'private'), namedBy(directives, 'no-cache')]
  return lists.flatMap((names) => (names === 'all' ? [] : names))
}

// No grammar of field names, but what names of fields are made of: a list with anything else in it was not meant as one.
const LIST = /^[\w, \t-]*$/
const SPACE = /[ \t]/

/** What a directive restricts: these fields, or all where it names none, names them badly, or names one without which the rest is another response. */
function namedBy(directives: CacheControl, directive: 'no-cache' | 'private'): readonly string[] | 'all' {
  const said = directives.get(directive)
  if (said === undefined) return []
  // RFC 9111 §5.2.2.4, §5.2.2.7: the quoted form is the only one that senders write; "often handled as if an unqualified directive was received".
  if (!said.wellFormed || !said.isQuoted || !LIST.test(said.argument ?? '')) return 'all'
  const members = said.argument!.split(',').map((member) => member.trim().toLowerCase())
  const names = members.filter((member) => member !== '')
  return names.length === 0 || names.some((name) => SPACE.test(name) || isNeeded(name)) ? 'all' : names
}

// What says how the content is to be read and used (RFC 9110 §8, and what browsers act on), or who may read it.
const NEEDED_BY_PREFIX = ['content-', 'access-control-', 'cross-origin-', 'x-content-', 'x-frame-']
// What says how long a response holds, which requests it answers, and what it is a copy of (RFC 9111 §4, RFC 9110 §8.8, §12.5.5); where it
// leads to (RFC 9110 §10.2.2), and what a 405 is without (RFC 9110 §15.5.6).
const NEEDED: ReadonlySet<string> = new Set([
  'age',
  'allow',
  'cache-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'pragma',
  'vary',
])

function isNeeded(name: string): boolean {
  return NEEDED.has(name) || name.endsWith('-cache-control') || NEEDED_BY_PREFIX.some((prefix) => name.startsWith(prefix))
}
