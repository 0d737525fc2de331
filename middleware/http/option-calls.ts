// Knows how a function among a route's options is asked about a request, and what is said of one that fails.

import { show } from '../../src/door.ts'
import { ConfigError, Ref } from '../../src/index.ts'

/** What such a function says. Throws a `ConfigError` that names it and its route where it fails, or gives nothing of its kind. */
export function told<T>(route: string, option: string, ask: () => T, expected?: Expected<T>): T {
  const what = `\`${option}\` of the route "${route}"`
  let given: T
  try {
    given = ask()
  } catch (error) {
    throw new ConfigError(`${what} failed: the handler answers, and the answer is not stored.`, error)
  }
  if (expected === undefined || expected.is(given)) return given
  throw new ConfigError(
    `Expected ${what} to give ${expected.words}, got ${show(given)}: the handler answers, and the answer is not stored.`,
  )
}

/** What is said of a function that failed, and of what follows from that. */
export function failureOf(what: string, sequel: string, error: unknown): ConfigError {
  return error instanceof ConfigError ? error : new ConfigError(`${what} failed: ${sequel}.`, error)
}

interface Expected<T> {
  readonly words: string
  is(value: T): boolean
}

/** Who a request's response is for. */
export const anOwner: Expected<string | undefined> = {
  words: 'a text or undefined',
  is: (value: unknown) => value === undefined || typeof value === 'string',
}

/** What a response depends on. */
export const refs: Expected<readonly Ref[]> = {
  words: 'a list of refs, such as [getUser.ref(id)]',
  is: (value: unknown) => Array.isArray(value) && value.every((ref) => ref instanceof Ref),
}
