// Knows how servers are asked for the same in turn, round by round, and what they had to give before that.
import { startRedis } from '../test/support/redis.ts'
import { endingAll, start, type Child } from './child.ts'
import { jsonOf } from './films.ts'
import type { Usage } from './http-server.ts'
import type { Load, Loaded } from './load.ts'
import type { Timing } from './rounds.ts'
import { OWN } from './suite.ts'

/** Servers that are asked for the same. */
export interface Comparison {
  readonly name: string
  /** The id of the film, which says how many bytes are served. */
  readonly id: string
  /** Answers are 304, to requests with the tag that came first. */
  readonly isConditional?: true
  /** `<framework>/<application>`; the first is the one that others are compared to. */
  readonly servers: readonly string[]
}

/** What a server did. */
export interface Served {
  readonly server: string
  /** A request's part of the time. */
  readonly time: Timing
  /** A request's part of the processor's time that the server's process took. */
  readonly cpu: Timing
  /** The part of the time in which its event loop had work, by round. */
  readonly busy: readonly number[]
}

export interface HttpRounds {
  /** @default 9 */
  readonly rounds?: number
  /** How long a server is asked in a round. @default 0.7 */
  readonly seconds?: number
  /** How often the servers are started afresh: what a process happens to be compiled to is no property of what it serves. @default 3 */
  readonly starts?: number
}

/** Each server is a process of its own, idle when it is not its turn; so is the one that asks. The order is rotated by one each round. */
export async function compare(comparison: Comparison, { rounds = 9, seconds = 0.7, starts = 3 }: HttpRounds = {}): Promise<Served[]> {
  const all = comparison.servers.map((server) => ({ server, time: [] as number[], cpu: [] as number[], busy: [] as number[] }))
  await using redis = await startRedis()
  for (let block = 0; block < starts; block++) {
    await using load = start(new URL('load.ts', import.meta.url))
    const servers = comparison.servers.map((server) => serverOf(server, redis.port))
    await using _servers = endingAll(servers)
    const asked: Load[] = []
    for (const [index, server] of servers.entries()) asked.push(await prepare(comparison, comparison.servers[index]!, server, load))
    for (let round = block; round < rounds; round += starts) {
      for (let turn = 0; turn < all.length; turn++) {
        const index = (turn + round) % all.length
        const { time, cpu, busy } = await take(servers[index]!, load, { ...asked[index]!, seconds })
        all[index]!.time.push(time)
        all[index]!.cpu.push(cpu)
        all[index]!.busy.push(busy)
      }
    }
  }
  return all.map(({ server, time, cpu, busy }) => ({ server, time: timing(server, time), cpu: timing(server, cpu), busy }))
}

function timing(server: string, rounds: readonly number[]): Timing {
  return { name: nameOf(server), rounds }
}

function nameOf(server: string): string {
  return server.slice(server.indexOf('/') + 1)
}

function serverOf(server: string, redisPort: number): Child {
  return start(new URL('http-server.ts', import.meta.url), [server.slice(0, server.indexOf('/')), nameOf(server), `${redisPort}`])
}

/** Asks for the right answer, which has to be a hit from the second time on, until the server is warm. */
async function prepare({ id, isConditional }: Comparison, name: string, server: Child, load: Child): Promise<Load> {
  const url = `http://127.0.0.1:${await server.ask<number>('port')}/films/${id}`
  const first = await fetch(url)
  const body = await first.text()
  if (first.status !== 200 || body !== jsonOf(id)) throw new Error(`${name} gave a wrong answer: ${first.status} ${body}`)
  if (nameOf(name).startsWith(OWN)) await checkHit(url)
  const headers: Record<string, string> = isConditional ? { 'if-none-match': first.headers.get('etag')! } : {}
  const asked: Load = { url, headers, seconds: 0.8, status: isConditional ? 304 : 200 }
  await load.ask<Loaded>('load', isConditional ? asked : { ...asked, body })
  await load.ask<Loaded>('load', asked)
  const { runs } = await server.ask<Usage>('usage')
  if (runs > 1) throw new Error(`The handler behind ${name} ran ${runs} times.`)
  return asked
}

async function checkHit(url: string): Promise<void> {
  const second = await fetch(url)
  await second.text()
  const status = second.headers.get('cache-status') ?? ''
  if (!status.includes(';hit')) throw new Error(`Not a hit: ${status}`)
}

interface Taken {
  readonly time: number
  readonly cpu: number
  readonly busy: number
}

async function take(server: Child, load: Child, asked: Load): Promise<Taken> {
  const before = await server.ask<Usage>('usage')
  const { requests, seconds } = await load.ask<Loaded>('load', asked)
  const after = await server.ask<Usage>('usage')
  if (after.runs !== before.runs) throw new Error(`A handler ran behind a cache, at ${asked.url}`)
  const milliseconds = seconds * 1000
  return { time: milliseconds / requests, cpu: (after.cpu - before.cpu) / requests, busy: (after.busy - before.busy) / milliseconds }
}
