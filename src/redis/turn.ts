// Knows whose turn it is to load a call: that of one process at a time. The others wait for it, and not for longer than it is worth.

import { LRUCache } from 'lru-cache'
import type { ClearLog } from '../clear-log.ts'
import type { Ref } from '../ref.ts'
import { Leases, type Held, type Lease, type LeasesOptions } from './lease.ts'
import { newLimit, type Limit } from './limit.ts'
import { leaseKeyOf } from './naming.ts'
import { Waiter, type Word } from './waiter.ts'

export interface TurnsOptions extends Omit<LeasesOptions, 'onEnd' | 'onMissed'> {
  readonly log: ClearLog
  /** Milliseconds that Redis may keep a caller waiting. */
  readonly commandTimeout: number
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

/** A call that is about to be loaded. */
export interface Turning<T> {
  readonly name: string
  readonly version?: string
  readonly key: string
  readonly ref: Ref
  /** What is stored by now and will do. */
  readonly look: () => Promise<T | undefined>
  /**
   * Whether another load waits for this one. It then waits for no longer than one lease can be held, and loads by itself: loads that wait
   * for each other in a circle, through several processes, so become one in each, where it shows.
   */
  readonly isNested: boolean
  /** Whether no caller waits for this load: it is left to whoever has the lease. */
  readonly isBehind: boolean
  /** When it began to ask Redis: that counts towards `commandTimeout`. */
  readonly since: number
  /** Aborts when nobody waits for this load any more: it then waits for nobody either. */
  readonly signal?: AbortSignal | undefined
  /** Told when it begins to wait for another process. */
  readonly onWait?: () => void
}

/** Load, holding the lease if there is one; serve what was found; or leave the load to others. */
export type Turn<T> =
  | { readonly to: 'load'; readonly lease?: Lease }
  | { readonly to: 'serve'; readonly found: T }
  | { readonly to: 'leave' }

// The one that runs when it comes, and one that begins later: as in a process, nobody waits for a third.
const MOST_HOLDERS = 2
const POLL = 500
const POLL_UNHEARD = 50
const ALONE_FOR = 10_000
const MOST_ALONE = 1000
/** After these words it waits for nobody else. */
const ENOUGH: ReadonlySet<Word> = new Set(['unstored', 'failed', 'late', 'left'])

/** The turns of one process. */
export class Turns {
  readonly #options: TurnsOptions
  readonly #leases: Leases
  readonly #waiting: Map<string, Set<Waiter>> = new Map()
  /** Calls whose answers are not for others, by where the clear log was when that showed: not to be waited for. */
  readonly #alone: LRUCache<string, number>
  #isChecking = false
  #isClosed = false

  constructor(options: TurnsOptions) {
    this.#options = options
    this.#alone = new LRUCache({ max: MOST_ALONE, ttl: ALONE_FOR, ttlResolution: 0, perf: { now: options.clock } })
    this.#leases = new Leases({
      ...options,
      onEnd: (key, ending) => this.#waiting.get(key)?.forEach((waiter) => waiter.say(ending)),
      onMissed: () => this.#wakeAll(),
    })
    options.log.watch(() => this.#checkSoon())
  }

