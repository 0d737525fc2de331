// Knows what a hit in memory costs where Redis stands behind it, beside one where nothing does.
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { Redis } from 'ioredis'
import { createNotificationPair, Loader, RedisCache } from 'layered-loader'
import { createCache } from '../dist/src/index.js'
import { asyncLoop } from './loops.ts'
import { clientOf, ownOf } from './own.ts'
import { measure, ratio, timingOf, type Case } from './rounds.ts'
import { checkHits, hitting, LIMIT, newSource, TTL, valueOf, type Asked, type Source, type Value } from './source.ts'
import { atLeast, OWN, rates, type Table, type Target } from './suite.ts'

const MEMORY = `${OWN}, memory`
const TIERED = `${OWN}, tiered`

export async function besideMemory(port: number): Promise<{ readonly table: Table; readonly targets: Target[] }> {
  const timings = await measure([
    hits(MEMORY, (source) => ownOf(source)),
    hits(TIERED, (source) => ownOf(source, createCache({ redis: clientOf(port), prefix: 'tiered' }))),
    hits('layered-loader, tiered', (source) => layered(source, port)),
    hits('bentocache, tiered', (source) => bento(source, port)),
  ])
  const reached = ratio(timingOf(MEMORY, timings), timingOf(TIERED, timings))
  return {
    table: rates('In memory before Redis, one caller', timings, MEMORY),
    targets: [atLeast('hit in tiered mode, beside memory', 0.9, reached)],
  }
}

const asked: Asked<string> = { keys: Array.from({ length: 256 }, (_, index) => `id-${index}`), expected: valueOf }

function hits(name: string, open: (source: Source) => (id: string) => Promise<unknown>): Case {
  const source = newSource()
  const call = open(source)
  return { name, check: () => checkHits(call, asked, source), run: hitting(asyncLoop(call, asked.keys), source) }
}

function layered({ load }: Source, port: number): (id: string) => Promise<unknown> {
  const { publisher, consumer } = createNotificationPair<Value>({
    channel: 'll',
    publisherRedis: new Redis(port),
    consumerRedis: new Redis(port),
  })
  const loader = new Loader<Value>({
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: TTL, maxItems: LIMIT },
    asyncCache: new RedisCache<Value>(new Redis(port), { json: true, ttlInMsecs: TTL, prefix: 'tiered-ll' }),
    notificationPublisher: publisher,
    notificationConsumer: consumer,
    dataSourceGetOneFn: load,
  })
  return (id) => loader.get(id)
}

function bento({ load }: Source, port: number): (id: string) => Promise<unknown> {
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: LIMIT, serialize: false }))
    .useL2Layer(redisDriver({ connection: new Redis(port) }))
    .useBus(redisBusDriver({ connection: { host: '127.0.0.1', port } }))
  const cache = new BentoCache({ default: 'tiered', prefix: 'tiered-bento', stores: { tiered: store } })
  return (id) => cache.getOrSet({ key: id, ttl: TTL, factory: () => load(id) })
}
