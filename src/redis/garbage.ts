// Knows what no Redis says to who listens. ioredis throws there what nobody can catch, so it must not see it.

import type { Redis } from 'ioredis'
import type { Readable } from 'node:stream'
import { isReply } from './reply.ts'

const EMPTY_LIST = Buffer.from('*0\r\n')
// A list of three, as RESP2 and RESP3 write it.
const CONFIRMATIONS = ['*3\r\n', '>3\r\n']

/** Whether a server answers as one does: with PONG, or that it may not. */
export async function isSound(client: Redis): Promise<boolean> {
  try {
    const answer: unknown = await client.ping()
    // In a connection that listens already, the answer is a list.
    return /^pong/i.test(String(answer))
  } catch (error) {
    if (isReply(error)) return true
    throw error
  }
}

/** Ends a connection that is about to subscribe, and has no other answer to wait for, before what comes is none or is an empty list. */
export function refuseGarbage(stream: Readable): void {
  const emit = stream.emit.bind(stream) as (event: string | symbol, ...args: unknown[]) => boolean
  let isFirst = true
  stream.emit = (event: string | symbol, ...args: unknown[]) => {
    const [bytes] = args
    if (event !== 'data' || !Buffer.isBuffer(bytes)) return emit(event, ...args)
    const isGarbage = bytes.includes(EMPTY_LIST) || (isFirst && !mayBeConfirmation(bytes.toString('latin1', 0, 4)))
    isFirst = false
    if (!isGarbage) return emit(event, ...args)
    stream.destroy()
    return true
  }
}

/** Whether an answer to SUBSCRIBE may begin so: it confirms or is an error. */
function mayBeConfirmation(begin: string): boolean {
  return begin.startsWith('-') || CONFIRMATIONS.some((confirmation) => confirmation.startsWith(begin))
}
