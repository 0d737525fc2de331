// Knows whether a body that a handler has set gave way to a coded one: a layer inside compresses.

import type { Context } from 'koa'

/** How bodies are set on a context, until `close`. */
export class Recoded {
  readonly #response: Context['response']
  readonly #before: PropertyDescriptor | undefined
  #hasPlain = false
  #isRecoded = false

  constructor({ response }: Context) {
    this.#response = response
    this.#before = Object.getOwnPropertyDescriptor(response, 'body')
    const proto = Object.getPrototypeOf(response) as object
    Object.defineProperty(response, 'body', {
      configurable: true,
      get: this.#before?.get ?? (() => Reflect.get(proto, 'body', response) as unknown),
      set: (body: unknown) => {
        this.#note(body)
        if (this.#before?.set === undefined) Reflect.set(proto, 'body', body, response)
        else this.#before.set.call(response, body)
      },
    })
  }

  get isRecoded(): boolean {
    return this.#isRecoded
  }

  close(): void {
    Reflect.deleteProperty(this.#response, 'body')
    if (this.#before !== undefined) Object.defineProperty(this.#response, 'body', this.#before)
  }

  #note(body: unknown): void {
    if (body === null || body === undefined) return
    if (!this.#response.res.hasHeader('content-encoding')) this.#hasPlain = true
    else if (this.#hasPlain) this.#isRecoded = true
  }
}
