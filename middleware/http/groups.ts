// Knows the groups that a response names for other caches, and those that a write tells them to drop.

import { createHash } from 'node:crypto'
import { parseList, serializeList } from 'structured-headers'
import type { Ref } from '../../src/index.ts'
import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'

/** Names of groups for refs: true takes the names of functions and routes, without arguments and without tags. */
export type GroupsOption<Subject> = boolean | ((refs: readonly Ref[], subject: Subject) => readonly string[])

/** In what fields a response names its groups: RFC 9875's, and two that CDNs had before it. */
export type GroupField = 'cache-groups' | 'surrogate-key' | 'cache-tag'

/** All that can be asked for. */
export const GROUP_FIELDS: readonly GroupField[] = ['cache-groups', 'surrogate-key', 'cache-tag']

// RFC 9875 §2: so many groups of so many characters each cache supports.
const MOST_GROUPS = 32
const LONGEST_NAME = 32
// What CDNs read of a field; what is behind it they ignore.
const LONGEST_FIELD = 16_000
/** A response with more groups than that is in this one alone, which each write tells other caches to drop besides its own. */
export const MANY = '#many'

/** The groups that a field names, none where it is no list of strings. `name` in lower case. RFC 9875 §2, §3 */
export function groupsIn(fields: Fields, name: 'cache-groups' | 'cache-group-invalidation'): readonly string[] {
  try {
    const members = parseList(valueOf(fields, name) ?? '')
    // RFC 9875 §2: parameters are ignored.
    return members.map(([value]) => value).every((value) => typeof value === 'string') ? members.map(([value]) => value as string) : []
  } catch {
    return []
  }
}

/** The groups of refs, as an option says. What the engine has for itself is left out. */
export function groupsOf<Subject>(refs: Iterable<Ref>, subject: Subject, option: GroupsOption<Subject>): readonly string[] {
  if (option === false) return []
  const shown = Array.from(refs).filter(({ name }) => !name.startsWith('#') || name === '#tag')
  return option === true ? shown.map(({ name }) => name).filter((name) => name !== '#tag') : option(shown, subject)
}

/** The fields that name a response's groups, by their usual names. `before` are the fields that are there. */
export function groupFields(groups: readonly string[], asked: readonly GroupField[], before: Fields): Readonly<Record<string, string>> {
  if (groups.length === 0) return {}
  const names = distinct(groups)
  const fields: Record<string, string> = {}
  if (asked.includes('cache-groups')) fields['Cache-Groups'] = listOf(bounded([...groupsIn(before, 'cache-groups'), ...names]))
  if (asked.includes('surrogate-key')) fields['Surrogate-Key'] = joined(names, ' ', valueOf(before, 'surrogate-key'))
  if (asked.includes('cache-tag')) fields['Cache-Tag'] = joined(names, ',', valueOf(before, 'cache-tag'))
  return fields
}

/** The Cache-Group-Invalidation field with which a write tells other caches what to drop. RFC 9875 §3 */
export function invalidationField(groups: readonly string[], before: Fields): string | undefined {
  if (groups.length === 0) return undefined
  return listOf(new Set([...groupsIn(before, 'cache-group-invalidation'), ...distinct(groups), MANY]))
}

function distinct(groups: readonly string[]): readonly string[] {
  return Array.from(new Set(groups.map(toName)))
}

function bounded(names: readonly string[]): ReadonlySet<string> {
  const all = new Set(names)
  return all.size <= MOST_GROUPS ? all : new Set([MANY])
}

function listOf(names: Iterable<string>): string {
  return serializeList(Array.from(names, (name) => [name, new Map()]))
}

// RFC 9651 §3.3.3: printable ASCII. The same name always comes out the same, whoever writes it.
function toName(group: string): string {
  const printable = group.replaceAll(/[^ -~]|%/gu, percentEncoded)
  return printable.length <= LONGEST_NAME ? printable : createHash('sha256').update(printable).digest('base64url').slice(0, LONGEST_NAME)
}

function joined(names: readonly string[], separator: string, before: string | undefined): string {
  const keys = names.map((name) => name.replaceAll(/[ ,]/g, percentEncoded))
  const all = [...(before ? [before] : []), ...keys].join(separator)
  return all.length <= LONGEST_FIELD ? all : MANY
}

function percentEncoded(char: string): string {
  return Array.from(Buffer.from(char), (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
}
