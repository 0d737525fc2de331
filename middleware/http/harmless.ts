// Knows whether what stands under a harmless name is as harmless as the name.

import { hasContent } from './content.ts'
import type { Fields } from './fields.ts'

/** Whether what has a harmless name is as harmless as it. */
export type Harmlessness = (name: string, value: unknown) => boolean

/** What is what its harmless name says, on a request with these fields whose answer has those of outer layers; others leave there who asks. */
export function harmlessOn(fields: Fields, baseline: Fields): Harmlessness {
  return (name, value) => {
    if (value === undefined || value === null) return true
    // A GET that has content goes past the cache, so what is in these came from elsewhere.
    if (CONTENT.has(name)) return isEmpty(value) || hasContent(fields)
    if (name === 'id') return isToldAsId(value, fields) || isToldAsId(value, baseline)
    return (name !== 'log' && name !== 'logger') || isLogger(value)
  }
}

const CONTENT: ReadonlySet<string> = new Set(['body', 'rawBody', 'file', 'files'])

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === '' || value === false
}

function isLogger(value: unknown): boolean {
  if (typeof value === 'function') return true
  return typeof value === 'object' && value !== null && LOGS.some((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

const LOGS = ['info', 'log', 'debug', 'error', 'write']

// In which fields a request tells its id, or its answer does.
const ID_FIELDS = ['x-request-id', 'x-correlation-id', 'request-id']

function isToldAsId(value: unknown, fields: Fields): boolean {
  return ID_FIELDS.some((name) => fields[name] !== undefined && fields[name] === String(value))
}
