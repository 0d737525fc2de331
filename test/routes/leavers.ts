// Clients that leave while a handler answers them, on a connection of their own or behind another request on it: Node.js says less of these.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ASKED_AFTER } from '../../middleware/http/unheard.ts'
import { newGate } from '../support/gate.ts'
import type { Exchange, Framework } from './framework.ts'
import { newSite, type Site } from './site.ts'

interface Client {
  readonly how: string
  readonly isBehind: boolean
}

const clients: readonly Client[] = [
  { how: 'alone on its connection', isBehind: false },
  { how: 'behind another request on its connection', isBehind: true },
]

/** Sends a request that is answered last of those on its connection. */
async function send(site: Site, { isBehind }: Client, head: string): Promise<Socket> {
  const slow = newGate()
  onTestFinished(() => slow.open())
  site.app.on('get', '/slow', [], async (x) => (await slow.wait(), x.send('slow')))
  const client = connect({ port: await site.port(), host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {})
  await once(client, 'connect')
  const requests = [...(isBehind ? ['GET /slow'] : []), head].map((it) => `${it} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
  client.write(requests.join(''))
  return client
}

/** In what a handler hears of it, and how its client leaves then. */
const events: Readonly<Record<string, readonly [heard: (x: Exchange, hear: () => void) => void, leave: (client: Socket) => void]>> = {
  'hears that its request is aborted': [(x, hear) => x.req.once('aborted', hear), (client) => client.destroy()],
  'hears that its connection ends': [(x, hear) => x.req.socket.once('end', hear), (client) => client.end()],
  'hears that its connection closes': [(x, hear) => x.req.socket.once('close', hear), (client) => client.resetAndDestroy()],
}

/** How it answers in parts: gives what ends that. */
const answers: Readonly<Record<string, (x: Exchange, part: string) => () => void>> = {
  'a stream': (x, part) => {
    const source = new PassThrough()
    source.write(part)
    x.send(source)
    return () => source.end()
  },
  'the response itself': (x, part) => {
    x.res.write(part)
    return () => x.res.end()
  },
}

export function leavers(framework: Framework): void {
  const { cached, invalidates } = framework

  describe.each(clients)('a client that leaves, $how', (client) => {
    for (const [event, [heard, leave]] of Object.entries(events)) {
      for (const [answer, begin] of Object.entries(answers)) {
        test(`has all of the answer stored or nothing, where its handler ${event} and then ends ${answer}`, async () => {
          await using site = newSite(framework)
          const [entered, ended] = [newGate(), newGate()]
          let runs = 0
          site.app.on('get', '/page', [cached(site.cache)], async (x) => {
            if (++runs > 1) return x.send('whole')
            const end = begin(x, 'half')
            const hearing = new Promise<void>((hear) => {
              // In that event, before anything else of it is seen.
              heard(x, () => (end(), void ended.wait(), hear()))
            })
            void entered.wait()
            // Koa ends what a handler has begun itself and left, and sends a stream only then.
            if (answer !== 'a stream') await hearing
          })
          const leaver = await send(site, client, 'GET /page')
          await entered.reached()
          leave(leaver)
          await ended.reached()
          expect((await site.ask('/page')).text).toBe('whole')
          expect((await site.ask('/page')).text).toBe('whole')
          leaver.destroy()
        })
      }
    }

    test('leaves its place to the next in line, though its handler says nothing more', async () => {
      await using site = newSite(framework)
      const entered = newGate()
      let runs = 0
      const page = cached(site.cache)
      site.app.on('get', '/page', [page], async (x) => {
        if (++runs > 1) return x.send('whole')
        const aborted = once(x.req, 'aborted')
        void entered.wait()
        await aborted
      })
      const leaver = await send(site, client, 'GET /page')
      await entered.reached()
      const next = site.ask('/page')
      await expect.poll(() => page.stats().coalesced).toBe(1)
      leaver.destroy()
      expect((await next).text).toBe('whole')
    })

    describe('has its write cleared for, though its handler says nothing more', () => {
      beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
      afterEach(() => void vi.useRealTimers())

      test('after a while at the latest', async () => {
        await using site = newSite(framework)
        const [entered, written] = [newGate(), newGate()]
        let row = 1
        const read = site.cache.memoize(async () => row, { name: 'row' })
        site.app.on('put', '/row', [invalidates(read)], async (x) => {
          const aborted = once(x.req, 'aborted')
          void entered.wait()
          await aborted
          row = 2
          void written.wait()
        })
        expect(await read()).toBe(1)
        const leaver = await send(site, client, 'PUT /row')
        await entered.reached()
        leaver.destroy()
        await written.reached()
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
        vi.advanceTimersByTime(ASKED_AFTER[0]!)
        expect(await read()).toBe(2)
      })
    })
  })
}
