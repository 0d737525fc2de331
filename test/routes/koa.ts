// Koa, 2 and 3, with @koa/router, for the suite.
import { createRequire } from 'node:module'
import Router from '@koa/router'
import Koa3, { type Context, type Middleware } from 'koa'
import { cached, front, invalidates } from '../../middleware/koa.ts'
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

const Koa2 = createRequire(import.meta.url)('koa2') as typeof Koa3

export const frameworks: readonly Framework[] = [frameworkOf('Koa 2', Koa2), frameworkOf('Koa 3', Koa3)]

export const fronted: readonly Framework[] = [frameworkOf('Koa 3, in front', Koa3, true)]

function frameworkOf(name: string, Koa: typeof Koa3, isFronted = false): Framework {
  return {
    name,
    isFronted,
    prefix: 'koa',
    newApp: (cache) => newApp(Koa, isFronted ? cache : undefined),
    cached(cache, options = {}) {
      const given = optionsWith(options, toExchange)
      const route = cached(cache, isFronted ? frontedWith(given) : given)
      return Object.defineProperty(route, 'layer', { value: route }) as unknown as SuiteRoute
    },
    invalidates(target, argsOf, options) {
      const args = argsOf === undefined ? undefined : (given(argsOf, toExchange) as (ctx: Context) => readonly unknown[])
      return { layer: invalidates(target as Clearable, args, mutationWith(options, toExchange)) }
    },
    invalidatesRefs: (refsOf, options) => ({ layer: invalidates(given(refsOf, toExchange), mutationWith(options, toExchange)) }),
  }
}

function newApp(Koa: typeof Koa3, cache: Cache | undefined): App {
  const app = new Koa()
  // Errors of handlers are answered and not printed.
  app.silent = true
  return {
    outer: (layer) => void app.use((ctx, next) => (layer(toExchange(ctx)), next())),
    around: (layer) => void app.use(async (ctx, next) => void (await layer(toExchange(ctx), next))),
    use: (...layers) => middlewaresOf(layers).forEach((layer) => app.use(layer)),
    on(method, path, layers, handler) {
      // A router of its own, so that layers mounted later stand behind it.
      const router = new Router()
      router.register(path, [method], [...middlewaresOf(layers), async (ctx: Context) => void (await handler(toExchange(ctx)))])
      app.use(router.routes())
    },
    serve: () => serve(cache === undefined ? app.callback() : front(cache, app.callback())),
    listener: () => app.callback(),
  }
}

function middlewaresOf(layers: readonly Layer[]): Middleware[] {
  return layers.map(({ layer }) => layer as Middleware)
}

function toExchange(ctx: Context): Exchange {
  return {
    get params() {
      return (ctx as { params?: Record<string, string> }).params ?? {}
    },
    get query() {
      return ctx.query
    },
    get url() {
      return ctx.originalUrl
    },
    header: (name) => ctx.get(name) || undefined,
    get host() {
      return ctx.hostname
    },
    get ip() {
      return ctx.ip
    },
    get protocol() {
      return ctx.protocol
    },
    state: ctx.state,
    status: (code) => void (ctx.status = code),
    set: (name, value) => ctx.set(name, value),
    remove: (name) => ctx.remove(name),
    send: (body) => void (ctx.body = body),
    req: ctx.req,
    res: ctx.res,
  }
}
