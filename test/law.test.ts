// The law of the whole engine: cached = uncached, under any interleaving of reads, writes and clears over a random graph of functions.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import type { CachedFunction } from '../src/cached-handle.ts'
import { newClock, type Clock } from './support/clock.ts'

const CELLS = 3
const ARGS = 2

/** One thing that a function reads: a cell in one of the ways to read one, or a call of a function below it. */
interface Use {
  readonly how: 'cell' | 'sync' | 'tracked before' | 'tracked after' | 'declared' | 'branch' | 'call' | 'attempt'
  readonly target: number
  /** Whether the argument changes what is read. */
  readonly shifts: boolean
}

interface Spec {
  readonly uses: readonly Use[]
  /** Whether it reads all at once or one after the other. */
  readonly together: boolean
  readonly ttl: number
  readonly limit: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

type Part = { readonly cell: number; readonly version: number } | { readonly failed: number } | Result
interface Result {
  readonly of: number
  readonly arg: number
  readonly parts: readonly Part[]
}

type Action =
  | { readonly do: 'read' | 'refresh' | 'peek' | 'clear call'; readonly target: number; readonly arg: number }
  | { readonly do: 'write'; readonly cell: number; readonly by: 'clear' | 'clear all' | 'expire' | 'flush'; readonly slowly: boolean }
  | { readonly do: 'break' | 'mend'; readonly target: number }
  | { readonly do: 'wait'; readonly ms: number }

class Broken extends Error {
  readonly of: number

  constructor(of: number) {
    super(`f${of} is broken`)
    this.of = of
  }
}

/** Cells that grow a version with each write, and functions over them, cached; `step` is where a load may be overtaken. */
class World {
  readonly cells: number[] = Array.from({ length: CELLS }, () => 0)
  /** The version of each cell at its last clear: no read that starts now may give an older one. */
  readonly floors: number[] = [...this.cells]
  readonly loads: Map<string, number> = new Map()
  readonly broken: Set<number> = new Set()
  breaks = 0
  readonly clock: Clock = newClock()
  readonly cache: Cache = openCache({ redis: false, onError: () => {} }, this.clock.now)
  readonly functions: readonly CachedFunction<(arg: number) => Promise<Result>>[]
  readonly #specs: readonly Spec[]
  readonly #step: () => Promise<void>
  readonly #cell: (id: number) => Promise<number>
  readonly #cellNow: (id: number) => number

  constructor(specs: readonly Spec[], step: () => Promise<void>) {
    this.#specs = specs
    this.#step = step
    const load = async (id: number): Promise<number> => {
      await step()
      const version = this.cells[id]!
      await step()
      return version
    }
    this.#cell = this.cache.memoize(load, { name: 'cell' })
    this.#cellNow = this.cache.memoizeSync((id: number) => this.cells[id]!, { name: 'cellNow' })
    this.functions = specs.map((spec, of) =>
      this.cache.memoize((arg: number) => this.#run(of, arg), {
        name: `f${of}`,
        ttl: spec.ttl,
        limit: spec.limit,
        staleWhileRevalidate: spec.staleWhileRevalidate,
        staleIfError: spec.staleIfError,
        dependsOn: (arg) => spec.uses.filter((use) => use.how === 'declared').map((use) => this.#tag(idOf(use, arg))),
      }),
    )
  }

  refsOf(cell: number): Parameters<Cache['clear']> {
    return [this.cache.ref('cell', cell), this.cache.ref('cellNow', cell), this.#tag(cell)]
  }

  /** What the function would give with no cache at all. */
  uncached(of: number, arg: number): Result {
    const parts = this.#specs[of]!.uses.flatMap((use): Part[] => {
      const cell = idOf(use, arg)
      const part = { cell, version: this.cells[cell]! }
      if (use.how === 'call' || use.how === 'attempt') return [of === 0 ? part : this.uncached(use.target % of, cell % ARGS)]
      if (use.how !== 'branch' || part.version % 2 === 0) return [part]
      const next = (cell + 1) % CELLS
      return [part, { cell: next, version: this.cells[next]! }]
    })
    return { of, arg, parts }
  }

