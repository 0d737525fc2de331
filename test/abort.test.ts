import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Caller } from '../src/abort.ts'
import { openCache, type Cache } from '../src/cache.ts'
import { KeyError } from '../src/errors.ts'
import { waitListeners } from '../src/flight.ts'
import type { MemoizeOptions } from '../src/index.ts'
import { any } from '../src/key.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { newFaultyStore, newMapStore } from './support/stores.ts'

let clock: Clock
let cache: Cache

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false }, clock.now)
})

/** A function that loads when its gate opens, or fails when its signal aborts, as `fetch` does. */
function newReader(options: Partial<MemoizeOptions<(id: string, signal?: AbortSignal) => Promise<string>>> = {}) {
  const gate = newGate()
  const signals: (AbortSignal | undefined)[] = []
  const read = cache.memoize(
    async (id: string, signal?: AbortSignal) => {
      signals.push(signal)
      const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
      await Promise.race([gate.wait(), aborted])
      return id
    },
    { name: 'row', ...options },
  )
  return { read, gate, signals }
}

/** Ends when all that could have been done by now has been. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('the signal of a load that nobody waits for has aborted, also for who asks for it only then', () => {
  const caller = new Caller(['1'], [])
  const audience = caller.lead(() => {})
  caller.join(audience)
  const reason = new Error('gone')
  audience.leave(reason)
  expect([caller.signal.aborted, caller.signal.reason]).toEqual([true, reason])
})

describe('a signal among the arguments', () => {
  test('is no part of the call: not of its key, and not of a ref', async () => {
    const { read, gate } = newReader()
    gate.open()
    const { signal } = new AbortController()
    expect([await read('1', signal), await read('1'), await read('1', new AbortController().signal)]).toEqual(['1', '1', '1'])
    expect([read.stats().loads, await read.peek('1', signal), await read.count('1', signal)]).toEqual([1, '1', 1])
    expect(String(read.ref('1', signal))).toBe('row("1",…)')
    await read.clear('1', signal)
    expect(await read.count()).toBe(0)
    expect([await read.refresh('1', signal), await read.many([['1', signal], ['1']])]).toEqual(['1', ['1', '1']])
    expect(read.stats().loads).toBe(2)
  })

  test('may be a property of an argument, in any place', async () => {
    let loads = 0
    const find = cache.memoize(async (_query: { name: string; signal?: AbortSignal }, _page: number) => ++loads, { name: 'find' })
    const first = cache.memoize(async (_signal: AbortSignal, id: string) => id, { name: 'first' })
    const { signal } = new AbortController()
    expect([await find({ name: 'Ada', signal }, 1), await find({ name: 'Ada' }, 1)]).toEqual([1, 1])
    expect([await find.count({ signal }), await find.count({ name: 'Ada', signal }, 1), await find.count({ name: 'Bob' })]).toEqual([
      1, 1, 0,
    ])
    expect([await first(signal, '1'), await first.count(any, '1'), await first.count(signal, '1'), await first.count(signal, '2')]).toEqual(
      ['1', 1, 1, 0],
    )
  })

  test('deeper than that is a `KeyError`', async () => {
    const find = cache.memoize(async (_query: object) => 1, { name: 'find' })
    await expect(find({ fetch: { signal: new AbortController().signal } })).rejects.toThrow(KeyError)
  })

  test('is seen beside a `key` too', async () => {
    const reason = new Error('gone')
    const read = cache.memoize(async (id: string, _signal?: AbortSignal) => id, { name: 'row', key: (id) => id })
    const whole = cache.memoize(async ({ id }: { id: string; signal?: AbortSignal }) => id, { name: 'whole', key: (query) => query })
    expect([await read('1'), await whole({ id: '1' })]).toEqual(['1', '1'])
    await expect(read('1', AbortSignal.abort(reason))).rejects.toBe(reason)
    await expect(whole({ id: '1', signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await whole({ id: '1', signal: new AbortController().signal })).toBe('1')
    expect([read.stats().loads, whole.stats().loads]).toEqual([1, 1])
  })

  test('that has aborted rejects with its reason, whatever is stored, and loads nothing', async () => {
    const { read, gate, signals } = newReader()
    gate.open()
    const reason = new Error('gone')
    const signal = AbortSignal.abort(reason)
    await expect(read('1', signal)).rejects.toBe(reason)
    expect(signals).toEqual([])
    await read('1')
    await expect(read('1', signal)).rejects.toBe(reason)
    await expect(read.peek('1', signal)).rejects.toBe(reason)
    await expect(read.refresh('1', signal)).rejects.toBe(reason)
    await expect(read.many([['1'], ['1', signal]])).rejects.toBe(reason)
    expect(signals).toHaveLength(1)
  })

  test('ends the wait of its caller at once, with its reason, and nobody else’s', async () => {
    const { read, gate, signals } = newReader()
    const [leader, joiner] = [new AbortController(), new AbortController()]
    const reason = new Error('gone')
    const calls = [read('1', leader.signal), read('1', joiner.signal), read('1')]
    leader.abort(reason)
    await expect(calls[0]).rejects.toBe(reason)
    joiner.abort('as given')
    await expect(calls[1]).rejects.toBe('as given')
    expect(signals.map((signal) => signal?.aborted)).toEqual([false])
    gate.open()
    expect([await calls[2], await read('1'), read.stats().loads]).toEqual(['1', '1', 1])
  })

  test('reaches the load as one that aborts when the last caller has left; who comes later loads anew', async () => {
    const { read, gate, signals } = newReader()
    const [leader, joiner] = [new AbortController(), new AbortController()]
    const calls = [read('1', leader.signal), read('1', joiner.signal)]
    expect(signals[0]).not.toBe(leader.signal)
    leader.abort()
    expect(signals[0]!.aborted).toBe(false)
    const reason = new Error('the last one')
    joiner.abort(reason)
    expect([signals[0]!.aborted, signals[0]!.reason]).toEqual([true, reason])
    const later = read('1')
    await expect(calls[0]).rejects.toThrow('aborted')
    await expect(calls[1]).rejects.toBe(reason)
    gate.open()
    expect([await later, signals]).toEqual(['1', [signals[0], undefined]])
    expect(read.stats()).toMatchObject({ loads: 2, errors: 0 })
  })

  test('of one who has left does not end the load of one who loads anew', async () => {
    const { read, gate, signals } = newReader()
    const [first, second] = [new AbortController(), new AbortController()]
    const left = read('1', first.signal)
    first.abort()
    const again = read('1', second.signal)
    await expect(left).rejects.toThrow('aborted')
    await settled()
    const joined = read('1')
    gate.open()
    expect([await again, await joined, signals.map((signal) => signal?.aborted)]).toEqual(['1', '1', [true, false]])
  })

  test('is not listened to any longer than its call takes', async () => {
    const { read, gate } = newReader()
    const { signal } = new AbortController()
    const failing = cache.memoize(async (_signal: AbortSignal) => Promise.reject(new Error('broken')), { name: 'failing' })
    const call = Promise.all([read('1', signal), read('1', signal), read.many([['2', signal]])])
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    gate.open()
    await call
    await read('1', signal)
    await expect(failing(signal)).rejects.toThrow('broken')
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('that aborts makes no unhandled rejection, also where nobody awaits', async () => {
    const seen: unknown[] = []
    const listen = (reason: unknown) => void seen.push(reason)
    process.on('unhandledRejection', listen)
    onTestFinished(() => void process.off('unhandledRejection', listen))
    const { read } = newReader()
    const controller = new AbortController()
    const calls = [read('1', controller.signal), read('1', controller.signal), read.refresh('1', controller.signal)]
    controller.abort(new Error('gone'))
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await settled()
    expect(seen).toEqual([])
  })

  test('that aborts while its load looks for an entry keeps it out of the line for a lane', async () => {
    const looking = newGate()
    const store = newFaultyStore(newMapStore())
    const { read, gate } = newReader({ store, concurrency: 1 })
    const first = read('1')
    await gate.reached()
    store.turn(['get'], looking)
    const controller = new AbortController()
    const left = read('2', controller.signal)
    await looking.reached()
    controller.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    looking.open()
    await settled()
    expect(waitListeners.size).toBe(0)
    gate.open()
    expect([await first, read.stats().loads]).toEqual(['1', 1])
  })

  test('takes callers out of the line for a lane, and those behind them get theirs', async () => {
    const gates = new Map(['a', 'b', 'c', 'd'].map((id) => [id, newGate()]))
    const begun: string[] = []
    const read = cache.memoize(
      async (id: string, _signal?: AbortSignal) => {
        begun.push(id)
        await gates.get(id)!.wait()
        return id
      },
      { name: 'row', concurrency: 1 },
    )
    const [leaving, sharing] = [new AbortController(), new AbortController()]
    const first = read('a')
    await gates.get('a')!.reached()
    const left = [read('b', leaving.signal), read('b', leaving.signal), read('c', sharing.signal)]
    const kept = [read('c'), read('d')]
    await settled()
    leaving.abort(new Error('gone'))
    sharing.abort(new Error('gone'))
    for (const call of left) await expect(call).rejects.toThrow('gone')
    gates.get('a')!.open()
    expect(await first).toBe('a')
    await gates.get('c')!.reached()
    // Nobody waits for b any more, somebody still for c, and one lane is one load at a time.
    expect(begun).toEqual(['a', 'c'])
    gates.get('c')!.open()
    await gates.get('d')!.reached()
    gates.get('d')!.open()
    expect(await Promise.all(kept)).toEqual(['c', 'd'])
    gates.get('b')!.open()
    expect([await read('b'), begun, read.stats().errors]).toEqual(['b', ['a', 'c', 'd', 'b'], 0])
  })

  test('gives the lane of a load that ends by it to the next in line', async () => {
    const { read, gate, signals } = newReader({ concurrency: 1 })
    const controller = new AbortController()
    const left = read('1', controller.signal)
    await gate.reached()
    const waiting = read('2')
    await settled()
    expect(signals.length).toBe(1)
    controller.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await gate.reached(2)
    gate.open()
    expect([await waiting, await read('1')]).toEqual(['2', '1'])
  })

  test('does not end a refresh behind a stale value', async () => {
    const gate = newGate()
    let loads = 0
    let given: AbortSignal | undefined
    const read = cache.memoize(
      async (_id: string, signal?: AbortSignal) => {
        given = signal
        if (++loads === 2) await gate.wait()
        return loads
      },
      { name: 'row', ttl: '1s', staleWhileRevalidate: '1m' },
    )
    await read('1')
    clock.advance(1000)
    const controller = new AbortController()
    expect(await read('1', controller.signal)).toBe(1)
    controller.abort()
    await gate.reached()
    expect(given!.aborted).toBe(false)
    gate.open()
    await settled()
    expect(await read('1')).toBe(2)
  })

  test('ends each call of a `many` for itself', async () => {
    const gate = newGate()
    const seen: AbortSignal[] = []
    const read = cache.memoize(async (id: string, _signal?: AbortSignal) => id, {
      name: 'row',
      loadMany: async (calls) => {
        seen.push(...calls.flatMap(([, signal]) => (signal === undefined ? [] : [signal])))
        await gate.wait()
        return calls.map(([id]) => id)
      },
    })
    const controller = new AbortController()
    const some = read.many([['1'], ['2', controller.signal]])
    const all = [read('1'), read('2')]
    await gate.reached()
    controller.abort(new Error('gone'))
    await expect(some).rejects.toThrow('gone')
    expect(seen.map((signal) => signal.aborted)).toEqual([false])
    gate.open()
    expect(await Promise.all(all)).toEqual(['1', '2'])
  })

  test('of a synchronous function is no part of the call either', () => {
    const read = cache.memoizeSync((id: string, _signal?: AbortSignal) => ({ id }), { name: 'sync' })
    const { signal } = new AbortController()
    expect(read('1', signal)).toBe(read('1'))
    expect(read.peek('1', signal)).toBe(read('1'))
    expect(() => read('1', AbortSignal.abort(new Error('gone')))).toThrow('gone')
  })

  test('may be given to any number of calls, and Node warns of no leak', async () => {
    const warnings: unknown[] = []
    const listen = (warning: Error) => void warnings.push(warning.name)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const { read, gate } = newReader()
    const { signal } = new AbortController()
    const calls = Promise.all(Array.from({ length: 30 }, (_, index) => read(`${index}`, signal)))
    gate.open()
    await calls
    await settled()
    expect(warnings).toEqual([])
  })
})
