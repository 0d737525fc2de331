// Knows what a handler reads of its request that its key does not cover.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddedProperty, Place } from './added.ts'
import { HARMLESS_FIELDS } from './harmless.ts'
import type { Harmlessness } from './harmless.ts'
import { PSEUDO_FIELDS } from './http2.ts'
import { shadow } from './shadow.ts'
import { headersOf, keepSocket, readForHandler, showHeaders } from './unwatched.ts'
import { watchFields } from './watched-fields.ts'
import { watchedHeaders, withoutHidden } from './watched-headers.ts'
import { watchPlace } from './watched-places.ts'
import { watchSocket } from './watched-socket.ts'

/**
 * What a handler could see of a request: a header's lower-case name, "headers" for all of them at once, "ip", "protocol", or a
 * property that an outer layer has set: "req.user".
 */
export type Input = string

/** A property of a framework's request that is computed from inputs. */
export interface DerivedProperty {
  readonly target: object
  readonly name: string
  /** What reading it reads. */
  readonly inputs: readonly Input[]
}

export interface WatchOptions {
  /** Its response, where that is watched too. */
  readonly res?: ServerResponse
  readonly derived: readonly DerivedProperty[]
  /** Where outer layers leave things. */
  readonly places: readonly Place[]
  /** Conditions that the handler sees in place of the client's. */
  readonly conditions?: Readonly<Record<string, string>> | undefined
  /** Whether what has a harmless name is harmless. @default it is */
  readonly isHarmless?: Harmlessness
  /** Whether the key covers an input, or it was declared harmless. */
  isCovered(input: Input): boolean
  /** Told of each input that is read and not covered, every time. */
  onRead(input: Input): void
  /** Told of each property that is looked for and not there, where nothing covers it. */
  onAbsent(input: Input): void
}

/** A request while its handler runs. */
export interface Watch {
  /** Runs what is not the handler's own reading: what outer layers do while the answer leaves. */
  unwatched<T>(work: () => T): T
  /** As `unwatched`, until what it returns is called. */
  pause(): () => void
  /** Ends it, and gives the request back as it was. */
  close(): void
}

/**
 * Watches a request until `close`. Conditions and ranges are not seen by the handler meanwhile. Costs a proxy for each request whose handler
 * runs, and nothing for a hit.
 */
export function watch(req: IncomingMessage, options: WatchOptions): Watch {
  keepSocket(req)
  const shown = { ...withoutHidden(headersOf(req)), ...options.conditions }
  const restoreShown = showHeaders(req, () => shown)
  let pauses = 0
  let probed: Input[] | undefined
  const read = (given: Input): void => {
    const input = PSEUDO_FIELDS.get(given) ?? given
    if (probed !== undefined) probed.push(input)
    else if (pauses === 0 && !HARMLESS_FIELDS.has(input) && !options.isCovered(input)) options.onRead(input)
  }
  const lookFor = (input: Input): void => {
    if (probed === undefined && pauses === 0 && !options.isCovered(input)) options.onAbsent(input)
  }
  const unwatched = <T>(work: () => T): T => {
    pauses++
    try {
      return work()
    } finally {
      pauses--
    }
  }
  const watchedOf =
    (conditions: Readonly<Record<string, unknown>> | undefined) =>
    (value: () => unknown): unknown => {
      // Node.js makes them of `rawHeaders` when they are first asked for.
      const headers = unwatched(value)
      // An outer layer, on its way out, gets the real ones, conditions and all.
      return pauses === 0 && typeof headers === 'object' && headers !== null
        ? watchedHeaders(headers as Record<string, unknown>, read, conditions)
        : headers
    }
  const { conditions } = options
  const distinct = conditions && Object.fromEntries(Object.entries(conditions).map(([name, value]) => [name, [value]]))
  const restores = [shadow(req, 'headers', { get: watchedOf(conditions) }), shadow(req, 'headersDistinct', { get: watchedOf(distinct) })]
  restores.push(shadow(req, 'rawHeaders', { before: () => read('headers') }))
  for (const { target, name, inputs } of options.derived) {
    const before = (): void => inputs.forEach(read)
    // What the property's own getter reads is named by the property.
    const get = (value: () => unknown): unknown => (pauses > 0 ? value() : readForHandler(req, () => unwatched(value)))
    restores.push(shadow(target, name, { before, get }))
  }
  const unwatchable: AddedProperty[] = []
  const reading = { read, lookFor, unwatched, unwatchable, isHarmless: options.isHarmless }
  for (const place of options.places) restores.push(...watchPlace(place, options.derived, reading))
  const { res } = options
  const ofRes = options.places.find(({ target }) => target === res)
  if (res !== undefined && ofRes !== undefined)
    restores.push(...watchFields({ res, label: ofRes.label, read, lookFor, isPaused: () => pauses > 0 }))
  // Behind the places, since it puts properties on their objects itself.
  restores.push(...watchSocket({ req, res, read, isPaused: () => pauses > 0 }))
  for (const { target, name, label } of unwatchable) {
    probed = []
    readQuietly(target, name)
    const isSeenThrough = probed.length > 0
    probed = undefined
    // Nobody can say whether it is read, unless it reads in turn what is watched: so koa-passport has the user of `ctx.state` on the request.
    if (!isSeenThrough) read(label)
  }
  return {
    unwatched,
    pause() {
      pauses++
      return () => void pauses--
    },
    close() {
      pauses = Number.POSITIVE_INFINITY
      for (const restore of restores.toReversed()) restore?.()
      restoreShown()
    },
  }
}

function readQuietly(target: object, name: PropertyKey): void {
  try {
    Reflect.get(target, name)
  } catch {
    // Its reader will hear of it.
  }
}
