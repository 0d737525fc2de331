// Knows which server of a Cluster has a key, and how that is found out again when it changes.

import type { Cluster, Redis } from 'ioredis'
import { StoreError } from '../errors.ts'
import { addressOf, backoff, newClient, newDirectory } from './client.ts'
import type { Limit } from './limit.ts'
import { Line } from './line.ts'
import { isClusterDown, redirectionOf, type Redirection } from './reply.ts'
import { Server, type ServerOptions } from './server.ts'
import type { Servers } from './servers.ts'
import { slotOf } from './slot.ts'

// As many as a key can need whose slot is moving while a master fails.
const MOST_REDIRECTIONS = 5
const LOOK_AGAIN = 500

/**
 * The masters of a Cluster, each with a connection of its own once it is needed: one that hangs costs those who need it, and nobody else.
 * ioredis's own Cluster client is the directory, which says who has which slot; commands do not go through it.
 */
export class ClusterServers implements Servers {
  readonly keyPrefix: string
  readonly database = 0
  readonly #options: ServerOptions
  readonly #cluster: Cluster
  readonly #directory: Line<Cluster>
  readonly #servers: Map<string, Server> = new Map()
  readonly #away: Set<string> = new Set()
  /** The address of each slot's master. */
  #owners: Array<string | undefined> = []
  /** Any of the nodes, for the settings of connections to them. */
  #node: Redis | undefined
  #onNode: ((node: Redis) => void) | undefined
  #listening: Redis | undefined
  #timer: NodeJS.Timeout | undefined
  #isLookWanted = false
  #isLost = false
  #isClosed = false

  constructor(template: Cluster, options: ServerOptions) {
    this.#options = options
    this.keyPrefix = template.options.keyPrefix ?? ''
    this.#cluster = newDirectory(template, options.attemptTimeout)
    this.#cluster.on('refresh', () => this.#learn())
    this.#directory = new Line(this.#cluster, { ...options, onAway: (error) => this.#lose(error) })
  }

  get isReady(): boolean {
    return this.#owners.length > 0
  }

  async send<T>(key: string, run: (client: Redis) => Promise<T>, limit: Limit): Promise<T> {
    await this.#known(limit)
    const slot = slotOf(this.keyPrefix + key)
    let asked: string | undefined
    for (let redirections = 0; ; redirections++) {
      const isAsked = asked !== undefined
      try {
        return await this.#serverAt(asked ?? this.#owners[slot]).send((client) => (isAsked ? asking(client, run) : run(client)), limit)
      } catch (error) {
        const redirection = redirectionOf(error)
        if (isClusterDown(error)) this.#look()
        if (redirection === undefined || redirections === MOST_REDIRECTIONS) throw error
        asked = this.#follow(redirection)
      }
    }
  }

  together(keys: readonly string[]): Array<readonly string[]> {
    if (!this.isReady) return keys.map((key) => [key])
    const groups = new Map<string | undefined, string[]>()
    for (const key of keys) {
      const owner = this.#owners[slotOf(this.keyPrefix + key)]
      const group = groups.get(owner)
      if (group === undefined) groups.set(owner, [key])
      else group.push(key)
    }
    return Array.from(groups.values())
  }

  async all(limit: Limit): Promise<readonly Server[]> {
    await this.#known(limit)
    return Array.from(new Set(this.#owners), (address) => this.#serverAt(address))
  }

  listening(use: (client: Redis) => void): void {
    this.#onNode = (node) => {
      // One that is gone does not come back: the next attempt goes to another one.
      const client = newClient(node, this.#options.attemptTimeout, {
        ...this.#anyAddress(),
        db: 0,
        retryStrategy: (attempt) => {
          Object.assign(client.options, this.#anyAddress())
          return backoff(attempt)
        },
      })
      this.#listening = client
      use(client)
    }
    if (this.#node !== undefined) this.#onNode(this.#node)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await Promise.all([this.#directory.close(), ...Array.from(this.#servers.values(), (server) => server.close())])
  }

  async #known(limit: Limit): Promise<void> {
    if (!this.isReady) await limit.race(this.#directory.ready(), () => this.#directory.giveUp())
  }

  /** A slot that nobody has is asked of anyone, who knows better or says so. */
  #serverAt(owner: string | undefined): Server {
    const node = this.#node
    if (node === undefined || this.#isClosed) throw new StoreError(this.#isClosed ? 'The cache was closed.' : 'The Cluster has no slots.')
    const address = owner ?? this.#owners.find((other) => other !== undefined) ?? addressOf(node.options)
    const known = this.#servers.get(address)
    if (known !== undefined) return known
    const { attemptTimeout, onReady, onAway } = this.#options
    const client = newClient(node, attemptTimeout, { ...partsOf(address), keyPrefix: this.keyPrefix, db: 0 })
    const server = new Server(client, {
      ...this.#options,
      onReady: () => {
        this.#away.delete(address)
        onReady()
      },
      onAway: (error) => {
        this.#away.add(address)
        this.#look()
        // One that has no slots any more is nobody's loss.
        if (this.#owners.includes(address)) onAway(error)
      },
    })
    this.#servers.set(address, server)
    return server
  }

  /** Where a redirected command goes next: to an address for this once, or to the slot's owner. */
  #follow({ kind, slot, address: said }: Redirection): string | undefined {
    const address = this.#reachable(said)
    if (kind === 'ASK') return address
    this.#owners[slot] = address
    // Where one slot has moved, others have.
    this.#look()
    return undefined
  }

  /** The address under which this process reaches a node. */
  #reachable(said: string): string {
    const { natMap } = this.#cluster.options
    const mapped = typeof natMap === 'function' ? natMap(said) : natMap?.[said]
    return mapped ? addressOf(mapped) : said
  }

  /** Asks who has which slot, at most once at a time; again and again while a master is away, since another one may take its place. */
  #look(): void {
    this.#isLookWanted = this.#timer !== undefined
    if (this.#isLookWanted || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#isLookWanted || this.#away.size > 0) this.#look()
    }, LOOK_AGAIN).unref()
    if (!this.#directory.isReady) return
    const { session } = this.#directory
    this.#cluster.refreshSlotsCache((error) => {
      // No node that it knows answers: it begins again with those that it was given.
      if (error) this.#directory.drop(session, error)
    })
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
    this.#node = nodes[0]!
    if (this.#listening === undefined) this.#onNode?.(this.#node)
    else if (!nodes.some(({ options }) => addressOf(options) === addressOf(this.#listening!.options))) this.#listening.disconnect(true)
    this.#forgetGone()
    // Those who wait for a server to be back wait for the one that took its place.
    if (before.some((owner, slot) => owner !== this.#owners[slot])) this.#options.onReady()
  }

  /** One that is away and has no slots any more is not coming back; one that answers may know more than the directory. */
  #forgetGone(): void {
    const owners = new Set(this.#owners)
    for (const address of this.#away) {
      if (owners.has(address)) continue
      this.#away.delete(address)
      void this.#servers.get(address)?.close()
      this.#servers.delete(address)
    }
  }

  #anyAddress(): { host: string; port: number } {
    const addresses = Array.from(new Set(this.#owners)).filter((address) => address !== undefined)
    return partsOf(addresses[Math.floor(Math.random() * addresses.length)] ?? addressOf(this.#node!.options))
  }
}

/** A node that is taking over a slot serves it to those who ask. */
function asking<T>(client: Redis, run: (client: Redis) => Promise<T>): Promise<T> {
  client.asking().catch(() => undefined)
  return run(client)
}

function partsOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
