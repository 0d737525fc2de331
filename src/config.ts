// Knows the settings of a cache: its options, the environment behind them, and what stands where neither says.

import type { Cluster, Redis } from 'ioredis'
import { show, toLifetime, toMilliseconds, type Duration } from './duration.ts'
import { ConfigError, type CacheError } from './errors.ts'
import { checkChoice, checkFunction, checkNames, toLimit } from './options.ts'

/** The options of a cache. One that does not exist, or a value that is none of its own, `null` among them, is a `ConfigError`. */
export interface CacheOptions {
  /**
   * Where clears are shared and entries kept across processes: a URL, a client or Cluster of ioredis (its settings are used, on connections of
   * the cache's own), or false for this process alone. @default CACHE_ALCHEMY_REDIS_URL if set, else this process alone
   * @example redis: 'redis://127.0.0.1:6379'
   */
  redis?: string | Redis | Cluster | false
  /**
   * Begins every key in Redis. Caches with different prefixes never meet. At most 200 characters. @default CACHE_ALCHEMY_CACHE_KEY_PREFIX, or ""
   * @example prefix: 'shop'
   */
  prefix?: string
  /**
   * How long a result is fresh, where its function or route does not say: milliseconds, or a string with its unit. 0: not cached; -1 or
   * Infinity: no expiry; what else is negative is refused. @default CACHE_ALCHEMY_DEFAULT_EXPIRE (in seconds), or "1d"
   * @example ttl: '10m'
   */
  ttl?: Duration
  /**
   * Entries a function keeps in this process, and about as many in Redis, where it does not say; the least recently used go first. 0: not
   * cached; -1 or Infinity: no bound; what else is no whole number of 0 or more is refused.
   * @default CACHE_ALCHEMY_DEFAULT_LIMIT, or 1000 in this process and no bound in Redis
   * @example limit: 10_000
   */
  limit?: number
  /**
   * Bytes that stored responses and serialised values may take in this process. Past it the function that holds most loses its least
   * recently used. A value that stays in this process counts by the function's `size`, and without one not at all. -1 or Infinity: no
   * bound; 0, what else is negative and what is no whole number is refused. @default 67108864, 64 MiB
   * @example maxBytes: 256 * 1024 * 1024
   */
  maxBytes?: number
  /**
   * When another process's clear counts here. "eventual": with the delivery of one message, and within `maxStaleness` whatever happens to
   * messages. "strong": for every call that starts after the clear was acknowledged, at the price of a round trip to Redis a call; where
   * Redis does not answer, calls load. Synchronous functions and getters cannot ask, and are eventual. @default "eventual"
   * @example consistency: 'strong'
   */
  consistency?: 'eventual' | 'strong'
  /**
   * How long entries in this process are trusted without word from Redis, which is how late another process's clear may be where its message
   * is lost: milliseconds, or a string with its unit. More than 0; Infinity is refused. Redis is asked four times within each. @default "1s"
   * @example maxStaleness: '250ms'
   */
  maxStaleness?: Duration
  /**
   * How long Redis, or a store of one's own, may keep a caller waiting: a read then loads, a clear rejects and stays queued. Milliseconds, or a
   * string with its unit. More than 0; Infinity is refused. @default "500ms"
   * @example commandTimeout: '200ms'
   */
  commandTimeout?: Duration
  /**
   * Told of failures that a load answered instead: of Redis once when it goes away, and once of what it refuses until it takes it again. It is
   * called where the failure happens; what it throws is a warning of the process. @default one warning of the process a kind of failure
   * @example onError: (error) => logger.warn(error)
   */
  onError?: (error: CacheError) => void
}

export interface Config {
  readonly redis: string | Redis | Cluster | undefined
  readonly prefix: string
  readonly ttl: number
  readonly limit: number
  /** Undefined where nobody set a limit: then there is none in Redis. */
  readonly limitInRedis: number | undefined
  readonly maxBytes: number
  readonly consistency: 'eventual' | 'strong'
  readonly maxStaleness: number
  readonly commandTimeout: number
  readonly onError: (error: CacheError) => void
  readonly disabled: boolean
}

const NAMES: readonly (keyof CacheOptions)[] = [
  'redis',
  'prefix',
  'ttl',
  'limit',
  'maxBytes',
  'consistency',
  'maxStaleness',
  'commandTimeout',
  'onError',
]

