// Knows how a call is answered that has to know what was cleared before it came: Redis is asked, and without its word only a load will do.

import { asItIs, type Served } from './call.ts'
import type { Coming } from './coming.ts'
import type { Engine } from './engine.ts'
import type { Flight } from './flight.ts'
import type { Loads } from './loads.ts'
import type { Outcome } from './runs.ts'

export class Strong<V> {
  readonly #engine: Engine
  readonly #loads: Loads<V>

  constructor(engine: Engine, loads: Loads<V>) {
    this.#engine = engine
    this.#loads = loads
  }

  /**
   * Asks what was cleared before the call. Undefined once that is known; or its answer, which needs no such word, or had to do without.
   * `running`: the load of it that runs, if any.
   */
  async askFirst(running: Flight<Outcome<V>> | undefined, coming: Coming<V>): Promise<Served<V> | undefined> {
    const asking = this.#engine.shared!.log.ask()
    const served = running && (await this.#loads.followLoad(running, coming))
    if (served !== undefined || (await asking)) return served
    return this.#serveUnverified(coming)
  }

  /**
   * Answers a call when it must know what was cleared before it came and cannot: a load that runs already proves nothing. So there is at most
   * one that runs and one that waits for its end, whose callers have all come before it.
   */
  async #serveUnverified(coming: Coming<V>): Promise<Served<V>> {
    const { call, load, reader, place, caller, join } = coming
    const running = join ? this.#loads.flights.get(call) : undefined
    if (running === undefined) return this.#loads.lead({ call, load, reader, find: false, join, place, caller }, asItIs)
    const { next } = running
    this.#loads.refuseCycle(call, reader, running)
    place?.pass()
    const arrived = { position: this.#engine.log.position, time: this.#engine.clock() }
    // Who waits for it is not counted: it ends when it has loaded.
    const served = next && (await this.#loads.follow(next, coming, arrived, asItIs))
    return served ?? this.#loads.lead({ call, load, reader, find: false, join, place, after: running }, asItIs)
  }
}
