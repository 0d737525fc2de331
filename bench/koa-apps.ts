// Knows the Koa applications that are compared: one page, with each cache around its handler, and with none.
import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import koaCash from 'koa-cash'
import { LRUCache } from 'lru-cache'
import { cached, front } from '../dist/middleware/koa.js'
import { filmCache } from './film-cache.ts'
import { jsonOf, pageOf } from './films.ts'
import { served } from './served.ts'

const TAG = 'W/"400-Uu1sAvUpX7IYgi5hzKGSAjVe1Gg"'

/** What a hit says besides type and length. */
export const HIT_FIELDS: readonly (readonly [name: string, value: string])[] = [
  ['Cache-Control', 'no-cache'],
  ['ETag', TAG],
  ['Date', new Date().toUTCString()],
  ['Age', '1'],
  ['Cache-Status', 'CacheAlchemy;hit;ttl=86398'],
]

/** Makes the one of this name. */
export const koaApps: Record<string, () => RequestListener> = {
  'a constant': () => appOf(constant(() => {})),
  'a constant, with the fields of a hit': () =>
    appOf(constant(({ res }) => HIT_FIELDS.forEach(([name, value]) => res.setHeader(name, value)))),
  'a constant, asked by ctx.fresh': () => appOf(fresh()),
  'no cache, ctx.body of the object': () => appOf((ctx) => void (ctx.body = pageOf(ctx['params'].id))),
  'cache-alchemy': own,
  'cache-alchemy, in front': inFront,
  'koa-cash': cash,
}

function appOf(...handlers: Middleware[]): RequestListener {
  const callback = new Koa().use(new Router().get('/films/:id', ...handlers).routes()).callback()
  return (req, res) => void callback(req, res)
}

function own(): RequestListener {
  const { cache, page } = filmCache()
  return appOf(cached(cache), async (ctx) => {
    served.runs++
    ctx.body = await page(ctx['params'].id)
  })
}

function inFront(): RequestListener {
  const { cache, page } = filmCache()
  const app = new Koa().use((_ctx, next) => {
    served.runs++
    return next()
  })
  app.use(
    new Router()
      .get('/films/:id', cached(cache, { front: true }), async (ctx) => void (ctx.body = await page(ctx['params'].id as string)))
      .routes(),
  )
  return front(cache, app.callback())
}

/** The least that a handler can do by `ctx`: one Buffer, with its type. */
function constant(head: (ctx: Context) => void): Middleware {
  const bodyOf = bodies()
  return (ctx) => {
    head(ctx)
    ctx.type = 'json'
    ctx.body = bodyOf(ctx['params'].id)
  }
}

/** Koa's own conditional response. */
function fresh(): Middleware {
  const bodyOf = bodies()
  return (ctx) => {
    ctx.status = 200
    ctx.set({ 'cache-control': 'no-cache', etag: TAG })
    ctx.type = 'json'
    ctx.body = bodyOf(ctx['params'].id)
    if (ctx.fresh) ctx.status = 304
  }
}

function bodies(): (id: string) => Buffer {
  const made = new Map<string, Buffer>()
  return (id) => {
    const body = made.get(id) ?? Buffer.from(jsonOf(id))
    made.set(id, body)
    return body
  }
}

function cash(): RequestListener {
  const store = new LRUCache<string, object>({ max: 10_000 })
  const around = koaCash({ get: (key) => store.get(key), set: (key, value) => void store.set(key, value as object) })
  return appOf(around, async (ctx) => {
    if (await ctx['cashed'](3_600_000)) return
    served.runs++
    ctx.set({ etag: TAG })
    ctx.body = pageOf(ctx['params'].id)
  })
}
