// Knows a request in Koa as a visit to a route. Nothing is sent before all middlewares have returned, so all is decided before the first byte.

import type { Readable } from 'node:stream'
import type { Context } from 'koa'
import type { Place } from '../http/added.ts'
import type { Captured, CaptureOptions } from '../http/capture.ts'
import { isClosed, isGone, onceClosed } from '../http/client.ts'
import { departureOf } from '../http/departure.ts'
import { headOf } from '../http/head.ts'
import type { Head } from '../http/head.ts'
import { hold } from '../http/hold.ts'
import type { HoldOptions, Release } from '../http/hold.ts'
import { filterUrl } from '../http/query.ts'
import type { Query, QueryRule } from '../http/query.ts'
import { putAnswer } from '../http/replay.ts'
import type { ReplayOptions, ReplayRequest } from '../http/replay.ts'
import type { StoredResponse } from '../http/stored-response.ts'
import type { DerivedProperty, Input } from '../http/unkeyed.ts'
import type { Visit } from '../http/visit.ts'
import { answerAnew, answerInstead, notModified, putBody } from './answer.ts'
import { isKoa3, producedBy, tee } from './body.ts'
import { derivedOf, placesOf, replacedOn } from './inputs.ts'
import { LimitedQuery, readsBrackets } from './limited-query.ts'
import { matchedRouteOf, routedPath } from './matched-route.ts'
import type { MatchedRoute } from './matched-route.ts'
import { takeAccept } from './negotiation.ts'
import { Recoded } from './recoded.ts'
import { RouterHost } from './router-host.ts'

const AT_ONCE = Promise.resolve()
const ABORTED: Captured = { why: 'aborted', isAborted: true }

/** One request that passes a middleware of this package: what the route asks of it, and when its middleware is done. */
export class KoaVisit implements Visit<Context> {
  readonly subject: Context
  readonly req: Context['req']
  readonly res: Context['res']
  readonly method: string
  readonly target: string
  readonly url: string
  readonly path: string
  readonly query: Query
  readonly replaced: readonly Input[] | undefined
  readonly #next: () => Promise<unknown>
  readonly #route: MatchedRoute | undefined
  #query: LimitedQuery | undefined
  #held: HoldOptions | undefined
  /** Whether Koa has yet to send what the handler left. */
  #isUnsent = false
  #baseline: Head | undefined
  /** Until Koa may send; undefined while nothing has begun to answer. */
  #answer: Promise<unknown> | undefined

  constructor(ctx: Context, next: () => Promise<unknown>) {
    const { request } = ctx
    this.subject = ctx
    this.req = ctx.req
    this.res = ctx.res
    this.replaced = replacedOn(ctx)
    // Of the request: each delegate of a context costs as much as what it delegates to.
    this.method = this.replaced === undefined ? request.method : ctx.method
    this.target = ctx.originalUrl
    this.url = request.url
    this.path = routedPath(ctx)
    this.query = request.query
    this.#next = next
    this.#route = matchedRouteOf(ctx)
  }

  get pattern(): string | undefined {
    return this.#route?.pattern
  }

  get params(): Readonly<Record<string, unknown>> {
    return this.#route?.params ?? {}
  }

  /** Resolves when Koa may send, rejects as the handler did. `visited` is what the route does with this visit. */
  answered(visited: Promise<void> | undefined): Promise<void> {
    // One for all that are answered at once: a promise costs as much as its answer.
    return visited === undefined && this.#answer === undefined ? AT_ONCE : this.#answered(visited)
  }