  async #run(of: number, arg: number): Promise<Result> {
    const key = `${of} ${arg}`
    this.loads.set(key, (this.loads.get(key) ?? 0) + 1)
    const { uses, together } = this.#specs[of]!
    await this.#step()
    const parts: Part[][] = []
    if (together) parts.push(...(await Promise.all(uses.map((use) => this.#read(of, use, arg)))))
    else for (const use of uses) parts.push(await this.#read(of, use, arg))
    this.cache.track(this.repair(of))
    await this.#step()
    if (this.broken.has(of)) throw new Broken(of)
    return { of, arg, parts: parts.flat() }
  }

  async #read(of: number, use: Use, arg: number): Promise<Part[]> {
    const cell = idOf(use, arg)
    switch (use.how) {
      case 'sync':
        return [{ cell, version: this.#cellNow(cell) }]
      case 'declared':
      case 'tracked after':
      case 'tracked before':
        return [{ cell, version: await this.#readRow(use.how, cell) }]
      case 'cell':
        return [{ cell, version: await this.#cell(cell) }]
      case 'call':
      case 'attempt':
        // The lowest function has nobody to call.
        return [of === 0 ? { cell, version: await this.#cell(cell) } : await this.#call(use.target % of, cell % ARGS, use.how)]
      case 'branch':
        return this.#branch(cell)
    }
  }

  async #call(of: number, arg: number, how: Use['how']): Promise<Part> {
    try {
      return await this.functions[of]!(arg)
    } catch (error) {
      if (how === 'attempt' && error instanceof Broken) return { failed: of }
      throw error
    }
  }

  async #readRow(how: Use['how'], cell: number): Promise<number> {
    if (how === 'tracked before') this.cache.track(this.#tag(cell))
    const version = this.cells[cell]!
    await this.#step()
    if (how === 'tracked after') this.cache.track(this.#tag(cell))
    return version
  }

  /** What is read depends on what was read. */
  async #branch(cell: number): Promise<Part[]> {
    const version = await this.#cell(cell)
    const next = (cell + 1) % CELLS
    return version % 2 === 0
      ? [{ cell, version }]
      : [
          { cell, version },
          { cell: next, version: await this.#cell(next) },
        ]
  }

  /** What a result of a function depends on that fails now and then. */
  repair(of: number): ReturnType<Cache['tag']> {
    return this.cache.tag(`repair ${of}`)
  }

  #tag(cell: number): ReturnType<Cache['tag']> {
    return this.cache.tag(`cell ${cell}`)
  }
}

function idOf(use: Use, arg: number): number {
  return (use.target + (use.shifts ? arg : 0)) % CELLS
}

/** Every cell and every failure that a result was computed from. */
function leavesOf(part: Part): Exclude<Part, Result>[] {
  return 'parts' in part ? part.parts.flatMap(leavesOf) : [part]
}

/** Every call that a result was computed from, its own too. */
function callsOf(part: Part): string[] {
  return 'parts' in part ? [`${part.of} ${part.arg}`, ...part.parts.flatMap(callsOf)] : []
}

async function act(world: World, action: Action, step: () => Promise<void>): Promise<void> {
  await step()
  switch (action.do) {
    case 'write':
      return write(world, action, step)
    case 'clear call':
      return world.functions[action.target % world.functions.length]!.clear(action.arg)
    case 'break':
      world.breaks++
      return void world.broken.add(action.target % world.functions.length)
    case 'mend':
      return mend(world, action.target % world.functions.length)
    case 'wait':
      return world.clock.advance(action.ms)
    case 'read':
    case 'refresh':
    case 'peek':
      return read(world, action.do, action.target, action.arg)
  }
}

async function write(world: World, { cell, by, slowly }: Action & { do: 'write' }, step: () => Promise<void>): Promise<void> {
  world.cells[cell] = world.cells[cell]! + 1
  if (slowly) await step()
  const { cache } = world
  const refs = world.refsOf(cell)
  const done = {
    clear: () => cache.clear(...refs),
    'clear all': () => cache.clear(cache.ref('cell'), cache.ref('cellNow'), ...refs),
    expire: () => cache.expire(...refs),
    flush: () => cache.flush(),
  }[by]()
  world.floors[cell] = world.cells[cell]!
  await done
}

function mend(world: World, of: number): Promise<void> {
  world.broken.delete(of)
  return world.cache.clear(world.repair(of))
}

async function read(world: World, how: 'read' | 'refresh' | 'peek', target: number, arg: number): Promise<void> {
  const cached = world.functions[target % world.functions.length]!
  const floors = [...world.floors]
  const breaks = world.broken.size === 0 ? world.breaks : -1
  let parts: Part[]
  try {
    const result = await (how === 'read' ? cached(arg) : cached[how](arg))
    parts = result === undefined ? [] : leavesOf(result)
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    parts = [{ failed: error.of }]
  }
  for (const part of parts) {
    if ('version' in part)
      expect(part.version, `${how} gave cell ${part.cell} as before a clear that came first`).toBeGreaterThanOrEqual(floors[part.cell]!)
    else expect(breaks, `${how} gave a failure that was mended before it came`).not.toBe(world.breaks)
  }
}

/** Reads everything at rest: a function that is not cached would give the same. */
async function expectUncached(world: World, finish: <T>(work: Promise<T>) => Promise<T>): Promise<void> {
  for (const [of, cached] of world.functions.entries()) {
    for (let arg = 0; arg < ARGS; arg++) expect(await finish(cached(arg))).toEqual(world.uncached(of, arg))
  }
}

const anyUse: fc.Arbitrary<Use> = fc.record({
  how: fc.constantFrom<Use['how']>(
    'cell',
    'sync',
    'tracked before',
    'tracked after',
    'declared',
    'branch',
    'call',
    'call',
    'call',
    'attempt',
    'attempt',
  ),
  target: fc.nat(5),
  shifts: fc.boolean(),
})

function specs(fields: { [K in 'ttl' | 'limit' | 'stale']: readonly number[] }): fc.Arbitrary<Spec[]> {
  const spec = fc.record({
    uses: fc.array(anyUse, { minLength: 1, maxLength: 3 }),
    together: fc.boolean(),
    ttl: fc.constantFrom(...fields.ttl),
    limit: fc.constantFrom(...fields.limit),
    staleWhileRevalidate: fc.constantFrom(...fields.stale),
    staleIfError: fc.constantFrom(...fields.stale),
  })
  return fc.array(spec, { minLength: 1, maxLength: 4 })
}

function lanes(by: readonly (Action & { do: 'write' })['by'][]): fc.Arbitrary<Action[][]> {
  const target = fc.nat(3)
  const arg = fc.nat(ARGS - 1)
  const how = fc.constantFrom<'read' | 'refresh' | 'peek' | 'clear call'>('read', 'read', 'read', 'read', 'refresh', 'peek', 'clear call')
  const read = fc.record({ do: how, target, arg })
  const write = fc.record({ do: fc.constant('write'), cell: fc.nat(CELLS - 1), by: fc.constantFrom(...by), slowly: fc.boolean() })
  const fail = fc.record({ do: fc.constantFrom('break', 'mend', 'mend'), target })
  const wait = fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(60, 60, 60, 2000) })
  const action = fc.oneof<fc.WeightedArbitrary<Action>[]>(
    { arbitrary: read, weight: 8 },
    { arbitrary: write, weight: 5 },
    { arbitrary: fail, weight: 3 },
    { arbitrary: wait, weight: 2 },
  )
  return fc.array(fc.array(action, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 })
}

/** Does what each lane holds in its order, the steps of all lanes in any order, and then holds what is stored against the cells. */
async function interleave(s: fc.Scheduler, given: readonly Spec[], all: readonly (readonly Action[])[]): Promise<void> {
  const step = (): Promise<void> => s.schedule(Promise.resolve())
  const world = new World(given, step)
  const run = async (lane: readonly Action[]): Promise<void> => {
    for (const action of lane) await act(world, action, step)
  }
  await s.waitFor(Promise.all(all.map(run)))
  await s.waitIdle()
  for (const of of world.broken) await mend(world, of)
  await expectUncached(world, (work) => s.waitFor(work))
}

test('cached = uncached, whatever reads, writes and clears interleave', async () => {
  const fields = { ttl: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 50], limit: [1000, 1000, 1000, 1, 0], stale: [0] }
  const law = fc.asyncProperty(
    fc.scheduler(),
    specs(fields),
    lanes(['clear', 'clear', 'clear', 'clear all', 'expire', 'flush']),
    interleave,
  )
  await fc.assert(law, { numRuns: 1000 })
})

test('cached = uncached also where stale values may be served: never one that was cleared', async () => {
  const fields = { ttl: [50], limit: [1000, 1000, 1], stale: [1000, 0] }
  await fc.assert(fc.asyncProperty(fc.scheduler(), specs(fields), lanes(['clear', 'clear', 'clear', 'clear all', 'flush']), interleave), {
    numRuns: 1000,
  })
})

test('a clear runs again what was computed from what it covers, each call once, and nothing else', async () => {
  const fields = { ttl: [Number.POSITIVE_INFINITY], limit: [1000], stale: [0] }
  const what = fc.oneof(fc.record({ cell: fc.nat(CELLS - 1) }), fc.record({ of: fc.nat(3), arg: fc.nat(ARGS - 1) }))
  const law = fc.asyncProperty(specs(fields), fc.array(what, { minLength: 1, maxLength: 4 }), async (given, targets) => {
    const world = new World(given, () => Promise.resolve())
    await expectUncached(world, (work) => work)
    for (const target of targets) {
      const isTouched = (result: Result): boolean =>
        'cell' in target
          ? leavesOf(result).some((part) => 'cell' in part && part.cell === target.cell)
          : callsOf(result).includes(`${target.of % given.length} ${target.arg}`)
      const before = given.flatMap((_, of) => Array.from({ length: ARGS }, (_, arg) => world.uncached(of, arg)))
      const expected = before.filter(isTouched).map(({ of, arg }) => [`${of} ${arg}`, 1])
      world.loads.clear()
      if ('cell' in target) await write(world, { do: 'write', cell: target.cell, by: 'clear', slowly: false }, () => Promise.resolve())
      else await world.functions[target.of % given.length]!.clear(target.arg)
      await expectUncached(world, (work) => work)
      expect(Object.fromEntries(world.loads)).toEqual(Object.fromEntries(expected))
    }
  })
  await fc.assert(law, { numRuns: 300 })
})
