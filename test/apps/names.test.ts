// What outer layers may have called the user, and how they may have left them: read by a handler, it is noticed whatever it is.
import { createRequire } from 'node:module'
import Router from '@koa/router'
import express5, { type Request, type RequestHandler } from 'express'
import Koa3, { type Context, type Middleware } from 'koa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cached as cachedInExpress } from '../../middleware/express.ts'
import { cached as cachedInKoa } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { HIT, newWarnings, refused, statusOf, STORED, type Warnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { ask, serve, type Reply, type TestServer } from '../support/http.ts'

const load = createRequire(import.meta.url)
const WHO = Symbol('who')

class User {
  readonly #name: string
  constructor(name: string) {
    this.#name = name
  }
  get name(): string {
    return this.#name
  }
}

const names = new WeakMap<object, string>()

/** Has its name outside of itself. */
class Weak {
  constructor(name: string) {
    names.set(this, name)
  }
  get name(): string {
    return names.get(this)!
  }
}

/** An object that layers put things on. */
type Target = Record<PropertyKey, any>

/** How a layer leaves who asks on an object, and how a handler finds it there again. */
interface Way {
  readonly name: string
  /** On which objects, where it is not on all. */
  readonly places?: readonly string[]
  /** The property, as a handler writes it behind its object. */
  readonly property: string
  put(target: Target, who: string): void
  read(target: Target): string | undefined | Promise<string>
}

const define = (target: Target, descriptor: PropertyDescriptor): void => void Object.defineProperty(target, 'sealed', descriptor)

function text(name: string, places?: readonly string[]): Way {
  return {
    name: 'a text',
    ...(places && { places }),
    property: `.${name}`,
    put: (target, who) => void (target[name] = who),
    read: (target) => target[name] as string | undefined,
  }
}

// What layers leave on these is theirs alone, whatever Node.js and the frameworks have of that name elsewhere.
const OWN = ['res.locals', 'ctx.state']

// What layers may have put in the place of the object that the framework has for them.
const whole: Readonly<Record<string, [make: (who: string) => unknown, read: (state: Target) => string | undefined]>> = {
  'an instance with a private field': [(who) => new User(who), (state) => state['name'] as string | undefined],
  'an instance that is a key': [(who) => new Weak(who), (state) => (state instanceof Weak ? state.name : undefined)],
  'a Map': [(who) => new Map([['who', who]]), (state) => (state['get'] as ((key: string) => string) | undefined)?.call(state, 'who')],
  'an heir of who asks': [(who) => Object.create({ who }) as object, (state) => state['who'] as string | undefined],
  'a bare text': [(who) => who, (state) => (typeof state === 'string' ? state : undefined)],
}

const ways: readonly Way[] = [
  ...Object.entries(whole).flatMap(([name, [make, read]]) =>
    [['res', 'locals'] as const, ['ctx', 'state'] as const].map(([place, property]) => ({
      name,
      places: [place],
      property: `.${property}`,
      put: (target: Target, who: string) => void (target[property] = make(who)),
      read: (target: Target) => read(target[property] as Target),
    })),
  ),
  ...['user', 'principal', 'viewer', 'me', 'whoami', 'account', 'xyz', 'customerId', '_u'].map((name) => text(name)),
  ...['host', 'ip', 'id', 'req', 'stream', 'params'].map((name) => text(name, OWN)),
  ...['ctx', 'state', 'locals'].map((name) => text(name, [...OWN, 'req', 'ctx.req'])),
  {
    name: 'what its method finds',
    places: ['req', 'ctx'],
    property: '.get',
    put: (target, who) => void (target['get'] = () => who),
    read: (target) => (target['get'] as (name: string) => string | undefined)('x-nobody') || undefined,
  },
  {
    name: 'what its method answers with',
    places: ['res'],
    property: '.send',
    put(target, who) {
      const send = target['send'] as (body: string) => unknown
      target['send'] = (body: string) => send.call(target, body.replace('nobody', who))
    },
    read: () => undefined,
  },
  {
    name: 'an object in an object',
    property: '.context',
    put: (target, who) => void (target['context'] = { request: { user: { name: who } } }),
    read: (target) => target['context']?.request.user.name as string | undefined,
  },
  { name: 'a symbol', property: '[Symbol(who)]', put: (target, who) => void (target[WHO] = who), read: (target) => target[WHO] as string },
  {
    name: 'a getter',
    property: '.sealed',
    put: (target, who) => define(target, { get: () => who, configurable: true }),
    read: (target) => target['sealed'] as string,
  },
  {
    name: 'a getter for good',
    property: '.sealed',
    put: (target, who) => define(target, { get: () => who }),
    read: (target) => target['sealed'] as string,
  },
  {
    name: 'a constant',
    property: '.sealed',
    put: (target, who) => define(target, { value: who, enumerable: true }),
    read: (target) => target['sealed'] as string,
  },
  {
    name: 'an instance of a class',
    property: '.person',
    put: (target, who) => void (target['person'] = new User(who)),
    read: (target) => (target['person'] as User | undefined)?.name,
  },
  {
    name: 'a Map',
    property: '.store',
    put: (target, who) => void (target['store'] = new Map([['who', who]])),
    read: (target) => (target['store'] as Map<string, string> | undefined)?.get('who'),
  },
  {
    name: 'a function',
    property: '.whoIsIt',
    put: (target, who) => void (target['whoIsIt'] = () => who),
    read: (target) => (target['whoIsIt'] as (() => string) | undefined)?.(),
  },
  {
    name: 'one of many, of which all are looked through',
    places: OWN,
    property: '.hidden',
    put: (target, who) => void (target['hidden'] = `who ${who}`),
    read: (target) => {
      for (const value of Object.values(target)) if (typeof value === 'string' && value.startsWith('who ')) return value.slice(4)
      return undefined
    },
  },
]

interface App {
  readonly name: string
  /** Objects that layers put things on, as handlers write them. */
  readonly places: readonly string[]
  open(cache: Cache, place: string, way: Way): Promise<TestServer>
}

const whoOf = (headers: Target): string | undefined => headers['x-who'] as string | undefined
const said = (who: string | undefined): string => `you are ${who ?? 'nobody'}`

function expressApp(name: string, express: typeof express5): App {
  const targetOf = (req: Request, place: string): Target => (place === 'req' ? req : place === 'res' ? req.res! : req.res!.locals) as Target
  return {
    name,
    places: ['req', 'res', 'res.locals'],
    open(cache, place, way) {
      const app = express()
      const layer: RequestHandler = (req, _res, next) => {
        const who = whoOf(req.headers)
        if (who !== undefined) way.put(targetOf(req, place), who)
        next()
      }
      app.use(layer)
      app.get('/', cachedInExpress(cache), async (req, res) => void res.send(said(await way.read(targetOf(req, place)))))
      return serve(app)
    },
  }
}

function koaApp(name: string, Koa: typeof Koa3): App {
  const targetOf = (ctx: Context, place: string): Target =>
    ({ ctx, 'ctx.state': ctx.state, 'ctx.req': ctx.req, 'ctx.res': ctx.res, 'ctx.request': ctx.request, 'ctx.response': ctx.response })[
      place
    ] as unknown as Target
  return {
    name,
    places: ['ctx', 'ctx.state', 'ctx.req', 'ctx.res', 'ctx.request', 'ctx.response'],
    open(cache, place, way) {
      const app = new Koa()
      const layer: Middleware = (ctx, next) => {
        const who = whoOf(ctx.headers)
        if (who !== undefined) way.put(targetOf(ctx, place), who)
        return next()
      }
      app.use(layer)
      const router = new Router()
      router.get('/', cachedInKoa(cache), async (ctx) => void (ctx.body = said(await way.read(targetOf(ctx, place)))))
      app.use(router.routes())
      return serve(app.callback())
    },
  }
}

const apps = [
  expressApp('Express 4', load('express4') as typeof express5),
  expressApp('Express 5', express5),
  koaApp('Koa 2', load('koa2') as typeof Koa3),
  koaApp('Koa 3', Koa3),
]

describe.each(apps)('in $name, who asks', (app) => {
  let cache: Cache
  let warnings: Warnings
  beforeEach(() => {
    cache = openCache({ redis: false }, newClock().now)
    warnings = newWarnings()
  })
  afterEach(async () => {
    warnings.stop()
    await cache.close()
  })

  const asking = (server: TestServer, who?: string): Promise<Reply> =>
    ask(server.port, '/', who === undefined ? {} : { headers: { 'x-who': who } })

  test('may be nobody, who shares with others that are nobody and with no one else', async () => {
    const way = {
      ...ways[0]!,
      put: (target: Target, who: string) => void (target['guest'] = who),
      read: (target: Target) => target['guest'] as string,
    }
    await using server = await app.open(cache, app.places[0]!, way)
    const replies = []
    for (const who of [undefined, undefined, 'ann', undefined]) replies.push(await asking(server, who))
    expect(replies.map((reply) => reply.text)).toEqual(['you are nobody', 'you are nobody', 'you are ann', 'you are nobody'])
    expect(replies.map(statusOf)).toEqual([STORED, HIT, refused(`unkeyed ${app.places[0]!}.guest`, 'miss'), HIT])
  })

  test('is looked for again where another’s handler was waited for', async () => {
    const gate = newGate()
    const read = async (target: Target): Promise<string> => (await gate.wait(), target['caller'] as string)
    const put = (target: Target, who: string): void => void (target['caller'] = who)
    await using server = await app.open(cache, app.places[0]!, { ...ways[0]!, put, read })
    const nobody = asking(server)
    await gate.reached()
    const others = [asking(server, 'ann'), asking(server, 'bob'), asking(server)]
    while (Object.values(cache.stats().functions)[0]!.coalesced < 3) await new Promise(setImmediate)
    gate.open()
    const texts = (await Promise.all([nobody, ...others])).map((reply) => reply.text)
    expect(texts).toEqual(['you are nobody', 'you are ann', 'you are bob', 'you are nobody'])
  })

  for (const place of app.places) {
    for (const way of ways.filter(({ places = [place] }) => places.includes(place))) {
      const input = `${place}${way.property}`
      test(`left as ${way.name} in ${input} is seen to be read`, async () => {
        await using server = await app.open(cache, place, way)
        const as = async (who?: string): Promise<string> => {
          const reply = await asking(server, who)
          expect(reply.text).toBe(said(who))
          return statusOf(reply)!
        }
        // Whoever came first: those who are nobody may share, others get their own.
        await as()
        for (const who of ['ann', 'bob', 'ann']) expect(await as(who)).toMatch(`detail="unkeyed ${input}"`)
        await as()
        expect(warnings.texts.filter((text) => text.includes(`"${input}"`))).toEqual([expect.stringMatching(/`partition`.*`ignore: \[/)])
      })
    }
  }
})
