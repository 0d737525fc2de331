// Knows the life of a call: find an entry, serve it, wait for a load, or begin one.

import {
  longestOf,
  UNPACED,
  Call,
  type CallsOptions,
  type Load,
  type Loaded,
  type Served,
  type ServeOptions,
  type Take,
  type StaleWindows,
} from './call.ts'
import { Entries } from './entries.ts'
import type { Engine, Named } from './engine.ts'
import type { Entry } from './entry.ts'
import type { Arrival } from './arrival.ts'
import type { Flight } from './flight.ts'
import { isAsItIs, stringOf } from './label.ts'
import type { Led } from './lead.ts'
import { enter, Loads } from './loads.ts'
import type { Outcome } from './runs.ts'
import { overlaps, ownOf, wholeRef, type Ref } from './ref.ts'
import { newFunctionStats, type FunctionStats } from './stats.ts'
import { Coming, Strong } from './strong.ts'
import type { Frame, Readers } from './tracking.ts'
import type { Transaction } from './transaction.ts'
import { Written } from './written.ts'

/** What a caller has found who waits for a load that is made in any case. */
interface Looked<V> {
  readonly found: Entry<V> | undefined
}

export class Calls<V> implements Named {
  readonly name: string
  readonly lifetime: number
  readonly #engine: Engine
  readonly #options: CallsOptions<V>
  readonly #stats: FunctionStats = newFunctionStats()
  // Fields of their own, since each hit reads them: of little code V8 makes a part of the caller's.
  readonly #isSign: CallsOptions<V>['isSign']
  readonly #readers: Readers
  /** Undefined where nothing is ever stored. */
  readonly #entries: Entries<V> | undefined
  readonly #loads: Loads<V>
  readonly #strong: Strong<V>
  /** What stands for each call where keys are flat, or there may be none. */
  readonly #whole: Ref | undefined
  /** One for all who wait. */
  readonly #onLanding = <R>(served: Served<V> | undefined, coming: Coming<V, R>, arrived: Arrival): R | Promise<R> =>
    this.#landed(served, coming, arrived)
  /** Whether it matters when a caller came: Redis has to vouch for what it is given, or a load is begun earlier the longer it takes. */
  readonly #isTimed: boolean

  constructor(engine: Engine, given: CallsOptions<V>) {
    const options = { ...UNPACED, ...given }
    const window = Math.max(options.staleWhileRevalidate, options.staleIfError)
    const windowsOf =
      options.staleOf ?? always({ whileRevalidate: options.staleWhileRevalidate, ifError: options.staleIfError, kept: window })
    this.name = options.name
    this.#engine = engine
    this.#options = options
    this.#isSign = options.isSign
    this.#readers = engine.readers
    this.lifetime = options.ttl + window
    this.#isTimed = engine.shared !== undefined || options.refreshAhead > 0
    if (options.isFlat === true || engine.options.disabled) this.#whole = wholeRef(options.name)
    engine.register(this)
    const isStored = options.limit > 0 && options.ttl > 0 && !engine.options.disabled
    if (isStored) this.#entries = this.#newEntries(options, windowsOf)
    const isStrong = engine.options.consistency === 'strong' && engine.shared !== undefined
    this.#loads = new Loads({ engine, options, stats: this.#stats, entries: this.#entries, windowsOf, isStrong })
    this.#strong = new Strong(engine, this.#loads)
  }

