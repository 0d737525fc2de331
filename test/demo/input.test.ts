import { expect, test } from 'vitest'
import { filmId, InputError, listing, stars } from '../../demo/input.ts'

const genres = ['Drama', 'Western']

test('a list without wishes is the first page of all films, the highest gross first', () => {
  expect(listing({}, genres)).toEqual({ sort: 'gross', page: 1 })
  expect(listing({ genre: '', year: '', sort: '', page: '' }, genres)).toEqual({ sort: 'gross', page: 1 })
})

test('a list can be of a genre, of a year, in an order, and any page of it', () => {
  const asked = { genre: 'Drama', year: '1994', sort: 'rating', page: '3' }
  expect(listing(asked, genres)).toEqual({ genre: 'Drama', year: 1994, sort: 'rating', page: 3 })
})

test('films without a genre are the genre "none"', () => {
  expect(listing({ genre: 'none' }, genres)).toMatchObject({ genre: null })
})

test.each([
  [{ genre: 'Opera' }, 'Expected `genre` to be one of "Drama", "Western", "none", got "Opera".'],
  [{ genre: ['Drama', 'Western'] }, 'Expected `genre` once, got ["Drama","Western"].'],
  [{ year: 'last' }, 'Expected `year` to be a whole number from 1 to 9999, got "last".'],
  [{ page: '0' }, 'Expected `page` to be a whole number from 1 to 9999, got "0".'],
  [
    { sort: 'title; DROP TABLE films' },
    'Expected `sort` to be one of "gross", "rating", "imdb", "year", "title", got "title; DROP TABLE films".',
  ],
])('a list of %j is told what was expected', (query, message) => {
  expect(() => listing(query, genres)).toThrow(new InputError(message))
})

test('a film is named by its number and no other spelling of it', () => {
  expect(filmId('17')).toBe(17)
  for (const written of ['017', '17.0', '1e1', '-1', '0', '', 'seventeen', '99999999999999999999', undefined]) {
    expect(() => filmId(written)).toThrow(/Expected the film to be a whole number from 1/)
  }
})

test('a rating is a whole number of stars from 1 to 5', () => {
  for (const number of [1, 2, 3, 4, 5]) expect(stars({ stars: number })).toBe(number)
  for (const body of [{ stars: 0 }, { stars: 6 }, { stars: 2.5 }, { stars: '5' }, { stars: null }, {}, [], null, undefined, 5]) {
    expect(() => stars(body)).toThrow(/Expected a JSON body such as \{ "stars": 4 \}, with a whole number from 1 to 5, got /)
  }
})
