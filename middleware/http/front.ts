// Knows how requests are answered in front of the whole application: with what left it before, or by it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { types } from 'node:util'
import { LRUCache } from 'lru-cache'
import { engineOf, show } from '../../src/door.ts'
import type { Engine } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Cache } from '../../src/index.ts'
import type { Fields } from './fields.ts'
import { frontRoutesOf } from './front-route.ts'
import type { FrontRoute } from './front-route.ts'
import { FrontRun } from './front-run.ts'
import type { Fronted } from './front-run.ts'
import { isGone } from './client.ts'
import { refreshOf } from './refresh.ts'
import { breakOff, replay } from './replay.ts'
import { failureOf } from './option-calls.ts'
import { demandsOf } from './request-directives.ts'
import { isAnswerable, whyBypassed } from './storable.ts'
import { bytesOf } from './stored-response.ts'
import { whyTargetBypassed } from './target.ts'
import { headersOf } from './unwatched.ts'

/** What a server calls for each request: of `node:http`, `node:https`, or `node:http2` by its compatibility API. */
export type RequestListener = (req: AnyRequest, res: AnyResponse) => unknown

type AnyRequest = IncomingMessage | Http2ServerRequest
type AnyResponse = ServerResponse | Http2ServerResponse

// A client may send as long a target as it likes, to a host with as long a name.
const LONGEST = 2000
// Of one URL: each is of other values of the fields that select.
const MOST_VARIANTS = 8
// For so long a URL is remembered whose response is not kept here, so that it is not watched each time.
const REFUSED_FOR = 10_000
const MOST_REFUSED = 10_000
const MOST_REFUSED_BYTES = 1024 * 1024
const MOST_URLS = 100_000

/**
 * Answers the hits of routes with `front: true` before the application is entered; everything else goes through it. Wraps the application's
 * request listener, for a server of `node:http`, `node:https` or `node:http2` with its compatibility API. Kept is each response as it leaves, by
 * its whole URL and the request fields that its Vary names: at most as many URLs as the cache's `limit`, 100,000 at most, and as many bytes as
 * its `maxBytes`, beside those of the routes. It says once, when it is called, what does not run on such a hit. Throws a `ConfigError` for a
 * listener that is none.
 * @example http.createServer(front(cache, app)) // Express
 * @example http.createServer(front(cache, app.callback())) // Koa
 */
export function front(cache: Cache, listener: (req: never, res: never) => unknown): RequestListener {
  const engine = engineOf(cache)
  if (typeof listener !== 'function') {
    throw new ConfigError(
      `Expected the request listener of an application, such as an Express app or \`app.callback()\` of Koa, got ${show(listener)}.`,
    )
  }
  process.emitWarning(
    'Hits of routes with `front: true` are answered before the application is entered: authentication, logging, rate limits and metrics of ' +
      'layers around these routes do not run on them. `onHit` tells of each.',
    { type: 'CacheAlchemyWarning', code: 'FRONT' },
  )
  const own = new Front(engine)
  return function fronted(this: unknown, req: AnyRequest, res: AnyResponse): unknown {
    const listen = (): unknown => Reflect.apply(listener, this, [req, res])
    if (engine.options.disabled) return listen()
    return own.take(req as IncomingMessage, res as ServerResponse, listen)
  }
}

class Front {
  readonly #engine: Engine
  readonly #routes: Set<FrontRoute>
  /** By URL, origin included: as it came, so that whatever layers make of it is told apart. */
  readonly #kept: LRUCache<string, readonly Fronted[]>
  readonly #refused: LRUCache<string, true>

