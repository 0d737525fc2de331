// Many requests at once: what they may cost, and what may be kept of them.
import { Agent, request } from 'node:http'
import express from 'express'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cached } from '../../middleware/express.ts'
import { openCache } from '../../src/cache.ts'
import { HIT, statusOf } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { ask, serve } from '../support/http.ts'

test('10,000 requests for one page, 500 of them waiting at a time, cost one run of its handler', async () => {
  const cache = openCache({ redis: false }, newClock().now)
  const gate = newGate()
  let runs = 0
  const app = express()
  const page = cached(cache, { path: '/page' })
  app.get('/page', page, async (_req, res) => {
    runs++
    await gate.wait()
    res.send('a')
  })
  await using server = await serve(app)
  const agent = new Agent({ keepAlive: true, maxSockets: 500 })
  // 500 wait at a time; what comes later is a hit.
  const get = async (): Promise<number> =>
    new Promise((resolve, reject) => {
      const req = request({ port: server.port, host: '127.0.0.1', path: '/page', agent }, (res) => {
        res.resume().once('end', () => resolve(res.statusCode ?? 0))
      })
      req.once('error', reject).end()
    })
  const all = Array.from({ length: 10_000 }, get)
  while (page.stats().coalesced < 499) await new Promise(setImmediate)
  gate.open()
  const statuses = await Promise.all(all)
  expect([runs, statuses.length, new Set(statuses)]).toEqual([1, 10_000, new Set([200])])
  agent.destroy()
  await cache.close()
})

test('a flood of paths, queries, hosts and headers stays within the bounds', async () => {
  const cache = openCache({ redis: false, maxBytes: 50_000 }, newClock().now)
  const app = express()
  const page = cached(cache, { path: '/:id', limit: 20, headers: ['host', 'x-a'] })
  const large = cached(cache, { path: '/large/:id' })
  app.get('/large/:id', large, (_req, res) => void res.send('x'.repeat(10_000)))
  app.get('/:id', page, (_req, res) => void res.send('a'))
  await using server = await serve(app)
  for (let at = 0; at < 100; at++) {
    await ask(server.port, `/${at}?q=${at}`, { headers: { host: `h${at}.test`, 'x-a': String(at) } })
    await ask(server.port, `/same?q=${at}`)
    await ask(server.port, `/large/${at}`)
  }
  const kept = [page, large].map((route) => route.stats().loads - route.stats().evictions)
  expect([page.stats().loads, large.stats().loads]).toEqual([200, 100])
  expect(kept[0]).toBeLessThanOrEqual(20)
  expect(kept[1]).toBeLessThanOrEqual(5)
  await cache.close()
})

test('every spelling of a path that is a hit is cleared by one clear', async () => {
  const cache = openCache({ redis: false }, newClock().now)
  const app = express()
  const page = cached(cache)
  app.get('/films/:id', page, (req, res) => void res.send(req.params.id))
  await using server = await serve(app)
  const id = fc.stringMatching(/^[a-z~!é. /%]{1,4}$/).filter((text) => text !== '.' && text !== '..')
  const escaped = (text: string, spelling: readonly number[]): string =>
    Array.from(Buffer.from(text), (byte, at) => {
      const isPlain = /[a-z~!.]/.test(String.fromCharCode(byte))
      if (isPlain && spelling[at % spelling.length] === 0) return String.fromCharCode(byte)
      const hex = byte.toString(16).padStart(2, '0')
      return `%${spelling[at % spelling.length] === 1 ? hex : hex.toUpperCase()}`
    }).join('')
  const spellings = fc.array(fc.tuple(fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }), fc.constantFrom('', '/', '?')), {
    minLength: 2,
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(id, spellings, async (id, spellings) => {
      const urls = spellings.map(([spelling, end]) => `/${end === '/' ? 'FILMS' : 'films'}/${escaped(id, spelling)}${end}`)
      await ask(server.port, urls[0]!)
      for (const url of urls) {
        const reply = await ask(server.port, url)
        expect([url, statusOf(reply), reply.text]).toEqual([url, HIT, id])
      }
      await page.clear({ params: { id } })
      const after = await ask(server.port, urls.at(-1)!)
      expect(statusOf(after)).not.toBe(HIT)
    }),
    { numRuns: 40 },
  )
  await cache.close()
})
