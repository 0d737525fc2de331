// Knows how one flight is led: it looks for what is stored, waits for its turn, loads, and falls back on what is stale.

import type { Arrivals } from './arrival.ts'
import { Begun, type Call, type Load, type Loaded, type Take } from './call.ts'
import { taken, type Entries, type Use } from './entries.ts'
import { Failure, inPlaceOfSlow, LEFT, outcomeOf, staleOf, type Ending } from './ending.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import { CacheError } from './errors.ts'
import type { Flight } from './flight.ts'
import type { Flights } from './flights.ts'
import type { Leading } from './leading.ts'
import type { Looks } from './looks.ts'
import type { Lease } from './redis/lease.ts'
import type { Outcome, Runs, RunsOptions } from './runs.ts'
import type { Staleness } from './staleness.ts'
import type { FunctionStats } from './stats.ts'
import type { Frame } from './tracking.ts'
import type { Began } from './writes.ts'

/** What the flights of one function are led with. */
export interface Means<V> {
  readonly engine: Engine
  readonly options: RunsOptions<V>['options']
  readonly stats: FunctionStats
  /** Undefined where nothing is ever stored. */
  readonly entries: Entries<V> | undefined
  readonly flights: Flights<Outcome<V>>
  readonly runs: Runs<V>
  readonly looks: Looks<V>
  readonly arrivals: Arrivals
  readonly staleness: Staleness<V>
  /** Tells the load that reads an entry what it has read. */
  report(reader: Frame | undefined, entry: Entry<V>, stale: boolean): void
  /** A load failed: what it had read is what its failure depends on. */
  missed(flight: Flight<Outcome<V>>, reader: Frame | undefined): void
  countServed(outcome: Outcome<V>): void
  /** A flight's outcome, or past `softTimeout` the stale value that it found. */
  landing(flight: Flight<Outcome<V>>, landing: Promise<Outcome<V>>): Promise<Outcome<V>>
  refreshBehind(call: Call, newLoad: () => Load<V>): void
  refreshAhead(call: Call, load: Load<V>, entry: Entry<V>): void
}

/** What a flight comes to: how it ends, now or later, or a load whose function runs. */
type Flown<V> = Ending<V> | Promise<Ending<V>> | Begun<V>

/** What is made of how a flight ends. */
type Using<V, R, T> = (this: Lead<V, R>, ending: Ending<V>) => T | Promise<T>

/** One flight, as its leader leads it. */
export class Lead<V, R> {
  readonly #means: Means<V>
  readonly #flight: Flight<Outcome<V>>
  readonly #leading: Leading<V>
  /** The flight that waits for this one, until it does no more. */
  #inside: Flight<unknown> | undefined
  readonly #take: Take<V, R>
  /** What it has found that will not do, or not yet. */
  #found: Entry<V> | undefined = undefined
  #hasWaited: boolean
  #lease: Lease | undefined = undefined
  #began: Began | undefined = undefined

  constructor(means: Means<V>, flight: Flight<Outcome<V>>, leading: Leading<V>, take: Take<V, R>) {
    this.#means = means
    this.#flight = flight
    this.#leading = leading
    this.#take = take
    this.#hasWaited = !leading.find || leading.after !== undefined
    // The wait is known before the load runs, which may come back here in the same tick.
    this.#inside = leading.reader?.innermostFlight
    this.#inside?.await(flight)
  }

  /** Flies, and answers its leader: in the step in which it ends, or sooner where it takes longer than `softTimeout`. */
  fly(): Promise<R> {
    const { options } = this.#means
    if (options.softTimeout === Number.POSITIVE_INFINITY) return this.#land(this.#answer)
    const landing = this.#means.landing(this.#flight, this.#land(outcomeOf))
    const answered = (ending: Ending<V>): R | Promise<R> => {
      this.#awaitNoMore()
      return this.#answer(ending)
    }
    return landing.then(answered, (error: unknown) => answered(new Failure(error)))
  }