export function resolveConfig(options: CacheOptions, env: NodeJS.ProcessEnv): Config {
  checkNames(options, NAMES, 'createCache')
  checkFunction(options.onError, 'onError')
  // Defaults of a destructuring, which are for what is absent: null is a value, and a wrong one.
  const { maxBytes = 64 * 1024 * 1024, consistency = 'eventual', maxStaleness = 1000, commandTimeout = 500 } = options
  const limit = options.limit === undefined ? limitFrom(env, 'CACHE_ALCHEMY_DEFAULT_LIMIT') : toLimit(options.limit, 'limit')
  return {
    redis: redisOf(options.redis, env),
    prefix:
      options.prefix === undefined
        ? prefixOf(env['CACHE_ALCHEMY_CACHE_KEY_PREFIX'] ?? '', 'CACHE_ALCHEMY_CACHE_KEY_PREFIX')
        : prefixOf(options.prefix, 'prefix'),
    ttl: options.ttl === undefined ? secondsFrom(env, 'CACHE_ALCHEMY_DEFAULT_EXPIRE', 86_400_000) : toLifetime(options.ttl, 'ttl'),
    limit: limit ?? 1000,
    limitInRedis: limit,
    maxBytes: toBytes(maxBytes),
    consistency: checkChoice(consistency, ['eventual', 'strong'], 'consistency'),
    maxStaleness: positive(maxStaleness, 'maxStaleness'),
    commandTimeout: positive(commandTimeout, 'commandTimeout'),
    onError: options.onError ?? warnOnce(),
    disabled: flagFrom(env, 'CACHE_ALCHEMY_DISABLED'),
  }
}

function redisOf(option: CacheOptions['redis'], env: NodeJS.ProcessEnv): Config['redis'] {
  if (option === false) return undefined
  if (option === undefined) return urlOf(env['CACHE_ALCHEMY_REDIS_URL'] || undefined, 'CACHE_ALCHEMY_REDIS_URL')
  if (typeof option === 'string') return urlOf(option, 'redis')
  if (typeof option === 'object' && option !== null && typeof option.duplicate === 'function') return option
  throw new ConfigError(`Expected \`redis\` to be a URL such as "redis://127.0.0.1:6379", an ioredis client or false, got ${show(option)}.`)
}

function urlOf(url: string | undefined, option: string): string | undefined {
  if (url === undefined || /^rediss?:\/\/\S+$|^\/\S+$/.test(url)) return url
  throw new ConfigError(`Expected \`${option}\` to be a URL such as "redis://127.0.0.1:6379", got ${show(withoutPassword(url))}.`)
}

/** Messages end up in logs. */
function withoutPassword(url: string): string {
  return url.replace(/^.*@/s, '…@')
}

function prefixOf(prefix: string, option: string): string {
  // Half of a character is none in Redis, where all halves are one.
  if (typeof prefix === 'string' && prefix.length <= 200 && !/\p{Surrogate}/u.test(prefix)) return prefix
  throw new ConfigError(`Expected \`${option}\` to be a string of at most 200 characters, got ${show(prefix)}.`)
}

function toBytes(value: number): number {
  if (value === -1 || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new ConfigError(`Expected \`maxBytes\` to be a whole number of bytes, -1 or Infinity for no bound, got ${show(value)}.`)
}

function positive(value: Duration, option: string): number {
  const milliseconds = toMilliseconds(value, option)
  if (milliseconds > 0) return milliseconds
  throw new ConfigError(`Expected \`${option}\` to be more than 0, got ${show(value)}.`)
}

function secondsFrom(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (text === '-1') return Number.POSITIVE_INFINITY
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  throw new ConfigError(`Expected ${name} to be a number of seconds, or -1 for no expiry, got ${show(text)}.`)
}

function limitFrom(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  if (/^-?\d+$/.test(text)) return toLimit(Number(text), name)
  throw new ConfigError(`Expected ${name} to be a whole number of entries, or -1 for no bound, got ${show(text)}.`)
}

function flagFrom(env: NodeJS.ProcessEnv, name: string): boolean {
  const text = (env[name] ?? '').toLowerCase()
  if (['', '0', 'false', 'no'].includes(text)) return false
  if (['1', 'true', 'yes'].includes(text)) return true
  throw new ConfigError(`Expected ${name} to be 1 or 0, got ${show(env[name])}.`)
}

function warnOnce(): (error: CacheError) => void {
  const warned = new Set<string>()
  return (error) => {
    if (warned.has(error.code)) return
    warned.add(error.code)
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    process.emitWarning(`${error.message}${cause} Give \`onError\` to hear of all of them.`, {
      type: 'CacheAlchemyWarning',
      code: error.code,
    })
  }
}
