// One load across processes: caches on one server stand for them, and real ones where a process has to die. Nobody waits for what is not
// worth it, and nobody gets what a clear has overtaken.
import { describe, expect, onTestFinished, test } from 'vitest'
import { frameworks as express } from './routes/express.ts'
import { frameworks as koa } from './routes/koa.ts'
import { newSite } from './routes/site.ts'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import { waitListeners } from '../src/flight.ts'
import type { CacheOptions } from '../src/index.ts'
import type { LeaseTimes } from '../src/redis/lease.ts'
import { endLeaseScript, takeLeaseScript } from '../src/redis/lease-scripts.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate, type Gate } from './support/gate.ts'
import { startProgram, type RunningProgram } from './support/program.ts'
import { startRedis } from './support/redis.ts'
import { timed } from './support/timed.ts'
import { until } from './redis/process.ts'
import { newProxy, type Wire } from './redis/proxy.ts'
import { newWorld } from './redis/world.ts'

const world = newWorld()

interface Node {
  readonly cache: Cache
  readonly clock: Clock
  readonly errors: CacheError[]
}

/** A cache that stands for a process. */
function newNode(options: CacheOptions & { leases?: LeaseTimes } = {}): Node {
  // Unless a test says so, no lease ends by itself while it runs.
  const { leases = { length: 60_000, bound: 60_000 }, ...given } = options
  const clock = newClock()
  const errors: CacheError[] = []
  const cache = openCache(
    { redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000, onError: (error) => errors.push(error), ...given },
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

/** Resolves when so many loads wait, and all their processes have asked for the lease and will hear of its end. */
const untilWaiting = (count: number, ...nodes: readonly { readonly cache: Cache }[]) =>
  until(async () => waiting(...nodes) === count && (await listeners()) >= nodes.filter((node) => waiting(node) > 0).length)

/** How many processes are told when leases of this test end. */
async function listeners(): Promise<number> {
  const leases = await world.plain.keys(`${encodeURIComponent(world.prefix)}*#lease:*`)
  const fields = (await Promise.all(leases.map((key) => world.plain.hkeys(key)))).flat()
  const channels = Array.from(new Set(fields)).flatMap((field) => (field.startsWith('>') ? [field.slice(1)] : []))
  const counts = await world.plain.pubsub('NUMSUB', ...channels)
  return counts.filter((count) => count === 1).length
}

function timesSent(wire: Wire, text: string): number {
  return wire.sent().split(text).length - 1
}

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

type Reader = ReturnType<typeof reader>

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
    const proxy = await newProxy(world.server.port)
    const [a, b] = [newNode({ redis: proxy.url, commandTimeout: 5000 }), newNode()]
    const row = new Row()
    const gate = row.turn()
    const caller = reader(a, row)('1')
    await gate.reached()
    const other = reader(b, row)('1')
    await untilWaiting(1, b)
    const wire = proxy.asking()
    wire.hold()
    gate.open()
    expect(await caller).toBe('old')
    await until(() => wire.sent().includes('cache-alchemy:2 '))
    expect([wire.sent().includes(endLeaseScript.sha), waiting(b)]).toEqual([false, 1])
    wire.release()
    expect([await other, row.loads]).toEqual(['old', 1])
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

  test('a response that failed: the others run their handlers at once, and the next herd is one run again', async () => {
    for (const framework of [...express, ...koa]) {
      const options = { redis: world.server.url, prefix: `${world.prefix} ${framework.name}` }
      await using a = newSite(framework, options)
      await using b = newSite(framework, options)
      const gates = Array.from({ length: 3 }, () => newGate())
      let runs = 0
      for (const { app, cache } of [a, b]) {
        app.on('get', '/', [framework.cached(cache)], async (x) => {
          const run = ++runs
          await gates[run - 1]?.wait()
          if (run < 3) x.status(503)
          x.send(`run ${run}`)
        })
      }
      const failing = [a.ask('/'), b.ask('/')]
      await gates[0]!.reached()
      await untilWaiting(1, a, b)
      gates[0]!.open()
      await gates[1]!.reached()
      gates[1]!.open()
      expect((await Promise.all(failing)).map(({ status }) => status)).toEqual([503, 503])
      const replies = [a, b, a, b].map((site) => site.ask('/'))
      await gates[2]!.reached()
      await untilWaiting(1, a, b)
      gates[2]!.open()
      for (const reply of replies) expect(await reply).toMatchObject({ status: 200, text: 'run 3' })
    }
  })

  test('a response whose client went: one of the others takes its place, for all', async () => {
    for (const framework of [...express, ...koa]) {
      const options = { redis: world.server.url, prefix: `${world.prefix} ${framework.name}` }
      await using a = newSite(framework, options)
      await using b = newSite(framework, options)
      await using c = newSite(framework, options)
      const gates = [newGate(), newGate()]
      let runs = 0
      for (const { app, cache } of [a, b, c]) {
        app.on('get', '/', [framework.cached(cache)], async (x) => {
          const run = ++runs
          await gates[run - 1]?.wait()
          x.send(`run ${run}`)
        })
      }
      const leaving = await a.begin('/')
      await gates[0]!.reached()
      const others = [b.ask('/'), c.ask('/')]
      await untilWaiting(2, b, c)
      leaving.destroy()
      await gates[1]!.reached()
      await untilWaiting(1, b, c)
      gates[1]!.open()
      for (const reply of others) expect(await reply).toMatchObject({ status: 200, text: 'run 2' })
      gates[0]!.open()
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

  test.each(ways)(
    '%s, that Redis has not confirmed where it is made: nobody loads there what all others would load again',
    async (_, clear) => {
      const [toB, toC] = [await newProxy(world.server.port), await newProxy(world.server.port)]
      const a = newNode()
      const [b, c] = [newNode({ redis: toB.url, commandTimeout: 5000 }), newNode({ redis: toC.url, commandTimeout: 5000 })]
      const row = new Row()
      const [first, second] = [row.turn(), row.turn()]
      const loader = reader(a, row)('1')
      await first.reached()
      const others = [b, c].map((node) => reader(node, row)('1'))
      await untilWaiting(2, b, c)
      const [ofB, ofC] = [toB.asking(), toC.asking()]
      const asks = (wire: Wire) => timesSent(wire, takeLeaseScript.sha)
      const untilAsks = async (wire: Wire, times: number, before = asks(wire)) => until(() => asks(wire) >= before + times)
      for (const wire of [ofB, ofC]) await until(() => asks(wire) > 1)
      for (const wire of [...toB.wires(), ...toC.wires()]) wire.hold()
      // It has asked for the lease, and learns that another one has it just after its own clear is sent.
      await until(() => / [\w-]{12}:\d+ /.test(ofB.held().replaceAll('\r\n', ' ')))
      row.value = 'new'
      const cleared = clear(b)
      ofB.release()
      ofB.hold()
      await untilAsks(ofB, 1)
      for (const wire of toB.wires()) wire.release()
      await cleared
      await second.reached()
      for (const wire of toC.wires()) wire.release()
      // After the first of these it knows who loads.
      await untilAsks(ofC, 2)
      second.open()
      expect(await Promise.all(others)).toEqual(['new', 'new'])
      first.open()
      expect([await loader, row.loads]).toEqual(['old', 2])
    },
  )

  test.each([
    ['that makes it gone', (cache: Cache) => cache.clear(cache.tag('table'))],
    ['that makes it stale', (cache: Cache) => cache.expire(cache.tag('table'))],
  ])(
    'of what only that load has read, %s: who then comes to its process loads at once, and the others take what that gives',
    async (_, clear) => {
      const [a, b] = [newNode(), newNode()]
      const row = new Row()
      const [first, second] = [row.turn(), row.turn()]
      const [here, there] = [a, b].map(({ cache }) =>
        cache.memoize(
          async (id: string) => {
            cache.track(cache.tag('table'))
            return row.read(id)
          },
          { name: 'row' },
        ),
      )
      const loader = here!('1')
      await first.reached()
      const other = there!('1')
      await untilWaiting(1, b)
      row.value = 'new'
      await clear(a.cache)
      const later = here!('1')
      await second.reached()
      second.open()
      expect(await Promise.all([later, other])).toEqual(['new', 'new'])
      first.open()
      expect([await loader, await here!('1'), row.loads]).toEqual(['old', 'new', 2])
    },
  )

  test.each([
    ['that makes it gone', (cache: Cache) => cache.clear(cache.tag('table'))],
    ['that makes it stale', (cache: Cache) => cache.expire(cache.tag('table'))],
  ])(
    'of what only that load has read, %s: its result reaches nobody who comes later, and one of them loads anew for all',
    async (_, clear) => {
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
      const { log } = engineOf(a.cache)
      const { position } = log
      await clear(b.cache)
      await until(() => log.position > position)
      const later = others[0]!('1')
      gate.open()
      expect([await loader, await Promise.all([...callers, later]), row.loads]).toEqual(['old', ['new', 'new', 'new'], 2])
    },
  )

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
    await until(() => timesSent(proxy.listening(), 'subscribe') === 2)
    // It has just asked for the lease and has its answer: it will not ask again for a while.
    const asking = proxy.asking()
    const asked = timesSent(asking, takeLeaseScript.sha)
    await until(() => timesSent(asking, takeLeaseScript.sha) > asked)
    await other.peek('2')
    asking.hold()
    const sent = () => timesSent(asking, 'row("1")')
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

test('a load that has waited is newer than what was loaded meanwhile, and takes its place', async () => {
  const [a, b] = [newNode(), newNode()]
  const row = new Row()
  const gate = row.turn(true)
  const [one, other] = [reader(a, row), reader(b, row)]
  const loader = one('1')
  await gate.reached()
  const waits = other('1')
  await untilWaiting(1, b)
  expect(await other.refresh('1')).toBe('old')
  row.value = 'new'
  gate.open()
  await expect(loader).rejects.toThrow('the database is away')
  expect([await waits, await other.peek('1'), row.loads]).toEqual(['new', 'new', 3])
})

describe('a refresh behind a stale value', () => {
  /** Two processes that have a stale value, and may serve it for an hour. */
  async function staleNodes(options: { softTimeout?: number } = {}) {
    const nodes: [Node, Node] = [newNode(), newNode()]
    const row = new Row()
    row.turn().open()
    const [one, other] = nodes.map((node) => reader(node, row, { staleWhileRevalidate: '1h', ...options })) as [Reader, Reader]
    await one('1')
    await until(async () => (await other.peek('1')) !== undefined)
    row.value = 'new'
    await one.expire('1')
    await until(async () => (await other.peek('1')) === undefined)
    return { nodes, row, one, other }
  }

  test('is one of all processes, and each gets what it gave', async () => {
    const { nodes, row, one, other } = await staleNodes()
    const gate = row.turn()
    expect([await one('1'), await other('1')]).toEqual(['old', 'old'])
    await gate.reached()
    await untilWaiting(1, ...nodes)
    expect([await one('1'), await other('1')]).toEqual(['old', 'old'])
    gate.open()
    for (const read of [one, other]) await until(async () => (await read('1')) === 'new')
    expect([row.loads, nodes.flatMap(({ errors }) => errors)]).toEqual([2, []])
  })

  test('that fails in one process is left alone by the others until they are asked again', async () => {
    const { nodes, row, one, other } = await staleNodes()
    const gate = row.turn(true)
    expect(await one('1')).toBe('old')
    await gate.reached()
    expect(await other('1')).toBe('old')
    await untilWaiting(1, nodes[1])
    gate.open()
    await untilWaiting(0, ...nodes)
    await until(() => nodes[0].errors.length === 1)
    expect([row.loads, nodes[1].errors]).toEqual([2, []])
    expect(await other('1')).toBe('old')
    await until(async () => (await other('1')) === 'new')
    expect(row.loads).toBe(3)
  })

  test('that is left to another process is no failure here, also where it takes longer than softTimeout', async () => {
    const { nodes, row, one, other } = await staleNodes({ softTimeout: 20 })
    const gate = row.turn(true)
    expect(await one('1')).toBe('old')
    await gate.reached()
    expect(await other('1')).toBe('old')
    await untilWaiting(1, nodes[1])
    // As long: what began before it is over before it.
    await new Promise((resolve) => setTimeout(resolve, 20))
    gate.open()
    await untilWaiting(0, ...nodes)
    await until(async () => (await other('1')) === 'new')
    expect([nodes[0].errors.length > 0, nodes[1].errors]).toEqual([true, []])
  })

  test('that is left to another process, and fails there, fails nobody who had come to wait for it', async () => {
    const { nodes, row, one, other } = await staleNodes()
    const gate = row.turn(true)
    expect(await one('1')).toBe('old')
    await gate.reached()
    expect(await other('1')).toBe('old')
    await untilWaiting(1, nodes[1])
    nodes[1].clock.advance(2 * 60 * 60 * 1000)
    const waits = other('1')
    gate.open()
    expect(await waits).toBe('new')
  })
})

describe('a load waits for no other process', () => {
  test('inside a transaction', async () => {
    const [a, b] = [newNode(), newNode()]
    const row = new Row()
    const gate = row.turn()
    const [one, other] = [reader(a, row), reader(b, row)]
    const loader = one('1')
    await gate.reached()
    expect(await b.cache.transaction(() => other('1'))).toBe('old')
    gate.open()
    expect([await loader, row.loads]).toEqual(['old', 2])
  })

  test('when it is asked for whatever is stored', async () => {
    const [a, b] = [newNode(), newNode()]
    const row = new Row()
    const gate = row.turn()
    const [one, other] = [reader(a, row), reader(b, row)]
    const loader = one('1')
    await gate.reached()
    expect(await other.refresh('1')).toBe('old')
    gate.open()
    expect(await loader).toBe('old')
  })

  test('when its cache is closed meanwhile; and what a closed cache was loading is another one’s turn', async () => {
    const [a, b, c] = [newNode(), newNode(), newNode()]
    const row = new Row()
    const gate = row.turn()
    const [one, other, third] = [reader(a, row), reader(b, row), reader(c, row)]
    const loader = one('1')
    await gate.reached()
    const closing = other('1')
    await untilWaiting(1, b)
    await b.cache.close()
    expect([await closing, row.loads]).toEqual(['old', 2])
    const waits = third('1')
    await untilWaiting(1, c)
    await a.cache.close()
    expect([await waits, row.loads]).toEqual(['old', 3])
    gate.open()
    expect(await loader).toBe('old')
  })
})

test('where a load fails that others wait for, each serves the stale value that it may serve', async () => {
  const nodes = [newNode(), newNode()]
  const row = new Row()
  row.turn().open()
  const [one, other] = nodes.map((node) => reader(node, row, { staleIfError: '1h' })) as [Reader, Reader]
  await one('1')
  await until(async () => (await other.peek('1')) !== undefined)
  await one.expire('1')
  await until(async () => (await other.peek('1')) === undefined)
  const gates = [row.turn(true), row.turn(true)]
  const callers = [one('1'), other('1')]
  await gates[0]!.reached()
  await untilWaiting(1, ...nodes)
  for (const gate of gates) gate.open()
  expect([await Promise.all(callers), row.loads]).toEqual([['old', 'old'], 3])
})

test('where another process’s load is slow, the stale value is served past softTimeout', async () => {
  const nodes = [newNode(), newNode()]
  const row = new Row()
  row.turn().open()
  const [one, other] = nodes.map((node) => reader(node, row, { staleIfError: '1h', softTimeout: 20 })) as [Reader, Reader]
  await one('1')
  await until(async () => (await other.peek('1')) !== undefined)
  row.value = 'new'
  await one.expire('1')
  await until(async () => (await other.peek('1')) === undefined)
  const gate = row.turn()
  const loader = one('1')
  await gate.reached()
  expect([await loader, await other('1')]).toEqual(['old', 'old'])
  await untilWaiting(1, nodes[1]!)
  gate.open()
  for (const read of [one, other]) await until(async () => (await read('1')) === 'new')
  expect(row.loads).toBe(2)
})

test('a load that is given up, since nobody waits for it any more, is one other process’s turn', async () => {
  const nodes = [newNode(), newNode(), newNode()]
  const gates = [newGate(), newGate(), newGate()]
  let loads = 0
  const reads = nodes.map(({ cache }) =>
    cache.memoize(
      async (_id: string, signal: AbortSignal) => {
        const load = loads++
        const left = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('given up')))
        })
        await Promise.race([gates[load]!.wait(), left])
        return load
      },
      { name: 'row' },
    ),
  )
  const leaver = new AbortController()
  const first = reads[0]!('1', leaver.signal)
  await gates[0]!.reached()
  const others = reads.slice(1).map((read) => read('1', new AbortController().signal))
  await untilWaiting(2, ...nodes)
  leaver.abort(new Error('gone'))
  await expect(first).rejects.toThrow('gone')
  await gates[1]!.reached()
  await untilWaiting(1, ...nodes)
  gates[1]!.open()
  expect(await Promise.all(others)).toEqual([1, 1])
})

test('a load that is given up and goes on all the same is not waited for, in no process', async () => {
  const [a, b] = [newNode(), newNode()]
  const row = new Row()
  const [first, second] = [row.turn(), row.turn()]
  const [one, other] = [a, b].map(({ cache }) => cache.memoize((id: string, _signal?: AbortSignal) => row.read(id), { name: 'row' }))
  const leaver = new AbortController()
  const left = one!('1', leaver.signal)
  await first.reached()
  const waiter = other!('1')
  await untilWaiting(1, b)
  row.value = 'new'
  leaver.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  const later = one!('1')
  await second.reached()
  second.open()
  expect([await waiter, await later, row.loads]).toEqual(['new', 'new', 2])
  first.open()
})

test('a load that is given up while it waits for another process ends at once: its lane is free, and who comes later waits anew', async () => {
  const [a, b] = [newNode(), newNode()]
  const row = new Row()
  const gate = row.turn()
  const one = reader(a, row)
  const other = b.cache.memoize((id: string, _signal?: AbortSignal) => row.read(id), { name: 'row', concurrency: 1 })
  const loader = one('1')
  await gate.reached()
  const leavers = [new AbortController(), new AbortController()]
  const given = leavers.map(({ signal }) => other('1', signal))
  await untilWaiting(1, b)
  leavers[0]!.abort(new Error('gone'))
  await expect(given[0]).rejects.toThrow('gone')
  expect(waiting(b)).toBe(1)
  leavers[1]!.abort(new Error('the last one'))
  await expect(given[1]).rejects.toThrow('the last one')
  await untilWaiting(0, b)
  expect(await other('2')).toBe('old')
  const later = other('1')
  await untilWaiting(1, b)
  gate.open()
  expect([await loader, await later, row.loads, other.stats().errors]).toEqual(['old', 'old', 2, 0])
  await until(async () => (await world.plain.keys('*#lease:*')).length === 0)
  expect([waiting(a, b), a.errors, b.errors]).toEqual([0, [], []])
})

test('a load that waits in line for a lane has no lease yet: no other process waits for it', async () => {
  const [a, b] = [newNode(), newNode()]
  const row = new Row()
  const gate = row.turn()
  const [one, other] = [reader(a, row, { concurrency: 1 }), reader(b, row)]
  const loader = one('1')
  await gate.reached()
  const inLine = one('2')
  await until(() => waitListeners.size === 1)
  expect([await other('2'), row.loads]).toEqual(['old', 2])
  gate.open()
  // What was stored meanwhile is found when its turn comes.
  expect([await loader, await inLine, row.loads]).toEqual(['old', 'old', 2])
})

test('a load that another one needs waits for no longer than a lease can be held', async () => {
  const [a, b] = [newNode(), newNode({ leases: { bound: 300 } })]
  const row = new Row()
  const gate = row.turn()
  const [one, other] = [reader(a, row), reader(b, row)]
  const outer = b.cache.memoize(async () => `outer of ${await other('1')}`, { name: 'outer' })
  const loader = one('1')
  await gate.reached()
  const [ms, value] = await timed(outer())
  expect([value, ms < 500]).toEqual(['outer of old', true])
  gate.open()
  expect(await loader).toBe('old')
})

test('loads that need each other in a circle through two processes end in an error in each', async () => {
  const nodes = [newNode({ leases: { bound: 400 } }), newNode({ leases: { bound: 400 } })]
  const gates = [newGate(), newGate()]
  const pairs = nodes.map(({ cache }, index) => {
    const a = cache.memoize(async (): Promise<string> => (await gates[index]!.wait(), `a of ${await b()}`), { name: 'a' })
    const b = cache.memoize(async (): Promise<string> => (await gates[index]!.wait(), `b of ${await a()}`), { name: 'b' })
    return { a, b }
  })
  const callers = Promise.allSettled([pairs[0]!.a(), pairs[1]!.b()])
  for (const gate of gates) await gate.reached()
  for (const gate of gates) gate.open()
  for (const outcome of await callers) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CYCLE' } })
  expect(waiting(...nodes)).toBe(0)
})

test('a load that never ends keeps the others for no longer than a lease can be held', async () => {
  const [a, b] = [newNode({ leases: { length: 100, bound: 300 } }), newNode()]
  const row = new Row()
  const gate = row.turn()
  const loader = reader(a, row)('1')
  await gate.reached()
  const [ms, value] = await timed(reader(b, row)('1'))
  expect([value, ms < 1000]).toEqual(['old', true])
  gate.open()
  expect(await loader).toBe('old')
})

describe('while Redis is of no help', () => {
  test('that ends in the middle of a load, all who wait load by themselves', async () => {
    await using redis = await startRedis()
    const nodes = [newNode({ redis: redis.url }), newNode({ redis: redis.url }), newNode({ redis: redis.url })]
    const row = new Row()
    const first = row.turn()
    const others = [row.turn(), row.turn()]
    const reads = nodes.map((node) => reader(node, row))
    const [loader, ...waiters] = reads
    const callers = [loader!('1'), loader!('1')]
    await first.reached()
    callers.push(...waiters.flatMap((read) => [read('1'), read('1')]))
    await until(() => waiting(...nodes) === 2)
    for (const { clock } of nodes) clock.advance(2000)
    const [ms] = await timed(Promise.all([redis.kill(), ...others.map((gate) => gate.reached())]))
    expect(ms).toBeLessThan(1000)
    for (const gate of [first, ...others]) gate.open()
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['old']))
    expect([row.loads, waiting(...nodes)]).toEqual([3, 0])
    // However long they have waited, what they loaded is as young as its load.
    for (const read of waiters) expect(await read('1')).toBe('old')
    expect(row.loads).toBe(3)
  })

  test('that hangs in the middle of a load, all who wait load by themselves after a bounded wait', async () => {
    await using redis = await startRedis()
    const nodes = [newNode({ redis: redis.url, commandTimeout: 300 }), newNode({ redis: redis.url, commandTimeout: 300 })]
    const row = new Row()
    const gates = [row.turn(), row.turn()]
    const callers = nodes.map((node) => reader(node, row)('1'))
    await gates[0]!.reached()
    await until(() => waiting(...nodes) === 1)
    redis.pause()
    onTestFinished(() => redis.resume())
    const [ms] = await timed(gates[1]!.reached())
    expect(ms).toBeLessThan(450)
    for (const gate of gates) gate.open()
    expect(await Promise.all(callers)).toEqual(['old', 'old'])
  })

  test('from the start, a herd in a process is still one load', async () => {
    await using redis = await startRedis()
    await redis.kill()
    const node = newNode({ redis: redis.url })
    const row = new Row()
    const read = reader(node, row)
    expect(new Set(await Promise.all([read('1'), read('1'), read('1')]))).toEqual(new Set(['old']))
    expect(row.loads).toBe(1)
  })
})

