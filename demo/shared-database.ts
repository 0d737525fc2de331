// One database for several processes.

import type { Running } from './redis.ts'
import { embedded, load, newPostgres, openDatabase } from './database.ts'

// Each process has a pool of four; the embedded Postgres answers one query at a time, however many ask.
const connections = 16

/** The Postgres server at `url`, or an embedded one that listens on a free port, with the films in it. */
export async function shareDatabase(url?: string): Promise<Running> {
  if (url !== undefined) {
    await (await openDatabase(url)).close()
    return { url, close: async () => {} }
  }
  const { PGLiteSocketServer } = await import('@electric-sql/pglite-socket')
  const postgres = await newPostgres()
  await load(embedded(postgres))
  const server = new PGLiteSocketServer({ db: postgres, host: '127.0.0.1', port: 0, maxConnections: connections })
  await server.start()
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    close: async () => {
      await server.stop()
      await postgres.close()
    },
  }
}
