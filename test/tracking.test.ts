import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks'
import { setImmediate as nextRound } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { collected } from './support/garbage.ts'
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

/** A cached function that reads the row. */
function newRow(options: { readonly ttl?: number; readonly staleWhileRevalidate?: number } = {}) {
  return cache.memoize(async (_id: string) => row, { name: 'row', ...options })
}

/** Two cached functions, one over the other, over what reads the row. */
function newTower(read: () => Promise<string>) {
  const middle = cache.memoize(read, { name: 'middle' })
  const top = cache.memoize(async () => middle(), { name: 'top' })
  return { middle, top }
}

describe('what a load reads reaches every load around it', () => {
  test('on a miss', async () => {
    const read = newRow()
    const { top } = newTower(() => read('1'))
    expect(await top()).toBe('old')
    row = 'new'
    await read.clear('1')
    expect(await top()).toBe('new')
  })

  test('on a hit', async () => {
    const read = newRow()
    const { middle, top } = newTower(() => read('1'))
    await read('1')
    await middle()
    expect(await top()).toBe('old')
    row = 'new'
    await read.clear('1')
    expect(await top()).toBe('new')
  })

  test('where it waited for the load of another caller', async () => {
    const gate = newGate()
    const inner = newRow()
    const read = async (): Promise<string> => {
      const seen = await inner('1')
      await gate.wait()
      return seen
    }
    const { middle, top } = newTower(read)
    const first = middle()
    await gate.reached()
    const joined = top()
    gate.open()
    expect(await Promise.all([first, joined])).toEqual(['old', 'old'])
    row = 'new'
    await inner.clear('1')
    expect(await top()).toBe('new')
  })

  test('where it was served a stale value', async () => {
    const inner = newRow()
    const middle = cache.memoize(async () => inner('1'), { name: 'middle', ttl: 1000, staleWhileRevalidate: 60_000 })
    const top = cache.memoize(async () => middle(), { name: 'top', staleWhileRevalidate: 60_000 })
    await middle()
    clock.advance(1000)
    expect(await top()).toBe('old')
    row = 'new'
    await inner.clear('1')
    expect(await top()).toBe('new')
  })

  test('from a synchronous function, and through one', async () => {
    const readNow = cache.memoizeSync(() => row, { name: 'now' })
    const sync = cache.memoizeSync(() => `${readNow()}!`, { name: 'sync' })
    const { top } = newTower(async () => sync())
    expect(await top()).toBe('old!')
    row = 'new'
    await readNow.clear()
    expect([sync(), await top()]).toEqual(['new!', 'new!'])
  })

  test('from `ttl` and `shouldCache`, which say what becomes of its result', async () => {
    const settings = cache.memoizeSync((_id: string) => row, { name: 'settings' })
    let loads = 0
    const read = cache.memoize(async () => ++loads, {
      name: 'read',
      shouldCache: () => settings('1') !== '',
      ttl: () => (settings('2') === '' ? 1 : 1000),
    })
    const outer = cache.memoize(async () => read(), { name: 'outer' })
    for (const [runs, id] of ['1', '2'].entries()) {
      expect(await outer()).toBe(runs + 1)
      await settings.clear(id)
    }
    expect(await outer()).toBe(3)
  })

  test('from a peek, whether there was something to see or not', async () => {
    const inner = newRow()
    const read = cache.memoize(async () => inner('1'), { name: 'read' })
    const { top } = newTower(async () => (await read.peek()) ?? 'nothing')
    expect(await top()).toBe('nothing')
    await read()
    await read.clear()
    await read()
    expect(await top()).toBe('old')
    await inner.clear('1')
    expect(await top()).toBe('nothing')
  })

  test('from a synchronous peek', async () => {
    const inner = cache.memoizeSync(() => row, { name: 'inner' })
    const read = cache.memoizeSync(() => inner(), { name: 'read' })
    const { top } = newTower(async () => read.peek() ?? 'nothing')
    expect(await top()).toBe('nothing')
    read()
    await read.clear()
    read()
    expect(await top()).toBe('old')
    await inner.clear()
    expect(await top()).toBe('nothing')
  })

  test('from a refresh', async () => {
    const read = newRow()
    const { top } = newTower(() => read.refresh('1'))
    expect(await top()).toBe('old')
    row = 'new'
    await read.clear('1')
    expect(await top()).toBe('new')
  })

  test('from a load that failed, where its failure was caught', async () => {
    let isBroken = true
    const rights = cache.memoize(async () => isBroken, { name: 'rights' })
    const read = cache.memoize(
      async () => {
        if (await rights()) throw new Error('no access')
        return 'row'
      },
      { name: 'row' },
    )
    const { top } = newTower(() => read().catch((error: Error) => error.message))
    expect(await top()).toBe('no access')
    isBroken = false
    await rights.clear()
    expect(await top()).toBe('row')
  })

  test('from a failed load of another caller that it waited for', async () => {
    const gate = newGate()
    let isBroken = true
    const rights = cache.memoize(async () => isBroken, { name: 'rights' })
    const read = cache.memoize(
      async () => {
        const fails = await rights()
        await gate.wait()
        if (fails) throw new Error('no access')
        return 'row'
      },
      { name: 'row' },
    )
    const { top } = newTower(() => read().catch((error: Error) => error.message))
    const first = Promise.allSettled([read()])
    await gate.reached()
    const joined = top()
    gate.open()
    await first
    expect(await joined).toBe('no access')
    isBroken = false
    await rights.clear()
    expect(await top()).toBe('row')
  })

  test("as it was when it was read: what the inner one depends on later is not the outer one's", async () => {
    let usesRow = true
    const read = newRow()
    const middle = cache.memoize(async () => (usesRow ? read('1') : 'own'), { name: 'middle', ttl: 1000 })
    let loads = 0
    const top = cache.memoize(
      async () => {
        loads++
        return middle()
      },
      { name: 'top' },
    )
    usesRow = false
    await top()
    usesRow = true
    clock.advance(1000)
    await middle()
    await read.clear('1')
    expect([await top(), loads]).toEqual(['own', 1])
  })
})

