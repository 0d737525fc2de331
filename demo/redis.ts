// A Redis server of the demo's own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { pathOf } from '../scripts/program.ts'
import { SetupError } from './ending.ts'

const ATTEMPTS = 3

/** Something that runs at a URL until it is closed. */
export interface Running {
  readonly url: string
  close(): Promise<void>
}

/** Starts a Redis server on a free port. It keeps nothing on disk. */
export async function startRedis(): Promise<Running> {
  const path = pathOf('redis-server')
  if (path === undefined) throw new SetupError(absent)
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await freePort(), path)
    } catch (error) {
      // Somebody may take the port before the server does.
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function startOn(port: number, path: string): Promise<Running> {
  const command = [path, '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  // The shell becomes the server and leaves a watcher, which ends it when this process's end of the pipe closes: however this process
  // ends. In a session of its own it does not hear Ctrl-C, so it is still there while those who use it close.
  const watched = 'exec 3<&0; (cat <&3; kill $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'
  const server = spawn('sh', ['-c', watched, 'sh', ...command], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  await ready(server)
  return {
    url: `redis://127.0.0.1:${port}`,
    close: async () => {
      const exit = once(server, 'exit')
      server.stdin.end()
      await exit
    },
  }
}

const absent = `Two processes share their cache through Redis, and there is no redis-server here. Get one:
  Debian, Ubuntu: apt-get install redis-server
  macOS:          brew install redis
or name one that runs, such as this one in Docker:
  docker run --rm -p 6379:6379 redis
  REDIS_URL=redis://localhost:6379 npm run demo:two`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function ready(server: ChildProcess): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('Ready to accept connections')) resolve()
    })
    server.once('exit', () => {
      server.stdin?.end()
      reject(new Error(`redis-server did not start:\n${said}`))
    })
  })
}
