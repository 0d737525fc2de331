// Knows the HTTP comparisons: which servers are asked for what, and what came of it, round by round.
import { pathToFileURL } from 'node:url'
import { start, type Child } from './child.ts'
import { jsonOf } from './films.ts'
import type { Usage } from './http-server.ts'
import type { Load, Loaded } from './load.ts'
import { median } from './rounds.ts'

/** Servers that are asked for the same, in turn. */
export interface Comparison {
  readonly name: string
  /** The id of the film: how many bytes are served. */
  readonly id: string
  /** Answers are 304, to requests with the tag that came first. */
  readonly conditional?: true
  /** `<framework> <application>`, the limit first. */
  readonly servers: readonly string[]
}

/** What one server did, by round. */
export interface Served {
  readonly server: string
  readonly requestsPerSecond: number[]
  /** Of the server's process. */
  readonly cpuMicrosecondsPerRequest: number[]
  /** The part of the time in which the server's event loop had work. */
  readonly busy: number[]
}

const express = ['constant', 'ours', 'apicache', 'route-cache', 'ocache', 'json', 'bare constant'].map((name) => `express ${name}`)
const koa = ['bare constant', 'ours', 'koa-cash', 'json', 'constant'].map((name) => `koa ${name}`)
const node = ['node constant', 'express constant without AsyncLocalStorage']
const KB = '1024'

export const comparisons: readonly Comparison[] = [
  { name: 'express 1 KB', id: KB, servers: [...express, ...node] },
  { name: 'express 100 KB', id: `${100 * 1024}`, servers: [...express, ...node] },
  { name: 'express 304', id: KB, conditional: true, servers: ['express send', 'express ours', 'express ocache'] },
  { name: 'koa 1 KB', id: KB, servers: koa },
  { name: 'koa 100 KB', id: `${100 * 1024}`, servers: koa },
  { name: 'koa 304', id: KB, conditional: true, servers: ['koa fresh', 'koa ours', 'koa koa-cash'] },
]

export interface HttpOptions {
  /** @default 9 */
  readonly rounds?: number
  /** How long a server is asked in a round. @default 1.2 */
  readonly seconds?: number
  /** How often the servers are started afresh: what a process happens to be compiled to is no property of what it serves. @default 3 */
  readonly starts?: number
}

/** Each server is a process of its own, which is idle when it is not its turn; so is the one that asks. */
export async function compare(comparison: Comparison, { rounds = 9, seconds = 1.2, starts = 3 }: HttpOptions = {}): Promise<Served[]> {
  const all = comparison.servers.map((server): Served => ({ server, requestsPerSecond: [], cpuMicrosecondsPerRequest: [], busy: [] }))
  for (let block = 0; block < starts; block++) {
    await using load = ending([start(new URL('load.ts', import.meta.url))])
    await using servers = ending(comparison.servers.map((server) => serverOf(server)))
    const loads: Load[] = []
    for (const server of servers.children) loads.push(await prepare(server, load.children[0]!, comparison))
    for (let round = block; round < rounds; round += starts) {
      for (let turn = 0; turn < all.length; turn++) {
        const index = (turn + round) % all.length
        await take(servers.children[index]!, load.children[0]!, { ...loads[index]!, seconds }, all[index]!)
      }
    }
  }
  return all
}

function serverOf(server: string): Child {
  const [framework, ...name] = server.split(' ')
  return start(new URL('http-server.ts', import.meta.url), [framework!, name.join(' ')])
}

function ending(children: readonly Child[]): { children: readonly Child[] } & AsyncDisposable {
  return { children, [Symbol.asyncDispose]: async () => void (await Promise.all(children.map((child) => child.end()))) }
}

/** Looks whether the server gives right answers, hits where it has a cache, and asks it until it is warm. */
async function prepare(server: Child, load: Child, { id, conditional }: Comparison): Promise<Load> {
  const url = `http://127.0.0.1:${await server.ask<number>('port')}/films/${id}`
  const first = await fetch(url)
  const body = await first.text()
  if (first.status !== 200 || body !== jsonOf(id)) throw new Error(`${url} is not right: ${first.status} ${body}`)
  const headers: Record<string, string> = conditional ? { 'if-none-match': first.headers.get('etag')! } : {}
  const asked: Load = { url, headers, seconds: 0.8, status: conditional ? 304 : 200 }
  await load.ask<Loaded>('load', conditional ? asked : { ...asked, body })
  await load.ask<Loaded>('load', asked)
  return asked
}

async function take(server: Child, load: Child, asked: Load, into: Served): Promise<void> {
  const before = await server.ask<Usage>('usage')
  const { requests, seconds } = await load.ask<Loaded>('load', asked)
  const after = await server.ask<Usage>('usage')
  into.requestsPerSecond.push(requests / seconds)
  into.cpuMicrosecondsPerRequest.push(((after.cpu - before.cpu) * 1000) / requests)
  into.busy.push((after.busy - before.busy) / (seconds * 1000))
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const [wanted = '', rounds = 9, seconds = 1.2, starts = 3, only = ''] = process.argv.slice(2)
  for (const whole of comparisons.filter(({ name }) => name.includes(`${wanted}`))) {
    const servers = whole.servers.filter((name, index) => index === 0 || `${only}`.split(',').some((part) => name.includes(part)))
    const comparison = { ...whole, servers }
    const all = await compare(comparison, { rounds: Number(rounds), seconds: Number(seconds), starts: Number(starts) })
    console.log(comparison.name)
    for (const { server, requestsPerSecond, cpuMicrosecondsPerRequest, busy } of all) {
      const [limit] = all
      const throughput = median(requestsPerSecond.map((rate, round) => rate / limit!.requestsPerSecond[round]!))
      const cpu = median(cpuMicrosecondsPerRequest.map((cost, round) => limit!.cpuMicrosecondsPerRequest[round]! / cost))
      console.log(
        `  ${server.padEnd(46)} ${median(requestsPerSecond).toFixed(0).padStart(7)}/s  ×${throughput.toFixed(3)}  ` +
          `${median(cpuMicrosecondsPerRequest).toFixed(1).padStart(6)} µs  ×${cpu.toFixed(3)}  busy ${median(busy).toFixed(2)}`,
      )
    }
  }
}
