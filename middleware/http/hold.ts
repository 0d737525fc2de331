// Knows how to keep an answer from leaving until something is done: every call in its order, and the source made to wait past a bound.

import type { ServerResponse } from 'node:http'
import { isChunk, onceEnded } from './body.ts'
import { isGone, onceClosed } from './client.ts'
import { headOf, isHttp2, isSendable, isStatus, mergeWriteHead, setReason } from './head.ts'
import type { Head } from './head.ts'
import { seal, sealed } from './seal.ts'
import { whileUnheard } from './unheard.ts'

/** What becomes of a held answer: it leaves as it is, or this leaves in its place. */
export type Release = 'as it is' | { readonly status: number; readonly body: string }

export interface HoldOptions {
  /** Past so many bytes `write` asks its source to wait. @default 1048576 */
  readonly maxBytes?: number
  /** Called once, when the answer begins: what it waits for, or undefined to let it go. A rejection lets it go. Must not throw. */
  before(status: number): Promise<Release> | undefined
  /** Called where the client has gone before the answer began, each time that the handler may have been done without one. Must not throw. */
  onUnheard?(): void
}

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'addTrailers' | 'writeProcessing' | 'writeEarlyHints'

interface HeldCall {
  readonly method: Method
  readonly args: unknown[]
}

const MAX_BYTES = 1024 * 1024

/**
 * Holds the response back from its first byte on, as `before` says. Nothing of it reaches the client earlier, nor what announces it (103): a hint
 * that is followed at once would ask for what is not cleared yet. A 100 passes, since without it the client would not send what it writes.
 */
export function hold(res: ServerResponse, options: HoldOptions): void {
  new Cork(res, options).start()
}

class Cork {
  readonly #res: ServerResponse
  readonly #options: HoldOptions
  readonly #maxBytes: number
  readonly #baseline: Head
  readonly #original: Pick<ServerResponse, Method>
  readonly #calls: HeldCall[] = []
  // Into a response whose client has gone a pipe writes nothing, though its handler has answered.
  readonly #onPipe = (): void => {
    if (isGone(this.#res) && this.#state === 'waiting') this.#begin()
  }
  readonly #onClose = (): void => {
    if (this.#state !== 'waiting' || this.#options.onUnheard === undefined) return
    this.#stopListening = whileUnheard(this.#res, () => {
      // A response that is no error, as far as it goes.
      if (this.#res.statusCode < 400) this.#options.onUnheard!()
    })
  }
  #stopWaiting: (() => void) | undefined
  #stopListening: (() => void) | undefined
  #state: 'waiting' | 'held' | 'leaving' | 'gone' | 'replaced' = 'waiting'
  #bytes = 0
  #hasEnded = false
  #needsDrain = false
  #isEnding = false

  constructor(res: ServerResponse, options: HoldOptions) {
    const { writeHead, write, end, flushHeaders, addTrailers, writeProcessing, writeEarlyHints } = res
    this.#original = { writeHead, write, end, flushHeaders, addTrailers, writeProcessing, writeEarlyHints }
    this.#res = res
    this.#options = options
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
    this.#baseline = headOf(res)
  }