  #newEntries(options: CallsOptions<V>, windowsOf: (value: V) => StaleWindows): Entries<V> {
    const { log, freshness, shared, epochs, budget, coarse } = this.#engine
    return new Entries({
      ...options,
      limitInRedis: options.limitInRedis ?? Number.POSITIVE_INFINITY,
      size: options.size,
      staleWindow: (value) => longestOf(windowsOf(value)),
      budget,
      log,
      freshness,
      shared,
      epochs,
      coarse,
      onEvict: () => void this.#stats.evictions++,
      onCleared: () => void this.#stats.cleared++,
      onError: (error) => this.#engine.report(error),
      later: (write) => this.#engine.later(write),
    })
  }

  /** Whether a load may begin later than in the tick of its call. */
  get mayWait(): boolean {
    return this.#entries?.mayAsk === true || (this.#options.concurrency ?? Number.POSITIVE_INFINITY) < Number.POSITIVE_INFINITY
  }

  /** Runs work as a part of a load. */
  within<T>(frame: Frame, work: () => T): T {
    return this.#loads.runs.within(frame, work)
  }

  /** Whether anything is ever stored. */
  get isKept(): boolean {
    return this.#entries !== undefined
  }

  stats(): FunctionStats {
    return { ...this.#stats }
  }

  declaredFor(ref: Ref): readonly Ref[] {
    return this.#options.declaredFor(ref)
  }

  drop(): void {
    this.#entries?.drop()
  }

  call(args: readonly unknown[], key: string): Call {
    const [first] = args
    const string = args.length === 1 && typeof first === 'string' && isAsItIs(first, key) ? first : stringOf(key)
    return new Call(string ?? key, string !== undefined, this.#whole ?? ownOf(this.name, args, key), key)
  }

  /** The call with this string alone, which is plain. */
  callOf(string: string): Call {
    return new Call(string, true, this.#whole ?? this.name)
  }

  /**
   * The entry of a key, when one is in this process and may be served as fresh by this process's own knowledge of the clear log: it counts as
   * served.
   */
  fresh(key: string): Entry<V> | undefined {
    return this.#loads.looks.isStrong ? undefined : this.#hit(this.#entries?.fresh(key))
  }

  /** This entry, as long as it is the one that `fresh` would give. */
  still(entry: Entry<V>): Entry<V> | undefined {
    if (this.#loads.looks.isStrong || this.#entries?.fresh(entry.key) !== entry) return undefined
    return this.#hit(entry)
  }

  /** As `fresh`, of the call with this string alone: it may be found only by its key. */
  freshOfString(string: string): Entry<V> | undefined {
    return this.#loads.looks.isStrong ? undefined : this.#hit(this.#entries?.freshOfString(string))
  }

  /** A value of a call that a change is about to give. `own`: what the change clears, and the value depends on nevertheless. */
  written(call: Call, own: readonly Ref[]): Written<V> {
    return new Written(this.#loads.runs, this.#engine.log, call, own)
  }

  /** What this process has of a key, fresh or stale, if nothing else is wrong with it: it counts as nothing. */
  kept(key: string): Entry<V> | undefined {
    return this.#entries?.kept(key)
  }

  /** Whether there is an entry of a key in this process of which nothing is wrong but its age. */
  isStale(key: string): boolean {
    const entry = this.#entries?.kept(key)
    return entry !== undefined && this.#engine.clock() >= entry.freshUntil
  }

  /** As `fresh`, for who can ask nobody, and whose call takes no longer than a look at the clock. */
  known(key: string): Entry<V> | undefined {
    return this.#hit(this.#entries?.known(key))
  }

  /** As `known`, of the call with this string alone: it may be found only by its key. */
  knownOfString(string: string): Entry<V> | undefined {
    return this.#hit(this.#entries?.knownOfString(string))
  }

  #hit(entry: Entry<V> | undefined): Entry<V> | undefined {
    if (entry === undefined || (this.#readers.count > 0 && !this.#readWithin(entry))) return undefined
    if (this.#isSign?.(entry.value) !== true) this.#stats.hits++
    return entry
  }

  /** Reads a fresh entry in the load and the transaction that there may be around it. False: the transaction has cleared it. */
  #readWithin(entry: Entry<V>): boolean {
    if (this.#engine.transactions.current()?.covers(entry.refs) === true) return false
    this.#loads.report(this.#engine.tracker.current(), entry, false)
    return true
  }

  /** Answers a call: from an entry, from another caller's load, or by its own. */
  serve(call: Call, load: Load<V>, options: ServeOptions<V> = {}): Promise<Served<V>> {
    return this.#answer(call, load, options, asItIs, false)
  }

  /**
   * What is taken of the answer to a call, in the step in which there is one: a promise more would be a caller's largest cost. Who has waited for
   * a value that is another caller's alone loads by itself.
   */
  answer<R>(call: Call, load: Load<V>, options: ServeOptions<V>, take: (led: Led<V>) => R | Promise<R>): Promise<R> {
    return this.#answer(call, load, options, take as Take<V, R>, true)
  }

  #answer<R>(call: Call, load: Load<V>, options: ServeOptions<V>, take: Take<V, R>, isAnswered: boolean): Promise<R> {
    try {
      return this.#begin(call, load, options, take, isAnswered)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #begin<R>(call: Call, load: Load<V>, asked: ServeOptions<V>, take: Take<V, R>, isAnswered: boolean): Promise<R> {
    const { isMissing = false, join = true } = asked
    const { log, clock, tracker, transactions, options: settings } = this.#engine
    const reader = tracker.current()
    reader?.refs.add(call.ref)
    const since = this.#isTimed ? clock() : 0
    // A cache that is disabled keeps no record of clears: nobody could say whose load one may still join.
    const coming = new Coming<V, R>(call, load, reader, asked, join && !settings.disabled, since, take, isAnswered)
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
    const { call, load, caller, place, refresh, take, isAnswered } = coming
    if (served.from !== 'unshared' || !isAnswered) return take(served)
    return this.#answer(call, load, { join: false, caller, place, refresh }, take, true)
  }

  /** Answers a call when it is known what was cleared before it arrived. */
  #serveSince<R>(arrived: Arrival, coming: Coming<V, R>, looked?: Looked<V>): Promise<R> {
    const { call, load, caller, take } = coming
    caller?.check()
    const entry = this.#hit(this.#entries?.fresh(call.key))
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
    if (found !== undefined && this.#loads.staleness.mayRevalidate(found)) return coming.take(this.#servedBeside(found, coming.reader))
    return this.#serveSince(arrived, coming, { found })
  }

  /** What is stored while a load runs that is made in any case: fresh, or stale where that may be served. */
  #servedBeside(entry: Entry<V>, reader: Frame | undefined): Served<V> {
    const stale = this.#engine.clock() >= entry.freshUntil
    if (stale) this.#stats.staleHits++
    else this.#stats.hits++
    this.#loads.report(reader, entry, stale)
    return { from: 'store', entry, stale }
  }

  /** Answers a call inside a transaction: from what the transaction has not cleared, or by a load that is nobody else's. */
  async #serveWithin(transaction: Transaction, coming: Coming<V>): Promise<Served<V>> {
    const { call, load, reader, place, caller, since } = coming
    const found = await this.#loads.looks.find(call, since)
    if (found !== undefined && this.#engine.clock() < found.freshUntil && !transaction.covers(found.refs)) {
      this.#stats.hits++
      this.#loads.report(reader, found, false)
      return { from: 'store', entry: found, stale: false }
    }
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

  /** What is stored of a call, fresh or stale, wherever it is, if nothing has cleared it: without loading, and uncounted until it is taken. */
  async look(call: Call): Promise<Entry<V> | undefined> {
    this.#engine.tracker.current()?.refs.add(call.ref)
    const found = await this.#loads.looks.find(call)
    return found !== undefined && this.#engine.transactions.current()?.covers(found.refs) === true ? undefined : found
  }

  /** Answers a call with what was found of it. */
  take(entry: Entry<V>): Served<V> {
    return this.#servedBeside(entry, this.#engine.tracker.current())
  }

  /** The fresh entry of a call, without loading and without counting. */
  async peek(call: Call): Promise<Entry<V> | undefined> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#seen(reader, await this.#loads.looks.find(call))
  }

  peekSync(call: Call): Entry<V> | undefined {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#seen(reader, this.#entries?.kept(call.key))
  }

  #seen(reader: Frame | undefined, found: Entry<V> | undefined): Entry<V> | undefined {
    if (found === undefined || this.#engine.clock() >= found.freshUntil) return undefined
    if (this.#engine.transactions.current()?.covers(found.refs) === true) return undefined
    this.#loads.report(reader, found, false)
    return found
  }

  /** How many fresh entries a ref covers, here and in Redis: without those that the transaction it is asked in has cleared. */
  async count(ref: Ref): Promise<number> {
    const transaction = this.#engine.transactions.current()
    return (await this.#entries?.count((own, refs) => overlaps(own, ref) && transaction?.covers(refs) !== true)) ?? 0
  }

  /** Whether a fresh entry should be loaded anew already. */
  isDue(entry: Entry<V>): boolean {
    return this.#loads.staleness.isDue(entry)
  }

  /** Loads anew behind an entry that is served. */
  refreshAhead(call: Call, load: Load<V>, entry: Entry<V>): void {
    this.#loads.refreshAhead(call, load, entry)
  }

  /** Loads a call of a synchronous function, and stores the result. */
  loadSync(call: Call, load: (frame: Frame) => Loaded<V>): V {
    return this.#loads.runs.loadSync(call, load)
  }

  /** Runs one load for several calls: in one lane, and in a frame that collects what it reads for all of them. */
  loadTogether<T>(frame: Frame, load: () => Promise<T>): Promise<T> {
    return this.#loads.runs.loadTogether(frame, load)
  }
}

function always<T>(value: T): () => T {
  return () => value
}

function asItIs<T>(value: T): T {
  return value
}
