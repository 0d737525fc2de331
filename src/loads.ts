// Knows the loads of one function that its callers share: who leads one, who may wait for it, who is refreshed behind.

import type { Caller } from './abort.ts'
import { Arrivals, type Arrival } from './arrival.ts'
import { cycle, type Call, type Load, type Served, type Take } from './call.ts'
import { inPlaceOfSlow, LEFT } from './ending.ts'
import type { Engine } from './engine.ts'
import type { Entries } from './entries.ts'
import type { Entry } from './entry.ts'
import { CacheError } from './errors.ts'
import { Flight } from './flight.ts'
import { Flights } from './flights.ts'
import { Lead, type Means } from './lead.ts'
import type { Leading } from './leading.ts'
import { Looks } from './looks.ts'
import { patiently } from './patience.ts'
import { Runs, type Outcome, type RunsOptions } from './runs.ts'
import { Staleness } from './staleness.ts'
import type { FunctionStats } from './stats.ts'
import type { Frame } from './tracking.ts'

export interface LoadsOptions<V> extends RunsOptions<V> {
  /** Whether every call asks Redis what was cleared before it came. */
  readonly isStrong: boolean
}

/** Who waits for another caller's flight. */
interface Follower {
  /** The load that it was made in, if any. */
  readonly reader: Frame | undefined
}

/** What is made of what a flight gives who waits for it: of nothing, where that may have been overtaken before it came. */
export type OnLanding<V, C, A, R> = (served: Served<V> | undefined, follower: C, arrived: A) => R | Promise<R>

export class Loads<V> implements Means<V> {
  readonly flights: Flights<Outcome<V>> = new Flights()
  readonly runs: Runs<V>
  readonly looks: Looks<V>
  readonly arrivals: Arrivals
  readonly staleness: Staleness<V>
  readonly engine: Engine
  readonly options: RunsOptions<V>['options']
  readonly stats: FunctionStats
  readonly entries: Entries<V> | undefined

  constructor({ isStrong, ...options }: LoadsOptions<V>) {
    this.runs = new Runs(options)
    this.engine = options.engine
    this.options = options.options
    this.stats = options.stats
    this.entries = options.entries
    this.looks = new Looks(options.engine, options.entries, isStrong)
    this.arrivals = new Arrivals(options.engine)
    this.staleness = new Staleness(options.engine, options.options, options.windowsOf)
  }

  /** Tells the load that reads an entry what it has read. */
  report(reader: Frame | undefined, entry: Entry<V>, stale: boolean): void {
    if (reader === undefined) return
    reader.refs.add(entry.own)
    reader.add(entry.read, this.engine.freshness.trustOf(entry), stale)
  }

  /** The running flight of a call, when this caller may wait for it. */
  joinable(call: Call, reader: Frame | undefined, arrived: Arrival): Flight<Outcome<V>> | undefined {
    const flight = this.flights.get(call)
    if (flight === undefined) return undefined
    this.refuseCycle(call, reader, flight)
    return this.arrivals.mayJoin(flight, arrived) ? flight : undefined
  }

  /** A load that waits for a flight which waits for that load would wait forever. */
  refuseCycle(call: Call, reader: Frame | undefined, awaited: Flight<Outcome<V>> | undefined): void {
    const inside = reader?.innermostFlight
    if (inside === undefined || awaited === undefined) return
    // A load of the same call may have taken the place of the one that it runs in.
    if (awaited.waitsFor(inside) || reader!.loadOf(call)?.flight?.waitsFor(inside) === true) throw cycle(call)
  }

  /** A load that nobody may join would begin itself without end. */
  refuseNested(call: Call, reader: Frame | undefined): void {
    if (reader?.loadOf(call) !== undefined) throw cycle(call)
  }

  /**
   * Waits for another caller's flight, for what `onLanding` makes of that. `arrived`: when its caller came; or 'load' where only a load will do, which
   * begins later. `found`: what it has found, where the flight looks for nothing. Who waits keeps as little as can be: where thousands do, to collect
   * what they have kept takes longer than all else.
   */
  follow<C extends Follower, A extends Arrival | 'load', R>(
    flight: Flight<Outcome<V>>,
    follower: C,
    arrived: A,
    onLanding: OnLanding<V, C, A, R>,
    found?: Entry<V>,
  ): Promise<R> {
    this.stats.coalesced++
    // Who was given something stale instead does not wait any more.
    const landing = flight.awaitedBy(follower.reader?.innermostFlight, this.landing(flight, flight.result, found))
    return landing.then(
      (outcome) => onLanding(this.#takeFrom(flight, follower.reader, arrived, outcome), follower, arrived),
      (error: unknown) => {
        const isOurs = arrived === 'load' || flight.position === undefined || this.arrivals.isLater(flight.position, arrived, flight.frame)
        if (error === LEFT || !isOurs) return onLanding(undefined, follower, arrived)
        this.missed(flight, follower.reader)
        throw error
      },
    )
  }

  #takeFrom(flight: Flight<Outcome<V>>, reader: Frame | undefined, arrived: Arrival | 'load', outcome: Outcome<V>): Served<V> | undefined {
    if (!this.arrivals.isFor(arrived, flight, outcome)) return undefined
    if (this.options.isSign?.(outcome.entry.value) !== true) this.countServed(outcome)
    if (!outcome.share) return { from: 'unshared' }
    this.report(reader, outcome.entry, outcome.stale)
    return { from: 'flight', entry: outcome.entry, stale: outcome.stale }
  }

