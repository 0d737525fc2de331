// Knows an entry as bytes, wherever they are kept: a readable header line, and the value's own bytes behind it.

import { show } from './duration.ts'
import { CodecError } from './errors.ts'
import { Ref } from './ref.ts'
import { uncut } from './uncut.ts'

/** What one process computed and any may serve, as far as the clear log lets it. */
export interface RemoteEntry {
  /** The clear log's generation and epoch when the load began. */
  readonly generation: string
  readonly epoch: number
  /** The call itself first, then everything it was computed from. */
  readonly refs: readonly Ref[]
  /** The same, without the call itself. */
  readonly read: readonly Ref[]
  /** Milliseconds for which it was fresh when it was stored. Infinity: it does not end. */
  readonly lifetime: number
  /** Milliseconds for which it is still fresh. Negative in the stale window. */
  readonly remaining: number
  /** Milliseconds that its load took, where that is of use. */
  readonly cost?: number | undefined
  readonly payload: Uint8Array
}

/** An entry to be written. `staleWindow`: milliseconds past its lifetime for which it is kept. */
export interface NewRemoteEntry extends Omit<RemoteEntry, 'remaining' | 'read'> {
  readonly staleWindow: number
}

/** What is made of what is read: of nothing, where that could not be, for the reason that is given. */
export type UseRead<R> = (there: RemoteEntry | undefined, failure?: unknown) => R | Promise<R>

const FORMAT_NAME = 'cache-alchemy:2'
const FORMAT = `${FORMAT_NAME} `
const ANY_FORMAT = /^cache-alchemy:\d+ /
const LINE_END = 0x0a
// Longer than any name of a format.
const LONGEST_FORMAT = 60
// Until the year 2286.
const TIME_LENGTH = 13
const TIME_END = FORMAT.length + TIME_LENGTH
// More than the refs of any entry take: to read a longer one would keep this process from all else.
const LONGEST_HEADER = 4 * 1024 * 1024
// 2 ** 13 headers are known, which take up to some 4 KB each with their refs. Each has one of so many places, a power of two: with fewer, of some
// hundred that are read in turn many push each other out.
const KNOWN_BITS = 13
const PLACES = 4
const LONGEST_KNOWN = 400
const MOST_KNOWN_REFS = 10
const NO_COST = '-'
const NO_HEADER = 'has no header that can be read'
const EXACT = '='.charCodeAt(0)
const PATTERN = '~'.charCodeAt(0)

/**
 * An entry as one piece of bytes: a line of fields, and the value's own. `storedAt`: when it comes to where it is kept, in milliseconds, by the
 * clock that will be asked again; without it the entry is of no use until it is dated there. The line is such as `cache-alchemy:2 1700000000000 17 <generation> <epoch> 60000 0 -⇥=getUser("42")⇥~listPosts({"author":"42"}`,
 * with tabs for the arrows; the number that follows the time is how many bytes the value has.
 */
export function encodeEntry(entry: NewRemoteEntry, storedAt: number = 0): Buffer {
  const { generation, epoch, lifetime, staleWindow, cost, refs, payload } = entry
  const fields = [
    FORMAT_NAME,
    String(Math.floor(storedAt)).padStart(TIME_LENGTH, '0'),
    payload.byteLength,
    generation,
    epoch,
    lifetime,
    staleWindow,
    cost ?? NO_COST,
  ]
  return Buffer.concat([Buffer.from(`${fields.join(' ')}${refs.map(writeRef).join('')}\n`, 'latin1'), payload])
}

/** What an entry begins with that is not dated, and where in it its time belongs. */
export const UNDATED: { readonly begin: string; readonly at: number } = { begin: FORMAT + '0'.repeat(TIME_LENGTH), at: FORMAT.length }

/** What a header says, whenever it is read. */
interface Header extends Pick<RemoteEntry, 'generation' | 'epoch' | 'refs' | 'read' | 'lifetime' | 'cost'> {
  readonly line: string
  readonly storedAt: number
  readonly staleWindow: number
  readonly length: number
}

/**
 * An entry out of its bytes, at `now` by the clock that said when it was stored. Undefined where its time is up, and for another format, such
 * as an older or a newer release has. Throws a `CodecError` that names `at`, the key, for garbage.
 */
export function decodeEntry(bytes: Buffer, at: string, now: number): RemoteEntry | undefined {
  const found = bytes.indexOf(LINE_END)
  const end = found > LONGEST_HEADER ? -1 : found
  const line = bytes.toString('latin1', 0, end < 0 ? LONGEST_FORMAT : end)
  const header = end < 0 ? undefined : known.get(line, at)
  if (header === undefined) return void refuse(line, at)
  const { storedAt, staleWindow, length, lifetime } = header
  const payload = bytes.subarray(end + 1)
  if (payload.byteLength !== length) throw garbage(at, `has ${payload.byteLength} of ${length} bytes`)
  // By a clock that was set back an entry is younger than when it was stored: it is taken for new then, and for no more.
  const remaining = lifetime - Math.max(now - storedAt, 0)
  if (storedAt === 0 || remaining + staleWindow <= 0) return undefined
  const { generation, epoch, refs, read, cost } = header
  return { generation, epoch, refs, read, lifetime, remaining, cost, payload }
}

