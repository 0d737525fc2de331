// Knows a response as it leaves the process, when all layers have had their say: its head as it is sent, and its body as it goes by.

import type { ServerResponse } from 'node:http'
import { Body, bytesOf, isChunk } from './body.ts'
import type { Verdict } from './capture.ts'
import { isGone } from './client.ts'
import { headOf, isHttp2, isStatus, mergeWriteHead, turnNotModified } from './head.ts'
import type { Head } from './head.ts'

export interface LeavingOptions {
  readonly maxBodyBytes: number
  /** Told of the head once, before it leaves. Must not throw. */
  onHead(head: Head): Pick<Verdict, 'keep' | 'notModified'>
  /** Told of the whole body, when its last chunk has been handed over. Not called for a response that is not kept, is broken off, or has trailers. */
  onEnd(body: Uint8Array): void
  /** Runs what sends the head: what Node.js reads then no layer does. */
  send<T>(work: () => T): T
}

/** Watches a response from outside all layers. Nothing of it is delayed, or changed but where `onHead` says so. */
export function watchLeaving(res: ServerResponse, options: LeavingOptions): void {
  new Leaving(res, options).start()
}

type Method = 'writeHead' | 'write' | 'end' | 'addTrailers' | 'setTrailer'

// HTTP/2 has one more of them.
type Leaver = ServerResponse & { setTrailer?: (...args: unknown[]) => unknown }

class Leaving {
  readonly #res: Leaver
  readonly #options: LeavingOptions
  readonly #original: Pick<Leaver, Method>
  readonly #body: Body
  #hasHead = false
  #hasEnded = false
  /** Whether what leaves is not wanted, or is less than what is known of it. */
  #isDropped = false

  constructor(res: ServerResponse, options: LeavingOptions) {
    const { writeHead, write, end, addTrailers, setTrailer }: Leaver = res
    this.#original = { writeHead, write, end, addTrailers, ...(setTrailer && { setTrailer }) }
    this.#res = res
    this.#options = options
    this.#body = new Body(options.maxBodyBytes)
  }

  start(): void {
    Object.assign(this.#res, {
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      write: (...args: unknown[]) => this.#write(args),
      end: (...args: unknown[]) => this.#end(args),
      addTrailers: (...args: unknown[]) => this.#trail('addTrailers', args),
      ...(this.#original.setTrailer && { setTrailer: (...args: unknown[]) => this.#trail('setTrailer', args) }),
    })
  }

  /** Node.js calls it too, before the first byte: what layers do in theirs they have done. */
  #writeHead(args: unknown[]): unknown {
    const res = this.#res
    if (this.#hasHead || res.headersSent || !isStatus(args[0])) return Reflect.apply(this.#original.writeHead, res, args)
    this.#hasHead = true
    mergeWriteHead(res, args)
    const { keep, notModified } = this.#options.onHead(headOf(res))
    if (!keep) this.#isDropped = true
    if (notModified) turnNotModified(res)
    try {
      return this.#options.send((): unknown => Reflect.apply(this.#original.writeHead, res, [res.statusCode]))
    } catch (error) {
      // What is answered then is something else.
      this.#isDropped = true
      throw error
    }
  }

  #write(args: unknown[]): unknown {
    // That of HTTP/2 writes what it is ended with itself.
    if (!this.#hasEnded) this.#keep(args)
    return Reflect.apply(this.#original.write, this.#res, args)
  }

  #end(args: unknown[]): unknown {
    const res = this.#res
    if (this.#hasEnded) return Reflect.apply(this.#original.end, res, args)
    // RFC 9111 §3.3: a handler that saw its client go may have stopped early.
    if (isGone(res)) this.#isDropped = true
    if (typeof args[0] !== 'function') this.#keep(args)
    this.#hasEnded = true
    // Without content that of HTTP/2 sends its head by another way.
    if (isHttp2(res) && !this.#hasHead && !res.headersSent) res.writeHead(res.statusCode)
    const ended = Reflect.apply(this.#original.end, res, args) as unknown
    if (this.#hasHead && !this.#isDropped && !this.#body.isTooLarge) this.#options.onEnd(this.#body.bytes())
    return ended
  }

  #trail(method: 'addTrailers' | 'setTrailer', args: unknown[]): unknown {
    // RFC 9110 §6.5: they are no part of the fields, and without them the response is another.
    this.#isDropped = true
    return Reflect.apply(this.#original[method] as Function, this.#res, args)
  }

  #keep([chunk, encoding]: unknown[]): void {
    if (this.#isDropped || !isChunk(chunk)) return
    const bytes = bytesOf(chunk, encoding)
    if (bytes === undefined) this.#isDropped = true
    else this.#body.add(bytes)
  }
}
