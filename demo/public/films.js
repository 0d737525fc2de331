// A page of the list.

import { element } from './element.js'
import { panel } from './panel.js'
import { address, go } from './view.js'
import { count, genreName, money, stars } from './words.js'

const orders = { gross: 'Highest gross', rating: 'Best rated here', imdb: 'Best on IMDb', year: 'Newest', title: 'Title' }

/** The URL of the list that a view shows. */
export function listUrl({ genre, year, sort, page }) {
  const query = new URLSearchParams(Object.entries({ genre, year, sort, page }).filter(([, value]) => value))
  return query.size ? `/api/films?${query}` : '/api/films'
}

export function showFilms() {
  panel(document.querySelector('#films'), listUrl, draw)
}

function draw({ films, total, page, pages }, view) {
  return [
    element(
      'header',
      {},
      element('h2', {}, view.genre === 'none' ? genreName(null) : view.genre || 'All films', view.year && ` of ${view.year}`),
      element('p', { class: 'quiet' }, count(total, 'film')),
      controls(view),
    ),
    element(
      'ol',
      { class: 'rows', start: (page - 1) * 24 + 1 },
      films.map((film) => row(film, view)),
    ),
    films.length === 0 && element('p', { class: 'quiet' }, 'No film is like that.'),
    pages > 1 && pager(page, pages),
  ]
}

function controls(view) {
  const options = Object.entries(orders).map(([sort, name]) => element('option', { value: sort, selected: sort === view.sort }, name))
  return element(
    'form',
    { class: 'controls', submit: (event) => event.preventDefault() },
    element(
      'label',
      {},
      'Order ',
      element('select', { name: 'sort', 'data-key': 'sort', change: (event) => go({ sort: event.target.value, page: '' }) }, options),
    ),
    element(
      'label',
      {},
      'Year ',
      element('input', {
        name: 'year',
        type: 'number',
        min: 1915,
        max: 2011,
        value: view.year,
        placeholder: 'any',
        'data-key': 'year',
        change: (event) => go({ year: event.target.value, page: '' }),
      }),
    ),
  )
}

function row(film, view) {
  const about = [film.year, view.genre ? null : film.genre, film.director].filter(Boolean).join(' · ')
  const link = element(
    'a',
    {
      href: address({ film: film.id, director: '' }),
      'aria-current': view.film === String(film.id) && 'true',
      'data-key': `film-${film.id}`,
    },
    element('span', { class: 'name' }, element('b', {}, film.title), element('small', {}, about)),
    element('span', { class: 'figure' }, money(film.worldGross), element('small', {}, stars(film.ratings) || `IMDb ${film.imdb ?? '–'}`)),
  )
  return element('li', {}, link)
}

function pager(page, pages) {
  return element(
    'nav',
    { class: 'pager', 'aria-label': 'Pages' },
    page > 1 ? element('a', { href: address({ page: page === 2 ? '' : page - 1 }), 'data-key': 'before' }, '← Before') : element('span'),
    element('span', { class: 'quiet' }, `${page} of ${pages}`),
    page < pages ? element('a', { href: address({ page: page + 1 }), 'data-key': 'after' }, 'After →') : element('span'),
  )
}
