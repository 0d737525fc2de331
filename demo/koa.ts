// The demo on Koa.

import type { IncomingMessage } from 'node:http'
import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import { cached, invalidates } from '../middleware/koa.ts'
import type { Demo } from './demo.ts'
import { filmId, InputError, listing, stars } from './input.ts'
import { refusal } from './refusal.ts'

/** The routes and the page, as a Koa application. */
export function koaDemo({ cache, films, page, doors }: Demo): Koa {
  const router = new Router()

  router.get('/api/films', cached(cache, { query: ['genre', 'year', 'sort', 'page'] }), async (ctx) => {
    ctx.body = await films.listFilms(listing(ctx.query, await films.genreNames()))
  })

  router.get('/api/films/:id', cached(cache, { query: false }), async (ctx) => {
    const film = await films.getFilm(filmId(ctx.params.id))
    ctx.status = film ? 200 : 404
    ctx.body = film ?? { error: `There is no film ${ctx.params.id}.` }
  })

  router.get('/api/genres', cached(cache, { query: false }), async (ctx) => {
    ctx.body = { genres: await films.genres() }
  })

  router.get('/api/directors/:name', cached(cache, { query: false }), async (ctx) => {
    const director = await films.director(ctx.params.name ?? '')
    ctx.status = director ? 200 : 404
    ctx.body = director ?? { error: `There is no director named ${ctx.params.name}.` }
  })

  const clearsWhatItChanges = invalidates((ctx) => films.changedBy(ctx.state.rated))
  router.post('/api/films/:id/ratings', clearsWhatItChanges, async (ctx) => {
    const rated = await films.rate(filmId(ctx.params.id), stars(await jsonBody(ctx.req)))
    ctx.state.rated = rated
    ctx.status = rated ? 201 : 404
    ctx.body = rated ?? { error: `There is no film ${ctx.params.id}.` }
  })

  router.get('/api/doors', (ctx) => {
    ctx.body = { here: 'Koa', doors }
  })

  const app = new Koa()
  app.use(refuse)
  app.use(router.routes())
  app.use((ctx) => {
    const file = page.get(ctx.path)
    if (!file) return
    ctx.set(file.headers)
    ctx.body = file.body
  })
  return app
}

const refuse: Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    const { status, body } = refusal(error)
    ctx.status = status
    ctx.body = body
  }
}

const mostBytes = 10_000

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > mostBytes) throw new InputError(`Expected a JSON body of at most ${mostBytes} bytes.`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new InputError('Expected a JSON body such as { "stars": 4 }, got something else.', { cause: error })
  }
}
