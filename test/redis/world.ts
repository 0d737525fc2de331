// One server for the tests of a file, and a log of its own for each of them.
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { dateScript } from '../../src/redis/entry-scripts.ts'
import { appendScript, questionScript } from '../../src/redis/log-scripts.ts'
import { commandsDuring } from '../support/monitor.ts'
import {
  mutedUrl,
  newListening,
  newPrefix,
  newProcess,
  newServer,
  type ProcessOptions,
  type TestProcess,
  type TestServer,
} from './process.ts'

export interface World {
  readonly server: TestServer
  readonly plain: Redis
  readonly prefix: string
  /** A process with this URL appends without being heard: its messages are lost. */
  readonly muted: string
  logKey(): string
  channel(): string
  /** A process that knows the log and hears the channel. */
  readonly heard: (options?: Partial<ProcessOptions>) => Promise<TestProcess>
  /** A process whose clears nobody hears, and that asks only when it is told to. */
  readonly unheard: (options?: Partial<ProcessOptions>) => TestProcess
  /** The members that the sorted set keeps one by one, with their epochs. */
  readonly records: () => Promise<Array<[member: string, epoch: number]>>
  /** The names of all commands that the server runs meanwhile, also those inside scripts. */
  commandsDuring(work: () => Promise<unknown>): Promise<string[]>
}

/** To be called once in a file. */
export function newWorld(): World {
  let server: TestServer
  let muted: string
  let prefix: string
  beforeAll(async () => {
    server = await newServer(['--enable-debug-command', 'local'])
    muted = await mutedUrl(server)
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    prefix = newPrefix()
    // So that each script is one command, in whatever order the tests run, and an entry is dated as soon as it is there.
    for (const { text } of [appendScript, questionScript, dateScript]) await server.plain.script('LOAD', text)
  })
  const logKey = () => `{${encodeURIComponent(prefix)}:log}`
  return {
    get server() {
      return server
    },
    get plain() {
      return server.plain
    },
    get prefix() {
      return prefix
    },
    get muted() {
      return muted
    },
    logKey,
    channel: () => `${logKey()}@0`,
    heard: (options) => newListening({ redis: server.url, prefix, ...options }),
    unheard: (options) => newProcess({ redis: muted, prefix, ...options }),
    async records() {
      const list = await server.plain.zrangebyscore(logKey(), '(0', '+inf', 'WITHSCORES')
      return list.flatMap((member, index) => (index % 2 === 0 ? [[member, Number(list[index + 1])] as [string, number]] : []))
    },
    commandsDuring: (work) => commandsDuring([server.port], work),
  }
}
