// Knows the life of a call: find an entry, serve it, refresh it or load it, and store what was loaded.

import type { Caller } from './abort.ts'
import type { Codec } from './codec.ts'
import { Entries, type Place } from './entries.ts'
import type { Engine, Named } from './engine.ts'
import type { Entry } from './entry.ts'
import { CacheError, TimeoutError, UnsupportedError } from './errors.ts'
import { Flight } from './flight.ts'
import { Lanes } from './lanes.ts'
import type { Lease } from './redis/lease.ts'
import { callRef, overlaps, wholeRef, type Ref } from './ref.ts'
import { newFunctionStats, type FunctionStats } from './stats.ts'
import { Frame } from './tracking.ts'
import type { Transaction } from './transaction.ts'

/** When results expire and loads run. Every value has a neutral one. */
export interface Pacing {
  /** Up to which part of its freshness a result may lose, by chance. */
  readonly jitter: number
  /** How early results are loaded anew, as a factor of the XFetch rule; 0: never early. */
  readonly refreshAhead: number
  /** Milliseconds after which callers get the stale value, where there is one; Infinity: never. */
  readonly softTimeout: number
  /** Milliseconds after which callers get an error; Infinity: never. */
  readonly loadTimeout: number
  /** Loads at a time; Infinity: any number. */
  readonly concurrency: number
  /** Whether what a load reads is found by running it. */
  readonly track: boolean
}

const UNPACED: Pacing = {
  jitter: 0,
  refreshAhead: 0,
  softTimeout: Number.POSITIVE_INFINITY,
  loadTimeout: Number.POSITIVE_INFINITY,
  concurrency: Number.POSITIVE_INFINITY,
  track: true,
}

/** How the calls of one name are cached. Every field has a value: options are resolved before. */
export interface CallsOptions<V> extends Partial<Pacing> {
  readonly name: string
  /** Milliseconds a result is fresh; Infinity: no end; 0: nothing is stored. */
  readonly ttl: number
  /** Of the value's shape: part of an entry's key in Redis, and not of its refs. */
  readonly version?: string
  /** Entries in this process; Infinity: no bound; 0: nothing is stored. */
  readonly limit: number
  /** Entries in Redis, about; undefined where there is no bound. */
  readonly limitInRedis: number | undefined
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly place: Place
  /** How values become bytes in Redis. */
  readonly codec: Codec<V>
  /** What a value takes of the cache's `maxBytes`, in bytes; undefined where only its serialised form does. */
  readonly size?: (value: V) => number
  readonly declaredFor: (ref: Ref) => readonly Ref[]
  /** Whether its keys are no arguments any more: what reads one of its calls depends on all of them. */
  readonly isFlat?: boolean
}

/** One call: its key, and the ref that is this call and no other. */
export interface Call {
  readonly key: string
  readonly ref: Ref
}

/** What a load gave. */
export interface Loaded<V> {
  readonly value: V
  readonly store: boolean
  /** Whether callers that waited for this load may have its value. */
  readonly share: boolean
  /** Milliseconds of freshness, where they differ from the option. */
  readonly ttl?: number
}

/** Runs in the frame that collects what it reads. */
export type Load<V> = (frame: Frame) => Loaded<V> | Promise<Loaded<V>>

/** How a call was answered: from a store, by its own load, or by the load of another caller that may not share it. */
export type Served<V> =
  | { readonly from: 'store' | 'flight'; readonly entry: Entry<V>; readonly stale: boolean }
  | { readonly from: 'load'; readonly entry: Entry<V>; readonly stored: boolean }
  | { readonly from: 'unshared' }

/** How a caller was answered whose own flight it was. */
type Led<V> = Exclude<Served<V>, { from: 'unshared' }> & { readonly shared: boolean }

/** How a call is to be answered, beyond what holds for all of its function. */
export interface ServeOptions {
  /** Whether it may wait for another caller's load, and others for its own. @default true */
  readonly join?: boolean
  /** A caller that may leave before there is an answer. */
  readonly caller?: Caller | undefined
  /** Its place where it is loaded together with others. */
  readonly place?: { pass(): void } | undefined
}

