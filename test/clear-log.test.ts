import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClearLog, type ClearRecord } from '../src/clear-log.ts'
import { any, keyOf } from '../src/key.ts'
import { callRef, everything, patternRef, tagRef, uriRef, wholeRef, type Ref } from '../src/ref.ts'
import { history, verdicts, World } from './support/log-world.ts'
import { refOf, type Verdict } from './support/naive-log.ts'

const call = (name: string, ...args: unknown[]): Ref => callRef(name, args, keyOf(args))
const pattern = (name: string, ...args: unknown[]): Ref => patternRef(name, args)

describe('in one process', () => {
  test('an entry is cleared by a later record that overlaps one of its refs, and by no other', () => {
    const log = new ClearLog(100)
    const refs = [call('page', 1), call('user', '42'), tagRef('table:posts')]
    log.append('clear', pattern('user', '42'), 0, false)
    const since = log.position
    log.append('clear', pattern('user', '43'), 0, false)
    log.append('clear', pattern('page', 2), 0, false)
    log.append('clear', tagRef('table:users'), 0, false)
    expect(log.clearedSince(refs, since)).toBe(false)
    for (const cause of [pattern('user', '42'), wholeRef('page'), tagRef('table:posts'), everything]) {
      const before = log.position
      log.append('clear', cause, 0, false)
      expect([log.clearedSince(refs, before), log.clearedSince(refs, log.position)]).toEqual([true, false])
    }
  })

  test('the ref of a call is exact: a record that names a leaf the call lacks does not touch it', () => {
    const log = new ClearLog(100)
    log.append('clear', pattern('posts', { author: 'a', page: 2 }), 0, false)
    expect(log.clearedSince([call('posts', { author: 'a' })], 0)).toBe(false)
    expect(log.clearedSince([pattern('posts', { author: 'a' })], 0)).toBe(true)
  })

  test('a record that is repeated moves: it is one record, and counts from its last time on', () => {
    const log = new ClearLog(100)
    for (let time = 1; time <= 1000; time++) {
      log.append('clear', pattern('user', '42'), time, false)
      log.append('clear', pattern('user', any), time, false)
    }
    expect([log.size, log.position]).toEqual([2, 2000])
    expect(log.clearedSince([call('user', '42')], 1999)).toBe(true)
    log.append('expire', pattern('user', '42'), 0, false)
    expect(log.size).toBe(3)
  })

  test('two records whose values read alike one after the other are two', () => {
    const log = new ClearLog(100)
    log.append('clear', pattern('sum', 1, 12), 0, false)
    log.append('clear', pattern('sum', 11, 2), 0, false)
    expect([log.size, log.clearedSince([call('sum', 1, 12)], 0), log.clearedSince([call('sum', 11, 2)], 1)]).toEqual([2, true, true])
  })

  test('a record of one call and one of the pattern that names the same leaves are two', () => {
    const log = new ClearLog(2)
    log.append('clear', pattern('posts', { author: 'a' }), 0, false)
    log.append('clear', call('posts', { author: 'a' }), 0, false)
    expect(log.clearedSince([call('posts', { author: 'a', page: 2 })], 0)).toBe(true)
    expect(log.clearedSince([call('posts', { author: 'a', page: 2 })], 1)).toBe(false)
    expect(log.clearedSince([call('posts', { author: 'a' })], 1)).toBe(true)
    // The pattern's is collapsed: the call's must stay.
    log.append('clear', pattern('other'), 0, false)
    expect(log.clearedSince([call('posts', { author: 'a' })], 1)).toBe(true)
  })

  test('expired is not cleared: it says when', () => {
    const log = new ClearLog(100)
    const refs = [call('user', '42')]
    log.append('expire', pattern('user', '42'), 5000, false)
    expect([log.clearedSince(refs, 0), log.expiredSince(refs, 0)]).toEqual([false, 5000])
    expect(log.expiredSince(refs, log.position)).toBeUndefined()
    expect(log.expiredSince([call('user', '43')], 0)).toBeUndefined()
  })

  test('expired twice says when it was last, for what was loaded in between', () => {
    const log = new ClearLog(100)
    log.append('expire', pattern('user', '42'), 5000, false)
    const since = log.position
    log.append('expire', pattern('user', '42'), 6000, false)
    expect(log.expiredSince([call('user', '42')], since)).toBe(6000)
  })

  test('the ref of everything is overlapped by every record', () => {
    const log = new ClearLog(100)
    expect(log.clearedSince([everything], 0)).toBe(false)
    log.append('clear', uriRef('/a'), 0, false)
    expect(log.clearedSince([everything], 0)).toBe(true)
  })
})

