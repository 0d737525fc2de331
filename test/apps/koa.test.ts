// An ordinary application of Koa, 2 and 3, with what such applications mount.
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { bodyParser } from '@koa/bodyparser'
import cors from '@koa/cors'
import Router from '@koa/router'
import Koa3, { type Context, type Middleware } from 'koa'
import { koaBody } from 'koa-body'
import compress from 'koa-compress'
import helmet from 'koa-helmet'
import jwt from 'koa-jwt'
import morgan from 'koa-morgan'
import passport from 'koa-passport'
import logger from 'koa-pino-logger'
import ratelimit from 'koa-ratelimit'
import { createSession } from 'koa-session'
import bearer from 'passport-http-bearer'
import { cached, front } from '../../middleware/koa.ts'
import { serve } from '../support/http.ts'
import { ordinarySuite, SECRET, WHO, type OrdinaryApp } from './suite.ts'

const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3

/** A context with what layers have put on it. */
type Asked = Context & {
  user?: string
  viewer?: string
  whoami?: string
  [WHO]?: string
  session: { passport?: { user: string } }
  log: { info(text: string): void }
  isAuthenticated(): boolean
}

const nobody = 'nobody'

function ordinary(name: string, Koa: typeof Koa3, parser: Middleware, isFronted = false): OrdinaryApp<Asked> {
  return {
    name,
    isFronted,
    readers: [
      ['ctx.state.user', (ctx) => (ctx.state['user'] as { id: string } | undefined)?.id ?? nobody],
      ['ctx.state.jwt', (ctx) => (ctx.state['jwt'] as { sub: string } | undefined)?.sub ?? nobody],
      ['ctx.session', (ctx) => ctx.session.passport?.user ?? nobody],
      ['ctx.isAuthenticated', (ctx) => (ctx.isAuthenticated() ? (ctx.state['user'] as { id: string }).id : nobody)],
      ['ctx.user', (ctx) => ctx.user ?? nobody],
      ['ctx.whoami', (ctx) => ctx.whoami ?? nobody],
      ['ctx.viewer', (ctx) => ctx.viewer ?? nobody],
      ['ctx[Symbol(who)]', (ctx) => ctx[WHO] ?? nobody],
      ['ctx.request.whoami', (ctx) => (ctx.request as { whoami?: string }).whoami ?? nobody],
      ['ctx.req.whoami', (ctx) => (ctx.req as { whoami?: string }).whoami ?? nobody],
    ],
    ownerOf: (ctx) => (ctx.state['user'] as { id: string } | undefined)?.id ?? nobody,
    plain: (ctx) => (ctx.log.info('asked'), ctx.req.on('close', () => {}), `plain ${JSON.stringify(ctx.request.body ?? {})}`),
    async open(cache, page, log) {
      const app = new Koa()
      app.silent = true
      app.keys = [SECRET]
      for (const layer of layers(app, parser, log)) app.use(layer)
      const router = new Router()
      router.post('/login', (ctx) => {
        ;(ctx as unknown as Asked).session.passport = { user: (ctx.state['user'] as { id: string }).id }
        ctx.status = 204
      })
      router.get(
        '/page',
        cached(cache, page.options as object),
        (ctx) => void (ctx.body = `read ${String(page.read(ctx as unknown as Asked))}`),
      )
      app.use(router.routes())
      return serve(isFronted ? front(cache, app.callback()) : app.callback())
    },
  }
}

function layers(app: Koa3, parser: Middleware, log: (line: string) => void): Middleware[] {
  const stream = { write: log }
  const pass = new passport.KoaPassport()
  pass.use(new bearer.Strategy((token, done) => done(null, { id: token })))
  const authenticate = pass.authenticate('bearer', { session: false })
  return [
    morgan('combined', { stream }),
    logger({ genReqId: () => randomUUID() }, stream),
    (ctx, next) => (ctx.set('X-Request-Id', randomUUID()), next()),
    helmet(),
    cors({ credentials: true }),
    compress({ threshold: 0 }),
    ratelimit({
      driver: 'memory',
      db: new Map(),
      max: 1000,
      headers: { remaining: 'X-RateLimit-Remaining', reset: 'X-RateLimit-Reset', total: 'X-RateLimit-Limit' },
    }),
    parser,
    createSession({ rolling: true }, app),
    pass.initialize(),
    (ctx, next) => {
      const who = (ctx as unknown as Asked).session.passport?.user
      if (who !== undefined) ctx.state['user'] = { id: who }
      return next()
    },
    (ctx, next) => (ctx.headers.authorization === undefined ? next() : authenticate(ctx, next)),
    jwt({ secret: SECRET, passthrough: true, key: 'jwt', getToken: (ctx) => ctx.get('x-token') || null }),
    namesEverywhere as unknown as Middleware,
  ]
}

/** What an application's own layers make of who asks. */
async function namesEverywhere(ctx: Asked, next: () => Promise<void>): Promise<void> {
  const who = (ctx.state['user'] as { id: string } | undefined)?.id
  if (who !== undefined) {
    ctx.user = ctx.whoami = ctx[WHO] = who
    Object.assign(ctx.request, { whoami: who })
    Object.assign(ctx.req, { whoami: who })
  }
  Object.defineProperty(ctx, 'viewer', { configurable: true, get: () => who })
  await next()
}

ordinarySuite(ordinary('Koa 2', Koa2, koaBody({ multipart: true })))
ordinarySuite(ordinary('Koa 3', Koa3, bodyParser()))
ordinarySuite(ordinary('Koa 3, behind a front', Koa3, bodyParser(), true))
ordinarySuite(ordinary('Koa 3, behind a front, with koa-body', Koa3, koaBody({ multipart: true }), true))
