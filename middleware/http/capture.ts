// Knows a response while its handler produces it: its head once, its body as it goes by, and whether it came to its end.

import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { Body, bytesOf, isChunk, onceEnded } from './body.ts'
import { isGone, onceClosed } from './client.ts'
import { Departure } from './departure.ts'
import { headOf, isStatus, mergeWriteHead, turnNotModified } from './head.ts'
import type { Head } from './head.ts'

/** What becomes of a response, decided when its head is known and before anything of it leaves. */
export interface Verdict {
  /** Whether the body is kept as it goes by. */
  readonly keep: boolean
  /** Whether the client has it already, and gets a 304 in its place. */
  readonly notModified: boolean
  /** What goes out and is kept in place of the body that the handler gives; the head has been changed for it. */
  readonly instead?: Uint8Array | undefined
}

export interface CaptureOptions {
  readonly maxBodyBytes: number
  /** Milliseconds from the first byte of a streamed answer to its last. Past them it is no longer kept, since others may wait for it. */
  readonly patience: number
  /**
   * Decides once, and may change the fields. `body` is there when it is known as a whole. `isRecoded` where a layer inside stands between what
   * the handler gave and what leaves. Must not throw.
   */
  onHead(head: Head, body: Uint8Array | undefined, isRecoded: boolean): Verdict
  /** Called when layers inside have changed the head since then. It has not left yet. Must not throw. */
  onChanged(): void
  /** Decides when the handler threw in a framework that hands errors back. Undefined: the error is the answer. */
  onFailure?(): Verdict | undefined
  /** Runs what sends: what outer layers do then is not the handler's doing. */
  send<T>(work: () => T): T
  /** As `send`, until what it returns is called: for a framework whose outer layers run before a streamed body does. */
  pause(): () => void
  /** Called when the handler has handed over its last chunk, or it is known that nothing of it will be kept. Perhaps more than once. */
  onOver(): void
}

/** A response that came to its end, or why it is not kept. `isAborted`: the next try may well succeed. */
export type Captured = { readonly body: Uint8Array; readonly why?: undefined } | { readonly why: string; readonly isAborted: boolean }

/**
 * Watches a response from here on. Nothing is delayed or changed but what `onHead` changes; what `write` returns stays what it was, so the
 * source feels its reader. Resolves when the response has ended, or as soon as it is known that it will not be kept.
 */
export function capture(res: ServerResponse, options: CaptureOptions): Promise<Captured> {
  return new Promise((resolve) => new Recorder(res, options, resolve).start())
}

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'addTrailers'

