// An ordinary application of Express, 4 and 5, with what such applications mount.
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import compression from 'compression'
import cors from 'cors'
import express5, { type Request, type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import { rateLimit } from 'express-rate-limit'
import session from 'express-session'
import helmet from 'helmet'
import morgan from 'morgan'
import passport from 'passport'
import bearer from 'passport-http-bearer'
import pino from 'pino'
import { pinoHttp } from 'pino-http'
import { cached, front } from '../../middleware/express.ts'
import { serve } from '../support/http.ts'
import { ordinarySuite, SECRET, WHO, type OrdinaryApp } from './suite.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5

/** A request with what layers have put on it. */
interface Asked extends Request {
  user?: { id: string }
  auth?: { sub: string }
  session: { views?: number; passport?: { user: string } }
  whoami?: string
  viewer?: string
  [WHO]?: string
  isAuthenticated(): boolean
  logIn(user: object, done: (error: unknown) => void): void
}

const nobody = 'nobody'

function ordinary(name: string, express: typeof express5, isFronted = false): OrdinaryApp<Asked> {
  return {
    name,
    isFronted,
    readers: [
      ['req.user', (req) => req.user?.id ?? nobody],
      ['req.auth', (req) => req.auth?.sub ?? nobody],
      ['req.session', (req) => req.session.passport?.user ?? nobody],
      ['req.isAuthenticated', (req) => (req.isAuthenticated() ? req.user!.id : nobody)],
      ['res.locals.user', (req) => req.res!.locals['user'] ?? nobody],
      ['req.whoami', (req) => req.whoami ?? nobody],
      ['req.viewer', (req) => req.viewer ?? nobody],
      ['req[Symbol(who)]', (req) => req[WHO] ?? nobody],
    ],
    ownerOf: (req) => req.user?.id ?? nobody,
    plain: (req) => (req.log.info('asked'), req.on('close', () => {}), `plain ${req.id === undefined} ${JSON.stringify(req.body ?? {})}`),
    async open(cache, page, log) {
      const app = express()
      app.set('env', 'test')
      for (const layer of layers(express, log)) app.use(layer)
      app.post('/login', (req, res, next) =>
        (req as Asked).logIn((req as Asked).user!, (error) => (error ? next(error) : res.sendStatus(204))),
      )
      app.get('/page', cached(cache, page.options as object), (req, res) => void res.send(`read ${String(page.read(req as Asked))}`))
      return serve(isFronted ? front(cache, app) : app)
    },
  }
}

function layers(express: typeof express5, log: (line: string) => void): RequestHandler[] {
  const stream = { write: log }
  const pass = new passport.Passport()
  pass.use(new bearer.Strategy((token, done) => done(null, { id: token })))
  pass.serializeUser((user, done) => done(null, user.id))
  pass.deserializeUser((id, done) => done(null, { id }))
  const authenticate = pass.authenticate('bearer', { session: false })
  return [
    morgan('combined', { stream }),
    pinoHttp({ logger: pino({}, stream), genReqId }) as RequestHandler,
    helmet(),
    cors({ origin: true, credentials: true }),
    compression({ threshold: 0 }),
    rateLimit({ limit: 1000, standardHeaders: 'draft-8', legacyHeaders: true, validate: false }),
    express.json(),
    express.urlencoded({ extended: true }),
    session({ secret: SECRET, resave: false, saveUninitialized: false, rolling: true }),
    pass.session(),
    (req, res, next) => (req.headers.authorization === undefined ? next() : void authenticate(req, res, next)),
    expressjwt({
      secret: SECRET,
      algorithms: ['HS256'],
      credentialsRequired: false,
      getToken: (req) => req.headers['x-token'] as string | undefined,
    }) as RequestHandler,
    namesEverywhere as RequestHandler,
  ]
}

function genReqId(_req: unknown, res: { setHeader(name: string, value: string): unknown }): string {
  const id = randomUUID()
  res.setHeader('X-Request-Id', id)
  return id
}

/** What an application's own layers make of who asks. */
function namesEverywhere(req: Asked, _res: unknown, next: () => void): void {
  const who = req.user?.id
  if (who !== undefined) {
    req.res!.locals['user'] = who
    req.whoami = who
    req[WHO] = who
  }
  Object.defineProperty(req, 'viewer', { configurable: true, get: () => who })
  next()
}

ordinarySuite(ordinary('Express 4', express4))
ordinarySuite(ordinary('Express 5', express5))
ordinarySuite(ordinary('Express 5, behind a front', express5, true))
