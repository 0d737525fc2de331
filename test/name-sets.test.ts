// One set of names stands for many entries: it must be theirs, and say of the log what the log says of their refs one by one.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClearLog } from '../src/clear-log.ts'
import { NameSets } from '../src/name-sets.ts'
import { everything, wholeRef } from '../src/ref.ts'

const LIMIT = 3
const name = fc.constantFrom('a', 'b', 'a,b', 'a\nb', '"', 'a","b')

test('entries have one set exactly when they have the same names in the same order, whichever came between', () => {
  const entry = fc.tuple(name, fc.array(name, { maxLength: 3 }))
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (entries) => {
      const sets = new NameSets()
      const found = entries.map(([own, read]) => sets.of(own, read.map(wholeRef)))
      const names = entries.map(([own, read]) => Array.from(new Set([own, ...read])))
      expect(found.map((set) => set.names)).toEqual(names)
      const first = new Map(names.map((each, i) => [JSON.stringify(each), found[i]]).toReversed() as Array<[string, object]>)
      expect(found.every((set, i) => first.get(JSON.stringify(names[i])) === set)).toBe(true)
    }),
  )
})

test('a set is quiet only where nothing was recorded since that overlaps a ref of its names, whatever is collapsed or reset', () => {
  const ref = fc.oneof({ weight: 9, arbitrary: name.map(wholeRef) }, fc.constant(everything))
  const act = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(fc.constantFrom('clear' as const, 'expire' as const), ref, fc.boolean()) },
    fc.constant('reset' as const),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), fc.array(ref, { minLength: 1, maxLength: 3 }), (acts, refs) => {
      const log = new ClearLog(LIMIT)
      const set = new NameSets().of('own', refs)
      let epoch = 0
      for (const each of acts) {
        if (each === 'reset') log.reset()
        else if (each[2]) log.receive(each[0], each[1], ++epoch, 0)
        else log.append(each[0], each[1], 0, false)
        for (let since = 0; since <= log.position; since++) {
          if (!log.isQuiet(set, since)) continue
          expect([log.clearedSince(refs, since), log.expiredSince(refs, since)]).toEqual([false, undefined])
        }
        expect(log.isQuiet(set, log.position) || refs.includes(everything)).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a set stays quiet while others are cleared', () => {
  const log = new ClearLog(LIMIT)
  const set = new NameSets().of('a', [wholeRef('b')])
  log.append('clear', wholeRef('b'), 0, false)
  const since = log.position
  log.append('clear', wholeRef('c'), 0, false)
  log.receive('expire', wholeRef('d'), 1, 0)
  expect([log.isQuiet(set, since), log.isQuiet(set, since - 1)]).toEqual([true, false])
})

test('more sets than are kept are begun anew, and entries keep theirs', () => {
  const sets = new NameSets()
  const first = sets.of('first', [])
  for (let i = 0; i < 1000; i++) sets.of(`other ${i}`, [])
  expect(sets.of('first', [])).not.toBe(first)
  expect(sets.of('first', []).names).toEqual(first.names)
})
