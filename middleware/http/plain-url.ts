// Knows the plain spelling of a URL. Its parts say what it is; of one that is spelled otherwise its handler can see how, and so it is told apart.

import { parse } from 'node:querystring'
import type { Query } from './query.ts'

/** A pattern whose parameters say which path it is, to be filled in. */
export type PlainPath = (params: Readonly<Record<string, unknown>>) => string | undefined

/** The plain path of a determined pattern with these parameters; undefined where one of them is no text. */
export function plainPathOf(pattern: string): PlainPath {
  const parts = pattern.split(/(:\w+)/)
  return (params) => {
    let path = ''
    for (const part of parts) {
      const value = part.startsWith(':') ? params[part.slice(1)] : part
      // Half of a surrogate pair has no encoding.
      if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) return undefined
      path += value === part ? part : encoded(value)
    }
    return path
  }
}

/** Whether a URL is this path and a query in its plain spelling, in whatever order, which says what `query` does: no less and no more. */
export function isPlain(url: string, path: string | undefined, query: Query): boolean {
  if (path === undefined || !url.startsWith(path)) return false
  if (url.length === path.length) return Object.keys(query).length === 0
  const search = url.slice(path.length + 1)
  return url[path.length] === '?' && search.split('&').every(isPlainParameter) && says(search, query)
}

/** A parser that reads brackets drops some names and takes others for one; and a layer may have put another query in the place of what it gave. */
function says(search: string, query: Query): boolean {
  const said = parse(search, undefined, undefined, { maxKeys: 0 })
  const names = Object.keys(said)
  return names.length === Object.keys(query).length && names.every((name) => Object.hasOwn(query, name) && isSame(said[name], query[name]))
}

function isSame(said: string | readonly string[] | undefined, value: unknown): boolean {
  if (!Array.isArray(said) || !Array.isArray(value)) return said === value
  return said.length === value.length && said.every((text, at) => text === value[at])
}

function isPlainParameter(parameter: string): boolean {
  const equals = parameter.indexOf('=')
  return equals > 0 && isEncoded(parameter.slice(0, equals)) && isEncoded(parameter.slice(equals + 1))
}

// RFC 3986 §2.3: what needs no encoding.
const UNRESERVED = /^[\w.~-]*$/

function isEncoded(text: string): boolean {
  if (UNRESERVED.test(text)) return true
  try {
    return encoded(decodeURIComponent(text)) === text
  } catch {
    // What is no UTF-8, each parser reads in its own way.
    return false
  }
}

/** One spelling for each text: RFC 3986 §2.1, with upper-case digits, and everything encoded that is not unreserved. */
function encoded(text: string): string {
  if (UNRESERVED.test(text)) return text
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
