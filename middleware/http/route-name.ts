// Knows what a route is called, which pattern it answers for, and what of it a ref can name.

import { isPlainObject, patternRef, show } from '../../src/door.ts'
import { any, ConfigError } from '../../src/index.ts'
import type { Ref } from '../../src/index.ts'
import { keyText } from './request-key.ts'

/** A text of a request, or any. */
type Texts = Readonly<Record<string, unknown>>

/** What of a route's arguments a ref names: `{ params: { id: "42" } }` is every query and partition of it, however its URL was spelled. */
export interface PartialRouteArguments {
  /** Parameters of the path, decoded: texts, as a URL holds nothing else. */
  params?: Readonly<Record<string, string | readonly string[] | typeof any>>
  /** Parameters of the query as they are parsed. */
  query?: Texts
  /** Request headers of the route's `headers` option, and those that its responses vary on. */
  headers?: Readonly<Record<string, string | typeof any>>
  partition?: string | typeof any
}

const NAMES = ['params', 'query', 'headers', 'partition']

/** The name of a route that was not given one. */
export function defaultName(framework: string, pattern: string): string {
  return `${framework} GET ${pattern}`
}

/** The pattern of a route below a mount path. Routers match mount paths in any case, so its spelling is the client's. */
export function fullPattern(mount: string, path: unknown): string {
  const text = `${mount.toLowerCase()}${String(path)}`
  return text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text || '/'
}

/** Whether the parameters of a pattern say which path it was: not so where a part may be there or not, or anything. */
export function isDetermined(pattern: string): boolean {
  return !/[*?+()[\]{}|\\^$,]/.test(pattern)
}

/** Whether a router found the parameters that a determined pattern has: another layer's may stand in their place. */
export function hasParamsOf(pattern: string, params: Readonly<Record<string, unknown>>): boolean {
  for (const [, name = ''] of pattern.matchAll(/:(\w+)/g)) if (!Object.hasOwn(params, name)) return false
  return true
}

/** A pattern over a route's calls. Throws a `ConfigError` for arguments that no request has. */
export function routeRef(name: string, args: PartialRouteArguments | undefined, owner?: object): Ref {
  return args === undefined ? patternRef(name, [], owner) : patternRef(name, [checked(args)], owner)
}

function checked(args: PartialRouteArguments): Readonly<Record<string, unknown>> {
  if (!isPlainObject(args))
    throw new ConfigError(`Expected a route's arguments to be an object such as { params: { id: "42" } }, got ${show(args)}.`)
  const named = Object.entries(args).filter(([, value]) => value !== undefined)
  const wrong = named.find(([name]) => !NAMES.includes(name))
  if (wrong !== undefined)
    throw new ConfigError(
      `A route has no argument \`${wrong[0]}\`. It has: ${NAMES.join(', ')}. Did you mean { params: { ${wrong[0]}: … } }?`,
    )
  const { params, headers } = args as PartialRouteArguments
  checkTexts('params', params)
  checkTexts('headers', headers)
  return { ...Object.fromEntries(named), ...(headers !== undefined && { headers: inLowerCase(headers) }) }
}

// A number would be a key that no URL has, and its clear would clear nothing without a word.
function checkTexts(group: string, values: Texts | undefined): void {
  for (const [name, value] of Object.entries(values ?? {})) {
    const isText = typeof value === 'string' || value === any || Array.isArray(value)
    if (!isText) throw new ConfigError(`Expected \`${group}.${name}\` to be a text as a request has it, such as "42", got ${show(value)}.`)
  }
}

function inLowerCase(headers: Readonly<Record<string, unknown>>): Texts {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), typeof value === 'string' ? keyText(value) : value]),
  )
}
