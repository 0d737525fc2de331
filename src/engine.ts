// Knows what all functions and routes of one cache share: the log, the tracker, the clock, Redis, the names.

import { types } from 'node:util'
import { Budget } from './budget.ts'
import { ClearLog, type RecordKind } from './clear-log.ts'
import { CoarseClock } from './coarse-clock.ts'
import { show } from './duration.ts'
import type { Shared } from './remote.ts'
import { ownEpochs, sharedEpochs, type Epochs } from './epochs.ts'
import { CacheError, ConfigError, KeyError, StoreError } from './errors.ts'
import { Freshness } from './freshness.ts'
import { OwnStore, type Store } from './own-store.ts'
import type { Ref } from './ref.ts'
import { isKnown } from './redis/refusals.ts'
import type { FunctionStats } from './stats.ts'
import { Tracker, type Readers } from './tracking.ts'
import { Transactions, type NewRecord } from './transaction.ts'

// More than Redis keeps, so that reading its whole log back does not push out what is new.
const LOG_LIMIT = 20_000
const LONGEST_NAME = 500

/** What a function or route tells the rest of its cache about itself. */
export interface Named {
  readonly name: string
  /** The longest that one of its entries can be served, in milliseconds. */
  readonly lifetime: number
  stats(): FunctionStats
  /** What a call that `ref` covers is declared to depend on. */
  declaredFor(ref: Ref): readonly Ref[]
  /** Gives back the space of all entries in this process. */
  drop(): void
}

export interface EngineOptions {
  readonly clock: () => number
  /** Whether a hit that needs nobody's word may go by a time that was read shortly before, in code that runs without a break. @default false */
  readonly isCoarse?: boolean
  /** Between 0 and 1. @default Math.random */
  readonly random?: () => number
  readonly maxStaleness: number
  /** The default freshness of a result, in milliseconds. */
  readonly ttl: number
  /** The default bound on a function's entries. */
  readonly limit: number
  /** The default bound on its entries in Redis: undefined where there is none. */
  readonly limitInRedis?: number | undefined
  /** What stored responses and serialised values may take in this process. */
  readonly maxBytes: number
  /** Whether every call asks Redis what was cleared before it came. @default "eventual" */
  readonly consistency?: 'eventual' | 'strong'
  readonly disabled: boolean
  /** Begins every key in a store. @default none */
  readonly prefix?: string
  /** How long a store may keep a caller waiting, in milliseconds. @default 500 */
  readonly commandTimeout?: number
  readonly onError: (error: CacheError) => void
  readonly connect?: ((engine: Engine) => Shared & { close(): Promise<void> }) | undefined
}

const open = new Set<WeakRef<Engine>>()
// A cache that is forgotten without `close` would leave its weak reference behind.
const forgotten = new FinalizationRegistry<WeakRef<Engine>>((weakly) => open.delete(weakly))

/** The engines of this process that are not closed, for a door that is told of a URI and not whose it is. */
export function openEngines(): readonly Engine[] {
  const engines: Engine[] = []
  for (const weakly of open) {
    const engine = weakly.deref()
    if (engine === undefined) open.delete(weakly)
    else engines.push(engine)
  }
  return engines
}

export class Engine {
  readonly log: ClearLog = new ClearLog(LOG_LIMIT)
  readonly readers: Readers = { count: 0 }
  readonly tracker: Tracker = new Tracker(this.readers)
  readonly budget: Budget
  readonly transactions: Transactions = new Transactions(this.readers)
  readonly options: EngineOptions
  readonly shared: (Shared & { close(): Promise<void> }) | undefined
  readonly freshness: Freshness
  /** By what entries beyond this process's memory are dated. */
  readonly epochs: Epochs
  readonly clock: () => number
  /** By what hits go where nobody's word is needed: undefined where that is the clock. */
  readonly coarse: CoarseClock | undefined
  readonly random: () => number
  readonly #names: Map<string, Named> = new Map()
  readonly #writes: Set<Promise<void>> = new Set()
  readonly #stores: Map<Store, OwnStore> = new Map()
  #storeErrors = 0
  #longestKept = 0
  readonly #weakly: WeakRef<Engine> = new WeakRef(this)
  #isClosed = false

