// Knows a call that has come, and how it is to be answered.

import type { Caller } from './abort.ts'
import type { Call, Load, ServeOptions, Take, TakeUnshared } from './call.ts'
import type { Leading } from './leading.ts'
import type { Frame } from './tracking.ts'

/**
 * A call that has come: it leads its load where it needs one. No literal: where a burst of those outlives a collection, V8 takes all that
 * are made after it for long-lived ones.
 */
export class Coming<V, R = unknown> implements Leading<V> {
  readonly find = true
  readonly call: Call
  readonly load: Load<V>
  readonly reader: Frame | undefined
  readonly join: boolean
  readonly caller: Caller | undefined
  readonly place: ServeOptions['place']
  readonly refresh: ServeOptions<V>['refresh']
  /** When, by the clock: 0 where that is of no matter. */
  readonly since: number
  /** What it takes of its answer. */
  readonly take: Take<V, R>
  /** What it makes of a load that it has waited for and that gave a value for its own caller alone; without it, it loads by itself. */
  readonly unshared: TakeUnshared<R> | undefined

  constructor(
    call: Call,
    load: Load<V>,
    reader: Frame | undefined,
    options: ServeOptions<V>,
    join: boolean,
    since: number,
    take: Take<V, R>,
    unshared: TakeUnshared<R> | undefined,
  ) {
    this.call = call
    this.load = load
    this.reader = reader
    this.join = join
    this.caller = options.caller
    this.place = options.place
    this.refresh = options.refresh
    this.since = since
    this.take = take
    this.unshared = unshared
  }
}
