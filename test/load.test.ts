import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import { newClock, type Clock } from './support/clock.ts'
import { newGate, type Gate } from './support/gate.ts'

let clock: Clock
let cache: Cache
let errors: CacheError[]

beforeEach(() => {
  clock = newClock()
  errors = []
  cache = openCache({ redis: false, onError: (error) => errors.push(error) }, clock.now)
})

/** What a load does next: which gate it waits at, and whether it then fails. */
interface Turn {
  readonly gate: Gate
  fails?: boolean
}

/** A row, and what is to happen to the loads that read it, one turn a load; without a turn they pass. */
class Row {
  value = 'old'
  loads = 0
  readonly #turns: Turn[] = []

  turn(): Turn {
    const turn = { gate: newGate() }
    this.#turns.push(turn)
    return turn
  }

  readonly read = async (): Promise<string> => {
    const seen = this.value
    const turn = this.#turns[this.loads++]
    await turn?.gate.wait()
    if (turn?.fails === true) throw new Error('the database is away')
    return seen
  }
}

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
    await flushed()
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

describe('staleWhileRevalidate', () => {
  const options = { name: 'row', ttl: '1m', staleWhileRevalidate: '1h' }

  test('serves the old value past the time to live, while one caller loads the new one', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    clock.advance(59_999)
    expect(await read()).toBe('old')
    expect(row.loads).toBe(1)
    clock.advance(1)
    row.turn()
    const turn = row.turn()
    expect(await Promise.all([read(), read(), read()])).toEqual(['old', 'old', 'old'])
    expect(await read()).toBe('old')
    turn.gate.open()
    await expect.poll(() => read()).toBe('new')
    expect(row.loads).toBe(2)
    expect(read.stats()).toMatchObject({ staleHits: expect.any(Number), loads: 2, errors: 0 })
  })

  test('past its window the caller waits for the new value', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    clock.advance(61 * 60_000)
    expect(await read()).toBe('new')
  })

  test('a clear while the new value loads: the old one is not served again, nor is the new one that was overtaken', async () => {
    const row = new Row()
    row.turn().gate.open()
    const turn = row.turn()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    expect(await read()).toBe('old')
    await turn.gate.reached()
    row.value = 'new'
    await read.clear()
    expect(await read()).toBe('new')
    turn.gate.open()
    await flushed()
    expect([await read(), row.loads]).toEqual(['new', 3])
  })

  test('a clear ends an old value that nobody has asked for again', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    row.value = 'new'
    await read.clear()
    expect(await read()).toBe('new')
  })

  test('an expire makes a value stale at once, and its refresh begins after it', async () => {
    const row = new Row()
    const read = cache.memoize(row.read, options)
    await read()
    row.value = 'new'
    await read.expire()
    expect(await read()).toBe('old')
    await flushed()
    expect([await read(), row.loads]).toEqual(['new', 2])
  })

  test('an expire while a refresh runs begins another: what began before it makes nothing fresh', async () => {
    const row = new Row()
    row.turn().gate.open()
    const [first, second] = [row.turn(), row.turn()]
    const read = cache.memoize(row.read, options)
    await read()
    await read.expire()
    expect(await read()).toBe('old')
    await first.gate.reached()
    row.value = 'new'
    await read.expire()
    expect(await read()).toBe('old')
    await second.gate.reached()
    second.gate.open()
    await flushed()
    first.gate.open()
    await flushed()
    expect([await read(), row.loads]).toEqual(['new', 3])
  })

  test.each([{}, { staleIfError: '1h' }])(
    'a refresh that fails keeps the old value, is reported, and is tried again by the next reader: %o',
    async (more) => {
      const row = new Row()
      row.turn().gate.open()
      const failing = [row.turn(), row.turn()]
      const read = cache.memoize(row.read, { ...options, ...more })
      await read()
      clock.advance(60_000)
      row.value = 'new'
      for (const turn of failing) {
        turn.fails = true
        turn.gate.open()
        expect(await read()).toBe('old')
        await flushed()
      }
      expect(errors.map(({ code, cause }) => [code, (cause as Error).message])).toEqual([
        ['LOAD', 'the database is away'],
        ['LOAD', 'the database is away'],
      ])
      expect(row.loads).toBe(3)
      expect(await read()).toBe('old')
      await flushed()
      expect([await read(), row.loads, cache.stats().storeErrors]).toEqual(['new', 4, 0])
    },
  )
})

