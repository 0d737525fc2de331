// What one process has of the shared log, without the engine around it: as many as a test needs, all in this one.
import { Redis } from 'ioredis'
import { onTestFinished, vi } from 'vitest'
import { ClearLog, type RecordKind } from '../../src/clear-log.ts'
import type { CacheError } from '../../src/errors.ts'
import { keyOf } from '../../src/key.ts'
import { RedisConnection } from '../../src/redis/connection.ts'
import { RedisEntries } from '../../src/redis/entries.ts'
import { SharedLog, type SharedLogOptions } from '../../src/redis/log.ts'
import { callRef, patternRef, type Ref } from '../../src/ref.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'

export interface TestProcess {
  readonly connection: RedisConnection
  readonly log: ClearLog
  readonly shared: SharedLog
  readonly entries: RedisEntries
  readonly clock: Clock
  readonly errors: CacheError[]
  /** Records here, and appends to the shared log. */
  clear(...refs: Ref[]): Promise<void>
  expire(...refs: Ref[]): Promise<void>
  /** Whether a result of this call that was loaded here at `since` was cleared since then. */
  isCleared(ref: Ref, since: number): boolean
  close(): Promise<void>
}

export interface ProcessOptions extends Partial<SharedLogOptions> {
  readonly redis: string | Redis
  readonly commandTimeout?: number
  /** How many records it keeps one by one. */
  readonly records?: number
}

let prefixes = 0

/** A prefix that no other test has. */
export function newPrefix(): string {
  return `test ${++prefixes}`
}

/** A process that asks only when it is told to. It is closed when the test ends. */
export function newProcess({ redis, commandTimeout = 10_000, records = 10_000, ...options }: ProcessOptions): TestProcess {
  const clock = newClock()
  const errors: CacheError[] = []
  const onError = (error: CacheError) => void errors.push(error)
  const connection = new RedisConnection({ redis, commandTimeout, clock: clock.now, onError })
  const log = new ClearLog(records)
  const given = { connection, log, clock: clock.now, onError, maxStaleness: Infinity, retention: () => 60_000, prefix: 'test' }
  const shared = new SharedLog({ ...given, ...options })
  const entries = new RedisEntries({ connection, prefix: options.prefix ?? 'test' })
  const record = (kind: RecordKind, refs: readonly Ref[]) => shared.append(refs.map((ref) => log.append(kind, ref, clock.now(), true)))
  const close = async () => {
    await shared.close()
    await connection.close()
  }
  onTestFinished(close)
  return {
    connection,
    log,
    shared,
    entries,
    clock,
    errors,
    close,
    clear: (...refs) => record('clear', refs),
    expire: (...refs) => record('expire', refs),
    isCleared: (ref, since) => log.clearedSince([ref], since),
  }
}

/** A process that knows the log and hears the channel. */
export async function newListening(options: ProcessOptions): Promise<TestProcess> {
  const process = newProcess(options)
  await until(() => process.connection.isListening)
  // It asks by itself when it hears: that is behind it then.
  await process.shared.ask()
  return process
}

/** A server for a file's tests, and a plain client of it. */
export interface TestServer extends RedisServer {
  readonly plain: Redis
}

export async function newServer(args: readonly string[] = []): Promise<TestServer> {
  const server = await startRedis({ args })
  const plain = new Redis(server.url)
  plain.on('error', () => undefined)
  const stop = async (): Promise<void> => {
    plain.disconnect()
    await server.kill()
  }
  return Object.assign(server, { plain, stop })
}

/** A URL of a user whose messages nobody hears: its rights do not reach the channel. */
export async function mutedUrl({ plain, port }: TestServer): Promise<string> {
  await plain.call('ACL', 'SETUSER', 'muted', 'on', '>secret', '~*', '+@all', 'resetchannels')
  return `redis://muted:secret@127.0.0.1:${port}`
}

/** A call of a function, and the pattern that clears it. */
export function callOf(name: string, ...args: unknown[]): Ref {
  return callRef(name, args, keyOf(args))
}

export function patternOf(name: string, ...args: unknown[]): Ref {
  return patternRef(name, args)
}

/** Resolves when it is so; a test that waits for what never comes fails. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await isSo())) throw new Error(`Never was so: ${isSo.toString()}`)
    },
    { timeout: 15_000, interval: 2 },
  )
}