describe('children in parallel', () => {
  test('all of Promise.all count', async () => {
    const read = newRow()
    const { top } = newTower(async () => (await Promise.all(['1', '2', '3'].map((id) => read(id)))).join())
    for (const id of ['1', '2', '3']) {
      row = 'old'
      await read.clear()
      expect(await top()).toBe('old,old,old')
      row = 'new'
      await read.clear(id)
      expect((await top()).split(',').filter((it) => it === 'new')).toHaveLength(1)
    }
  })

  test('one that ends after its parent was stored changes nothing: neither what is stored nor what clears it', async () => {
    const gate = newGate()
    const late = cache.memoize(
      async () => {
        cache.track(cache.tag('before'))
        await gate.wait()
        cache.track(cache.tag('after'))
        return 'late'
      },
      { name: 'late' },
    )
    const detached: Promise<unknown>[] = []
    let loads = 0
    const parent = cache.memoize(
      async () => {
        detached.push(late())
        return ++loads
      },
      { name: 'parent' },
    )
    const grand = cache.memoize(async () => parent(), { name: 'grand' })
    expect(await grand()).toBe(1)
    gate.open()
    expect(await Promise.all(detached)).toEqual(['late'])
    await cache.clear(cache.tag('before'), cache.tag('after'))
    expect([await parent(), await grand(), await late.peek()]).toEqual([1, 1, undefined])
  })

  test('the loser of a race does not hold up its parent, and its call still counts', async () => {
    const gate = newGate()
    const slow = cache.memoize(
      async () => {
        await gate.wait()
        return 'slow'
      },
      { name: 'slow' },
    )
    const read = newRow()
    const parent = cache.memoize(async () => Promise.race([slow(), read('1')]), { name: 'parent' })
    expect(await parent()).toBe('old')
    gate.open()
    await nextRound()
    await parent()
    expect(parent.stats().loads).toBe(1)
    await slow.clear()
    await parent()
    expect(parent.stats().loads).toBe(2)
  })

  test('what a load starts and leaves behind belongs to nobody once it has ended', async () => {
    const gate = newGate()
    const read = newRow()
    const behind: Promise<void>[] = []
    const work = async (): Promise<void> => {
      await gate.wait()
      await read('1')
      cache.track(cache.tag('work'))
    }
    const parent = cache.memoize(
      async () => {
        behind.push(work())
        return row
      },
      { name: 'parent' },
    )
    expect(await parent()).toBe('old')
    gate.open()
    await Promise.all(behind)
    row = 'new'
    await Promise.all([read.clear('1'), cache.clear(cache.tag('work'))])
    expect(await parent()).toBe('old')
  })

  test("what a load leaves behind, and the load around it waits for, is the outer one's", async () => {
    const gate = newGate()
    const read = newRow()
    const work = async (): Promise<string> => {
      await gate.wait()
      return read('1')
    }
    const inner = cache.memoize(async () => ({ later: work() }), { name: 'inner', limit: 0 })
    const outer = cache.memoize(
      async () => {
        const { later } = await inner()
        gate.open()
        return later
      },
      { name: 'outer' },
    )
    expect(await outer()).toBe('old')
    row = 'new'
    await read.clear('1')
    expect(await outer()).toBe('new')
  })

  test('each load that shares a batch keeps what it tracks itself', async () => {
    let batch: Promise<Map<string, string>> | undefined
    const ids: string[] = []
    const fetchAll = async (): Promise<Map<string, string>> => {
      await nextRound()
      batch = undefined
      return new Map(ids.splice(0).map((id) => [id, row]))
    }
    const read = cache.memoize(
      async (id: string) => {
        ids.push(id)
        cache.track(cache.tag(`row:${id}`))
        return (await (batch ??= fetchAll())).get(id)
      },
      { name: 'row' },
    )
    await Promise.all([read('1'), read('2')])
    row = 'new'
    await cache.clear(cache.tag('row:2'))
    expect(await Promise.all([read('1'), read('2')])).toEqual(['old', 'new'])
  })

  test('a function within itself, with other arguments: each has its own dependencies', async () => {
    const cells: Record<string, number> = { a: 1, b: 10, c: 100 }
    const cell = cache.memoize(async (name: string) => cells[name] ?? 0, { name: 'cell' })
    let loads = 0
    const sum: (names: string) => Promise<number> = cache.memoize(
      async (names) => {
        loads++
        return names === '' ? 0 : (await cell(names[0]!)) + (await sum(names.slice(1)))
      },
      { name: 'sum' },
    )
    expect([await sum('abc'), loads]).toEqual([111, 4])
    cells['b'] = 20
    await cell.clear('b')
    loads = 0
    expect([await sum('c'), loads]).toEqual([100, 0])
    expect([await sum('abc'), loads]).toEqual([121, 2])
  })
})

