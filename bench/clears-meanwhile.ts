// Knows what hits in memory cost while clears arrive that have nothing to do with them.
import { createCache } from '../dist/src/index.js'
import { ownOf } from './own.ts'
import { measure, ratio, timingOf, type Case, type Timing } from './rounds.ts'
import { checkHits, newSource, type Asked } from './source.ts'
import { atMost, OWN, sideBySide, type Table, type Target } from './suite.ts'

const CLEARS_A_SECOND = 1000

const QUIET = `${OWN}, no clears`
const OTHERS = `${OWN}, ${CLEARS_A_SECOND} clears a second of another function`
const SAME = `${OWN}, ${CLEARS_A_SECOND} clears a second of other calls of a function that it depends on`

export interface BesideClears {
  readonly timings: readonly Timing[]
  readonly table: Table
}

export async function besideClears(asked: Asked<string>): Promise<BesideClears> {
  const timings = await measure([
    caseOf(QUIET, asked, () => {}),
    caseOf(OTHERS, asked, (clear) => clear.another()),
    caseOf(SAME, asked, (clear) => clear.dependency()),
  ])
  return { timings, table: sideBySide('While clears arrive', timings, QUIET) }
}

/** The dearer of the two. */
export function clearsTarget({ timings }: BesideClears): Target {
  const dearer = Math.max(...[OTHERS, SAME].map((name) => ratio(timingOf(name, timings), timingOf(QUIET, timings))))
  return atMost(`the same while ${CLEARS_A_SECOND} unrelated clears a second arrive`, 1.2, dearer)
}

interface Clears {
  another(): void
  dependency(): void
}

function caseOf(name: string, asked: Asked<string>, act: (clear: Clears) => void): Case {
  const source = newSource()
  const cache = createCache({ redis: false })
  const call = ownOf(source, cache)
  const another = cache.memoize(async (id: string) => id, { name: 'another' })
  const { keys } = asked
  let cleared = 0
  const clears: Clears = {
    another: () => void another.clear(`other-${cleared++}`),
    dependency: () => void cache.clear(cache.ref('name', `other-${cleared++}`)),
  }
  return {
    name,
    check: () => checkHits(call, asked, source),
    async run(times) {
      const began = performance.now()
      let due = 0
      for (let i = 0; i < times; i++) {
        await call(keys[i % keys.length]!)
        // Looked at now and then: a timer would not be heard while hits follow each other.
        if (i % 64 === 0) for (const now = performance.now() - began; due < (now * CLEARS_A_SECOND) / 1000; due++) act(clears)
      }
    },
  }
}
