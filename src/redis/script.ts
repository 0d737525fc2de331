// Knows what a Lua script is that runs inside Redis.

import { createHash } from 'node:crypto'

export interface Script {
  readonly text: string
  /** What EVALSHA calls it by. */
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
