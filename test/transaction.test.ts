import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, onTestFinished, test, vi } from 'vitest'
import { engineOf } from '../src/cache.ts'
import { createCache } from '../src/index.ts'
import { collected } from './support/garbage.ts'
import { newGate } from './support/gate.ts'

function newRow() {
  const cache = createCache({ redis: false })
  const db = { row: 'old', loads: 0 }
  const read = cache.memoize(async () => (db.loads++, db.row), { name: 'row' })
  const page = cache.memoize(async () => `<${await read()}>`, { name: 'page' })
  return { cache, db, read, page }
}

test('clears of a transaction take effect when its work resolves', async () => {
  const { cache, db, page, read } = newRow()
  await page()
  const gate = newGate()
  const done = cache.transaction(async () => {
    db.row = 'new'
    await read.clear()
    await gate.wait()
    return 'value'
  })
  await gate.reached()
  expect(await page()).toBe('<old>')
  gate.open()
  expect(await done).toBe('value')
  expect(await page()).toBe('<new>')
})

test('a flush in a transaction takes effect when its work resolves, and is dropped when it throws', async () => {
  const { cache, db, read } = newRow()
  await read()
  db.row = 'new'
  const failed = cache.transaction(async () => {
    await cache.flush()
    throw new Error('rolled back')
  })
  await expect(failed).rejects.toThrow('rolled back')
  expect(await read()).toBe('old')
  await cache.transaction(async () => {
    await cache.flush()
    expect(await read.count()).toBe(0)
  })
  expect([await read(), db.loads]).toEqual(['new', 2])
})

test('clears of a transaction that throws are dropped', async () => {
  const { cache, db, page, read } = newRow()
  await page()
  const failed = cache.transaction(async () => {
    await read.clear()
    throw new Error('rolled back')
  })
  await expect(failed).rejects.toThrow('rolled back')
  expect(await page()).toBe('<old>')
  expect(db.loads).toBe(1)
})

test('reads inside a transaction bypass what it cleared, and nothing of them is stored', async () => {
  const { cache, db, page, read } = newRow()
  await page()
  await cache
    .transaction(async () => {
      db.row = 'uncommitted'
      await read.clear()
      expect(await page()).toBe('<uncommitted>')
      expect(await read()).toBe('uncommitted')
      db.row = 'old'
      throw new Error('rolled back')
    })
    .catch(() => undefined)
  expect(await page()).toBe('<old>')
  expect(await read()).toBe('old')
})

test('what a transaction has not cleared is still a hit inside', async () => {
  const { cache, db, page } = newRow()
  await page()
  await cache.transaction(async () => expect(await page()).toBe('<old>'))
  expect(db.loads).toBe(1)
})

test('a load inside a transaction is not joined from outside it, and does not join one', async () => {
  const cache = createCache({ redis: false })
  const gate = newGate()
  let loads = 0
  const read = cache.memoize(
    async () => {
      loads++
      await gate.wait()
      return loads
    },
    { name: 'row' },
  )
  const inside = cache.transaction(() => read())
  await gate.reached()
  const outside = read()
  await gate.reached(2)
  const again = cache.transaction(() => read())
  await gate.reached(3)
  gate.open()
  await Promise.all([inside, outside, again])
  expect(loads).toBe(3)
})

test('a load that runs a transaction is its own caller’s alone', async () => {
  const { cache, db, read } = newRow()
  const outer = cache.memoize(
    async () =>
      cache.transaction(async () => {
        await read.clear()
        return read()
      }),
    { name: 'outer' },
  )
  await outer()
  await outer()
  expect(db.loads).toBe(2)
})

