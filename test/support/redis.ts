// A real Redis server of a test's own: started on a free port, stopped by its process id, gone when the test process is.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { pathOf, redisImage } from '../../scripts/program.ts'
import { newPorts } from './ports.ts'

export interface RedisOptions {
  /** Further arguments of `redis-server`, such as `['--maxmemory', '4mb']`; what is known only with the port, by a function of it. */
  readonly args?: readonly string[] | ((port: number) => readonly string[])
  /** What it says once it can be talked to. */
  readonly isReady?: string
}

export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Of the running server (in Docker: of its client). Another one after `restart`. */
  readonly pid: number
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void
  resume(): void
  /** Ends it as a crash would; `restart` brings it back. */
  kill(): Promise<void>
  /** Ends it if it runs, and starts it on the same port. It keeps nothing on disk: what was in it is lost. */
  restart(): Promise<void>
  /** Ends it for good, paused or not. */
  stop(): Promise<void>
}

/** Starts a server on a free port of 127.0.0.1 that keeps nothing on disk. Resolves once it answers PING. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { port, ...first } = await startSomewhere(options)
  let server = first.server
  const kill = () => server.end()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server.pid
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill,
    async restart() {
      await kill()
      server = await startOn(port, options)
    },
    stop: kill,
    [Symbol.asyncDispose]: kill,
  }
}

// A replica would leave what it got in the working folder, for the next server that is started there.
const nothingOnDisk = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync', 'yes', '--repl-diskless-load', 'swapdb']

interface Running {
  readonly pid: number
  pause(): void
  resume(): void
  end(): Promise<void>
}

async function startSomewhere(options: RedisOptions): Promise<{ port: number; server: Running }> {
  for (let attempt = 1; ; attempt++) {
    // The next one is that of its bus, where it is a Cluster's.
    const port = newPorts(2)
    try {
      return { port, server: await startOn(port, options) }
    } catch (error) {
      if (attempt === 10) throw error
    }
  }
}

async function startOn(port: number, { args = [], isReady = 'Ready to accept connections' }: RedisOptions): Promise<Running> {
  const { command, args: own, end, signal } = howToRun(port)
  // The shell becomes the server, and leaves behind a watcher of the pipe from this process: it closes however this process ends.
  const script = `exec 3<&0; (cat <&3; ${end}) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null`
  const all = typeof args === 'function' ? args(port) : args
  // A file of settings comes first; what follows counts more.
  const at = all[0]?.startsWith('--') === false ? 1 : 0
  const config = [...all.slice(0, at), ...own, '--port', `${port}`, ...nothingOnDisk, ...all.slice(at)]
  const child = spawn('/bin/sh', ['-c', script, 'redis', ...command, ...config], { stdio: 'pipe', detached: true })
  const exited = once(child, 'exit')
  await started(child, port, isReady)
  return {
    pid: child.pid!,
    pause: () => signal.pause(child),
    resume: () => signal.resume(child),
    async end() {
      child.stdin.end()
      await exited
    },
  }
}

interface Way {
  readonly command: readonly string[]
  readonly args: readonly string[]
  /** The shell command that ends the server; in it, `$$` is the id of the process that started as the shell. */
  readonly end: string
  readonly signal: { pause(child: ChildProcess): void; resume(child: ChildProcess): void }
}

function howToRun(port: number): Way {
  const path = pathOf('redis-server')
  if (path !== undefined) {
    return {
      command: [path],
      args: ['--bind', '127.0.0.1'],
      end: 'kill -KILL $$',
      signal: { pause: (child) => child.kill('SIGSTOP'), resume: (child) => child.kill('SIGCONT') },
    }
  }
  const image = redisImage()
  if (image === undefined) throw new Error('These tests need a redis-server. `npm test` installs one, or says how to get it.')
  return inDocker(image, port)
}

function inDocker(image: string, port: number): Way {
  const name = `cache-alchemy-test-${randomBytes(6).toString('hex')}`
  const docker = (verb: string) => void spawnSync('docker', [verb, name], { stdio: 'ignore' })
  return {
    command: ['docker', 'run', '--rm', '--name', name, '-p', `127.0.0.1:${port}:${port}`, image, 'redis-server'],
    args: ['--protected-mode', 'no'],
    end: `docker rm --force ${name}; kill -KILL $$`,
    signal: { pause: () => docker('pause'), resume: () => docker('unpause') },
  }
}

/** Resolves when the server says that it is ready and answers; rejects with what it said when it ends instead, as on a port that is taken. */
function started(child: ChildProcess, port: number, isReady: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    let asked = false
    const listen = (chunk: Buffer) => {
      if (asked) return
      said += chunk.toString()
      asked = said.includes(isReady)
      if (asked) ping(port).then(resolve, reject)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.on('error', reject)
    child.on('exit', () => {
      child.stdin?.end()
      reject(new Error(`redis-server did not start on port ${port}:\n${said}`))
    })
  })
}

async function ping(port: number): Promise<void> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write('PING\r\n')
  const answer = String(await once(socket, 'data'))
  socket.destroy()
  if (!answer.startsWith('+PONG')) throw new Error(`Expected +PONG on port ${port}, got ${answer}`)
}