describe('many dependencies', () => {
  test('past the bound the functions count as a whole, and none is forgotten', async () => {
    const cells = Array.from({ length: 2000 }, () => 0)
    const cell = cache.memoize(async (id: number) => cells[id]!, { name: 'cell', limit: -1 })
    const other = cache.memoize(async () => row, { name: 'other' })
    const sum = cache.memoize(
      async () => {
        const name = await other()
        const all = await Promise.all(cells.map((_, id) => cell(id)))
        return `${name} ${all.reduce((a, b) => a + b)}`
      },
      { name: 'sum' },
    )
    expect(await sum()).toBe('old 0')
    for (const id of [0, 499, 1999]) {
      cells[id] = 1
      await cell.clear(id)
    }
    expect(await sum()).toBe('old 3')
    row = 'new'
    await other.clear()
    expect(await sum()).toBe('new 3')
    await cache.clear(cache.ref('unrelated'))
    expect([await sum(), sum.stats().loads, await sum.count()]).toEqual(['new 3', 3, 1])
    await cell.clear(2001)
    await sum()
    expect(sum.stats().loads).toBe(4)
  })

  test('past the bound only the functions with the most refs count as a whole: the others, tags and the call itself stay exact', async () => {
    const cell = cache.memoize(async (id: number) => id, { name: 'cell', limit: -1 })
    const sum = cache.memoize(
      async (of: string) => {
        cache.track(cache.tag('table:cells'), cache.ref('other', 1))
        await Promise.all(Array.from({ length: 600 }, (_, id) => cell(id)))
        return of
      },
      { name: 'sum' },
    )
    await Promise.all([sum('a'), sum('b')])
    await cache.clear(cache.tag('table:others'), cache.ref('other', 2), sum.ref('b'))
    expect([await sum.peek('a'), await sum.peek('b'), await sum.count('a'), await sum.count('b')]).toEqual(['a', undefined, 1, 0])
    for (const cause of [cache.tag('table:cells'), cache.ref('other', 1), cell.ref(9999)]) {
      await sum('a')
      await cache.clear(cause)
      expect(await sum.peek('a'), String(cause)).toBeUndefined()
    }
  })

  test('a load may track thousands of refs without a pause that grows with their square', async () => {
    const list = cache.memoize(
      async () => {
        cache.track(...Array.from({ length: 20_000 }, (_, id) => cache.tag(`row:${id}`)))
        return row
      },
      { name: 'list' },
    )
    const start = performance.now()
    await list()
    expect(performance.now() - start).toBeLessThan(5000)
    row = 'new'
    await cache.clear(cache.tag('row:19999'))
    expect(await list()).toBe('new')
  })
})

