// Knows how many bytes an entry takes in one cache. Runs in a process of its own, so that nothing else is on the heap.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { answer } from './child.ts'
import { ownOfParts } from './own.ts'
import { peers, type Open } from './peers.ts'
import { newSource, valueOf, type Value } from './source.ts'

const ENTRIES = 100_000

const [, , name = '', parts = '0', kind] = process.argv
const values = new Map(Array.from({ length: ENTRIES }, (_, index) => `id-${index}`).map((id) => [id, valueOf(id)]))
const source = { ...newSource(), load: async (id: string) => values.get(id) ?? valueOf(id) }
const open = openerOf(name)

answer({ bytes: () => new AsyncLocalStorage<true>().run(true, bytes) })

async function bytes(): Promise<number> {
  // What is made once, of the first cache, is not an entry's.
  await open(source, ENTRIES)('first')
  const before = await heap()
  const call = open(source, ENTRIES)
  for (const id of values.keys()) await call(id)
  const taken = (await heap()) - before
  if ((await call('id-7')) !== values.get('id-7')) throw new Error(`${name} gives a copy, or something else.`)
  return taken / ENTRIES
}

function openerOf(name: string): Open {
  if (name === 'lru-cache') return lru
  return peers[name] ?? (({ load }, limit = ENTRIES) => ownOfParts(load, { count: Number(parts), partOf, limit }))
}

/** Shared: one of a thousand calls that stay cached. Else a call of the entry's own. */
function partOf(id: string): string {
  return kind === 'shared' ? id.slice(-3) : `of-${id}`
}

function lru({ load }: { load: (id: string) => Promise<Value> }, max = ENTRIES): (id: string) => Promise<Value> {
  const cache = new LRUCache<string, Value>({ max })
  return async (id) => {
    const value = cache.get(id) ?? (await load(id))
    cache.set(id, value)
    return value
  }
}

async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await turn()
    globalThis.gc!()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