  constructor(engine: Engine) {
    const { limit, maxBytes } = engine.options
    this.#engine = engine
    this.#routes = frontRoutesOf(engine)
    this.#kept = new LRUCache({
      max: Math.min(Math.max(limit, 1), MOST_URLS),
      ...(Number.isFinite(maxBytes) && { maxSize: maxBytes, sizeCalculation: sizeOf }),
    })
    this.#refused = new LRUCache({
      max: MOST_REFUSED,
      maxSize: MOST_REFUSED_BYTES,
      sizeCalculation: (_is, url) => url.length,
      ttl: REFUSED_FOR,
      perf: { now: engine.clock },
    })
  }

  /** Answers a request with what is kept of its URL, or lets the application do so. */
  take(req: IncomingMessage, res: ServerResponse, listen: () => unknown): unknown {
    const fields = headersOf(req)
    const url = this.#routes.size > 0 && isTaken(req, fields) ? urlOf(req, fields) : undefined
    if (url === undefined) return listen()
    const found = this.#kept.get(url)?.find(({ selecting }) => selecting.every(([name, value]) => fields[name] === value))
    if (found === undefined) return this.#run(url, req, res, listen)
    if (found.route.options.requestDirectives && demandsOf(fields) !== undefined) return listen()
    if (this.#engine.options.consistency === 'strong') return this.#answerStrong(found, url, req, res, listen)
    if (!this.#isSound(found) || found.calls.still(found.entry) === undefined) return this.#run(url, req, res, listen)
    return this.#replay(found, req, res, listen)
  }

  /** As `take`, when Redis has said that nothing has cleared it. */
  async #answerStrong(found: Fronted, url: string, req: IncomingMessage, res: ServerResponse, listen: () => unknown): Promise<unknown> {
    const { calls, call, entry } = found
    const there = await calls.look(call).catch((error: unknown) => this.#engine.report(error))
    if (isGone(res)) return undefined
    if (there !== entry || this.#engine.clock() >= entry.freshUntil || !this.#isSound(found)) return this.#run(url, req, res, listen)
    calls.take(entry)
    return this.#replay(found, req, res, listen)
  }

  /** Whether its route still answers, and nothing has cleared what layers around that have read. */
  #isSound({ route, calls, read, position, trustFrom }: Fronted): boolean {
    if (!route.isOf(calls)) return false
    if (read.length === 0) return true
    const { log, freshness, clock } = this.#engine
    const isCleared = log.clearedSince(read, position) || log.expiredSince(read, position) !== undefined
    return !isCleared && freshness.isTrusted({ trustFrom }, clock())
  }

  #replay(found: Fronted, req: IncomingMessage, res: ServerResponse, listen: () => unknown): unknown {
    this.#tell(found, req, res)
    if (res.writableEnded) return undefined
    try {
      return this.#send(found, req, res)
    } catch (error) {
      this.#engine.report(error)
      breakOff(res, error)
      return res.headersSent ? undefined : listen()
    }
  }

  #tell({ route, call }: Fronted, req: IncomingMessage, res: ServerResponse): void {
    const { onHit } = route.options
    if (onHit === undefined) return
    const failed = (error: unknown): void =>
      this.#engine.report(failureOf(`\`onHit\` of the route "${call.name}"`, 'the hit is answered all the same', error))
    try {
      const told: unknown = onHit(req, res)
      // One that is asynchronous throws later, and would end the process.
      if (types.isPromise(told)) told.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  #send({ route, call, entry, response, atOnce }: Fronted, req: IncomingMessage, res: ServerResponse): void {
    const { cacheStatus, debug } = route.options
    const now = this.#engine.clock()
    const outcome = { hit: true, freshFor: entry.freshUntil - now, ...(debug && { key: call.key }) } as const
    const request = { method: req.method!, fields: headersOf(req) }
    const options = { age: now - entry.loadedAt, now: Date.now, outcome: cacheStatus ? outcome : undefined }
    if (!atOnce.send(res, request, options)) replay(res, response, request, options)
  }

  /** Lets the application answer, and keeps what leaves it, where a route of ours has answered. */
  #run(url: string, req: IncomingMessage, res: ServerResponse, listen: () => unknown): unknown {
    if (!this.#mayKeep(url, req)) return listen()
    let isRunning = false
    try {
      const run = new FrontRun({
        engine: this.#engine,
        req,
        res,
        routes: this.#routes,
        maxBodyBytes: Math.max(...Array.from(this.#routes, ({ options }) => options.maxBodyBytes)),
        onKept: (fronted) => this.#keep(url, fronted),
        onForeign: () => void this.#refused.set(url, true),
        onRefused: (route, inputs) => {
          this.#refused.set(url, true)
          for (const input of inputs) route.warnOfInput(input)
        },
      })
      return run.run(() => {
        isRunning = true
        return listen()
      })
    } catch (error) {
      if (isRunning) throw error
      this.#engine.report(error)
      return listen()
    }
  }

  #mayKeep(url: string, req: IncomingMessage): boolean {
    const { url: target = '', method, headers } = req
    // A part is not kept, and a refresh has its own way.
    if (method !== 'GET' || headers.range !== undefined || this.#refused.has(url) || refreshOf(req) !== undefined) return false
    // To be watched is to be answered as if there were none; who else may have the URL heeds them in its own way. HTTP/1 alone can be told 304.
    const isConditional = (headers['if-none-match'] ?? headers['if-modified-since']) !== undefined
    if (isConditional && (req.httpVersionMajor > 1 || !this.#kept.has(url))) return false
    return whyTargetBypassed(target) === undefined && Array.from(this.#routes).some((route) => route.mayTake(target))
  }

  #keep(url: string, fronted: Fronted): void {
    const isOther = ({ selecting, calls, entry }: Fronted): boolean =>
      calls.kept(entry.key) === entry && JSON.stringify(selecting) !== JSON.stringify(fronted.selecting)
    const others = this.#kept.peek(url)?.filter(isOther) ?? []
    this.#kept.set(url, [fronted, ...others.slice(0, MOST_VARIANTS - 1)])
  }
}

function sizeOf(variants: readonly Fronted[], url: string): number {
  // A client may send fields as long as it likes.
  const lengthOf = ({ selecting }: Fronted): number => selecting.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0)
  // The entry is held from here too, also where its route has let go of it.
  const entryOf = ({ entry, response }: Fronted): number => (entry.value.body === response.body ? 0 : bytesOf(entry.value))
  const bytesOfOne = (fronted: Fronted): number => bytesOf(fronted.response, fronted.read) + lengthOf(fronted) + entryOf(fronted)
  return variants.reduce((bytes, fronted) => bytes + bytesOfOne(fronted), url.length)
}

/** Whether a request may be answered here at all. RFC 9111 §3.5: one with Authorization may be for its client alone. */
function isTaken({ method, url }: IncomingMessage, fields: Fields): boolean {
  return (
    isAnswerable(method ?? '') &&
    fields['authorization'] === undefined &&
    fields['upgrade'] === undefined &&
    url !== undefined &&
    whyBypassed(fields) === undefined
  )
}

/** Where a request has gone, as it came; undefined where its client says two things of it, or too much. */
function urlOf(req: IncomingMessage, { host, ':authority': authority, ':scheme': said }: Fields): string | undefined {
  if (authority !== undefined && host !== undefined && host !== authority) return undefined
  const scheme = (req.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  if (said !== undefined && said !== scheme) return undefined
  // What neither can have is between the two: where one of them ended would be its client's to say.
  const url = `${scheme}://${String(authority ?? host ?? '')}\n${req.url}`
  return url.length <= LONGEST ? url : undefined
}
