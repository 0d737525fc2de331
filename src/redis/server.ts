// Knows one server that commands are sent to: a bounded wait for each of them, and a circuit while it does not answer.

import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  isBrokenCircuitError,
  type CircuitBreakerPolicy,
  type IBackoff,
} from 'cockatiel'
import type { Redis } from 'ioredis'
import { StoreError, type TimeoutError } from '../errors.ts'
import type { Limit } from './limit.ts'
import { Line } from './line.ts'
import { isOfReplica } from './reply.ts'

export interface ServerOptions {
  /** Milliseconds after which a connection attempt that hangs is given up for the next one. */
  readonly attemptTimeout: number
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** Connected, or connected again. */
  readonly onReady: () => void
  /** Away: told once, until it is ready again. */
  readonly onAway: (error: StoreError) => void
}

const FAILURES_TO_OPEN = 3
const OPEN_FOR = 1000
const LEAVE_AGAIN = 1000

/** A server and the connection that its commands go over. It takes a client that has not connected yet. */
export class Server {
  readonly #line: Line<Redis>
  readonly #circuit: CircuitBreakerPolicy
  readonly #clock: () => number
  #leftAt = Number.NEGATIVE_INFINITY
  #silence: TimeoutError | undefined

  constructor(client: Redis, options: ServerOptions) {
    this.#clock = options.clock
    // However many commands were waiting: a connection that fell silent counts once.
    this.#circuit = circuitBreaker(
      handleWhen((error) => error === this.#silence),
      {
        breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
        halfOpenAfter: { next: () => after(OPEN_FOR, options.clock) },
      },
    )
    this.#line = new Line(client, options)
  }

  get isReady(): boolean {
    return this.#line.isReady
  }

  /** Sends what `run` sends, once there is a connection. Rejects when the limit is reached, and at once while it is known to be away. */
  async send<T>(run: (client: Redis) => Promise<T>, limit: Limit): Promise<T> {
    const ready = this.#line.ready()
    const client = ready instanceof Promise ? await limit.race(ready, () => this.#line.giveUp()) : ready
    // One caller finds out whether the server answers again; the others do not wait for it.
    if (this.#circuit.state === CircuitState.HalfOpen) throw notAnswering()
    const { session } = this.#line
    try {
      return await this.#circuit.execute(() => limit.race(run(client), (error) => this.#drop(session, error)))
    } catch (error) {
      if (isBrokenCircuitError(error)) throw notAnswering()
      if (isOfReplica(error)) this.#leave(session, error)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#line.close()
  }

  /** The next connection is made to whoever is the master by then: where that stays a replica, not without end. */
  #leave(session: number, error: unknown): void {
    if (this.#clock() - this.#leftAt < LEAVE_AGAIN) return
    if (this.#line.drop(session, error)) this.#leftAt = this.#clock()
  }

  #drop(session: number, error: TimeoutError): void {
    if (this.#line.drop(session, error)) this.#silence = error
  }
}

/** The circuit's own clock is the wall's, which may jump: here it is asked nothing but whether our time has come. */
function after(ms: number, clock: () => number): IBackoff<unknown> {
  const end = clock() + ms
  return {
    get duration() {
      return clock() < end ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    },
    next: () => after(ms, clock),
  }
}

function notAnswering(): StoreError {
  return new StoreError('Redis did not answer lately, and is left alone for a moment.')
}
