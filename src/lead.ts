// Knows how one flight is led: it looks for what is stored, waits for its turn, loads, and falls back on what is stale.

import type { Caller } from './abort.ts'
import type { Arrivals } from './arrival.ts'
import { Begun, type Call, type Load, type ServeOptions } from './call.ts'
import { taken, type Entries, type Use } from './entries.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import { CacheError } from './errors.ts'
import { promised, type Flight } from './flight.ts'
import type { Looks } from './looks.ts'
import type { Lease } from './redis/lease.ts'
import type { Outcome, Runs } from './runs.ts'
import type { Staleness } from './staleness.ts'
import type { FunctionStats } from './stats.ts'

/** How a flight is led. */
export interface LeadOptions<V> {
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

/** What a refresh behind a stale value ends with where another process makes it. */
export const LEFT: Error = new Error('Another process refreshes this call.')

/** What is made of how a flight has ended: of its outcome, or of its failure where it has none. */
export type Ended<V, R> = (outcome: Outcome<V> | undefined, failure?: unknown) => R | Promise<R>

/** What the flights of one function are led with. */
export interface Means<V> {
  readonly engine: Engine
  readonly stats: FunctionStats
  /** Undefined where nothing is ever stored. */
  readonly entries: Entries<V> | undefined
  readonly runs: Runs<V>
  readonly looks: Looks<V>
  readonly arrivals: Arrivals
  readonly staleness: Staleness<V>
}

/** One flight, as its leader leads it. */
export class Lead<V> {
  readonly #means: Means<V>
  readonly #call: Call
  readonly #load: Load<V>
  readonly #flight: Flight<Outcome<V>>
  readonly #options: LeadOptions<V>
  /** What it has found that will not do, or not yet. */
  #found: Entry<V> | undefined = undefined
  #hasWaited: boolean

  constructor(means: Means<V>, call: Call, load: Load<V>, flight: Flight<Outcome<V>>, options: LeadOptions<V>) {
    this.#means = means
    this.#call = call
    this.#load = load
    this.#flight = flight
    this.#options = options
    this.#hasWaited = !options.find || options.after !== undefined
  }

