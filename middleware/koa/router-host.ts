// Knows that @koa/router asks each request for its host before it looks at the path, and does nothing with it unless it was told to.

import type { Context } from 'koa'

/** A router, of a version that asks for the host. */
interface AskingRouter {
  readonly matchHost?: unknown
  readonly host?: unknown
}

/** How a context's host is read while a handler runs: a read that turns out to be a router's own is none of the handler's. */
export class RouterHost {
  readonly #ctx: Context
  readonly #unwatched: <T>(read: () => T) => T
  #router: unknown
  #isOpen = false

  constructor(ctx: Context, unwatched: <T>(read: () => T) => T) {
    this.#ctx = ctx
    this.#unwatched = unwatched
    this.#router = ctx['router']
    Object.defineProperty(ctx, 'host', { configurable: true, get: () => this.#read() })
    Object.defineProperty(ctx, 'router', {
      configurable: true,
      enumerable: true,
      get: () => this.#router,
      set: (router: unknown) => this.#enter(router),
    })
  }

  /** Ends it; a read that no router followed was the handler's. */
  close(): void {
    this.#settle()
    for (const name of ['host', 'router']) Reflect.deleteProperty(this.#ctx, name)
    if (this.#router !== undefined) this.#ctx['router'] = this.#router
  }

  #read(): string {
    this.#settle()
    this.#isOpen = true
    return this.#unwatched(() => this.#ctx.request.host)
  }

  #enter(router: unknown): void {
    this.#router = router
    const { matchHost, host } = router as AskingRouter
    // It asks right before it sets itself, so the last read is its own.
    if (matchHost !== undefined && host === undefined) this.#isOpen = false
  }

  #settle(): void {
    // Read again, where it is noticed.
    if (this.#isOpen) void this.#ctx.request.host
    this.#isOpen = false
  }
}
