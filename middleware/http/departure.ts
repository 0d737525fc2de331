// Knows whether layers inside change an answer that was judged: what they put around the response's methods runs while it leaves.

import type { ServerResponse } from 'node:http'
import type { Captured } from './capture.ts'
import { headOf, isStatus, mergeWriteHead } from './head.ts'
import type { Head } from './head.ts'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Methods = Partial<Record<Method, (...args: never[]) => unknown>>

/**
 * An answer on its way through what layers inside have put around the response's methods. What outer layers do to it on the way is theirs again
 * on each hit; what is done inside is not, and the judgement did not know of it.
 */
export class Departure {
  readonly #res: ServerResponse
  /** What stood around the methods before the handler was entered: where layers inside end. */
  readonly #own: Methods
  readonly #onChanged: () => void
  #hasChanged = false
  /** The head as the first layer inside meets it, until the last one hands it on. */
  #met: Head | undefined
  #given: { readonly method: Method; readonly chunk: unknown } | undefined

  constructor(res: ServerResponse, own: Methods, onChanged: () => void) {
    this.#res = res
    this.#own = own
    this.#onChanged = onChanged
  }

  get hasChanged(): boolean {
    return this.#hasChanged
  }

  /** The answer has been judged. Returns whether there are layers inside that it still passes. */
  begin(): boolean {
    const res = this.#res
    const wrapped = (Object.keys(this.#own) as Method[]).filter((method) => res[method] !== this.#own[method])
    for (const method of wrapped) {
      const inner = res[method] as (...args: unknown[]) => unknown
      const entering = (...args: unknown[]): unknown => {
        this.#enter(method, args)
        return Reflect.apply(inner, res, args)
      }
      Object.assign(res, { [method]: entering })
    }
    return wrapped.length > 0
  }

  /** A call has passed all layers inside. Returns with what it is to be handed on. */
  leave(method: Method, args: unknown[]): unknown[] {
    const [met, given] = [this.#met, this.#given]
    this.#met = undefined
    if (given !== undefined && (method === 'write' || method === 'end')) {
      this.#given = undefined
      if (given.method !== method || given.chunk !== args[0]) this.#change()
    }
    if (met === undefined || this.#hasChanged || this.#res.headersSent) return args
    const hasStatus = method === 'writeHead' && isStatus(args[0])
    if (hasStatus) mergeWriteHead(this.#res, args)
    if (!isSame(met, headOf(this.#res))) this.#change()
    return hasStatus ? [this.#res.statusCode] : args
  }

  #enter(method: Method, [chunk]: unknown[]): void {
    if (!this.#res.headersSent) this.#met ??= headOf(this.#res)
    if (method !== 'write' && method !== 'end') return
    // The one before it was never handed on.
    if (this.#given !== undefined) this.#change()
    this.#given = { method, chunk }
  }

  #change(): void {
    if (this.#hasChanged) return
    this.#hasChanged = true
    this.#onChanged()
  }
}

/** Watches a response that its framework sends by itself after it was judged. Returns what becomes, by the way it takes, of what was captured of it. */
export function departureOf(
  res: ServerResponse,
  onChanged: () => void,
): (captured: Captured | Promise<Captured>) => Captured | Promise<Captured> {
  let resolve!: () => void
  const left = new Promise<void>((settle) => (resolve = settle))
  const own: Methods = {}
  const departure = new Departure(res, own, onChanged)
  for (const method of ['writeHead', 'write', 'end', 'flushHeaders'] as const) {
    const before = res[method] as (...args: unknown[]) => unknown
    own[method] = (...args: unknown[]) => {
      const result = Reflect.apply(before, res, departure.leave(method, args))
      if (method === 'writeHead' && res.headersSent) resolve()
      return result
    }
  }
  Object.assign(res, own)
  return (captured) => {
    if ('why' in captured || !departure.begin()) return captured
    return left.then(async () => {
      const whole = await captured
      return departure.hasChanged && whole.why === undefined ? { why: 'changed', isAborted: false } : whole
    })
  }
}

function isSame(one: Head, other: Head): boolean {
  const names = Object.keys(one.fields)
  return (
    one.status === other.status &&
    one.statusMessage === other.statusMessage &&
    names.length === Object.keys(other.fields).length &&
    names.every((name) => String(one.fields[name]) === String(other.fields[name]))
  )
}
