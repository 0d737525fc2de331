// Knows what is asked of a flight by the call that leads it.

import type { Caller } from './abort.ts'
import type { Call, Load, ServeOptions } from './call.ts'
import type { Flight } from './flight.ts'
import type { Outcome } from './runs.ts'
import type { Frame } from './tracking.ts'

/** A call that leads a flight, and how. */
export interface Leading<V> {
  readonly call: Call
  readonly load: Load<V>
  /** The load that it was made in, if any. */
  readonly reader: Frame | undefined
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
