import { setImmediate as nextRound } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { engineOf, openCache, type Cache } from '../src/cache.ts'
import type { Call, CallsOptions, Loaded } from '../src/call.ts'
import { Calls } from '../src/calls.ts'
import type { Codec } from '../src/index.ts'
import { keyOf } from '../src/key.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate } from './support/gate.ts'
import { Row } from './support/row.ts'

let clock: Clock
let cache: Cache

beforeEach(() => {
  clock = newClock()
  cache = openCache({ redis: false }, clock.now)
})

describe('a clear while a load runs', () => {
  const ways: [string, (cache: Cache) => Promise<void>][] = [
    ['of the call', (cache) => cache.clear(cache.ref('row', { id: '1', part: 'name' }))],
    ['of some of its arguments', (cache) => cache.clear(cache.ref('row', { id: '1' }))],
    ['of the function', (cache) => cache.clear(cache.ref('row'))],
    ['of a tag that it tracks', (cache) => cache.clear(cache.tag('table:rows'))],
    ['of a call that it reads', (cache) => cache.clear(cache.ref('inner', 'a'))],
    ['of everything', (cache) => cache.flush()],
    ['that makes it stale', (cache) => cache.expire(cache.ref('row'))],
  ]

  test.each(ways)('%s: nobody who comes after it gets what the load gives, nor is that stored', async (_, clear) => {
    for (const comesBetween of [true, false]) {
      const cache = openCache({ redis: false }, clock.now)
      const row = new Row()
      const turn = row.turn()
      const inner = cache.memoize(async (id: string) => id, { name: 'inner' })
      const load = async (_call: { id: string; part: string }): Promise<string> => {
        await inner('a')
        cache.track(cache.tag('table:rows'))
        return row.read()
      }
      const read = cache.memoize(load, { name: 'row' })
      const call = { id: '1', part: 'name' }
      const before = read(call)
      await turn.gate.reached()
      row.value = 'new'
      await clear(cache)
      const between = comesBetween ? read(call) : undefined
      turn.gate.open()
      expect(await before).toBe('old')
      if (between !== undefined) expect(await between).toBe('new')
      expect(await read(call)).toBe('new')
      expect(row.loads).toBe(2)
    }
  })

  test.each(['clear', 'expire'] as const)('a result that a %s overtook pushes nothing out', async (how) => {
    const gate = newGate()
    const read = cache.memoize(
      async (id: string) => {
        if (id === 'slow') await gate.wait()
        return id
      },
      { name: 'row', limit: 1 },
    )
    const slow = read('slow')
    await read('kept')
    await read[how]('slow')
    gate.open()
    await slow
    expect([await read.peek('kept'), read.stats().evictions]).toEqual(['kept', 0])
  })

  test('by the load itself: its result is for its caller alone', async () => {
    let loads = 0
    const read = cache.memoize(
      async () => {
        await read.clear()
        return ++loads
      },
      { name: 'row' },
    )
    expect([await read(), await read()]).toEqual([1, 2])
    expect(await Promise.all([read(), read()])).toEqual([3, 4])
  })

  test('counts when it is called, not when it is acknowledged', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, { name: 'row' })
    await read()
    row.value = 'new'
    const clearing = read.clear()
    expect(await read()).toBe('new')
    await clearing
  })

  test('of what it has read already: the outer result is not stored', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner' })
    const outer = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return `outer of ${seen}`
      },
      { name: 'outer' },
    )
    const before = outer()
    await gate.reached()
    row.value = 'new'
    await inner.clear()
    gate.open()
    expect([await before, await outer()]).toEqual(['outer of old', 'outer of new'])
  })

  test('of what it has read, which is fresh again before it ends (ABA): the outer result is not stored', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner' })
    const outer = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return `outer of ${seen}`
      },
      { name: 'outer' },
    )
    const before = outer()
    await gate.reached()
    row.value = 'new'
    await inner.clear()
    expect(await inner()).toBe('new')
    gate.open()
    expect([await before, await outer()]).toEqual(['outer of old', 'outer of new'])
    expect(inner.stats().loads).toBe(2)
  })

  test('an older load that ends last takes neither the place nor the waiters of the newer one', async () => {
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row' })
    const older = read()
    await first.gate.reached()
    row.value = 'new'
    await read.clear()
    const newer = read()
    await second.gate.reached()
    first.gate.open()
    expect(await older).toBe('old')
    const joined = read()
    second.gate.open()
    expect([await newer, await joined, await read()]).toEqual(['new', 'new', 'new'])
    expect(row.loads).toBe(2)
  })

  test('an older load that ends last does not overwrite the newer result', async () => {
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row' })
    const older = read()
    await first.gate.reached()
    row.value = 'new'
    await read.clear()
    const newer = read()
    second.gate.open()
    expect(await newer).toBe('new')
    first.gate.open()
    expect([await older, await read()]).toEqual(['old', 'new'])
  })

  test('under clears without end a herd is two loads, and who waited for an overtaken one does not wait for a third', async () => {
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    row.turn()
    const read = cache.memoize(row.read, { name: 'row' })
    const leader = read()
    await first.gate.reached()
    // Where the log has moved since the flight began, who joins it cannot take its result unseen.
    await cache.clear(cache.tag('another'))
    const callers = [read(), read(), read()]
    row.value = 'row 1'
    await read.clear()
    first.gate.open()
    await second.gate.reached()
    await nextRound()
    row.value = 'row 2'
    await read.clear()
    second.gate.open()
    expect([await leader, ...(await Promise.all(callers))]).toEqual(['old', 'row 1', 'row 1', 'row 1'])
    expect(row.loads).toBe(2)
  })

  test('by each load itself: who waited for an overtaken one may still share the next', async () => {
    const gate = newGate()
    let loads = 0
    const read = cache.memoize(
      async () => {
        const load = ++loads
        if (load === 1) await gate.wait()
        await read.clear()
        return load
      },
      { name: 'row' },
    )
    const leader = read()
    await gate.reached()
    await cache.clear(cache.tag('another'))
    const callers = [read(), read(), read()]
    gate.open()
    expect([await leader, ...(await Promise.all(callers))]).toEqual([1, 2, 2, 2])
  })
})

