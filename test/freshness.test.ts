import { describe, expect, test } from 'vitest'
import { ClearLog } from '../src/clear-log.ts'
import { Entry } from '../src/entry.ts'
import { Freshness, type Trust } from '../src/freshness.ts'
import { keyOf } from '../src/key.ts'
import { callRef, patternRef } from '../src/ref.ts'
import { newClock, type Clock } from './support/clock.ts'

const ref = callRef('user', ['42'], keyOf(['42']))
const ofUser = patternRef('user', ['42'])

interface Scene {
  readonly clock: Clock
  readonly log: ClearLog
  readonly freshness: Freshness
  /** An entry that is loaded now and fresh for a minute. */
  readonly entry: (trustFrom?: number) => Entry<string>
}

function newScene(trust?: Trust): Scene {
  const clock = newClock(1000)
  const log = new ClearLog(100)
  const entry = (trustFrom = clock.now()): Entry<string> => {
    const { position } = log
    return new Entry({
      label: '42',
      isOfString: true,
      value: 'Ada',
      own: ref,
      read: [],
      order: 1,
      checked: position,
      loadedAt: clock.now(),
      freshUntil: clock.now() + 60_000,
      cost: 0,
      bytes: 0,
      trustFrom,
    })
  }
  return { clock, log, freshness: new Freshness(log, clock.now, 1000, trust), entry }
}

describe('an entry', () => {
  test('is fresh until its time is up, and not at that moment', () => {
    const { clock, freshness, entry } = newScene()
    const user = entry()
    clock.advance(59_999)
    expect(freshness.isFresh(user)).toBe(true)
    clock.advance(1)
    expect(freshness.isFresh(user)).toBe(false)
    expect(freshness.survives(user)).toBe(true)
  })

  test('without an end is fresh for ever', () => {
    const { clock, freshness, entry } = newScene()
    const user = Object.assign(entry(), { freshUntil: Infinity })
    clock.advance(Number.MAX_SAFE_INTEGER / 2)
    expect(freshness.isFresh(user)).toBe(true)
  })

  test('that was cleared does not survive, however often one asks', () => {
    const { clock, log, freshness, entry } = newScene()
    const user = entry()
    log.append('clear', ofUser, clock.now(), false)
    expect([freshness.survives(user), freshness.survives(user), freshness.isFresh(user)]).toEqual([false, false, false])
    expect(freshness.isFresh(entry())).toBe(true)
  })

  test('that nothing touched is checked once: after that, it is compared with the position alone', () => {
    const { clock, log, freshness, entry } = newScene()
    const user = entry()
    log.append('clear', patternRef('user', ['43']), clock.now(), false)
    expect(freshness.survives(user)).toBe(true)
    expect(user.checked).toBe(log.position)
    log.append('clear', ofUser, clock.now(), false)
    expect(freshness.survives(user)).toBe(false)
  })

  test('that was expired is stale from then on, and survives', () => {
    const { clock, log, freshness, entry } = newScene()
    const user = entry()
    clock.advance(10)
    log.append('expire', ofUser, clock.now(), false)
    clock.advance(10)
    expect([freshness.isFresh(user), freshness.survives(user), user.freshUntil]).toEqual([false, true, 1010])
  })

  test('that was stale before it was expired keeps its earlier time', () => {
    const { clock, log, freshness, entry } = newScene()
    const user = Object.assign(entry(), { freshUntil: 1005 })
    clock.advance(10)
    log.append('expire', ofUser, clock.now(), false)
    expect([freshness.survives(user), user.freshUntil]).toEqual([true, 1005])
  })

  test('that was expired and cleared is gone', () => {
    const { clock, log, freshness, entry } = newScene()
    const user = entry()
    log.append('clear', ofUser, clock.now(), false)
    log.append('expire', ofUser, clock.now(), false)
    expect(freshness.survives(user)).toBe(false)
  })
})

describe('without Redis', () => {
  test('this process vouches for everything, for ever', () => {
    const { clock, freshness, entry } = newScene()
    const user = Object.assign(entry(), { freshUntil: Infinity })
    clock.advance(1e9)
    expect([freshness.isVerified(clock.now()), freshness.isTrusted(user, clock.now()), freshness.isFresh(user)]).toEqual([true, true, true])
    expect(freshness.verifiedAt).toBe(clock.now())
    expect(freshness.trustOf(user)).toBe(1000)
  })
})

describe('with Redis', () => {
  test('trust is a lease from when the last answered question was sent', () => {
    const trust = { verifiedAt: 1000 }
    const { clock, freshness, entry } = newScene(trust)
    const user = entry(-Infinity)
    clock.advance(999)
    expect([freshness.isVerified(clock.now()), freshness.isFresh(user)]).toEqual([true, true])
    clock.advance(1)
    expect([freshness.isVerified(clock.now()), freshness.isFresh(user)]).toEqual([false, false])
    trust.verifiedAt = 1500
    expect([freshness.isVerified(clock.now()), freshness.isFresh(user)]).toEqual([true, true])
  })

  test('an entry that was loaded here is trusted as long again after its load began, word or no word', () => {
    const { clock, freshness, entry } = newScene({ verifiedAt: -Infinity })
    const user = entry()
    clock.advance(999)
    expect([freshness.isVerified(clock.now()), freshness.isFresh(user)]).toEqual([false, true])
    clock.advance(1)
    expect([freshness.isFresh(user), freshness.survives(user)]).toEqual([false, true])
  })

  test('trust does not outlive a clear', () => {
    const { clock, log, freshness, entry } = newScene({ verifiedAt: 1000 })
    const user = entry()
    log.receive('clear', ofUser, 700, clock.now())
    expect(freshness.isFresh(user)).toBe(false)
  })

  test('an entry hands on the trust that it has: the later of word and load', () => {
    expect(newScene({ verifiedAt: 400 }).freshness.trustOf(newScene().entry(700))).toBe(700)
    expect(newScene({ verifiedAt: 900 }).freshness.trustOf(newScene().entry(700))).toBe(900)
    expect(newScene({ verifiedAt: 900 }).freshness.verifiedAt).toBe(900)
  })

  test('without a word yet, nothing from elsewhere is trusted', () => {
    const { clock, freshness, entry } = newScene({ verifiedAt: -Infinity })
    expect([freshness.isVerified(clock.now()), freshness.isFresh(entry(-Infinity))]).toEqual([false, false])
  })
})
