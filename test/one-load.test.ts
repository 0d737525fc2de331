// One load across processes: caches on one server stand for them, and real ones where a process has to die. Nobody waits for what is not
// worth it, and nobody gets what a clear has overtaken.
import { describe, expect, onTestFinished, test } from 'vitest'
import { frameworks as express } from './routes/express.ts'
import { frameworks as koa } from './routes/koa.ts'
import { newSite } from './routes/site.ts'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import type { CacheOptions } from '../src/index.ts'
import type { LeaseTimes } from '../src/redis/lease.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate, type Gate } from './support/gate.ts'
import { startProgram, type RunningProgram } from './support/program.ts'
import { startRedis } from './support/redis.ts'
import { until } from './redis/process.ts'
import { newProxy } from './redis/proxy.ts'
import { newWorld } from './redis/world.ts'

const world = newWorld()

interface Node {
  readonly cache: Cache
  readonly clock: Clock
  readonly errors: CacheError[]
}

/** A cache that stands for a process. */
function newNode(options: CacheOptions & { leases?: LeaseTimes } = {}): Node {
  const { leases = {}, ...given } = options
  const clock = newClock()
  const errors: CacheError[] = []
  const cache = openCache(
    { redis: world.server.url, prefix: world.prefix, onError: (error) => errors.push(error), ...given },
    clock.now,
    leases,
  )
  onTestFinished(() => cache.close())
  return { cache, clock, errors }
}

/** How many loads wait for another process's. */
function waiting(...nodes: readonly { readonly cache: Cache }[]): number {
  return nodes.reduce((sum, { cache }) => sum + engineOf(cache).shared!.turns.waiting, 0)
}

const untilWaiting = (count: number, ...nodes: readonly { readonly cache: Cache }[]) => until(() => waiting(...nodes) === count)

/** What all processes load: a row, and for each load in its order a gate to wait at, and whether it fails. */
class Row {
  value = 'old'
  loads = 0
  readonly #turns: { gate: Gate; fails: boolean }[] = []

  turn(fails = false): Gate {
    const gate = newGate()
    this.#turns.push({ gate, fails })
    return gate
  }

  readonly read = async (_id: string): Promise<string> => {
    const seen = this.value
    const turn = this.#turns[this.loads++]
    await turn?.gate.wait()
    if (turn?.fails === true) throw new Error('the database is away')
    return seen
  }
}

function reader({ cache }: Node, row: Row, options: Parameters<Cache['memoize']>[1] = {}) {
  return cache.memoize(row.read, { name: 'row', ...(options as object) })
}

