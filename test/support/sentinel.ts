// A master, a replica and three Sentinels that watch them: real servers of a test's own, which fail over within a second or two.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { startRedis, type RedisServer } from './redis.ts'
import { ask, cutOff, follows, replicating, replicationOf } from './replication.ts'

export interface SentinelGroup extends AsyncDisposable {
  /** For `new Redis(options)`. */
  readonly options: { readonly name: string; readonly sentinels: Array<{ readonly host: string; readonly port: number }> }
  /** The Sentinels themselves, to pause or kill. */
  readonly sentinels: readonly RedisServer[]
  /** Both, whoever is the master. */
  readonly servers: readonly RedisServer[]
  /** As the Sentinels say. */
  master(): Promise<RedisServer>
  /** The other one. */
  replica(): Promise<RedisServer>
  /** What the master is told from now on is lost when it fails. */
  cutReplica(): Promise<void>
  /**
   * Makes the replica the master at once, whatever the old one does: it may have been killed or paused before. Resolves with the new
   * master when all Sentinels know it.
   */
  failOver(): Promise<RedisServer>
  /** Resolves with the new master once the Sentinels have replaced `old` by themselves. */
  failedOver(old: RedisServer): Promise<RedisServer>
  stop(): Promise<void>
}

const NAME = 'main'

export async function startSentinel(): Promise<SentinelGroup> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-'))
  const first = await startRedis({ args: replicating })
  const second = await startRedis({ args: ['--replicaof', '127.0.0.1', `${first.port}`, ...replicating] })
  const servers = [first, second]
  const sentinels = await Promise.all([1, 2, 3].map((id) => startOne(join(folder, `${id}.conf`), first.port)))
  const stop = async (): Promise<void> => {
    await Promise.all([...sentinels, ...servers].map((server) => server.stop()))
    await rm(folder, { recursive: true })
  }
  const master = async () => find(servers, await masterPort(sentinels[0]!))
  const failedOver = (old: RedisServer) => eventually('another master', () => newMaster(sentinels, servers, old))
  try {
    await follows(second)
    await eventually('Sentinels that know each other', async () => (await Promise.all(sentinels.map(isComplete))).every(Boolean))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    options: { name: NAME, sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })) },
    sentinels,
    servers,
    master,
    replica: async () => otherThan(servers, await master()),
    cutReplica: async () => cutOff(await master()),
    async failOver() {
      const old = await master()
      await eventually('a failover that begins', () => ask(sentinels[0]!, (client) => client.call('SENTINEL', 'FAILOVER', NAME)))
      return failedOver(old)
    },
    failedOver,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function startOne(file: string, master: number): Promise<RedisServer> {
  const lines = [`monitor ${NAME} 127.0.0.1 ${master} 2`, `down-after-milliseconds ${NAME} 1000`, `failover-timeout ${NAME} 1500`]
  await writeFile(file, lines.map((line) => `sentinel ${line}\n`).join(''))
  return startRedis({ args: [file, '--sentinel'], isReady: 'Sentinel ID is' })
}

/** Whether a Sentinel knows the other two, and the replica. */
function isComplete(sentinel: RedisServer): Promise<boolean> {
  return ask(sentinel, async (client) => {
    const [state] = (await client.call('SENTINEL', 'MASTERS')) as string[][]
    const of = (field: string) => state?.[state.indexOf(field) + 1]
    return of('num-other-sentinels') === '2' && of('num-slaves') === '1'
  })
}

async function masterPort(sentinel: RedisServer): Promise<number> {
  const [, port] = (await ask(sentinel, (client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME))) as string[]
  return Number(port)
}

async function newMaster(
  sentinels: readonly RedisServer[],
  servers: readonly RedisServer[],
  old: RedisServer,
): Promise<RedisServer | undefined> {
  const ports = await Promise.all(sentinels.map(masterPort))
  const candidate = otherThan(servers, old)
  if (!ports.every((port) => port === candidate.port)) return undefined
  return (await replicationOf(candidate)).includes('role:master') ? candidate : undefined
}

function find(servers: readonly RedisServer[], port: number): RedisServer {
  return servers.find((server) => server.port === port)!
}

function otherThan(servers: readonly RedisServer[], one: RedisServer): RedisServer {
  return servers.find((server) => server.port !== one.port)!
}
