// What a request may say. Anything else is told what was expected.

import { sorts, type Listing } from './queries.ts'

/** A request that cannot be answered; its message says what was expected. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/** How the films without a genre are asked for. */
const noGenre = 'none'

/** The film that a path names. */
export function filmId(written: unknown): number {
  return integer('the film', written, 999_999)
}

/** The list that a query asks for: every part may be absent or empty. `genres` are those that exist. */
export function listing(query: Readonly<Record<string, unknown>>, genres: readonly string[]): Listing {
  const genre = given(query, 'genre')
  const year = given(query, 'year')
  const sort = given(query, 'sort') ?? 'gross'
  return {
    ...(genre !== undefined && { genre: genre === noGenre ? null : oneOf('genre', genre, [...genres, noGenre]) }),
    ...(year !== undefined && { year: integer('`year`', year, 9999) }),
    sort: oneOf('sort', sort, sorts),
    page: integer('`page`', given(query, 'page') ?? '1', 9999),
  }
}

/** The stars that the body of a rating gives. */
export function stars(body: unknown): number {
  const value = typeof body === 'object' && body !== null && 'stars' in body ? body.stars : undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 5) return value
  throw new InputError(`Expected a JSON body such as { "stars": 4 }, with a whole number from 1 to 5, got ${shown(body)}.`)
}

function given(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name]
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw new InputError(`Expected \`${name}\` once, got ${shown(value)}.`)
}

function integer(what: string, written: unknown, most: number): number {
  const number = typeof written === 'string' && /^[1-9]\d*$/.test(written) ? Number(written) : Number.NaN
  if (number <= most) return number
  throw new InputError(`Expected ${what} to be a whole number from 1 to ${most}, got ${shown(written)}.`)
}

function oneOf<Word extends string>(name: string, written: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === written)
  if (found !== undefined) return found
  throw new InputError(`Expected \`${name}\` to be one of ${words.map(shown).join(', ')}, got ${shown(written)}.`)
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
}
