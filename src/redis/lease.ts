// Knows leases in Redis: who loads a call for all processes, for how long, and how those who wait are told that it ended.

import { randomBytes } from 'node:crypto'
import { CodecError, type CacheError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import type { SharedLog } from './log.ts'
import { turnChannelOf } from './naming.ts'
import { endLeaseScript, renewLeaseScript, takeLeaseScript } from './lease-scripts.ts'
import { isReply } from './reply.ts'
import type { Script } from './script.ts'

/**
 * How the load of a lease ended. `stored`: there is an entry. `unstored`: its answer is not for others, nor will the next one be.
 * `failed`: there is no answer. `overtaken`: what it gave was cleared meanwhile, or it was given up.
 */
export type Ending = 'stored' | 'unstored' | 'failed' | 'overtaken'

/** The right to load a call for all processes. It is renewed until it is ended, up to its bound. */
export interface Lease {
  end(ending: Ending): void
}

/** A lease of another load: whose, and where the clear log was when that began. */
export interface Held {
  readonly token: string
  readonly generation: string
  readonly epoch: number
  /** Milliseconds after which it ends, where it is not renewed. */
  readonly left: number
}

export interface LeaseTimes {
  /** Milliseconds for which a lease delays the others when its process dies. @default 2000 */
  readonly length?: number
  /** Milliseconds after which a lease ends though its load goes on. @default 10_000 */
  readonly bound?: number
}

export interface LeasesOptions extends LeaseTimes {
  readonly connection: RedisConnection
  readonly shared: SharedLog
  readonly prefix: string
  readonly onError: (error: CacheError) => void
  /** Told how a lease ended that was asked for here and was another's. */
  readonly onEnd: (key: string, ending: Ending) => void
  /** Told when such words may have been missed. */
  readonly onMissed: () => void
}

const LENGTH = 2000
const BOUND = 10_000
const RENEWALS_A_LENGTH = 3
const ENDINGS: ReadonlySet<unknown> = new Set<Ending>(['stored', 'unstored', 'failed', 'overtaken'])

/** The leases of one prefix, as one process takes and holds them. */
export class Leases {
  /** The longest that a lease can be held, in milliseconds. */
  readonly bound: number
  readonly #options: LeasesOptions
  readonly #length: number
  readonly #process = randomBytes(9).toString('base64url')
  readonly #channel: string
  readonly #held: Set<Lease> = new Set()
  readonly #ending: Set<Promise<unknown>> = new Set()
  #count = 0
  #isFailing = false

  constructor(options: LeasesOptions) {
    const { connection, prefix, length = LENGTH, bound = BOUND } = options
    this.#options = options
    this.#length = length
    this.bound = bound
    this.#channel = `${connection.keyPrefix}${turnChannelOf(prefix, this.#process)}@${connection.database}`
    connection.listen(this.#channel, { onMessage: (text) => this.#hear(text), onListening: options.onMissed })
  }

  /**
   * Takes the lease at `key`, or that of the load `overtaken`. Where another load has it, this process will be told of its end. Rejects
   * with a `StoreError`.
   */
  async take(key: string, overtaken = ''): Promise<Lease | Held> {
    const token = `${this.#process}:${++this.#count}`
    const reply = await this.#run(takeLeaseScript, key, () => {
      const { generation = '', epoch } = this.#options.shared
      return [token, generation, `${epoch}`, `${this.#length}`, `${this.bound}`, this.#channel, overtaken]
    })
    if (!Array.isArray(reply)) throw new CodecError(`Redis gave an answer that is none of the lease ${key}.`)
    if (reply.length === 0) return this.#hold(key, token)
    const [holder, generation, epoch, left] = reply.map(String)
    return { token: holder!, generation: generation!, epoch: Number(epoch), left: Number(left) }
  }

  /** Ends the leases that are held: whoever waits for one loads. */
  async close(): Promise<void> {
    for (const lease of this.#held) lease.end('overtaken')
    await Promise.all(this.#ending)
  }

  #hold(key: string, token: string): Lease {
    const pause = this.#length / RENEWALS_A_LENGTH
    let renewals = Math.ceil(this.bound / pause)
    const timer = setInterval(() => {
      if (--renewals <= 0) clearInterval(timer)
      // One that fails is made up for by the next.
      this.#run(renewLeaseScript, key, () => [token, `${this.#length}`]).then(
        (left) => left === 0 && clearInterval(timer),
        () => undefined,
      )
    }, pause).unref()
    const lease: Lease = {
      end: (ending) => {
        clearInterval(timer)
        if (this.#held.delete(lease)) this.#end(key, token, ending)
      },
    }
    this.#held.add(lease)
    return lease
  }

  #end(key: string, token: string, ending: Ending): void {
    const message = JSON.stringify([key, ending])
    const ended = this.#run(endLeaseScript, key, () => [token, message, ending === 'stored' ? '1' : ''])
      // Then it ends by itself.
      .catch(() => undefined)
      .finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
  }

  #hear(text: string): void {
    const message = parse(text)
    if (Array.isArray(message) && typeof message[0] === 'string' && ENDINGS.has(message[1])) {
      this.#options.onEnd(message[0], message[1] as Ending)
    }
  }

  /** Tells once what the server itself says is wrong; that it is away, the connection tells. */
  async #run(script: Script, key: string, argsOf: () => readonly string[]): Promise<unknown> {
    try {
      const reply = await this.#options.connection.script(script, key, argsOf)
      this.#isFailing = false
      return reply
    } catch (error) {
      if (isReply(error) && !this.#isFailing) this.#options.onError(error as CacheError)
      this.#isFailing ||= isReply(error)
      throw error
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
