// Knows how long responses take that are asked for when it is time to, while clears go on: the application's way, over Express.
import { endingAll, start, type Child } from './child.ts'
import { KEPT, QUIET, type ClearRates } from './clear-rates.ts'
import { filmAt, jsonOf } from './films.ts'
import type { Loaded } from './load.ts'
import type { OpenLoad } from './open-load.ts'
import type { Percentiles } from './percentiles.ts'

/** An Express application, and the clears that it is busy with. */
export interface LatencyCase {
  readonly app: string
  readonly clears: ClearRates
}

export interface LatencyOptions {
  readonly rounds: number
  readonly seconds: number
}

/** What each took in each round, at half of what the slowest of them can serve. */
export async function latencies(
  cases: readonly LatencyCase[],
  { rounds, seconds }: LatencyOptions,
): Promise<{ readonly perSecond: number; readonly rounds: readonly (readonly Percentiles[])[] }> {
  const servers = cases.map(({ app }) => start(new URL('http-server.ts', import.meta.url), ['express', app]))
  await using _servers = endingAll(servers)
  await using load = start(new URL('open-load.ts', import.meta.url))
  const ports: number[] = []
  for (const server of servers) ports.push(await filled(server))
  let slowest = Number.POSITIVE_INFINITY
  for (const port of ports) slowest = Math.min(slowest, await saturation(port))
  const perSecond = halfOf(slowest)
  const taken: Percentiles[][] = cases.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < cases.length; turn++) {
      const index = (turn + round + 1) % cases.length
      await servers[index]!.ask('clears', cases[index]!.clears)
      const asked: OpenLoad = { port: ports[index]!, perSecond, seconds, seed: round + 2 }
      const took = await load.ask<Percentiles>('open', asked)
      await servers[index]!.ask('clears', QUIET)
      if (round >= 0) taken[index]!.push(took)
    }
  }
  return { perSecond, rounds: taken }
}

/** Half of what can be done in a second: so much that a stall is felt, and so little that it is caught up with. */
export function halfOf(saturation: number): number {
  return Number((saturation / 2).toPrecision(2))
}

/** Asks for every document once, which has to be right. */
async function filled(server: Child): Promise<number> {
  const port = await server.ask<number>('port')
  for (let index = 0; index < KEPT; index++) {
    const reply = await fetch(`http://127.0.0.1:${port}/films/${filmAt(index)}`)
    if ((await reply.text()) !== jsonOf(filmAt(index))) throw new Error(`A wrong answer for ${filmAt(index)}`)
  }
  return port
}

/** Requests a second at most. */
async function saturation(port: number): Promise<number> {
  await using load = start(new URL('load.ts', import.meta.url))
  const asked = { url: `http://127.0.0.1:${port}/films/${filmAt(0)}`, headers: {}, status: 200 }
  await load.ask<Loaded>('load', { ...asked, seconds: 1.5 })
  const { requests, seconds } = await load.ask<Loaded>('load', { ...asked, seconds: 1 })
  return requests / seconds
}