interface Outcome<V> {
  readonly from: 'store' | 'load'
  readonly entry: Entry<V>
  readonly stale: boolean
  readonly stored: boolean
  readonly share: boolean
}

interface UnverifiedOptions extends ServeOptions {
  /** How many loads had begun when the caller came, where it may wait for another's. */
  readonly came: number | undefined
}

interface LeadOptions {
  /** Whether an entry that is found will do. */
  readonly find: boolean
  /** Whether others may join. */
  readonly join: boolean
  /** Whether another value was served meanwhile: nobody waits for this load. */
  readonly behind?: boolean
  /** When the value that was served was loaded, where it was fresh: only a newer one will do. */
  readonly newerThan?: number
  readonly caller?: Caller | undefined
  readonly place?: ServeOptions['place']
}

/** What a load has beside itself: a stale entry where it fails, and the lease where it is all processes'. */
interface Means<V> {
  readonly fallback: Entry<V> | undefined
  readonly lease: Lease | undefined
  /** Undefined where it needs none: any number may run, or it is a part of one that has a lane. */
  readonly lanes: Lanes | undefined
}

/** What a refresh behind a stale value ends with where another process makes it. */
const LEFT: Error = new Error('Another process refreshes this call.')

export class Calls<V> implements Named {
  readonly name: string
  readonly lifetime: number
  readonly #engine: Engine
  readonly #options: CallsOptions<V> & Pacing
  readonly #lanes: Lanes | undefined
  readonly #stats: FunctionStats = newFunctionStats()
  /** Undefined where nothing is ever stored. */
  readonly #entries: Entries<V> | undefined
  readonly #flights: Map<string, Flight<Outcome<V>>> = new Map()
  readonly #loadingSync: Set<string> = new Set()
  readonly #isStrong: boolean
  /** What stands for each call where keys are flat. */
  readonly #whole: Ref | undefined
  #begun = 0

  constructor(engine: Engine, options: CallsOptions<V>) {
    this.name = options.name
    this.#engine = engine
    this.#options = { ...UNPACED, ...options }
    if (this.#options.concurrency < Number.POSITIVE_INFINITY) this.#lanes = new Lanes(this.#options.concurrency)
    this.lifetime = options.ttl + this.#window
    this.#isStrong = engine.options.consistency === 'strong' && engine.shared !== undefined
    if (options.isFlat === true) this.#whole = wholeRef(options.name)
    engine.register(this)
    if (options.limit === 0 || options.ttl === 0 || engine.options.disabled) return
    this.#entries = new Entries({
      ...options,
      limitInRedis: options.limitInRedis ?? Number.POSITIVE_INFINITY,
      staleWindow: this.#window,
      size: options.size,
      budget: engine.budget,
      log: engine.log,
      freshness: engine.freshness,
      shared: engine.shared,
      epochs: engine.epochs,
      onEvict: () => void this.#stats.evictions++,
      onCleared: () => void this.#stats.cleared++,
      onError: (error) => engine.report(error),
      later: (write) => engine.later(write),
    })
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
    return { key, ref: this.#whole ?? callRef(this.name, args, key) }
  }

  /** As `known`, where this process's own knowledge of the clear log is enough. */
  fresh(key: string): Entry<V> | undefined {
    return this.#isStrong ? undefined : this.known(key)
  }