  start(): void {
    const methods = {
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      write: (...args: unknown[]) => this.#write(args),
      end: (...args: unknown[]) => this.#end(args),
      flushHeaders: () => void this.#enter('flushHeaders', []),
      addTrailers: (...args: unknown[]) => void this.#enter('addTrailers', args),
      writeProcessing: (...args: unknown[]) => this.#inform('writeProcessing', args),
      writeEarlyHints: (...args: unknown[]) => this.#inform('writeEarlyHints', args),
    }
    Object.assign(this.#res, methods)
    this.#res.on('pipe', this.#onPipe)
    this.#stopWaiting = onceClosed(this.#res, this.#onClose)
  }

  #writeHead(args: unknown[]): unknown {
    if (this.#state === 'held') throw sealed('write')
    // Under 'leaving' it is Node.js itself, on its way to the first byte.
    if (this.#state !== 'waiting' || this.#res.headersSent || !isStatus(args[0])) return this.#pass('writeHead', args)
    // Merged at once, so that what `writeHead` refuses it refuses here, where the handler can hear it.
    mergeWriteHead(this.#res, args)
    this.#enter('writeHead', [this.#res.statusCode])
    return this.#res
  }

  #write(args: unknown[]): unknown {
    const [chunk, encoding] = args
    // What Node.js refuses it refuses now.
    if (!isChunk(chunk)) return this.#pass('write', args)
    const wasHeld = this.#enter('write', args)
    if (wasHeld !== HELD) return wasHeld
    this.#keepLast()
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding as BufferEncoding) : chunk.byteLength
    if (this.#hasEnded) return false
    if (this.#bytes > this.#maxBytes) this.#needsDrain = true
    return !this.#needsDrain
  }

  #end(args: unknown[]): unknown {
    const [chunk] = args
    const isLegal = chunk === undefined || chunk === null || typeof chunk === 'function' || isChunk(chunk)
    if (!isLegal) return this.#pass('end', args)
    const wasHeld = this.#enter('end', args)
    if (wasHeld !== HELD) return wasHeld
    this.#keepLast()
    this.#hasEnded = true
    return this.#res
  }

  /** Gives the call that was held last bytes of its own: who handed them over may use their memory again. */
  #keepLast(): void {
    const { args } = this.#calls.at(-1)!
    if (args[0] instanceof Uint8Array) args[0] = Buffer.from(args[0])
  }

  /** Takes what comes before an answer. RFC 9110 §15.2 */
  #inform(method: Method, args: unknown[]): void {
    if (this.#state === 'leaving' || this.#state === 'gone') return void this.#pass(method, args)
    // It leaves with the answer, which may wait for its callback; behind the head it would be part of the content.
    if (this.#state === 'waiting') this.#calls.push({ method, args: args.filter((arg) => typeof arg !== 'function') })
    this.#callBack(args)
  }

  /** Takes a call: holds it, or passes it on. */
  #enter(method: Method, args: unknown[]): unknown {
    if (this.#state === 'waiting') {
      // What Node.js refuses it refuses now; what comes then is the answer.
      if (!this.#res.headersSent && !isSendable(this.#res)) return this.#pass(method, args)
      this.#begin()
    }
    if (this.#state === 'gone') return this.#pass(method, args)
    if (this.#state === 'replaced') return this.#swallow(method, args)
    // In HTTP/2 an `end` writes its chunk by `write`.
    const isNodes = method === 'flushHeaders' || (this.#isEnding && method === 'write')
    if (this.#state === 'leaving' && isNodes) return this.#pass(method, args)
    this.#calls.push({ method, args })
    return HELD
  }

  #begin(): void {
    this.#res.off('pipe', this.#onPipe)
    this.#stopWaiting?.()
    this.#stopListening?.()
    const awaited = this.#res.headersSent ? undefined : this.#options.before(this.#res.statusCode)
    if (awaited === undefined) return this.#leave()
    this.#state = 'held'
    const unseal = seal(this.#res, { hasEnded: () => this.#hasEnded, needsDrain: () => this.#needsDrain })
    const release = (how: Release): void => {
      unseal()
      if (how === 'as it is') this.#leave()
      else this.#orBreakOff(() => this.#replace(how))
    }
    awaited.then(release, () => release('as it is'))
  }

  #leave(): void {
    const res = this.#res
    this.#state = 'leaving'
    this.#orBreakOff(() => {
      // What an outer layer adds while this runs comes behind it, in order.
      for (const { method, args } of this.#calls) {
        this.#isEnding = method === 'end' && isHttp2(res)
        this.#release(method, args)
      }
    })
    this.#state = 'gone'
    this.#isEnding = false
    this.#calls.length = 0
    // Node.js emits it only for a write of its own that was refused.
    if (this.#needsDrain && !this.#hasEnded && !res.writableNeedDrain) res.emit('drain')
  }

  #orBreakOff(send: () => void): void {
    try {
      send()
    } catch (error) {
      // The handler is past hearing it: the client must not take half an answer for a whole one.
      this.#state = 'gone'
      this.#res.destroy(error as Error)
    }
  }

  #release(method: Method, args: unknown[]): void {
    try {
      this.#pass(method, args)
    } catch (error) {
      // One hint the less. In HTTP/2 there is no 102.
      if (method !== 'writeEarlyHints' && method !== 'writeProcessing') throw error
    }
  }

  /** Answers with something else. What the handler still has to say is heard and dropped, so that its source comes to an end. */
  #replace(how: { readonly status: number; readonly body: string }): void {
    const res = this.#res
    this.#state = 'gone'
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    for (const [name, value] of Object.entries(this.#baseline.fields))
      if (value !== undefined) res.setHeader(this.#baseline.spelling.get(name) ?? name, value)
    res.statusCode = how.status
    setReason(res, '')
    res.setHeader('Content-Type', 'text/plain; charset=utf-8')
    res.setHeader('Cache-Control', 'no-store')
    res.setHeader('Content-Length', Buffer.byteLength(how.body))
    // Whole for its client now; it ends when the handler's would have, since a pipe lets go of its source when what it feeds has finished.
    this.#pass('write', [how.body])
    this.#state = 'replaced'
    for (const { method, args } of this.#calls) this.#swallow(method, args)
    this.#calls.length = 0
    if (this.#needsDrain) res.emit('drain')
  }

  #swallow(method: Method, args: unknown[]): unknown {
    if (method === 'end') {
      onceEnded(this.#res, args)
      return this.#pass('end', [])
    }
    this.#callBack(args)
    return method === 'write' ? true : this.#res
  }

  #callBack(args: unknown[]): void {
    for (const callback of callbacksOf(args)) process.nextTick(callback)
  }

  #pass(method: Method, args: unknown[]): unknown {
    return Reflect.apply(this.#original[method], this.#res, args)
  }
}

const HELD: unique symbol = Symbol('held')

function callbacksOf(args: unknown[]): (() => void)[] {
  return args.filter((arg) => typeof arg === 'function') as (() => void)[]
}