  constructor(options: EngineOptions) {
    this.options = options
    if (options.isCoarse === true && options.connect === undefined) this.coarse = new CoarseClock(options.clock)
    this.clock = this.coarse?.now ?? options.clock
    this.random = options.random ?? Math.random
    this.budget = new Budget(options.maxBytes)
    this.shared = options.connect?.(this)
    this.freshness = new Freshness(this.log, this.clock, options.maxStaleness, this.shared?.log)
    this.epochs = this.shared === undefined ? ownEpochs(this.log) : sharedEpochs(this.log, this.shared.log)
    open.add(this.#weakly)
    forgotten.register(this, this.#weakly)
  }

  get names(): ReadonlyMap<string, Named> {
    return this.#names
  }

  get storeErrors(): number {
    return this.#storeErrors
  }

  /** The longest that a clear can matter to an entry, in milliseconds. */
  get retention(): number {
    let longest = Math.max(this.options.ttl, this.#longestKept)
    for (const named of this.#names.values()) if (named.lifetime > longest) longest = named.lifetime
    return longest
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Something is stored that may be served for so many milliseconds, whatever its name said: a response or a value has its own word on it. */
  keepFor(ms: number): void {
    if (ms > this.#longestKept) this.#longestKept = ms
  }

  register(named: Named): void {
    const { name } = named
    if (typeof name !== 'string' || name === '') {
      throw new ConfigError('A cached function needs a name, which is its key: name the function, or give `name`.')
    }
    if (name.startsWith('#') || name.length > LONGEST_NAME) {
      throw new ConfigError(
        `Expected \`name\` to begin with another character than # and to have at most ${LONGEST_NAME}, got "${name.slice(0, 60)}".`,
      )
    }
    // Bytes cannot tell one half of a surrogate pair from another.
    if (/\p{Surrogate}/u.test(name)) throw new ConfigError('Expected `name` to be well-formed Unicode, got half of a surrogate pair in it.')
    if (this.#names.has(name)) {
      throw new ConfigError(`A function or route named "${name}" is already cached here. Names are keys: give this one its own \`name\`.`)
    }
    this.#names.set(name, named)
  }

  /** Adds declared refs to what a load has read, and what their own functions declare in turn. */
  declare(read: { add(ref: Ref): void }, declared: readonly Ref[], followed: Set<string> = new Set()): void {
    for (const ref of declared) {
      if (followed.has(ref.id)) continue
      followed.add(ref.id)
      read.add(ref.withoutOrigin)
      this.declare(read, this.#names.get(ref.name)?.declaredFor(ref) ?? [], followed)
    }
  }

  report(error: unknown): void {
    if (!(error instanceof CacheError && error.code === 'LOAD')) this.#storeErrors++
    if (!isKnown(error)) this.#tell(error instanceof CacheError ? error : new StoreError('A store failed.', error))
  }

  #tell(failure: CacheError): void {
    try {
      const told: unknown = this.options.onError(failure)
      // One that is asynchronous throws later, and would end the process.
      if (types.isPromise(told)) told.catch(warnOfHandler)
    } catch (thrown) {
      // An error handler that throws must not turn a served read into a failed one.
      warnOfHandler(thrown)
    }
  }

  /**
   * Records a kind of each ref, all at one instant: they count here at once, and elsewhere when the promise resolves. Inside a
   * transaction they wait for its end. What `refsOf` throws is a rejection.
   */
  record(kind: RecordKind, refsOf: () => readonly Ref[]): Promise<void> {
    try {
      const records = refsOf().map((ref) => ({ kind, ref: ref.withoutOrigin }))
      const transaction = this.transactions.current()
      if (transaction === undefined) return this.#append(records)
      transaction.records.push(...records)
      return Promise.resolve()
    } catch (error) {
      return this.options.disabled && error instanceof KeyError ? Promise.resolve() : Promise.reject(error)
    }
  }

  /** Does what follows from something just recorded: at once, or when the transaction that it waits for has ended well. */
  follow(act: () => void): void {
    const transaction = this.transactions.current()
    if (transaction === undefined) act()
    else transaction.sequels.push(act)
  }

  /** Runs work whose clears take effect together when it resolves. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    // What it reads may be undone, so a load that it runs in is for its own caller alone.
    const frame = this.tracker.current()
    if (frame !== undefined) frame.isTentative = true
    return await this.transactions.run(work, async ({ records, sequels }) => {
      // The work has happened, so its value is returned whatever becomes of the clears: they hold here and are queued.
      await this.#append(records).catch((error: unknown) => this.report(error))
      for (const sequel of sequels) sequel()
    })
  }

  #append(records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0 || this.options.disabled) return Promise.resolve()
    const now = this.clock()
    const { shared } = this
    const appended = records.map(({ kind, ref }) => this.log.append(kind, ref, now, shared !== undefined))
    if (shared === undefined) return Promise.resolve()
    if (this.#isClosed)
      return handled(Promise.reject(new StoreError('This cache is closed: the clear holds in this process and was not sent to Redis.')))
    return handled(shared.log.append(appended))
  }

  /** Lets a write to a store end by itself; `close` waits for it. */
  later(write: Promise<void>): void {
    const settled: Promise<void> = write.catch((error: unknown) => this.report(error)).finally(() => this.#writes.delete(settled))
    this.#writes.add(settled)
  }

  /** A store of one's own as a place of this cache, which closes it when it is closed itself. */
  storeOf(store: Store): OwnStore {
    const known = this.#stores.get(store)
    if (known !== undefined) return known
    const { prefix = '', commandTimeout = 500 } = this.options
    // Other processes read it where there is Redis, and they share no other clock.
    const date = this.shared === undefined ? this.clock : Date.now
    const own = new OwnStore({ store, prefix, commandTimeout, clock: this.clock, date, onError: (error) => this.report(error) })
    this.#stores.set(store, own)
    return own
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    open.delete(this.#weakly)
    await Promise.all(this.#writes)
    await Promise.all(Array.from(this.#stores.values(), (store) => store.close().catch((error: unknown) => this.report(error))))
    await this.shared?.close()
  }
}

function warnOfHandler(thrown: unknown): void {
  process.emitWarning(`onError of a cache threw: ${thrown instanceof Error ? String(thrown) : show(thrown)}`, {
    type: 'CacheAlchemyWarning',
  })
}

/** Who does not await a clear is not ended by its rejection. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(() => {})
  return promise
}
