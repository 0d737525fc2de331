// Knows an entry as bytes, wherever they are kept: a readable header line, and the value's own bytes behind it.

import { show } from './duration.ts'
import { CodecError } from './errors.ts'
import { fromWire, toWire, type Ref } from './ref.ts'

/** What one process computed and any may serve, as far as the clear log lets it. */
export interface RemoteEntry {
  /** The clear log's generation and epoch when the load began. */
  readonly generation: string
  readonly epoch: number
  readonly refs: readonly Ref[]
  /** Milliseconds for which it was fresh when it was stored. Infinity: it does not end. */
  readonly lifetime: number
  /** Milliseconds for which it is still fresh. Negative in the stale window. */
  readonly remaining: number
  /** Milliseconds that its load took, where that is of use. */
  readonly cost?: number | undefined
  readonly payload: Uint8Array
}

/** An entry to be written. `staleWindow`: milliseconds past its lifetime for which it is kept. */
export interface NewRemoteEntry extends Omit<RemoteEntry, 'remaining'> {
  readonly staleWindow: number
}

/** An entry out of its bytes, and the stamp that it was given. */
export interface ReadEntry extends NewRemoteEntry {
  readonly stamp: Stamp | undefined
}

/** What a place that only keeps bytes cannot say by itself: when they came, and how many they were. */
export interface Stamp {
  readonly storedAt: number
  readonly length: number
}

interface Header extends Partial<Stamp> {
  readonly generation: string
  readonly epoch: number
  readonly lifetime: number | null
  readonly staleWindow: number
  readonly cost?: number | undefined
  readonly refs: readonly unknown[]
}

const FORMAT = 'cache-alchemy:1 '
const ANY_FORMAT = /^cache-alchemy:\d+ /
const LINE_END = 0x0a
// Longer than any name of a format.
const LONGEST_FORMAT = 60

/** `storedAt`: for a place that does not count the time which is left, when the entry comes there, by the clock that will be asked again. */
export function encodeEntry(entry: NewRemoteEntry, storedAt?: number): Buffer {
  const { generation, epoch, lifetime, staleWindow, cost, refs, payload } = entry
  const stamp = storedAt === undefined ? {} : { storedAt, length: payload.byteLength }
  const ends = Number.isFinite(lifetime) ? lifetime : null
  const header: Header = { generation, epoch, lifetime: ends, staleWindow, cost, ...stamp, refs: refs.map(toWire) }
  return Buffer.concat([Buffer.from(`${FORMAT}${JSON.stringify(header)}\n`), payload])
}

/** Undefined for another format, such as an older or a newer release has. Throws a `CodecError` that names `at`, the key, for garbage. */
export function decodeEntry(bytes: Buffer, at: string): ReadEntry | undefined {
  const end = bytes.indexOf(LINE_END)
  const line = bytes.toString('utf8', 0, end < 0 ? LONGEST_FORMAT : end)
  if (!line.startsWith(FORMAT) && ANY_FORMAT.test(line)) return undefined
  const header = end < 0 ? undefined : readHeader(line)
  const refs = header?.refs.map(fromWire)
  // An entry whose dependencies are not all known could not be cleared.
  if (header === undefined || refs === undefined || !refs.every((ref) => ref !== undefined))
    throw garbage(at, 'has no header that can be read')
  const { generation, epoch, lifetime, staleWindow, cost, storedAt, length } = header
  const payload = bytes.subarray(end + 1)
  if (length !== undefined && length !== payload.byteLength) throw garbage(at, `has ${payload.byteLength} of ${length} bytes`)
  const stamp = storedAt === undefined || length === undefined ? undefined : { storedAt, length }
  const entry = { generation, epoch, refs, lifetime: lifetime ?? Number.POSITIVE_INFINITY, staleWindow, payload, stamp }
  return cost === undefined ? entry : { ...entry, cost }
}

function readHeader(line: string): Header | undefined {
  if (!line.startsWith(FORMAT)) return undefined
  try {
    const header = JSON.parse(line.slice(FORMAT.length)) as Partial<Header>
    const isHeader =
      typeof header.generation === 'string' &&
      Number.isSafeInteger(header.epoch) &&
      (header.lifetime === null || typeof header.lifetime === 'number') &&
      typeof header.staleWindow === 'number' &&
      isNumberOrNothing(header.storedAt) &&
      isNumberOrNothing(header.length) &&
      isNumberOrNothing(header.cost) &&
      Array.isArray(header.refs)
    return isHeader ? (header as Header) : undefined
  } catch {
    return undefined
  }
}

/** What is told of something that stands in the place of an entry and is none. */
export function garbage(at: string, why: string): CodecError {
  return new CodecError(`What is stored as ${show(at)} is no entry: it ${why}. It counts as a miss, and the next entry replaces it.`)
}

function isNumberOrNothing(value: unknown): boolean {
  return value === undefined || typeof value === 'number'
}
