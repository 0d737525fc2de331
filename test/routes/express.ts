// Express, 4 and 5, for the suite.
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import express5, { type Request, type RequestHandler, type Response } from 'express'
import { cached, front, invalidates } from '../../middleware/express.ts'
import type { Cache, Clearable } from '../../src/index.ts'
import { serve } from '../support/http.ts'
import {
  frontedWith,
  given,
  mutationWith,
  optionsWith,
  type App,
  type Exchange,
  type Framework,
  type Layer,
  type SuiteRoute,
} from './framework.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5

export const frameworks: readonly Framework[] = [frameworkOf('Express 4', express4), frameworkOf('Express 5', express5)]

export const fronted: readonly Framework[] = [frameworkOf('Express 5, in front', express5, true)]

function frameworkOf(name: string, express: typeof express5, isFronted = false): Framework {
  return {
    name,
    isFronted,
    prefix: 'express',
    newApp: (cache) => newApp(express, isFronted ? cache : undefined),
    cached(cache, options = {}) {
      const given = optionsWith(options, toExchange)
      const route = cached(cache, isFronted ? frontedWith(given) : given)
      return Object.defineProperty(route, 'layer', { value: route }) as unknown as SuiteRoute
    },
    invalidates(target, argsOf, options) {
      const args = argsOf === undefined ? undefined : (given(argsOf, toExchange) as (req: Request) => readonly unknown[])
      return { layer: invalidates(target as Clearable, args, mutationWith(options, toExchange)) }
    },
    invalidatesRefs: (refsOf, options) => ({ layer: invalidates(given(refsOf, toExchange), mutationWith(options, toExchange)) }),
  }
}

function newApp(express: typeof express5, cache: Cache | undefined): App {
  const app = express()
  // Neither is an error of a handler printed, nor is it shown to the client.
  app.set('env', 'test')
  return {
    outer: (layer) => void app.use((req, _res, next) => (layer(toExchange(req)), next())),
    around: (layer) => void app.use((req, _res, next) => void layer(toExchange(req), next)),
    use: (...layers) => void app.use(...middlewaresOf(layers)),
    on(method, path, layers, handler) {
      app[method](path, ...middlewaresOf(layers), (req: Request, _res: Response, next) => {
        Promise.resolve(toExchange(req)).then(handler).catch(next)
      })
    },
    serve: () => serve(cache === undefined ? app : front(cache, app)),
    listener: () => app,
  }
}

function middlewaresOf(layers: readonly Layer[]): RequestHandler[] {
  return layers.map(({ layer }) => layer as RequestHandler)
}

function toExchange(req: Request): Exchange {
  const res = req.res!
  return {
    params: req.params as Record<string, string>,
    get query() {
      return req.query as Record<string, unknown>
    },
    get url() {
      return req.originalUrl
    },
    header: (name) => req.get(name),
    get host() {
      return req.hostname
    },
    get ip() {
      return req.ip
    },
    get protocol() {
      return req.protocol
    },
    state: res.locals,
    status: (code) => void res.status(code),
    set: (name, value) => void res.set(name, value),
    remove: (name) => res.removeHeader(name),
    send: (body) => void (body instanceof Readable ? body.pipe(res) : res.send(body)),
    req,
    res,
  }
}