  async #answered(visited: Promise<void> | undefined): Promise<void> {
    await visited
    await this.#answer
  }

  origin(): string | undefined {
    // Koa 3 has the field of that name for its own `origin`.
    const { protocol, host } = this.subject
    return host === '' ? undefined : `${protocol}://${host}`
  }

  derived(): readonly DerivedProperty[] {
    return derivedOf(this.subject)
  }

  places(): readonly Place[] {
    return placesOf(this.subject)
  }

  urls(rule: QueryRule): readonly [string, string] {
    const { subject: ctx, path } = this
    const routed = `${path}${ctx.search}`
    if (rule === true) return [ctx.originalUrl, routed]
    const nested = readsBrackets(ctx)
    return [filterUrl(ctx.originalUrl, rule, nested), filterUrl(routed, rule, nested)]
  }

  limitQuery(rule: QueryRule): () => void {
    this.#query = new LimitedQuery(this.subject, rule)
    return () => this.#query?.giveBack()
  }

  pass(): void {
    this.#answer = this.#held === undefined ? this.#next() : this.#passHeld(this.#held)
    // Who awaits it hears of it, perhaps a moment later.
    this.#answer.catch(() => {})
  }

  observe(options: CaptureOptions): Promise<Captured> {
    const handled = this.#handle(options)
    this.#answer = handled
    const captured = handled.then(
      (box) => box.captured,
      (): Captured => ({ why: 'failed', isAborted: true }),
    )
    // RFC 9111 §3.3: a handler that saw its client go may stop early, and may take its time: who waits for it is not to. A response that
    // came to its end closes too, so what was captured of it is heard first.
    const gone = new Promise<Captured>((resolve) => void onceClosed(this.res, () => setImmediate(resolve, ABORTED)))
    return Promise.race([captured, gone])
  }

  /** Runs the handler. In a box, since a stream goes on when Koa may send long since. */
  async #handle(options: CaptureOptions): Promise<{ captured: Captured | Promise<Captured> }> {
    const accept = takeAccept(this.subject)
    const host = new RouterHost(this.subject, options.send)
    const recoded = new Recoded(this.subject)
    const depart = departureOf(this.res, options.onChanged)
    let captured: Captured | Promise<Captured> | undefined
    try {
      await this.#next()
      if (this.#held !== undefined) this.#heed(this.#held)
      host.close()
      recoded.close()
      captured = this.#judge(options, recoded.isRecoded)
      return { captured: depart(captured) }
    } catch (error) {
      const verdict = options.onFailure?.()
      if (verdict?.instead === undefined) throw error
      answerInstead(this.subject, verdict, verdict.instead)
      // Who looks for errors still hears of it.
      this.subject.app.emit('error', error, this.subject)
      return { captured: { why: 'failed', isAborted: true } }
    } finally {
      // Before any outer layer looks again. The source of a stream has yet to run.
      host.close()
      recoded.close()
      accept.giveBack()
      this.#query?.giveBack()
      if (!(captured instanceof Promise)) options.onOver()
    }
  }

  replay(stored: StoredResponse, request: ReplayRequest, options: ReplayOptions): void {
    const { res } = this
    const { response } = this.subject
    response.status = stored.status
    const { status, body } = putAnswer(res, stored, request, options)
    if (status !== stored.status) response.status = status
    if (body === undefined) response.body = null
    else putBody(response, body)
  }

  hold(options: HoldOptions): void {
    this.#baseline = headOf(this.res)
    let awaited: Promise<Release> | undefined
    const before: HoldOptions['before'] = (status) => (awaited === undefined ? (awaited = options.before(status)) : undefined)
    this.#held = { ...options, before }
    // A handler may send past Koa, and an outer layer may make a success of what was none here. Where its client goes then, Koa sends nothing.
    const onUnheard = (): void => {
      if (this.#isUnsent && awaited === undefined) options.onUnheard?.()
    }
    hold(this.res, { before, onUnheard })
  }

  async #passHeld(held: HoldOptions): Promise<void> {
    await this.#next()
    this.#heed(held)
    const { subject: ctx } = this
    if (ctx.respond === false || ctx.headerSent) return
    const release = await held.before(ctx.status)?.catch(() => 'as it is' as const)
    if (release === undefined || release === 'as it is') return
    answerAnew(ctx, this.#baseline!, release)
  }

  /** The handler has returned. Where its client has gone it may have said nothing, and nothing is sent of what it said. */
  #heed(held: HoldOptions): void {
    const { subject: ctx, res } = this
    // One that the handler has just broken off itself is not closed yet.
    this.#isUnsent = !isGone(res) || !isClosed(res)
    // What it has sent itself was heard when it began.
    if (this.#isUnsent || res.headersSent) return
    // What Koa answers where nobody has.
    if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null)) held.onUnheard?.()
    else void held.before(ctx.status)?.catch(() => {})
  }

  /** Decides what becomes of what the handler left on the context. */
  #judge(options: CaptureOptions, isRecoded: boolean): Captured | Promise<Captured> {
    const { subject: ctx, res } = this
    // The type that Koa made up for no text, and would take back: it is not that of what still holds.
    if (ctx.status === 304 && ctx.body === '' && !res.headersSent) ctx.remove('Content-Type')
    const produced = producedBy(ctx)
    if (res.headersSent) return { why: 'sent past Koa', isAborted: false }
    // RFC 9111 §3.3: a handler that saw its client go may have stopped early.
    if (isGone(res)) return ABORTED
    const bytes = 'bytes' in produced ? produced.bytes : undefined
    const verdict = options.onHead(headOf(res), bytes, isRecoded)
    if (verdict.instead !== undefined) {
      if ('stream' in produced) produced.stream().destroy()
      answerInstead(ctx, verdict, verdict.instead)
      return verdict.keep ? { body: verdict.instead } : { why: 'refused', isAborted: false }
    }
    if ('why' in produced) return { why: produced.why, isAborted: false }
    // A stream is sent whole, though this client may have it, so that there is something to store for all others.
    if (verdict.keep && 'stream' in produced) return this.#keepStream(produced.stream(), options)
    if (verdict.notModified) notModified(ctx)
    else if (verdict.keep && bytes !== undefined && ctx.body !== null) putBody(ctx.response, bytes)
    return verdict.keep && bytes !== undefined ? { body: bytes } : { why: 'refused', isAborted: false }
  }

  #keepStream(source: Readable, { maxBodyBytes, patience, pause }: CaptureOptions): Promise<Captured> {
    const { subject: ctx, res } = this
    const resume = pause()
    const onStart = (): void => {
      resume()
      this.#query?.take()
    }
    const { stream, captured } = tee(source, { maxBodyBytes, patience, onStart, tellsErrors: isKoa3(ctx), isGone: () => isGone(res) })
    const length = res.getHeader('content-length')
    ctx.body = stream
    // Koa takes it for another body.
    if (length !== undefined) res.setHeader('Content-Length', length)
    return captured
  }
}
