// The checker itself, on histories written by hand.
import { describe, expect, test } from 'vitest'
import { check } from './checker.ts'
import { historyOf, joined, type Clear, type History, type Read, type Settled, type Written } from './history.ts'

let ids = 0

function read(process: string, begin: number, saw: readonly Written[], kind: Read['kind'] = 'row'): Read {
  return { process, id: ++ids, kind, begin, end: begin + 1, saw }
}

function clear(process: string, called: number, wrote: readonly Written[], rest: Partial<Clear> = {}): Clear {
  return { process, id: ++ids, kind: 'clear', wrote, called, acked: undefined, rejected: undefined, ...rest }
}

function history(reads: readonly Read[], clears: readonly Clear[], settled: readonly Settled[] = []): History {
  return { reads, clears, settled, mishaps: [] }
}

describe('in the process that clears', () => {
  const cleared = clear('a', 10, [['k', 2]])

  test('a read that begins after the call must not return what was before it, acknowledged or not', () => {
    const old = read('a', 11, [['k', 1]])
    expect(check(history([old], [cleared]), 300)).toEqual([{ read: old, clear: cleared, key: 'k', returned: 1, required: 2, since: 10 }])
  })

  test('a read that began before the call may return what was before it', () => {
    expect(check(history([read('a', 9, [['k', 1]])], [cleared]), 0)).toEqual([])
  })

  test('what was written meanwhile is no violation', () => {
    expect(check(history([read('a', 11, [['k', 2]]), read('a', 11, [['k', 3]])], [cleared]), 0)).toEqual([])
  })

  test('a process that was started again is another one', () => {
    expect(check(history([read('a.2', 11, [['k', 1]])], [cleared]), 0)).toEqual([])
  })
})

describe('in another process', () => {
  const acked = clear('a', 10, [['k', 2]], { acked: 20 })

  test('a clear counts from its acknowledgement where reads are strong', () => {
    const [during, after] = [read('b', 19, [['k', 1]]), read('b', 21, [['k', 1]])]
    expect(check(history([during, after], [acked]), 0).map((violation) => violation.read)).toEqual([after])
  })

  test('it counts after the allowance where they are eventual', () => {
    const [during, after] = [read('b', 319, [['k', 1]]), read('b', 321, [['k', 1]])]
    expect(check(history([during, after], [acked]), 300).map((violation) => violation.read)).toEqual([after])
  })

  test('one that was never acknowledged does not count', () => {
    expect(check(history([read('b', 9999, [['k', 1]])], [clear('a', 10, [['k', 2]])]), 0)).toEqual([])
  })

  test('one that was rejected counts once its process has delivered what it had queued', () => {
    const rejected = clear('a', 10, [['k', 2]], { rejected: 20 })
    const settled = [
      { process: 'a', at: 15 },
      { process: 'b', at: 25 },
      { process: 'a', at: 50 },
    ]
    const [before, after] = [read('b', 40, [['k', 1]]), read('b', 51, [['k', 1]])]
    expect(check(history([before, after], [rejected], settled), 0).map((violation) => violation.read)).toEqual([after])
  })

  test('a later clear does not take away what an earlier one asks for', () => {
    const later = clear('c', 30, [['k', 1]], { acked: 31 })
    const old = read('b', 40, [['k', 1]])
    expect(check(history([old], [acked, later]), 0)).toHaveLength(1)
  })

  test('a clear that is acknowledged late asks for no more than one that was before it', () => {
    const newer = clear('c', 11, [['k', 3]], { acked: 12 })
    const old = read('b', 40, [['k', 2]])
    expect(check(history([old], [acked, newer]), 0)).toMatchObject([{ required: 3, since: 12 }])
  })
})

test('a value is held against the clears of each key that it is composed of', () => {
  const cleared = clear('a', 10, [
    ['k', 2],
    ['l', 2],
  ])
  const page = read(
    'a',
    11,
    [
      ['k', 2],
      ['l', 1],
      ['m', 0],
    ],
    'list',
  )
  expect(check(history([page], [cleared]), 0)).toMatchObject([{ key: 'l', returned: 1, required: 2 }])
})

test('what may be served stale may be older than an expiry, and not than a clear', () => {
  const expired = clear('a', 10, [['k', 2]], { kind: 'expire' })
  const reads = [read('a', 11, [['k', 1]]), read('a', 11, [['k', 1]], 'swr')]
  expect(check(history(reads, [expired]), 0).map((violation) => violation.read.kind)).toEqual(['row'])
  expect(check(history(reads, [clear('a', 10, [['k', 2]])]), 0)).toHaveLength(2)
})

describe('the record of a process', () => {
  test('a clear that its process did not live to see acknowledged has been called', () => {
    const { clears } = historyOf('a', [{ t: 'clear', id: 1, at: 10, kind: 'clear', wrote: [['k', 2]] }])
    expect(clears).toEqual([{ process: 'a', id: 1, kind: 'clear', wrote: [['k', 2]], called: 10, acked: undefined, rejected: undefined }])
  })

  test('a clear has its acknowledgement, or its rejection', () => {
    const { clears } = historyOf('a', [
      { t: 'clear', id: 1, at: 10, kind: 'clear', wrote: [['k', 2]] },
      { t: 'clear', id: 2, at: 11, kind: 'clear', wrote: [['k', 3]] },
      { t: 'acked', id: 2, at: 12 },
      { t: 'rejected', id: 1, at: 13 },
    ])
    expect(clears).toMatchObject([
      { acked: undefined, rejected: 13 },
      { acked: 12, rejected: undefined },
    ])
  })

  test('a mutation by HTTP clears when it is answered, and is acknowledged where it succeeds', () => {
    const { clears } = historyOf('a', [
      { t: 'post', id: 1, at: 10 },
      { t: 'post', id: 2, at: 11 },
      { t: 'posted', id: 2, at: 12, wrote: [['k', 2]], isAcked: false },
      { t: 'posted', id: 1, at: 13, wrote: [['k', 1]], isAcked: true },
    ])
    expect(clears).toMatchObject([
      { id: 2, called: 12, acked: undefined, rejected: 12 },
      { id: 1, called: 13, acked: 13, rejected: undefined },
    ])
  })

  test('a read that has not ended has returned nothing', () => {
    const lines = [
      { t: 'read', id: 1, at: 1, kind: 'row', keys: ['k'] } as const,
      { t: 'read', id: 2, at: 2, kind: 'row', keys: ['k'] } as const,
    ]
    const { reads } = joined([historyOf('a', [...lines, { t: 'saw', id: 2, at: 5, saw: [['k', 1]] }])])
    expect(reads).toEqual([{ process: 'a', id: 2, kind: 'row', begin: 2, end: 5, saw: [['k', 1]] }])
  })
})