class Recorder {
  readonly #res: ServerResponse
  readonly #options: CaptureOptions
  readonly #resolve: (captured: Captured) => void
  readonly #original: Pick<ServerResponse, Method>
  readonly #body: Body
  // A pipe whose source breaks says nothing, and leaves the response open.
  readonly #onPipe = (source: Readable): void =>
    void source.once('close', () => {
      if (!source.readableEnded) this.#giveUp('broken', true)
    })
  #stopListening: (() => void) | undefined
  #ownWrite: unknown
  #departure!: Departure
  #hasHead = false
  /** Whether the head that was judged has layers inside to pass before it leaves. */
  #isDeparting = false
  #hasEnded = false
  #isSettled = false
  #isNotModified = false
  #instead: Uint8Array | undefined
  /** What was captured of an answer whose head has yet to leave. */
  #pending: Captured | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(res: ServerResponse, options: CaptureOptions, resolve: (captured: Captured) => void) {
    const { writeHead, write, end, flushHeaders, addTrailers } = res
    this.#original = { writeHead, write, end, flushHeaders, addTrailers }
    this.#res = res
    this.#options = options
    this.#resolve = resolve
    this.#body = new Body(options.maxBodyBytes)
  }

  start(): void {
    const res = this.#res
    const methods = {
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      write: (...args: unknown[]) => this.#write(args),
      end: (...args: unknown[]) => this.#end(args),
      flushHeaders: () => this.#flushHeaders(),
      addTrailers: (...args: unknown[]) => this.#addTrailers(args),
    }
    Object.assign(res, methods)
    this.#ownWrite = methods.write
    this.#departure = new Departure(res, { writeHead: methods.writeHead }, () => this.#change())
    this.#stopListening = onceClosed(res, () => this.#giveUp('aborted', true))
    res.on('pipe', this.#onPipe)
  }

  #writeHead(args: unknown[]): unknown {
    const res = this.#res
    if (this.#hasHead) return this.#depart(args)
    if (res.headersSent || !isStatus(args[0])) return this.#pass('writeHead', args)
    mergeWriteHead(res, args)
    // What layers inside do in it they have done.
    this.#meetHead(undefined)
    // What was given is on the response now; `onHead` may have changed it since.
    this.#leave('writeHead', [res.statusCode])
    return res
  }

  /** It is Node.js, or an outer layer, on the way to the first byte. */
  #depart(args: unknown[]): unknown {
    const result = this.#pass('writeHead', this.#departure.leave('writeHead', args))
    this.#isDeparting = false
    if (this.#pending !== undefined) this.#settle(this.#pending)
    return result
  }

  #change(): void {
    if (this.#isSettled) return
    this.#options.onChanged()
    this.#giveUp('changed', false)
  }

  #flushHeaders(): void {
    if (!this.#hasHead) this.#judgeHead(undefined)
    this.#leave('flushHeaders', [])
  }

  #write(args: unknown[]): unknown {
    const [chunk, encoding] = args
    if (this.#hasEnded || !isChunk(chunk)) return this.#pass('write', args)
    if (!this.#hasHead) this.#judgeHead(undefined)
    const isSwallowed = this.#isNotModified || this.#instead !== undefined
    const flowing = isSwallowed ? this.#swallow(args) : this.#leave('write', args)
    if (this.#instead === undefined) this.#keep(bytesOf(chunk, encoding))
    return flowing
  }

  #end(args: unknown[]): unknown {
    const [chunk, encoding] = typeof args[0] === 'function' ? [] : args
    const isLegal = chunk === undefined || chunk === null || isChunk(chunk)
    if (this.#hasEnded || !isLegal) return this.#pass('end', args)
    const last = isChunk(chunk) ? bytesOf(chunk, encoding) : Buffer.alloc(0)
    // RFC 9111 §3.3: a handler that saw its client go may have stopped early.
    const isAborted = isGone(this.#res)
    if (!this.#hasHead) this.#judgeHead(last)
    this.#hasEnded = true
    this.#keep(this.#instead === undefined ? last : Buffer.from(this.#instead))
    this.#options.onOver()
    this.#finish(args)
    if (isAborted) this.#giveUp('aborted', true)
    else if (!this.#isSettled) this.#complete({ body: this.#body.bytes() })
    return this.#res
  }

  #complete(captured: Captured): void {
    if (this.#isDeparting) this.#pending = captured
    else this.#settle(captured)
  }

  #finish(args: unknown[]): void {
    const isReplaced = this.#isNotModified || this.#instead !== undefined
    if (isReplaced) onceEnded(this.#res, args)
    if (this.#isNotModified) this.#leave('end', [])
    else this.#leave('end', this.#instead === undefined ? args : [Buffer.from(this.#instead)])
  }

  /** As `#pass`, where the head is known: what throws then is another answer than the one that was judged, or none. */
  #leave(method: Method, args: unknown[]): unknown {
    try {
      return this.#pass(method, args)
    } catch (error) {
      this.#giveUp('broken', true)
      throw error
    }
  }

  #addTrailers(args: unknown[]): void {
    // RFC 9110 §6.5: they are no part of the fields, and without them the response is another.
    this.#giveUp('trailers', false)
    this.#pass('addTrailers', args)
  }

  #pass(method: Method, args: unknown[]): unknown {
    return this.#options.send(() => Reflect.apply(this.#original[method], this.#res, args))
  }

  /** In place of a write under a 304, which has no content. */
  #swallow(args: unknown[]): true {
    const callback = args.find((arg) => typeof arg === 'function')
    if (callback !== undefined) process.nextTick(callback)
    return true
  }

  #judgeHead(body: Buffer | undefined): void {
    this.#meetHead(body)
    if (!this.#isSettled) this.#isDeparting = this.#departure.begin()
  }

  #meetHead(body: Buffer | undefined): void {
    this.#hasHead = true
    const res = this.#res
    // Someone sent it behind our back: nothing is known of what came before.
    if (res.headersSent) return this.#giveUp('head unseen', false)
    const { keep, notModified, instead } = this.#options.onHead(headOf(res), body, res.write !== this.#ownWrite)
    this.#instead = instead
    if (notModified) {
      this.#isNotModified = true
      turnNotModified(res)
    }
    if (!keep) return this.#giveUp('refused', false)
    if (body === undefined) this.#timer = setTimeout(() => this.#giveUp('slow', false), this.#options.patience).unref()
  }

  #keep(bytes: Buffer | undefined): void {
    if (this.#isSettled) return
    if (bytes === undefined) this.#giveUp('broken', false)
    // RFC 9110 §15.3.5: no content goes with a 204, whatever is written.
    else if (this.#res.statusCode === 204) return
    else if (!this.#body.add(bytes)) this.#giveUp('body too large', false)
  }

  #giveUp(why: string, isAborted: boolean): void {
    if (!this.#isSettled) this.#options.onOver()
    this.#settle({ why, isAborted })
    this.#body.drop()
  }

  #settle(captured: Captured): void {
    if (this.#isSettled) return
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#stopListening?.()
    this.#res.off('pipe', this.#onPipe)
    this.#resolve(captured)
  }
}
