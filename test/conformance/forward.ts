// How a handler forwards a request to the suite's origin, as a reverse proxy does.
import { request } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

// RFC 9110 §7.6.1
const OF_ONE_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']

/** What the origin answered, to be handed on. */
export interface Forwarded {
  readonly status: number
  readonly message: string
  readonly fields: Readonly<Record<string, string | string[]>>
  readonly body: IncomingMessage
}

/** Forwards a request, and what the origin says before it answers. Undefined where it does not answer. */
export function forward(req: IncomingMessage, res: ServerResponse, port: number): Promise<Forwarded | undefined> {
  return new Promise((resolve) => {
    const { method, url } = req
    const asked = request({ port, method, path: url, headers: withoutHop(req.headers), agent: false })
    asked.on('information', ({ statusCode, headers }) => {
      if (statusCode === 103) res.writeEarlyHints(headers as Record<string, string>)
      else if (statusCode === 102) res.writeProcessing()
    })
    asked.on('response', (body) => {
      resolve({ status: body.statusCode!, message: body.statusMessage!, fields: withoutHop(distinct(body)), body })
    })
    asked.on('error', () => resolve(undefined))
    req.pipe(asked)
  })
}

function distinct(answer: IncomingMessage): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  for (const [name, lines] of Object.entries(answer.headersDistinct)) fields[name] = lines!.length === 1 ? lines![0]! : lines!
  return fields
}

function withoutHop<T extends OutgoingHttpHeaders>(fields: T): T {
  const named = [fields['connection'] ?? []].flat().flatMap((line) => line.toLowerCase().split(/\s*,\s*/))
  const gone = new Set([...OF_ONE_HOP, ...named])
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !gone.has(name))) as T
}