test('a load inside a transaction that needs its own result is an error, as outside', async () => {
  const cache = createCache({ redis: false })
  let loads = 0
  // Without an end of its own this test would end with the process.
  const bounded = (): void => {
    if (++loads > 20) throw new Error('begun again and again')
  }
  const left = cache.memoize(async (id: string): Promise<string> => (bounded(), await right(id)), { name: 'left' })
  const right = cache.memoize(async (id: string): Promise<string> => (bounded(), id === 'end' ? id : await left(id)), { name: 'right' })
  const again = cache.memoize(async (): Promise<string> => (bounded(), await again.refresh()), { name: 'again' })
  const within = cache.memoize(async (): Promise<string> => (bounded(), await cache.transaction(() => within())), { name: 'within' })
  const countdown = cache.memoize(async (from: number): Promise<number> => (from === 0 ? 0 : await countdown(from - 1)), {
    name: 'countdown',
  })
  const cycle = { code: 'CYCLE', message: expect.stringContaining('left("1") waits for itself') }
  await cache.transaction(async () => {
    await expect(left('1')).rejects.toMatchObject(cycle)
    await expect(again()).rejects.toMatchObject({ code: 'CYCLE' })
    expect([await left('end'), await countdown(5), await left('end')]).toEqual(['end', 0, 'end'])
  })
  await expect(within()).rejects.toMatchObject({ code: 'CYCLE' })
})

test('a nested transaction is a part of the outer one, and what it cleared is kept when it threw and that was caught', async () => {
  const { cache, db, page, read } = newRow()
  await page()
  await cache.transaction(async () => {
    db.row = 'new'
    await cache
      .transaction(async () => {
        await read.clear()
        throw new Error('caught')
      })
      .catch(() => undefined)
    expect(await page()).toBe('<new>')
  })
  expect(await page()).toBe('<new>')
})

test('of two caches each has its own transaction, also where one is inside the other', async () => {
  const [outer, inner] = [newRow(), newRow()]
  const pages = () => Promise.all([outer.page(), inner.page()])
  await pages()
  await outer.cache.transaction(async () => {
    outer.db.row = inner.db.row = 'new'
    await inner.cache.transaction(async () => {
      await inner.read.clear()
      expect(await pages()).toEqual(['<old>', '<new>'])
      await outer.read.clear()
      expect(await pages()).toEqual(['<new>', '<new>'])
    })
    outer.db.row = inner.db.row = 'newer'
    await pages()
    expect(await pages()).toEqual(['<newer>', '<newer>'])
    inner.db.row = 'newest'
    expect(await pages()).toEqual(['<newer>', '<newer>'])
  })
  expect(await pages()).toEqual(['<newer>', '<newer>'])
})

test('transactions of all caches have one storage: each more would make every await of the process dearer', async () => {
  const run = vi.spyOn(AsyncLocalStorage.prototype, 'run')
  onTestFinished(() => run.mockRestore())
  for (let count = 0; count < 3; count++) await newRow().cache.transaction(async () => {})
  expect([run.mock.calls.length, new Set(run.mock.contexts).size]).toEqual([3, 1])
})

test.each([
  ['one cache', 1],
  ['two caches in turn', 2],
])('a transaction keeps nothing of those that have ended, each of which was begun in the last: %s', async (_, count) => {
  const caches = Array.from({ length: count }, () => newRow().cache)
  const gates = Array.from({ length: 6 }, () => newGate())
  const left: Array<WeakRef<object>> = []
  const begin = (step: number): Promise<void> => {
    const cache = caches[step % count]!
    return cache.transaction(async () => {
      left.push(new WeakRef(engineOf(cache).transactions.current()!))
      if (step < 5) setImmediate(() => void begin(step + 1))
      // With two caches each ends when the next one is open.
      if (count > 1 || step === 5) await gates[step]!.wait()
    })
  }
  void begin(0)
  for (const [step, gate] of gates.entries()) {
    if (count > 1 || step === 5) await gate.reached()
    if (step > 0) gates[step - 1]!.open()
  }
  await collected(() => left[0]!.deref() === undefined && left[2]!.deref() === undefined)
  // The last but one was open when the last was begun, and so was the one before when that was.
  expect(left.slice(0, 3).map((it) => it.deref())).toEqual([undefined, undefined, undefined])
  gates[5]!.open()
})

