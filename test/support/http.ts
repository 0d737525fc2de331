// A real server of a test's own, and a client that shows all of what comes back.
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type RequestListener, type RequestOptions, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TestServer extends AsyncDisposable {
  readonly port: number
  close(): Promise<void>
}

/** Serves on a free port of 127.0.0.1 until it is disposed of. */
export async function serve(listener: RequestListener, options: ServerOptions = {}): Promise<TestServer> {
  const server = createServer(options, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close }
}

export interface Reply {
  readonly status: number
  readonly message: string
  /** Lines of a field that came more than once are joined by ", ". */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly text: string
  readonly trailers: Readonly<Record<string, string | undefined>>
}

export interface Ask extends Pick<RequestOptions, 'method' | 'headers' | 'agent'> {
  readonly body?: string
}

/** Asks once, on a connection of its own, and reads the answer to its end. Rejects when it is broken off. */
export async function ask(port: number, path: string, options: Ask = {}): Promise<Reply> {
  const { body, ...rest } = options
  const req = request({ port, path, host: '127.0.0.1', agent: false, ...rest })
  req.end(body)
  return read(await response(req))
}

/** The answer as soon as its head is there. */
export async function response(req: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  return res
}

export async function read(res: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const headers = Object.fromEntries(
    Object.entries(res.headers).map(([name, value]) => [name, value?.toString().replaceAll(/,(?! )/g, ', ')]),
  )
  return {
    status: res.statusCode ?? 0,
    message: res.statusMessage ?? '',
    headers,
    rawHeaders: res.rawHeaders,
    body,
    text: body.toString(),
    trailers: res.trailers,
  }
}

/** Begins a request and leaves the answer to the test. */
export function begin(port: number, path: string, options: Ask = {}): ReturnType<typeof request> {
  const { body, ...rest } = options
  const req = request({ port, path, host: '127.0.0.1', agent: false, ...rest })
  // A test that breaks it off is not told so.
  req.on('error', () => {})
  req.end(body)
  return req
}
