// Knows how what is stored goes out in the place of what a handler left on its response.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Entry } from '../../src/door.ts'
import type { Verdict } from './capture.ts'
import type { Fields } from './fields.ts'
import { setReason } from './head.ts'
import type { Head } from './head.ts'
import { answerTo, putHead } from './replay.ts'
import type { ReplayOptions } from './replay.ts'
import type { StoredResponse } from './stored-response.ts'
import type { Visit } from './visit.ts'

/** A request that is answered with something else than its handler's answer. */
export interface Replacing {
  readonly visit: Visit<unknown>
  readonly requestFields: IncomingHttpHeaders
  /** The fields that stood before the handler. */
  readonly baseline: Fields
}

/** Puts what holds, by its handler's answer, onto the response, as if the handler had answered with it. RFC 9111 §4.3.3 */
export function putRenewed({ visit, baseline }: Replacing, renewed: StoredResponse, answer: Head, now: number): void {
  const { res } = visit
  const cookies = answer.fields['set-cookie']
  putInstead(res, renewed, baseline, { age: 0, now: () => now })
  // RFC 9111 §5.1: Age says that nobody was asked. One of a cache behind the handler stays.
  if (!renewed.fields.some(([name]) => name.toLowerCase() === 'age')) res.removeHeader('Age')
  // One client's, and so never stored; but this one's.
  if (cookies !== undefined) res.setHeader('Set-Cookie', cookies)
}

/** Whether what is stored and stale may go out where the handler failed. RFC 5861 §4 */
export function mayServeStale({ res }: Visit<unknown>, found: Entry<StoredResponse>, now: number): boolean {
  return !res.headersSent && now < found.freshUntil + (found.value.stale?.ifError ?? 0)
}

/** Puts what is stored onto a response that has sent nothing yet, in the place of what its handler did to it. */
export function putInstead(res: ServerResponse, stored: StoredResponse, baseline: Fields, options: ReplayOptions): void {
  for (const name of res.getHeaderNames()) if (!(name in baseline)) res.removeHeader(name)
  for (const [name, value] of Object.entries(baseline)) if (value !== undefined) res.setHeader(name, value)
  setReason(res, '')
  putHead(res, stored, options)
}

/** What goes out with a head that was put: the body or a part of it, or nothing with a 304. */
export function bodyInstead({ visit, requestFields }: Replacing, stored: StoredResponse, now: number): Required<Omit<Verdict, 'keep'>> {
  const { res, method } = visit
  const { status, body } = answerTo(res, stored, { method, fields: requestFields }, now)
  if (body === undefined) return { notModified: true, instead: new Uint8Array() }
  res.statusCode = status
  if (status !== 204) res.setHeader('Content-Length', body.byteLength)
  return { notModified: false, instead: body }
}
