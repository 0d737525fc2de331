// The genres in figures. Choosing one narrows the list.

import { element } from './element.js'
import { panel } from './panel.js'
import { address } from './view.js'
import { count, genreName, money, stars } from './words.js'

const none = 'none'

export function showGenres() {
  panel(document.querySelector('#genres'), () => '/api/genres', draw)
}

function draw({ genres }, view) {
  const most = Math.max(...genres.map((genre) => genre.worldGross))
  const films = genres.reduce((sum, genre) => sum + genre.count, 0)
  const cards = genres.map((genre) => {
    const figures = `${count(genre.count, 'film')} · ${money(genre.worldGross)}`
    return card(
      { name: genreName(genre.genre), genre: genre.genre ?? none, figures, share: genre.worldGross / most, mean: stars(genre.ratings) },
      view,
    )
  })
  return element('ul', {}, card({ name: 'All genres', genre: '', figures: count(films, 'film'), share: 0 }, view), cards)
}

function card({ name, genre, figures, share, mean }, view) {
  const link = element(
    'a',
    { href: address({ genre, page: '' }), 'aria-current': view.genre === genre && 'true', 'data-key': `genre-${genre}` },
    element('span', {}, element('b', { title: name }, name), mean && element('i', {}, mean)),
    element('small', {}, figures),
    element('meter', { value: share.toFixed(3), title: 'Gross, beside the genre that has most' }),
  )
  return element('li', {}, link)
}
