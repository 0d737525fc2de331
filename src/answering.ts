// Knows how a call is answered: from an entry, from another caller's load, or by its own.

import type { Arrival } from './arrival.ts'
import {
  asItIs,
  type Call,
  type CallsOptions,
  type Led,
  type Load,
  type Served,
  type ServeOptions,
  type Take,
  type TakeUnshared,
} from './call.ts'
import { Coming } from './coming.ts'
import type { Engine } from './engine.ts'
import type { Entries } from './entries.ts'
import type { Entry } from './entry.ts'
import type { Flight } from './flight.ts'
import type { Hits } from './hits.ts'
import { enter, type Loads } from './loads.ts'
import type { Outcome } from './runs.ts'
import type { FunctionStats } from './stats.ts'
import { Strong } from './strong.ts'
import type { Transaction } from './transaction.ts'

/** What the calls of one function are answered with. */
export interface AnsweringOptions<V> {
  readonly engine: Engine
  readonly options: CallsOptions<V>
  readonly stats: FunctionStats
  /** Undefined where nothing is ever stored. */
  readonly entries: Entries<V> | undefined
  readonly loads: Loads<V>
  readonly hits: Hits<V>
}

/** What a caller has found who waits for a load that is made in any case. */
interface Looked<V> {
  readonly found: Entry<V> | undefined
}

export class Answering<V> {
  readonly #engine: Engine
  readonly #options: CallsOptions<V>
  readonly #stats: FunctionStats
  readonly #entries: Entries<V> | undefined
  readonly #loads: Loads<V>
  readonly #hits: Hits<V>
  readonly #strong: Strong<V>
  /** Whether it matters when a caller came: Redis has to vouch for what it is given, or a load is begun earlier the longer it takes. */
  readonly #isTimed: boolean
  /** One for all who wait. */
  readonly #onLanding = <R>(served: Served<V> | undefined, coming: Coming<V, R>, arrived: Arrival): R | Promise<R> =>
    this.#landed(served, coming, arrived)

  constructor({ engine, options, stats, entries, loads, hits }: AnsweringOptions<V>) {
    this.#engine = engine
    this.#options = options
    this.#stats = stats
    this.#entries = entries
    this.#loads = loads
    this.#hits = hits
    this.#strong = new Strong(engine, loads)
    this.#isTimed = engine.shared !== undefined || (options.refreshAhead ?? 0) > 0
  }

  /**
   * What `take` makes of the answer. `unshared`: what is made of it where a load that it has waited for gave a value for its own caller alone;
   * without it, who waited loads by itself.
   */
  answer<R>(call: Call, load: Load<V>, options: ServeOptions<V>, take: Take<V, R>, unshared?: TakeUnshared<R>): Promise<R> {
    try {
      return this.#begin(call, load, options, take, unshared)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #begin<R>(call: Call, load: Load<V>, asked: ServeOptions<V>, take: Take<V, R>, unshared?: TakeUnshared<R>): Promise<R> {
    const { isMissing = false, join = true } = asked
    const { log, clock, tracker, transactions, options: settings } = this.#engine
    const reader = tracker.current()
    reader?.refs.add(call.ref)
    const since = this.#isTimed ? clock() : 0
    // A cache that is disabled keeps no record of clears: nobody could say whose load one may still join.
    const coming = new Coming<V, R>(call, load, reader, asked, join && !settings.disabled, since, take, unshared)
    const transaction = transactions.current()
    if (transaction !== undefined) return this.#serveWithin(transaction, coming).then(take)
    if (this.#loads.looks.isStrong) return this.#serveStrong(coming)
    const arrived = { position: log.position, time: since }
    return isMissing ? this.#serveMissing(arrived, coming) : this.#serveSince(arrived, coming)
  }

  #serveStrong<R>(coming: Coming<V, R>): Promise<R> {
    const { call, join } = coming
    const running = join ? this.#loads.flights.get(call) : undefined
    // Who looks beyond this process asks with it.
    if (running === undefined && this.#entries?.has(call.key) !== true) return this.#loads.lead(coming, coming.take)
    return this.#serveAsked(running, coming)
  }

  async #serveAsked<R>(running: Flight<Outcome<V>> | undefined, coming: Coming<V, R>): Promise<R> {
    const served = await this.#strong.askFirst(running, coming)
    const { log, clock } = this.#engine
    return this.#landed(served, coming, { position: log.position, time: clock() })
  }

  /** Answers a call with what it has waited for; of nothing, as it does without. */
  #landed<R>(served: Served<V> | undefined, coming: Coming<V, R>, arrived: Arrival): R | Promise<R> {
    if (served === undefined) return this.#serveSince(arrived, coming)
    const { call, load, caller, place, refresh, take, unshared } = coming
    if (served.from !== 'unshared') return take(served)
    if (unshared !== undefined) return unshared(served)
    return this.answer(call, load, { join: false, caller, place, refresh }, take)
  }

