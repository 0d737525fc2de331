// The public suite of HTTP cache tests against Koa.
import Koa from 'koa'
import { cached } from '../../middleware/koa.ts'
import { describeConformance, OPTIONS } from './compare.ts'
import { forward } from './forward.ts'

describeConformance('Koa', (cache, port) => {
  const app = new Koa()
  app.use(cached(cache, OPTIONS))
  app.use(async (ctx) => {
    const answer = await forward(ctx.req, ctx.res, port)
    if (answer === undefined) return ctx.throw(502)
    ctx.status = answer.status
    ctx.message = answer.message
    ctx.set(answer.fields)
    ctx.body = answer.body
  })
  app.silent = true
  return app.callback()
})
