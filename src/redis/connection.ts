// Knows how Redis is talked to: over own connections, with a bounded wait for every command, and by a second one that listens.

import type { Cluster, Redis } from 'ioredis'
import { CacheError, StoreError } from '../errors.ts'
import { isCluster, templateOf } from './client.ts'
import { ClusterServers } from './cluster.ts'
import { isSound, refuseGarbage } from './garbage.ts'
import { newLimit, type Limit } from './limit.ts'
import { Line } from './line.ts'
import { beginningWith } from './naming.ts'
import { isReply, type Redirection } from './reply.ts'
import type { Script } from './script.ts'
import type { Server } from './server.ts'
import { OneServer, type Run, type Servers } from './servers.ts'
import { sendSteps, type Answer, type Step } from './steps.ts'

export interface ConnectionOptions {
  /** A URL, or a client whose settings are taken: it is never used itself, nor closed. */
  redis: string | Redis | Cluster
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
const SCAN_STEP = 200

/** The connections of one process to Redis: one for commands to each server that has keys, and one that listens. They come back by themselves. */
export class RedisConnection {
  readonly #options: ConnectionOptions
  readonly #servers: Servers
  readonly #readyHandlers: Array<() => void> = []
  readonly #listeners: Map<string, Listener> = new Map()
  /** In which session of the second connection each channel was subscribed to. */
  readonly #subscribed: Map<string, number> = new Map()
  #subscriber: Line<Redis> | undefined
  #isChecking = false
  /** The session of the second connection whose answers are looked through. */
  #guarded = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    const template = templateOf(options.redis)
    const given = {
      attemptTimeout: this.#attemptTimeout,
      clock: options.clock,
      onReady: () => this.#readyHandlers.forEach((handler) => handler()),
      onAway: options.onError,
    }
    this.#servers = isCluster(template) ? new ClusterServers(template, given) : new OneServer(template, given)
  }

  /** What the client puts before every key. Channels need it by hand. */
  get keyPrefix(): string {
    return this.#servers.keyPrefix
  }

  /** Milliseconds that Redis may keep a caller waiting. */
  get commandTimeout(): number {
    return this.#options.commandTimeout
  }

  /** The number of the database: channels are common to all of them. */
  get database(): number {
    return this.#servers.database
  }

  /** Whether all keys are one server's. */
  get isOneServer(): boolean {
    return this.#servers.isOne
  }

  /** Monotonic milliseconds. */
  get now(): number {
    return this.#options.clock()
  }

