// Knows the clients that our connections are made of: from a URL, or after the client that was given.

import { createRequire } from 'node:module'
import type { Redis, RedisOptions } from 'ioredis'
import type * as Ioredis from 'ioredis'
import { show } from '../duration.ts'
import { ConfigError } from '../errors.ts'

const LONGEST_RETRY_DELAY = 1000

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
  retryStrategy: (attempt: number) => Math.min(10 * 2 ** attempt, LONGEST_RETRY_DELAY) * (0.5 + Math.random() / 2),
  reconnectOnError: null,
  commandTimeout: undefined,
  stringNumbers: false,
  monitor: false,
}

/** A client that never connects: the settings of the connections we make. */
export function templateOf(redis: string | Redis): Redis {
  if (typeof redis === 'string') return fromUrl(redis)
  if (typeof redis !== 'object' || redis === null || typeof redis.duplicate !== 'function')
    throw new ConfigError(`Expected \`redis\` to be a URL such as "redis://localhost:6379" or a client of ioredis, got ${show(redis)}.`)
  if (redis.isCluster) throw new ConfigError('`redis` is a Cluster, which is not supported yet: give a client of one server.')
  return redis
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
export function newClient(template: Redis, connectTimeout: number): Redis {
  return template.duplicate({ ...ownSettings, connectTimeout })
}