describe('a herd', () => {
  test('of many callers in many processes is one load, and all get what it gave', async () => {
    const nodes = [newNode(), newNode(), newNode()]
    const gate = newGate()
    let loads = 0
    const load = async (id: string) => {
      loads++
      await gate.wait()
      return { id, at: new Date(0), tags: new Set(['a']) }
    }
    const reads = nodes.map(({ cache }) => cache.memoize(load, { name: 'row' }))
    const callers = reads.flatMap((read) => Array.from({ length: 10 }, () => read('42')))
    await gate.reached()
    await untilWaiting(2, ...nodes)
    gate.open()
    for (const value of await Promise.all(callers)) expect(value).toEqual({ id: '42', at: new Date(0), tags: new Set(['a']) })
    expect([loads, waiting(...nodes)]).toEqual([1, 0])
    expect(nodes.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('of which each load gets its own dependencies: a clear of one reaches the results of all processes', async () => {
    const [a, b] = [newNode(), newNode()]
    const row = new Row()
    const gate = row.turn()
    const reads = [a, b].map((node) => {
      const inner = reader(node, row)
      const outer = node.cache.memoize(async (id: string) => `outer of ${await inner(id)}`, { name: 'outer' })
      return { inner, outer, page: node.cache.memoize(async () => `page of ${await outer('1')}`, { name: 'page' }) }
    })
    const first = reads[0]!.outer('1')
    await gate.reached()
    const second = reads[1]!.page()
    await untilWaiting(1, a, b)
    gate.open()
    expect([await first, await second, row.loads]).toEqual(['outer of old', 'page of outer of old', 1])
    row.value = 'new'
    await reads[1]!.inner.clear('1')
    expect(await reads[1]!.page()).toBe('page of outer of new')
  })

  test('the entry is there before its lease ends', async () => {
    const { cache } = newNode()
    const read = cache.memoize(async () => 1, { name: 'row' })
    const commands = await world.commandsDuring(async () => {
      await read()
      await cache.close()
    })
    const written = commands.indexOf('set')
    expect([written > 0, commands.indexOf('hgetall') > written]).toEqual([true, true])
  })

  test.each([{ store: 'memory' }, { codec: 'reference' }] as const)(
    'is one load a process where entries do not cross processes: %o',
    async (options) => {
      const nodes = [newNode(), newNode()]
      const row = new Row()
      const gates = [row.turn(), row.turn()]
      const callers = nodes.map((node) => reader(node, row, options)('1'))
      for (const gate of gates) await gate.reached()
      for (const gate of gates) gate.open()
      expect(await Promise.all(callers)).toEqual(['old', 'old'])
    },
  )

  test('of requests is one run of the handler, in every process', async () => {
    for (const framework of [...express, ...koa]) {
      const options = { redis: world.server.url, prefix: `${world.prefix} ${framework.name}` }
      await using a = newSite(framework, options)
      await using b = newSite(framework, options)
      const gate = newGate()
      let runs = 0
      for (const { app, cache } of [a, b]) {
        app.on('get', '/', [framework.cached(cache)], async (x) => {
          const run = ++runs
          await gate.wait()
          x.send(`run ${run}`)
        })
      }
      const replies = [a, b, a, b, a, b].map((site) => site.ask('/'))
      setTimeout(
        () => console.log(framework.name, waiting(a), waiting(b), runs, a.cache.stats(), b.cache.stats(), a.errors, b.errors),
        1000,
      )
      await gate.reached()
      await untilWaiting(1, a, b)
      gate.open()
      for (const reply of replies) expect(await reply).toMatchObject({ status: 200, text: 'run 1' })
    }
  })
})

describe('what is not for others', () => {
  test('lets all processes load at once: none waits for another one’s', async () => {
    const nodes = [newNode(), newNode(), newNode(), newNode()]
    const row = new Row()
    const first = row.turn()
    const others = [row.turn(), row.turn(), row.turn()]
    const callers = nodes.flatMap((node) => {
      const read = reader(node, row, { shouldCache: () => false })
      return [read('1'), read('1')]
    })
    await first.reached()
    await untilWaiting(3, ...nodes)
    first.open()
    for (const gate of others) await gate.reached()
    for (const gate of others) gate.open()
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['old']))
    expect(row.loads).toBe(4)
  })

  test('runs the handler of each process for its own herd', async () => {
    for (const framework of [express[0]!, koa[0]!]) {
      const options = { redis: world.server.url, prefix: `${world.prefix} ${framework.name}` }
      await using a = newSite(framework, options)
      await using b = newSite(framework, options)
      const gates = [newGate(), newGate()]
      let runs = 0
      for (const { app, cache } of [a, b]) {
        app.on('get', '/', [framework.cached(cache)], async (x) => {
          const run = ++runs
          await gates[run - 1]!.wait()
          x.set('Set-Cookie', `run=${run}`)
          x.send(`run ${run}`)
        })
      }
      const replies = [a.ask('/'), b.ask('/')]
      await gates[0]!.reached()
      await untilWaiting(1, a, b)
      gates[0]!.open()
      await gates[1]!.reached()
      gates[1]!.open()
      const texts = (await Promise.all(replies)).map(({ text }) => text)
      expect(texts.toSorted((one, other) => one.localeCompare(other))).toEqual(['run 1', 'run 2'])
    }
  })

  test('a failure: it is shared in its process, and the others try by themselves, at once', async () => {
    const nodes = [newNode(), newNode(), newNode()]
    const row = new Row()
    const first = row.turn(true)
    const others = [row.turn(true), row.turn()]
    const callers = nodes.flatMap((node) => {
      const read = reader(node, row)
      return [read('1'), read('1')]
    })
    const settled = Promise.allSettled(callers)
    await first.reached()
    await untilWaiting(2, ...nodes)
    first.open()
    for (const gate of others) await gate.reached()
    for (const gate of others) gate.open()
    const outcomes = (await settled).map((it) => (it.status === 'fulfilled' ? it.value : (it.reason as Error).message))
    expect(outcomes.filter((it) => it === 'the database is away')).toHaveLength(4)
    expect([outcomes.filter((it) => it === 'old').length, row.loads]).toEqual([2, 3])
  })
})

describe('a clear while one process loads and others wait', () => {
  const ways: [string, (node: Node) => Promise<void>][] = [
    ['of the call', ({ cache }) => cache.clear(cache.ref('row', '1'))],
    ['of the function', ({ cache }) => cache.clear(cache.ref('row'))],
    ['of everything', ({ cache }) => cache.flush()],
    ['that makes it stale', ({ cache }) => cache.expire(cache.ref('row'))],
  ]

  test.each(ways)('%s: they do not wait for that load, and one of them loads anew for all', async (_, clear) => {
    const [a, b, c] = [newNode(), newNode(), newNode()]
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const loader = reader(a, row)('1')
    await first.reached()
    const others = [b, c].map((node) => reader(node, row)('1'))
    await untilWaiting(2, b, c)
    row.value = 'new'
    await clear(b)
    await second.reached()
    await untilWaiting(1, b, c)
    second.open()
    expect(await Promise.all(others)).toEqual(['new', 'new'])
    first.open()
    expect([await loader, row.loads]).toEqual(['old', 2])
  })

  test('of what only that load has read: what it gave reaches nobody who comes later, and one of them loads anew for all', async () => {
    const [a, b, c] = [newNode(), newNode(), newNode()]
    const row = new Row()
    const gate = row.turn()
    const [first, ...others] = [a, b, c].map(({ cache }) =>
      cache.memoize(
        async (id: string) => {
          cache.track(cache.tag('table'))
          return row.read(id)
        },
        { name: 'row' },
      ),
    )
    const loader = first!('1')
    await gate.reached()
    const callers = others.map((read) => read('1'))
    await untilWaiting(2, b, c)
    row.value = 'new'
    await b.cache.clear(b.cache.tag('table'))
    const later = others[0]!('1')
    gate.open()
    expect([await loader, await Promise.all([...callers, later]), row.loads]).toEqual(['old', ['new', 'new', 'new'], 2])
  })

  test('that crosses the reading of what was stored: who comes after it does not get that', async () => {
    const proxy = await newProxy(world.server.port)
    const [a, b] = [newNode(), newNode({ redis: proxy.url, commandTimeout: 5000 })]
    const row = new Row()
    const gate = row.turn()
    const [one, other] = [reader(a, row), reader(b, row)]
    const loader = one('1')
    await gate.reached()
    const before = other('1')
    await untilWaiting(1, b)
    const asking = proxy.asking()
    asking.hold()
    const sent = () => asking.sent().split('row("1")').length
    const reads = sent()
    gate.open()
    expect(await loader).toBe('old')
    await until(() => sent() > reads)
    row.value = 'new'
    const cleared = other.clear('1')
    const after = other('1')
    asking.release()
    await cleared
    expect([await before, await after]).toEqual(['new', 'new'])
  })

  test('while one has waited and then loads: who came before that load takes its result, however often it is cleared', async () => {
    const [a, b] = [newNode(), newNode()]
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const [one, other] = [reader(a, row), reader(b, row)]
    const loader = one('1')
    await first.reached()
    const waits = other('1')
    await untilWaiting(1, b)
    await b.cache.clear(b.cache.tag('something else'))
    const joins = other('1')
    row.value = 'new'
    await other.clear('1')
    await second.reached()
    const alsoJoins = other('1')
    await other.clear('1')
    second.open()
    expect([await waits, await joins, await alsoJoins, row.loads]).toEqual(['new', 'new', 'new', 2])
    first.open()
    expect(await loader).toBe('old')
  })
})

describe('a refresh behind a stale value', () => {
  const options = { staleWhileRevalidate: '1h' }

  async function staleNodes(): Promise<{
    nodes: [Node, Node]
    row: Row
    reads: ReturnType<typeof reader>[]
    gate: Gate
    setFails(): void
  }> {
    const nodes: [Node, Node] = [newNode(), newNode()]
    const row = new Row()
    row.turn().open()
    const reads = nodes.map((node) => reader(node, row, options))
    await reads[0]!('1')
    await until(async () => (await reads[1]!.peek('1')) !== undefined)
    row.value = 'new'
    await reads[0]!.expire('1')
    await until(async () => (await reads[1]!.peek('1')) === undefined)
    let fails = false
    const gate = newGate()
    const { read } = row
    Object.assign(row, { read })
    return { nodes, row, reads, gate, setFails: () => void (fails ||= true) }
  }

  test('is one of all processes', async () => {
    const { nodes, row, reads } = await staleNodes()
    const gate = row.turn()
    expect([await reads[0]!('1'), await reads[1]!('1')]).toEqual(['old', 'old'])
    await gate.reached()
    await untilWaiting(1, ...nodes)
    expect([await reads[0]!('1'), await reads[1]!('1')]).toEqual(['old', 'old'])
    gate.open()
    for (const read of reads) await until(async () => (await read('1')) === 'new')
    expect([row.loads, nodes.flatMap(({ errors }) => errors)]).toEqual([2, []])
  })
})
