// Knows how a load runs: in a lane, in a frame that collects what it reads, in time; and what is kept of its result.

import {
  Begun,
  cycle,
  longestOf,
  type Also,
  type Call,
  type CallsOptions,
  type Load,
  type Loaded,
  type Pacing,
  type StaleWindows,
} from './call.ts'
import type { Entries } from './entries.ts'
import type { Engine } from './engine.ts'
import { Entry } from './entry.ts'
import { TimeoutError } from './errors.ts'
import type { Flight } from './flight.ts'
import { lasting } from './label.ts'
import { Lanes } from './lanes.ts'
import { patiently } from './patience.ts'
import type { FunctionStats } from './stats.ts'
import { Frame } from './tracking.ts'
import type { Began } from './writes.ts'

/** What a flight ends with: an entry that was found, or one that was loaded. */
export interface Outcome<V> {
  readonly from: 'store' | 'load'
  readonly entry: Entry<V>
  readonly stale: boolean
  readonly stored: boolean
  /** Whether callers that waited for it may have its value. */
  readonly share: boolean
}

export interface RunsOptions<V> {
  readonly engine: Engine
  readonly options: CallsOptions<V> & Pacing
  readonly stats: FunctionStats
  /** Undefined where nothing is ever stored. */
  readonly entries: Entries<V> | undefined
  /** How long past its freshness a value may be of use. */
  readonly windowsOf: (value: V) => StaleWindows
}

/** The runs of one function. */
export class Runs<V> {
  readonly #engine: Engine
  readonly #options: CallsOptions<V> & Pacing
  readonly #stats: FunctionStats
  readonly #entries: Entries<V> | undefined
  readonly #windowsOf: (value: V) => StaleWindows
  readonly #lanes: Lanes | undefined
  readonly #syncKeys: Set<string> = new Set()
  #begun = 0

  constructor({ engine, options, stats, entries, windowsOf }: RunsOptions<V>) {
    this.#engine = engine
    this.#options = options
    this.#stats = stats
    this.#entries = entries
    this.#windowsOf = windowsOf
    if (options.concurrency < Number.POSITIVE_INFINITY) this.#lanes = new Lanes(options.concurrency)
  }

  newFrame(call: Call, reader: Frame | undefined, since: number = this.#engine.clock()): Frame {
    const frame = new Frame(since, reader, call)
    frame.order = ++this.#begun
    frame.isTentative = this.#engine.transactions.current() !== undefined
    return frame
  }

  /** Runs work so that the cached calls in it are known to be read by it. */
  within<T>(frame: Frame, work: () => T): T {
    return this.#options.track ? this.#engine.tracker.run(frame, work) : work()
  }

  /** Whether loads wait for each other. */
  get hasLanes(): boolean {
    return this.#lanes !== undefined
  }

