// Two processes, what they read, and the Redis between them: the place where a fault happens.
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { openCache } from '../../src/cache.ts'
import type { Cache, CacheError, CacheOptions, CachedFunction } from '../../src/index.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import type { Fault } from './fault.ts'
import { newNetwork, type Network } from './network.ts'

export type Mode = NonNullable<CacheOptions['consistency']>

/** How long Redis may keep a caller waiting here. */
export const COMMAND_TIMEOUT = 100
const MAX_STALENESS = 1000

/** What a fault is made of. */
export interface Scene {
  readonly server: RedisServer
  /** A client that is no part of the caches. */
  readonly plain: Redis
  /** Between the first process and the server. */
  readonly network: Network
  readonly logKey: string
  /** What the first process reaches Redis by: the network, and a user of its own, `here`. */
  readonly url: string
}

/** A cache that stands for a process, with a clock that can be put forward. */
export interface Actor {
  readonly cache: Cache
  readonly row: CachedFunction<(key: string) => Promise<string>>
  /** Computed from a row. */
  readonly page: CachedFunction<(key: string) => Promise<string>>
  readonly errors: CacheError[]
  loads(key: string): number
  /** Time passes for it until it must not trust anything without word from Redis. */
  pass(): void
}

export interface Stage extends Scene {
  /** The rows of some database, which no fault reaches. */
  readonly rows: Map<string, string>
  readonly here: Actor
  readonly there: Actor
}

const PREFIX = 'stage'

/** A server as the fault needs it, and a network to it. */
export async function newScene(fault: Fault): Promise<Scene & { end(): Promise<void>; readonly direct: string }> {
  const server = await startRedis({ args: ['--enable-debug-command', 'local', ...(fault.args ?? [])] })
  const plain = new Redis(server.url, { maxRetriesPerRequest: null })
  plain.on('error', () => undefined)
  await admit(plain)
  const network = await newNetwork(server.port)
  const end = async (): Promise<void> => {
    await fault.close?.()
    plain.disconnect()
    await network.close()
    await server.stop()
  }
  const urlOf = (user: string, port: number): string => `redis://${user}:secret@127.0.0.1:${port}`
  const urls = { url: urlOf('here', network.port), direct: urlOf('there', server.port) }
  return { server, plain, network, logKey: `{${PREFIX}:log}`, ...urls, end }
}

/** The users of the two processes, whose rights a fault can take away. */
export async function admit(plain: Redis): Promise<void> {
  for (const user of ['here', 'there']) await plain.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '&*', '+@all')
}

export async function newStage(fault: Fault, mode: Mode): Promise<Stage> {
  const scene = await newScene(fault)
  onTestFinished(scene.end)
  if (fault.isFromStart === true) await fault.begin(scene)
  const rows = new Map<string, string>()
  const here = newActor(scene.url, mode, rows)
  const there = newActor(scene.direct, mode, rows)
  return { ...scene, rows, here, there }
}

function newActor(redis: string, consistency: Mode, rows: Map<string, string>): Actor {
  const errors: CacheError[] = []
  let passed = 0
  const options = { redis, prefix: PREFIX, consistency, commandTimeout: COMMAND_TIMEOUT, maxStaleness: MAX_STALENESS, ttl: '1h' }
  const cache = openCache({ ...options, onError: (error) => errors.push(error) }, () => performance.now() + passed)
  onTestFinished(() => cache.close())
  const loads = new Map<string, number>()
  const row = cache.memoize(
    async (key: string) => {
      loads.set(key, (loads.get(key) ?? 0) + 1)
      return rows.get(key) ?? 'absent'
    },
    { name: 'row' },
  )
  const page = cache.memoize(async (key: string) => `page of ${await row(key)}`, { name: 'page' })
  return { cache, row, page, errors, loads: (key) => loads.get(key) ?? 0, pass: () => void (passed += MAX_STALENESS) }
}
