// A process with its clear log, the shared log and other processes, in which anything may happen: the log and the naive one hear the same.
import fc from 'fast-check'
import { ClearLog, type ClearRecord, type RecordKind } from '../../src/clear-log.ts'
import { any } from '../../src/key.ts'
import { NaiveLog, refOf, type NaiveRecord, type Target, type Verdict } from './naive-log.ts'

/** What was recorded, wherever it was. */
interface Recorded {
  readonly kind: RecordKind
  readonly target: Target
}

/** What happens in this process and elsewhere. `pick` chooses among what there is. */
type Happening =
  | { what: 'append'; record: Recorded; isPending: boolean }
  | { what: 'elsewhere'; record: Recorded }
  | { what: 'arrives' | 'arrives again' | 'acknowledged' | 'widened' | 'forgotten'; pick: number }
  | { what: 'recalled'; record: Recorded; epoch: number }
  | { what: 'lost' }

const FIRST_EPOCH = 100

const argument = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(1, 2, undefined, '1', [1]) },
  fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom(1, 2), { maxKeys: 2 }),
)
const part = fc.oneof({ weight: 5, arbitrary: argument }, fc.constantFrom<unknown>(any, { a: any }))
const name = fc.constantFrom('f', 'g')
const target: fc.Arbitrary<Target> = fc.oneof(
  fc.record({ of: fc.constant('pattern' as const), name, args: fc.array(part, { maxLength: 2 }) }),
  fc.record({ of: fc.constant('call' as const), name, args: fc.array(argument, { maxLength: 2 }) }),
)
const record: fc.Arbitrary<Recorded> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constantFrom<RecordKind>('clear', 'clear', 'expire'), target }) },
  fc.constant<Recorded>({ kind: 'clear', target: { of: 'everything', name: '', args: [] } }),
)
const pick = fc.nat({ max: 50 })

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('append' as const), record, isPending: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('elsewhere' as const), record }) },
  { weight: 10, arbitrary: fc.record({ what: fc.constantFrom('arrives' as const, 'acknowledged' as const), pick }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constantFrom('arrives again' as const, 'widened' as const, 'forgotten' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('recalled' as const), record, epoch: fc.integer({ min: 1, max: FIRST_EPOCH }) }) },
  fc.constant({ what: 'lost' as const }),
)

interface Sent extends Recorded {
  readonly epoch: number
}

/** A process, the shared log and the others, as `src/redis/log.ts` deals with them: a log and the naive one hear the same. */
export class World {
  readonly log: ClearLog
  readonly naive: NaiveLog = new NaiveLog()
  lastEpoch: number = FIRST_EPOCH
  #time = 0
  #underway: Sent[] = []
  #heard: Sent[] = []
  #pending: Array<[ClearRecord, NaiveRecord]> = []

  constructor(limit: number) {
    this.log = new ClearLog(limit)
  }

  happens(it: Happening): void {
    this.#time++
    switch (it.what) {
      case 'append': {
        const own = this.log.append(it.record.kind, refOf(it.record.target), this.#time, it.isPending)
        const naive = this.naive.append(it.record.kind, it.record.target, this.#time, it.isPending)
        if (it.isPending) this.#pending.push([own, naive])
        return
      }
      case 'elsewhere':
        this.#underway.push({ ...it.record, epoch: ++this.lastEpoch })
        return
      case 'arrives':
        return this.#hear(this.#underway.splice(it.pick % Math.max(1, this.#underway.length), 1))
      case 'arrives again':
        return this.#hear(this.#heard.slice(it.pick % Math.max(1, this.#heard.length)).slice(0, 1))
      case 'acknowledged':
        // The reply brings what was missed.
        this.#hear(this.#underway.splice(0))
        return this.#settle(it.pick, ++this.lastEpoch)
      case 'widened':
        // It counts through another record from here on, which is in the history or not.
        return this.#settle(it.pick, -1)
      case 'forgotten': {
        const known = Math.min(this.lastEpoch, ...this.#underway.map(({ epoch }) => epoch - 1))
        const epoch = Math.max(0, known - (it.pick % 20))
        this.log.forgetBefore(epoch)
        return this.naive.forgetBefore(epoch)
      }
      case 'recalled':
        this.log.recall(it.record.kind, refOf(it.record.target), it.epoch)
        return this.naive.recall(it.record.kind, it.record.target, it.epoch)
      case 'lost':
        this.#underway = []
        this.#heard = []
        this.lastEpoch = FIRST_EPOCH
        this.log.reset()
        return this.naive.reset()
    }
  }

  #hear(sent: readonly Sent[]): void {
    for (const { kind, target, epoch } of sent) {
      this.log.receive(kind, refOf(target), epoch, this.#time)
      this.naive.receive(kind, target, epoch, this.#time)
      this.#heard.push({ kind, target, epoch })
    }
  }

  #settle(pick: number, epoch: number): void {
    const [pair] = this.#pending.splice(pick % Math.max(1, this.#pending.length), 1)
    if (pair === undefined) return
    const [own, naive] = pair
    this.log.settle(own, epoch)
    naive.isPending = false
    naive.epoch = Math.max(naive.epoch, epoch)
    // Its own message comes back.
    if (epoch > 0) this.#heard.push({ kind: naive.kind, target: naive.target, epoch })
  }
}

/** What happens, and what the entries depend on that are asked for afterwards. */
export const history: fc.Arbitrary<{ happenings: Happening[]; entries: Target[][] }> = fc.record({
  happenings: fc.array(happening, { maxLength: 40 }),
  entries: fc.array(fc.array(target, { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 6 }),
})

/** What the log says and the naive one tells of entries as old as any. */
export function* verdicts({ log, naive, lastEpoch }: World, entries: readonly Target[][]): Generator<[said: Verdict, told: Verdict]> {
  for (const targets of entries) {
    const refs = targets.map(refOf)
    const records = naive.overlapping(targets)
    for (let at = 0; at <= log.position; at++) {
      yield [verdict(log.clearedSince(refs, at), log.expiredSince(refs, at)), naive.since(records, at)]
    }
    for (let at = 0; at <= lastEpoch + 1; at++) {
      yield [verdict(log.clearedSinceEpoch(refs, at), log.expiredSinceEpoch(refs, at)), naive.sinceEpoch(records, at)]
    }
  }
}

function verdict(isCleared: boolean, expiredAt: number | undefined): Verdict {
  if (isCleared) return 'cleared'
  return expiredAt === undefined ? 'fresh' : 'expired'
}
