// Knows the clients that our connections are made of: from a URL, or after the client that was given.

import { createRequire } from 'node:module'
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import type * as Ioredis from 'ioredis'
import { show } from '../duration.ts'
import { ConfigError } from '../errors.ts'

const LONGEST_RETRY_DELAY = 1000
// So that an attempt can ask the next Sentinel where one does not answer.
const SENTINELS_AN_ATTEMPT = 4

/** What our connections need, whatever the given client was set to. */
const ownSettings: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: 0,
  maxLoadingRetryTime: LONGEST_RETRY_DELAY,
  // A socket that is dropped does not answer: there is nothing to wait for.
  disconnectTimeout: 1,
  retryStrategy: backoff,
  // What a replica has may be late: of Sentinels, and of a Cluster's nodes.
  role: 'master',
  readOnly: false,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  commandTimeout: undefined,
  stringNumbers: false,
  monitor: false,
}

/** Milliseconds until the next attempt: longer each time, and not the same for all processes. */
export function backoff(attempt: number): number {
  return Math.min(10 * 2 ** attempt, LONGEST_RETRY_DELAY) * (0.5 + Math.random() / 2)
}

/** A client that never connects: the settings of the connections we make. */
export function templateOf(redis: string | Redis | Cluster): Redis | Cluster {
  if (typeof redis === 'string') return fromUrl(redis)
  if (typeof redis !== 'object' || redis === null || typeof redis.duplicate !== 'function')
    throw new ConfigError(
      `Expected \`redis\` to be a URL such as "redis://localhost:6379", or a client of ioredis, a Cluster too, got ${show(redis)}.`,
    )
  return redis
}

export function isCluster(template: Redis | Cluster): template is Cluster {
  return template.isCluster
}

function fromUrl(url: string): Redis {
  if (!/^(rediss?:\/\/|\/)/.test(url))
    throw new ConfigError('Expected `redis` to be a URL such as "redis://localhost:6379", "rediss://…" or the path of a socket.')
  let ioredis: typeof Ioredis
  try {
    ioredis = createRequire(import.meta.url)('ioredis') as typeof Ioredis
  } catch (error) {
    throw new ConfigError('`redis` needs the package ioredis beside this one: npm install ioredis', error)
  }
  return new ioredis.Redis(url, { lazyConnect: true })
}

/** A client of our own, not connected yet, that gives up an attempt after `connectTimeout` milliseconds. */
export function newClient(template: Redis, connectTimeout: number, further: RedisOptions = {}): Redis {
  const sentinelCommandTimeout = connectTimeout / SENTINELS_AN_ATTEMPT
  return template.duplicate({ ...ownSettings, connectTimeout, sentinelCommandTimeout, ...further })
}

/** A client that knows a Cluster's slots and nodes, with their settings, and is asked for nothing else. It is not connected yet. */
export function newDirectory(template: Cluster, connectTimeout: number): Cluster {
  const settings: object = {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    enableAutoPipelining: false,
    shardedSubscribers: false,
    clusterRetryStrategy: backoff,
    clusterNodeRetryStrategy: null,
    // ioredis 5 takes them as they are given here, and does not add its own.
    redisOptions: { ...template.options.redisOptions, lazyConnect: true, connectTimeout },
  } satisfies ClusterOptions
  return template.duplicate([], settings)
}

/** What a node is known by, in ioredis and in a Cluster's answers. */
export function addressOf({
  host = '127.0.0.1',
  port = 6379,
}: {
  readonly host?: string | undefined
  readonly port?: number | undefined
}): string {
  return `${host}:${port}`
}