/**
 * What headers said that were read lately: an entry is read more than once, and its refs are looked up by their leaves, each time. Each has one
 * of a few places, by its own call: to make the hash of all its characters, as a Map would, takes longer than all else.
 */
class KnownHeaders {
  readonly #places: Array<Header | undefined> = Array.from({ length: 2 ** KNOWN_BITS })

  /** Undefined for a line that is no header. Throws a `CodecError` for one that cannot be read. */
  get(line: string, at: string): Header | undefined {
    if (line.length > LONGEST_KNOWN) return headerIn(line, at)
    const first = firstPlaceOf(line)
    for (let place = first; place < first + PLACES; place++) {
      const header = this.#places[place]
      if (header?.line === line) return header
    }
    const header = headerIn(line, at)
    if (header === undefined || header.refs.length > MOST_KNOWN_REFS) return header
    // The one that was read first of these goes.
    this.#places.copyWithin(first + 1, first, first + PLACES - 1)
    this.#places[first] = header
    return header
  }
}

const known = new KnownHeaders()

/** By its own call's ref: that says which entry it is, and of the others many may have the same. Where that is its function's, by all of the line. */
function firstPlaceOf(line: string): number {
  const own = line.indexOf('\t', TIME_END) + 1
  const isExact = line.charCodeAt(own) === EXACT
  const next = isExact ? line.indexOf('\t', own) : -1
  const end = next < 0 ? line.length : next
  let mixed = 0
  for (let at = isExact ? own : FORMAT.length; at < end; at++) mixed = Math.imul(mixed, 31) + line.charCodeAt(at)
  // Multiplicative hashing: Knuth, The Art of Computer Programming, volume 3, 6.4.
  return (Math.imul(mixed, 0x9e3779b1) >>> (32 - KNOWN_BITS)) & -PLACES
}

// The fields of a header behind its format: storedAt, length, generation, epoch, lifetime, staleWindow, cost.
const FIELDS = /^(\d+) (\d+) ([^ ]*) (\d+) (\d+(?:\.\d+)?|Infinity) (\d+(?:\.\d+)?|Infinity) (\d+|-)$/

function headerIn(line: string, at: string): Header | undefined {
  if (!line.startsWith(FORMAT)) return undefined
  const [said, ...parts] = line.split('\t')
  const fields = FIELDS.exec(said!.slice(FORMAT.length))
  // An entry that depends on nothing, not even on its own call, could not be cleared.
  if (fields === null || parts.length === 0) throw garbage(at, NO_HEADER)
  const [, storedAt, length, generation, epoch, lifetime, staleWindow, cost] = fields
  const refs = parts.map((part) => readRef(part, at))
  const header: Header = {
    line,
    // Each hit compares it.
    generation: uncut(generation!),
    epoch: Number(epoch),
    refs,
    read: refs.slice(1),
    lifetime: Number(lifetime),
    cost: cost === NO_COST ? undefined : Number(cost),
    storedAt: Number(storedAt),
    staleWindow: Number(staleWindow),
    length: Number(length),
  }
  const wholes = [header.epoch, header.cost ?? 0, header.storedAt, header.length]
  if (!wholes.every(Number.isSafeInteger)) throw garbage(at, NO_HEADER)
  return header
}

/** Another format is nobody's fault. */
function refuse(line: string, at: string): void {
  if (line.startsWith(FORMAT) || !ANY_FORMAT.test(line)) throw garbage(at, NO_HEADER)
}

/** Of an entry that begins with these bytes: what was known of the clear log when its load began. */
export function dateOf(head: Buffer): { readonly generation: string; readonly epoch: number } | undefined {
  const [, generation, epoch] = /^\S+ \d+ \d+ (\S+) (\d+) /.exec(head.toString('latin1')) ?? []
  return generation === undefined ? undefined : { generation, epoch: Number(epoch) }
}

/** What is told of something that stands in the place of an entry and is none. */
export function garbage(at: string, why: string): CodecError {
  return new CodecError(`What is stored as ${show(at)} is no entry: it ${why}. It counts as a miss, and the next entry replaces it.`)
}

function writeRef({ name, text, exact }: Ref): string {
  return `\t${exact ? '=' : '~'}${escaped(name).replaceAll('(', '%0028')}(${escaped(text)}`
}

function readRef(part: string, at: string): Ref {
  const middle = part.indexOf('(')
  const sign = part.charCodeAt(0)
  // An entry whose dependencies are not all known could not be cleared.
  if (middle < 1 || (sign !== EXACT && sign !== PATTERN)) throw garbage(at, NO_HEADER)
  return new Ref(unescaped(part.slice(1, middle)), unescaped(part.slice(middle + 1)), sign === EXACT)
}

/** In characters that are one byte each, and none that ends a field or the line. */
function escaped(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]|%/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function unescaped(text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/%([0-9a-f]{4})/g, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16)))
}
