// Knows a request as the arguments of its route: what selects the response, however the request was spelled.

import { createHash } from 'node:crypto'
import { isPlainObject } from '../../src/door.ts'
import { linesOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { filterQuery } from './query.ts'
import type { Query, QueryRule } from './query.ts'
import type { Selection } from './vary.ts'

/** The arguments of a route, and what of them a ref of it may name: `userPage.clear({ params: { id: '42' } })`. */
export interface RouteArguments {
  /** The route's parameters, decoded; a wildcard is a list of segments or a text, as its framework has it. */
  readonly params: Readonly<Record<string, unknown>>
  /** The parsed query, without what the route's `query` option leaves out. */
  readonly query: Query
  /**
   * The values of request fields by lower-case name: of those in the route's `headers` option, without those that are absent; and of those that
   * select its response by Vary, null for one that is absent.
   */
  readonly headers?: Readonly<Record<string, string | null>>
  /** The path as it is routed, where the parameters alone do not say which it was. */
  readonly path?: string
  /** The URL as its handler sees it, where that is not the plain spelling of the rest. */
  readonly url?: string
  /** Whose response this is, where the route's `partition` says so. */
  readonly partition?: string
}

/** What of the route's options decides its arguments. */
export interface KeyRules {
  readonly query: QueryRule
  /** Lower-case names of request fields. */
  readonly headers: readonly string[]
}

/** A request as a framework has parsed it. */
export interface ParsedRequest {
  readonly params: Readonly<Record<string, unknown>>
  readonly query: Query
  readonly fields: Fields
  readonly partition: string | undefined
}

/** The arguments with which a request calls its route. */
export function argumentsOf(request: ParsedRequest, rules: KeyRules): RouteArguments {
  return {
    params: withoutUndefined(request.params),
    query: filterQuery(request.query, rules.query),
    ...(rules.headers.length > 0 && { headers: headerArguments(request.fields, rules.headers) }),
    ...(request.partition !== undefined && { partition: request.partition }),
  }
}

// An optional parameter that did not match is undefined in Express 4 and absent elsewhere.
function withoutUndefined(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const names = Object.keys(params)
  if (names.every((name) => params[name] !== undefined)) return params
  const kept = Object.create(null) as Record<string, unknown>
  for (const name of names) if (params[name] !== undefined) kept[name] = params[name]
  return kept
}

/** Arguments that stay as they are, whatever their handler does to its parameters and its query. */
export function copyOf(args: RouteArguments): RouteArguments {
  return copied(args) as RouteArguments
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (!isPlainObject(value)) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const name of Object.keys(value)) copy[name] = copied(value[name])
  return copy
}

function headerArguments(fields: Fields, names: readonly string[]): Readonly<Record<string, string>> {
  const headers = Object.create(null) as Record<string, string>
  for (const name of names) {
    const lines = linesOf(fields, name)
    // RFC 9111 §4.1: an absent field matches an absent one only, so it is no empty value here.
    if (lines.length > 0) headers[name] = keyText(lines.map(withoutOptionalSpace).join(','))
  }
  return headers
}

/** The arguments of the response that these request fields select. */
export function selectedArguments(args: RouteArguments, fields: Fields, { fields: names, asRead }: Selection): RouteArguments {
  const headers = Object.assign(Object.create(null) as Record<string, string | null>, args.headers)
  for (const name of names) {
    const lines = linesOf(fields, name)
    // RFC 9111 §4.1: absent matches absent alone. It is said, since responses may have been kept by other fields than these.
    headers[name] = lines.length === 0 ? null : normalised(name, lines.map(withoutOptionalSpace).join(','), asRead.includes(name))
  }
  return { ...args, headers }
}

function normalised(name: string, value: string, isAsRead: boolean): string {
  return keyText(name === 'accept-language' && !isAsRead ? languages(value) : value)
}

// RFC 9111 §4.1, RFC 9110 §12.5.4: case and whitespace mean nothing, and on order one cannot rely. A handler that was seen to read it may.
function languages(value: string): string {
  return value.toLowerCase().replaceAll(/\s/g, '').split(',').filter(Boolean).sort().join(',')
}

// A client may send as long a value as it likes, and a key is kept with all that names it. No value of a field holds a NUL: RFC 9110 §5.5
const LONGEST_VALUE = 128

/** The value of a selecting field as keys have it. */
export function keyText(value: string): string {
  return value.length <= LONGEST_VALUE ? value : `\0${createHash('sha256').update(value).digest('base64')}`
}

// RFC 9111 §4.1: whitespace may be taken out where the field's syntax allows any; inside quotation marks it is text.
function withoutOptionalSpace(line: string): string {
  if (line.includes('"')) return line.trim()
  return line
    .split(',')
    .map((member) => member.trim())
    .join(',')
}
