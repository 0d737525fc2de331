// Knows which query parameters are arguments of a route, and how the others are kept from its handler.

import { unescape } from 'node:querystring'

/** A route's `query` option: all parameters, none, or these. */
export type QueryRule = boolean | readonly string[]

/** A parsed query as a framework's parser makes it: texts, lists of them, and with `qs` objects of them. */
export type Query = Readonly<Record<string, unknown>>

/**
 * The raw query (without "?") with only the parameters that the rule names, as they were spelled. `nested` says that the framework's parser
 * reads brackets, so that `filter[year]` is part of `filter`.
 */
export function filterRawQuery(raw: string, rule: QueryRule, nested: boolean): string {
  if (rule === true || raw === '') return raw
  if (rule === false) return ''
  const parts = raw.split('&')
  const kept = parts.filter((part) => rule.includes(parameterName(part, nested)))
  return kept.length === parts.length ? raw : kept.join('&')
}

/** A URL or path with its query filtered so. */
export function filterUrl(url: string, rule: QueryRule, nested: boolean): string {
  const mark = url.indexOf('?')
  if (mark < 0 || rule === true) return url
  const kept = filterRawQuery(url.slice(mark + 1), rule, nested)
  return kept === '' ? url.slice(0, mark) : `${url.slice(0, mark)}?${kept}`
}

/**
 * The parsed query with only the parameters that the rule names. After `filterRawQuery` this changes nothing unless a parser of one's own
 * names parameters in its own way; then it is what holds.
 */
export function filterQuery(query: Query, rule: QueryRule): Query {
  if (rule === true) return query
  // Without a prototype: a parameter may be named __proto__.
  const kept = Object.create(null) as Record<string, unknown>
  if (rule === false) return kept
  for (const name of rule) {
    if (Object.hasOwn(query, name)) kept[name] = query[name]
  }
  return kept
}

// As both parsers read it: "+" is a space, and what is not valid percent-encoding does not throw.
function parameterName(part: string, nested: boolean): string {
  const equals = part.indexOf('=')
  const name = unescape((equals < 0 ? part : part.slice(0, equals)).replaceAll('+', ' '))
  if (!nested) return name
  const bracket = name.indexOf('[')
  if (bracket > 0) return name.slice(0, bracket)
  // To qs a name in brackets is that name.
  return /^\[([^[\]]+)\]/.exec(name)?.[1] ?? name
}