describe('across processes', () => {
  const refs = [call('user', '42')]

  test('an own record that is not acknowledged counts as later than every epoch, and then by its own', () => {
    const log = new ClearLog(100)
    const record = log.append('clear', pattern('user', '42'), 0, true)
    expect(log.clearedSinceEpoch(refs, 1e15)).toBe(true)
    expect(log.clearedSinceEpoch([call('user', '43')], 0)).toBe(false)
    log.settle(record, 700)
    expect([log.clearedSinceEpoch(refs, 699), log.clearedSinceEpoch(refs, 700)]).toEqual([true, false])
  })

  test('an own expire that is not acknowledged says when it was, not never', () => {
    const log = new ClearLog(100)
    const record = log.append('expire', pattern('user', '42'), 5000, true)
    expect(log.expiredSinceEpoch(refs, 1e15)).toBe(5000)
    log.settle(record, 700)
    expect([log.expiredSinceEpoch(refs, 699), log.expiredSinceEpoch(refs, 700)]).toEqual([5000, undefined])
  })

  test('its acknowledgement is no new record: what was loaded since stays', () => {
    const log = new ClearLog(100)
    const record = log.append('clear', pattern('user', '42'), 0, true)
    const since = log.position
    log.settle(record, 700)
    // Its own message, or a second read of it.
    log.receive('clear', pattern('user', '42'), 700, 0)
    expect([log.position, log.clearedSince(refs, since)]).toEqual([since, false])
  })

  test('of two own records of one ref, each is waited for', () => {
    const log = new ClearLog(100)
    const [first, second] = [log.append('clear', pattern('user', '42'), 0, true), log.append('clear', pattern('user', '42'), 0, true)]
    log.settle(first, 700)
    expect(log.clearedSinceEpoch(refs, 1000)).toBe(true)
    log.settle(second, 800)
    expect([log.clearedSinceEpoch(refs, 799), log.clearedSinceEpoch(refs, 800)]).toEqual([true, false])
  })

  test("another process's record of the same ref in between is a new one", () => {
    const log = new ClearLog(100)
    const record = log.append('clear', pattern('user', '42'), 0, true)
    const since = log.position
    log.receive('clear', pattern('user', '42'), 650, 0)
    log.settle(record, 700)
    expect(log.clearedSince(refs, since)).toBe(true)
  })

  test('a doubled message changes nothing, also when a later one of the same ref came first', () => {
    const log = new ClearLog(100)
    log.receive('clear', pattern('user', '42'), 20, 0)
    log.receive('clear', pattern('user', '42'), 20, 0)
    log.receive('clear', pattern('user', '42'), 15, 0)
    expect(log.position).toBe(1)
    log.receive('clear', pattern('user', '42'), 21, 0)
    expect(log.position).toBe(2)
  })

  test('what is recalled counts for entries from elsewhere, and not for what was loaded here', () => {
    const log = new ClearLog(100)
    log.recall('clear', pattern('user', '42'), 50)
    log.recall('expire', pattern('user', '43'), 50)
    expect([log.position, log.clearedSince(refs, 0), log.clearedSinceEpoch(refs, 49), log.clearedSinceEpoch(refs, 50)]).toEqual([
      0,
      false,
      true,
      false,
    ])
    expect(log.expiredSinceEpoch([call('user', '43')], 49)).toBe(Number.NEGATIVE_INFINITY)
  })

  test('what is older than is known one by one counts as cleared', () => {
    const log = new ClearLog(100)
    log.forgetBefore(300)
    log.forgetBefore(200)
    expect([log.clearedSinceEpoch(refs, 299), log.clearedSinceEpoch(refs, 300), log.clearedSince(refs, 0)]).toEqual([true, false, false])
  })

  test('a lost log makes all that was loaded before it stale, and no record of the next one looks known', () => {
    const log = new ClearLog(100)
    log.receive('clear', pattern('user', '42'), 900, 0)
    log.forgetBefore(800)
    const before = log.position
    log.reset()
    expect([log.clearedSince([call('other')], before), log.clearedSince([call('other')], log.position)]).toEqual([true, false])
    // Its clock is behind that of the server before.
    expect(log.clearedSinceEpoch(refs, 100)).toBe(false)
    const since = log.position
    log.receive('clear', pattern('user', '42'), 110, 0)
    expect([log.clearedSince(refs, since), log.clearedSinceEpoch(refs, 100)]).toEqual([true, true])
  })

  test('an own record that waits while the log is lost goes on waiting', () => {
    const log = new ClearLog(100)
    const record = log.append('clear', pattern('user', '42'), 0, true)
    log.reset()
    expect(log.clearedSinceEpoch(refs, 1e15)).toBe(true)
    log.settle(record, 110)
    expect([log.clearedSinceEpoch(refs, 109), log.clearedSinceEpoch(refs, 110), log.clearedSinceEpoch([call('other')], 0)]).toEqual([
      true,
      false,
      false,
    ])
  })

  test('an own record that another process had made too waits anew: its epoch of the lost log hides none of the next', () => {
    const log = new ClearLog(100)
    log.receive('clear', pattern('user', '42'), 900, 0)
    const record = log.append('clear', pattern('user', '42'), 0, true)
    log.reset()
    log.settle(record, 110)
    expect([log.clearedSinceEpoch(refs, 109), log.clearedSinceEpoch(refs, 110)]).toEqual([true, false])
    const since = log.position
    log.receive('clear', pattern('user', '42'), 120, 0)
    expect(log.clearedSince(refs, since)).toBe(true)
  })
})

