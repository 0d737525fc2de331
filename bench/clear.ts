// Knows what one clear costs, however much depends on what is cleared: who clears, who else is there, and Redis.
import { deepStrictEqual, strictEqual } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startRedis } from '../test/support/redis.ts'
import { crowdLoop } from './callers.ts'
import {
  asyncCacheDedupe,
  bentocache,
  cacheable,
  idOf,
  layeredLoader,
  own,
  type Dependents,
  type OpenDependents,
  type Seen,
} from './clearing.ts'
import { clientCommandsDuring } from './commands.ts'
import { median } from './rounds.ts'
import { stalledBy } from './stall.ts'
import { atMost, OWN, rounded, type Row, type Suite, type Table } from './suite.ts'

/** The most dependents that each is given, and is measured with in bearable time. */
interface Clearer {
  readonly name: string
  readonly open: OpenDependents
  readonly most: number
}

const SIZES = [1e2, 1e5, 1e6]
const ROUNDS = 9
/** After so many milliseconds no further round begins: filling takes what it takes. */
const BEARABLE = 8000

const inMemory: readonly Clearer[] = [
  { name: OWN, open: own, most: 1e6 },
  { name: 'layered-loader, a group', open: layeredLoader, most: 1e6 },
  { name: 'async-cache-dedupe, a reference', open: asyncCacheDedupe, most: 1e4 },
  { name: 'bentocache, a tag', open: bentocache, most: 1e5 },
  { name: 'cacheable, a tag', open: cacheable, most: 1e5 },
]

const inRedis: readonly Clearer[] = [
  { name: OWN, open: own, most: 1e6 },
  { name: 'layered-loader, a group', open: layeredLoader, most: 1e5 },
  { name: 'async-cache-dedupe, a reference', open: asyncCacheDedupe, most: 1e5 },
  { name: 'bentocache, a tag', open: bentocache, most: 1e4 },
]

export const suite: Suite = {
  name: 'clear',
  title: 'One clear',
  async run() {
    // What comes first in a process waits for its code to be compiled.
    for (const clearer of inMemory) await cleared(clearer, SIZES[0]!)
    const memory: Cleared[] = []
    for (const clearer of inMemory) for (const size of sizesOf(clearer)) memory.push(await cleared(clearer, size))
    const redis: Cleared[] = []
    // Ends with this process.
    const { port } = await startRedis()
    for (const clearer of inRedis) for (const size of sizesOf(clearer)) redis.push(await cleared(clearer, size, port))
    const mine = memory.filter(({ name }) => name === OWN)
    return {
      tables: [tableOf('In memory', memory), tableOf('In Redis', redis)],
      targets: [
        ...mine.map(({ size, took }) => atMost(`one clear with ${shown(size)} dependents, in memory`, 0.3, took, 'ms')),
        ...redis
          .filter(({ name }) => name === OWN)
          .map(({ size, commands }) => atMost(`the same in Redis, ${shown(size)}`, 1, commands!, 'round trip')),
      ],
    }
  },
}

interface Taken {
  /** Milliseconds. */
  readonly took: number
  /** The longest stall, and that of as long a time in which nothing is cleared. */
  readonly longest: number
  readonly idle: number
  readonly commands: number
}

interface Cleared extends Omit<Taken, 'commands'> {
  readonly name: string
  readonly size: number
  readonly rounds: number
  readonly commands?: number
}

function sizesOf({ most }: Clearer): number[] {
  return [...SIZES.filter((size) => size < most), most]
}

/** Fills, clears and looks whether all is new, in rounds. */
async function cleared({ name, open }: Clearer, size: number, port?: number): Promise<Cleared> {
  if (port !== undefined) await new Redis(port).flushall()
  const seen = { version: 0, loads: 0 }
  const load = async (id: string): Promise<Seen> => {
    seen.loads++
    return { id, version: seen.version }
  }
  const dependents = open(load, size, port)
  const check = async (): Promise<void> => {
    for (const id of [0, 50, size - 1].map(idOf)) deepStrictEqual(await dependents.read(id), { id, version: seen.version }, name)
  }
  const taken: Taken[] = []
  const began = performance.now()
  while (taken.length < ROUNDS && (taken.length === 0 || performance.now() - began < BEARABLE)) {
    await fill(dependents, size)
    const { loads } = seen
    await check()
    strictEqual(seen.loads, loads, `${name} did not keep ${size} dependents`)
    globalThis.gc!()
    const idle = await stalledBy(async () => {})
    seen.version++
    taken.push({ ...(await clientCommandsDuring(port, () => stalledBy(dependents.clear))), idle: idle.longest })
    await check()
  }
  await dependents.close?.()
  const of = (key: keyof Taken) => median(taken.map((each) => each[key]))
  const commands = port === undefined ? {} : { commands: Math.min(...taken.map((each) => each.commands)) }
  return { name, size, rounds: taken.length, took: of('took'), longest: of('longest'), idle: of('idle'), ...commands }
}

async function fill({ read, copy }: Dependents, size: number): Promise<void> {
  const asked = copy === undefined ? size : 1
  const ids = Array.from({ length: asked }, (_, index) => idOf(index))
  await crowdLoop(read, ids, 256)(asked)
  // What is written behind an answer is there soon.
  await delay(20)
  await copy?.(size)
}

function tableOf(title: string, all: readonly Cleared[]): Table {
  const rows = all.map(({ name, size, rounds, took, longest, idle, commands }): Row => {
    const sent = commands === undefined ? [] : [commands]
    return [`${name}, ${shown(size)}`, rounded(took), rounded(longest), rounded(idle), ...sent, rounds]
  })
  const sent = all.some(({ commands }) => commands !== undefined) ? ['commands to Redis'] : []
  return { title, columns: ['ms', 'longest stall, ms', 'where nothing is cleared', ...sent, 'rounds'], rows }
}

function shown(size: number): string {
  return size.toLocaleString('en-US')
}
