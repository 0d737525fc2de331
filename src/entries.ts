// Knows the entries of one function, in this process and beyond it, and which of them may be served.

import { Admission, type AdmissionOptions } from './admission.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { Entry } from './entry.ts'
import type { RemoteEntry, UseRead } from './entry-bytes.ts'
import { UnsupportedError, type CacheError } from './errors.ts'
import type { Freshness } from './freshness.ts'
import type { Budget } from './budget.ts'
import { keyedOf, type Keyed } from './label.ts'
import { Memory } from './memory.ts'
import type { Ref } from './ref.ts'
import type { Lease } from './redis/lease.ts'
import type { Turn, Turning } from './redis/turn.ts'
import type { Uses } from './redis/uses.ts'
import type { Place, Remote, Shared } from './remote.ts'
import { Writes, type Began, type Lifetime } from './writes.ts'

/** What is made of what a look finds, or of its failure. */
export type Use<V, R> = (found: Entry<V> | undefined, failure?: unknown) => R | Promise<R>

export interface EntriesOptions<V> extends AdmissionOptions<V> {
  readonly place: Place
  /** Of the value's shape: entries of another version are not seen. */
  readonly version?: string
  /** Entries in this process; Infinity: no bound. */
  readonly limit: number
  /** Entries in Redis, about; Infinity: no bound. */
  readonly limitInRedis: number
  /** How early results are loaded anew; 0 or undefined: never early. */
  readonly refreshAhead?: number
  readonly budget: Budget
  readonly shared: Shared | undefined
  /** By what a hit may go that only has to know whether a result's own time is up; undefined where Redis has a word in it. */
  readonly coarse: CoarseClock | undefined
  /** How long a value may be of use past its freshness, in milliseconds. */
  readonly staleWindow: (value: V) => number
  readonly onEvict: () => void
  /** Takes a write that nobody waits for. */
  readonly later: (write: Promise<void>) => void
}

/** What work for a key gives that was begun at `since`, and may be ended before it is done: with what is to be had then. */
export type Soon<V> = (work: Promise<Entry<V> | undefined>, since: number, key: string) => Promise<Entry<V> | undefined>

export class Entries<V> {
  readonly #options: EntriesOptions<V>
  readonly #freshness: Freshness
  readonly #coarse: CoarseClock | undefined
  readonly #memory: Memory<V> | undefined
  /** Undefined where this function has no entries beyond this process. */
  readonly #remote: Remote | undefined
  readonly #admission: Admission<V>
  /** Undefined where they are not bounded there. */
  readonly #uses: Uses | undefined
  /** As `#remote`. */
  readonly #writes: Writes<V> | undefined

  constructor(options: EntriesOptions<V>) {
    this.#options = options
    this.#freshness = options.freshness
    this.#coarse = options.coarse
    const { place } = options
    const inRedis = place === 'redis' || place === 'tiered' ? options.shared?.entries : undefined
    if (place === 'memory' || place === 'tiered') this.#memory = new Memory({ ...options, isDead: (entry) => this.#isDead(entry) })
    const remote = typeof place === 'object' ? place : inRedis
    this.#remote = remote
    this.#admission = new Admission(options)
    if (options.limitInRedis !== Number.POSITIVE_INFINITY) {
      const { name, version, limitInRedis, onError } = options
      this.#uses = inRedis?.bound({ name, version, limit: limitInRedis, onError })
    }
    if (remote !== undefined) this.#writes = new Writes({ ...options, remote, uses: this.#uses, onEncoded: this.#onEncoded })
  }

  /** Whether a look may take a word from elsewhere. */
  get mayAsk(): boolean {
    return this.#options.shared !== undefined || this.#remote !== undefined
  }

  /** Whether a user's own functions look for them. */
  get isOwnStore(): boolean {
    return typeof this.#options.place === 'object'
  }

  /** The entry of a key, when one is in this process and may be served as fresh right now. */
  fresh(key: string): Entry<V> | undefined {
    return this.#ifFresh(this.#memory?.get(key))
  }

  /** As `fresh`, of the call with this string alone: it may be found only by its key. */
  freshOfString(string: string): Entry<V> | undefined {
    return this.#ifFresh(this.#memory?.getOfString(string))
  }

