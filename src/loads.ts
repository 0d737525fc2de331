// Knows the loads of one function that its callers share: who leads one, who may wait for it, who is refreshed behind.

import type { Caller } from './abort.ts'
import { Arrivals, type Arrival } from './arrival.ts'
import { cycle, type Call, type Load, type Served, type ServeOptions } from './call.ts'
import type { Entries } from './entries.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import { CacheError } from './errors.ts'
import { Flight } from './flight.ts'
import { Looks } from './looks.ts'
import { patiently } from './patience.ts'
import type { Lease } from './redis/lease.ts'
import { Runs, type Outcome, type RunsOptions } from './runs.ts'
import { Staleness } from './staleness.ts'
import type { FunctionStats } from './stats.ts'
import type { Frame } from './tracking.ts'

/** How a caller was answered whose own flight it was. */
export type Led<V> = Exclude<Served<V>, { from: 'unshared' }>

interface LeadOptions<V> {
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
  /** As of who is served; false: a stale value that is found will not do. */
  readonly refresh?: ServeOptions<V>['refresh']
  /** When its caller came, where that was before: what it has waited for Redis since then counts. */
  readonly since?: number
  /** The flight that has to end first. */
  readonly after?: Flight<Outcome<V>>
}

/** What a load has beside itself: a stale entry where it fails, and the lease where it is all processes'. */
interface Means<V> {
  readonly fallback: Entry<V> | undefined
  readonly lease: Lease | undefined
  /** Whether `loadTimeout` is its own; a batch is timed as a whole. */
  readonly isTimed: boolean
  /** Whether an older entry may be stored. */
  readonly mayReplace: boolean
}

/** What a refresh behind a stale value ends with where another process makes it. */
const LEFT: Error = new Error('Another process refreshes this call.')

export interface LoadsOptions<V> extends RunsOptions<V> {
  /** Whether every call asks Redis what was cleared before it came. */
  readonly isStrong: boolean
}

export class Loads<V> {
  readonly flights: Map<string, Flight<Outcome<V>>> = new Map()
  readonly runs: Runs<V>
  readonly looks: Looks<V>
  readonly arrivals: Arrivals
  readonly staleness: Staleness<V>
  readonly #engine: Engine
  readonly #options: RunsOptions<V>['options']
  readonly #stats: FunctionStats
  readonly #entries: Entries<V> | undefined

  constructor({ isStrong, ...options }: LoadsOptions<V>) {
    this.runs = new Runs(options)
    this.#engine = options.engine
    this.#options = options.options
    this.#stats = options.stats
    this.#entries = options.entries
    this.looks = new Looks(options.engine, options.entries, isStrong)
    this.arrivals = new Arrivals(options.engine)
    this.staleness = new Staleness(options.engine, options.options, options.windowsOf)
  }