  /** The entry of a key, when one is in this process and may be served as fresh as far as is known here: it counts as served. */
  known(key: string): Entry<V> | undefined {
    const entry = this.#entries?.fresh(key)
    if (entry === undefined || this.#engine.transactions.current()?.covers(entry.refs) === true) return undefined
    this.#stats.hits++
    this.#report(this.#engine.tracker.current(), entry, false)
    return entry
  }

  /** Answers a call: from an entry, from another caller's load, or by its own. */
  async serve(call: Call, load: Load<V>, { join: mayJoin = true, ...options }: ServeOptions = {}): Promise<Served<V>> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    const came = this.#begun
    if (this.#isStrong && !(await this.#engine.shared!.log.ask()))
      return this.#serveUnverified(call, load, reader, { ...options, came: mayJoin ? came : undefined })
    const arrived = this.#engine.log.position
    const transaction = this.#engine.transactions.current()
    if (transaction !== undefined) return this.#serveWithin(transaction, call, load, reader, options)
    // A cache that is disabled keeps no record of clears: nobody could say whose load one may still join.
    const join = mayJoin && !this.#engine.options.disabled
    for (;;) {
      options.caller?.check()
      const entry = this.known(call.key)
      if (entry !== undefined) {
        if (this.isDue(entry)) this.refreshAhead(call, load, entry)
        return { from: 'store', entry, stale: false }
      }
      const stale = this.#staleHit(call, load, reader)
      if (stale !== undefined) return { from: 'store', entry: stale, stale: true }
      const flight = join ? this.#joinable(call, reader, arrived) : undefined
      if (flight === undefined) return this.#lead(call, load, reader, { ...options, find: true, join })
      options.place?.pass()
      enter(flight, options.caller)
      const served = await this.#follow(flight, reader, arrived)
      if (served !== undefined) return served
    }
  }

  /**
   * Answers a call when it must know what was cleared before it came and cannot: a load that runs already proves nothing. So there is at most
   * one that runs and one that waits for its end, whose callers have all come before it.
   */
  async #serveUnverified(call: Call, load: Load<V>, reader: Frame | undefined, options: UnverifiedOptions): Promise<Served<V>> {
    const { came, place, caller } = options
    const join = came !== undefined && this.#engine.transactions.current() === undefined
    const running = join ? this.#flights.get(call.key) : undefined
    if (running === undefined) return this.#lead(call, load, reader, { find: false, join, place, caller })
    this.#refuseCycle(call, reader)
    place?.pass()
    // What began after the caller came is as good as what is still to begin.
    if (running.frame.order > came!) {
      enter(running, caller)
      return (await this.#follow(running, reader, Number.NEGATIVE_INFINITY))!
    }
    const isFirst = running.next === undefined
    // Who waits for it is not counted: it ends when it has loaded.
    running.next ??= running.settled().then(() => this.#lead(call, load, reader, { find: false, join, place }))
    const served = (await running.next) as Led<V>
    if (isFirst) return served
    this.#stats.coalesced++
    if (!served.shared) return { from: 'unshared' }
    this.#report(reader, served.entry, served.from === 'store')
    return { from: 'flight', entry: served.entry, stale: served.from === 'store' }
  }

  /** Answers a call inside a transaction: from what the transaction has not cleared, or by a load that is nobody else's. */
  async #serveWithin(
    transaction: Transaction,
    call: Call,
    load: Load<V>,
    reader: Frame | undefined,
    options: ServeOptions,
  ): Promise<Served<V>> {
    const found = await this.#find(call)
    if (found !== undefined && this.#engine.clock() < found.freshUntil && !transaction.covers(found.refs)) {
      this.#stats.hits++
      this.#report(reader, found, false)
      return { from: 'store', entry: found, stale: false }
    }
    return await this.#lead(call, load, reader, { ...options, find: false, join: false })
  }

  /** Loads, whatever is stored. */
  async refresh(call: Call, load: Load<V>, caller?: Caller): Promise<Entry<V>> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    this.#refuseCycle(call, reader)
    const join = this.#engine.transactions.current() === undefined
    return (await this.#lead(call, load, reader, { find: false, join, caller })).entry
  }

  /** Loads a call of a synchronous function, and stores the result. */
  loadSync(call: Call, load: (frame: Frame) => Loaded<V>): V {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    if (this.#loadingSync.has(call.key)) throw cycle(call)
    const { position } = this.#engine.log
    const frame = this.#newFrame(call, reader)
    this.#loadingSync.add(call.key)
    this.#stats.misses++
    try {
      const loaded = this.#within(frame, () => this.#run(() => load(frame)))
      return this.#keep(call, loaded, position, frame).entry.value
    } catch (error) {
      this.#stats.errors++
      throw error
    } finally {
      frame.open = false
      this.#loadingSync.delete(call.key)
      reader?.add(frame.refs, frame.trustFrom, frame.stale)
    }
  }

  /** The fresh entry of a call, without loading and without counting. */
  async peek(call: Call): Promise<Entry<V> | undefined> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#seen(reader, await this.#find(call))
  }

  peekSync(call: Call): Entry<V> | undefined {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#seen(reader, this.#entries?.kept(call.key))
  }

  #seen(reader: Frame | undefined, found: Entry<V> | undefined): Entry<V> | undefined {
    if (found === undefined || this.#engine.clock() >= found.freshUntil) return undefined
    if (this.#engine.transactions.current()?.covers(found.refs) === true) return undefined
    this.#report(reader, found, false)
    return found
  }

  /** How many fresh entries a ref covers, here and in Redis. */
  async count(ref: Ref): Promise<number> {
    return (await this.#entries?.count((own) => overlaps(own, ref))) ?? 0
  }

  #find(call: Call): Promise<Entry<V> | undefined> | Entry<V> | undefined {
    if (this.#isStrong) return this.#findVerified(call)
    return this.#entries?.mayAsk === true ? this.#entries.find(call.key) : this.#entries?.kept(call.key)
  }

  async #findVerified(call: Call): Promise<Entry<V> | undefined> {
    return (await this.#engine.shared!.log.ask()) ? this.#entries?.find(call.key) : undefined
  }

  #newFrame(call: Call, reader: Frame | undefined, flight?: Flight<Outcome<V>>): Frame {
    const frame = new Frame(this.#engine.clock(), reader, flight)
    frame.refs.add(call.ref)
    frame.order = ++this.#begun
    frame.isTentative = this.#engine.transactions.current() !== undefined
    return frame
  }

  /** Runs work so that the cached calls in it are known to be read by it. */
  #within<T>(frame: Frame, work: () => T): T {
    return this.#options.track ? this.#engine.tracker.run(frame, work) : work()
  }

  #run<T>(load: () => T): T {
    this.#stats.loads++
    return load()
  }

  /** Tells the load that reads an entry what it has read. */
  #report(reader: Frame | undefined, entry: Entry<V>, stale: boolean): void {
    reader?.add(entry.refs, this.#engine.freshness.trustOf(entry), stale)
  }

  /** A stale entry that may be served while another load is on its way, which this starts. */
  #staleHit(call: Call, load: Load<V>, reader: Frame | undefined): Entry<V> | undefined {
    if (this.#options.staleWhileRevalidate === 0) return undefined
    const entry = this.#entries?.kept(call.key)
    if (entry === undefined || !this.#mayRevalidate(entry)) return undefined
    this.#stats.staleHits++
    this.#report(reader, entry, true)
    this.#refreshBehind(call, load)
    return entry
  }

  #mayRevalidate(entry: Entry<V>): boolean {
    return this.#engine.clock() < entry.freshUntil + this.#options.staleWhileRevalidate
  }

  /** Whether a fresh entry should be loaded anew now, by the XFetch rule: never certain before its end, and the likelier the nearer. */
  isDue(entry: Entry<V>): boolean {
    const { refreshAhead } = this.#options
    if (refreshAhead === 0) return false
    return this.#engine.clock() - entry.cost * refreshAhead * Math.log(this.#engine.random()) >= entry.freshUntil
  }

  /** Loads anew behind an entry that is served. */
  refreshAhead(call: Call, load: Load<V>, entry: Entry<V>): void {
    this.#refreshBehind(call, load, entry.loadedAt)
  }

  #refreshBehind(call: Call, load: Load<V>, newerThan?: number): void {
    const running = this.#flights.get(call.key)
    if (running !== undefined && !this.#isOvertaken(running.frame.refs, running.position ?? this.#engine.log.position)) return
    this.#engine.tracker.runOutside(() => {
      this.#lead(call, load, undefined, { find: false, join: true, behind: true, ...(newerThan !== undefined && { newerThan }) }).catch(
        (error: unknown) => {
          if (error === LEFT) return
          this.#engine.report(new CacheError('LOAD', `A background refresh of ${String(call.ref)} failed; the stale value stays.`, error))
        },
      )
    })
  }

  #isOvertaken(refs: Iterable<Ref>, since: number): boolean {
    const { log } = this.#engine
    if (since === log.position) return false
    const list = Array.from(refs)
    return log.clearedSince(list, since) || log.expiredSince(list, since) !== undefined
  }

  /** The running flight of a key, when this caller may wait for it. */
  #joinable(call: Call, reader: Frame | undefined, arrived: number): Flight<Outcome<V>> | undefined {
    const flight = this.#flights.get(call.key)
    if (flight === undefined) return undefined
    this.#refuseCycle(call, reader)
    // What began after the caller came will do, whatever is cleared meanwhile: a herd under clears without end is two loads, not one each.
    return this.#isLater(flight.position ?? arrived, arrived, flight.frame.refs) ? flight : undefined
  }

  /** A load that waits for a call which waits for that load would wait forever. */
  #refuseCycle(call: Call, reader: Frame | undefined): void {
    const inside = reader?.innermostFlight
    if (inside !== undefined && this.#flights.get(call.key)?.waitsFor(inside) === true) throw cycle(call)
  }

  /** Whether what began at `since` may be given to a caller that came at `arrived`: nobody who came before it waits twice. */
  #isLater(since: number, arrived: number, refs: Iterable<Ref>): boolean {
    return since >= arrived || !this.#isOvertaken(refs, since)
  }

  /** Waits for another caller's flight; undefined when what it gave was overtaken before this caller came. */
  async #follow(flight: Flight<Outcome<V>>, reader: Frame | undefined, arrived: number): Promise<Served<V> | undefined> {
    this.#stats.coalesced++
    let outcome: Outcome<V>
    try {
      outcome = await this.#patiently(flight, flight.awaitedBy(reader?.innermostFlight))
    } catch (error) {
      if (error === LEFT || !this.#isLater(flight.position ?? arrived, arrived, flight.frame.refs)) return undefined
      this.#stats.misses++
      reader?.add(flight.frame.refs, flight.frame.trustFrom, flight.frame.stale)
      throw error
    }
    const { checked, refs } = outcome.entry
    if (!this.#isLater(outcome.from === 'load' ? flight.position! : checked, arrived, refs)) return undefined
    this.#countServed(outcome)
    if (!outcome.share) return { from: 'unshared' }
    this.#report(reader, outcome.entry, outcome.stale)
    return { from: 'flight', entry: outcome.entry, stale: outcome.stale }
  }

  /** A flight's outcome, or past `softTimeout` the stale value that it found, if it found one. */
  #patiently(flight: Flight<Outcome<V>>, landing: Promise<Outcome<V>>): Promise<Outcome<V>> {
    const { softTimeout } = this.#options
    if (softTimeout === Number.POSITIVE_INFINITY) return landing
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const stale = flight.fallback?.()
        if (stale === undefined) return
        resolve(stale)
        landing.catch((error: unknown) =>
          this.#engine.report(new CacheError('LOAD', `A load of "${this.name}" failed after its softTimeout.`, error)),
        )
      }, softTimeout)
      landing.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  /** What a caller may have in place of a load that is slow or has failed: undefined once it is too old, or was cleared. */
  #stale(entry: Entry<V>, window: number): Outcome<V> | undefined {
    const { freshness, clock } = this.#engine
    if (clock() >= entry.freshUntil + window || !freshness.survives(entry)) return undefined
    return { from: 'store', entry, stale: true, stored: true, share: true }
  }

  #countServed(outcome: Outcome<V>): void {
    if (outcome.from === 'load') this.#stats.misses++
    else if (outcome.stale) this.#stats.staleHits++
    else this.#stats.hits++
  }

  /** Begins a flight and takes its result, whatever happens meanwhile. */
  async #lead(call: Call, load: Load<V>, reader: Frame | undefined, options: LeadOptions): Promise<Led<V>> {
    const flight = new Flight<Outcome<V>>((self) => this.#newFrame(call, reader, self))
    if (options.join) this.#flights.set(call.key, flight)
    if (options.caller !== undefined) {
      flight.audience = options.caller.lead(() => this.#forget(call, flight))
      enter(flight, options.caller)
    }
    const fly = (): Promise<Outcome<V>> => this.#within(flight.frame, () => this.#fly(call, load, flight, options))
    try {
      const outcome = await this.#patiently(flight, flight.begin(fly, reader?.innermostFlight))
      this.#countServed(outcome)
      this.#report(reader, outcome.entry, outcome.stale)
      if (outcome.from === 'load') return { from: 'load', entry: outcome.entry, stored: outcome.stored, shared: outcome.share }
      options.caller?.check()
      // A refresh that failed and fell back is not tried again at once: the next reader starts one.
      if (options.find && outcome.stale && this.#mayRevalidate(outcome.entry)) this.#refreshBehind(call, load)
      if (options.find && !outcome.stale && this.isDue(outcome.entry)) this.refreshAhead(call, load, outcome.entry)
      return { from: 'store', entry: outcome.entry, stale: outcome.stale, shared: true }
    } catch (error) {
      this.#stats.misses++
      reader?.add(flight.frame.refs, flight.frame.trustFrom, flight.frame.stale)
      throw error
    }
  }

  async #fly(call: Call, load: Load<V>, flight: Flight<Outcome<V>>, options: LeadOptions): Promise<Outcome<V>> {
    try {
      const looked = options.find ? this.#find(call) : this.#entries?.kept(call.key)
      // Without Redis there is nothing to wait for: the load begins in the tick of its call.
      const found = looked instanceof Promise ? await looked : looked
      if (options.find && found !== undefined && this.#willDo(found, options)) return this.#found(found)
      if (found !== undefined) flight.fallback = () => this.#stale(found, this.#window)
      const waiting = this.#turn(call, flight, options)
      const turn = waiting === undefined ? undefined : await waiting
      if (turn?.to === 'leave') throw LEFT
      if (turn?.to === 'serve') return this.#found(turn.found)
      const lanes = options.place === undefined ? this.#lanes : undefined
      return await this.#loadOr(call, load, flight, { fallback: found, lease: turn?.lease, lanes })
    } finally {
      flight.frame.open = false
      this.#forget(call, flight)
    }
  }

  #forget(call: Call, flight: Flight<Outcome<V>>): void {
    // A newer flight may have taken the place meanwhile: it is not this one's to end.
    if (this.#flights.get(call.key) === flight) this.#flights.delete(call.key)
  }

  #willDo(found: Entry<V>, options: LeadOptions): boolean {
    // Redis counts in whole milliseconds: the same load may look a little later from there.
    if (options.newerThan !== undefined && found.loadedAt <= options.newerThan + 2) return false
    return this.#engine.clock() < found.freshUntil || (options.behind !== true && this.#mayRevalidate(found))
  }

  #found(entry: Entry<V>): Outcome<V> {
    return { from: 'store', entry, stale: this.#engine.clock() >= entry.freshUntil, stored: true, share: true }
  }

  /** Waits for this process's turn to load, unless the load is its caller's alone or asked for whatever is stored. */
  #turn(call: Call, { frame }: Flight<Outcome<V>>, options: LeadOptions): ReturnType<Entries<V>['turn']> {
    if (!options.join || !(options.find || options.behind === true)) return undefined
    return this.#entries?.turn({
      ...call,
      look: async () => {
        const found = await this.#find(call)
        return found !== undefined && this.#willDo(found, options) ? found : undefined
      },
      isNested: frame.parent?.innermostFlight !== undefined,
      isBehind: options.behind === true,
      since: frame.trustFrom,
      onWait: () => options.place?.pass(),
    })
  }

  /** What was cleared until here came before the load, however long it has waited for its turn. */
  #begin(flight: Flight<Outcome<V>>): number {
    flight.frame.began = flight.frame.trustFrom = this.#engine.clock()
    flight.frame.order = ++this.#begun
    return (flight.position = this.#engine.log.position)
  }

  async #loadOr(call: Call, load: Load<V>, flight: Flight<Outcome<V>>, { fallback, lease, lanes }: Means<V>): Promise<Outcome<V>> {
    const lane = lanes?.enter(flight.frame)
    if (lane !== undefined) await lane
    const began = this.#entries?.began(lease)
    const position = this.#begin(flight)
    try {
      flight.audience?.check()
      const loading = this.#run(() => load(flight.frame))
      // What is there at once is stored at once: a getter may be read again in the same tick.
      return this.#keep(call, loading instanceof Promise ? await this.#inTime(call, loading) : loading, position, flight.frame, began)
    } catch (error) {
      const isGivenUp = flight.audience?.isGone === true
      lease?.end(isGivenUp ? 'overtaken' : 'failed')
      if (isGivenUp) throw error
      this.#stats.errors++
      const stale = fallback === undefined ? undefined : this.#stale(fallback, this.#options.staleIfError)
      if (stale === undefined) throw error
      this.#engine.report(new CacheError('LOAD', `Loading ${String(call.ref)} failed; its stale value was served.`, error))
      return stale
    } finally {
      lanes?.leave()
    }
  }

  /** Runs one load for several calls: in one lane, and in a frame that collects what it reads for all of them. */
  async together<T>(frame: Frame, load: () => Promise<T>): Promise<T> {
    const lane = this.#lanes?.enter(frame)
    if (lane !== undefined) await lane
    try {
      return await this.#within(frame, load)
    } finally {
      frame.open = false
      this.#lanes?.leave()
    }
  }

  /** What a load gives, or an error past `loadTimeout`: what it gives later is nobody's. */
  #inTime(call: Call, loading: Promise<Loaded<V>>): Promise<Loaded<V>> {
    const { loadTimeout } = this.#options
    if (loadTimeout === Number.POSITIVE_INFINITY) return loading
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new TimeoutError(`Loading ${String(call.ref)} took longer than its loadTimeout of ${loadTimeout} ms.`))
      const timer = setTimeout(late, loadTimeout)
      loading.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  /** How long past its freshness an entry may be of use. */
  get #window(): number {
    return Math.max(this.#options.staleWhileRevalidate, this.#options.staleIfError)
  }

  /** Makes an entry of what was loaded, and stores it unless it was overtaken meanwhile. */
  #keep(call: Call, loaded: Loaded<V>, position: number, frame: Frame, began?: ReturnType<Entries<V>['began']>): Outcome<V> {
    const { log, clock } = this.#engine
    const refs = frame.close()
    const now = clock()
    const ttl = loaded.ttl ?? this.#options.ttl
    const isStale = frame.stale || log.expiredSince(refs, position) !== undefined
    const lifetime = { fresh: isStale ? 0 : ttl * (1 - this.#options.jitter * this.#engine.random()), stale: this.#window }
    const entry: Entry<V> = {
      value: loaded.value,
      refs,
      order: frame.order,
      checked: position,
      loadedAt: now,
      freshUntil: now + lifetime.fresh,
      cost: now - frame.began,
      bytes: this.#options.size?.(loaded.value) ?? 0,
      trustFrom: frame.trustFrom,
    }
    const isCleared = log.clearedSince(refs, position)
    const isStored = loaded.store && !frame.isTentative && ttl > 0 && lifetime.fresh + lifetime.stale > 0 && !isCleared
    if (isStored) this.#entries?.store(call.key, entry, lifetime, began)
    else began?.lease?.end(loaded.store && isCleared ? 'overtaken' : 'unstored')
    return { from: 'load', entry, stale: frame.stale, stored: isStored && this.#entries !== undefined, share: loaded.share }
  }
}

/** Counts a caller that waits for a flight. */
function enter({ audience }: Flight<unknown>, caller: Caller | undefined): void {
  if (audience === undefined) return
  if (caller === undefined) audience.enter()
  else caller.join(audience)
}

/** What a load is told that needs its own result. */
export function cycle(call: Call): UnsupportedError {
  return new UnsupportedError(`The load of ${String(call.ref)} waits for itself. A cached function cannot need its own result.`, 'CYCLE')
}
