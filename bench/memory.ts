// Knows what a hit in memory costs, beside a bare `lru-cache.get` and beside others.
import { LRUCache } from 'lru-cache'
import memoizee from 'memoizee'
import { Loader } from 'layered-loader'
import { besideClears, clearsTarget } from './clears-meanwhile.ts'
import { asyncLoop, syncLoop } from './loops.ts'
import { ownOf, ownOfFilter, ownSync, type Filter } from './own.ts'
import { keyByHand, peersByFilter } from './peers-by-filter.ts'
import { peers } from './peers.ts'
import { measure, ratio, timingOf, type Case, type Timing } from './rounds.ts'
import { checkHits, hitting, LIMIT, newSource, TTL, valueOf, type Asked, type Source, type Value } from './source.ts'
import { atMost, OWN, sideBySide, type Suite } from './suite.ts'

export const suite: Suite = {
  name: 'memory',
  title: 'Hits in memory',
  async run() {
    const ofStrings = await measure(stringCases())
    const ofSync = await measure(syncCases())
    const ofFilters = await measure(filterCases())
    const clears = await besideClears(strings)
    const own = (timings: readonly Timing[]) => ratio(timingOf(OWN, timings), timingOf(LRU, timings))
    return {
      tables: [
        sideBySide('A string as argument, asynchronous', ofStrings, LRU),
        sideBySide('A string as argument, synchronous', ofSync, LRU),
        sideBySide('An object of three fields as argument', ofFilters, LRU),
        clears.table,
      ],
      targets: [
        atMost('hit in memory, async, string argument', 1.5, own(ofStrings)),
        atMost('hit in memory, sync, string argument', 1.5, own(ofSync)),
        atMost('hit in memory, object argument, canonical key', 2.2, own(ofFilters)),
        clearsTarget(clears),
      ],
    }
  },
}

const LRU = 'lru-cache'

const ids = Array.from({ length: 256 }, (_, index) => `id-${index}`)
const strings: Asked<string> = { keys: ids, expected: valueOf }
const filters: Asked<Filter> = {
  keys: ids.map((author, index) => ({ author, page: index % 10, sort: 'name' })),
  expected: ({ author }) => valueOf(author),
}

function stringCases(): Case[] {
  const openers = { [LRU]: lru, [`${LRU}, with a time to live`]: lruWithTtl, [OWN]: (source: Source) => ownOf(source), ...peers }
  return Object.entries(openers).map(([name, open]) => hits(name, open, strings))
}

function filterCases(): Case[] {
  const bare = () => {
    const lru = new LRUCache<string, Value>({ max: LIMIT })
    for (const filter of filters.keys) lru.set(keyByHand(filter), valueOf(filter.author))
    return async ({ author, page, sort }: Filter) => lru.get(`${author}|${page}|${sort}`)
  }
  const others = Object.entries(peersByFilter).map(([name, open]) => {
    const opened = (source: Source) => {
      const call = open(({ author }) => source.load(author))
      // An object of each caller's own, as callers have it.
      return ({ author, page, sort }: Filter) => call({ author, page, sort })
    }
    return hits(name, opened, filters)
  })
  return [hits(LRU, bare, filters), hits(OWN, ownOfFilter, filters), ...others]
}

function syncCases(): Case[] {
  const openers: Record<string, (source: Source) => (id: string) => unknown> = {
    [LRU]: () => {
      const cache = filled({})
      return (id) => cache.get(id)
    },
    // Its clock is read once in a millisecond.
    [`${LRU}, with a time to live`]: () => {
      const cache = filled({ ttl: TTL })
      return (id) => cache.get(id)
    },
    // Without that, each look costs what the clock costs.
    [`${LRU}, with a time to live by the clock`]: () => {
      const cache = filled({ ttl: TTL, ttlResolution: 0 })
      return (id) => cache.get(id)
    },
    [OWN]: (source) => ownSync(source),
    [`${OWN}, results that do not end`]: (source) => ownSync(source, Number.POSITIVE_INFINITY),
    memoizee: ({ loadSync }) => memoizee(loadSync, { primitive: true, maxAge: TTL, max: LIMIT }),
    'layered-loader, getInMemoryOnly': ({ load }) => {
      const inMemoryCache = { cacheType: 'lru-object', ttlInMsecs: TTL, maxItems: LIMIT } as const
      const loader = new Loader<Value>({ inMemoryCache, dataSourceGetOneFn: load })
      for (const id of ids) void loader.get(id)
      return (id) => loader.getInMemoryOnly(id)
    },
  }
  return Object.entries(openers).map(([name, open]) => {
    const source = newSource()
    const call = open(source)
    return { name, run: hitting(syncLoop(call, ids), source), check: () => checkHits(call, strings, source) }
  })
}

function hits<K>(name: string, open: (source: Source) => (key: K) => Promise<unknown>, asked: Asked<K>): Case {
  const source = newSource()
  const call = open(source)
  return { name, run: hitting(asyncLoop(call, asked.keys), source), check: () => checkHits(call, asked, source) }
}

function lru(): (id: string) => Promise<unknown> {
  const cache = filled({})
  return async (id) => cache.get(id)
}

function lruWithTtl(): (id: string) => Promise<unknown> {
  const cache = filled({ ttl: TTL })
  return async (id) => cache.get(id)
}

function filled(options: { ttl?: number; ttlResolution?: number }): LRUCache<string, Value> {
  const cache = new LRUCache<string, Value>({ max: LIMIT, ...options })
  for (const id of ids) cache.set(id, valueOf(id))
  return cache
}
