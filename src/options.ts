// Knows how options are checked: each with what was expected, what came, and what to do.

import { show } from './duration.ts'
import { ConfigError } from './errors.ts'

/** Refuses an option that does not exist, which is nearly always a misspelled one. */
export function checkNames(options: object, known: readonly string[], of: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new ConfigError(`Expected the options of ${of} to be an object, got ${show(options)}.`)
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new ConfigError(`${of} has no option \`${name}\`. It has: ${known.join(', ')}.`)
  }
}

/** A number of entries: 0 is none at all, -1 or Infinity no bound. */
export function toLimit(value: number, option: string): number {
  if (value === -1 || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new ConfigError(
    `Expected \`${option}\` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got ${show(value)}.`,
  )
}

export function checkChoice<T extends string>(value: unknown, choices: readonly T[], option: string): T {
  if (choices.includes(value as T)) return value as T
  throw new ConfigError(`Expected \`${option}\` to be one of ${choices.map((choice) => `"${choice}"`).join(', ')}, got ${show(value)}.`)
}

/** A number within bounds; `expected` says which in words. */
export function toNumber(value: unknown, option: string, expected: string, isIn: (value: number) => boolean): number {
  if (typeof value === 'number' && isIn(value)) return value
  throw new ConfigError(`Expected \`${option}\` to be ${expected}, got ${show(value)}.`)
}

export function checkFunction(value: unknown, option: string): void {
  if (value !== undefined && typeof value !== 'function')
    throw new ConfigError(`Expected \`${option}\` to be a function, got ${show(value)}.`)
}

/** True or false. */
export function toBoolean(value: unknown, option: string): boolean {
  if (typeof value === 'boolean') return value
  throw new ConfigError(`Expected \`${option}\` to be true or false, got ${show(value)}.`)
}

/** The version of a value's shape; empty where none is given. */
export function toVersion(version: unknown): string {
  if (version === undefined) return ''
  if (typeof version === 'string' && /^[\w.+-]{1,100}$/.test(version)) return version
  throw new ConfigError(`Expected \`version\` to be at most 100 letters, digits and ._+-, such as "2", got ${show(version)}.`)
}
