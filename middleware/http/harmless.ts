// Knows which names say of a request what happens to it and not whose it is, and whether what stands under one is as harmless.

import { hasContent } from './content.ts'
import type { Fields } from './fields.ts'

/** Fields that say how a message travels, or who traces it: a handler that put them into a response would make it another, but not another's. */
export const HARMLESS_FIELDS: ReadonlySet<string> = namesIn(
  ':method :path cache-control connection content-length expect keep-alive pragma traceparent tracestate transfer-encoding ' +
    'x-correlation-id x-request-id',
)

const IDS = namesIn('id reqId requestId correlationId traceId')
// The content of a GET goes past the cache, so what is in these came from elsewhere.
const CONTENT = namesIn('body rawBody file files')

/** Properties that layers leave. The last is OpenTelemetry's, by which layers a request of Express has come, and lets nobody watch it. */
export const HARMLESS_NAMES: ReadonlySet<string> = new Set([
  ...IDS,
  ...CONTENT,
  ...namesIn(
    'log logger _body startTime _startTime _startAt timing timings timedout clearTimeout flush allLogs __onFinished __ot_middlewares',
  ),
])

/** Those under which a layer may leave what is not what they say. */
export const DOUBTFUL_NAMES: ReadonlySet<string> = new Set([...IDS, ...CONTENT])

function namesIn(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}

/** Whether what has a harmless name is as harmless as it. */
export type Harmlessness = (name: string, value: unknown) => boolean

/** What is what its harmless name says, on a request with these fields whose answer has those of outer layers; others leave there who asks. */
export function harmlessOn(fields: Fields, baseline: Fields): Harmlessness {
  return (name, value) => {
    if (value === undefined || value === null) return true
    if (CONTENT.has(name)) return isEmpty(value) || hasContent(fields)
    if (IDS.has(name)) return isToldAsId(value, fields) || isToldAsId(value, baseline)
    return (name !== 'log' && name !== 'logger') || isLogger(value)
  }
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === '' || value === false
}

function isLogger(value: unknown): boolean {
  if (typeof value === 'function') return true
  return typeof value === 'object' && value !== null && LOGS.some((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

const LOGS = ['info', 'log', 'debug', 'error', 'write']

// In which fields a request tells its id, or its answer does; who traces it tells it among others.
const ID_FIELDS = ['x-request-id', 'x-correlation-id', 'request-id']

function isToldAsId(value: unknown, fields: Fields): boolean {
  const text = String(value)
  return ID_FIELDS.some((name) => fields[name] === text) || (text.length >= 16 && partsOf(fields['traceparent']).includes(text))
}

function partsOf(traceparent: unknown): readonly string[] {
  return typeof traceparent === 'string' ? traceparent.split('-') : []
}
