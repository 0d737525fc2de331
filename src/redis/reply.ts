// Knows what an error of Redis says: whether the server said it, and whether another one should be asked.

import { CacheError } from '../errors.ts'

/** Where a Cluster says that a key is: from now on, or for this one command alone. */
export interface Redirection {
  readonly kind: 'MOVED' | 'ASK'
  readonly slot: number
  /** As the server knows it, "host:port". */
  readonly address: string
}

/** Whether it is the server's own answer, and not the lack of one. */
export function isReply(error: unknown): boolean {
  return textOf(error) !== undefined
}

export function redirectionOf(error: unknown): Redirection | undefined {
  const [, kind, slot, address] = /^(MOVED|ASK) (\d{1,5}) (\S+:\d+)$/.exec(textOf(error) ?? '') ?? []
  return kind === undefined ? undefined : { kind: kind as Redirection['kind'], slot: Number(slot), address: address! }
}

/** Whether a Cluster says that it has nobody for the key at the moment. */
export function isClusterDown(error: unknown): boolean {
  return textOf(error)?.startsWith('CLUSTERDOWN ') === true
}

/** Whether a node of a Cluster was given a command about keys of several slots. */
export function isAcrossSlots(error: unknown): boolean {
  return textOf(error)?.startsWith('CROSSSLOT ') === true
}

/** Whether it was said by a replica, which a connection to a master is not meant for: after a failover, say. */
export function isOfReplica(error: unknown): boolean {
  // Within a script it stands behind the script's own words.
  return /\bREADONLY |^MASTERDOWN /.test(textOf(error) ?? '')
}

function textOf(error: unknown): string | undefined {
  const cause = error instanceof CacheError ? error.cause : error
  return cause instanceof Error && cause.name === 'ReplyError' ? cause.message : undefined
}