  /** Answers a call when it is known what was cleared before it arrived. */
  #serveSince<R>(arrived: Arrival, coming: Coming<V, R>, looked?: Looked<V>): Promise<R> {
    const { call, load, caller, take } = coming
    caller?.check()
    const entry = this.#hits.of(this.#entries?.fresh(call.key))
    if (entry !== undefined) {
      if (this.#loads.staleness.isDue(entry)) this.#loads.refreshAhead(call, load, entry)
      return Promise.resolve(take({ from: 'store', entry, stale: false }))
    }
    return this.#serveMissing(arrived, coming, looked)
  }

  /** As `#serveSince`, of which this process has nothing fresh. */
  #serveMissing<R>(arrived: Arrival, coming: Coming<V, R>, looked?: Looked<V>): Promise<R> {
    const { call, reader, join, take, place, caller } = coming
    const stale = this.#staleHit(coming)
    if (stale !== undefined) return Promise.resolve(take({ from: 'store', entry: stale, stale: true }))
    const flight = join ? this.#loads.joinable(call, reader, arrived) : undefined
    if (flight === undefined) return this.#loads.lead(coming, take)
    // Once before each wait: where loads come faster than looks, each look would find another one.
    if (!flight.finds && looked === undefined) return this.#lookBeside(arrived, coming)
    place?.pass()
    enter(flight, caller)
    return this.#loads.follow(flight, coming, arrived, this.#onLanding, looked?.found)
  }

  /** Looks for what is stored where others load in any case, and answers with it or waits for them. */
  async #lookBeside<R>(arrived: Arrival, coming: Coming<V, R>): Promise<R> {
    const found = await this.#loads.looks.find(coming.call, coming.since)
    if (found !== undefined && this.#loads.staleness.mayRevalidate(found)) return coming.take(this.#hits.beside(found, coming.reader))
    return this.#serveSince(arrived, coming, { found })
  }

  /** Answers a call inside a transaction: from what the transaction has not cleared, or by a load that is nobody else's. */
  async #serveWithin(transaction: Transaction, coming: Coming<V>): Promise<Led<V>> {
    const { call, load, reader, place, caller, since } = coming
    const found = await this.#loads.looks.find(call, since)
    if (found !== undefined && this.#engine.clock() < found.freshUntil && !transaction.covers(found.refs))
      return this.#hits.beside(found, reader)
    this.#loads.refuseNested(call, reader)
    return await this.#loads.lead({ call, load, reader, find: false, join: false, place, caller, since }, asItIs)
  }

  /** A stale entry that may be served while another load is on its way, which this starts. */
  #staleHit({ call, load, reader, refresh }: Coming<V>): Entry<V> | undefined {
    if (this.#options.staleWhileRevalidate === 0 && this.#options.staleOf === undefined) return undefined
    const entry = this.#entries?.kept(call.key)
    if (entry === undefined || !this.#loads.staleness.mayRevalidate(entry)) return undefined
    if (refresh === false && !this.#loads.isLoading(call)) return undefined
    this.#stats.staleHits++
    this.#loads.report(reader, entry, true)
    this.#loads.refreshBehind(call, refresh || (() => load))
    return entry
  }

  /** Loads, whatever is stored. */
  async refresh(call: Call, load: Load<V>, { caller, join: mayJoin = true }: Omit<ServeOptions, 'place'> = {}): Promise<Entry<V>> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    const join = mayJoin && this.#engine.transactions.current() === undefined
    if (!join) this.#loads.refuseNested(call, reader)
    this.#loads.refuseCycle(call, reader, this.#loads.flights.get(call))
    return await this.#loads.lead({ call, load, reader, find: false, join, caller }, ({ entry }) => entry)
  }
}
