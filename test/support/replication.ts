// Servers that follow one another: how they are asked, and how a replica is cut off so that it misses what comes.
import { Redis } from 'ioredis'
import { eventually } from './eventually.ts'
import type { RedisServer } from './redis.ts'

/** Arguments of servers that replicate as a user of their own, whom `cutOff` can lock out. */
export const replicating: readonly string[] = [
  '--user replica on >secret +psync +replconf +ping',
  '--masteruser replica --masterauth secret',
  // A Cluster does not name a replica before the first ping.
  '--repl-diskless-sync-delay 0 --repl-ping-replica-period 1',
  // Else a replica leaves a file where the tests run.
  '--repl-diskless-load swapdb',
].flatMap((line) => line.split(' '))

/** Asks one server, on a connection of its own. */
export async function ask<T>({ port }: { readonly port: number }, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null, commandTimeout: 1000, connectTimeout: 1000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await question(client)
  } finally {
    client.disconnect()
  }
}

/** Resolves once a replica has all that its master has. */
export async function follows(replica: RedisServer): Promise<void> {
  await eventually(`a replica on port ${replica.port}`, async () => (await replicationOf(replica)).includes('master_link_status:up'))
}

/** From now on no replica gets what this master is told, nor can it connect again. */
export async function cutOff(master: RedisServer): Promise<void> {
  await ask(master, async (client) => {
    await client.call('ACL', 'SETUSER', 'replica', 'off')
    await client.call('CLIENT', 'KILL', 'TYPE', 'slave')
  })
  await eventually('a master without replicas', async () => (await replicationOf(master)).includes('connected_slaves:0'))
}

export function replicationOf(server: RedisServer): Promise<string> {
  return ask(server, (client) => client.info('replication'))
}
