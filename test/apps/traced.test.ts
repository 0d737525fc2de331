// Applications that OpenTelemetry's instrumentation of HTTP, Express and Koa watches.
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { HIT, refused, statusOf, STORED } from '../routes/site.ts'
import { eventually } from '../support/eventually.ts'
import { ask, begin, type Reply } from '../support/http.ts'
import { startProgram } from '../support/program.ts'

interface Span {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly parent?: string
}

describe.each(['express4', 'express', 'koa2', 'koa'])('under OpenTelemetry, an application of %s', (framework) => {
  const withProgram = async (work: (port: number, says: () => Promise<string>) => Promise<void>): Promise<void> => {
    const program = startProgram('test/apps/traced.ts', { FRAMEWORK: framework })
    try {
      const said = await program.says('listening on ')
      await work(Number(/on (\d+)\./.exec(said)![1]), () => program.says(''))
    } finally {
      await program.end('SIGKILL')
    }
  }
  const traced = (at: number): Record<string, string> => ({
    traceparent: `00-${String(at).padStart(32, '0')}-${String(at).padStart(16, '0')}-01`,
    tracestate: `a=${at}`,
    baggage: `who=w${at}`,
  })

  test('caches what does not read who asks, whatever trace it is part of, and ends the span of each request', async () => {
    await withProgram(async (port, says) => {
      const get = (path: string, at: number, more: object = {}): Promise<Reply> => ask(port, path, { headers: { ...traced(at), ...more } })
      const plain = [await get('/plain', 1), await get('/plain', 2), await get('/plain', 3)]
      expect([plain.map(statusOf), plain.map((reply) => reply.text)]).toEqual([
        [STORED, HIT, HIT],
        // The handler's own trace: it runs in its first client's.
        Array(3).fill(`trace ${'1'.padStart(32, '0')} w1`),
      ])
      const headers = [await get('/headers', 4), await ask(port, '/headers')]
      expect([headers.map(statusOf), headers[1]!.text]).toEqual([[STORED, HIT], 'string string'])

      const who = [await get('/who', 5, { 'x-user': 'ann' }), await get('/who', 6, { 'x-user': 'bob' })]
      expect(who.map((reply) => reply.text)).toEqual(['ann', 'bob'])
      const input = framework.startsWith('koa') ? 'ctx.state.user' : 'req.user'
      expect(who.map(statusOf)).toEqual(Array(2).fill(refused(`unkeyed ${input}`)))

      expect(await ask(port, '/plain', { method: 'PUT', headers: traced(7) })).toMatchObject({ status: 200, text: '{"done":true}' })
      expect(statusOf(await get('/plain', 8))).toBe(STORED)

      // Two wait for one that runs, and another one goes away.
      const slow = [get('/slow', 9)]
      await eventually('the handler runs', async () => (await ask(port, '/-waiting')).text === '1')
      slow.push(get('/slow', 10))
      const gone = begin(port, '/slow', { headers: traced(11) })
      await once(gone, 'finish')
      gone.destroy()
      await eventually('the span of who went', async () => (await spansOf(port)).some((span) => idOf(span) === 11))
      await ask(port, '/-release')
      expect((await Promise.all(slow)).map((reply) => reply.text)).toEqual(['slow', 'slow'])

      const ended = await eventually('all spans', async () => {
        const spans = await spansOf(port)
        return spans.length >= 12 && spans
      })
      expect(ended.map(idOf).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
      const statuses = new Set(
        ended
          .filter((span) => idOf(span) !== 11)
          .map(({ attributes: { 'http.status_code': old, 'http.response.status_code': now } }) => now ?? old),
      )
      expect(statuses).toEqual(new Set([200]))
      expect(await says()).not.toMatch(/"plain"|"headers"|"slow"/)
    })
  })
})

async function spansOf(port: number): Promise<Span[]> {
  const { requests, layers } = JSON.parse((await ask(port, '/-spans')).text) as { requests: Span[]; layers: number }
  // The framework is watched too.
  expect(layers).toBeGreaterThan(0)
  return requests
}

/** Which request of the test a span is of: 0 for one that named no trace. */
function idOf({ parent = '0' }: Span): number {
  return Number(parent)
}