describe('refresh', () => {
  test('loads although a fresh value is stored, which is served meanwhile, and stores the new one', async () => {
    const row = new Row()
    row.turn().gate.open()
    const turn = row.turn()
    const read = cache.memoize(row.read, { name: 'row' })
    await read()
    row.value = 'new'
    const refreshing = read.refresh()
    await turn.gate.reached()
    expect(await read()).toBe('old')
    turn.gate.open()
    expect([await refreshing, await read(), row.loads]).toEqual(['new', 'new', 2])
  })

  test('an older one that ends last does not overwrite the newer', async () => {
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row' })
    const older = read.refresh()
    await first.gate.reached()
    row.value = 'new'
    const newer = read.refresh()
    second.gate.open()
    expect(await newer).toBe('new')
    first.gate.open()
    expect([await older, await read()]).toEqual(['old', 'new'])
  })

  test('without end, each begun before the last has ended, still stores what they give', async () => {
    const row = new Row()
    const turns = [row.turn(), row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row' })
    const running = turns.map(() => read.refresh())
    turns[0]!.gate.open()
    await running[0]
    expect([await read.peek(), await read()]).toEqual(['old', 'old'])
    for (const turn of turns) turn.gate.open()
    await Promise.all(running)
  })

  test('several at once each load, and who comes meanwhile waits for the latest where nothing is stored', async () => {
    const row = new Row()
    const turns = [row.turn(), row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row' })
    const running: Promise<string>[] = []
    for (const [index, turn] of turns.entries()) {
      row.value = `value ${index}`
      running.push(read.refresh())
      await turn.gate.reached()
    }
    const caller = read()
    turns[0]!.gate.open()
    expect(await running[0]).toBe('value 0')
    turns[2]!.gate.open()
    turns[1]!.gate.open()
    expect([...(await Promise.all(running)), await caller, await read(), row.loads]).toEqual([
      'value 0',
      'value 1',
      'value 2',
      'value 2',
      'value 2',
      3,
    ])
  })

  test('several at once of which one fails: it fails for its own caller, and what the others give is stored', async () => {
    const row = new Row()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, { name: 'row', staleIfError: '1h' })
    const running = [read.refresh()]
    await first.gate.reached()
    row.value = 'new'
    running.push(read.refresh())
    first.fails = true
    first.gate.open()
    await expect(running[0]).rejects.toThrow('the database is away')
    second.gate.open()
    expect([await running[1], await read(), row.loads]).toEqual(['new', 'new', 2])
  })

  test('one that a clear overtook is not stored', async () => {
    const row = new Row()
    const turn = row.turn()
    const read = cache.memoize(row.read, { name: 'row' })
    const refreshing = read.refresh()
    await turn.gate.reached()
    row.value = 'new'
    await read.clear()
    turn.gate.open()
    expect([await refreshing, await read()]).toEqual(['old', 'new'])
  })
})

describe('arguments that are changed while their call runs', () => {
  interface Filter {
    author: string
    tags: string[]
  }

  /** A function that is called with an object, which changes before it is loaded and before it ends. */
  function newChanging() {
    const gate = newGate()
    const read = cache.memoize(
      async (filter: Filter) => {
        const { author } = filter
        await gate.wait()
        return author
      },
      { name: 'posts' },
    )
    return { read, gate }
  }

  const filterOf = (author: string): Filter => ({ author, tags: ['x'] })

  test('are those of the call: its key was made when it was called', async () => {
    const { read, gate } = newChanging()
    const filter = filterOf('42')
    const running = read(filter)
    filter.author = '7'
    filter.tags.push('y')
    const other = read(filter)
    await gate.reached(2)
    const joined = read(filterOf('42'))
    gate.open()
    expect([await running, await other, await joined]).toEqual(['42', '7', '42'])
    expect([await read(filterOf('42')), await read.peek(filterOf('7')), read.stats().loads]).toEqual(['42', undefined, 2])
    expect([await read.peek(filter), await read.count({ author: '42' }), await read.count({ author: '7' })]).toEqual(['7', 1, 1])
    await read.clear({ author: '42' })
    expect([await read.peek(filterOf('42')), await read.peek(filter)]).toEqual([undefined, '7'])
  })

  test('are those of each of several calls at once', async () => {
    const { read, gate } = newChanging()
    gate.open()
    const filter = filterOf('1')
    const list: [Filter][] = [[filter], [filterOf('2')]]
    const running = read.many(list)
    filter.author = '3'
    list.length = 0
    expect(await running).toHaveLength(2)
    expect([await read.count({ author: '1' }), await read.count({ author: '2' }), await read.count({ author: '3' })]).toEqual([1, 1, 0])
  })

  test('are those of a ref, once it was made', async () => {
    const { read, gate } = newChanging()
    gate.open()
    await read(filterOf('42'))
    await read(filterOf('7'))
    const filter = filterOf('42')
    const ref = read.ref(filter)
    filter.author = '7'
    await cache.clear(ref)
    expect([await read.peek(filterOf('42')), await read.peek(filterOf('7'))]).toEqual([undefined, '7'])
  })

  test('keep what their load gives from everybody else, where it begins later than its call', async () => {
    const gate = newGate()
    const read = cache.memoize(
      async ({ author }: Filter) => {
        if (author === 'first') await gate.wait()
        return author
      },
      { name: 'in line', concurrency: 1 },
    )
    const first = read(filterOf('first'))
    await gate.reached()
    const filter = filterOf('42')
    const [running, joined] = [read(filter), read(filterOf('42'))]
    filter.author = '7'
    gate.open()
    expect([await first, await running, await joined]).toEqual(['first', '7', '42'])
    expect([await read(filterOf('42')), await read.peek(filterOf('7'))]).toEqual(['42', undefined])
  })

  test('are those of a synchronous function that changes its own', async () => {
    const take = cache.memoizeSync((stack: string[]) => stack.pop(), { name: 'take' })
    const stack = ['a', 'b']
    expect(take(stack)).toBe('b')
    expect([stack, take.peek(['a', 'b']), take.peek(['a'])]).toEqual([['a'], 'b', undefined])
    await take.clear(['a', 'b'])
    expect(take.peek(['a', 'b'])).toBe(undefined)
  })
})

const codec: Codec<string> = { encode: (text) => Buffer.from(text), decode: (bytes) => Buffer.from(bytes).toString() }
const newCalls = (options: Partial<CallsOptions<string>> = {}): Calls<string> =>
  new Calls(engineOf(cache), {
    name: 'row',
    ttl: 1000,
    limit: 10,
    limitInRedis: undefined,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    place: 'memory',
    codec,
    size: () => 1,
    declaredFor: () => [],
    ...options,
  })
const callOf = (calls: Calls<string>, arg: string): Call => calls.call([arg], keyOf([arg]))

describe('what a load gives of other calls of its name', () => {
  test('is stored as theirs, for its own time', async () => {
    const calls = newCalls()
    const [a, b] = [callOf(calls, 'a'), callOf(calls, 'b')]
    await calls.serve(a, () => ({ value: 'of a', store: true, share: true, also: [{ call: b, value: 'of b', ttl: 5000 }] }))
    expect([calls.fresh(a.key)?.value, calls.fresh(b.key)?.value]).toEqual(['of a', 'of b'])
    clock.advance(1000)
    expect([calls.fresh(a.key)?.value, calls.fresh(b.key)?.value]).toEqual([undefined, 'of b'])
    await cache.clear(cache.ref('row', 'b'))
    expect(calls.fresh(b.key)).toBeUndefined()
  })

  test('is stored where its own is not', async () => {
    const calls = newCalls()
    const [a, b] = [callOf(calls, 'a'), callOf(calls, 'b')]
    await calls.serve(a, () => ({ value: 'of a', store: false, share: true, also: [{ call: b, value: 'of b', ttl: 5000 }] }))
    expect([calls.fresh(a.key)?.value, calls.fresh(b.key)?.value]).toEqual([undefined, 'of b'])
  })

  test('depends on all that was read, and is not stored where that was cleared meanwhile', async () => {
    const inner = cache.memoize(async () => 'x', { name: 'inner' })
    const calls = newCalls()
    const [a, b] = [callOf(calls, 'a'), callOf(calls, 'b')]
    const gate = newGate()
    const load = async (): Promise<Loaded<string>> => {
      await inner()
      await gate.wait()
      return { value: 'of a', store: true, share: true, also: [{ call: b, value: 'of b', ttl: 5000 }] }
    }
    const overtaken = calls.serve(a, load)
    await gate.reached()
    await inner.clear()
    gate.open()
    await overtaken
    expect(calls.fresh(b.key)).toBeUndefined()
    await calls.serve(a, load)
    expect(calls.fresh(b.key)?.value).toBe('of b')
    await inner.clear()
    expect(calls.fresh(b.key)).toBeUndefined()
  })

  test('a sign is no hit where it is found', async () => {
    const calls = newCalls({ isSign: (value) => value === 'sign' })
    const [a, b] = [callOf(calls, 'a'), callOf(calls, 'b')]
    const load = (value: string) => () => ({ value, store: true, share: true })
    await calls.serve(a, load('sign'))
    await calls.serve(b, load('of b'))
    for (const { key } of [a, b]) calls.fresh(key)
    for (const call of [a, b]) await calls.serve(call, load('other'))
    expect(calls.stats()).toMatchObject({ hits: 2, misses: 2 })
  })
})

describe('a stale value', () => {
  const loaded = (value: string): Loaded<string> => ({ value, store: true, share: true })

  async function stale(): Promise<{ calls: Calls<string>; call: Call }> {
    const calls = newCalls({ staleWhileRevalidate: 10_000 })
    const call = callOf(calls, 'a')
    await calls.serve(call, () => loaded('old'))
    clock.advance(2000)
    return { calls, call }
  }

  test('is loaded anew behind by what its caller names for that, which begins only then', async () => {
    const { calls, call } = await stale()
    let begun = 0
    const refresh = () => (begun++, () => loaded('new'))
    const fail = (): never => expect.unreachable()
    expect(await calls.serve(call, fail, { refresh })).toMatchObject({ from: 'store', stale: true, entry: { value: 'old' } })
    await nextRound()
    expect(await calls.serve(call, fail, { refresh })).toMatchObject({ from: 'store', stale: false, entry: { value: 'new' } })
    expect(begun).toBe(1)
  })

  test('that nothing can load behind is loaded by one caller, and served to those who come meanwhile', async () => {
    const { calls, call } = await stale()
    const gate = newGate()
    const load = async (): Promise<Loaded<string>> => (await gate.wait(), loaded('new'))
    const leader = calls.serve(call, load, { refresh: false })
    await gate.reached()
    for (const refresh of [false, () => load] as const) {
      expect(await calls.serve(call, load, { refresh })).toMatchObject({ from: 'store', stale: true, entry: { value: 'old' } })
    }
    gate.open()
    expect(await leader).toMatchObject({ from: 'load', entry: { value: 'new' } })
    expect(calls.stats().loads).toBe(2)
  })
})
