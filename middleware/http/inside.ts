// Knows what a layer inside a cached route does to its answer that belongs around the route.

import { withheldFields } from './field-lists.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'

/** What was done inside: a cookie was set, the content coded, or the head changed while it left. */
export type Inside = 'set-cookie' | 'content-encoding' | 'changed'

export interface InsideOptions {
  readonly fields: Fields
  /** The fields that stood before the handler. */
  readonly baseline: Fields
  /** Why it is not stored. */
  readonly why: string | undefined
  /** Whether the content that one layer gave was coded by another one. */
  readonly isRecoded: boolean
}

/** What of this answer belongs outside; undefined for an answer of which a handler has said itself that it is for one client only. */
export function insideOf({ fields, baseline, why, isRecoded }: InsideOptions): Inside | undefined {
  const isOwn = String(fields['set-cookie']) !== String(baseline['set-cookie']) && !withheldFields(fields).includes('set-cookie')
  if (why === 'set-cookie' && isOwn) return 'set-cookie'
  const coding = valueOf(fields, 'content-encoding')
  // A handler that gives coded content as it has it knows why: a file that lies there compressed.
  return isRecoded && coding !== undefined && coding.toLowerCase() !== 'identity' ? 'content-encoding' : undefined
}

/** The same of a head that was changed after it was judged. */
export function insideOfChanged(judged: Fields, fields: Fields): Inside {
  return String(fields['set-cookie']) === String(judged['set-cookie']) ? 'changed' : 'set-cookie'
}

/** What happened, and what to move where, as a warning says it. */
export function adviceForInside(what: Inside, route: string): string {
  if (what === 'set-cookie')
    return (
      `The answer of "${route}" sets a cookie inside its cached route, and was not stored. Mount what sets it, such as a session, before ` +
      '`cached`. A handler that sets one itself says `Cache-Control: private`.'
    )
  if (what === 'changed')
    return (
      `The answer of "${route}" was changed while it left, by a layer inside its cached route that hooks into \`writeHead\` or \`end\`, and was ` +
      'not stored. What is the same for everybody belongs before `cached`; what says for whom a response is, or how long, into its handler.'
    )
  return (
    `The answer of "${route}" was compressed inside its cached route: each Accept-Encoding is compressed and stored for itself. ` +
    'Mount what compresses before `cached`.'
  )
}
