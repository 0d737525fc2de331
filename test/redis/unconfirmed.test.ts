// The own clears that Redis has not confirmed: each is settled once, and none is forgotten however many there are.
import { beforeEach, describe, expect, test } from 'vitest'
import { ClearLog, type ClearRecord } from '../../src/clear-log.ts'
import { Unconfirmed, type Delivery } from '../../src/redis/unconfirmed.ts'
import { callOf, patternOf } from './process.ts'

const LIMIT = 5
let log: ClearLog
let unconfirmed: Unconfirmed

beforeEach(() => {
  log = new ClearLog(1000)
  unconfirmed = new Unconfirmed(log, () => 0, LIMIT)
})

const clear = (name: string, id: string): ClearRecord => log.append('clear', patternOf(name, id), 0, true)
const textOf = (delivery: Delivery) => Array.from(delivery.records.keys(), (record) => `${record.kind} ${String(record.ref)}`)
const isPending = (name: string, id: string) => log.clearedSinceEpoch([callOf(name, id)], Number.MAX_SAFE_INTEGER)

describe('a delivery', () => {
  test('takes along all that wait, each ref once, and settles each clear that it stands for', () => {
    const [one, two] = [clear('user', '1'), clear('user', '2')]
    unconfirmed.lose(unconfirmed.send([one]).id)
    unconfirmed.lose(unconfirmed.send([clear('user', '1'), two]).id)
    const delivery = unconfirmed.send([clear('user', '2')])
    expect(textOf(delivery)).toHaveLength(2)
    expect([one.pending, two.pending]).toEqual([2, 2])
    unconfirmed.confirm(delivery.id, 7)
    expect([one.pending, two.pending, one.epoch, unconfirmed.size]).toEqual([0, 0, 7, 0])
  })

  test('is confirmed once, by its reply or by its message, whichever comes first', async () => {
    const record = clear('user', '1')
    const delivery = unconfirmed.send([record])
    clear('user', '1')
    unconfirmed.confirm(delivery.id, 7)
    unconfirmed.confirm(delivery.id, 7)
    await delivery.confirmed
    expect(record.pending).toBe(1)
  })

  test('whose reply was lost is confirmed by its message while it waits', () => {
    const record = clear('user', '1')
    const delivery = unconfirmed.send([record])
    unconfirmed.lose(delivery.id)
    expect(unconfirmed.isWaiting).toBe(true)
    unconfirmed.confirm(delivery.id, 7)
    expect([unconfirmed.isWaiting, record.pending, record.epoch]).toEqual([false, 0, 7])
  })

  test('whose reply was lost says nothing any more once others wait with it', () => {
    const [first, second] = [unconfirmed.send([clear('user', '1')]), unconfirmed.send([clear('user', '2')])]
    unconfirmed.lose(first.id)
    unconfirmed.lose(second.id)
    unconfirmed.confirm(first.id, 7)
    expect([unconfirmed.isWaiting, isPending('user', '1'), isPending('user', '2')]).toEqual([true, true, true])
  })

  test('that was confirmed cannot be lost', () => {
    const delivery = unconfirmed.send([clear('user', '1')])
    unconfirmed.confirm(delivery.id, 7)
    unconfirmed.lose(delivery.id)
    expect(unconfirmed.isWaiting).toBe(false)
  })
})

describe('past the limit', () => {
  const lose = (...records: ClearRecord[]) => unconfirmed.lose(unconfirmed.send(records).id)

  test('clears that wait are widened to their functions, which stay pending in their place', () => {
    for (let id = 0; id < LIMIT; id++) lose(clear('user', `${id}`))
    lose(clear('post', '1'), log.append('expire', patternOf('user', '1'), 0, true))
    const delivery = unconfirmed.send([])
    expect(textOf(delivery).sort()).toEqual(['clear post(…)', 'clear user(…)', 'expire user(…)'])
    for (let id = 0; id < LIMIT; id++) expect(isPending('user', `${id}`)).toBe(true)
    unconfirmed.confirm(delivery.id, 7)
    expect([isPending('user', '1'), log.clearedSinceEpoch([callOf('user', '1')], 6)]).toEqual([false, true])
  })

  test('more functions than that are widened to everything', () => {
    lose(...Array.from({ length: LIMIT + 1 }, (_, index) => clear(`f${index}`, '1')))
    const delivery = unconfirmed.send([])
    expect(textOf(delivery)).toEqual(['clear #all(…)'])
    expect(isPending('anything', '1')).toBe(true)
    unconfirmed.confirm(delivery.id, 7)
    expect([isPending('anything', '1'), log.clearedSinceEpoch([callOf('anything')], 6)]).toEqual([false, true])
  })

  test('clears of one instant are widened before they are sent, and hold here meanwhile', () => {
    const narrow = unconfirmed.send(Array.from({ length: LIMIT }, (_, id) => clear('user', `${id}`)))
    expect(narrow.records.size).toBe(LIMIT)
    unconfirmed.confirm(narrow.id, 5)
    const many = Array.from({ length: LIMIT + 1 }, (_, id) => clear('user', `${id}`))
    const delivery = unconfirmed.send(many)
    expect(textOf(delivery)).toEqual(['clear user(…)'])
    for (let id = 0; id <= LIMIT; id++) expect(isPending('user', `${id}`)).toBe(true)
    unconfirmed.confirm(delivery.id, 7)
    expect(many.map(({ pending }) => pending)).toEqual(many.map(() => 0))
    expect([isPending('user', '1'), log.clearedSinceEpoch([callOf('user', '1')], 6)]).toEqual([false, true])
  })

  test('what waited goes along, and is widened with it', () => {
    lose(clear('post', '1'))
    const delivery = unconfirmed.send(Array.from({ length: LIMIT }, (_, id) => clear('user', `${id}`)))
    expect(textOf(delivery).sort()).toEqual(['clear post(…)', 'clear user(…)'])
  })
})
