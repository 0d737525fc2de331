// Knows what of a Koa context may tell who asks: what is computed of the request, and where layers leave what they know of it.

import type { Context } from 'koa'
import type { Place } from '../http/added.ts'
import type { DerivedProperty, Input } from '../http/unkeyed.ts'

/** What Koa computes of the request, and of what. */
export function derivedOf(ctx: Context): readonly DerivedProperty[] {
  const { request, app } = ctx
  const host = app.proxy ? ['x-forwarded-host', 'host'] : ['host']
  const protocol = app.proxy ? ['x-forwarded-proto'] : ['protocol']
  const whole = [...protocol, ...host]
  const inputs = {
    host,
    hostname: host,
    subdomains: host,
    protocol,
    secure: protocol,
    origin: whole,
    href: whole,
    URL: whole,
    ip: ['ip'],
    ips: ['ip'],
  }
  const computed = Object.entries(inputs).map(([name, inputs]) => ({ target: request as object, name, inputs }))
  // To make its cookies Koa asks whether the request was secure; what is then read of them is read from the header.
  return [...computed, { target: ctx, name: 'cookies', inputs: [] }]
}

/** Where layers leave things for those behind them. */
export function placesOf(ctx: Context): readonly Place[] {
  const state: unknown = ctx.state
  const places = [
    { target: ctx as object, label: 'ctx' },
    { target: ctx.request as object, label: 'ctx.request' },
    { target: ctx.req as object, label: 'ctx.req' },
    { target: ctx.response as object, label: 'ctx.response' },
    { target: ctx.res as object, label: 'ctx.res' },
  ]
  // A text that somebody has put in its place is an object that is not plain.
  return state === undefined || state === null
    ? places
    : [...places, { target: Object(state) as object, label: 'ctx.state', holder: { target: ctx, name: 'state' } }]
}

// What a route reads of the request and sets on the response, where handlers and layers go by the context.
const DELEGATES = ['method', 'url', 'path', 'query', 'querystring', 'search', 'status', 'body']

/** What layers have put on a context in the place of its delegates: they may have done so on the requests of some clients only. */
export function replacedOn(ctx: Context): readonly Input[] | undefined {
  let found: readonly Input[] | undefined
  for (const name of DELEGATES) if (Object.hasOwn(ctx, name)) found = [...(found ?? []), `ctx.${name}`]
  return found
}
