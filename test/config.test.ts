import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { resolveConfig, type CacheOptions, type Config } from '../src/config.ts'
import { ConfigError, StoreError, TimeoutError } from '../src/errors.ts'

const resolved = (options: CacheOptions, env: NodeJS.ProcessEnv = {}): Config => resolveConfig(options, env)

describe('a cache without options', () => {
  test('is of this process, keeps a thousand entries a function for a day, and waits half a second for Redis', () => {
    expect(resolved({})).toEqual({
      redis: undefined,
      prefix: '',
      ttl: 86_400_000,
      limit: 1000,
      maxBytes: 67_108_864,
      consistency: 'eventual',
      limitInRedis: undefined,
      maxStaleness: 1000,
      commandTimeout: 500,
      onError: expect.any(Function),
      disabled: false,
    })
  })

  test('takes what the environment says: seconds, a number of entries, a prefix, a URL', () => {
    const env = {
      CACHE_ALCHEMY_REDIS_URL: 'redis://127.0.0.1:6379',
      CACHE_ALCHEMY_CACHE_KEY_PREFIX: 'app',
      CACHE_ALCHEMY_DEFAULT_EXPIRE: '90',
      CACHE_ALCHEMY_DEFAULT_LIMIT: '50',
      CACHE_ALCHEMY_DISABLED: '1',
    }
    expect(resolved({}, env)).toMatchObject({ redis: 'redis://127.0.0.1:6379', prefix: 'app', ttl: 90_000, limit: 50, disabled: true })
  })

  test('takes an empty variable for an absent one', () => {
    const env = {
      CACHE_ALCHEMY_REDIS_URL: '',
      CACHE_ALCHEMY_CACHE_KEY_PREFIX: '',
      CACHE_ALCHEMY_DEFAULT_EXPIRE: '',
      CACHE_ALCHEMY_DEFAULT_LIMIT: '',
      CACHE_ALCHEMY_DISABLED: '',
    }
    expect(resolved({}, env)).toEqual({ ...resolved({}), onError: expect.any(Function) })
  })

  test.each([
    ['0', 0],
    ['0.5', 500],
    ['86400', 86_400_000],
    ['-1', Infinity],
  ])('CACHE_ALCHEMY_DEFAULT_EXPIRE=%s is %d milliseconds', (text, ttl) => {
    expect(resolved({}, { CACHE_ALCHEMY_DEFAULT_EXPIRE: text }).ttl).toBe(ttl)
  })

  test.each([
    ['0', 0],
    ['-1', Infinity],
  ])('CACHE_ALCHEMY_DEFAULT_LIMIT=%s is %d entries', (text, limit) => {
    expect(resolved({}, { CACHE_ALCHEMY_DEFAULT_LIMIT: text }).limit).toBe(limit)
  })

  test.each([
    ['1', true],
    ['true', true],
    ['YES', true],
    ['0', false],
    ['false', false],
    ['no', false],
  ])('CACHE_ALCHEMY_DISABLED=%s is %s', (text, disabled) => {
    expect(resolved({}, { CACHE_ALCHEMY_DISABLED: text }).disabled).toBe(disabled)
  })

  test.each([
    [
      'CACHE_ALCHEMY_REDIS_URL',
      'localhost',
      'Expected `CACHE_ALCHEMY_REDIS_URL` to be a URL such as "redis://127.0.0.1:6379", got "localhost".',
    ],
    [
      'CACHE_ALCHEMY_DEFAULT_EXPIRE',
      '1d',
      'Expected CACHE_ALCHEMY_DEFAULT_EXPIRE to be a number of seconds, or -1 for no expiry, got "1d".',
    ],
    [
      'CACHE_ALCHEMY_DEFAULT_EXPIRE',
      '-2',
      'Expected CACHE_ALCHEMY_DEFAULT_EXPIRE to be a number of seconds, or -1 for no expiry, got "-2".',
    ],
    [
      'CACHE_ALCHEMY_DEFAULT_LIMIT',
      '1e3',
      'Expected CACHE_ALCHEMY_DEFAULT_LIMIT to be a whole number of entries, or -1 for no bound, got "1e3".',
    ],
    [
      'CACHE_ALCHEMY_DEFAULT_LIMIT',
      '-2',
      'Expected `CACHE_ALCHEMY_DEFAULT_LIMIT` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got -2.',
    ],
    ['CACHE_ALCHEMY_DISABLED', 'on', 'Expected CACHE_ALCHEMY_DISABLED to be 1 or 0, got "on".'],
  ])('refuses %s=%s', (name, text, message) => {
    expect(() => resolved({}, { [name]: text })).toThrow(new ConfigError(message))
  })
})

