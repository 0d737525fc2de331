// One film: what is known of it, and a rating of one's own.

import { answers, ask, onAnswer, rate } from './ask.js'
import { element } from './element.js'
import { listUrl } from './films.js'
import { compare } from './ledger.js'
import { panel } from './panel.js'
import { address, onView, view } from './view.js'
import { count, date, genreName, money } from './words.js'

const url = (id) => `/api/films/${id}`

export function showFilm() {
  const redraw = panel(document.querySelector('#film'), ({ film }) => film && url(film), draw)
  // The films beside an open one are fetched ahead: a step to them is a hit, and after a rating they show what stays.
  onView(fetchNeighbours)
  onAnswer((answer) => {
    if (answer.url !== listUrl(view())) return
    fetchNeighbours(view())
    redraw()
  })
}

function draw(film, view) {
  return [
    element('a', { class: 'back', href: address({ film: '', director: '' }), 'data-key': 'back' }, '← Films'),
    element('p', { class: 'quiet' }, [genreName(film.genre), film.year].join(' · ')),
    element('h2', {}, film.title),
    film.director &&
      element('p', {}, 'Directed by ', element('a', { href: address({ director: film.director }), 'data-key': 'director' }, film.director)),
    rating(film),
    facts(film),
    gross(film),
    neighbours(film, view),
  ]
}

function fetchNeighbours(view) {
  if (!view.film) return
  const unknown = beside(Number(view.film), view).filter((film) => film && !answers.has(url(film.id)))
  // Fetching ahead may fail: who steps there is told then.
  for (const film of unknown) ask(url(film.id)).catch(() => {})
}

function beside(id, view) {
  const films = answers.get(listUrl(view))?.body.films ?? []
  const at = films.findIndex((film) => film.id === id)
  return at < 0 ? [] : [films[at - 1], films[at + 1]]
}

function neighbours(film, view) {
  const [before, after] = beside(film.id, view)
  return element('nav', { class: 'pager', 'aria-label': 'Films beside' }, [
    step(before, 'before', `← ${before?.title}`),
    step(after, 'after', `${after?.title} →`),
  ])
}

function step(film, key, text) {
  return film ? element('a', { href: address({ film: film.id, director: '' }), 'data-key': key }, text) : element('span')
}

function rating(film) {
  const { count: number, mean } = film.ratings
  const said = element(
    'p',
    { class: 'said' },
    number ? element('b', {}, `★ ${mean.toFixed(2)}`) : null,
    number ? ` from ${count(number, 'rating')}` : 'Nobody has rated this yet',
  )
  const stars = [1, 2, 3, 4, 5].map((value) =>
    element(
      'button',
      { type: 'button', value, 'data-key': `star-${value}`, 'aria-label': count(value, 'star'), click: () => give(film, value) },
      '★',
    ),
  )
  return element('div', { class: 'rating' }, said, element('div', { class: 'stars', role: 'group', 'aria-label': 'Rate this film' }, stars))
}

async function give(film, stars) {
  await compare(`${count(stars, 'star')} for ${film.title}`, () => rate(film.id, stars))
}

function facts(film) {
  const known = {
    Released: date(film.released),
    IMDb: film.imdb && `${film.imdb} (${count(film.imdbVotes, 'vote')})`,
    Tomatoes: film.tomatoes && `${film.tomatoes}%`,
    Length: film.minutes && `${film.minutes} minutes`,
    MPAA: film.mpaa,
    Source: film.source,
    Kind: film.style,
    Distributor: film.distributor,
  }
  const rows = Object.entries(known).filter(([, value]) => value)
  return element(
    'dl',
    {},
    rows.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, String(value))]),
  )
}

function gross(film) {
  const sums = { Budget: film.budget, 'In the US': film.usGross, Worldwide: film.worldGross }
  const most = Math.max(...Object.values(sums))
  const bars = Object.entries(sums).map(([name, sum]) => [
    element('dt', {}, name),
    element('dd', {}, element('meter', { value: ((sum ?? 0) / (most || 1)).toFixed(3) }), money(sum)),
  ])
  return element('dl', { class: 'bars' }, bars.flat())
}
