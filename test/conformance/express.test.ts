// The public suite of HTTP cache tests against Express.
import { pipeline } from 'node:stream'
import express from 'express'
import { cached } from '../../middleware/express.ts'
import { describeConformance, OPTIONS } from './compare.ts'
import { forward } from './forward.ts'

describeConformance('Express', (cache, port) => {
  const app = express().disable('x-powered-by')
  app.use(cached(cache, OPTIONS))
  app.use(async (req, res) => {
    const answer = await forward(req, res, port)
    if (answer === undefined) return void res.writeHead(502).end('The origin did not answer.\n')
    res.writeHead(answer.status, answer.message, answer.fields)
    pipeline(answer.body, res, () => {})
  })
  return app
})
