// Knows what responses cost over HTTP, beside handlers that send a constant and beside other caches.
import { compare, type Comparison, type HttpRounds, type Served } from './http-rounds.ts'
import { median, quartiles, ratio } from './rounds.ts'
import { atLeast, OWN, rounded, type Row, type Suite, type Table, type Target } from './suite.ts'

const KB = '1024'
const KB_100 = `${100 * 1024}`

/** A comparison, and what this package is to reach in it. */
interface Aimed extends Comparison {
  readonly aim?: { readonly work: string; readonly ratio: number }
}

const EXPRESS = [
  'a constant',
  OWN,
  'apicache',
  'route-cache',
  'ocache',
  'no cache, res.json',
  'a constant, neither ETag nor Cache-Control',
  'a constant, with the fields of a hit',
]
const KOA = ['a constant', OWN, 'koa-cash', 'no cache, ctx.body of the object', 'a constant, with the fields of a hit']

// What a layer in front of it has to spare, and what the fields of a hit alone cost.
const IN_FRONT = ['node:http/a constant', 'node:http/a constant, with the fields of a hit']
const OWN_IN_FRONT = `${OWN}, in front`

const of = (framework: string, apps: readonly string[]): string[] => apps.map((app) => `${framework}/${app}`)

export const comparisons: readonly Aimed[] = [
  {
    name: 'Express, 1 KB',
    id: KB,
    servers: [...of('express', EXPRESS), 'node:http/a constant'],
    aim: { work: 'Express hit, mounted on the route, 1 KB', ratio: 0.97 },
  },
  {
    name: 'Express, 100 KB',
    id: KB_100,
    servers: [...of('express', EXPRESS), 'node:http/a constant'],
    aim: { work: 'Express hit, mounted on the route, 100 KB', ratio: 0.97 },
  },
  {
    // Without apicache: autocannon cannot read its 304, which has a Content-Length.
    name: 'Express, 304',
    id: KB,
    isConditional: true,
    servers: of('express', ['res.send of a Buffer', OWN, 'ocache', 'a bare 304', 'a bare 304, with the fields of a hit']),
    aim: { work: 'Express 304, beside its own', ratio: 1.2 },
  },
  { name: 'Express, from Redis, 1 KB', id: KB, servers: of('express', ['a constant', `${OWN}, from Redis`, 'apicache, from Redis']) },
  { name: 'Koa, 1 KB', id: KB, servers: of('koa', KOA), aim: { work: 'Koa hit, 1 KB', ratio: 0.95 } },
  { name: 'Koa, 100 KB', id: KB_100, servers: of('koa', KOA), aim: { work: 'Koa hit, 100 KB', ratio: 0.95 } },
  { name: 'Koa, 304', id: KB, isConditional: true, servers: of('koa', ['a constant, asked by ctx.fresh', OWN, 'koa-cash']) },
  ...['Express', 'Koa'].flatMap((framework) => [inFrontOf(framework, '1 KB', KB), inFrontOf(framework, '100 KB', KB_100)]),
]

function inFrontOf(framework: string, size: string, id: string): Aimed {
  return {
    name: `In front of ${framework}, ${size}`,
    id,
    servers: [...IN_FRONT, ...of(framework.toLowerCase(), [OWN_IN_FRONT, 'a constant'])],
    aim: { work: `hit in front of ${framework}, beside \`node:http\` with a constant, ${size}`, ratio: 0.7 },
  }
}

export const suite: Suite = {
  name: 'http',
  title: 'Responses over HTTP',
  async run() {
    const tables: Table[] = []
    const targets: Target[] = []
    for (const comparison of comparisons) {
      const { table, target } = await measured(comparison)
      tables.push(table)
      if (target !== undefined) targets.push(target)
    }
    return { tables, targets }
  },
}

/** One comparison as a table, and how far its aim was reached. */
export async function measured(comparison: Aimed, rounds?: HttpRounds): Promise<{ readonly table: Table; readonly target?: Target }> {
  const all = await compare(comparison, rounds)
  const table = {
    title: comparison.name,
    columns: ['requests/s', 'ratio', 'middle half of rounds', 'CPU µs', 'ratio of CPU', 'busy'],
    rows: all.map((served) => rowOf(served, all[0]!)),
  }
  const own = all.find(({ time }) => time.name === OWN || time.name === OWN_IN_FRONT)
  if (comparison.aim === undefined || own === undefined) return { table }
  return { table, target: atLeast(comparison.aim.work, comparison.aim.ratio, ratio(all[0]!.time, own.time)) }
}

/** Ratios are of how many requests are served: one that takes twice the time has 0.5. */
function rowOf({ server, time, cpu, busy }: Served, limit: Served): Row {
  const [low, high] = quartiles(limit.time, time)
  return [
    server.startsWith('node:http/') ? server.replace('/', ', ') : time.name,
    Math.round(1000 / median(time.rounds)),
    rounded(ratio(limit.time, time)),
    limit.time === time ? null : `${low.toFixed(2)}–${high.toFixed(2)}`,
    rounded(median(cpu.rounds) * 1000),
    rounded(ratio(limit.cpu, cpu)),
    rounded(median(busy)),
  ]
}
