// A director and their films.

import { element } from './element.js'
import { panel } from './panel.js'
import { address } from './view.js'
import { count, money, stars } from './words.js'

export function showDirector() {
  panel(document.querySelector('#director'), ({ director }) => director && `/api/directors/${encodeURIComponent(director)}`, draw)
}

function draw(director, view) {
  return [
    element('h2', {}, director.name),
    element(
      'p',
      { class: 'quiet' },
      [count(director.count, 'film'), money(director.worldGross), director.imdb && `IMDb ${director.imdb}`, stars(director.ratings)]
        .filter(Boolean)
        .join(' · '),
    ),
    element(
      'ol',
      { class: 'rows' },
      director.films.map((film) => row(film, view)),
    ),
  ]
}

function row(film, view) {
  const link = element(
    'a',
    { href: address({ film: film.id }), 'aria-current': view.film === String(film.id) && 'true', 'data-key': `film-${film.id}` },
    element('span', { class: 'name' }, element('b', {}, film.title), element('small', {}, film.year)),
    element('span', { class: 'figure' }, money(film.worldGross), element('small', {}, stars(film.ratings))),
  )
  return element('li', {}, link)
}
