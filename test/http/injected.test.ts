import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InjectedConnection, serverOf } from '../../middleware/http/injected.ts'
import { ask, begin } from '../support/http.ts'

const HEAD = 'GET /copy HTTP/1.1\r\nConnection: close\r\nhost: a.test\r\n\r\n'

let server: Server
let answer: (req: IncomingMessage, res: ServerResponse) => void
let port: number

beforeEach(async () => {
  answer = (_req, res) => void res.end('ok')
  server = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
})

afterEach(() => void server.close().closeAllConnections())

/** A request of a client's, which the server has and has not answered yet. */
async function asked(): Promise<{ req: IncomingMessage; end: () => void }> {
  const first = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  answer = () => {}
  begin(port, '/')
  const [req, res] = await first
  return { req, end: () => void res.end() }
}

describe('a request over a connection in memory', () => {
  test('is one as any to its server, but for its port and whatever says whose it is', async () => {
    const { req, end } = await asked()
    const connection = new InjectedConnection(serverOf(req)!, req)
    let copy: IncomingMessage | undefined
    answer = (req, res) => {
      copy = req
      req.socket.setTimeout(1000).setNoDelay().setKeepAlive().ref().unref()
      res.end('x'.repeat(1_000_000))
    }
    expect(connection.open(HEAD)).toBe(true)
    await once(connection, 'close')
    expect([copy!.method, copy!.url, copy!.headers]).toEqual(['GET', '/copy', { connection: 'close', host: 'a.test' }])
    expect(copy!.socket).toBe(connection)
    const of = ({ remoteAddress, remoteFamily, localAddress, localPort }: Socket): unknown[] => [
      remoteAddress,
      remoteFamily,
      localAddress,
      localPort,
    ]
    expect(of(copy!.socket)).toEqual(of(req.socket))
    expect([copy!.socket.remotePort, (copy!.socket as unknown as { authorized: boolean }).authorized]).toEqual([undefined, false])
    end()
  })

  test('is none once its server closes, and the last of them end then', async () => {
    const { req, end } = await asked()
    const to = serverOf(req)!
    const connection = new InjectedConnection(to, req)
    connection.open(HEAD)
    await once(server, 'request')
    const ended = [once(connection, 'close'), once(server, 'close')]
    end()
    server.close()
    server.closeIdleConnections()
    server.closeAllConnections()
    await Promise.all(ended)
    expect(new InjectedConnection(to, req).open(HEAD)).toBe(false)
  })

  test('is one of 64', async () => {
    const { req, end } = await asked()
    const to = serverOf(req)!
    const open = (): boolean => new InjectedConnection(to, req).open(HEAD)
    expect(Array.from({ length: 66 }, open).filter(Boolean)).toHaveLength(64)
    expect(serverOf(req)).toBeUndefined()
    end()
  })

  test('that breaks off throws at nobody', async () => {
    const { req, end } = await asked()
    const connection = new InjectedConnection(serverOf(req)!, req)
    answer = (_req, res) => void (res.write('half'), res.destroy(new Error('broken')))
    connection.open(HEAD)
    await new Promise((resolve) => connection.once('close', resolve))
    end()
    answer = (_req, res) => void res.end('ok')
    expect((await ask(port, '/')).text).toBe('ok')
  })
})