test('a clear after the work has ended belongs to no transaction', async () => {
  const { cache, db, page, read } = newRow()
  await page()
  const gate = newGate()
  let late: Promise<void> | undefined
  await cache.transaction(async () => {
    late = gate.wait().then(() => read.clear())
  })
  db.row = 'new'
  gate.open()
  await late
  expect(await page()).toBe('<new>')
})

test('a synchronous function loaded inside a transaction is not stored', async () => {
  const cache = createCache({ redis: false })
  let loads = 0
  const double = cache.memoizeSync((n: number) => (loads++, 2 * n), { name: 'double' })
  await cache.transaction(async () => double(1))
  double(1)
  double(1)
  expect(loads).toBe(2)
})

test('what is no function is refused with what to give', async () => {
  const cache = createCache({ redis: false })
  expect(() => cache.transaction('work' as never)).toThrow(
    'Expected cache.transaction to be given a function that does the work, got "work".',
  )
})

test('an expire inside takes effect when the work resolves, and is dropped when it throws', async () => {
  const cache = createCache({ redis: false })
  let row = 'old'
  const read = cache.memoize(async () => row, { name: 'row', staleWhileRevalidate: '1h' })
  const page = cache.memoize(async () => `<${await read()}>`, { name: 'page' })
  await page()
  const work = (end: () => string) => async () => {
    row = 'new'
    await read.expire()
    expect([await read(), await page(), await read.peek()]).toEqual(['new', '<new>', undefined])
    return end()
  }
  const failed = cache.transaction(
    work(() => {
      throw new Error('rolled back')
    }),
  )
  await expect(failed).rejects.toThrow('rolled back')
  expect([await read.peek(), await page.peek()]).toEqual(['old', '<old>'])
  expect(await cache.transaction(work(() => 'done'))).toBe('done')
  expect([await read.peek(), await page.peek()]).toEqual([undefined, undefined])
  // Stale is not gone: it is served while the new one loads.
  expect(await read()).toBe('old')
  await expect.poll(() => read()).toBe('new')
})

test('of `many` inside, what was cleared is loaded and kept for nobody, and the rest is a hit', async () => {
  const cache = createCache({ redis: false })
  const rows = new Map([
    ['1', 'a'],
    ['2', 'b'],
  ])
  const asked: string[][] = []
  const read = cache.memoize(async (id: string) => rows.get(id), {
    name: 'row',
    loadMany: async (calls) => {
      const ids = calls.map(([id]) => id)
      asked.push(ids)
      return ids.map((id) => rows.get(id))
    },
  })
  await read.many([['1'], ['2']])
  await cache
    .transaction(async () => {
      rows.set('2', 'uncommitted')
      await read.clear('2')
      expect(await read.many([['1'], ['2'], ['2']])).toEqual(['a', 'uncommitted', 'uncommitted'])
      rows.set('2', 'b')
      throw new Error('rolled back')
    })
    .catch(() => undefined)
  expect(await read.many([['1'], ['2']])).toEqual(['a', 'b'])
  expect(asked).toEqual([['1', '2'], ['2']])
})

test('a synchronous function inside bypasses what was cleared, and outside it is a hit until the end', async () => {
  const cache = createCache({ redis: false })
  const config = { text: 'old' }
  const read = cache.memoizeSync((name: string) => `${name} ${config.text}`, { name: 'config' })
  const gate = newGate()
  for (const name of ['a', 'b']) read(name)
  const done = cache.transaction(async () => {
    config.text = 'new'
    await read.clear('a')
    expect([read('a'), read.peek('a'), read('b'), read.peek('b')]).toEqual(['a new', undefined, 'b old', 'b old'])
    expect([await read.count(), await read.count('a')]).toEqual([1, 0])
    await gate.wait()
  })
  await gate.reached()
  expect([read('a'), read.peek('a'), await read.count()]).toEqual(['a old', 'a old', 2])
  gate.open()
  await done
  expect([read.peek('a'), read('a'), read('b')]).toEqual([undefined, 'a new', 'b old'])
})
