// Knows how a path is matched to a pattern, where no router has done it.

import { match } from 'path-to-regexp'
import { ConfigError } from '../../src/index.ts'

/** A path's parameters, decoded, by name; a wildcard's are a list of segments. */
export type PathParams = Readonly<Partial<Record<string, string | string[]>>>

/** Finds the parameters of a path; undefined where it does not match, or is no valid percent-encoding. */
export type PathPattern = (path: string) => PathParams | undefined

/** Reads a pattern such as "/users/:id" or "/files/*path". Throws a `ConfigError` for one that is not valid. */
export function compilePath(pattern: string): PathPattern {
  const matches = parsePattern(pattern)
  return (path) => {
    try {
      const found = matches(path)
      return found === false ? undefined : found.params
    } catch (error) {
      // A request for what cannot be decoded is the handler's to refuse.
      if (error instanceof URIError) return undefined
      throw error
    }
  }
}

function parsePattern(pattern: string): ReturnType<typeof match> {
  try {
    // To the letter: what is behind the route may tell "/Users/1" and "/users/1/" from "/users/1". Such a spelling is not cached.
    return match(pattern, { sensitive: true, trailing: false })
  } catch (error) {
    throw new ConfigError(
      `Expected \`path\` to be a pattern such as "/users/:id" or "/files/*path", got ${JSON.stringify(pattern)}.`,
      error,
    )
  }
}
