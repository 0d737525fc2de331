// Knows durations as people write them, and turns them into milliseconds.

import ms from 'ms'
import { ConfigError } from './errors.ts'

/** Milliseconds, or a string with its unit, such as "250ms", "10s", "5m", "2h", "1d". A bare number in a string is refused. @example '10m' */
export type Duration = number | string

function parse(value: Duration): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return Number.NaN
  // A bare number in a string is refused: in the environment it means seconds, in options milliseconds.
  if (!/[a-z]$/i.test(value.trim())) return Number.NaN
  return ms(value.trim() as ms.StringValue) ?? Number.NaN
}

/** The duration in milliseconds; a finite one of 0 or more. `option` names it in the error. */
export function toMilliseconds(value: Duration, option: string): number {
  const milliseconds = parse(value)
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds
  throw new ConfigError(`Expected \`${option}\` to be a duration such as 5000 or "5m", got ${show(value)}.`)
}

/** As `toMilliseconds`, where -1 and Infinity mean that it never ends. */
export function toLifetime(value: Duration, option: string): number {
  if (value === -1 || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  return toMilliseconds(value, option)
}

/** How a wrong value is shown in a message: short, and never a throw of its own. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return `the function ${nameOf(value) ?? '(anonymous)'}`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return `an object (${nameOf(value.constructor) ?? 'of no class'})`
  return typeof value === 'bigint' ? `${value}n` : String(value)
}

function nameOf(value: unknown): string | undefined {
  const name = typeof value === 'function' ? (value.name as unknown) : undefined
  return typeof name === 'string' && name !== '' ? name : undefined
}
