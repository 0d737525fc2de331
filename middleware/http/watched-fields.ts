// Knows what a handler reads of the response fields that outer layers have set: they may say who asks.

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { HARMLESS_FIELDS } from './harmless.ts'
import { fieldsOf, keepFields } from './unwatched.ts'
import { shadow } from './shadow.ts'

export interface WatchedFields {
  readonly res: ServerResponse
  /** As handlers write the response: "res", "ctx.res". */
  readonly label: string
  /** Told of a field that stood there before the handler. */
  read(input: string): void
  /** Told of one that is looked for and not there, where another request may have it. */
  lookFor(input: string): void
  isPaused(): boolean
}

// Frameworks, and what is mounted in them, look at these to set them: they say what is sent, and how.
const FRAMEWORKS: ReadonlySet<string> = new Set(
  (
    'accept-ranges cache-control cache-status connection content-disposition content-encoding content-language content-length content-location ' +
    'content-range content-type date etag expires keep-alive last-modified link location pragma set-cookie trailer transfer-encoding vary x-powered-by'
  ).split(' '),
)

/** What a handler reads where it reads a field of the response that is not its own. */
function fieldInput(label: string, name: string): string {
  return `${label}.getHeader(${name})`
}

/** Whether a response has the field that an input is behind its label; undefined for one that is none. "*" is any. */
export function hasFieldOf(res: object, rest: string): boolean | undefined {
  const name = /^\.getHeader\((.+)\)$/.exec(rest)?.[1]
  if (name === undefined || !('getHeaders' in res)) return undefined
  const fields = fieldsOf(res as ServerResponse)
  return name === '*'
    ? Object.keys(fields).some((field) => !FRAMEWORKS.has(field) && !HARMLESS_FIELDS.has(field))
    : fields[name] !== undefined
}

type Method = (...args: unknown[]) => unknown

/** Notices it, until what is returned is called. What the handler has set itself is its own. */
export function watchFields({ res, label, read, lookFor, isPaused }: WatchedFields): ((() => void) | undefined)[] {
  const before = keepFields(res)
  const notice = (given: string, value: unknown): void => {
    const name = given.toLowerCase()
    if (FRAMEWORKS.has(name) || HARMLESS_FIELDS.has(name)) return
    if (before[name] === undefined) {
      if (value === undefined) lookFor(fieldInput(label, name))
    } else if (value === before[name]) read(fieldInput(label, name))
  }
  const getHeader = res.getHeader.bind(res)
  const byName = (method: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const [name] = args
      if (typeof name === 'string' && !isPaused()) notice(name, getHeader(name))
      return Reflect.apply(method, this, args)
    }
  const all = (method: Method) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const fields = Reflect.apply(method, this, args) as OutgoingHttpHeaders
      return isPaused() ? fields : noticing(fields, notice, () => lookFor(fieldInput(label, '*')))
    }
  const methods = { getHeader: byName, hasHeader: byName, appendHeader: byName, getHeaders: all }
  return Object.entries(methods).map(([name, around]) => shadow(res, name, { get: (value) => around(value() as Method) }))
}

/** A copy of fields, of which each that is read is told. */
function noticing(fields: OutgoingHttpHeaders, notice: (name: string, value: unknown) => void, noticeAll: () => void): OutgoingHttpHeaders {
  return new Proxy(fields, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof name === 'string') notice(name, value)
      return value
    },
    ownKeys: (target) => (noticeAll(), Reflect.ownKeys(target)),
    has(target, name) {
      if (typeof name === 'string') notice(name, target[name])
      return Reflect.has(target, name)
    },
    getOwnPropertyDescriptor(target, name) {
      if (typeof name === 'string') notice(name, target[name])
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
  })
}
