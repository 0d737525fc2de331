// A hit asks who reads it only while somebody loads: whatever loads do, what they read is known, and after them nobody is asked.
import { setImmediate as nextRound } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import { Calls } from '../src/calls.ts'
import type { CachedFunction } from '../src/index.ts'
import { Frame } from '../src/tracking.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

let clock: Clock
let cache: Cache
let row: string

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false, onError: () => {} }, clock.now)
  row = 'old'
})

function isIdle(of: Cache = cache): boolean {
  const { tracker, transactions } = engineOf(of)
  return tracker.isIdle && transactions.isIdle
}

function newRow(of: Cache = cache) {
  return of.memoize(async (_id: string) => row, { name: 'row' })
}

describe('a load is going on until it has ended, and no longer', () => {
  test('one that waits, and one within it', async () => {
    const gate = newGate()
    const inner = cache.memoize(() => gate.wait().then(() => row), { name: 'inner' })
    const outer = cache.memoize(async () => inner(), { name: 'outer' })
    expect(isIdle()).toBe(true)
    const answers = [outer(), outer(), inner()]
    await gate.reached()
    expect(isIdle()).toBe(false)
    gate.open()
    expect(await Promise.all(answers)).toEqual(['old', 'old', 'old'])
    expect(isIdle()).toBe(true)
  })

  test('one that fails, at once or later', async () => {
    const throws = cache.memoize(
      (): Promise<string> => {
        throw new Error('at once')
      },
      { name: 'throws' },
    )
    const rejects = cache.memoize(async () => Promise.reject(new Error('later')), { name: 'rejects' })
    await expect(throws()).rejects.toThrow('at once')
    await expect(rejects()).rejects.toThrow('later')
    expect(isIdle()).toBe(true)
  })

  test('one that nobody waits for any more', async () => {
    const gate = newGate()
    const load = cache.memoize((_signal: AbortSignal) => gate.wait().then(() => row), { name: 'load' })
    const controller = new AbortController()
    const answer = load(controller.signal)
    await gate.reached()
    controller.abort()
    await expect(answer).rejects.toThrow('aborted')
    gate.open()
    await nextRound()
    expect(isIdle()).toBe(true)
  })

  test('one that takes longer than it may, and one behind a value that is served in its place', async () => {
    const gate = newGate()
    const timed = cache.memoize(() => gate.wait().then(() => row), { name: 'timed', loadTimeout: 1 })
    await expect(timed()).rejects.toThrow('loadTimeout')
    expect(isIdle()).toBe(true)
    const slow = cache.memoize(() => (row === 'old' ? Promise.resolve(row) : gate.wait().then(() => row)), {
      name: 'slow',
      ttl: 10,
      staleIfError: 1000,
      softTimeout: 1,
    })
    await slow()
    row = 'new'
    clock.advance(20)
    expect(await slow()).toBe('old')
    expect(isIdle()).toBe(false)
    gate.open()
    await nextRound()
    expect(isIdle()).toBe(true)
  })

  test('one of a synchronous function, also where it throws', () => {
    const read = cache.memoizeSync(() => row, { name: 'sync' })
    const over = cache.memoizeSync(
      (): string => {
        read()
        throw new Error('over')
      },
      { name: 'over' },
    )
    expect(() => over()).toThrow('over')
    expect([read(), isIdle()]).toEqual(['old', true])
  })

  test('those of many calls, one by one and at once', async () => {
    const read = newRow()
    const load = (id: string) => read(id)
    const single = cache.memoize(load, { name: 'single' })
    const together = cache.memoize(load, {
      name: 'together',
      loadMany: (calls) => Promise.all(calls.map(async ([id]) => (id === 'bad' ? new Error('bad') : await load(id)))),
    })
    await single.many([['1'], ['2']])
    await together.many([['1'], ['2']])
    await expect(together.many([['3'], ['bad']])).rejects.toThrow('bad')
    expect(isIdle()).toBe(true)
  })

  test('a value that a change gives, kept or not', async () => {
    const calls = new Calls<string>(engineOf(cache), {
      name: 'page',
      ttl: 1000,
      limit: 10,
      limitInRedis: undefined,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      place: 'memory',
      codec: { encode: (text) => Buffer.from(text), decode: (bytes) => Buffer.from(bytes).toString() },
      declaredFor: () => [],
    })
    const read = newRow()
    for (const end of ['keep', 'drop'] as const) {
      const written = calls.written(calls.call(['1'], '"1"'), [])
      await written.within(() => read(end))
      expect(isIdle()).toBe(false)
      if (end === 'keep') written.keep({ value: 'value', store: true, share: true })
      else written.drop()
      expect(isIdle()).toBe(true)
    }
  })

  test('one that has ended is counted neither twice nor again', () => {
    const { tracker } = engineOf(cache)
    const [first, other] = [new Frame(0, undefined), new Frame(0, undefined)]
    tracker.run(other, () => {
      tracker.run(first, () => tracker.run(first, () => expect(tracker.current()).toBe(first)))
      first.end()
      first.close()
      expect(tracker.current()).toBe(other)
      tracker.run(first, () => expect(tracker.current()).toBe(other))
      other.end()
      expect([tracker.current(), tracker.isIdle]).toEqual([undefined, true])
    })
  })

  test('one of another cache is not this one', async () => {
    const other = openCache({ redis: false }, clock.now)
    const gate = newGate()
    const there = other.memoize(() => gate.wait(), { name: 'there' })
    const answer = there()
    await gate.reached()
    expect([isIdle(), isIdle(other)]).toEqual([true, false])
    gate.open()
    await answer
    expect(isIdle(other)).toBe(true)
  })
})

