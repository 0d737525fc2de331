// Knows the Express applications that are compared: one page, with each cache in front of its handler, and with none.
import type { RequestListener } from 'node:http'
import apicache from 'apicache'
import express, { type Request, type Response } from 'express'
import { Redis } from 'ioredis'
import { defineCachedHandler } from 'ocache'
import routeCache from 'route-cache'
import { cached, front } from '../dist/middleware/express.js'
import { filmCache } from './film-cache.ts'
import { jsonOf, pageOf } from './films.ts'
import { HIT_FIELDS } from './koa-apps.ts'
import { served } from './served.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const POLICY = { 'cache-control': 'no-cache', etag: 'W/"400-Uu1sAvUpX7IYgi5hzKGSAjVe1Gg"' }
const OF_HIT = Object.fromEntries(HIT_FIELDS)

/** Makes the one of this name; `redisPort` is where the Redis is for those that have one. */
export const expressApps: Record<string, (redisPort: number) => RequestListener> = {
  'a constant': () => express().get('/films/:id', constant(POLICY)),
  'a constant, with the fields of a hit': () => express().get('/films/:id', constant(OF_HIT)),
  'a constant, neither ETag nor Cache-Control': () => express().get('/films/:id', constant({})),
  'a bare 304': () => express().get('/films/:id', bareNotModified(POLICY)),
  'a bare 304, with the fields of a hit': () => express().get('/films/:id', bareNotModified(OF_HIT)),
  'res.send of a Buffer': () => express().get('/films/:id', send()),
  'no cache, res.json': () => express().get('/films/:id', (req, res) => void res.json(pageOf(req.params.id))),
  'cache-alchemy': () => own(),
  'cache-alchemy, from Redis': own,
  'cache-alchemy, in front': inFront,
  apicache: apicacheByGroups,
  'apicache, from Redis': apicacheInRedis,
  'route-cache': () => express().get('/films/:id', routeCache.cacheSeconds(3600), page),
  ocache: () => express().get('/films/:id', ocachePage()),
}

function own(redisPort?: number): RequestListener {
  const { cache, page, clear } = filmCache(redisPort)
  served.clear = clear
  return express().get('/films/:id', cached(cache, redisPort === undefined ? {} : { store: 'redis' }), async (req, res) => {
    served.runs++
    res.json(await page(req.params.id))
  })
}

function inFront(): RequestListener {
  const { cache, page } = filmCache()
  const app = express()
    .use((_req, _res, next) => {
      served.runs++
      next()
    })
    .get('/films/:id', cached(cache, { front: true }), async (req, res) => void res.json(await page(req.params.id)))
  return front(cache, app)
}

/** The handler that others have a cache in front of. */
function page(req: Request<{ id: string }>, res: Response): void {
  served.runs++
  res.json(pageOf(req.params.id))
}

/** The least that a handler can do: one Buffer, with its head. */
function constant(fields: Record<string, string>) {
  const answers = new Map<string, { head: Record<string, string | number>; body: Buffer }>()
  return (req: Request<{ id: string }>, res: Response): void => {
    const { head, body } = answers.get(req.params.id) ?? make(req.params.id)
    res.writeHead(200, head)
    res.end(body)
  }

  function make(id: string) {
    const body = Buffer.from(jsonOf(id))
    const made = { head: { 'content-type': JSON_TYPE, 'content-length': body.length, ...fields }, body }
    answers.set(id, made)
    return made
  }
}

/** The least of a 304. To look who has the page already would be no part of that: whoever comes after the first is taken to have it. */
function bareNotModified(fields: Record<string, string>) {
  const whole = constant(fields)
  let isFirst = true
  return (req: Request<{ id: string }>, res: Response): void => {
    if (!isFirst) return void res.writeHead(304, fields).end()
    isFirst = false
    whole(req, res)
  }
}

/** Express's own conditional response. */
function send() {
  const bodies = new Map<string, Buffer>()
  return (req: Request<{ id: string }>, res: Response): void => {
    const body = bodies.get(req.params.id) ?? Buffer.from(jsonOf(req.params.id))
    bodies.set(req.params.id, body)
    res.set('content-type', JSON_TYPE)
    res.send(body)
  }
}

/** It clears by groups, which its handler names. */
function apicacheByGroups(): RequestListener {
  served.clear = (id) => apicache.clear(`film:${id}`)
  return express().get('/films/:id', apicache.middleware('1 hour'), (req: Request<{ id: string }>, res) => {
    Object.assign(req, { apicacheGroup: `film:${req.params.id}` })
    page(req, res)
  })
}

/** It asks whether its client is `connected`, as those of Redis once said: ioredis does not, and otherwise works. */
function apicacheInRedis(redisPort: number): RequestListener {
  const redisClient = Object.assign(new Redis(redisPort), { connected: true })
  return express().get('/films/:id', apicache.options({ redisClient }).middleware('1 hour'), page)
}

/** It takes a `Request` and gives a `Response`, and leaves it to others to make one of what Node.js has. */
function ocachePage() {
  const handler = defineCachedHandler(
    (event) => {
      served.runs++
      const id = new URL(event.req.url).pathname.slice('/films/'.length)
      return new Response(jsonOf(id), { headers: { 'content-type': JSON_TYPE } })
    },
    { maxAge: 3600 },
  )
  return async (req: Request, res: Response): Promise<void> => {
    const headers = req.headers as Record<string, string>
    const response = (await handler({
      req: new globalThis.Request(`http://${headers['host']}${req.originalUrl}`, { headers }),
    })) as globalThis.Response
    res.writeHead(response.status, Object.fromEntries(response.headers))
    res.end(Buffer.from(await response.arrayBuffer()))
  }
}