describe('a background refresh', () => {
  /** A function that notes whose context each of its loads runs in, and its caller in a context that is stale by now. */
  async function newStale(load: () => Promise<void> = async () => {}) {
    const request = new AsyncLocalStorage<object>()
    const seen: (object | undefined)[] = []
    const read = cache.memoize(
      async () => {
        seen.push(request.getStore())
        await load()
        return row
      },
      { name: 'row', ttl: 1000, staleWhileRevalidate: 60_000 },
    )
    await read()
    clock.advance(1000)
    return { request, seen, read }
  }

  test("runs in no request's context, before and after its first await", async () => {
    const gate = newGate()
    gate.open()
    const other = new AsyncLocalStorage<string>()
    const late: (string | undefined)[] = []
    const { request, seen, read } = await newStale(async () => {
      await nextRound()
      late.push(other.getStore())
      await gate.wait()
    })
    expect(await other.run('a request', () => request.run({ name: 'a request' }, () => read()))).toBe('old')
    await gate.reached(2)
    expect([seen, late]).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
  })

  test('sees nothing that an earlier one entered', async () => {
    const entered = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const { read } = await newStale(async () => {
      seen.push(entered.getStore())
      entered.enterWith('an earlier refresh')
    })
    seen.length = 0
    for (let time = 0; time < 3; time++) {
      await read()
      await nextRound()
      clock.advance(1000)
    }
    expect(seen).toEqual([undefined, undefined, undefined])
  })

  test('is no part of the load that was served the stale value', async () => {
    const tag = cache.tag('only the refresh')
    let isFirst = true
    const { read } = await newStale(async () => {
      if (!isFirst) cache.track(tag)
      isFirst = false
    })
    const outer = cache.memoize(async () => read(), { name: 'outer', staleWhileRevalidate: 60_000 })
    await outer()
    await nextRound()
    const { cleared } = outer.stats()
    await cache.clear(tag)
    await outer()
    expect(outer.stats().cleared).toBe(cleared)
  })

  test('retains nothing of the request that happened to start it, however long it takes', async () => {
    const gate = newGate()
    let isFirst = true
    const { request, read } = await newStale(async () => {
      if (!isFirst) await gate.wait()
      isFirst = false
    })
    const started = await (async () => {
      const incoming = { body: new Uint8Array(1000) }
      await request.run(incoming, async () => {
        expect(await read()).toBe('old')
      })
      return new WeakRef(incoming)
    })()
    await gate.reached()
    await collected(() => started.deref() === undefined)
    expect(started.deref()).toBeUndefined()
    gate.open()
  })
})

describe('several caches in one process', () => {
  test('have each its own names: a load does not depend on what it read from another one', async () => {
    const other = openCache({ redis: false }, clock.now)
    const theirs = other.memoize(async (_id: string) => row, { name: 'row' })
    newRow()
    const outer = cache.memoize(async () => theirs('1'), { name: 'outer' })
    await outer()
    await cache.clear(cache.ref('row'))
    await outer()
    expect(outer.stats().loads).toBe(1)
  })

  test('each tracks its own, also where they call each other', async () => {
    const other = openCache({ redis: false }, clock.now)
    const inner = newRow()
    const between = other.memoize(async () => inner('1'), { name: 'between', limit: 0 })
    const outer = cache.memoize(async () => between(), { name: 'outer' })
    expect(await outer()).toBe('old')
    row = 'new'
    await other.flush()
    expect(await outer()).toBe('old')
    await inner.clear('1')
    expect(await outer()).toBe('new')
  })

  test('a hundred caches cost a promise of the process no more than one', async () => {
    const symbols = async (): Promise<number> => {
      await nextRound()
      return Object.getOwnPropertySymbols(executionAsyncResource()).length
    }
    const measure = (of: Cache): Promise<number> => of.memoize(symbols, { name: 'symbols' })()
    const first = await measure(openCache({ redis: false }, clock.now))
    for (let more = 0; more < 100; more++) await measure(openCache({ redis: false }, clock.now))
    expect(await measure(openCache({ redis: false }, clock.now))).toBe(first)
  })
})
