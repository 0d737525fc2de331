// The page: its parts, each in its place.

import { showDirector } from './director.js'
import { showDoors } from './doors.js'
import { showFilm } from './film.js'
import { showFilms } from './films.js'
import { showGenres } from './genres.js'
import { showLedger } from './ledger.js'
import { onView } from './view.js'

// Before the parts: on a narrow screen an open film takes the place of the list.
onView(({ film }) => {
  if (film && document.body.dataset.film !== film) scrollTo(0, 0)
  document.body.dataset.film = film
})

showLedger()
showGenres()
showFilms()
showFilm()
showDirector()
await showDoors()