describe('an option of a cache', () => {
  test('wins over the environment, false and "" and 0 included', () => {
    const env = {
      CACHE_ALCHEMY_REDIS_URL: 'redis://127.0.0.1:6379',
      CACHE_ALCHEMY_CACHE_KEY_PREFIX: 'app',
      CACHE_ALCHEMY_DEFAULT_EXPIRE: '90',
      CACHE_ALCHEMY_DEFAULT_LIMIT: '50',
    }
    expect(resolved({ redis: false, prefix: '', ttl: 0, limit: 0 }, env)).toMatchObject({ redis: undefined, prefix: '', ttl: 0, limit: 0 })
    expect(resolved({ redis: 'rediss://other:6380/2', ttl: '5m' }, env)).toMatchObject({ redis: 'rediss://other:6380/2', ttl: 300_000 })
  })

  test('ttl and limit are without bound as -1 or Infinity', () => {
    for (const bound of [-1, Infinity]) expect(resolved({ ttl: bound, limit: bound })).toMatchObject({ ttl: Infinity, limit: Infinity })
  })

  test('redis may be a client, which is told by what it can do', () => {
    const client = { duplicate: () => client } as unknown as NonNullable<Exclude<CacheOptions['redis'], string | false>>
    expect(resolved({ redis: client }).redis).toBe(client)
    expect(resolved({ redis: '/run/redis.sock' }).redis).toBe('/run/redis.sock')
  })

  test.each<[string, unknown, string]>([
    ['redis', 'localhost:6379', 'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", got "localhost:6379".'],
    ['redis', 'http://127.0.0.1', 'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", got "http://127.0.0.1".'],
    ['redis', '', 'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", got "".'],
    ['redis', true, 'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", an ioredis client or false, got true.'],
    ['redis', null, 'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", an ioredis client or false, got null.'],
    [
      'redis',
      { host: 'a' },
      'Expected `redis` to be a URL such as "redis://127.0.0.1:6379", an ioredis client or false, got an object (Object).',
    ],
    ['prefix', 5, 'Expected `prefix` to be a string of at most 200 characters, got 5.'],
    ['prefix', 'x'.repeat(201), `Expected \`prefix\` to be a string of at most 200 characters, got "${'x'.repeat(60)}…".`],
    ['ttl', 'soon', 'Expected `ttl` to be a duration such as 5000 or "5m", got "soon".'],
    ['ttl', '60', 'Expected `ttl` to be a duration such as 5000 or "5m", got "60".'],
    ['limit', 1.5, 'Expected `limit` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got 1.5.'],
    ['maxStaleness', 0, 'Expected `maxStaleness` to be more than 0, got 0.'],
    ['maxStaleness', Infinity, 'Expected `maxStaleness` to be a duration such as 5000 or "5m", got Infinity.'],
    ['commandTimeout', '0s', 'Expected `commandTimeout` to be more than 0, got "0s".'],
    ['commandTimeout', -1, 'Expected `commandTimeout` to be a duration such as 5000 or "5m", got -1.'],
    ['onError', 'log', 'Expected `onError` to be a function, got "log".'],
    // What is null is given, and is no default.
    ['prefix', null, 'Expected `prefix` to be a string of at most 200 characters, got null.'],
    ['prefix', 'shop \ud800', 'Expected `prefix` to be a string of at most 200 characters, got "shop \\ud800".'],
    ['ttl', null, 'Expected `ttl` to be a duration such as 5000 or "5m", got null.'],
    ['limit', null, 'Expected `limit` to be a whole number of entries, 0 for none, -1 or Infinity for no bound, got null.'],
    ['maxBytes', null, 'Expected `maxBytes` to be a whole number of bytes, -1 or Infinity for no bound, got null.'],
    ['consistency', null, 'Expected `consistency` to be one of "eventual", "strong", got null.'],
    ['maxStaleness', null, 'Expected `maxStaleness` to be a duration such as 5000 or "5m", got null.'],
    ['commandTimeout', null, 'Expected `commandTimeout` to be a duration such as 5000 or "5m", got null.'],
    ['onError', null, 'Expected `onError` to be a function, got null.'],
  ])('%s is not %o', (name, value, message) => {
    expect(() => resolved({ [name]: value })).toThrow(new ConfigError(message))
  })

  test('that does not exist is refused', () => {
    expect(() => resolved({ timeout: 5 } as CacheOptions)).toThrow(/^createCache has no option `timeout`\. It has: redis, prefix, ttl, /)
    expect(() => resolved(null as unknown as CacheOptions)).toThrow(
      new ConfigError('Expected the options of createCache to be an object, got null.'),
    )
  })

  test('redis keeps its password out of the message when it is wrong', () => {
    for (const url of ['redis:/:s3cret@host', 'http://user:s3cret@host', ':s3cret@host:6379', 'redis://:s3cret@host a/b']) {
      expect(() => resolved({ redis: url })).toThrow(/^(?!.*s3cret).*"…@host/)
      expect(() => resolved({}, { CACHE_ALCHEMY_REDIS_URL: url })).toThrow(/^(?!.*s3cret).*"…@host/)
    }
  })
})

describe('without onError', () => {
  test('each kind of failure is warned of once, with its cause and the way to hear of all', async () => {
    const { onError } = resolved({})
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    try {
      for (let time = 0; time < 3; time++) onError(new StoreError('A read failed.', new Error('ECONNREFUSED')))
      onError(new TimeoutError('Too slow.'))
      while (warnings.length < 2) await once(process, 'warning')
    } finally {
      process.off('warning', listen)
    }
    expect(warnings.map(({ name, message }) => [name, message])).toEqual([
      ['CacheAlchemyWarning', 'A read failed. (ECONNREFUSED) Give `onError` to hear of all of them.'],
      ['CacheAlchemyWarning', 'Too slow. Give `onError` to hear of all of them.'],
    ])
    expect(warnings).toMatchObject([{ code: 'STORE' }, { code: 'TIMEOUT' }])
  })
})
