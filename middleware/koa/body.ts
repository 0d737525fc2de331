// Knows what Koa will send for a body: its bytes at once, or a stream of them that can be kept while it goes by.

import { AsyncResource } from 'node:async_hooks'
import { finished, Readable, Stream } from 'node:stream'
import { Body, bytesOf, isChunk } from '../http/body.ts'
import type { Captured } from '../http/capture.ts'

/** What of a Koa context decides its body. Koa's types do not tell all of it. */
export interface Answering {
  body: unknown
  respond?: boolean | undefined
  readonly status: number
  readonly writable: boolean
  readonly res: { readonly headersSent: boolean }
  readonly response: object
}

/**
 * A body that is known as a whole, one that comes by and by, or why it is neither. `stream`: takes it, and is called only by who will read it or break it
 * off: one of the web is then locked to all others.
 */
export type Produced = { readonly bytes: Buffer } | { readonly stream: () => Readable } | { readonly why: string }

/** What Koa will send of a context as it stands after the handler. Serialises an object, so it is asked once. */
export function producedBy(ctx: Answering): Produced {
  if (ctx.respond === false || ctx.res.headersSent || !ctx.writable) return { why: 'sent past Koa' }
  // RFC 9110 §15.3.5, §15.3.6: there is no content, whatever the body is.
  if (ctx.status === 204 || ctx.status === 205 || ctx.status === 304) return { bytes: Buffer.alloc(0) }
  const { body } = ctx
  // Koa then writes the status's name, unless an outer layer that sees no body makes one.
  if (body === null || body === undefined) return isExplicitlyEmpty(ctx) ? { bytes: Buffer.alloc(0) } : { why: 'no body' }
  if (typeof body === 'string') return { bytes: Buffer.from(body) }
  if (Buffer.isBuffer(body)) return { bytes: body }
  const web = isKoa3(ctx) ? webStreamOf(body) : undefined
  if (web !== undefined) return { stream: () => Readable.from(web()) }
  if (isReadable(body)) return { stream: () => body }
  return body instanceof Stream ? { why: 'broken' } : serialised(body)
}

/** Whether this Koa sends the web's kinds of bodies as such, where 2 sends them as JSON; and hears of a stream's error where it sends it. */
export function isKoa3(ctx: Pick<Answering, 'response'>): boolean {
  return 'back' in ctx.response
}

function isExplicitlyEmpty(ctx: Answering): boolean {
  return (ctx.response as { _explicitNullBody?: boolean })._explicitNullBody === true
}

function webStreamOf(body: unknown): (() => AsyncIterable<unknown> | Iterable<unknown>) | undefined {
  if (body instanceof Blob) return () => body.stream()
  if (body instanceof ReadableStream) return () => body
  if (body instanceof Response) return () => body.body ?? []
  return undefined
}

// Of another copy of the class too. One that was read or broken already is none.
function isReadable(body: unknown): body is Readable {
  if (typeof body !== 'object' || body === null) return false
  const { readable, pipe, pause, resume } = body as Partial<Record<keyof Readable, unknown>>
  return readable === true && typeof pipe === 'function' && typeof pause === 'function' && typeof resume === 'function'
}

function serialised(body: unknown): Produced {
  try {
    const text = JSON.stringify(body) as string | undefined
    return text === undefined ? { why: 'no body' } : { bytes: Buffer.from(text) }
  } catch {
    // Koa will meet the same error, where its application hears of it.
    return { why: 'broken' }
  }
}

/** A stream on its way to Koa, and what was kept of it once it ended. */
export interface Tee {
  readonly stream: Readable
  readonly captured: Promise<Captured>
}

export interface TeeOptions {
  readonly maxBodyBytes: number
  /** Milliseconds until a stream that has not ended is no longer kept, since others may wait for it. */
  readonly patience: number
  /** Whether Koa hears of an error from the stream that it sends, and not from every body that it was given. */
  readonly tellsErrors: boolean
  /** Whether its client has gone: a source that ends then may have stopped early. RFC 9111 §3.3 */
  readonly isGone: () => boolean
  /** Called before the source is asked for anything. */
  onStart(): void
}

/**
 * Lets a stream through and keeps it. Its source is asked when Koa asks, and so waits for the client as before; what it does then belongs to
 * the load that made it, though Koa sends long after that. A client that goes breaks it off.
 */
export function tee(source: Readable, options: TeeOptions): Tee {
  const keeper = new Keeper(options.maxBodyBytes)
  const load = new AsyncResource('CacheAlchemyBody')
  let hasStarted = false
  const start = (): void => {
    hasStarted = true
    options.onStart()
    keeper.patience(options.patience)
  }
  const stream = new Readable({
    read() {
      if (!hasStarted) start()
      load.runInAsyncScope(() => source.resume())
    },
  })
  // In this order: a listener alone would set it going.
  source.pause()
  source.on('data', (chunk: unknown) => {
    keeper.add(chunk)
    if (!stream.push(chunk)) source.pause()
  })
  finished(source, { writable: false }, (error) => {
    if (error) keeper.giveUp('broken', true)
    else if (options.isGone()) keeper.giveUp('aborted', true)
    else keeper.end()
    if (!error) stream.push(null)
    else stream.destroy(options.tellsErrors ? error : undefined)
  })
  // An error may come before Koa listens; it finds it there.
  stream.on('error', () => {})
  stream.once('close', () => {
    keeper.giveUp('aborted', true)
    if (!source.readableEnded) source.destroy()
  })
  return { stream, captured: keeper.captured }
}

/** What is kept of one stream: the whole of it, or why not. */
class Keeper {
  readonly captured: Promise<Captured>
  readonly #body: Body
  #resolve!: (captured: Captured) => void
  #timer: NodeJS.Timeout | undefined

  constructor(maxBytes: number) {
    this.#body = new Body(maxBytes)
    this.captured = new Promise((resolve) => (this.#resolve = resolve))
  }

  patience(milliseconds: number): void {
    this.#timer = setTimeout(() => this.giveUp('slow', false), milliseconds).unref()
  }

  add(chunk: unknown): void {
    const bytes = isChunk(chunk) ? bytesOf(chunk) : undefined
    if (bytes === undefined) this.giveUp('broken', false)
    else if (!this.#body.add(bytes)) this.giveUp('body too large', false)
  }

  end(): void {
    this.#settle({ body: this.#body.bytes() })
  }

  giveUp(why: string, isAborted: boolean): void {
    this.#settle({ why, isAborted })
    this.#body.drop()
  }

  #settle(captured: Captured): void {
    clearTimeout(this.#timer)
    this.#resolve(captured)
  }
}
