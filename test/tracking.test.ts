import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../src/key.ts'
import { callRef, overlaps, patternRef, tagRef, uriRef, type Ref } from '../src/ref.ts'
import { Frame, Tracker } from '../src/tracking.ts'

const call = (name: string, ...args: unknown[]): Ref => callRef(name, args, keyOf(args))
const calls = (name: string, count: number): Ref[] => Array.from({ length: count }, (_, id) => call(name, id))

function closed(refs: readonly Ref[]): readonly Ref[] {
  const frame = new Frame(0, undefined)
  frame.refs.add(call('page', 1))
  frame.add(refs, 0, false)
  return frame.close()
}

describe('what a load has read', () => {
  test('counts once, however often and by whichever object it was read', () => {
    const refs = closed([call('user', 1), call('user', 1), patternRef('user', [1]), call('user', 2), tagRef('a'), tagRef('a')])
    expect(refs.map(String)).toEqual(['page(1)', 'user(1)', 'user(1,…)', 'user(2)', '#tag("a")'])
  })

  test('begins with the call itself', () => {
    expect(closed([])).toEqual([call('page', 1)])
    expect(String(closed(calls('user', 5000))[0])).toBe('page(1)')
  })

  test('is exact up to 500 refs', () => {
    const refs = closed(calls('user', 499))
    expect(refs).toHaveLength(500)
    expect(refs.every((ref) => ref.exact)).toBe(true)
  })

  test('past its bound is coarser, and never forgotten', () => {
    const read = [...calls('user', 400), ...calls('post', 300), ...calls('team', 20), tagRef('table:posts'), uriRef('/a')]
    const refs = closed(read)
    expect(refs.length).toBeLessThanOrEqual(500)
    for (const ref of read)
      expect(
        refs.some((kept) => overlaps(kept, ref)),
        String(ref),
      ).toBe(true)
  })

  test('past its bound counts the functions with the most refs as a whole, and stays exact in the others', () => {
    const refs = closed([...calls('user', 2000), ...calls('post', 30), ...calls('page', 3), tagRef('table:posts')])
    const touches = (ref: Ref): boolean => refs.some((kept) => overlaps(kept, ref))
    expect(touches(call('user', 9999))).toBe(true)
    expect([touches(call('post', 29)), touches(call('post', 30))]).toEqual([true, false])
    expect([touches(call('page', 2)), touches(call('page', 3))]).toEqual([true, false])
    expect([touches(tagRef('table:posts')), touches(tagRef('table:users'))]).toEqual([true, false])
  })

  test('is as trusted as the least trusted of it, and stale where one of it is', () => {
    const frame = new Frame(100, undefined)
    frame.add([call('user', 1)], 200, false)
    expect([frame.trustFrom, frame.stale]).toEqual([100, false])
    frame.add([call('user', 2)], 50, true)
    frame.add([call('user', 3)], 70, false)
    expect([frame.trustFrom, frame.stale]).toEqual([50, true])
  })
})

describe('the load that code runs in', () => {
  test('is the innermost one that has not ended, through every await', async () => {
    const tracker = new Tracker()
    const outer = new Frame(0, undefined)
    const inner = new Frame(0, outer)
    expect(tracker.current()).toBeUndefined()
    await tracker.run(outer, async () => {
      await setImmediate()
      expect(tracker.current()).toBe(outer)
      await tracker.run(inner, async () => {
        await setImmediate()
        expect(tracker.current()).toBe(inner)
        inner.close()
        expect(tracker.current()).toBe(outer)
        outer.close()
        expect(tracker.current()).toBeUndefined()
      })
    })
  })

  test('is none for what runs outside, wherever it was begun', async () => {
    const tracker = new Tracker()
    await tracker.run(new Frame(0, undefined), async () => {
      const seen = await tracker.runOutside(async () => {
        await setImmediate()
        return tracker.current()
      })
      expect(seen).toBeUndefined()
    })
  })
})
