// Knows commands about many keys: those of one server go in one piece, and again where it says that another one has the key.

import type { ChainableCommander, Redis } from 'ioredis'
import { isOfReplica, redirectionOf, type Redirection } from './reply.ts'

/** One command about a key. */
export type Step = (client: Redis, key: string) => Promise<unknown>

/** The reply to a step, or what it failed with. */
export type Answer = readonly [error: Error | null, result?: unknown]

/** Sends one command, or several about keys of one server, to the server of a key, as was `said` just now. */
export type Send = <T>(key: string, run: (client: Redis) => Promise<T>, said?: Redirection) => Promise<T>

/** The answers to the same steps for each key of groups that have one server each, as far as is known. No group waits for another one. */
export function sendSteps(
  groups: ReadonlyArray<readonly string[]>,
  steps: readonly Step[],
  send: Send,
): Map<string, Promise<readonly Answer[]>> {
  const answers = new Map<string, Promise<readonly Answer[]>>()
  for (const keys of groups) {
    const all = send(keys[0]!, (client) => inOnePiece(client, keys, steps))
    for (const [index, key] of keys.entries()) answers.set(key, answered(all, index, key))
  }
  return answers

  async function answered(all: Promise<readonly Answer[][]>, index: number, key: string): Promise<readonly Answer[]> {
    const found = (await all)[index]!
    const said = found.map(([error]) => redirectionOf(error)).find((redirection) => redirection !== undefined)
    if (said === undefined) return found
    // Step by step: each of them is redirected by itself, and has to keep its place.
    const again: Answer[] = []
    for (const step of steps) again.push([null, await send(key, (client) => step(client, key), said)])
    return again
  }
}

async function inOnePiece(client: Redis, keys: readonly string[], steps: readonly Step[]): Promise<Answer[][]> {
  const pipeline = client.pipeline()
  // A pipeline has its client's commands; what they give comes all at once.
  for (const key of keys) for (const step of steps) void step(pipeline as unknown as Redis, key)
  const answers = await answersTo(pipeline)
  return keys.map((_, index) => answers.slice(index * steps.length, (index + 1) * steps.length))
}

/** What a server answers. Rejects where it is a replica: then it is not the one to ask. */
export async function answersTo(pipeline: ChainableCommander): Promise<readonly Answer[]> {
  const answers: readonly Answer[] = (await pipeline.exec()) ?? []
  const ofReplica = answers.find(([error]) => isOfReplica(error))
  if (ofReplica !== undefined) throw ofReplica[0]!
  return answers
}
