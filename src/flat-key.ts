// Knows a cheaper text of an argument list: what JSON says exactly is written by JSON, in the order that it has.

import { quoted, shortened, textOfArgs, withoutTrailing } from './key.ts'

// Of what is left, no canonical text begins so.
const CANONICAL = '~'
const DEEPEST = 100

/**
 * The flat text of an argument list: different arguments have different texts, but equal ones whose properties come in another order have
 * too. Readable up to 200 bytes and a SHA-256 past it.
 */
export function flatText(args: readonly unknown[]): string {
  const given = withoutTrailing(args, undefined)
  if (given.length === 1 && typeof given[0] === 'string') return shortened(quoted(given[0]))
  return shortened(isJsonList(given, 0) ? JSON.stringify(given) : `${CANONICAL}${textOfArgs(given)}`)
}

/** Whether JSON says all there is to a value: of no other value that this is true of, it says the same. */
function isJson(value: unknown, depth: number): boolean {
  if (typeof value === 'object') return value === null || (depth < DEEPEST && isJsonObject(value, depth + 1))
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function isJsonObject(value: object, depth: number): boolean {
  const proto: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    // A hole is read as undefined, which is not JSON; so where there are as many names as elements, there are no others.
    return proto === Array.prototype && isJsonList(value, depth) && Object.keys(value).length === value.length
  }
  if (proto !== Object.prototype && proto !== null) return false
  for (const name of Object.keys(value)) if (!isJson((value as Record<string, unknown>)[name], depth)) return false
  return Object.getOwnPropertySymbols(value).length === 0
}

function isJsonList(values: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < values.length; i++) if (!isJson(values[i], depth)) return false
  return true
}