  /** Called when commands can be sent, and again after every reconnection. */
  onReady(handler: () => void): void {
    this.#readyHandlers.push(handler)
    if (this.#servers.isReady) handler()
  }

  /**
   * Sends what `run` sends, one command about `key`, once there is a connection. Rejects with a `StoreError` or a `TimeoutError` after at
   * most `commandTimeout`, and at once while the server is known to be away. `said`: where the key is, by a server that was asked before.
   */
  command<T>(key: string, run: Run<T>, said?: Redirection): Promise<T> {
    return this.#within((limit) => this.#servers.send(key, run, limit, said))
  }

  /** Runs a script by its hash, or by its text where the server does not have it. `argsOf` is called when it is sent. */
  script(script: Script, key: string, argsOf: () => ReadonlyArray<string | Buffer>): Promise<unknown> {
    return this.#within(async (limit) => {
      try {
        return await this.#servers.send(key, (client) => client.evalsha(script.sha, 1, key, ...argsOf()), limit)
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('NOSCRIPT'))) throw error
        return await this.#servers.send(key, (client) => client.eval(script.text, 1, key, ...argsOf()), limit)
      }
    })
  }

  /** The answers to the same steps for many keys: what goes to one server goes in one piece, and waits for no other. */
  together(keys: readonly string[], steps: readonly Step[]): Array<Promise<readonly Answer[]>> {
    const groups = this.#servers.together(Array.from(new Set(keys)))
    const answers = sendSteps(groups, steps, (key, run, said) => this.command(key, run, said))
    return keys.map((key) => answers.get(key)!)
  }

  /** A name for all keys whose commands can travel together with those of this one, as far as is known. */
  groupOf(key: string): string {
    return this.#servers.groupOf(key)
  }

  /** Removes keys. Rejects with a `StoreError` where one could not be removed. */
  async unlink(keys: readonly string[]): Promise<void> {
    for (const [answer] of await Promise.all(this.together(keys, [(client, key) => client.unlink(key)]))) {
      if (answer?.[0]) throw asCacheError(answer[0])
    }
  }

  /** All keys that begin with a text, as commands take them, some or none at a time: who asks may stop after each step. One may come twice. */
  async *scan(start: string): AsyncGenerator<string[]> {
    for (const server of await this.#within((limit) => this.#servers.all(limit)))
      yield* this.#scanOne(server, beginningWith(this.keyPrefix + start))
  }

  /** Listens to a channel by the second connection, which all of them share. */
  listen(channel: string, listener: Listener): void {
    this.#listeners.set(channel, listener)
    if (this.#subscriber?.isReady === true) void this.#subscribe(channel, listener)
    if (this.#listeners.size === 1) this.#servers.listening((client) => (this.#subscriber = this.#newSubscriber(client)))
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

  /** Ends all connections, also while they are being made. */
  async close(): Promise<void> {
    await Promise.all([this.#servers.close(), this.#subscriber?.close()])
  }

  async #within<T>(work: (limit: Limit) => Promise<T>): Promise<T> {
    const limit = newLimit(this.#options.commandTimeout)
    try {
      return await work(limit)
    } catch (error) {
      throw asCacheError(error)
    } finally {
      limit.end()
    }
  }

  async *#scanOne(server: Server, pattern: string): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      const [next, keys] = await this.#within((limit) =>
        server.send((client) => client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_STEP), limit),
      )
      yield keys.map((key) => key.slice(this.keyPrefix.length))
      cursor = next
    } while (cursor !== '0')
  }

  #newSubscriber(client: Redis): Line<Redis> {
    client.on('message', (channel: string, text: string) => this.#listeners.get(channel)?.onMessage(text))
    return new Line(client, {
      attemptTimeout: this.#attemptTimeout,
      // One by one: where rights forbid one channel, the others are heard.
      onReady: () => this.#listeners.forEach((listener, channel) => void this.#subscribe(channel, listener)),
      onAway: () => undefined,
    })
  }

  async #subscribe(channel: string, listener: Listener): Promise<void> {
    const line = this.#subscriber!
    const { session } = line
    const subscribe = async (client: Redis): Promise<void> => {
      if (!(await isSound(client))) return void line.drop(session, new StoreError('Redis gave an answer to PING that is none.'))
      if (this.#guarded !== session) refuseGarbage(client.stream)
      this.#guarded = session
      await client.subscribe(channel)
    }
    if (!(await this.#bySubscriber(subscribe)) || session !== line.session || !line.isReady) return
    this.#subscribed.set(channel, session)
    listener.onListening()
  }

  async #bySubscriber(run: (client: Redis) => Promise<unknown>): Promise<boolean> {
    const line = this.#subscriber!
    const limit = newLimit(this.#options.commandTimeout)
    const { session } = line
    try {
      await limit.race(Promise.resolve(line.ready()).then(run), (error) => line.drop(session, error))
      return true
    } catch (error) {
      // A connection that broke is the main one's to tell; what the server says itself is not.
      if (isReply(error)) this.#options.onError(asCacheError(error))
      return false
    } finally {
      limit.end()
    }
  }

  get #attemptTimeout(): number {
    return Math.max(SHORTEST_ATTEMPT, this.#options.commandTimeout)
  }
}

function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  const said = error instanceof Error ? error.message : String(error)
  return new StoreError(isReply(error) ? `Redis refused a command: ${said}` : `The connection to Redis failed: ${said}`, error)
}
