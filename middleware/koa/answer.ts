// Knows how a Koa context is made to answer what was decided: a body that is known as a whole, a 304, or another answer than its handler's.

import type { Context } from 'koa'
import type { Verdict } from '../http/capture.ts'
import { turnNotModified } from '../http/head.ts'
import type { Head } from '../http/head.ts'
import type { Release } from '../http/hold.ts'

/** Answers that the client has it. */
export function notModified(ctx: Context): void {
  ctx.status = 304
  ctx.body = null
  turnNotModified(ctx.res)
}

/** Sets a body that is known as a whole: the same kind on the first answer and on a hit, so that outer layers do the same with both. */
export function putBody(response: Context['response'], bytes: Buffer): void {
  const { res } = response
  const hasType = res.hasHeader('content-type')
  // RFC 9110 §15.3.5, §15.3.6
  response.body = res.statusCode === 204 || res.statusCode === 205 ? null : bytes
  // One that Koa made up.
  if (!hasType) response.remove('Content-Type')
}

/** Answers with what was decided in place of what the handler left. */
export function answerInstead(ctx: Context, { notModified: has }: Pick<Verdict, 'notModified'>, instead: Uint8Array): void {
  // Koa is told what is on the response already: it makes up a status where nobody has set one.
  const { statusCode } = ctx.res
  ctx.status = statusCode
  if (has) notModified(ctx)
  else putBody(ctx.response, Buffer.from(instead))
}

/** Answers with this in place of all that the handler left, on top of what stood before it. */
export function answerAnew(ctx: Context, { fields, spelling }: Head, answer: Exclude<Release, 'as it is'>): void {
  for (const name of ctx.res.getHeaderNames()) ctx.remove(name)
  for (const [name, value] of Object.entries(fields)) ctx.set(spelling.get(name) ?? name, value as string)
  ctx.status = answer.status
  ctx.body = answer.body
  ctx.type = 'text'
  ctx.set('Cache-Control', 'no-store')
}
