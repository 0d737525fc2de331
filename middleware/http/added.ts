// Knows what outer layers have put on a request for those behind them: what is neither Node.js's nor the framework's own.

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { DOUBTFUL_NAMES, HARMLESS_NAMES } from './harmless.ts'
import type { Harmlessness } from './harmless.ts'
import { isOwnSymbol } from './http2.ts'

/** An object on which layers leave things for one another. */
export interface Place {
  readonly target: object
  /** As handlers write it: "req", "res.locals", "ctx.state". */
  readonly label: string
  /** By what object and property handlers come to it, where it is the application's own. */
  readonly holder?: { readonly target: object; readonly name: string }
}

/** A property that a layer has put there. */
export interface AddedProperty {
  readonly target: object
  readonly name: string | symbol
  /** As handlers write it: "req.user", "ctx.state[Symbol(user)]". */
  readonly label: string
}

const OF_REQUESTS =
  'headers headersDistinct rawHeaders trailersDistinct connection client socket stream url originalUrl _parsedOriginalUrl _parsedUrl _eventsCount'

// Of Express and its router, of Koa, koa-mount and @koa/router, and of what everyone mounts; those of a request that are computed of it are
// watched as such. What layers leave on places of their own is theirs alone.
const FRAMEWORKS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'req',
    namesIn(`${OF_REQUESTS} app baseUrl fresh host hostname ip ips next params path protocol query res route secure stale subdomains xhr`),
  ],
  ['res', namesIn('app req locals charset')],
  [
    'ctx',
    namesIn(
      'app req res request response originalUrl respond state host params router routerName routerPath captures matched mountPath ' +
        'routeMatched routeName route _matchedRoute _matchedRouteName',
    ),
  ],
  ['ctx.request', namesIn('app req res ctx response originalUrl ip params query _accept _querycache memoizedURL _parsedUrl')],
  ['ctx.response', namesIn('app req res ctx request _body _explicitNullBody _explicitStatus')],
  ['ctx.req', namesIn(OF_REQUESTS)],
])

function namesIn(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}

// OpenTelemetry binds listeners to their request.
const SYMBOLS = [
  'context#cookies',
  'context#ip',
  'kHeadersDistinct',
  'kTrailersDistinct',
  'OtListeners',
  'kUniqueHeaders',
  'router.tracing.matchedRoute',
]

const blank = new IncomingMessage(new Socket())
// A server says on the response how many requests a connection may have, streams are looked over by names that some of them have, and responses
// by what those of HTTP/2 alone have.
const ofNode = [
  'createPushResponse',
  '_maxRequestsPerSocket',
  'readableErrored',
  'writableErrored',
  ...[blank, new ServerResponse(blank), new Duplex()].flatMap(namesOf),
]
// The places that are Node.js's.
const MESSAGES: ReadonlySet<string> = new Set(['req', 'res', 'ctx.req', 'ctx.res'])
const NODES: ReadonlySet<string | symbol> = new Set(ofNode)
const SYMBOL_NAMES: ReadonlySet<string | undefined> = new Set([
  ...SYMBOLS,
  ...ofNode.map((key) => (typeof key === 'symbol' ? key.description : undefined)),
])

function namesOf(object: object | null): readonly (string | symbol)[] {
  return object === null || object === Object.prototype
    ? []
    : [...Reflect.ownKeys(object), ...namesOf(Object.getPrototypeOf(object) as object)]
}

// Where nobody is logged in they are not there, and to look for them is to ask who it is all the same.
const LIKELY = 'account auth currentUser identity jwt principal session tenant token user userId'.split(' ')
const MOST_NAMES = 200

/** By which handlers answer. Where no layer has wrapped one, another may on the request of somebody else. */
export const ANSWERING: ReadonlySet<string> = namesIn('json jsonp send sendStatus sendFile sendfile download render redirect format')

/** Labels of what was found on any request, for the requests on which it is absent. */
const met = new Set<string>()

/** What layers have put on a place. `isHarmless`: of what has a harmless name. */
export function addedTo(place: Place, isHarmless: Harmlessness = () => true): readonly AddedProperty[] {
  const { target } = place
  const isAdded = (name: string | symbol): boolean => isAddedTo(place, name, isHarmless)
  const names = Reflect.ownKeys(target).filter(isAdded)
  for (const proto of ownPrototypes(target)) {
    // What a whole application has is no one's; what it computes of a request may be someone's.
    names.push(...Reflect.ownKeys(proto).filter((name) => Object.getOwnPropertyDescriptor(proto, name)?.get && isAdded(name)))
  }
  const added = [...new Set(names)].map((name) => ({ target, name, label: labelOf(place, name) }))
  for (const { label } of added) if (met.size < MOST_NAMES) met.add(label)
  return added
}

