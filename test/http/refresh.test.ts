// How refreshes end, and by what servers they come. What holds of them in every framework is in test/routes/refreshing.ts.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, createServer as createHttp2Server, constants } from 'node:http2'
import { createServer as createTlsServer, request as requestTls } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { join } from 'node:path'
import express, { type Request, type Response } from 'express'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { cached } from '../../middleware/express.ts'
import { cached as cachedInKoa } from '../../middleware/koa.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import type { CacheError } from '../../src/index.ts'
import { collected } from '../support/garbage.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { ask, read, type Reply } from '../support/http.ts'
import { startProgram } from '../support/program.ts'

const STALE = { ttl: '1s', staleWhileRevalidate: '1h', path: '/' } as const
const nextRound = (): Promise<void> => new Promise(setImmediate)

let clock: Clock
let cache: Cache
let errors: CacheError[]

beforeEach(() => {
  clock = newClock()
  errors = []
  cache = openCache({ redis: false, onError: (error) => void errors.push(error) }, clock.now)
})

afterEach(() => cache.close())

async function listening(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** An Express application with a page that is stale, and how many runs of its handler there were. */
async function stalePage(
  answer: (run: number, req: Request, res: Response) => unknown = (run, _req, res) => res.send(`run ${run}`),
  prepare: (app: ReturnType<typeof express>, server: Server) => void = () => {},
): Promise<{ get: () => Promise<Reply>; state: { runs: number }; server: Server }> {
  const app = express()
  const server = createServer(app)
  prepare(app, server)
  const state = { runs: 0 }
  app.get('/', cached(cache, STALE), (req, res) => void answer(++state.runs, req, res))
  const port = await listening(server)
  const get = (): Promise<Reply> => ask(port, '/', { headers: { cookie: 'a' } })
  await get()
  clock.advance(2_000)
  return { get, state, server }
}

describe('a refresh', () => {
  test('comes by TLS where the request did, without a handshake', async () => {
    const app = express()
    let runs = 0
    app.get('/', cached(cache, { ...STALE, ignore: ['protocol', 'host'] }), (req, res) => void res.send(`${req.protocol} ${++runs}`))
    const psk = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
    const port = await listening(createTlsServer({ ciphers: 'PSK', pskCallback: () => psk }, app))
    const get = async (): Promise<string> => {
      const client = { pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined, ciphers: 'PSK' }
      const req = requestTls({ host: '127.0.0.1', port, agent: false, ...client } as object)
      const [res] = (await once(req.end(), 'response')) as [IncomingMessage]
      return (await read(res)).text
    }
    expect(await get()).toBe('https 1')
    clock.advance(2_000)
    expect(await get()).toBe('https 1')
    while ((await get()) !== 'https 2') await nextRound()
  })

  test('is made by the request itself where that came by HTTP/2', async () => {
    const app = new Koa()
    const gate = newGate()
    let runs = 0
    app.use(cachedInKoa(cache, { ...STALE, ignore: true }))
    app.use(async (ctx) => {
      if (++runs === 2) await gate.wait()
      ctx.body = `run ${runs}`
    })
    const port = await listening(createHttp2Server(app.callback()))
    const client = connect(`http://127.0.0.1:${port}`)
    onTestFinished(() => client.close())
    const get = async (): Promise<string> => {
      const stream = client.request({ [constants.HTTP2_HEADER_PATH]: '/' })
      let text = ''
      for await (const chunk of stream.setEncoding('utf8')) text += String(chunk)
      return text
    }
    expect(await get()).toBe('run 1')
    clock.advance(2_000)
    const leader = get()
    await gate.reached()
    expect(await get()).toBe('run 1')
    gate.open()
    expect(await leader).toBe('run 2')
  })

  test('in a transaction of an outer layer is not kept, since what it read may be undone, and is left to the requests', async () => {
    const app = new Koa()
    let runs = 0
    app.use((ctx, next) => (ctx.get('cookie') === '' ? cache.transaction(next) : next()))
    app.use(cachedInKoa(cache, STALE))
    app.use((ctx) => void (ctx.body = `run ${++runs}`))
    const port = await listening(createServer(app.callback()))
    const get = async (): Promise<string> => (await ask(port, '/', { headers: { cookie: 'a' } })).text
    expect(await get()).toBe('run 1')
    clock.advance(2_000)
    expect(await get()).toBe('run 1')
    while (runs === 1) await nextRound()
    while ((await get()) === 'run 1') await nextRound()
    expect([await get(), runs]).toEqual(['run 3', 3])
  })

  test('is left to the requests where a listener of the server’s cannot do with its connection', async () => {
    const { get, state } = await stalePage(undefined, (_app, server) => {
      // As one that knows sockets of the system alone.
      server.on('connection', (socket: { remotePort?: number }) => socket.remotePort!.toFixed())
    })
    expect((await get()).text).toBe('run 1')
    await nextRound()
    expect([(await get()).text, state.runs, errors]).toEqual(['run 2', 2, []])
  })

  describe('ends in time', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
    afterEach(() => void vi.useRealTimers())

    test('where an outer layer keeps it, and is then left to the requests', async () => {
      const kept: Response[] = []
      const { get, state } = await stalePage(undefined, (app) => {
        app.use((req, res, next) => (req.headers.cookie === undefined ? void kept.push(res) : next()))
      })
      expect((await get()).text).toBe('run 1')
      while (kept.length === 0) await nextRound()
      vi.advanceTimersByTime(4_999)
      await nextRound()
      expect([(await get()).text, kept[0]!.destroyed]).toEqual(['run 1', false])
      vi.advanceTimersByTime(1)
      while (!kept[0]!.destroyed) await nextRound()
      expect([(await get()).text, state.runs, kept.length]).toEqual(['run 2', 2, 1])
    })

    test('where its handler never answers, and is then left to the requests', async () => {
      const kept: Response[] = []
      const { get } = await stalePage((run, _req, res) => (run === 2 ? kept.push(res) : res.send(`run ${run}`)))
      expect((await get()).text).toBe('run 1')
      while (kept.length === 0) await nextRound()
      vi.advanceTimersByTime(29_999)
      await nextRound()
      expect([(await get()).text, kept[0]!.destroyed]).toEqual(['run 1', false])
      vi.advanceTimersByTime(1)
      while (!kept[0]!.destroyed) await nextRound()
      await nextRound()
      expect((await get()).text).toBe('run 3')
    })
  })

  test('keeps neither its server nor its process from ending, though its handler never answers', async () => {
    const program = startProgram(join(import.meta.dirname, '../support/refreshing.ts'), {})
    onTestFinished(() => void program.process.kill())
    await program.says('closed')
    if (program.process.exitCode === null) await once(program.process, 'exit')
    expect(program.process.exitCode).toBe(0)
  })

  test('holds nothing of the request that began it', async () => {
    const gate = newGate()
    const began: WeakRef<Request>[] = []
    const { get } = await stalePage(
      async (run, _req, res) => {
        if (run > 1) await gate.wait()
        res.send(`run ${run}`)
      },
      (app) => app.use((req, _res, next) => (req.headers.cookie !== undefined && began.push(new WeakRef(req)), next())),
    )
    expect((await get()).text).toBe('run 1')
    await gate.reached()
    await collected(() => began[1]!.deref() === undefined)
    expect(began[1]!.deref()).toBeUndefined()
    gate.open()
  })
})
