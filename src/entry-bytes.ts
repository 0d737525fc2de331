// Knows an entry as bytes, wherever they are kept: a readable header line, and the value's own bytes behind it.

import { show } from './duration.ts'
import { CodecError } from './errors.ts'
import { Ref } from './ref.ts'

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

const FORMAT_NAME = 'cache-alchemy:2'
const FORMAT = `${FORMAT_NAME} `
const ANY_FORMAT = /^cache-alchemy:\d+ /
const LINE_END = 0x0a
// Longer than any name of a format.
const LONGEST_FORMAT = 60
const FIELDS = 8
const NO_COST = '-'
const NO_HEADER = 'has no header that can be read'
const EXACT = '='.charCodeAt(0)
const PATTERN = '~'.charCodeAt(0)

/**
 * The header in two parts: between them belongs when the entry comes to where it is kept, in milliseconds, by the clock that will be asked
 * again. Its own bytes follow. Such as `cache-alchemy:2 ` and ` 17 <generation> <epoch> 60000 0 -⇥=getUser("42")⇥~listPosts({"author":"42"}`,
 * with tabs for the arrows; the number that follows the time is how many bytes the value has.
 */
export function headerOf(entry: NewRemoteEntry): readonly [before: string, after: string] {
  const { generation, epoch, lifetime, staleWindow, cost, refs, payload } = entry
  const fields = [payload.byteLength, generation, epoch, lifetime, staleWindow, cost ?? NO_COST]
  return [FORMAT, ` ${fields.join(' ')}${refs.map(writeRef).join('')}\n`]
}

/** An entry as one piece of bytes. */
export function encodeEntry(entry: NewRemoteEntry, storedAt: number): Buffer {
  const [before, after] = headerOf(entry)
  return Buffer.concat([Buffer.from(`${before}${storedAt}${after}`, 'latin1'), entry.payload])
}

/**
 * An entry out of its bytes, at `now` by the clock that said when it was stored. Undefined where its time is up, and for another format, such
 * as an older or a newer release has. Throws a `CodecError` that names `at`, the key, for garbage.
 */
export function decodeEntry(bytes: Buffer, at: string, now: number): RemoteEntry | undefined {
  const end = bytes.indexOf(LINE_END)
  const line = bytes.toString('latin1', 0, end < 0 ? LONGEST_FORMAT : end)
  if (!line.startsWith(FORMAT) && ANY_FORMAT.test(line)) return undefined
  const parts = line.split('\t')
  const fields = parts[0]!.split(' ')
  if (end < 0 || fields[0] !== FORMAT_NAME || fields.length !== FIELDS) throw garbage(at, NO_HEADER)
  const payload = bytes.subarray(end + 1)
  const lifetime = Number(fields[5])
  // By a clock that was set back an entry is younger than when it was stored: it is taken for new then, and for no more.
  const remaining = lifetime - Math.max(now - Number(fields[1]), 0)
  const left = remaining + Number(fields[6])
  const epoch = Number(fields[4])
  if (!Number.isSafeInteger(epoch) || Number.isNaN(left)) throw garbage(at, NO_HEADER)
  if (payload.byteLength !== Number(fields[2])) throw garbage(at, `has ${payload.byteLength} of ${fields[2]} bytes`)
  const refs: Ref[] = []
  for (let i = 1; i < parts.length; i++) refs.push(readRef(parts[i]!, at))
  if (left <= 0) return undefined
  const cost = fields[7] === NO_COST ? undefined : Number(fields[7])
  return { generation: fields[3]!, epoch, refs, lifetime, remaining, cost, payload }
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
