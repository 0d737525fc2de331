// Knows how the scripts of the shared log are run: with what this process knows of it, and what is told where the server says that something is wrong.

import { randomBytes } from 'node:crypto'
import { CodecError, type CacheError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { lifetimeInRedis } from './naming.ts'
import type { Asked, Position } from './position.ts'
import { isReply } from './reply.ts'
import type { Script } from './script.ts'
import { readReply, type Reply } from './wire.ts'

export interface LogConversationOptions {
  readonly connection: RedisConnection
  /** Where the log is. */
  readonly key: string
  readonly position: Position
  /** The longest that an entry may live, in milliseconds: as long must the log remember. */
  readonly retention: () => number
  /** Monotonic milliseconds. */
  readonly clock: () => number
  readonly onError: (error: CacheError) => void
  /** How many records a reply holds. */
  readonly page: number
  /** Milliseconds that the log remembers however short entries live. */
  readonly leastRetention: number
}

/** What the log says, and what was asked. */
export interface Answer {
  readonly reply: Reply
  readonly asked: Asked
}

/** What this process asks the log, and tells it. */
export class LogConversation {
  /** Of all processes, this one. */
  readonly writer: string = randomBytes(9).toString('base64url')
  readonly #options: LogConversationOptions
  #named = 0
  #isFailing = false

  constructor(options: LogConversationOptions) {
    this.#options = options
  }

  /** `argsOf`: the rest of its arguments, when it is sent. Rejects where there is no answer, or none of a log. */
  async run(script: Script, argsOf: () => readonly string[]): Promise<Answer> {
    const { connection, key, position, retention, clock, page, leastRetention } = this.#options
    let asked: Asked = { generation: undefined, sent: Number.NEGATIVE_INFINITY }
    const answer = await connection.script(script, key, () => {
      const { generation, epoch, tip } = position
      asked = { generation, sent: clock() }
      // Never the same twice: a log that was lost and made anew under the same name would pass for the one that was lost.
      const fresh = `${this.writer}${(this.#named++).toString(36)}`
      const kept = lifetimeInRedis(Math.max(retention(), leastRetention))
      return [fresh, generation ?? '', `${epoch}`, tip, `${kept}`, `${page}`, ...argsOf()]
    })
    const reply = readReply(answer)
    if (reply === undefined) throw new CodecError(`Redis gave an answer that is none of the clear log ${key}.`)
    this.#isFailing = false
    return { reply, asked }
  }

  /** Tells once what the server itself says is wrong; that it is away, the connection tells. */
  failed(error: unknown): void {
    const isSaid = isReply(error) || error instanceof CodecError
    if (isSaid && !this.#isFailing) this.#options.onError(error as CacheError)
    if (isSaid) this.#isFailing = true
  }
}
