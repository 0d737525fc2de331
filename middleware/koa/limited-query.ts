// Knows how the query parameters that are no arguments are kept from what reads a Koa context, for a while.

import type { Context } from 'koa'
import { filterQuery, filterUrl } from '../http/query.ts'
import type { Query, QueryRule } from '../http/query.ts'

interface Urls {
  readonly url: string
  readonly original: string
}

/** The query of a context, less what its route does not take for arguments, until that is given back. */
export class LimitedQuery {
  readonly #ctx: Context
  readonly #whole: Urls
  readonly #limited: Urls
  /** What the key has of it: a parser may make something else of the limited URL. */
  readonly #kept: Query | undefined

  /** Takes them at once. */
  constructor(ctx: Context, rule: QueryRule) {
    const nested = readsBrackets(ctx)
    this.#ctx = ctx
    this.#kept = rule === true ? undefined : filterQuery(ctx.query, rule)
    this.#whole = { url: ctx.url, original: ctx.originalUrl }
    this.#limited = { url: filterUrl(ctx.url, rule, nested), original: filterUrl(ctx.originalUrl, rule, nested) }
    this.take()
  }

  take(): void {
    this.#replace(this.#whole, this.#limited)
    const { request } = this.#ctx
    const parsed = this.#kept
    if (parsed === undefined) return
    const proto = Object.getPrototypeOf(request) as object
    Object.defineProperty(request, 'query', {
      configurable: true,
      // What an inner layer rewrote is read anew.
      get: () => (request.url === this.#limited.url ? parsed : (Reflect.get(proto, 'query', request) as Query)),
      set: (query: unknown) => Reflect.set(proto, 'query', query, request),
    })
  }

  giveBack(): void {
    if (this.#kept !== undefined) Reflect.deleteProperty(this.#ctx.request, 'query')
    this.#replace(this.#limited, this.#whole)
  }

  #replace(from: Urls, to: Urls): void {
    const { request } = this.#ctx
    // What an inner layer rewrote stays rewritten.
    if (this.#ctx.url === from.url) this.#ctx.url = to.url
    if (this.#ctx.originalUrl === from.original) this.#ctx.originalUrl = request.originalUrl = to.original
    // Koa keeps it, with the query that it was made of.
    delete (request as { memoizedURL?: unknown }).memoizedURL
  }
}

/** Whether the application's parser takes `a[b]=1` for an `a`: Koa's own leaves brackets in the names, koa-qs makes objects of them. */
export function readsBrackets(ctx: Context): boolean {
  return /\[|%5b/i.test(ctx.querystring) && !Object.keys(ctx.query).some((name) => name.includes('['))
}
