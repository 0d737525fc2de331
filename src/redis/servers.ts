// Knows where commands go: all to one server, whatever their keys.

import type { Redis } from 'ioredis'
import { newClient } from './client.ts'
import type { Limit } from './limit.ts'
import { Server, type ServerOptions } from './server.ts'

/** The servers of one Redis: one, or the masters of a Cluster. */
export interface Servers {
  /** What the client puts before every key. */
  readonly keyPrefix: string
  /** The number of the database: channels are common to all of them. */
  readonly database: number
  /** Whether commands can be sent. */
  readonly isReady: boolean
  /** Whether all keys are one server's: one command may be about any number of them. */
  readonly isOne: boolean
  /** Sends what `run` sends, one command, to the server that has `key`; again, where that one says who has it. */
  send<T>(key: string, run: (client: Redis) => Promise<T>, limit: Limit): Promise<T>
  /** Keys whose commands can travel together, as far as is known. */
  together(keys: readonly string[]): Array<readonly string[]>
  /** All that have keys. */
  all(limit: Limit): Promise<readonly Server[]>
  /** Gives a client for the connection that listens, as soon as it can be made. */
  listening(use: (client: Redis) => void): void
  close(): Promise<void>
}

/** One server, or the master that Sentinels name. */
export class OneServer implements Servers {
  readonly keyPrefix: string
  readonly database: number
  readonly isOne = true
  readonly #template: Redis
  readonly #attemptTimeout: number
  readonly #server: Server

  constructor(template: Redis, options: ServerOptions) {
    this.keyPrefix = template.options.keyPrefix ?? ''
    this.database = template.options.db ?? 0
    this.#template = template
    this.#attemptTimeout = options.attemptTimeout
    this.#server = new Server(newClient(template, options.attemptTimeout), options)
  }

  get isReady(): boolean {
    return this.#server.isReady
  }

  send<T>(_: string, run: (client: Redis) => Promise<T>, limit: Limit): Promise<T> {
    return this.#server.send(run, limit)
  }

  together(keys: readonly string[]): Array<readonly string[]> {
    return [keys]
  }

  all(): Promise<readonly Server[]> {
    return Promise.resolve([this.#server])
  }

  listening(use: (client: Redis) => void): void {
    use(newClient(this.#template, this.#attemptTimeout))
  }

  close(): Promise<void> {
    return this.#server.close()
  }
}
