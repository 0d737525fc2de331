// Whether a first answer and its hit are, to their client, the answer that there would be without a cache.
import type { Reply } from '../support/http.ts'

// What this package says besides the handler, what differs from one moment to the next, and how a body is framed on its connection.
const OWN = ['cache-control', 'etag', 'vary', 'date', 'age', 'cache-status']
const FRAMING = ['connection', 'keep-alive', 'content-length', 'transfer-encoding']

/** All that a client can tell of an answer, in the order of the wire, but what a cache adds to an answer that has none of it. */
export function seenOf(reply: Reply, plain: Reply): unknown {
  const { status, message, body, trailers } = reply
  return { status, message, body: body.toString('latin1'), trailers, fields: linesOf(reply, plain) }
}

function linesOf({ rawHeaders }: Reply, plain: Reply): string[] {
  const lines: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    const isAdded = OWN.includes(name.toLowerCase()) && (plain.headers[name.toLowerCase()] === undefined || name === 'Date')
    if (!isAdded && !FRAMING.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]!}`)
  }
  return lines
}
