// Knows how the shared log is written: records in Redis, messages of the channel, replies of the scripts.

import type { ClearRecord, RecordKind } from '../clear-log.ts'
import { fromWire, toWire, type Ref } from '../ref.ts'

/** A record as it was read: where it lies in the shared log, and undefined where it cannot be read. */
export interface WireRecord {
  readonly epoch: number
  readonly what: { readonly kind: RecordKind; readonly ref: Ref } | undefined
}

/** What the scripts answer. Between `from` and `upto` nothing is missing in `records`. */
export interface Reply {
  readonly generation: string
  readonly from: number
  readonly upto: number
  /** The newest epoch there is; beyond `upto` where one page did not hold all. */
  readonly epoch: number
  /** Up to here records have been dropped. */
  readonly floor: number
  readonly records: readonly WireRecord[]
  /** What the server's clock said, in microseconds. */
  readonly time: number
  /** The name of the append at `upto`; empty where that is in the middle of what was missed. */
  readonly tip: string
  /** Where the question asked for older ones: all that are later than `low`. */
  readonly low: number
  readonly older: readonly WireRecord[]
}

/** One append, as the channel tells it. */
export interface Message {
  readonly generation: string
  /** The epoch before this one: who is there has missed nothing. */
  readonly previous: number
  readonly epoch: number
  readonly writer: string
  readonly delivery: string
  readonly records: readonly WireRecord[]
  /** What the server's clock said, in microseconds: the epoch itself, unless that is ahead of the clock. */
  readonly time: number
  /** The names of the append before this one, and of this one. */
  readonly before: string
  readonly tip: string
}

const letters: Record<RecordKind, string> = { clear: 'c', expire: 'e' }

/** A record as the sorted set holds it. */
export function memberOf(record: ClearRecord): string {
  return JSON.stringify([letters[record.kind], ...toWire(record.ref)])
}

function readRecord(member: unknown, epoch: number): WireRecord {
  if (!Array.isArray(member)) return { epoch, what: undefined }
  const [letter, ...wire] = member as unknown[]
  const kind = letter === letters.clear ? 'clear' : letter === letters.expire ? 'expire' : undefined
  const ref = fromWire(wire)
  return { epoch, what: kind === undefined || ref === undefined ? undefined : { kind, ref } }
}

/** Undefined where it is no message of ours. */
export function readMessage(text: string): Message | undefined {
  const message = parse(text)
  if (!Array.isArray(message)) return undefined
  const [generation, previous, epoch, writer, delivery, members, time = epoch, before = '', tip = ''] = message as unknown[]
  if (typeof generation !== 'string' || typeof writer !== 'string' || typeof delivery !== 'string' || !Array.isArray(members))
    return undefined
  if (!isEpoch(previous) || !isEpoch(epoch) || !isEpoch(time) || typeof before !== 'string' || typeof tip !== 'string') return undefined
  return { generation, previous, epoch, writer, delivery, records: members.map((member) => readRecord(member, epoch)), time, before, tip }
}

/** Undefined where it is no reply of ours. */
export function readReply(reply: unknown): Reply | undefined {
  if (!Array.isArray(reply)) return undefined
  const [generation, ...rest] = reply as unknown[]
  const [from, upto, epoch, floor] = rest.slice(0, 4).map(Number)
  if (typeof generation !== 'string' || !isEpoch(from) || !isEpoch(upto) || !isEpoch(epoch) || !isEpoch(floor)) return undefined
  const time = Number(rest[5])
  const tip = rest[6]
  if (!isEpoch(time) || typeof tip !== 'string') return undefined
  const low = rest[7] === undefined ? upto : Number(rest[7])
  return { generation, from, upto, epoch, floor, records: readRecords(rest[4]), time, tip, low, older: readRecords(rest[8]) }
}

/** Members and their epochs in turns. */
function readRecords(list: unknown): WireRecord[] {
  if (!Array.isArray(list)) return []
  const records: WireRecord[] = []
  for (let at = 0; at + 1 < list.length; at += 2) records.push(readRecord(parse(String(list[at])), Number(list[at + 1])))
  return records
}

function isEpoch(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
