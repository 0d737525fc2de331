// Knows the servers of a Cluster: a connection to each master, and the one that listens.

import type { Cluster, Redis } from 'ioredis'
import { StoreError } from '../errors.ts'
import { addressOf, backoff, newClient } from './client.ts'
import type { Limit } from './limit.ts'
import { isClusterDown, redirectionOf, type Redirection } from './reply.ts'
import { Server, type ServerOptions } from './server.ts'
import type { Run, Servers } from './servers.ts'
import { Slots } from './slots.ts'

// As many as a key can need whose slot is moving while a master fails.
const MOST_REDIRECTIONS = 5

/** The masters of a Cluster, each with a connection of its own once it is needed: one that hangs costs those who need it, and nobody else. */
export class ClusterServers implements Servers {
  readonly keyPrefix: string
  readonly database = 0
  readonly isOne = false
  readonly #options: ServerOptions
  readonly #slots: Slots
  readonly #servers: Map<string, Server> = new Map()
  readonly #away: Set<string> = new Set()
  /** Any of the nodes, for the settings of connections to them. */
  #node: Redis | undefined
  #onNode: ((node: Redis) => void) | undefined
  #listening: Redis | undefined
  #isClosed = false

  constructor(template: Cluster, options: ServerOptions) {
    this.#options = options
    this.keyPrefix = template.options.keyPrefix ?? ''
    this.#slots = new Slots(template, {
      attemptTimeout: options.attemptTimeout,
      keyPrefix: this.keyPrefix,
      onLearn: (nodes, isChanged) => this.#learn(nodes, isChanged),
      onAway: options.onAway,
      isMasterAway: () => this.#away.size > 0,
    })
  }

  get isReady(): boolean {
    return this.#slots.isKnown
  }

  async send<T>(key: string, run: Run<T>, limit: Limit, said?: Redirection): Promise<T> {
    await this.#slots.known(limit)
    let asked = said && this.#slots.follow(said)
    for (let redirections = 0; ; redirections++) {
      const isAsked = asked !== undefined
      try {
        const server = this.#serverAt(asked ?? this.#slots.ownerOf(key))
        return await server.send((client) => (isAsked ? asking(client, run) : run(client, false)), limit)
      } catch (error) {
        const redirection = redirectionOf(error)
        if (isClusterDown(error)) this.#slots.look()
        if (redirection === undefined || redirections === MOST_REDIRECTIONS) throw error
        asked = this.#slots.follow(redirection)
      }
    }
  }

  groupOf(key: string): string {
    return this.isReady ? (this.#slots.ownerOf(key) ?? '') : key
  }

  together(keys: readonly string[]): Array<readonly string[]> {
    const groups = new Map<string, string[]>()
    for (const key of keys) {
      const owner = this.groupOf(key)
      const group = groups.get(owner)
      if (group === undefined) groups.set(owner, [key])
      else group.push(key)
    }
    return Array.from(groups.values())
  }

  async all(limit: Limit): Promise<readonly Server[]> {
    await this.#slots.known(limit)
    return this.#slots.masters().map((address) => this.#serverAt(address))
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
    await Promise.all([this.#slots.close(), ...Array.from(this.#servers.values(), (server) => server.close())])
  }

  /** A slot that nobody has is asked of anyone, who knows better or says so. */
  #serverAt(owner: string | undefined): Server {
    const node = this.#node
    if (node === undefined || this.#isClosed) throw new StoreError(this.#isClosed ? 'The cache was closed.' : 'The Cluster has no slots.')
    const address = owner ?? this.#slots.masters()[0] ?? addressOf(node.options)
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
        this.#slots.look()
        // One that has no slots any more is nobody's loss.
        if (this.#slots.masters().includes(address)) onAway(error)
      },
    })
    this.#servers.set(address, server)
    return server
  }

  #learn(nodes: readonly Redis[], isChanged: boolean): void {
    this.#node = nodes[0]!
    if (this.#listening === undefined) this.#onNode?.(this.#node)
    else if (!nodes.some(({ options }) => addressOf(options) === addressOf(this.#listening!.options))) this.#listening.disconnect(true)
    this.#forgetGone()
    // Those who wait for a server to be back wait for the one that took its place.
    if (isChanged) this.#options.onReady()
  }

  /** One that is away and has no slots any more is not coming back; one that answers may know more than the directory. */
  #forgetGone(): void {
    const masters = new Set(this.#slots.masters())
    for (const address of this.#away) {
      if (masters.has(address)) continue
      this.#away.delete(address)
      void this.#servers.get(address)?.close()
      this.#servers.delete(address)
    }
  }

  #anyAddress(): { host: string; port: number } {
    const addresses = this.#slots.masters()
    return partsOf(addresses[Math.floor(Math.random() * addresses.length)] ?? addressOf(this.#node!.options))
  }
}

/** A node that is taking over a slot serves it to those who ask. */
function asking<T>(client: Redis, run: Run<T>): Promise<T> {
  client.asking().catch(() => undefined)
  return run(client, true)
}

function partsOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
