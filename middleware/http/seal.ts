// Knows how a response whose head is held looks to its handler: as one whose head was sent.

import type { ServerResponse } from 'node:http'
import { reasonOf, setReason } from './head.ts'

/** Makes a response whose head is held look as one whose head was sent; returns what undoes it. */
export function seal(res: ServerResponse, state: { hasEnded(): boolean; needsDrain(): boolean }): () => void {
  const { statusCode } = res
  const reason = reasonOf(res)
  const refuse = (): never => {
    throw sealed('set')
  }
  const shadows: PropertyDescriptorMap = {
    headersSent: { configurable: true, get: () => true },
    writableEnded: { configurable: true, get: state.hasEnded },
    writableNeedDrain: { configurable: true, get: state.needsDrain },
  }
  for (const name of ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader']) {
    shadows[name] = { configurable: true, writable: true, value: refuse }
  }
  const before = new Map(Object.keys(shadows).map((name) => [name, Object.getOwnPropertyDescriptor(res, name)]))
  Object.defineProperties(res, shadows)
  return () => {
    for (const [name, descriptor] of before) {
      Reflect.deleteProperty(res, name)
      if (descriptor !== undefined) Object.defineProperty(res, name, descriptor)
    }
    // Set since then, they would have been too late.
    res.statusCode = statusCode
    setReason(res, reason)
  }
}

/** What Node.js throws for a head that comes too late. */
export function sealed(verb: 'set' | 'write'): Error {
  const error = new Error(`Cannot ${verb} headers after they are sent to the client`)
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' })
}