test('a transaction is open until its work has ended, well or not', async () => {
  const gate = newGate()
  const works = [cache.transaction(() => gate.wait()), cache.transaction(() => gate.wait().then(() => Promise.reject(new Error('work'))))]
  await gate.reached(2)
  expect(isIdle()).toBe(false)
  gate.open()
  await Promise.allSettled(works)
  expect(isIdle()).toBe(true)
  await expect(
    cache.transaction(() => {
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
  expect(isIdle()).toBe(true)
})

const ROWS = 3

/** A load of one of two caches: which rows it reads by which, and whether it fails. */
interface Spec {
  readonly cache: 0 | 1
  readonly rows: readonly number[]
  readonly fails: boolean
  readonly inTransaction: boolean
  readonly over: number
}

const specs: fc.Arbitrary<Spec[]> = fc.array(
  fc.record({
    cache: fc.constantFrom(0 as const, 1 as const),
    rows: fc.array(fc.nat(ROWS - 1), { maxLength: 3 }),
    fails: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    inTransaction: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    over: fc.nat(3),
  }),
  { minLength: 1, maxLength: 6 },
)

test('in whatever order loads go on and end, what each has read is known', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), specs, fc.nat(ROWS - 1), async (scheduler, given, changed) => {
      const caches = [0, 1].map(() => openCache({ redis: false, onError: () => {} }, clock.now))
      const rows = Array.from({ length: ROWS }, () => 0)
      const turn = () => scheduler.schedule(Promise.resolve())
      const reads = caches.map((it) => it.memoize(async (n: number) => turn().then(() => rows[n]!), { name: 'row' }))
      let isOver = false
      const loads: Array<CachedFunction<() => Promise<string>>> = []
      for (const [index, spec] of given.entries()) {
        const work = async (): Promise<string> => {
          const values: unknown[] = []
          for (const n of spec.rows) {
            await turn()
            values.push(await reads[spec.cache]!(n))
          }
          const over = spec.over < index ? await loads[spec.over]!() : undefined
          // What a load reads of another cache is no part of what its own knows.
          values.push(given[spec.over]?.cache === spec.cache && over)
          await turn()
          if (spec.fails && !isOver) throw new Error('failed')
          return JSON.stringify(values)
        }
        const it = caches[spec.cache]!
        loads.push(it.memoize(spec.inTransaction ? () => it.transaction(work) : work, { name: `load${index}` }))
      }
      const answers = loads.flatMap((load) => [
        load().catch(() => ''),
        turn()
          .then(load)
          .catch(() => ''),
      ])
      await scheduler.waitFor(Promise.all(answers))
      expect(caches.map(isIdle)).toEqual([true, true])
      isOver = true
      const settle = () => scheduler.waitFor(Promise.all(loads.map((load) => load())))
      await settle()
      rows[changed] = 1
      for (const read of reads) await read.clear(changed)
      const cleared = await settle()
      for (const load of loads) await load.clear()
      expect(cleared).toEqual(await settle())
      expect(caches.map(isIdle)).toEqual([true, true])
    }),
    { numRuns: 60 },
  )
})