  /** How many loads wait for another process's. */
  get waiting(): number {
    return Array.from(this.#waiting.values()).reduce((sum, { size }) => sum + size, 0)
  }

  /** Waits for the turn of a load, or for what makes it needless. Never rejects: where Redis is no help, it is its turn. */
  async turn<T>(call: Turning<T>): Promise<Turn<T>> {
    const key = leaseKeyOf(this.#options.prefix, call.name, call.key, call.version)
    if (!this.#mayWait(key, call)) return { to: 'load' }
    const waiter = new Waiter(key, call.ref)
    const waiters = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiters.add(waiter))
    // The channel stays with the lease: it is the whole process's, and what it is told of is nobody's then.
    const leave = (): void => waiter.say('left')
    call.signal?.addEventListener('abort', leave)
    try {
      return await this.#wait(waiter, call)
    } finally {
      call.signal?.removeEventListener('abort', leave)
      waiter.end()
      waiters.delete(waiter)
      if (waiters.size === 0) this.#waiting.delete(key)
    }
  }

  /** Ends all waits, and the leases that are held. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#wakeAll()
    await this.#leases.close()
  }

  async #wait<T>(waiter: Waiter, call: Turning<T>): Promise<Turn<T>> {
    const { commandTimeout, clock } = this.#options
    const longest = (call.isNested ? 1 : MOST_HOLDERS) * this.#leases.bound
    const withoutOthers: Turn<T> = { to: call.isBehind ? 'leave' : 'load' }
    let word: Word = 'again'
    let patience = commandTimeout - (clock() - call.since)
    if (patience <= 0) return { to: 'load' }
    for (;;) {
      const turn = await this.#try(waiter, call, newLimit(patience), word)
      if (turn !== undefined) return turn
      if (waiter.holders > MOST_HOLDERS) return withoutOthers
      const pause = this.#pause(waiter.holder!)
      call.onWait?.()
      word = await waiter.hear(pause, longest)
      if (word === 'unstored') this.#alone.set(waiter.key, this.#options.log.position)
      if (this.#isClosed || ENOUGH.has(word)) return withoutOthers
      // A message is a sign of life. Without one, Redis has been silent for the pause already.
      patience = word === 'again' ? commandTimeout - pause : commandTimeout
    }
  }

  /** Tries for the lease, as far as Redis answers within the limit; undefined where another load has it that is worth waiting for. */
  async #try<T>(waiter: Waiter, { look }: Turning<T>, limit: Limit, word: Word): Promise<Turn<T> | undefined> {
    try {
      const stored = word === 'stored' ? await limit.race(look(), ignore) : undefined
      if (stored !== undefined) return { to: 'serve', found: stored }
      do {
        const lease = await this.#take(waiter, limit)
        // What this process could not see before may have been stored before the lease was free.
        if (lease !== undefined) return await this.#begin(waiter, lease, () => limit.race(look(), ignore))
      } while (waiter.holders <= MOST_HOLDERS && (await limit.race(this.#isOvertaken(waiter), ignore)))
      return undefined
    } catch {
      return { to: 'load' }
    } finally {
      limit.end()
    }
  }

  async #take(waiter: Waiter, limit: Limit): Promise<Lease | undefined> {
    const taking = this.#leases.take(waiter.key, waiter.isOvertaken ? waiter.holder?.token : undefined)
    try {
      const taken = await limit.race(taking, ignore)
      if ('end' in taken) return taken
      waiter.meet(taken)
      return undefined
    } catch (error) {
      // Should it come after all, there is no load for it.
      taking.then((late) => 'end' in late && late.end('overtaken'), ignore)
      throw error
    }
  }

  async #begin<T>({ key }: Waiter, lease: Lease, look: () => Promise<T | undefined>): Promise<Turn<T>> {
    const found = await look().catch(ignore)
    if (found !== undefined) {
      lease.end('stored')
      return { to: 'serve', found }
    }
    const end: Lease['end'] = (ending) => {
      if (ending === 'unstored') this.#alone.set(key, this.#options.log.position)
      lease.end(ending)
    }
    return { to: 'load', lease: { end } }
  }

  /** Whether a clear has overtaken the load that is waited for, or may have: it began before what this process can know. */
  async #isOvertaken(waiter: Waiter): Promise<boolean> {
    const { shared } = this.#options
    const { generation, epoch } = waiter.holder!
    // Which of two generations is the dead one, a question tells.
    if (generation !== shared.generation) await shared.ask()
    const isKnown = epoch >= shared.windowStart || (await shared.reach(epoch))
    // A load that begins here before Redis confirms the clear is overtaken everywhere else: it gets one pause to do so.
    const isPending = this.#isPending(waiter.ref)
    waiter.isOvertaken = !isKnown || (this.#isCleared(waiter) && (!isPending || waiter.sawPending))
    waiter.sawPending = isPending
    return waiter.isOvertaken
  }

  #isCleared({ holder, ref }: Waiter): boolean {
    const { log, shared } = this.#options
    if (holder === undefined) return false
    const { generation, epoch } = holder
    return generation !== shared.generation || log.clearedSinceEpoch([ref], epoch) || log.expiredSinceEpoch([ref], epoch) !== undefined
  }

  /** Whether Redis has not confirmed an own clear yet. */
  #isPending(ref: Ref): boolean {
    const { log } = this.#options
    return log.clearedSinceEpoch([ref], Infinity) || log.expiredSinceEpoch([ref], Infinity) !== undefined
  }

  /** Something was cleared: whoever waits for what that overtakes waits no longer. Once for all that came together. */
  #checkSoon(): void {
    if (this.#isChecking || this.#waiting.size === 0) return
    this.#isChecking = true
    queueMicrotask(() => {
      this.#isChecking = false
      for (const waiters of this.#waiting.values()) {
        for (const waiter of waiters) {
          if (waiter.isOvertaken || !this.#isCleared(waiter) || this.#isPending(waiter.ref)) continue
          waiter.isOvertaken = true
          waiter.say('again')
        }
      }
    })
  }

  #mayWait(key: string, { ref, signal }: Pick<Turning<unknown>, 'ref' | 'signal'>): boolean {
    return !this.#isClosed && this.#options.shared.generation !== undefined && signal?.aborted !== true && !this.#isAlone(key, ref)
  }

  #isAlone(key: string, ref: Ref): boolean {
    const { log } = this.#options
    const since = this.#alone.get(key)
    return since !== undefined && !log.clearedSince([ref], since) && log.expiredSince([ref], since) === undefined
  }

  /** Until the lease ends if it is not renewed; less where its end would not be heard of, and to make up for a message that was lost. */
  #pause({ left }: Held): number {
    const { connection, commandTimeout } = this.#options
    return Math.min(left + 1, commandTimeout / 2, connection.isListening ? POLL : POLL_UNHEARD)
  }

  #wakeAll(): void {
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.say('again')
  }
}

function ignore(): undefined {
  return undefined
}
