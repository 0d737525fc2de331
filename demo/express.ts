// The demo on Express.

import express, { type ErrorRequestHandler, type Express } from 'express'
import { cached, invalidates } from '../middleware/express.ts'
import type { Demo } from './demo.ts'
import { filmId, listing, stars } from './input.ts'
import { refusal } from './refusal.ts'

/** The routes and the page, as an Express application. */
export function expressDemo({ cache, films, page, doors }: Demo): Express {
  const app = express().disable('x-powered-by')

  app.get('/api/films', cached(cache, { query: ['genre', 'year', 'sort', 'page'] }), async (req, res) => {
    res.json(await films.listFilms(listing(req.query, await films.genreNames())))
  })

  app.get('/api/films/:id', cached(cache, { query: false }), async (req, res) => {
    const film = await films.getFilm(filmId(req.params.id))
    if (film) res.json(film)
    else res.status(404).json({ error: `There is no film ${req.params.id}.` })
  })

  app.get('/api/genres', cached(cache, { query: false }), async (_req, res) => {
    res.json({ genres: await films.genres() })
  })

  app.get('/api/directors/:name', cached(cache, { query: false }), async (req, res) => {
    const director = await films.director(req.params.name)
    if (director) res.json(director)
    else res.status(404).json({ error: `There is no director named ${req.params.name}.` })
  })

  const clearsWhatItChanges = invalidates((req) => films.changedBy(req.res?.locals.rated))
  app.post('/api/films/:id/ratings', clearsWhatItChanges, express.json(), async (req, res) => {
    const rated = await films.rate(filmId(req.params.id), stars(req.body))
    if (!rated) return void res.status(404).json({ error: `There is no film ${req.params.id}.` })
    res.locals.rated = rated
    res.status(201).json(rated)
  })

  app.get('/api/doors', (_req, res) => void res.json({ here: 'Express', doors }))

  app.use((req, res, next) => {
    const file = page.get(req.path)
    if (file) res.set(file.headers).send(file.body)
    else next()
  })

  return app.use(refuse)
}

const refuse: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error)
  const { status, body } = refusal(error)
  res.status(status).json(body)
}