  /** Tells the load that reads an entry what it has read. */
  report(reader: Frame | undefined, entry: Entry<V>, stale: boolean): void {
    reader?.add(entry.refs, this.#engine.freshness.trustOf(entry), stale)
  }

  /** The running flight of a key, when this caller may wait for it. */
  joinable(call: Call, reader: Frame | undefined, arrived: Arrival): Flight<Outcome<V>> | undefined {
    const flight = this.flights.get(call.key)
    if (flight === undefined) return undefined
    this.refuseCycle(call, reader, flight)
    return this.arrivals.mayJoin(flight, arrived) ? flight : undefined
  }

  /** A load that waits for a flight which waits for that load would wait forever. */
  refuseCycle(call: Call, reader: Frame | undefined, awaited: Flight<Outcome<V>> | undefined): void {
    const inside = reader?.innermostFlight
    if (inside !== undefined && awaited?.waitsFor(inside) === true) throw cycle(call)
  }

  /** A load that nobody may join would begin itself without end. */
  refuseNested(call: Call, reader: Frame | undefined): void {
    if (reader?.runsIn(call) === true) throw cycle(call)
  }

  /**
   * Waits for another caller's flight; undefined when what it gave may have been overtaken before this caller came. `arrived`: when that was;
   * or 'load' where only a load will do, which begins later. `fallback`: what the caller has found, where the flight looks for nothing.
   */
  async follow(
    flight: Flight<Outcome<V>>,
    reader: Frame | undefined,
    arrived: Arrival | 'load',
    fallback?: Entry<V>,
  ): Promise<Served<V> | undefined> {
    this.#stats.coalesced++
    let outcome: Outcome<V>
    try {
      outcome = await this.#landing(flight, flight.awaitedBy(reader?.innermostFlight), fallback)
    } catch (error) {
      const isOurs =
        arrived === 'load' || flight.position === undefined || this.arrivals.isLater(flight.position, arrived, flight.frame.refs)
      if (error === LEFT || !isOurs) return undefined
      this.#stats.misses++
      reader?.add(flight.frame.refs, flight.frame.trustFrom, flight.frame.stale)
      throw error
    }
    if (!this.arrivals.isFor(arrived, flight, outcome)) return undefined
    if (this.#options.isSign?.(outcome.entry.value) !== true) this.#countServed(outcome)
    if (!outcome.share) return { from: 'unshared' }
    this.report(reader, outcome.entry, outcome.stale)
    return { from: 'flight', entry: outcome.entry, stale: outcome.stale }
  }

  /** What comes of a load that has not begun yet: it will do, whatever Redis says of what was cleared before. Undefined where no load comes. */
  async followLoad(
    flight: Flight<Outcome<V>>,
    call: Call,
    reader: Frame | undefined,
    options: ServeOptions<V>,
  ): Promise<Served<V> | undefined> {
    if (flight.position !== undefined) return undefined
    this.refuseCycle(call, reader, flight)
    options.place?.pass()
    enter(flight, options.caller)
    return await this.follow(flight, reader, 'load')
  }

  /** Begins a flight and takes its result, whatever happens meanwhile. */
  async lead(call: Call, load: Load<V>, reader: Frame | undefined, options: LeadOptions<V>): Promise<Led<V>> {
    const { after } = options
    const flight = new Flight<Outcome<V>>((self) => this.runs.newFrame(call, reader, self))
    flight.finds = options.find && options.refresh !== false
    if (after !== undefined && this.flights.get(call.key) === after) after.next = flight
    else if (options.join) this.flights.set(call.key, flight)
    if (options.caller !== undefined) {
      flight.audience = options.caller.lead(() => {
        this.#forget(call, flight)
        this.runs.giveUp(flight)
      })
      enter(flight, options.caller)
    }
    const begin = (): Promise<Outcome<V>> => this.runs.within(flight.frame, () => this.#fly(call, load, flight, options))
    const fly = after === undefined ? begin : () => after.whileAwaitedBy(flight, after.settled()).then(begin)
    try {
      const outcome = await this.#landing(flight, flight.begin(fly, reader?.innermostFlight))
      if (outcome.from === 'load' || this.#options.isSign?.(outcome.entry.value) !== true) this.#countServed(outcome)
      this.report(reader, outcome.entry, outcome.stale)
      // What its load read inside a transaction may be undone.
      if (reader !== undefined && outcome.from === 'load' && flight.frame.isTentative) reader.isTentative = true
      if (outcome.from === 'load') return { from: 'load', entry: outcome.entry, stored: outcome.stored }
      options.caller?.check()
      // A refresh that failed and fell back is not tried again at once: the next reader starts one.
      const { refresh = () => load } = options
      if (options.find && outcome.stale && refresh !== false && this.staleness.mayRevalidate(outcome.entry))
        this.refreshBehind(call, refresh)
      if (options.find && !outcome.stale && this.staleness.isDue(outcome.entry)) this.refreshAhead(call, load, outcome.entry)
      return { from: 'store', entry: outcome.entry, stale: outcome.stale }
    } catch (error) {
      this.#stats.misses++
      reader?.add(flight.frame.refs, flight.frame.trustFrom, flight.frame.stale)
      throw error
    }
  }

  #countServed(outcome: Outcome<V>): void {
    if (outcome.from === 'load') this.#stats.misses++
    else if (outcome.stale) this.#stats.staleHits++
    else this.#stats.hits++
  }

  /** A flight's outcome, or past `softTimeout` the stale value that it found, or that who waits for it did. */
  #landing(flight: Flight<Outcome<V>>, landing: Promise<Outcome<V>>, found?: Entry<V>): Promise<Outcome<V>> {
    return patiently(landing, this.#options.softTimeout, (resolve) => {
      const stale = flight.fallback?.() ?? (found && this.#slow(found))
      if (stale === undefined) return
      resolve(stale)
      const late = (error: unknown): void =>
        this.#engine.report(new CacheError('LOAD', `A load of "${this.#options.name}" failed after its softTimeout.`, error))
      landing.catch(late)
    })
  }

  /** Loads anew behind an entry that is fresh: only what is newer will do. */
  refreshAhead(call: Call, load: Load<V>, entry: Entry<V>): void {
    this.refreshBehind(call, () => load, entry.loadedAt)
  }

  /** Whether a load of a call is on its way that nothing has overtaken. */
  isLoading(call: Call): boolean {
    const running = this.flights.get(call.key)
    return running !== undefined && !this.arrivals.isOvertaken(running.frame.refs, running.position ?? this.#engine.log.position)
  }

  refreshBehind(call: Call, newLoad: () => Load<V>, newerThan?: number): void {
    if (this.isLoading(call)) return
    const load = newLoad()
    this.#engine.tracker.runOutside(() => {
      this.lead(call, load, undefined, { find: false, join: true, behind: true, ...(newerThan !== undefined && { newerThan }) }).catch(
        (error: unknown) => {
          if (error === LEFT) return
          this.#engine.report(new CacheError('LOAD', `A background refresh of ${String(call.ref)} failed; the stale value stays.`, error))
        },
      )
    })
  }

  async #fly(call: Call, run: Load<V>, flight: Flight<Outcome<V>>, options: LeadOptions<V>): Promise<Outcome<V>> {
    try {
      // Who asked for a load, or could not ask what was cleared, gets no old value instead.
      const looked = options.find
        ? this.looks.find(call, options.since)
        : options.behind === true
          ? this.#entries?.kept(call.key)
          : undefined
      // Without Redis there is nothing to wait for: the load begins in the tick of its call.
      const found = looked instanceof Promise ? await looked : looked
      if (options.find && found !== undefined && this.#willDo(found, options)) return this.#found(found)
      if (found !== undefined) flight.fallback = () => this.#slow(found)
      // Who was given up while it looked stands in no line.
      flight.audience?.check()
      const load = (): Promise<Outcome<V>> => this.#inTurn(call, run, flight, options, found)
      // A lane before a lease: what waits in line must not keep other processes waiting. A part of a batch runs in the batch's lane.
      return await (options.place === undefined ? this.runs.inLane(flight, load) : load())
    } finally {
      flight.frame.open = false
      this.#forget(call, flight)
    }
  }

  /** What a caller may have in place of a load that is slow. */
  #slow(entry: Entry<V>): Outcome<V> | undefined {
    return this.staleness.outlasts(entry) ? staleOf(entry) : undefined
  }

