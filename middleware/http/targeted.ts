// Knows the fields that address cache directives to some caches only, and what they make of a response's policy for this one.

import { parseDictionary } from 'structured-headers'
import type { Dictionary } from 'structured-headers'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'

/**
 * A response's fields as this cache reads its policy from them: the first of `targets` that is there, valid and not empty stands in for
 * Cache-Control, and nothing else says how long the response is fresh. `targets` in lower case. RFC 9213 §2.2
 */
export function policyOf(fields: Fields, targets: readonly string[]): Fields {
  for (const target of targets) {
    const value = valueOf(fields, target)
    const directives = dictionaryOf(value)
    if (value === undefined || directives === undefined || directives.size === 0) continue
    const decimals = new Set(Array.from(value.matchAll(DECIMAL), ([, name]) => name))
    const members = Array.from(directives, ([name, [given]]) => directiveOf(name, decimals.has(name) ? undefined : given))
    return { ...fields, 'cache-control': members.join(', '), expires: undefined, pragma: undefined }
  }
  return fields
}

function dictionaryOf(value: string | undefined): Dictionary | undefined {
  try {
    return value === undefined ? undefined : parseDictionary(value)
  } catch {
    // RFC 9213 §2.2: as if it were not there.
    return undefined
  }
}

// The parser gives a number for an Integer and for a Decimal, and 60.0 is the second.
const DECIMAL = /(?<![\w.*-])([a-z*][\w.*-]*)=-?\d{1,12}\.\d/g

// RFC 9213 §2.1: parameters are ignored, a number of seconds is an Integer and a list of fields a String; of another type it is there and says
// nothing more.
function directiveOf(name: string, value: unknown): string {
  if (typeof value === 'number' && value >= 0) return `${name}=${value}`
  return typeof value !== 'string' || SECONDS.has(name) ? name : `${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`
}

const SECONDS: ReadonlySet<string> = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'])

/** The fields of one owner's response that could let other caches keep it whatever its Cache-Control says, and what they are to say. */
export function privateTargets(fields: Fields): Readonly<Record<string, string>> {
  const targets = Object.keys(fields).filter((name) => name.endsWith('-cache-control') || name === 'surrogate-control')
  return Object.fromEntries(targets.map((name) => [name, name === 'surrogate-control' ? 'no-store' : 'private']))
}
