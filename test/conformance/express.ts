// An application of Express that forwards everything to the suite's origin.
import { pipeline } from 'node:stream'
import express, { type Express } from 'express'
import { cached } from '../../middleware/express.ts'
import type { Cache } from '../../src/index.ts'
import { OPTIONS } from './compare.ts'
import { forward } from './forward.ts'

/** `front`: whether its route is one whose hits are answered in front of it. */
export function forwardingApp(cache: Cache, port: number, front: boolean): Express {
  const app = express().disable('x-powered-by')
  app.use(cached(cache, { ...OPTIONS, front }))
  app.use(async (req, res) => {
    const answer = await forward(req, res, port)
    if (answer === undefined) return void res.writeHead(502).end('The origin did not answer.\n')
    res.writeHead(answer.status, answer.message, answer.fields)
    pipeline(answer.body, res, () => {})
  })
  return app
}
