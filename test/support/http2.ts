// A real HTTP/2 server of a test's own, without TLS, and a client that shows all of what comes back.
import { once } from 'node:events'
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'

export interface Reply2 {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Heads that came before the final one. */
  readonly early: readonly IncomingHttpHeaders[]
  readonly trailers: IncomingHttpHeaders
}

export interface Http2Site extends AsyncDisposable {
  readonly session: ClientHttp2Session
  /** Asks on the one connection. Rejects when the stream is broken off. */
  ask(path: string, headers?: OutgoingHttpHeaders, body?: string): Promise<Reply2>
}

/** Serves on a free port of 127.0.0.1, and connects to it, until it is disposed of. */
export async function serve2(listener: (req: Http2ServerRequest, res: Http2ServerResponse) => void): Promise<Http2Site> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    session,
    async ask(path, headers = {}, body) {
      const stream = session.request({ ':path': path, ...headers })
      const early: IncomingHttpHeaders[] = []
      let trailers: IncomingHttpHeaders = {}
      stream.on('headers', (head: IncomingHttpHeaders) => void early.push(head))
      stream.on('trailers', (fields: IncomingHttpHeaders) => void (trailers = fields))
      stream.end(body)
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
      let text = ''
      for await (const chunk of stream.setEncoding('utf8')) text += chunk as string
      return { status: head[':status'], headers: head, text, early, trailers }
    },
    async [Symbol.asyncDispose]() {
      session.destroy()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}