// What the language looks for on any object: "then" to await it, "toJSON" to write it.
const LANGUAGES: ReadonlySet<string> = new Set(['then', 'toJSON'])

function isLeavable({ label }: Place, name: string | symbol): boolean {
  if (MESSAGES.has(label) && NODES.has(name)) return false
  if (typeof name === 'symbol') return !SYMBOL_NAMES.has(name.description) && name.description?.startsWith('Symbol.') !== true
  return (!HARMLESS_NAMES.has(name) || DOUBTFUL_NAMES.has(name)) && !isFrameworks(label, name) && !LANGUAGES.has(name)
}

/** Whether a place has a property of this name from its framework. */
export function isFrameworks(label: string, name: string): boolean {
  return FRAMEWORKS.get(label)?.has(name) === true
}

function isAddedTo(place: Place, name: string | symbol, isHarmless: Harmlessness): boolean {
  const { target, label } = place
  if (MESSAGES.has(label) && NODES.has(name)) return false
  if (typeof name === 'symbol') return !SYMBOL_NAMES.has(name.description) && !isOwnSymbol(target, name)
  if (HARMLESS_NAMES.has(name)) return !isHarmless(name, quietly(target, name))
  // A framework's method that a layer has wrapped is that layer's, and may know who asks; one of Node.js's it wraps for the way out.
  return !isFrameworks(label, name)
}

function quietly(target: object, name: string): unknown {
  try {
    return Reflect.get(target, name)
  } catch (error) {
    return error
  }
}

/** The prototypes that are the application's: those before the framework's class or the base object that Koa makes its own of. */
function ownPrototypes(target: object): object[] {
  const found: object[] = []
  let proto = Object.getPrototypeOf(target) as object | null
  while (proto !== null && !Object.hasOwn(proto, 'constructor')) {
    found.push(proto)
    proto = Object.getPrototypeOf(proto) as object | null
  }
  return 'onerror' in target || 'ctx' in target ? found.slice(0, -1) : found
}

/** A property as handlers write it. */
export function labelOf({ label }: Place, name: string | symbol): string {
  return typeof name === 'symbol' ? `${label}[${String(name)}]` : `${label}.${name}`
}

// What stands in for a prototype while it is watched who looks for what is absent.
const guarded = new WeakMap<object, object | null>()

/** Whether a place of the application's own is no plain object: what is on it, nobody can tell from outside. */
export function isOpaque({ target, holder }: Place): boolean {
  if (holder === undefined) return false
  let proto = Object.getPrototypeOf(target) as object | null
  while (proto !== null && guarded.has(proto)) proto = guarded.get(proto)!
  return proto !== null && proto !== Object.prototype
}

/** Who hears of what a handler looks for and does not find. */
export interface Seeker {
  /** Of what layers usually leave, or left on other requests: to look for it is to ask who it is. */
  read(label: string): void
  /** Of anything else that some layer may leave. */
  lookFor(label: string): void
}

/** Notices who looks for what layers may have put on other requests and not on this one; returns what ends it. */
export function watchAbsent(place: Place, seeker: Seeker): () => void {
  const { target } = place
  if (!Object.isExtensible(target)) return () => {}
  const before = Object.getPrototypeOf(target) as object | null
  const notice = (proto: object, name: string | symbol): void => {
    const label = labelOf(place, name)
    if (name in proto) {
      if (typeof name === 'string' && ANSWERING.has(name)) seeker.lookFor(label)
    } else if ((typeof name === 'string' && LIKELY.includes(name)) || met.has(label)) seeker.read(label)
    else if (isLeavable(place, name)) seeker.lookFor(label)
  }
  const guard = new Proxy(before ?? (Object.create(null) as object), {
    get: (proto, name, receiver) => (notice(proto, name), Reflect.get(proto, name, receiver) as unknown),
    has: (proto, name) => (notice(proto, name), Reflect.has(proto, name)),
  })
  guarded.set(guard, before)
  Object.setPrototypeOf(target, guard)
  return () => {
    if (Object.getPrototypeOf(target) === guard) Object.setPrototypeOf(target, before)
  }
}

/** Whether an input is a property, and no field or address. */
export function isProperty(input: string): boolean {
  return /^(?:req|res(?:\.locals)?|ctx(?:\.(?:state|req|res|request|response))?)[.[]/.test(input)
}
