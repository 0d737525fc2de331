// Answers that do not come to their end, by their client's doing or their handler's: not stored, and whoever waits has a run of their own.
import { once } from 'node:events'
import { Agent, type request } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { newGate } from '../support/gate.ts'
import { read, response } from '../support/http.ts'
import type { Exchange, Framework, Handler } from './framework.ts'
import { HIT, newSite, statusOf } from './site.ts'

/** What the first run's handler has in hand, and what its client has. */
interface Half {
  readonly x: Exchange
  readonly source: Readable
  readonly client: ReturnType<typeof request>
}

interface Breaking {
  /** Prepares the answer, before anything of it leaves. */
  before?(x: Exchange): void
  /** How many bytes the client has when it breaks off; none: before the answer begins. */
  readonly bytes: number
  /** Breaks it off. */
  off(half: Half): void
}

const WAYS: Readonly<Record<string, Breaking>> = {
  'by its client, before the first byte': { bytes: 0, off: ({ client }) => client.destroy() },
  'by its client, after one byte': { bytes: 1, off: ({ client }) => client.destroy() },
  'by its client, in the middle': { bytes: 50_000, off: ({ client }) => client.destroy() },
  'by its client, in the middle of a length': {
    before: (x) => x.set('Content-Length', '100000'),
    bytes: 50_000,
    off: ({ client }) => client.destroy(),
  },
  'by its source’s error': { bytes: 4, off: ({ source }) => source.destroy(new Error('disk')) },
  'by its source, that is destroyed': { bytes: 4, off: ({ source }) => source.destroy() },
  'by its handler, that destroys the response': { bytes: 4, off: ({ x }) => x.res.destroy() },
  'by its handler, that destroys the connection': { bytes: 4, off: ({ x }) => x.res.socket!.destroy() },
  'by an end before its length': {
    before: (x) => x.set('Content-Length', '10'),
    bytes: 4,
    off: ({ source }) => source.push(null),
  },
  'by an end past its length': {
    before: (x) => x.set('Content-Length', '2'),
    bytes: 2,
    off: ({ source }) => (source.push('more'), source.push(null)),
  },
}

export function unfinished(framework: Framework): void {
  const { cached, invalidates } = framework

  describe('an answer that is broken off', () => {
    for (const [way, { before, bytes, off }] of Object.entries(WAYS)) {
      test(`is not stored, and who waits has a run of their own: ${way}`, async () => {
        await using site = newSite(framework)
        const page = cached(site.cache, { path: '/' })
        const [entered, begun] = [newGate(), newGate()]
        let runs = 0
        let half: Omit<Half, 'client'> | undefined
        site.app.on('get', '/', [page], async (x) => {
          if (++runs > 1) return x.send('whole')
          const source = new Readable({ read() {} })
          source.on('error', () => {})
          half = { x, source }
          await entered.wait()
          if (bytes === 0) await begun.wait()
          before?.(x)
          source.push('x'.repeat(Math.max(bytes, 1)))
          x.send(source)
        })
        const client = await site.begin('/')
        await entered.reached()
        const waiting = site.ask('/')
        while (page.stats().coalesced < 1) await new Promise(setImmediate)
        entered.open()
        if (bytes > 0) await received(client, bytes)
        off({ ...half!, client })
        expect((await waiting).text).toBe('whole')
        begun.open()
        const next = await site.ask('/')
        expect([next.text, statusOf(next), runs]).toEqual(['whole', HIT, 2])
        client.destroy()
      })
    }

    test('after all of it was handed over is whole for whoever asks next', async () => {
      await using site = newSite(framework)
      let runs = 0
      site.app.on('get', '/', [cached(site.cache, { path: '/' })], (x) => {
        runs++
        x.send(Buffer.alloc(900_000, 'a'))
      })
      const client = await site.begin('/')
      await response(client)
      client.destroy()
      expect((await site.ask('/')).text).toBe('a'.repeat(900_000))
      expect((await site.ask('/')).text).toBe('a'.repeat(900_000))
      expect(runs).toBeLessThanOrEqual(2)
    })
  })

  test('nothing of this listens any longer when a request is over', async () => {
    await using site = newSite(framework)
    const target = site.cache.memoize(async () => 1, { name: 'target' })
    const ofSocket = new Set<string>()
    const left: Record<string, Set<string | symbol>> = { '/bare': new Set(), '/page': new Set() }
    const closed: Promise<unknown>[] = []
    site.app.outer(({ req, res, url }) => {
      ofSocket.add(countsOf(req.socket))
      closed.push(once(res, 'close').then(() => res.eventNames().forEach((name) => left[url.split('?')[0]!]!.add(name))))
    })
    const answer: Handler = (x) => x.send(x.query['stream'] === undefined ? 'a' : Readable.from(['a', 'b']))
    site.app.on('get', '/bare', [], answer)
    site.app.on('get', '/page', [cached(site.cache)], answer)
    site.app.on('post', '/page', [invalidates(target)], answer)
    const warned: string[] = []
    const onWarning = (warning: Error): void => void warned.push(warning.name)
    process.on('warning', onWarning)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = async (path: string, method = 'GET'): Promise<unknown> => read(await response(await site.begin(path, { agent, method })))
    for (const path of ['/bare', '/bare?stream=1']) await ask(path)
    for (let round = 0; round < 15; round++) {
      for (const path of ['/page', `/page?stream=${round}`, '/page']) await ask(path)
      for (const method of ['HEAD', 'POST']) await ask('/page', method)
    }
    agent.destroy()
    await Promise.all(closed)
    process.off('warning', onWarning)
    expect([...left['/page']!].filter((name) => !left['/bare']!.has(name))).toEqual([])
    // The first request of a connection meets it as it is.
    expect(ofSocket.size).toBeLessThanOrEqual(2)
    expect(warned).toEqual([])
  })
}

async function received(client: ReturnType<typeof request>, bytes: number): Promise<void> {
  const res = await response(client)
  res.on('error', () => {})
  let length = 0
  res.on('data', (chunk: Buffer) => (length += chunk.length))
  while (length < bytes) await once(res, 'data')
}

/** How many listeners there are of each event. */
function countsOf(emitter: Socket): string {
  return emitter
    .eventNames()
    .map((name) => `${String(name)} ${emitter.listenerCount(name)}`)
    .sort()
    .join()
}