describe('staleIfError', () => {
  const options = { name: 'row', ttl: '1m', staleIfError: '1h' }

  /** A row whose first load gives "old" and whose second fails once its gate is open. */
  function newFailing(): { row: Row; turn: Turn } {
    const row = new Row()
    row.turn().gate.open()
    const turn = row.turn()
    turn.fails = true
    return { row, turn }
  }

  test('serves the old value to all who wait where loading the new one fails, and reports the failure', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    const callers = [read(), read()]
    turn.gate.open()
    expect(await Promise.all(callers)).toEqual(['old', 'old'])
    expect(errors).toMatchObject([{ code: 'LOAD', cause: { message: 'the database is away' } }])
    expect(read.stats()).toMatchObject({ loads: 2, errors: 1, staleHits: 2, misses: 1 })
    row.value = 'new'
    expect(await read()).toBe('new')
  })

  test("past its window the failure is the caller's", async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(61 * 60_000)
    turn.gate.open()
    await expect(read()).rejects.toThrow('the database is away')
  })

  test('counts its window from an expire, where that came first', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    await read.expire()
    clock.advance(60 * 60_000 - 1)
    turn.gate.open()
    expect(await read()).toBe('old')
    clock.advance(1)
    const failing = row.turn()
    failing.fails = true
    failing.gate.open()
    await expect(read()).rejects.toThrow('the database is away')
  })

  test('never serves what was cleared before the load, nor while it ran', async () => {
    for (const isDuring of [false, true]) {
      const cache = openCache({ redis: false, onError: () => {} }, clock.now)
      const { row, turn } = newFailing()
      const read = cache.memoize(row.read, options)
      await read()
      clock.advance(60_000)
      if (!isDuring) await read.clear()
      const caller = read()
      await turn.gate.reached()
      if (isDuring) await read.clear()
      turn.gate.open()
      await expect(caller).rejects.toThrow('the database is away')
    }
  })

  test('serves what an expire made stale while the load ran', async () => {
    const { row, turn } = newFailing()
    const read = cache.memoize(row.read, options)
    await read()
    clock.advance(60_000)
    const caller = read()
    await turn.gate.reached()
    await read.expire()
    turn.gate.open()
    expect(await caller).toBe('old')
  })
})

describe('a result that was computed from a stale one', () => {
  test('is born stale: it is served only where stale values may be, and made anew', async () => {
    const row = new Row()
    const inner = cache.memoize(row.read, { name: 'inner', ttl: '1m', staleWhileRevalidate: '1h' })
    const strict = cache.memoize(async () => `strict of ${await inner()}`, { name: 'strict' })
    const relaxed = cache.memoize(async () => `relaxed of ${await inner()}`, { name: 'relaxed', staleWhileRevalidate: '1h' })
    await inner()
    row.value = 'new'
    clock.advance(60_000)
    const turn = [row.turn(), row.turn()][1]!
    expect([await strict(), await relaxed()]).toEqual(['strict of old', 'relaxed of old'])
    turn.gate.open()
    await flushed()
    expect(await inner()).toBe('new')
    expect(await strict()).toBe('strict of new')
    expect(await relaxed()).toBe('relaxed of old')
    await flushed()
    expect(await relaxed()).toBe('relaxed of new')
  })

  test('is born stale over any number of floors, and through a load that it joined', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner', ttl: '1m', staleWhileRevalidate: '1h' })
    const middle = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return seen
      },
      { name: 'middle' },
    )
    const outer = cache.memoize(async () => middle(), { name: 'outer' })
    await inner()
    row.value = 'new'
    clock.advance(60_000)
    const led = middle()
    await gate.reached()
    const joined = outer()
    gate.open()
    expect([await led, await joined]).toEqual(['old', 'old'])
    await flushed()
    expect([await middle(), await outer()]).toEqual(['new', 'new'])
  })

  test('is stale as well where what it read was expired before it was stored', async () => {
    const row = new Row()
    const gate = newGate()
    const inner = cache.memoize(row.read, { name: 'inner' })
    const outer = cache.memoize(
      async () => {
        const seen = await inner()
        await gate.wait()
        return seen
      },
      { name: 'outer', staleWhileRevalidate: '1h' },
    )
    const before = outer()
    await gate.reached()
    row.value = 'new'
    await inner.expire()
    gate.open()
    expect([await before, await outer()]).toEqual(['old', 'old'])
    await flushed()
    expect(await outer()).toBe('new')
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

/** Lets all that can go on without a gate or the clock go on to its end. */
function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