test('who watches is told whenever the position has moved or an own record has its epoch, and only then', () => {
  const log = new ClearLog(100)
  const told: number[] = []
  log.watch(() => told.push(log.position))
  const record = log.append('clear', pattern('user', 1), 0, true)
  log.receive('clear', pattern('user', 2), 20, 0)
  log.receive('clear', pattern('user', 2), 20, 0)
  log.recall('clear', pattern('user', 3), 10)
  expect(told).toEqual([1, 2])
  log.settle(record, 21)
  log.forgetBefore(5)
  expect(told).toEqual([1, 2, 2])
  log.reset()
  expect(told).toEqual([1, 2, 2, 3])
})

describe('past its bound', () => {
  test('the oldest records count for their whole function, and the newer ones stay exact', () => {
    const log = new ClearLog(10)
    for (let id = 1; id <= 15; id++) log.append('clear', pattern('user', id), 0, false)
    expect(log.size).toBe(10)
    // The first five are collapsed: what is older than the last of them is cleared, whichever user it is.
    expect([log.clearedSince([call('user', 99)], 4), log.clearedSince([call('user', 99)], 5)]).toEqual([true, false])
    expect([log.clearedSince([call('user', 6)], 5), log.clearedSince([call('user', 15)], 14)]).toEqual([true, true])
    expect(log.clearedSince([call('post', 1)], 0)).toBe(false)
  })

  test('a record that was repeated is none of the oldest', () => {
    const log = new ClearLog(2)
    for (const id of [1, 2, 1, 3]) log.append('clear', pattern('user', id), 0, false)
    // Of the second, which is collapsed, and not of the first.
    expect([log.clearedSince([call('user', 99)], 1), log.clearedSince([call('user', 99)], 2)]).toEqual([true, false])
  })

  test('names whose records are all collapsed are given up in turn, and what they cleared stays cleared', () => {
    const log = new ClearLog(1)
    for (let id = 0; id < 3000; id++) log.append('clear', pattern(`f${id}`, 1), 0, false)
    const forgotten = Array.from({ length: 3000 }, (_, id) => id).filter((id) => !log.clearedSince([call(`f${id}`, 1)], id))
    expect(forgotten).toEqual([])
    expect(log.clearedSince([call('f2999', 2)], 2999)).toBe(false)
  })

  test('what was collapsed is not recalled one by one: it would push out what is newer', () => {
    const log = new ClearLog(2)
    for (const id of [1, 2, 3, 4]) log.receive('clear', pattern('user', id), id * 10, 0)
    log.recall('clear', pattern('user', 1), 10)
    log.recall('clear', pattern('user', 2), 20)
    // The third and fourth are still told apart from other users.
    expect([log.clearedSinceEpoch([call('user', 99)], 19), log.clearedSinceEpoch([call('user', 99)], 20)]).toEqual([true, false])
  })

  test('a collapsed expire makes what is older stale for longer than any stale window', () => {
    const log = new ClearLog(1)
    log.append('expire', pattern('user', 1), 5000, false)
    log.append('expire', pattern('user', 2), 6000, false)
    expect([log.expiredSince([call('user', 3)], 0), log.clearedSince([call('user', 3)], 0)]).toEqual([Number.NEGATIVE_INFINITY, false])
  })

  test('a record that comes late, after one that overtook it was collapsed, is still news', () => {
    const log = new ClearLog(1)
    log.receive('clear', pattern('user', 2), 20, 0)
    const since = log.position
    log.receive('clear', pattern('other'), 21, 0)
    log.receive('clear', pattern('user', 1), 19, 0)
    expect(log.clearedSince([call('user', 1)], since)).toBe(true)
  })

  test('an own record that was collapsed while it waited is cleared by its epoch too', () => {
    const log = new ClearLog(1)
    const record = log.append('clear', pattern('user', 1), 0, true)
    log.append('clear', pattern('other'), 0, false)
    expect([log.clearedSinceEpoch([call('user', 1)], 1e15), log.clearedSinceEpoch([call('user', 2)], 1e15)]).toEqual([true, false])
    log.settle(record, 700)
    expect([log.clearedSinceEpoch([call('user', 1)], 699), log.clearedSinceEpoch([call('user', 1)], 700)]).toEqual([true, false])
  })

  test('more shapes of patterns than are told apart count for their whole function', () => {
    const log = new ClearLog(1000)
    for (let shape = 0; shape < 100; shape++) log.append('clear', pattern('posts', { [`p${shape}`]: 1 }), 0, false)
    for (let shape = 0; shape < 100; shape++) expect(log.clearedSince([call('posts', { [`p${shape}`]: 1 })], shape)).toBe(true)
    expect(log.clearedSince([call('posts', { p0: 2 })], 99)).toBe(true)
    expect(log.clearedSince([call('posts', { p0: 2 })], 100)).toBe(false)
  })

  test('an append drops no more than it adds, so none of them pauses', () => {
    const log = new ClearLog(1000)
    for (let id = 0; id < 10_000; id++) {
      log.append(id % 3 === 0 ? 'expire' : 'clear', pattern(`f${id % 7}`, id), 0, false)
      expect(log.size).toBe(Math.min(id + 1, 1000))
    }
  })

  test.each<[string, (id: number) => Ref]>([
    ['arguments', (id) => pattern('user', `${id}`)],
    ['tags', (id) => tagRef(`tag:${id}`)],
    ['URIs', (id) => uriRef(`https://example.com/${id}`)],
    ['names', (id) => wholeRef(`f${id}`)],
    ['shapes', (id) => pattern('posts', { [`p${id}`]: id })],
    ['names and arguments, settled late', (id) => pattern(`f${id}`, id)],
  ])('memory is flat, however many %s were cleared', (title, refFor) => {
    const log = new ClearLog(500)
    const late: ClearRecord[] = []
    const grow = (from: number, to: number): number => {
      for (let id = from; id < to; id++) {
        late.push(log.append(id % 2 === 0 ? 'clear' : 'expire', refFor(id), id, title.endsWith('late')))
        if (late.length > 2000) log.settle(late.shift()!, id)
      }
      return heapUsed()
    }
    const [before, after] = [grow(0, 10_000), grow(10_000, 60_000)]
    expect(log.size).toBe(500)
    expect(after - before).toBeLessThan(1_000_000)
  })
})