  /** What `ended` makes of its end, in the step in which that comes. What that throws is a rejection. */
  fly<R>(ended: Ended<V, R>): Promise<R> {
    return promised(() =>
      this.#look((found, failure) => {
        if (failure !== undefined) return ended(undefined, failure)
        let flown: Outcome<V> | Promise<Outcome<V>>
        try {
          flown = this.#flyOn(found)
        } catch (error) {
          return ended(undefined, error)
        }
        return flown instanceof Promise ? flown.then(ended, (error: unknown) => ended(undefined, error)) : ended(flown)
      }),
    )
  }

  #look<R>(flyOn: Use<V, R>): R | Promise<R> {
    const { looks, entries, runs } = this.#means
    const { find, behind, since } = this.#options
    // Who asked for a load, or could not ask what was cleared, gets no old value instead.
    if (!find) return flyOn(behind === true ? entries?.kept(this.#call.key) : undefined)
    // Without Redis there is nothing to wait for: the load begins in the tick of its call.
    if (looks.mayAsk) this.#hasWaited = true
    if (entries?.isOwnStore !== true) return looks.take(this.#call, flyOn, since)
    // Within the flight's frame, since it runs a user's own code, which may read what is cached: else a hit needs no frame.
    return taken(Promise.resolve(runs.within(this.#flight.frame, () => looks.find(this.#call, since))), flyOn)
  }

  #flyOn(found: Entry<V> | undefined): Outcome<V> | Promise<Outcome<V>> {
    if (this.#options.find && found !== undefined && this.#willDo(found)) return this.#outcomeOf(found)
    const { runs, staleness } = this.#means
    if (found !== undefined) {
      this.#found = found
      this.#flight.fallback = () => inPlaceOfSlow(staleness, found)
    }
    // Who was given up while it looked stands in no line.
    this.#flight.audience?.check()
    // A lane before a lease: what waits in line must not keep other processes waiting. A part of a batch runs in the batch's lane.
    const isInLine = this.#options.place === undefined && runs.hasLanes
    if (isInLine) this.#hasWaited = true
    return runs.within(this.#flight.frame, () => (isInLine ? runs.inLane(this.#flight, () => this.#inTurn()) : this.#inTurn()))
  }

  #inTurn(): Promise<Outcome<V>> {
    const waiting = this.#turn()
    if (waiting === undefined) return this.#loadOr(undefined)
    this.#hasWaited = true
    return waiting.then((turn) => {
      if (turn.to === 'leave') throw LEFT
      return turn.to === 'serve' ? this.#outcomeOf(turn.found) : this.#loadOr(turn.lease)
    })
  }

  /** Waits for this process's turn to load, unless the load is its caller's alone or asked for whatever is stored. */
  #turn(): ReturnType<Entries<V>['turn']> {
    const { find, join, behind, caller, place, since } = this.#options
    const { looks, entries } = this.#means
    const { frame } = this.#flight
    if (entries?.hasTurns !== true || !join || !(find || behind === true)) return undefined
    return entries.turn({
      ...this.#call,
      look: async () => {
        const found = await looks.find(this.#call, undefined, true)
        return found !== undefined && this.#willDo(found) ? found : undefined
      },
      isNested: frame.parent?.innermostFlight !== undefined,
      isBehind: behind === true,
      since: since ?? frame.trustFrom,
      signal: caller?.signal,
      onWait: () => place?.pass(),
    })
  }

  #loadOr(lease: Lease | undefined): Promise<Outcome<V>> {
    const { entries, runs } = this.#means
    const began = entries?.began(lease)
    const failed = (error: unknown): Outcome<V> => this.#failed(error, lease)
    try {
      const loading = runs.load(this.#call, this.#load, this.#flight, this.#now(), this.#options.place === undefined, this.#found)
      const landed = (value: unknown): Outcome<V> => {
        try {
          const loaded = loading instanceof Begun ? loading.loaded(value) : loading
          return this.#landed(runs.land(this.#call, loaded, this.#flight, began))
        } catch (error) {
          return failed(error)
        }
      }
      // What is there at once is stored at once: a getter may be read again in the same tick.
      return loading instanceof Begun ? loading.running.then(landed, failed) : Promise.resolve(landed(undefined))
    } catch (error) {
      return promised(() => Promise.resolve(failed(error)))
    }
  }

  /** When its load begins: as its caller has come, where it has waited for nothing. */
  #now(): number {
    return this.#hasWaited ? this.#means.engine.clock() : this.#flight.frame.began
  }

  /** A load has given a result. */
  #landed(outcome: Outcome<V>): Outcome<V> {
    const { entries, arrivals } = this.#means
    const mayReplace = !this.#options.find || this.#found !== undefined
    // What was cleared meanwhile says nothing of what others have loaded since.
    const isLatest = !arrivals.isOvertaken(outcome.entry, this.#flight.position!)
    if (mayReplace && isLatest && outcome.share && !outcome.stored) entries?.supersede(this.#call.key, outcome.entry.order)
    return outcome
  }

  /** What is served in place of a load that failed; throws where nothing may be. */
  #failed(error: unknown, lease: Lease | undefined): Outcome<V> {
    const { engine, stats, staleness } = this.#means
    const isGivenUp = this.#flight.audience?.isGone === true
    lease?.end(isGivenUp ? 'overtaken' : 'failed')
    if (isGivenUp) throw error
    stats.errors++
    const found = this.#found
    if (found === undefined || !staleness.mayReplace(found)) throw error
    engine.report(new CacheError('LOAD', `Loading ${String(this.#call.ref)} failed; its stale value was served.`, error))
    return staleOf(found)
  }

  #willDo(found: Entry<V>): boolean {
    const { newerThan, behind, refresh } = this.#options
    // Redis counts in whole milliseconds: the same load may look a little later from there.
    if (newerThan !== undefined && found.loadedAt <= newerThan + 2) return false
    const mayBeStale = behind !== true && refresh !== false
    return this.#means.engine.clock() < found.freshUntil || (mayBeStale && this.#means.staleness.mayRevalidate(found))
  }

  #outcomeOf(entry: Entry<V>): Outcome<V> {
    return { from: 'store', entry, stale: this.#means.engine.clock() >= entry.freshUntil, stored: true, share: true }
  }
}

/** What a caller may have in place of a load that is slow. */
export function inPlaceOfSlow<V>(staleness: Staleness<V>, entry: Entry<V>): Outcome<V> | undefined {
  return staleness.outlasts(entry) ? staleOf(entry) : undefined
}

function staleOf<V>(entry: Entry<V>): Outcome<V> {
  return { from: 'store', entry, stale: true, stored: true, share: true }
}
