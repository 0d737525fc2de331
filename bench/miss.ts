// Knows what a miss costs: looking, loading and storing. And what is stored beyond the key and the value.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { LRUCache } from 'lru-cache'
import { bytesTables } from './bytes.ts'
import { ownOfParts } from './own.ts'
import { peers, type Open } from './peers.ts'
import { measure, ratio, timingOf, type Case, type Timing } from './rounds.ts'
import { LIMIT, newSource, valueOf, type Source, type Value } from './source.ts'
import { atMost, OWN, sideBySide, type Suite } from './suite.ts'

const LRU = 'lru-cache'
const OWN_PARTS = `${OWN}, three dependencies`
const LRU_PARTS = 'lru-cache, reading three others'

export const suite: Suite = {
  name: 'miss',
  title: 'Misses, and bytes',
  async run() {
    const alone = await measure(Object.entries({ [LRU]: lru, [OWN]: own, ...peers }).map(([name, open]) => misses(name, open)))
    const withParts = await measure([misses(LRU_PARTS, lruOfParts), misses(OWN_PARTS, ownOfThree)])
    const bytes = await bytesTables()
    const between = (timings: readonly Timing[], of: string, to: string) => ratio(timingOf(of, timings), timingOf(to, timings))
    return {
      tables: [
        sideBySide('Look, load and store', alone, LRU),
        sideBySide('Look, load from three other cached functions, and store', withParts, LRU_PARTS),
        ...bytes.tables,
      ],
      targets: [
        atMost('miss, load and store', 2, between(alone, OWN, LRU)),
        atMost('the same with three dependencies, beside `lru-cache` that reads three others', 2, between(withParts, OWN_PARTS, LRU_PARTS)),
        ...bytes.targets,
      ],
    }
  },
}

/** A case in which every call is of a key that was never asked for. */
function misses(name: string, open: Open): Case {
  const source = newSource()
  const call = open(source, LIMIT)
  let next = 0
  return {
    name,
    async check() {
      const { loads } = source
      for (let i = 0; i < 10; i++) deepStrictEqual(await call(`check-${i}`), valueOf(`check-${i}`))
      strictEqual(source.loads - loads >= 10, true, 'a miss has not loaded')
    },
    async run(times) {
      for (let i = 0; i < times; i++) await call(`miss-${next++}`)
    },
  }
}

function own({ load }: Source): (id: string) => Promise<Value> {
  return ownOfParts(load, { count: 0 })
}

function lru({ load }: Source): (id: string) => Promise<Value> {
  return overLru(load)
}

function overLru<T extends object | string>(load: (id: string) => Promise<T>): (id: string) => Promise<T> {
  const cache = new LRUCache<string, T>({ max: LIMIT })
  return async (id) => {
    const found = cache.get(id)
    if (found !== undefined) return found
    const loaded = await load(id)
    cache.set(id, loaded)
    return loaded
  }
}

/** Reads each of three others that `lru-cache` keeps. */
function lruOfParts({ load }: Source): (id: string) => Promise<Value> {
  const part = async (id: string) => id
  const parts = [overLru(part), overLru(part), overLru(part)]
  return overLru(async (id) => {
    for (const part of parts) await part(tailOf(id))
    return await load(id)
  })
}

function ownOfThree({ load }: Source): (id: string) => Promise<Value> {
  return ownOfParts(load, { partOf: tailOf })
}

/** Which of the few parts that are kept an entry is made of. */
function tailOf(id: string): string {
  return id.slice(-1)
}
