// What is checked: functions and routes on one cache, which read the truth slowly.
import { once } from 'node:events'
import { Agent, createServer, request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { Cluster, Redis } from 'ioredis'
import Koa from 'koa'
import { cached, front, invalidates } from '../../middleware/express.ts'
import { cached as cachedInKoa } from '../../middleware/koa.ts'
import { createCache, type Cache, type Ref } from '../../src/index.ts'
import type { ReadKind, Written } from './history.ts'
import type { Counts, Target, WorkerOptions } from './orders.ts'
import type { Random } from './random.ts'
import { newTruthClient, type TruthClient } from './truth.ts'

export interface Subject {
  readonly cache: Cache
  readonly truth: TruthClient
  counts(): Counts
  /** What all other kinds are computed from. */
  rowRef(key: string): Ref
  read(kind: ReadKind, key: string, other: string): Promise<readonly Written[]>
  clear(key: string): Promise<void>
  /** Writes and clears by a request. Rejects where the clear was not confirmed, and tells what it wrote in either case. */
  post(key: string): Promise<{ wrote: readonly Written[]; isAcked: boolean }>
  /** How long each part of a load takes from here on, at the longest; and how often it takes far longer. */
  pace(load: number, slow: number): void
}

interface Row {
  readonly key: string
  readonly version: number
}

const agent = new Agent({ keepAlive: true })

export async function newSubject(options: WorkerOptions, random: Random, onError: (error: Error) => void): Promise<Subject> {
  const { consistency, maxStaleness, commandTimeout } = options
  const cache = createCache({
    redis: redisOf(options.redis),
    prefix: 'history',
    consistency,
    maxStaleness,
    commandTimeout,
    onError: () => undefined,
  })
  const truth = newTruthClient(options.truth)
  let pace = { load: 0, slow: 0 }
  const step = (): Promise<void> => sleep(random.chance(pace.slow) ? 2 * maxStaleness * random() : pace.load * random())

  const row = cache.memoize(
    async (key: string): Promise<Row> => {
      await step()
      const version = await truth.read(key)
      await step()
      return { key, version }
    },
    { name: 'row' },
  )
  const page = cache.memoize(
    async (key: string): Promise<Row[]> => {
      await step()
      const seen = await row(key)
      await step()
      return [seen]
    },
    { name: 'page' },
  )
  const list = cache.memoize(
    async (...keys: string[]): Promise<Row[]> => {
      await step()
      const seen = await row.many(keys.map((key): [string] => [key]))
      await step()
      return seen
    },
    { name: 'list' },
  )
  // What it depends on shows only when all has been read.
  const late = cache.memoize(
    async (key: string): Promise<Row> => {
      await step()
      const version = await truth.read(key)
      await step()
      cache.track(row.ref(key))
      return { key, version }
    },
    { name: 'late' },
  )
  const swr = cache.memoize(
    async (key: string): Promise<Row> => {
      await step()
      const seen = await row(key)
      await step()
      return seen
    },
    { name: 'swr', ttl: 100, staleWhileRevalidate: '10m' },
  )

  const posted = new Map<string, number>()
  const app = express()
  app.get('/rows/:key', cached(cache, { ttl: '10m' }), async (req, res) => {
    await step()
    res.json([await row(req.params.key)])
  })
  app.post(
    '/rows/:key/:id',
    invalidates(row, (req) => [req.params['key']], { onUnconfirmed: 'fail' }),
    async (req, res) => {
      posted.set(req.params.id, await truth.write(req.params.key))
      res.end()
    },
  )
  const fronted = express()
  // What is around the route has read of the cache too.
  fronted.use(async (req, res, next) => {
    res.set('X-Late', JSON.stringify(await late(decodeURIComponent(req.path.slice('/fronts/'.length)))))
    next()
  })
  fronted.get('/fronts/:key', cached(cache, { path: '/fronts/:key', ttl: '10m', front: true }), async (req, res) => {
    await step()
    res.json([await row(req.params.key)])
  })
  const koa = new Koa()
  koa.use(cachedInKoa(cache, { path: '/pages/:key', ttl: '10m' }))
  koa.use(async (ctx) => {
    await step()
    ctx.body = await page(decodeURIComponent(ctx.path.slice('/pages/'.length)))
  })
  koa.on('error', onError)
  const ports = { express: await listen(app), koa: await listen(koa.callback()), front: await listen(front(cache, fronted)) }

  const over = async (port: number, path: string): Promise<Row[]> => {
    const { status, text, late: around } = await ask(port, path, 'GET')
    if (status !== 200) throw new Error(`GET ${path} was answered by ${status}: ${text}`)
    return [...(JSON.parse(text) as Row[]), ...(around === undefined ? [] : [JSON.parse(around) as Row])]
  }
  const readers: Readonly<Record<ReadKind, (key: string, other: string) => Promise<Row[]>>> = {
    row: async (key) => [await row(key)],
    page: (key) => page(key),
    list: (key, other) => list(key, other),
    late: async (key) => [await late(key)],
    swr: async (key) => [await swr(key)],
    peek: async (key) => [await row.peek(key)].filter((seen) => seen !== undefined),
    express: (key) => over(ports.express, `/rows/${key}`),
    koa: (key) => over(ports.koa, `/pages/${key}`),
    front: (key) => over(ports.front, `/fronts/${key}`),
  }
  let posts = 0
  return {
    cache,
    truth,
    counts: () => countsOf(cache),
    rowRef: (key) => row.ref(key),
    read: async (kind, key, other) => (await readers[kind](key, other)).map((one): Written => [one.key, one.version]),
    clear: (key) => row.clear(key),
    async post(key) {
      const id = `${++posts}`
      const { status, text } = await ask(ports.express, `/rows/${key}/${id}`, 'POST')
      const version = posted.get(id)
      if (version === undefined || (status !== 200 && status !== 503)) throw new Error(`A mutation was answered by ${status}: ${text}`)
      return { wrote: [[key, version]], isAcked: status === 200 }
    },
    pace(load, slow) {
      pace = { load, slow }
    },
  }
}

/** The settings of a client, which the cache makes its own connections after. */
function redisOf(target: Target): string | Redis | Cluster {
  if ('url' in target) return target.url
  return 'cluster' in target ? new Cluster(target.cluster, { lazyConnect: true }) : new Redis({ ...target.sentinels, lazyConnect: true })
}

function countsOf(cache: Cache): Counts {
  const functions = Object.entries(cache.stats().functions)
  return Object.fromEntries(functions.map(([name, { hits, staleHits, misses }]) => [name, { hits: hits + staleHits, misses }]))
}

async function listen(listener: RequestListener): Promise<number> {
  // Idle connections stay open: one that is closed while a request is on its way would look like a reader that was failed.
  const server = createServer({ keepAliveTimeout: 0 }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function ask(port: number, path: string, method: string): Promise<{ status: number; text: string; late?: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent }, (res) => {
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => (text += chunk))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text, late: res.headers['x-late'] as string | undefined }))
      res.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}