  /** Flies, and gives what `use` makes of how it ends in that step: a promise more would be the largest cost of a miss. */
  #land<T>(use: Using<V, R, T>): Promise<T> {
    const { looks, entries, staleness } = this.#means
    const { find, behind } = this.#leading
    try {
      // Who asked for a load, or could not ask what was cleared, gets no old value instead.
      if (!find) return Promise.resolve(this.#fly(this.#begin(behind === true ? entries?.kept(this.#leading.call.key) : undefined), use))
      // Without Redis there is nothing to wait for: the load begins in the tick of its call, which has seen that there is nothing fresh.
      if (!looks.mayAsk && !staleness.isOfUse) return Promise.resolve(this.#fly(this.#begin(undefined), use))
      return Promise.resolve(this.#look((found, failure) => this.#fly(this.#begin(found, failure), use)))
    } catch (error) {
      // Who waits for it would wait for ever.
      if (!this.#flight.isOver) this.#end(new Failure(error))
      return Promise.reject(error)
    }
  }

  #fly<T>(flown: Flown<V>, use: Using<V, R, T>): T | Promise<T> {
    if (flown instanceof Promise) {
      return flown.then(
        (ending) => use.call(this, this.#end(ending)),
        (error: unknown) => use.call(this, this.#end(new Failure(error))),
      )
    }
    if (flown instanceof Begun) {
      return flown.running.then(
        (value) => use.call(this, this.#end(this.#landed(flown, value))),
        (error: unknown) => use.call(this, this.#end(this.#failed(error))),
      )
    }
    return use.call(this, this.#end(flown))
  }

  /** It has ended, for all who wait for it. */
  #end(ending: Ending<V>): Ending<V> {
    const flight = this.#flight
    flight.frame.end()
    if (ending instanceof Failure) flight.fail(ending.error)
    else flight.land(ending)
    this.#awaitNoMore()
    this.#means.flights.leave(flight)
    return ending
  }

  #awaitNoMore(): void {
    this.#inside?.awaitNoMore(this.#flight)
    this.#inside = undefined
  }

  #answer(ending: Ending<V>): R | Promise<R> {
    if (ending instanceof Failure && this.#isOfCall()) this.#means.missed(this.#flight, this.#leading.reader)
    const outcome = outcomeOf(ending)
    this.#tell(outcome)
    if (outcome.from === 'store') this.#refreshAfter(outcome)
    return this.#take(outcome)
  }

  /** Whether a call waits for its answer: what is refreshed behind one was counted when that was answered. No getter: for a private one V8 leaves optimised code. */
  #isOfCall(): boolean {
    return this.#leading.behind !== true
  }

  /** Counts what its leader is given, and tells the load that reads it. */
  #tell(outcome: Outcome<V>): void {
    const { from, entry, stale } = outcome
    const reader = this.#leading.reader
    const isCounted = this.#isOfCall() && (from === 'load' || this.#means.options.isSign?.(entry.value) !== true)
    if (isCounted) this.#means.countServed(outcome)
    this.#means.report(reader, entry, stale)
    // What its load read inside a transaction may be undone.
    if (reader !== undefined && from === 'load' && this.#flight.frame.isTentative) reader.isTentative = true
  }

  /** Loads anew what was found and is too old, or soon will be. */
  #refreshAfter({ entry, stale }: Outcome<V>): void {
    const { staleness } = this.#means
    // A refresh that failed and fell back is not tried again at once: the next reader starts one.
    const { call, load, find, caller, refresh = () => load } = this.#leading
    caller?.check()
    if (find && stale && refresh !== false && staleness.mayRevalidate(entry)) this.#means.refreshBehind(call, refresh)
    if (find && !stale && staleness.isDue(entry)) this.#means.refreshAhead(call, load, entry)
  }

  #look<T>(flyOn: Use<V, T>): T | Promise<T> {
    const { looks, entries, runs } = this.#means
    const { since } = this.#leading
    if (looks.mayAsk) this.#hasWaited = true
    if (entries?.isOwnStore !== true) return looks.take(this.#leading.call, flyOn, since)
    // Within the flight's frame, since it runs a user's own code, which may read what is cached: else a hit needs no frame.
    return taken(Promise.resolve(runs.within(this.#flight.frame, () => looks.find(this.#leading.call, since))), flyOn)
  }

  #begin(found: Entry<V> | undefined, failure?: unknown): Flown<V> {
    try {
      // A look that fails has found nothing.
      if (failure !== undefined) this.#means.engine.report(failure)
      return this.#flyOn(found)
    } catch (error) {
      return new Failure(error)
    }
  }

  #flyOn(found: Entry<V> | undefined): Flown<V> {
    const { engine, runs } = this.#means
    if (found !== undefined) {
      const now = engine.clock()
      if (this.#leading.find && this.#willDo(found, now)) return this.#outcomeOf(found, now)
      this.#fallBackOn(found)
    }
    // Who was given up while it looked stands in no line.
    this.#flight.audience?.check()
    // A lane before a lease: what waits in line must not keep other processes waiting. A part of a batch runs in the batch's lane.
    const isInLine = this.#leading.place === undefined && runs.hasLanes
    return runs.within(this.#flight.frame, () => (isInLine ? this.#inLine() : this.#inTurn()))
  }

  #inLine(): Promise<Ending<V>> {
    this.#hasWaited = true
    return this.#means.runs.inLane(this.#flight, () => this.#ended(this.#inTurn()))
  }

  #fallBackOn(found: Entry<V>): void {
    const { staleness } = this.#means
    this.#found = found
    this.#flight.fallback = () => inPlaceOfSlow(staleness, found)
  }

  #inTurn(): Flown<V> {
    const waiting = this.#turn()
    if (waiting === undefined) return this.#beginLoad()
    this.#hasWaited = true
    return waiting.then((turn) => {
      if (turn.to === 'leave') throw LEFT
      if (turn.to === 'serve') return this.#outcomeOf(turn.found, this.#means.engine.clock())
      const { lease } = turn
      this.#lease = lease
      if (lease !== undefined) this.#flight.giveWay = () => lease.end('overtaken')
      return this.#ended(this.#beginLoad())
    })
  }

  /** Waits for this process's turn to load, unless the load is its caller's alone or asked for whatever is stored. */
  #turn(): ReturnType<Entries<V>['turn']> {
    const { call, find, join, behind, caller, place, since } = this.#leading
    const { looks, entries } = this.#means
    const { frame } = this.#flight
    if (entries?.hasTurns !== true || !join || !(find || behind === true)) return undefined
    return entries.turn({
      key: call.key,
      ref: call.ref,
      look: async () => {
        const found = await looks.find(call, undefined, true)
        return found !== undefined && this.#willDo(found, this.#means.engine.clock()) ? found : undefined
      },
      isNested: frame.parent?.innermostFlight !== undefined,
      isBehind: behind === true,
      since: since ?? frame.trustFrom,
      signal: caller?.signal,
      onWait: () => place?.pass(),
    })
  }

  #beginLoad(): Ending<V> | Begun<V> {
    const { entries, runs } = this.#means
    const { call, load, place } = this.#leading
    this.#began = entries?.began(this.#lease)
    try {
      const loading = runs.load(call, load, this.#flight, this.#now(), place === undefined, this.#found)
      // What is there at once is stored at once: a getter may be read again in the same tick.
      return loading instanceof Begun ? loading : this.#stored(loading)
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** What it ends with, once its load has. */
  #ended(flown: Flown<V>): Ending<V> | Promise<Ending<V>> {
    if (!(flown instanceof Begun)) return flown
    return flown.running.then(
      (value) => this.#landed(flown, value),
      (error: unknown) => this.#failed(error),
    )
  }

  /** When its load begins: as its caller has come, where it has waited for nothing. */
  #now(): number {
    return this.#hasWaited ? this.#means.engine.clock() : this.#flight.frame.began
  }

  /** A load has given something. */
  #landed(load: Begun<V>, value: unknown): Ending<V> {
    try {
      return this.#stored(load.loaded(value))
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** A load has given a result. */
  #stored(loaded: Loaded<V>): Outcome<V> {
    const { entries, arrivals, runs } = this.#means
    const outcome = runs.land(this.#leading.call, loaded, this.#flight, this.#began)
    const mayReplace = !this.#leading.find || this.#found !== undefined
    // What was cleared meanwhile says nothing of what others have loaded since.
    const isLatest = !arrivals.isOvertaken(outcome.entry, this.#flight.position!)
    if (mayReplace && isLatest && outcome.share && !outcome.stored) entries?.supersede(this.#leading.call.key, outcome.entry.order)
    return outcome
  }

  /** What is served in place of a load that failed, if something may be. */
  #failed(error: unknown): Ending<V> {
    const { engine, stats, staleness } = this.#means
    const isGivenUp = this.#flight.audience?.isGone === true
    this.#lease?.end(isGivenUp ? 'overtaken' : 'failed')
    if (isGivenUp) return new Failure(error)
    stats.errors++
    const found = this.#found
    if (found === undefined || !staleness.mayReplace(found)) return new Failure(error)
    engine.report(new CacheError('LOAD', `Loading ${String(this.#leading.call.ref)} failed; its stale value was served.`, error))
    return staleOf(found)
  }

  #willDo(found: Entry<V>, now: number): boolean {
    const { newerThan, behind, refresh } = this.#leading
    // Redis counts in whole milliseconds: the same load may look a little later from there.
    if (newerThan !== undefined && found.loadedAt <= newerThan + 2) return false
    const mayBeStale = behind !== true && refresh !== false
    return now < found.freshUntil || (mayBeStale && this.#means.staleness.mayRevalidate(found))
  }

  #outcomeOf(entry: Entry<V>, now: number): Outcome<V> {
    return { from: 'store', entry, stale: now >= entry.freshUntil, stored: true, share: true }
  }
}
