// Many requests that all wait at one time: more than there are sockets, since each connection has many of them on it at once.
import { once } from 'node:events'
import { connect } from 'node:net'

export interface CrowdOptions {
  readonly path: string
  readonly connections: number
  /** How many requests each connection sends before it reads an answer. */
  readonly each: number
  /** Further fields of the nth request. */
  fieldsOf?(at: number): Readonly<Record<string, string>>
}

/** One answer of HTTP/1.1, read as far as a test needs it. */
export interface CrowdReply {
  readonly status: number
  readonly head: string
  readonly text: string
}

/** Asks, and resolves to all answers, in the order of the requests. Answers have to have a Content-Length. */
export async function crowd(port: number, options: CrowdOptions): Promise<CrowdReply[]> {
  const replies = await Promise.all(Array.from({ length: options.connections }, (_, at) => connection(port, at, options)))
  return replies.flat()
}

async function connection(port: number, at: number, { path, each, fieldsOf }: CrowdOptions): Promise<CrowdReply[]> {
  const socket = connect(port, '127.0.0.1')
  const chunks: string[] = []
  socket.setEncoding('latin1').on('data', (chunk: string) => void chunks.push(chunk))
  const asked = Array.from({ length: each }, (_, nth) => {
    const fields = { host: 'a.test', ...fieldsOf?.(at * each + nth), ...(nth === each - 1 && { connection: 'close' }) }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
  })
  socket.write(asked.join(''))
  await once(socket, 'close')
  return chunks
    .join('')
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .map((reply) => {
      const end = reply.indexOf('\r\n\r\n')
      return { status: Number(reply.slice(9, 12)), head: reply.slice(0, end), text: reply.slice(end + 4) }
    })
}
