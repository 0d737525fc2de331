// How far a process knows the shared log, where replies cross: no connection is needed to see it.
import { describe, expect, test } from 'vitest'
import { ClearLog } from '../../src/clear-log.ts'
import { Position, type Asked } from '../../src/redis/position.ts'
import type { Message, Reply, WireRecord } from '../../src/redis/wire.ts'
import { newClock } from '../support/clock.ts'
import { callOf, patternOf } from './process.ts'

const user = callOf('user', '42')
const cleared = (epoch: number): WireRecord => ({ epoch, what: { kind: 'clear', ref: patternOf('user', '42') } })

function newPosition(): { position: Position; log: ClearLog } {
  const log = new ClearLog(100)
  return { log, position: new Position(log, newClock().now) }
}

function reply(generation: string, from: number, upto: number, more: Partial<Reply> = {}): Reply {
  return { generation, from, upto, epoch: upto, floor: 1, records: [], time: upto, tip: '', low: upto, older: [], ...more }
}

const asked = (generation: string | undefined, sent = 0): Asked => ({ generation, sent })

describe('a reply', () => {
  test('of a dead generation is refused: it was asked before the present one began', () => {
    const { position, log } = newPosition()
    position.apply(reply('one', 10, 10), asked(undefined))
    position.apply(reply('two', 5, 5), asked('one', 100))
    const before = log.position
    expect(position.apply(reply('one', 10, 20, { records: [cleared(20)] }), asked('one', 200))).toBe(false)
    expect([position.generation, position.epoch, position.verifiedAt, log.position]).toEqual(['two', 5, 100, before])
  })

  test('that comes after a newer one takes nothing back', () => {
    const { position, log } = newPosition()
    position.apply(reply('one', 10, 10), asked(undefined, 1))
    position.apply(reply('one', 10, 30, { records: [cleared(30)] }), asked('one', 3))
    const since = log.position
    expect(position.apply(reply('one', 10, 20, { records: [] }), asked('one', 2))).toBe(true)
    expect([position.epoch, position.verifiedAt, log.clearedSince([user], since)]).toEqual([30, 3, false])
  })

  test('that holds one page of several moves on, but is no word that all is known', () => {
    const { position } = newPosition()
    position.apply(reply('one', 10, 10), asked(undefined, 1))
    position.apply(reply('one', 10, 20, { epoch: 30, records: [cleared(20)] }), asked('one', 2))
    expect([position.epoch, position.verifiedAt]).toEqual([20, 1])
  })

  test('to one who slept past the floor makes everything stale, and older entries of others unknown', () => {
    const { position, log } = newPosition()
    position.apply(reply('one', 10, 10), asked(undefined, 1))
    const since = log.position
    position.apply(reply('one', 50, 50, { floor: 40 }), asked('one', 2))
    expect([position.epoch, position.windowStart, log.clearedSince([user], since)]).toEqual([50, 50, true])
    expect([log.clearedSinceEpoch([user], 39), log.clearedSinceEpoch([user], 40)]).toEqual([true, false])
  })

  test('with older records joins them on only where the window still begins there', () => {
    const { position, log } = newPosition()
    position.apply(reply('one', 100, 100), asked(undefined, 1))
    position.recall(reply('one', 100, 100, { low: 20, older: [cleared(30)] }), 90)
    expect([position.windowStart, log.clearedSinceEpoch([user], 25)]).toEqual([100, false])
    position.recall(reply('one', 100, 100, { low: 20, older: [cleared(30)] }), 100)
    expect([position.windowStart, log.clearedSinceEpoch([user], 25), log.clearedSinceEpoch([user], 30)]).toEqual([20, true, false])
  })

  test('of a new generation ends all epochs of the old one, whose clock may have been ahead', () => {
    const { position, log } = newPosition()
    position.apply(reply('one', 1000, 1000, { floor: 900 }), asked(undefined))
    const pending = log.append('clear', patternOf('user', '42'), 0, true)
    log.append('clear', patternOf('user', '42'), 0, true)
    log.settle(pending, 1001)
    position.apply(reply('two', 5, 5), asked('one'))
    expect(log.clearedSinceEpoch([callOf('post')], 5)).toBe(false)
    expect(log.clearedSinceEpoch([user], 5)).toBe(true)
    log.settle(pending, 7)
    expect([log.clearedSinceEpoch([user], 6), log.clearedSinceEpoch([user], 7)]).toEqual([true, false])
  })
})

describe('a message', () => {
  const message = (previous: number, before: string, epoch: number, tip: string): Message => ({
    generation: 'one',
    previous,
    before,
    epoch,
    tip,
    writer: 'w',
    delivery: '1',
    records: [cleared(epoch)],
    time: epoch,
  })

  function at10(): { position: Position; log: ClearLog } {
    const made = newPosition()
    made.position.apply(reply('one', 10, 10, { tip: 'ten' }), asked(undefined))
    return made
  }

  test('moves on from the append that is known last, and names the next one', () => {
    const { position } = at10()
    expect(position.hear(message(10, 'ten', 20, 'twenty'), false)).toBe(true)
    expect([position.epoch, position.tip]).toEqual([20, 'twenty'])
  })

  test.each([
    ['goes on from an earlier append', 5, 'five'],
    ['goes on from another one of the same epoch', 10, 'another'],
    ['goes on from a later one', 15, 'fifteen'],
  ])('that %s counts, and is no word of what was known last', (_, previous, before) => {
    const { position, log } = at10()
    const since = log.position
    expect(position.hear(message(previous, before, 20, 'twenty'), false)).toBe(false)
    expect([position.epoch, position.tip, log.clearedSince([user], since)]).toEqual([10, 'ten', true])
  })

  test('after a page that ended in the middle, whose name nobody knows, is taken by its epoch', () => {
    const { position } = at10()
    position.apply(reply('one', 10, 15, { epoch: 30 }), asked('one'))
    expect(position.tip).toBe('')
    expect(position.hear(message(15, 'fifteen', 20, 'twenty'), false)).toBe(true)
    expect(position.tip).toBe('twenty')
  })
})