  #ifFresh(entry: Entry<V> | undefined): Entry<V> | undefined {
    const freshness = this.#freshness
    if (entry === undefined || !(freshness.isChecked(entry) || this.#survives(entry)) || !freshness.isInTime(entry)) return undefined
    this.#uses?.used(entry)
    return entry
  }

  /** As `fresh`, by a coarse time where that is good enough. */
  known(key: string): Entry<V> | undefined {
    return this.#ifKnown(this.#memory?.get(key))
  }

  knownOfString(string: string): Entry<V> | undefined {
    return this.#ifKnown(this.#memory?.getOfString(string))
  }

  #ifKnown(entry: Entry<V> | undefined): Entry<V> | undefined {
    const coarse = this.#coarse
    if (coarse === undefined) return this.#ifFresh(entry)
    if (entry === undefined || !(this.#freshness.isChecked(entry) || this.#survives(entry))) return undefined
    return coarse.read() < entry.freshUntil ? entry : undefined
  }

  /** What this process has of a key, fresh or stale, if it was not cleared and is vouched for. */
  kept(key: string): Entry<V> | undefined {
    const { freshness } = this.#options
    const entry = this.#surviving(key)
    return entry !== undefined && freshness.isTrusted(entry, freshness.clock()) ? entry : undefined
  }

  /** Whether this process has an entry of a key, whatever may be wrong with it. */
  has(key: string): boolean {
    return this.#memory?.peek(key) !== undefined
  }

  /**
   * What `use` makes of what `kept` gives with a look beyond this process, and a word from Redis where it takes one. A look alone ends in time
   * by itself; what takes more goes through `soon`, which may end it. `now`: by the clock. `isAgain`: what it finds cleared is counted already.
   */
  find<R>(call: Keyed, now: number, use: Use<V, R>, soon: Soon<V>, isAgain: boolean): Promise<R> {
    const { freshness, shared } = this.#options
    const { key } = call
    const here = this.#surviving(key)
    const isWanted = this.#remote !== undefined && (here === undefined || now >= here.freshUntil)
    if (shared === undefined || freshness.isVerified(now)) {
      if (!isWanted) return taken(Promise.resolve(this.#vouched(key)), use)
      return this.#read(key, (there, failure) => {
        this.#report(failure)
        const found = this.#take(call, there, now, soon, isAgain)
        return found instanceof Promise ? taken(found, use) : use(found)
      })
    }
    const reading = isWanted ? this.#read(key, (there, failure) => (this.#report(failure), there)) : undefined
    const asking = Promise.all([shared.log.ask(), reading])
    const asked = asking.then(([isVerified, there]) => (isVerified ? this.#take(call, there, now, soon, isAgain) : this.kept(key)))
    return taken(soon(asked, now, key), use)
  }

  /** Takes over what was read beyond this process, if it may be served; else there is what is here. */
  #take(
    call: Keyed,
    there: RemoteEntry | undefined,
    sent: number,
    soon: Soon<V>,
    isAgain: boolean,
  ): Entry<V> | undefined | Promise<Entry<V> | undefined> {
    const { key } = call
    if (there === undefined) return this.#vouched(key)
    try {
      const admitted = this.#admission.admit(call, there, sent, isAgain)
      if (!(admitted instanceof Promise)) return this.#taken(key, admitted)
      const taking = admitted.then((entry) => this.#taken(key, entry))
      return soon(taking, sent, key)
    } catch (error) {
      // Whoever looks is to go on, whatever is wrong with what was found.
      this.#options.onError(error as CacheError)
      return undefined
    }
  }

  #taken(key: string, admitted: Entry<V> | undefined): Entry<V> | undefined {
    const { name, version } = this.#options
    if (admitted === undefined) this.#remote?.discard?.(name, key, version)
    const local = this.#vouched(key)
    if (admitted === undefined || (local !== undefined && admitted.freshUntil <= local.freshUntil)) return local
    this.#uses?.used(admitted)
    this.#memory?.set(admitted)
    return admitted
  }

  /** What this process has of a key that was not cleared, now that Redis has said what was. */
  #vouched(key: string): Entry<V> | undefined {
    const local = this.#surviving(key)
    if (local !== undefined) local.trustFrom = Math.max(local.trustFrom, Math.floor(this.#options.freshness.verifiedAt))
    return local
  }

  /** Whether a load has to wait for its turn. */
  get hasTurns(): boolean {
    return this.#remote !== undefined && this.#options.shared !== undefined
  }

  /** Waits until it is this process's turn to load a call, where others may read its entry: one process loads, the others take what it stores. */
  turn(call: Omit<Turning<Entry<V>>, 'name' | 'version'>): Promise<Turn<Entry<V>>> | undefined {
    const { name, version = '' } = this.#options
    return this.#remote === undefined ? undefined : this.#options.shared?.turns.turn({ ...call, name, version })
  }

  /** What the clear log is known to hold now: to be kept with what a load that begins now will give. */
  began(lease: Lease | undefined): Began | undefined {
    const { generation, epoch } = this.#options.epochs
    return this.#remote === undefined ? undefined : { generation, epoch, lease }
  }

  store(call: Keyed, entry: Entry<V>, lifetime: Lifetime, began: Began | undefined): void {
    const there = this.#memory?.sameCall(entry)
    // A load that began later knows more than this one, though it ended first.
    if (there !== undefined && there.order > entry.order) return began?.lease?.end('stored')
    this.#memory?.replace(there, entry)
    if (began !== undefined) this.#writes?.store(call.key, entry, lifetime, began)
  }

  /** What an entry takes of the budget whose function says nothing of it. */
  readonly #onEncoded = (entry: Entry<V>, bytes: number): void => {
    if (this.#options.size === undefined) this.#memory?.resize(entry, bytes)
  }

  /** How many entries that may be served as fresh are counted in, by their own ref and all that they were computed from. */
  async count(isCounted: (own: Ref, refs: readonly Ref[]) => boolean): Promise<number> {
    const { name, version, freshness } = this.#options
    if (this.#remote !== undefined && this.#remote.all === undefined) throw notWalked(name)
    const counted = new Set<string>()
    for (const entry of this.#memory?.entries() ?? []) {
      if (freshness.isFresh(entry) && isCounted(entry.own, entry.refs)) counted.add(entry.key)
    }
    for await (const [key, remote] of this.#remote?.all?.(name, version) ?? []) {
      if (!isCounted(remote.refs[0]!, remote.refs) || counted.has(key)) continue
      const entry = await this.#admission.admit(keyedOf(key), remote, freshness.clock(), true)
      if (entry !== undefined && freshness.clock() < entry.freshUntil) counted.add(key)
    }
    return counted.size
  }

  /** A newer value was refused: an older entry is no longer what its function gives. */
  supersede(key: string, order: number): void {
    const there = this.#memory?.peek(key)
    if (there !== undefined && there.order > order) return
    if (there !== undefined) this.#memory?.delete(there)
    this.#writes?.remove(key)
  }

  drop(): void {
    this.#memory?.clear()
  }

  #surviving(key: string): Entry<V> | undefined {
    const entry = this.#memory?.peek(key)
    return entry !== undefined && this.#survives(entry) ? entry : undefined
  }

  #survives(entry: Entry<V>): boolean {
    if (this.#freshness.survives(entry)) return true
    this.#memory?.delete(entry)
    this.#options.onCleared()
    return false
  }

  #isDead(entry: Entry<V>): boolean {
    const { freshness, staleWindow, onCleared } = this.#options
    if (freshness.survives(entry)) return freshness.clock() >= entry.freshUntil + staleWindow(entry.value)
    onCleared()
    return true
  }

  #read<R>(key: string, use: UseRead<R>): Promise<R> {
    const { name, version } = this.#options
    return this.#remote!.take(name, key, version, use)
  }

  /** What cannot be read is nothing. */
  #report(failure: unknown): void {
    if (failure !== undefined) this.#options.onError(failure as CacheError)
  }
}

/** What `use` makes of what a look gives. */
export function taken<V, R>(look: Promise<Entry<V> | undefined>, use: Use<V, R>): Promise<R> {
  return look.then(use, (failure: unknown) => use(undefined, failure))
}

/** What was found; throws where looking for it failed. */
export function orThrow<T>(found: T, failure?: unknown): T {
  if (failure !== undefined) throw failure as Error
  return found
}

function notWalked(name: string): UnsupportedError {
  return new UnsupportedError(`"${name}" cannot count its entries: they are in a store of your own, which cannot be walked.`)
}
