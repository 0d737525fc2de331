import { expect, test } from 'vitest'
import { readFilms } from '../../demo/dataset.ts'

const films = await readFilms()
const titles = films.map((film) => film.title)

test('there are 3,201 films, numbered from 1', () => {
  expect(films.map((film) => film.id)).toEqual(Array.from({ length: 3201 }, (_, index) => index + 1))
})

test('every film has a title, also those that came as numbers and the one that came as nothing', () => {
  expect(titles).not.toContain('')
  expect(titles).toEqual(expect.arrayContaining(['300', '2012', 'Unknown']))
})

test('letters that came in the wrong encoding are mended, and right ones left alone', () => {
  expect(titles).toEqual(expect.arrayContaining(['Léon', 'Déjà Vu', "Le Fabuleux destin d'Amélie Poulain", 'Alien³']))
})

test('every release is a day that has been, so years of two digits are of the last century', () => {
  for (const { released } of films) expect(new Date(released).toISOString()).toBe(`${released}T00:00:00.000Z`)
  expect(Math.max(...films.map((film) => Number(film.released.slice(0, 4))))).toBe(2011)
  expect(films.find((film) => film.title === 'Gone with the Wind')?.released).toBe('1939-12-15')
})

test('what is not known is null', () => {
  expect(films[16]).toMatchObject({ title: 'Wilson', genre: null, director: null, minutes: null })
  expect(films.filter((film) => film.world_gross === 0)).toEqual([])
})
