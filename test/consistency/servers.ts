// The Redis of a run: what can happen to it, whether it is one server with a replica, watched by Sentinels, or a Cluster.
import { Redis } from 'ioredis'
import { startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { ask, follows } from '../support/replication.ts'
import { startSentinel } from '../support/sentinel.ts'
import { newNetwork, type Network } from './network.ts'
import type { Target } from './orders.ts'

export type ServersKind = 'one' | 'sentinel' | 'cluster'

export interface Servers extends AsyncDisposable {
  /** Where processes find it; undefined where each is to have a network to `port` of its own. */
  readonly target: Target | undefined
  readonly port: number
  /** The clear log is gone, and nothing else. */
  evict(): Promise<void>
  flush(): Promise<void>
  restart(): Promise<void>
  /** The server that has the clear log does not answer, until `resume`. */
  pause(): Promise<void>
  resume(): void
  /** There is no room, or there is again. */
  fill(isFull: boolean): Promise<void>
  /** Resolves when a replica has all that the server has which has the clear log. */
  replicate(): Promise<void>
  /** From now on that replica is told nothing. */
  loseTouch(): Promise<void>
  /** That server is gone, and the replica has its place. Of Sentinels and a Cluster once in a run. */
  failOver(): Promise<void>
}

const LOG = '{history:log}'

export function startServers(kind: ServersKind): Promise<Servers> {
  if (kind === 'sentinel') return startWatched()
  return kind === 'cluster' ? startSpread() : startOne()
}

interface Replica {
  readonly server: RedisServer
  readonly plain: Redis
  readonly link: Network
}

// At once, and not only when others may have come; and not through a file.
const ARGS = ['--repl-diskless-sync-delay', '0', '--repl-diskless-load', 'swapdb']

async function startOne(): Promise<Servers> {
  let primary = await startRedis({ args: ARGS })
  let plain = clientOf(primary)
  let replica: Replica | undefined
  const endReplica = async (): Promise<void> => {
    const ended = replica
    replica = undefined
    ended?.plain.disconnect()
    await ended?.server.stop()
    await ended?.link[Symbol.asyncDispose]()
  }
  return {
    target: undefined,
    get port() {
      return primary.port
    },
    evict: async () => void (await plain.del(LOG)),
    flush: async () => void (await plain.flushall()),
    restart: () => primary.restart(),
    pause: async () => primary.pause(),
    resume: () => primary.resume(),
    fill: async (isFull) => void (await plain.config('SET', 'maxmemory', isFull ? '1' : '0')),
    async replicate() {
      await endReplica()
      const link = await newNetwork(primary.port)
      const server = await startRedis({ args: ARGS })
      replica = { server, link, plain: clientOf(server) }
      await replica.plain.replicaof('127.0.0.1', link.port)
      await Promise.all([follows(server), plain.wait(1, 0)])
    },
    loseTouch: async () => replica?.link.part(),
    async failOver() {
      const next = replica
      if (next === undefined) throw new Error('There is no replica to take over.')
      replica = undefined
      plain.disconnect()
      await primary.stop()
      await next.link[Symbol.asyncDispose]()
      ;({ server: primary, plain } = next)
      await plain.replicaof('NO', 'ONE')
    },
    async [Symbol.asyncDispose]() {
      await endReplica()
      plain.disconnect()
      await primary.stop()
    },
  }
}

async function startWatched(): Promise<Servers> {
  const group = await startSentinel()
  const paused = new Set<RedisServer>()
  return {
    target: { sentinels: group.options },
    port: 0,
    evict: async () => void (await ask(await group.master(), (client) => client.del(LOG))),
    flush: async () => void (await ask(await group.master(), (client) => client.flushall())),
    restart: async () => (await group.master()).restart(),
    async pause() {
      const master = await group.master()
      paused.add(master)
      master.pause()
    },
    resume: () => resumeAll(paused),
    fill: async (isFull) => void (await ask(await group.master(), (client) => client.config('SET', 'maxmemory', isFull ? '1' : '0'))),
    replicate: async () => follows(await group.replica()),
    loseTouch: () => group.cutReplica(),
    async failOver() {
      // Two masters at a time are outside of what is promised.
      await (await group.master()).kill()
      await group.failOver()
    },
    [Symbol.asyncDispose]: () => group.stop(),
  }
}

async function startSpread(): Promise<Servers> {
  const group = await startCluster()
  const paused = new Set<RedisServer>()
  const owner = () => group.ownerOf(LOG)
  return {
    target: { cluster: group.startupNodes },
    port: 0,
    evict: async () => void (await ask(await owner(), (client) => client.del(LOG))),
    async flush() {
      for (const master of await group.masters()) await ask(master, (client) => client.flushall())
    },
    restart: async () => (await owner()).restart(),
    async pause() {
      const master = await owner()
      paused.add(master)
      master.pause()
    },
    resume: () => resumeAll(paused),
    async fill(isFull) {
      for (const master of await group.masters()) await ask(master, (client) => client.config('SET', 'maxmemory', isFull ? '1' : '0'))
    },
    replicate: async () => follows(await group.replicaOf(await owner())),
    loseTouch: async () => group.cutReplicaOf(await owner()),
    async failOver() {
      const old = await owner()
      await old.kill()
      await eventually('another master', async () => {
        await group.failOver(old)
        return true
      })
    },
    [Symbol.asyncDispose]: () => group.stop(),
  }
}

function resumeAll(paused: Set<RedisServer>): void {
  for (const server of paused) server.resume()
  paused.clear()
}

function clientOf(server: RedisServer): Redis {
  const client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  return client
}
