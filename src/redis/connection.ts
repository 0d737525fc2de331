// Knows how Redis is talked to: own connections, a bounded wait for every command, and a circuit for a server that does not answer.

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
import { CacheError, StoreError, type TimeoutError } from '../errors.ts'
import { newClient, templateOf } from './client.ts'
import { newLimit } from './limit.ts'
import { Line } from './line.ts'
import type { Script } from './script.ts'

export interface ConnectionOptions {
  /** A URL, or a client whose settings are taken: it is never used itself, nor closed. */
  redis: string | Redis
  /** Milliseconds that Redis may keep a caller waiting. */
  commandTimeout: number
  /** Told once when Redis goes away, and when it refuses a subscription. */
  onError: (error: CacheError) => void
  /** Monotonic milliseconds. */
  clock: () => number
}

/** What comes through a channel. */
export interface Listener {
  onMessage(text: string): void
  /** It listens now; called again after every reconnection, since what was said in between is lost. */
  onListening(): void
}

// Below this a far server could never be connected to, however short a command may take.
const SHORTEST_ATTEMPT = 2000
const FAILURES_TO_OPEN = 3
const OPEN_FOR = 1000

/** Two connections to one Redis server: one for commands, one that listens. Both come back by themselves. */
export class RedisConnection {
  /** What the client puts before every key. Channels and SCAN patterns need it by hand. */
  readonly keyPrefix: string
  /** The number of the database: channels are common to all of them. */
  readonly database: number
  readonly #options: ConnectionOptions
  readonly #template: Redis
  readonly #main: Line
  readonly #circuit: CircuitBreakerPolicy
  readonly #readyHandlers: Array<() => void> = []
  readonly #listeners: Map<string, Listener> = new Map()
  /** In which session of the second connection each channel was subscribed to. */
  readonly #subscribed: Map<string, number> = new Map()
  #silence: TimeoutError | undefined
  #subscriber: Line | undefined
  #isChecking = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#template = templateOf(options.redis)
    this.keyPrefix = this.#template.options.keyPrefix ?? ''
    this.database = this.#template.options.db ?? 0
    // However many commands were waiting: a connection that fell silent counts once.
    this.#circuit = circuitBreaker(
      handleWhen((error) => error === this.#silence),
      {
        breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
        halfOpenAfter: { next: () => after(OPEN_FOR, options.clock) },
      },
    )
    this.#main = new Line(newClient(this.#template, this.#attemptTimeout), {
      attemptTimeout: this.#attemptTimeout,
      onReady: () => this.#readyHandlers.forEach((handler) => handler()),
      onAway: options.onError,
    })
  }

  /** Called when commands can be sent, and again after every reconnection. */
  onReady(handler: () => void): void {
    this.#readyHandlers.push(handler)
    if (this.#main.isReady) handler()
  }

  /**
   * Sends what `run` sends, once there is a connection. Rejects with a `StoreError` or a `TimeoutError` after at most `commandTimeout`,
   * and at once while the server is known to be away.
   */
  async command<T>(run: (client: Redis) => Promise<T>): Promise<T> {
    const limit = newLimit(this.#options.commandTimeout)
    try {
      const client = await limit.race(this.#main.ready(), () => this.#main.giveUp())
      // One caller finds out whether the server answers again; the others do not wait for it.
      if (this.#circuit.state === CircuitState.HalfOpen) throw notAnswering()
      const { session } = this.#main
      return await this.#circuit.execute(() => limit.race(run(client), (error) => this.#dropMain(session, error)))
    } catch (error) {
      throw asCacheError(error)
    } finally {
      limit.end()
    }
  }

  /** Runs a script by its hash, or by its text where the server does not have it. `argsOf` is called when it is sent. */
  script(script: Script, key: string, argsOf: () => readonly string[]): Promise<unknown> {
    return this.command(async (client) => {
      const args = argsOf()
      try {
        return await client.evalsha(script.sha, 1, key, ...args)
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('NOSCRIPT'))) throw error
        return await client.eval(script.text, 1, key, ...args)
      }
    })
  }

  /** Listens to a channel by the second connection, which all of them share. */
  listen(channel: string, listener: Listener): void {
    this.#listeners.set(channel, listener)
    if (this.#subscriber?.isReady === true) void this.#subscribe(channel, listener)
    this.#subscriber ??= this.#newSubscriber()
  }

  /** Whether what is said in the channels arrives here. */
  get isListening(): boolean {
    const { isReady, session } = this.#subscriber ?? { isReady: false }
    return isReady && Array.from(this.#listeners.keys()).every((channel) => this.#subscribed.get(channel) === session)
  }

  /** Replaces the second connection where its other end is gone: by itself it would wait for ever. */
  async checkListening(): Promise<void> {
    if (this.#isChecking || this.#subscriber?.isReady !== true) return
    this.#isChecking = true
    await this.#bySubscriber((client) => client.ping())
    this.#isChecking = false
  }

  /** Ends both connections, also while they are being made. */
  async close(): Promise<void> {
    await Promise.all([this.#main.close(), this.#subscriber?.close()])
  }

  #newSubscriber(): Line {
    const client = newClient(this.#template, this.#attemptTimeout)
    client.on('message', (channel: string, text: string) => this.#listeners.get(channel)?.onMessage(text))
    return new Line(client, {
      attemptTimeout: this.#attemptTimeout,
      // One by one: where rights forbid one channel, the others are heard.
      onReady: () => this.#listeners.forEach((listener, channel) => void this.#subscribe(channel, listener)),
      onAway: () => undefined,
    })
  }

  async #subscribe(channel: string, listener: Listener): Promise<void> {
    const { session } = this.#subscriber!
    if (!(await this.#bySubscriber((client) => client.subscribe(channel)))) return
    this.#subscribed.set(channel, session)
    listener.onListening()
  }

  async #bySubscriber(run: (client: Redis) => Promise<unknown>): Promise<boolean> {
    const line = this.#subscriber!
    const limit = newLimit(this.#options.commandTimeout)
    const { session } = line
    try {
      await limit.race(line.ready().then(run), (error) => line.drop(session, error))
      return true
    } catch (error) {
      // A connection that broke is the main one's to tell; what the server says itself is not.
      if (isReply(error)) this.#options.onError(asCacheError(error))
      return false
    } finally {
      limit.end()
    }
  }

  #dropMain(session: number, error: TimeoutError): void {
    if (this.#main.drop(session, error)) this.#silence = error
  }

  get #attemptTimeout(): number {
    return Math.max(SHORTEST_ATTEMPT, this.#options.commandTimeout)
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

/** Whether it is the server's own answer, and not the lack of one. */
export function isReply(error: unknown): boolean {
  const cause = error instanceof CacheError ? error.cause : error
  return cause instanceof Error && cause.name === 'ReplyError'
}

function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  if (isBrokenCircuitError(error)) return notAnswering()
  const said = error instanceof Error ? error.message : String(error)
  return new StoreError(isReply(error) ? `Redis refused a command: ${said}` : `The connection to Redis failed: ${said}`, error)
}