  /** A load failed, for who waited for it too: what it had read is what that depends on. */
  missed({ frame }: Flight<Outcome<V>>, reader: Frame | undefined): void {
    this.stats.misses++
    reader?.add(frame.refs, frame.trustFrom, frame.stale)
  }

  /** What comes of a load that has not begun yet: it will do, whatever Redis says of what was cleared before. Undefined where no load comes. */
  async followLoad(
    flight: Flight<Outcome<V>>,
    follower: Pick<Leading<V>, 'call' | 'reader' | 'place' | 'caller'>,
  ): Promise<Served<V> | undefined> {
    if (flight.position !== undefined) return undefined
    const { call, reader, place, caller } = follower
    this.refuseCycle(call, reader, flight)
    place?.pass()
    enter(flight, caller)
    return await this.follow(flight, follower, 'load', (served) => served)
  }

  /** Begins a flight and takes its result, whatever happens meanwhile. */
  lead<R>(leading: Leading<V>, take: Take<V, R>): Promise<R> {
    const { after } = leading
    const flight = this.#newFlight(leading)
    const lead = new Lead(this, flight, leading, take)
    return after === undefined ? lead.fly() : after.whileAwaitedBy(flight, after.settled()).then(() => lead.fly())
  }

  #newFlight({ call, reader, find, join, refresh, after, caller, since }: Leading<V>): Flight<Outcome<V>> {
    const flight = new Flight<Outcome<V>>(this.runs.newFrame(call, reader, since))
    flight.finds = find && refresh !== false
    if (after !== undefined && this.flights.get(call) === after) after.next = flight
    else if (join) this.#replace(call, flight)
    if (caller !== undefined) this.#await(flight, caller)
    return flight
  }

  /** A flight takes the place of the one that runs, if any: it does not wait in line for the lease of one that was overtaken. */
  #replace(call: Call, flight: Flight<Outcome<V>>): void {
    const running = this.flights.set(call, flight)
    if (running?.giveWay !== undefined && this.arrivals.isOvertaken(running.frame, running.position!)) running.giveWay()
  }

  /** Ends a flight whose callers have all left. */
  #await(flight: Flight<Outcome<V>>, caller: Caller): void {
    flight.audience = caller.lead(() => {
      this.flights.leave(flight)
      this.runs.giveUp(flight)
      // Its load may not heed that.
      flight.giveWay?.()
    })
    enter(flight, caller)
  }

  countServed(outcome: Outcome<V>): void {
    if (outcome.from === 'load') this.stats.misses++
    else if (outcome.stale) this.stats.staleHits++
    else this.stats.hits++
  }

  /** A flight's outcome, or past `softTimeout` the stale value that it found, or that who waits for it did. */
  landing(flight: Flight<Outcome<V>>, landing: Promise<Outcome<V>>, found?: Entry<V>): Promise<Outcome<V>> {
    return patiently(landing, this.options.softTimeout, (resolve) => {
      const stale = flight.fallback?.() ?? (found && inPlaceOfSlow(this.staleness, found))
      if (stale === undefined) return
      resolve(stale)
      const late = (error: unknown): void => {
        if (error === LEFT) return
        this.engine.report(new CacheError('LOAD', `A load of "${this.options.name}" failed after its softTimeout.`, error))
      }
      landing.catch(late)
    })
  }

  /** Loads anew behind an entry that is fresh: only what is newer will do. */
  refreshAhead(call: Call, load: Load<V>, entry: Entry<V>): void {
    this.refreshBehind(call, () => load, entry.loadedAt)
  }

  /** Whether a load of a call is on its way that nothing has overtaken. */
  isLoading(call: Call): boolean {
    const running = this.flights.get(call)
    return running !== undefined && !this.arrivals.isOvertaken(running.frame, running.position ?? this.engine.log.position)
  }

  refreshBehind(call: Call, newLoad: () => Load<V>, newerThan?: number): void {
    if (this.isLoading(call)) return
    const load = newLoad()
    this.engine.tracker.runOutside(() => {
      const behind = { find: false, join: true, behind: true, ...(newerThan !== undefined && { newerThan }) }
      this.lead({ call, load, reader: undefined, ...behind }, () => undefined).catch((error: unknown) => {
        if (error === LEFT) return
        this.engine.report(new CacheError('LOAD', `A background refresh of ${String(call.ref)} failed; the stale value stays.`, error))
      })
    })
  }
}

/** Counts a caller that waits for a flight. */
export function enter({ audience }: Flight<unknown>, caller: Caller | undefined): void {
  if (audience === undefined) return
  if (caller === undefined) audience.enter()
  else caller.join(audience)
}
