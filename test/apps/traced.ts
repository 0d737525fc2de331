// An application of Express or Koa, as FRAMEWORK says, that OpenTelemetry watches: a process of its own, since node:http is patched in it.
import { createRequire } from 'node:module'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { registerInstrumentations, type InstrumentationNodeModuleDefinition } from '@opentelemetry/instrumentation'
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { KoaInstrumentation } from '@opentelemetry/instrumentation-koa'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import type express from 'express'
import type Koa from 'koa'
import type Router from '@koa/router'

const framework = process.env['FRAMEWORK']!
const isKoa = framework.startsWith('koa')

/** Patches a framework under the name that it has here: "express4" is Express. */
function named<T extends { name: string }>(definitions: T | T[]): T[] {
  const all = [definitions].flat() as T[]
  for (const definition of all) if (framework.startsWith(definition.name)) definition.name = framework
  return all
}

class OfExpress extends ExpressInstrumentation {
  override init(): ReturnType<ExpressInstrumentation['init']> {
    return named(super.init())
  }
}

class OfKoa extends KoaInstrumentation {
  protected override init(): InstrumentationNodeModuleDefinition {
    return named(super.init())[0]!
  }
}

const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
registerInstrumentations({
  instrumentations: [
    new HttpInstrumentation({ ignoreIncomingRequestHook: (req) => req.url?.startsWith('/-') === true }),
    new OfExpress(),
    new OfKoa(),
  ],
})

// After that, as such applications have it, and by `require`, which is what it patches.
const load = createRequire(import.meta.url)
const { createServer } = load('node:http') as { createServer(listener: RequestListener): Server }
const { createCache } = await import('../../src/index.ts')
const cache = createCache({ redis: false })
const getRow = cache.memoize(async () => 'row', { name: 'row' })
let released: (() => void)[] = []

/** The trace that a handler finds itself in, and what it does there. */
async function plain(): Promise<string> {
  await getRow()
  return `trace ${trace.getActiveSpan()?.spanContext().traceId} ${propagation.getBaggage(context.active())?.getEntry('who')?.value}`
}

const slow = (): Promise<void> => new Promise((resolve) => released.push(resolve))

/** What has ended, and what the test lets go on. */
function control(url: string): string {
  if (url === '/-release') released = (released.forEach((release) => release()), [])
  if (url === '/-waiting') return String(released.length)
  const spans = exporter.getFinishedSpans()
  const requests = spans.filter((span) => span.kind === SpanKind.SERVER)
  const of = ({ attributes, parentSpanContext }: ReadableSpan): object => ({ attributes, parent: parentSpanContext?.traceId })
  return JSON.stringify({ requests: requests.map(of), layers: spans.length - requests.length })
}

async function newExpress(): Promise<RequestListener> {
  const { cached, invalidates } = await import('../../middleware/express.ts')
  const app = (load(framework) as typeof express)()
  app.use((req, _res, next) => (Object.assign(req, { user: req.headers['x-user'] }), next()))
  app.use((req, res, next) => (req.url.startsWith('/-') ? void res.send(control(req.url)) : next()))
  app.get('/plain', cached(cache), async (_req, res) => void res.send(await plain()))
  app.get('/who', cached(cache), (req, res) => void res.send(String((req as { user?: string }).user)))
  app.get('/headers', cached(cache), (req, res) => void res.send(`${typeof req.headers['traceparent']} ${typeof req.get('tracestate')}`))
  app.get('/slow', cached(cache), async (_req, res) => (await slow(), void res.send('slow')))
  app.put('/plain', invalidates(getRow), (_req, res) => void res.json({ done: true }))
  return app
}

async function newKoa(): Promise<RequestListener> {
  const { cached, invalidates } = await import('../../middleware/koa.ts')
  const app = new (load(framework) as typeof Koa)()
  const router = new (load('@koa/router') as typeof Router)()
  app.use((ctx, next) => ((ctx.state['user'] = ctx.get('x-user')), next()))
  app.use((ctx, next) => (ctx.path.startsWith('/-') ? void (ctx.body = control(ctx.path)) : next()))
  router.get('/plain', cached(cache), async (ctx) => void (ctx.body = await plain()))
  router.get('/who', cached(cache), (ctx) => void (ctx.body = String(ctx.state['user'])))
  router.get('/headers', cached(cache), (ctx) => void (ctx.body = `${typeof ctx.headers['traceparent']} ${typeof ctx.get('tracestate')}`))
  router.get('/slow', cached(cache), async (ctx) => (await slow(), void (ctx.body = 'slow')))
  router.put('/plain', invalidates(getRow), (ctx) => void (ctx.body = { done: true }))
  app.use(router.routes())
  return app.callback()
}

const listener = await (isKoa ? newKoa() : newExpress())
const server = createServer(listener).listen(0, '127.0.0.1', () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}.`)
})
