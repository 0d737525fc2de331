// A Cluster of three masters with a replica each: real servers of a test's own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { startRedis, type RedisServer } from './redis.ts'
import { ask, cutOff, follows, replicating, replicationOf } from './replication.ts'

export interface ClusterNode extends RedisServer {
  readonly id: string
}

export interface ClusterGroup extends AsyncDisposable {
  /** For `new Cluster(nodes)`. */
  readonly startupNodes: Array<{ readonly host: string; readonly port: number }>
  /** All six; the first three are masters to begin with, the other three their replicas in this order. */
  readonly nodes: readonly ClusterNode[]
  masters(): Promise<ClusterNode[]>
  /** The master that has a key's slot. */
  ownerOf(key: string): Promise<ClusterNode>
  /** A replica of a master. */
  replicaOf(master: ClusterNode): Promise<ClusterNode>
  /** What this master is told from now on is lost when it fails. */
  cutReplicaOf(master: ClusterNode): Promise<void>
  /**
   * Makes the replica of a master the master at once, whatever the old one does: it may have been killed or paused before. Resolves with
   * the new master when the others know it.
   */
  failOver(master: ClusterNode): Promise<ClusterNode>
  /** Resolves with the new master once the Cluster has replaced `old` by itself. */
  failedOver(old: ClusterNode): Promise<ClusterNode>
  stop(): Promise<void>
}

const SLOTS = 16_384
const MASTERS = 3

export async function startCluster(): Promise<ClusterGroup> {
  const folder = await mkdtemp(join(tmpdir(), 'cluster-'))
  const nodes = await Promise.all(Array.from({ length: 2 * MASTERS }, () => startNode(folder)))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true })
  }
  try {
    await makeOne(nodes)
  } catch (error) {
    await stop()
    throw error
  }
  const replicas = new Map(nodes.slice(0, MASTERS).flatMap((node, index) => pair(node, nodes[MASTERS + index]!)))
  const replicaOf = (master: ClusterNode) => Promise.resolve(replicas.get(master)!)
  const failedOver = (old: ClusterNode) => eventually('another master', () => successor(nodes, old, replicas.get(old)!))
  return {
    startupNodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    nodes,
    masters: async () => Array.from(new Set((await ownersOf(nodes)).map(({ port }) => nodeAt(nodes, port)))),
    async ownerOf(key) {
      const owners = await ownersOf(nodes)
      const slot = await ask(await awake(nodes), (client) => client.cluster('KEYSLOT', key))
      return nodeAt(nodes, owners.find(({ from, to }) => from <= slot && slot <= to)!.port)
    },
    replicaOf,
    cutReplicaOf: (master) => cutOff(master),
    async failOver(master) {
      const replica = await replicaOf(master)
      return eventually('another master', async () => {
        // Again where the old one has won: as when it came by slots of late, of which its replica had not heard.
        if (!(await isMaster(replica))) await ask(replica, (client) => client.call('CLUSTER', 'FAILOVER', 'TAKEOVER'))
        return successor(nodes, master, replica)
      })
    },
    failedOver,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function startNode(folder: string): Promise<ClusterNode> {
  const lines = [
    '--cluster-enabled yes --cluster-node-timeout 1500',
    '--cluster-replica-validity-factor 0 --cluster-allow-replica-migration no',
  ]
  const settings = [...lines.flatMap((line) => line.split(' ')), '--dir', folder, ...replicating]
  const server = await startRedis({
    args: (port) => [...settings, '--cluster-config-file', `${port}.conf`, '--cluster-port', `${busPortOf(port)}`],
  })
  const id = await ask(server, (client) => client.cluster('MYID'))
  // Not a copy: its process id changes when it is restarted.
  return Object.assign(server, { id })
}

/** As `startRedis` leaves it free. */
function busPortOf(port: number): number {
  return port + 1
}

async function makeOne(nodes: readonly ClusterNode[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS)
  const share = Math.ceil(SLOTS / MASTERS)
  const give = (index: number) => [index * share, Math.min((index + 1) * share, SLOTS) - 1].map(String)
  await Promise.all(masters.map((node, index) => ask(node, (client) => client.call('CLUSTER', 'ADDSLOTSRANGE', ...give(index)))))
  await Promise.all(nodes.map((node, index) => ask(node, (client) => client.call('CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`))))
  await ask(nodes[0]!, async (client) => {
    for (const { port } of nodes.slice(1)) await client.call('CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${busPortOf(port)}`)
  })
  await eventually('nodes that know each other', async () =>
    (await Promise.all(nodes.map(knownTo))).every((known) => known === nodes.length),
  )
  await Promise.all(
    nodes.slice(MASTERS).map((node, index) => ask(node, (client) => client.call('CLUSTER', 'REPLICATE', masters[index]!.id))),
  )
  await Promise.all(nodes.slice(MASTERS).map(follows))
  await eventually('a Cluster that is whole', async () => (await Promise.all(nodes.map(isWhole))).every(Boolean))
}

async function knownTo(node: ClusterNode): Promise<number> {
  const lines = String(await ask(node, (client) => client.cluster('NODES')))
    .trim()
    .split('\n')
  return lines.filter((line) => !line.includes('handshake')).length
}

/** Whether a node takes commands, and knows each master's replica. */
function isWhole(node: ClusterNode): Promise<boolean> {
  return ask(node, async (client) => {
    const info = String(await client.call('CLUSTER', 'INFO'))
    const ranges = (await client.cluster('SLOTS')) as unknown[][]
    return info.includes('cluster_state:ok') && ranges.length === MASTERS && ranges.every((range) => range.length === 4)
  })
}

interface Owner {
  readonly from: number
  readonly to: number
  readonly port: number
}

/** Which port has which slots, as one that answers sees it. */
async function ownersOf(nodes: readonly ClusterNode[]): Promise<Owner[]> {
  const ranges = await ask(await awake(nodes), (client) => client.cluster('SLOTS'))
  return ranges.map(([from, to, master]) => ({ from, to, port: Number(master?.[1]) }))
}

function awake(nodes: readonly ClusterNode[]): Promise<ClusterNode> {
  return Promise.any(nodes.map((node) => ask(node, (client) => client.ping()).then(() => node)))
}

/** The replica of `old` where it is the master by now, and those that answer say so. */
async function successor(nodes: readonly ClusterNode[], old: ClusterNode, replica: ClusterNode): Promise<ClusterNode | undefined> {
  if (!(await isMaster(replica))) return undefined
  const others = nodes.filter((node) => node !== old)
  const said = await Promise.allSettled(others.map((node) => ownersOf([node])))
  const owners = said.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  const isKnown = owners.every(({ port }) => port !== old.port) && owners.some(({ port }) => port === replica.port)
  const states = await Promise.allSettled(others.map((node) => ask(node, (client) => client.call('CLUSTER', 'INFO'))))
  const isUp = states.every((state) => state.status === 'rejected' || String(state.value).includes('cluster_state:ok'))
  if (isKnown && isUp) return replica
  // What a test that waits in vain is told.
  throw new Error(String(await ask(replica, (client) => client.cluster('NODES'))))
}

async function isMaster(node: ClusterNode): Promise<boolean> {
  return (await replicationOf(node)).includes('role:master')
}

function pair(one: ClusterNode, other: ClusterNode): Array<[ClusterNode, ClusterNode]> {
  return [
    [one, other],
    [other, one],
  ]
}

function nodeAt(nodes: readonly ClusterNode[], port: number): ClusterNode {
  return nodes.find((node) => node.port === port)!
}