describe('real processes', () => {
  function start(calls = 1): RunningProgram {
    const program = startProgram('test/support/loader.ts', { REDIS_URL: world.server.url, PREFIX: world.prefix, CALLS: `${calls}` })
    onTestFinished(async () => void (await program.end('SIGKILL')))
    return program
  }

  const begin = (count: number) => world.plain.lpush(`${world.prefix} begin`, ...Array.from({ length: count }, () => '1'))
  const leaseKey = () => `${encodeURIComponent(world.prefix)}#lease:row("42")`

  test('make one load of a herd', { timeout: 60_000 }, async () => {
    const programs = [start(50), start(50), start(50)]
    await Promise.all(programs.map((program) => program.says('ready')))
    await begin(3)
    await until(async () => (await world.plain.hkeys(leaseKey())).filter((field) => field.startsWith('>')).length === 2)
    await world.plain.lpush(`${world.prefix} open`, '1')
    const said = await Promise.all(programs.map((program) => program.says('got ')))
    const values = new Set(said.map((text) => /got (.*)/.exec(text)?.[1]))
    expect([values.size, await world.plain.get(`${world.prefix} loads`)]).toEqual([1, '1'])
    expect(programs.map(({ process }) => `${process.pid}`)).toContain([...values][0])
  })

  test('are delayed by one that is killed while it loads, and by no more than its lease', { timeout: 60_000 }, async () => {
    const program = start()
    const [a, b] = [newNode({ leases: {} }), newNode({ leases: {} })]
    const row = new Row()
    const reads = [reader(a, row), reader(b, row)]
    await program.says('ready')
    await begin(1)
    await program.says('loading')
    const callers = reads.map((read) => read('42'))
    await untilWaiting(2, a, b)
    await program.end('SIGKILL')
    const [ms, values] = await timed(Promise.all(callers))
    expect([values, ms < 2500]).toEqual([['old', 'old'], true])
    expect(row.loads).toBe(1)
  })
})