  #found(entry: Entry<V>): Outcome<V> {
    return { ...staleOf(entry), stale: this.#engine.clock() >= entry.freshUntil }
  }

  async #inTurn(
    call: Call,
    load: Load<V>,
    flight: Flight<Outcome<V>>,
    options: LeadOptions<V>,
    fallback: Entry<V> | undefined,
  ): Promise<Outcome<V>> {
    const waiting = this.#turn(call, flight, options)
    const turn = waiting === undefined ? undefined : await waiting
    if (turn?.to === 'leave') throw LEFT
    if (turn?.to === 'serve') return this.#found(turn.found)
    const mayReplace = !options.find || fallback !== undefined
    return await this.#loadOr(call, load, flight, { fallback, lease: turn?.lease, isTimed: options.place === undefined, mayReplace })
  }

  #forget(call: Call, flight: Flight<Outcome<V>>): void {
    // A newer flight may have taken the place meanwhile: it is not this one's to end.
    if (this.flights.get(call.key) !== flight) return
    if (flight.next === undefined) this.flights.delete(call.key)
    else this.flights.set(call.key, flight.next)
  }

  #willDo(found: Entry<V>, options: LeadOptions<V>): boolean {
    // Redis counts in whole milliseconds: the same load may look a little later from there.
    if (options.newerThan !== undefined && found.loadedAt <= options.newerThan + 2) return false
    const mayBeStale = options.behind !== true && options.refresh !== false
    return this.#engine.clock() < found.freshUntil || (mayBeStale && this.staleness.mayRevalidate(found))
  }

  /** Waits for this process's turn to load, unless the load is its caller's alone or asked for whatever is stored. */
  #turn(call: Call, { frame }: Flight<Outcome<V>>, options: LeadOptions<V>): ReturnType<Entries<V>['turn']> {
    if (!options.join || !(options.find || options.behind === true)) return undefined
    return this.#entries?.turn({
      ...call,
      look: async () => {
        const found = await this.looks.find(call, undefined, true)
        return found !== undefined && this.#willDo(found, options) ? found : undefined
      },
      isNested: frame.parent?.innermostFlight !== undefined,
      isBehind: options.behind === true,
      since: options.since ?? frame.trustFrom,
      signal: options.caller?.signal,
      onWait: () => options.place?.pass(),
    })
  }

  async #loadOr(call: Call, load: Load<V>, flight: Flight<Outcome<V>>, means: Means<V>): Promise<Outcome<V>> {
    const { fallback, lease, isTimed, mayReplace } = means
    try {
      const outcome = await this.runs.load(call, load, flight, { began: this.#entries?.began(lease), isTimed, found: fallback })
      // What was cleared meanwhile says nothing of what others have loaded since.
      const isLatest = !this.arrivals.isOvertaken(outcome.entry.refs, flight.position!)
      if (mayReplace && isLatest && outcome.share && !outcome.stored) this.#entries?.supersede(call.key, outcome.entry.order)
      return outcome
    } catch (error) {
      const isGivenUp = flight.audience?.isGone === true
      lease?.end(isGivenUp ? 'overtaken' : 'failed')
      if (isGivenUp) throw error
      this.#stats.errors++
      if (fallback === undefined || !this.staleness.mayReplace(fallback)) throw error
      this.#engine.report(new CacheError('LOAD', `Loading ${String(call.ref)} failed; its stale value was served.`, error))
      return staleOf(fallback)
    }
  }
}

function staleOf<V>(entry: Entry<V>): Outcome<V> {
  return { from: 'store', entry, stale: true, stored: true, share: true }
}

/** Counts a caller that waits for a flight. */
export function enter({ audience }: Flight<unknown>, caller: Caller | undefined): void {
  if (audience === undefined) return
  if (caller === undefined) audience.enter()
  else caller.join(audience)
}
