// A client that sends a request to the byte, as no client library would.
import { connect } from 'node:net'

export interface RawReply {
  readonly status: number
  /** By lower-case name; the last line of a field. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Sends a head as it stands, with lines added that close the connection, and reads what comes back. */
export async function askRaw(port: number, head: string): Promise<RawReply> {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.from(`${head}\r\nConnection: close\r\n\r\n`, 'latin1'))
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const [top = '', ...body] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const [statusLine = '', ...lines] = top.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(statusLine.split(' ')[1]), headers, text: body.join('\r\n\r\n') }
}
