// Knows what the value of a route's option may be, and says what is wrong with one that is not.

import { checkChoice, show, toMilliseconds } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Duration } from '../../src/index.ts'
import { isTokenCode } from './fields.ts'
import { GROUP_FIELDS } from './groups.ts'
import type { GroupField, GroupsOption } from './groups.ts'
import { compilePath } from './path-pattern.ts'
import type { PathPattern } from './path-pattern.ts'
import type { QueryRule } from './query.ts'

/** A `path` as it was given, and what it matches. */
export interface GivenPath {
  readonly pattern: string
  readonly match: PathPattern
}

/** Milliseconds past freshness; 0 where none are given. */
export function toWindow(window: Duration | undefined, option: string): number {
  return window === undefined ? 0 : toMilliseconds(window, option)
}

/** A text that is not empty. */
export function toName(name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name
  throw new ConfigError(`Expected \`name\` to be a text that is not empty, got ${show(name)}.`)
}

/** A whole path, compiled. */
export function toPath(path: unknown): GivenPath | undefined {
  if (path === undefined) return undefined
  if (typeof path === 'string' && path.startsWith('/')) return { pattern: path, match: compilePath(path) }
  throw new ConfigError(`Expected \`path\` to be a whole path that begins with "/", such as "/users/:id", got ${show(path)}.`)
}

/** All, none, or names. */
export function toQueryRule(query: unknown): QueryRule {
  return typeof query === 'boolean' ? query : toList(query, 'query', 'true, false, or names such as ["page", "sort"]')
}

/** Names of request headers, in lower case. */
export function toHeaders(headers: unknown): readonly string[] {
  // Sorted and each once, so that two processes with one list in two orders have one Vary.
  return [...new Set(toFieldNames(headers, 'headers', 'names of request headers such as ["accept-language"]'))].sort()
}

/** Names of fields, in lower case and in their order. */
export function toFieldNames(given: unknown, option: string, expected: string): readonly string[] {
  const names = toList(given, option, expected).map((name) => name.toLowerCase())
  const wrong = names.find((name) => !Array.from(name).every((char) => isTokenCode(char.charCodeAt(0))))
  if (wrong !== undefined) throw new ConfigError(`Expected \`${option}\` to be ${expected}, got ${show(wrong)} among them.`)
  return names
}

/** Texts that are not empty. */
export function toList(value: unknown, option: string, expected: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')) return value as string[]
  throw new ConfigError(`Expected \`${option}\` to be ${expected}, got ${show(value)}.`)
}

/** Some of the fields that name groups. */
export function toGroupFields(given: unknown): readonly GroupField[] {
  const names = toList(given, 'groupFields', `of ${GROUP_FIELDS.map((name) => `"${name}"`).join(', ')}`)
  return names.map((name) => checkChoice(name as GroupField, GROUP_FIELDS, 'groupFields'))
}

/** Checks the option of a route and of a write. */
export function checkGroups<Subject>(groups: GroupsOption<Subject> | undefined): GroupsOption<Subject> {
  if (groups === undefined || typeof groups === 'boolean' || typeof groups === 'function') return groups ?? false
  throw new ConfigError(`Expected \`groups\` to be true, false or a function that gives names for refs, got ${show(groups)}.`)
}

/** A whole number of bytes, or Infinity. */
export function toBytes(bytes: unknown): number {
  if (bytes === Number.POSITIVE_INFINITY || (Number.isSafeInteger(bytes) && (bytes as number) >= 0)) return bytes as number
  throw new ConfigError(`Expected \`maxBodyBytes\` to be a whole number of bytes, got ${show(bytes)}.`)
}
