// What becomes of a response that is stale: its handler is asked whether it still holds, and it is served where the handler fails.
import { expect, describe, test } from 'vitest'
import type { Framework } from './framework.ts'
import { newSite } from './site.ts'

export function revalidation(framework: Framework): void {
  const { cached } = framework

  describe('a stale response', () => {
    test('is asked after with its validators, and a 304 makes it fresh with new fields', async () => {
      await using site = newSite(framework)
      const asked: (string | undefined)[] = []
      site.app.on('get', '/', [cached(site.cache, { revalidate: true })], (x) => {
        asked.push(x.header('if-none-match'))
        x.set('ETag', '"a"')
        x.set('Cache-Control', 'no-cache')
        x.set('X-Run', String(asked.length))
        if (asked.length > 1) x.status(304)
        x.send(asked.length > 1 ? '' : 'body')
      })
      await site.ask('/')
      const reply = await site.ask('/', { headers: { 'if-none-match': '"mine"' } })
      expect(asked).toEqual([undefined, '"a"'])
      expect(reply).toMatchObject({ status: 200, text: 'body' })
      expect(reply.headers['x-run']).toBe('2')
      expect((await site.ask('/', { headers: { 'if-none-match': '"a"' } })).status).toBe(304)
    })

    test('is served where the handler fails, if the route lets it and the response does not forbid it', async () => {
      for (const [control, status] of [
        ['max-age=0', 200],
        ['max-age=0, must-revalidate', 503],
        ['max-age=0, stale-if-error=0', 503],
      ] as const) {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [cached(site.cache, { staleIfError: '1h' })], (x) => {
          x.set('Cache-Control', control)
          if (runs++ > 0) x.status(503)
          x.send(`run ${runs}`)
        })
        await site.ask('/')
        const reply = await site.ask('/')
        expect([control, reply.status, reply.text]).toEqual([control, status, status === 200 ? 'run 1' : 'run 2'])
      }
    })
  })
}