describe('held against a list of all that happened', () => {
  test('below its bound the log says exactly the same, by position and by epoch', () => {
    fc.assert(
      fc.property(history, ({ happenings, entries }) => {
        const world = new World(1000)
        for (const it of happenings) world.happens(it)
        expect(world.log.position).toBe(world.naive.position)
        expect(Array.from(verdicts(world, entries)).filter(([said, told]) => said !== told)).toEqual([])
      }),
      { numRuns: 1500 },
    )
  })

  test('past its bound it never says less, at any moment', () => {
    const severity: Verdict[] = ['fresh', 'expired', 'cleared']
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 6 }), ({ happenings, entries }, limit) => {
        const world = new World(limit)
        for (const it of happenings) {
          // Positions differ: one that is late may count twice here.
          world.naive.position = world.log.position
          world.happens(it)
        }
        const all = Array.from(verdicts(world, entries))
        expect(all.filter(([said, told]) => severity.indexOf(said) < severity.indexOf(told))).toEqual([])
        expect(world.log.size).toBeLessThanOrEqual(limit)
      }),
      { numRuns: 1500 },
    )
  })

  test('an expire is told with the time of one that counts', () => {
    fc.assert(
      fc.property(history, ({ happenings, entries }) => {
        const world = new World(1000)
        for (const it of happenings) world.happens(it)
        const times = new Set([undefined, ...world.naive.records.map(({ time }) => time)])
        for (const targets of entries) {
          const refs = targets.map(refOf)
          for (let at = 0; at <= world.lastEpoch; at += 3) expect(times).toContain(world.log.expiredSinceEpoch(refs, at))
        }
      }),
    )
  })
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
