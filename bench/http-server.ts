// A process of the HTTP benchmarks: serves one application on a port of its own, and says what that took.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { answer } from './child.ts'
import { clearingAt, type ClearRates } from './clear-rates.ts'
import { expressApps } from './express-apps.ts'
import { filmAt, jsonOf } from './films.ts'
import { HIT_FIELDS, koaApps } from './koa-apps.ts'
import { served } from './served.ts'
import { OWN } from './suite.ts'

/** What a server has done up to now. */
export interface Usage {
  /** Milliseconds of the processor's time. */
  readonly cpu: number
  /** Milliseconds in which its event loop had work. */
  readonly busy: number
  /** How often a handler ran that a cache is for. */
  readonly runs: number
}

const nodeApps: Record<string, () => RequestListener> = {
  'a constant': () => constant({}),
  'a constant, with the fields of a hit': () => constant(Object.fromEntries(HIT_FIELDS)),
}

function constant(fields: Record<string, string>): RequestListener {
  const bodies = new Map<string, Buffer>()
  return (req, res) => {
    const id = req.url!.slice('/films/'.length)
    const body = bodies.get(id) ?? Buffer.from(jsonOf(id))
    bodies.set(id, body)
    res.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length, ...fields })
    res.end(body)
  }
}

const [framework, name, redisPort] = process.argv.slice(2)
// From its first use on it makes every await of the process dearer, and this package brings one: all have one, so that it is nobody's cost.
if (!name!.startsWith(OWN)) new AsyncLocalStorage().run(0, () => {})

const make = { 'node:http': nodeApps, express: expressApps, koa: koaApps }[framework!]![name!]!
const server = createServer(make(Number(redisPort))).listen(0, '127.0.0.1')
await once(server, 'listening')

let clearing: NodeJS.Timeout | undefined

answer({
  port: () => (server.address() as AddressInfo).port,
  usage: (): Usage => {
    const { user, system } = process.cpuUsage()
    return { cpu: (user + system) / 1000, busy: performance.eventLoopUtilization().active, runs: served.runs }
  },
  /** Clears at these rates from now on. */
  clears(rates: ClearRates) {
    clearInterval(clearing)
    if (rates.unrelated + rates.related === 0) return
    const began = performance.now()
    const clear = clearingAt(rates, (index) => served.clear(filmAt(index)))
    clearing = setInterval(() => clear(performance.now() - began), 1)
  },
})
