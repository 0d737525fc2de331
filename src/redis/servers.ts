// Knows where commands go: all to one server, whatever their keys.

import type { Redis } from 'ioredis'
import { newClient } from './client.ts'
import type { Limit } from './limit.ts'
import type { Redirection } from './reply.ts'
import { Server, type ServerOptions } from './server.ts'

/** Sends something by a client. `isAsked`: of a server that answers the very next command alone, since it does not have the key yet. */
export type Run<T> = (client: Redis, isAsked: boolean) => Promise<T>

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
  /** Sends what `run` sends, one command, to the server that has `key`, as was `said` just now; again, where that one says who has it. */
  send<T>(key: string, run: Run<T>, limit: Limit, said?: Redirection): Promise<T>
  /** A name for all keys whose commands can travel together with those of this one, as far as is known. */
  groupOf(key: string): string
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

  send<T>(_: string, run: Run<T>, limit: Limit): Promise<T> {
    return this.#server.send((client) => run(client, false), limit)
  }

  groupOf(): string {
    return ''
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
