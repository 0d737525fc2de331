// One process of the demo: a database, a cache, and two doors to them.

import { createServer, type RequestListener, type Server } from 'node:http'
import { createCache, type Cache } from '../src/index.ts'
import { editionOf, openDatabase } from './database.ts'
import type { Demo } from './demo.ts'
import { doorsOf } from './doors.ts'
import { SetupError } from './ending.ts'
import { expressDemo } from './express.ts'
import { newFilms } from './films.ts'
import { koaDemo } from './koa.ts'
import { readPage } from './page.ts'

/** Where a process of the demo serves, and from what. */
export interface ServeOptions {
  /** Express here, Koa on the next port. */
  readonly port: number
  /** The ports of all processes of this demo. Default: of this one only. */
  readonly ports?: readonly number[]
  /** A Postgres server. Default: an embedded one. */
  readonly databaseUrl?: string | undefined
  /** Default: the cache lives in this process. */
  readonly redisUrl?: string | undefined
}

/** A process that serves. */
export interface Serving {
  readonly cache: Cache
  close(): Promise<void>
}

/** Opens the database and the cache, and both doors. */
export async function serve({ port, ports = [port], databaseUrl, redisUrl }: ServeOptions): Promise<Serving> {
  const database = await openDatabase(databaseUrl)
  const cache = createCache({
    redis: redisUrl ?? false,
    // An embedded database is another one each time, and Redis remembers the last.
    prefix: `film-demo:${await editionOf(database)}:`,
    ttl: '1h',
    onError: (error) => console.error(`The cache: ${error.message}`),
  })
  const demo: Demo = { cache, films: newFilms(cache, database), page: await readPage(), doors: doorsOf(ports) }
  const servers: Server[] = []

  async function close(): Promise<void> {
    await Promise.all(servers.map(shut))
    await cache.close()
    await database.close()
  }

  try {
    servers.push(await open(expressDemo(demo), port))
    servers.push(await open(koaDemo(demo).callback(), port + 1))
  } catch (error) {
    await close()
    throw error
  }
  return { cache, close }
}

function open(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer(listener)
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject('code' in error && error.code === 'EADDRINUSE' ? new SetupError(taken(port)) : error))
    server.listen(port, () => resolve(server))
  })
}

function taken(port: number): string {
  return `Port ${port} is taken. Say where else the demo may begin: PORT=4000 npm run demo`
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