  /** Runs work in a lane, when there is one free. */
  async inLane<T>({ frame, audience }: Flight<unknown>, work: () => T | Promise<T>): Promise<T> {
    if (this.#lanes === undefined) return work()
    const entering = this.#lanes.enter(frame)
    const hasLane = entering instanceof Promise ? await entering : entering
    try {
      if (!hasLane) audience?.check()
      return await work()
    } finally {
      if (hasLane) this.#lanes.leave(frame)
    }
  }

  /** Takes a load out of the line that nobody waits for any more. */
  giveUp({ frame }: Flight<unknown>): void {
    this.#lanes?.giveUp(frame)
  }

  /** Begins a load. `isTimed`: whether `loadTimeout` is its own; a batch is timed as a whole. `found`: what is stored of it and stale. */
  load(
    call: Call,
    load: Load<V>,
    flight: Flight<unknown>,
    now: number,
    isTimed: boolean,
    found: Entry<V> | undefined,
  ): Loaded<V> | Begun<V> {
    const { frame, audience } = flight
    // What was cleared until here came before the load, however long it has waited for its turn.
    flight.position = this.#engine.log.position
    frame.began = frame.trustFrom = now
    frame.order = ++this.#begun
    audience?.check()
    // It may have been cleared while this load waited for its turn.
    const stale = found !== undefined && this.#engine.freshness.survives(found) ? found : undefined
    this.#stats.loads++
    const loading = load(frame, stale)
    const begun = loading instanceof Promise ? new Begun<V>(loading) : loading
    const isBounded = isTimed && this.#options.loadTimeout !== Number.POSITIVE_INFINITY
    if (isBounded && begun instanceof Begun) begun.running = this.#inTime(call, begun.running)
    return begun
  }

  /** Makes an entry of what a load gave, and stores it unless it was overtaken meanwhile. */
  land(call: Call, loaded: Loaded<V>, { position, frame }: Flight<unknown>, began: Began | undefined): Outcome<V> {
    return this.#keep(call, loaded, position!, frame, began)
  }

  /** Keeps a value that was not loaded, as if its load had begun now. */
  keep(call: Call, loaded: Loaded<V>, frame: Frame): void {
    frame.order = ++this.#begun
    this.#keep(call, loaded, this.#engine.log.position, frame, this.#entries?.began(undefined))
  }

  /** Loads a call of a synchronous function. */
  loadSync(call: Call, load: (frame: Frame) => Loaded<V>): V {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    if (this.#syncKeys.has(call.key)) throw cycle(call)
    const { position } = this.#engine.log
    const frame = this.newFrame(call, reader)
    this.#syncKeys.add(call.key)
    this.#stats.misses++
    try {
      this.#stats.loads++
      const loaded = this.within(frame, () => load(frame))
      return this.#keep(call, loaded, position, frame).entry.value
    } catch (error) {
      this.#stats.errors++
      throw error
    } finally {
      frame.end()
      this.#syncKeys.delete(call.key)
      reader?.add(frame.refs, frame.trustFrom, frame.stale)
      if (reader !== undefined && frame.isTentative) reader.isTentative = true
    }
  }

  /** Runs one load for several calls: in one lane, and in a frame that collects what it reads for all of them. */
  async loadTogether<T>(frame: Frame, load: () => Promise<T>): Promise<T> {
    const entering = this.#lanes?.enter(frame)
    if (entering instanceof Promise) await entering
    try {
      return await this.#inTime(undefined, this.within(frame, load))
    } finally {
      frame.end()
      this.#lanes?.leave(frame)
    }
  }

  /** What a load gives, or an error past `loadTimeout`: what it gives later is nobody's. */
  #inTime<T>(call: Call | undefined, loading: Promise<T>): Promise<T> {
    const { name, loadTimeout } = this.#options
    return patiently(loading, loadTimeout, (_, reject) => {
      const what = call === undefined ? `many of "${name}"` : String(call.ref)
      reject(new TimeoutError(`Loading ${what} took longer than its loadTimeout of ${loadTimeout} ms.`))
    })
  }

  /** Makes an entry of what was loaded, and stores it unless it was overtaken meanwhile. */
  #keep(call: Call, loaded: Loaded<V>, position: number, frame: Frame, began?: Began): Outcome<V> {
    const { log, clock, random } = this.#engine
    const { jitter, refreshAhead, size } = this.#options
    const read = frame.close()
    const now = clock()
    const ttl = loaded.ttl ?? this.#options.ttl
    const bytes = loaded.store && size !== undefined ? size(loaded.value, [call.ref, ...read]) : 0
    // Most loads see no clear, and then need no list.
    const isStale = frame.stale || (position < log.position && log.expiredSince([call.ref, ...read], position) !== undefined)
    const fresh = isStale ? 0 : jitter === 0 ? ttl : ttl * (1 - jitter * random())
    const lifetime = { fresh, stale: longestOf(this.#windowsOf(loaded.value)) }
    const entry = new Entry<V>({
      label: lasting(call),
      isOfString: call.isOfString,
      value: loaded.value,
      own: call.own,
      read,
      order: frame.order,
      checked: position,
      loadedAt: now,
      freshUntil: now + lifetime.fresh,
      cost: refreshAhead === 0 ? 0 : now - frame.began,
      bytes: bytes ?? 0,
      trustFrom: frame.trustFrom,
    })
    const isCleared = position < log.position && log.clearedSince(entry.refs, position)
    const isWanted = loaded.store && bytes !== undefined
    const mayStore = !frame.isTentative && !isCleared
    const isStored = isWanted && mayStore && (ttl > 0 || this.#options.staleOf !== undefined) && lifetime.fresh + lifetime.stale > 0
    // Before its own: who waits for that one may look for these next.
    if (mayStore && loaded.also !== undefined) {
      for (const other of loaded.also) this.#keepAlso(isStale ? { ...other, ttl: 0 } : other, entry, began)
    }
    if (isStored) this.#engine.keepFor(lifetime.fresh + lifetime.stale)
    if (isStored) this.#entries?.store(call, entry, lifetime, began)
    else began?.lease?.end(loaded.ending ?? (loaded.store && (isCleared || isStale) ? 'overtaken' : 'unstored'))
    const share = loaded.share && !frame.isTentative
    return { from: 'load', entry, stale: frame.stale, stored: isStored && this.#entries !== undefined, share }
  }

  /** Stores what a load gave of another call: as old as the load's own result, and of the same. */
  #keepAlso({ call, value, ttl }: Also<V>, own: Entry<V>, began: Began | undefined): void {
    const read = own.refs.filter(({ id }) => id !== call.ref.id)
    const bytes = this.#options.size === undefined ? 0 : this.#options.size(value, [call.ref, ...read])
    const lifetime = { fresh: ttl, stale: longestOf(this.#windowsOf(value)) }
    if (bytes === undefined || lifetime.fresh + lifetime.stale <= 0) return
    this.#engine.keepFor(lifetime.fresh + lifetime.stale)
    const freshUntil = own.loadedAt + lifetime.fresh
    const entry = new Entry<V>({
      ...own.made,
      label: lasting(call),
      isOfString: call.isOfString,
      value,
      own: call.own,
      read,
      bytes,
      freshUntil,
    })
    this.#entries?.store(call, entry, lifetime, began && { ...began, lease: undefined })
  }
}
