// Knows what Koa keeps of a request's negotiation: what an outer layer had it work out is not seen by who watches its headers later.

import type { Context } from 'koa'

/** Makes Koa read negotiation anew: what an outer layer had it make holds the headers that nobody watched. One of its own stays. */
export function takeAccept(ctx: Context): { giveBack(): void } {
  const request = ctx.request as { _accept?: object | undefined }
  const before = request._accept
  if (before !== undefined && !('negotiator' in before)) return { giveBack() {} }
  request._accept = undefined
  return { giveBack: () => void (request._accept = before) }
}
