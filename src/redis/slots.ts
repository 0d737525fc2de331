// Knows who has which slot of a Cluster, and how that is found out again when it changes.

import type { Cluster, Redis } from 'ioredis'
import type { StoreError } from '../errors.ts'
import { addressOf, newDirectory } from './client.ts'
import type { Limit } from './limit.ts'
import { Line } from './line.ts'
import type { Redirection } from './reply.ts'
import { slotOf } from './slot.ts'

export interface SlotsOptions {
  /** Milliseconds after which a connection attempt that hangs is given up for the next one. */
  readonly attemptTimeout: number
  readonly keyPrefix: string
  /** The nodes have said who has which slot. `isChanged`: it is not as it was. */
  readonly onLearn: (nodes: readonly Redis[], isChanged: boolean) => void
  /** No node answers: told once, until one has. */
  readonly onAway: (error: StoreError) => void
  /** Whether a master is away, so that another one may take its place. */
  readonly isMasterAway: () => boolean
}

const LOOK_AGAIN = 500

/** The slots of a Cluster. ioredis's own Cluster client is the directory that is asked for them; commands do not go through it. */
export class Slots {
  readonly #options: SlotsOptions
  readonly #cluster: Cluster
  readonly #directory: Line<Cluster>
  /** The address of each slot's master. */
  #owners: Array<string | undefined> = []
  #timer: NodeJS.Timeout | undefined
  #isLookWanted = false
  #isLost = false
  #isClosed = false

  constructor(template: Cluster, options: SlotsOptions) {
    this.#options = options
    this.#cluster = newDirectory(template, options.attemptTimeout)
    this.#cluster.on('refresh', () => this.#learn())
    this.#directory = new Line(this.#cluster, {
      attemptTimeout: options.attemptTimeout,
      onReady: () => undefined,
      onAway: (error) => this.#lose(error),
    })
  }

  get isKnown(): boolean {
    return this.#owners.length > 0
  }

  /** Resolves once they are known; rejects when the limit is reached. */
  async known(limit: Limit): Promise<void> {
    if (!this.isKnown) await limit.race(Promise.resolve(this.#directory.ready()), () => this.#directory.giveUp())
  }

  /** The address of the master that has a key: undefined where nobody has its slot. */
  ownerOf(key: string): string | undefined {
    return this.#owners[slotOf(this.#options.keyPrefix + key)]
  }

  /** The addresses of all that have slots. */
  masters(): string[] {
    return Array.from(new Set(this.#owners)).filter((address) => address !== undefined)
  }

  /** Where a redirected command goes next: to an address for this once, or to the slot's owner. */
  follow({ kind, slot, address: said }: Redirection): string | undefined {
    const address = this.#reachable(said)
    if (kind === 'ASK') return address
    this.#owners[slot] = address
    // Where one slot has moved, others have.
    this.look()
    return undefined
  }

  /** Asks who has which slot, at most once at a time; again and again while a master is away. */
  look(): void {
    this.#isLookWanted = this.#timer !== undefined
    if (this.#isLookWanted || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#isLookWanted || this.#options.isMasterAway()) this.look()
    }, LOOK_AGAIN).unref()
    if (!this.#directory.isReady) return
    const { session } = this.#directory
    this.#cluster.refreshSlotsCache((error) => {
      // No node that it knows answers: it begins again with those that it was given.
      if (error) this.#directory.drop(session, error)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#directory.close()
  }

  /** The address under which this process reaches a node. */
  #reachable(said: string): string {
    const { natMap } = this.#cluster.options
    const mapped = typeof natMap === 'function' ? natMap(said) : natMap?.[said]
    return mapped ? addressOf(mapped) : said
  }

  /** Nodes that have no slots, of a Cluster that is not made yet, are connected and left again and again: that is told once. */
  #lose(error: StoreError): void {
    if (!this.#isLost) this.#options.onAway(error)
    this.#isLost = true
  }

  #learn(): void {
    const nodes = this.#cluster.nodes()
    if (this.#isClosed || nodes.length === 0) return
    this.#isLost = false
    const before = this.#owners
    this.#owners = Array.from(this.#cluster.slots, (addresses?: string[]) => addresses?.[0])
    this.#options.onLearn(
      nodes,
      before.some((owner, slot) => owner !== this.#owners[slot]),
    )
  }
}
