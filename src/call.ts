// Knows what a call is, how the calls of one name are cached, and how one is answered.

import type { Caller } from './abort.ts'
import type { Codec } from './codec.ts'
import type { Entry } from './entry.ts'
import { UnsupportedError } from './errors.ts'
import { keyOfString, type Keyed } from './label.ts'
import { exactRef, type Ref } from './ref.ts'
import type { Place } from './remote.ts'
import type { Frame } from './tracking.ts'

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

export const UNPACED: Pacing = {
  jitter: 0,
  refreshAhead: 0,
  softTimeout: Number.POSITIVE_INFINITY,
  loadTimeout: Number.POSITIVE_INFINITY,
  concurrency: Number.POSITIVE_INFINITY,
  track: true,
}

/** How long past its freshness a value is of use, in milliseconds. */
export interface StaleWindows {
  /** May be served while a load is on its way. */
  readonly whileRevalidate: number
  /** May be served where a load fails. */
  readonly ifError: number
  /** Is there for a load to look at. */
  readonly kept: number
}

/** How long a value is of use at all past its freshness. */
export function longestOf({ whileRevalidate, ifError, kept }: StaleWindows): number {
  return Math.max(whileRevalidate, ifError, kept)
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
  /** The windows of one value, where they are not the same for all: in place of the two above, and also where its lifetime is 0. */
  readonly staleOf?: (value: V) => StaleWindows
  readonly place: Place
  /** How values become bytes in Redis. */
  readonly codec: Codec<V>
  /** What a value takes of the cache's `maxBytes`, in bytes; absent where only its serialised form does. Gives undefined where it fails: what was loaded is not stored then. */
  readonly size?: (value: V, refs: readonly Ref[]) => number | undefined
  readonly declaredFor: (ref: Ref) => readonly Ref[]
  /** Whether a value is no result, and only says where one is: to find it is not counted as served. */
  readonly isSign?: (value: V) => boolean
  /** Whether its keys are no arguments any more: what reads one of its calls depends on all of them. */
  readonly isFlat?: boolean
}

/** One call: its key, and the ref that is this call and no other; both are made when they are asked for. */
export class Call implements Keyed {
  readonly label: string
  readonly isOfString: boolean
  /** Its ref; or its function's name, where its key is the text of that. */
  readonly own: Ref | string
  #key: string | undefined
  #ref: Ref | undefined

  /** `key`: where that is there already. */
  constructor(label: string, isOfString: boolean, own: Ref | string, key?: string) {
    this.label = label
    this.isOfString = isOfString
    this.own = own
    this.#key = key
  }

  get key(): string {
    return (this.#key ??= this.isOfString ? keyOfString(this.label) : this.label)
  }

  get ref(): Ref {
    return (this.#ref ??= typeof this.own === 'string' ? exactRef(this.own, this.key) : this.own)
  }

  /** Of the function. */
  get name(): string {
    return typeof this.own === 'string' ? this.own : this.own.name
  }
}

/** What a load gave. */
export interface Loaded<V> {
  readonly value: V
  readonly store: boolean
  /** Whether callers that waited for this load may have its value. */
  readonly share: boolean
  /** How it ended without an answer, where the next load may well have one for all: it failed, or it was given up. */
  readonly ending?: 'failed' | 'overtaken'
  /** Milliseconds of freshness, where they differ from the option. */
  readonly ttl?: number
  /** What it gave of other calls of the same name: stored with all that was read, unless that was cleared meanwhile. */
  readonly also?: readonly Also<V>[]
}

/** What a load gave of another call than its own. */
export interface Also<V> {
  readonly call: Call
  readonly value: V
  /** Milliseconds of freshness. */
  readonly ttl: number
}

/** What makes a result of what a function gives. */
export interface Making<V> {
  loaded(value: unknown): Loaded<V>
}

/** A load whose function runs. No class to extend: V8 makes no object in place whose class extends another. */
export class Begun<V> {
  running: Promise<unknown>
  /** Undefined where it gives the result itself. */
  readonly #making: Making<V> | undefined

  constructor(running: Promise<unknown>, making?: Making<V>) {
    this.running = running
    this.#making = making
  }

  /** What is made of what that gives, in the step in which it comes. */
  loaded(value: unknown): Loaded<V> {
    return this.#making === undefined ? (value as Loaded<V>) : this.#making.loaded(value)
  }
}

/** Runs in the frame that collects what it reads. `found`: a stale entry of this call that nothing has cleared, where there is one. */
export type Load<V> = (...args: Parameters<WholeLoad<V>>) => ReturnType<WholeLoad<V>> | Begun<V>

/** A load that makes its result by itself. */
export type WholeLoad<V> = (frame: Frame, found?: Entry<V>) => Loaded<V> | Promise<Loaded<V>>

/** How a call was answered: from a store, by its own load, or by the load of another caller that may not share it. */
export type Served<V> =
  | { readonly from: 'store' | 'flight'; readonly entry: Entry<V>; readonly stale: boolean }
  | { readonly from: 'load'; readonly entry: Entry<V>; readonly stored: boolean }
  | Unshared

interface Unshared {
  readonly from: 'unshared'
}

/** The same, of who has its own answer. */
export type Led<V> = Exclude<Served<V>, Unshared>

/** What a caller takes of its answer. */
export type Take<V, R> = (led: Led<V>) => R | Promise<R>

/** What a caller makes of a load that gave another one a value for that one alone. */
export type TakeUnshared<R> = (unshared: Unshared) => R | Promise<R>

/** All of it. */
export function asItIs<S>(served: S): S {
  return served
}

/** How a call is to be answered, beyond what holds for all of its function. */
export interface ServeOptions<V = unknown> {
  /** Whether it was just seen that this process has nothing fresh of it. */
  readonly isMissing?: boolean
  /** Whether it may wait for another caller's load, and others for its own. @default true */
  readonly join?: boolean
  /** A caller that may leave before there is an answer. */
  readonly caller?: Caller | undefined
  /** Its place where it is loaded together with others. */
  readonly place?: { pass(): void } | undefined
  /**
   * What loads anew behind a stale value that is served; called when that begins. False: nothing can, so one caller loads and waits for it, and
   * those who come meanwhile are served the stale value. @default the caller's own load
   */
  readonly refresh?: (() => Load<V>) | false | undefined
}

/** What a load is told that needs its own result. */
export function cycle(call: Call): UnsupportedError {
  return new UnsupportedError(`The load of ${String(call.ref)} waits for itself. A cached function cannot need its own result.`, 'CYCLE')
}
