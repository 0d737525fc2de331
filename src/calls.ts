// Knows the calls of one function or route: what each is, what is there of it, and who answers it.

import { Answering } from './answering.ts'
import {
  asItIs,
  longestOf,
  UNPACED,
  Call,
  type CallsOptions,
  type Led,
  type Load,
  type Loaded,
  type Served,
  type ServeOptions,
  type StaleWindows,
  type Take,
} from './call.ts'
import { Entries } from './entries.ts'
import type { Engine, Named } from './engine.ts'
import type { Entry } from './entry.ts'
import { Hits } from './hits.ts'
import { isAsItIs, stringOf } from './label.ts'
import { Loads } from './loads.ts'
import { overlaps, ownOf, wholeRef, type Ref } from './ref.ts'
import { newFunctionStats, type FunctionStats } from './stats.ts'
import type { Frame } from './tracking.ts'
import { Written } from './written.ts'

export class Calls<V> implements Named {
  readonly name: string
  readonly lifetime: number
  readonly #engine: Engine
  readonly #options: CallsOptions<V>
  readonly #stats: FunctionStats = newFunctionStats()
  /** Undefined where nothing is ever stored. */
  readonly #entries: Entries<V> | undefined
  readonly #loads: Loads<V>
  readonly #hits: Hits<V>
  readonly #answering: Answering<V>
  /** What stands for each call where keys are flat, or there may be none. */
  readonly #whole: Ref | undefined

  constructor(engine: Engine, given: CallsOptions<V>) {
    const options = { ...UNPACED, ...given }
    const window = Math.max(options.staleWhileRevalidate, options.staleIfError)
    const windowsOf =
      options.staleOf ?? always({ whileRevalidate: options.staleWhileRevalidate, ifError: options.staleIfError, kept: window })
    this.name = options.name
    this.#engine = engine
    this.#options = options
    this.lifetime = options.ttl + window
    if (options.isFlat === true || engine.options.disabled) this.#whole = wholeRef(options.name)
    engine.register(this)
    const isStored = options.limit > 0 && options.ttl > 0 && !engine.options.disabled
    if (isStored) this.#entries = this.#newEntries(options, windowsOf)
    const isStrong = engine.options.consistency === 'strong' && engine.shared !== undefined
    const means = { engine, options, stats: this.#stats, entries: this.#entries }
    const loads = new Loads({ ...means, windowsOf, isStrong })
    this.#loads = loads
    this.#hits = new Hits(engine, loads, this.#stats, options.isSign)
    this.#answering = new Answering({ ...means, loads, hits: this.#hits })
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
    return this.#loads.looks.isStrong ? undefined : this.#hits.of(this.#entries?.fresh(key))
  }

  /** This entry, as long as it is the one that `fresh` would give. */
  still(entry: Entry<V>): Entry<V> | undefined {
    if (this.#loads.looks.isStrong || this.#entries?.fresh(entry.key) !== entry) return undefined
    return this.#hits.of(entry)
  }

  /** As `fresh`, of the call with this string alone: it may be found only by its key. */
  freshOfString(string: string): Entry<V> | undefined {
    return this.#loads.looks.isStrong ? undefined : this.#hits.of(this.#entries?.freshOfString(string))
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
    return this.#hits.of(this.#entries?.known(key))
  }

  /** As `known`, of the call with this string alone: it may be found only by its key. */
  knownOfString(string: string): Entry<V> | undefined {
    return this.#hits.of(this.#entries?.knownOfString(string))
  }

  /** Answers a call: from an entry, from another caller's load, or by its own. */
  serve(call: Call, load: Load<V>, options: ServeOptions<V> = {}): Promise<Served<V>> {
    return this.#answering.answer<Served<V>>(call, load, options, asItIs, asItIs)
  }

  /**
   * What is taken of the answer to a call, in the step in which there is one: a promise more would be a caller's largest cost. Who has waited for
   * a value that is another caller's alone loads by itself.
   */
  answer<R>(call: Call, load: Load<V>, options: ServeOptions<V>, take: Take<V, R>): Promise<R> {
    return this.#answering.answer(call, load, options, take)
  }

  /** Loads, whatever is stored. */
  refresh(call: Call, load: Load<V>, options?: Omit<ServeOptions, 'place'>): Promise<Entry<V>> {
    return this.#answering.refresh(call, load, options)
  }

  /** What is stored of a call, fresh or stale, wherever it is, if nothing has cleared it: without loading, and uncounted until it is taken. */
  async look(call: Call): Promise<Entry<V> | undefined> {
    this.#engine.tracker.current()?.refs.add(call.ref)
    const found = await this.#loads.looks.find(call)
    return found !== undefined && this.#engine.transactions.current()?.covers(found.refs) === true ? undefined : found
  }

  /** Answers a call with what was found of it. */
  take(entry: Entry<V>): Led<V> {
    return this.#hits.beside(entry, this.#engine.tracker.current())
  }

  /** The fresh entry of a call, without loading and without counting. */
  async peek(call: Call): Promise<Entry<V> | undefined> {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#hits.seen(reader, await this.#loads.looks.find(call))
  }

  peekSync(call: Call): Entry<V> | undefined {
    const reader = this.#engine.tracker.current()
    reader?.refs.add(call.ref)
    return this.#hits.seen(reader, this.#entries?.kept(call.key))
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
