// Knows how many bytes an entry takes beyond its key and its value, and how many each dependency adds.
import { availableParallelism } from 'node:os'
import { start } from './child.ts'
import { peers } from './peers.ts'
import { atMost, OWN, rounded, type Measured } from './suite.ts'

const LRU = 'lru-cache'

/** By the number of dependencies. */
const COUNTS = [1, 3, 10]

/** The name of a cache, and for this one how many dependencies there are, and of which kind. */
type What = readonly string[]

export async function bytesTables(): Promise<Measured> {
  const names = [LRU, OWN, ...Object.keys(peers)]
  const ofDependencies: What[] = [...COUNTS.map((count) => [OWN, `${count}`, 'shared']), [OWN, '3', 'unshared']]
  const bytes = await allBytes([...names.map((name) => [name]), ...ofDependencies])
  const own = bytes[names.indexOf(OWN)]!
  const each = ofDependencies.map(([, count], index) => (bytes[names.length + index]! - own) / Number(count))
  return {
    tables: [
      {
        title: 'Bytes an entry, beyond key and value',
        columns: ['bytes'],
        rows: names.map((name, index) => [name === OWN ? `${OWN}, no dependencies` : name, rounded(bytes[index]!)]),
      },
      {
        title: 'Bytes an entry that each dependency adds',
        columns: COUNTS.map((count) => `${count} of them`),
        rows: [
          [`${OWN}, on calls that stay cached, and that other entries depend on too`, ...each.slice(0, 3).map(rounded)],
          [`${OWN}, on calls of which nothing else remains`, null, rounded(each[3]!), null],
        ],
      },
    ],
    targets: [
      atMost('bytes an entry beyond key and value', 200, own, 'bytes'),
      atMost('bytes a dependency, of three', 60, each[COUNTS.indexOf(3)]!, 'bytes'),
    ],
  }
}

/** As many at a time as there are cores: it is no time that is measured. */
async function allBytes(whats: readonly What[]): Promise<number[]> {
  const bytes: number[] = []
  const left = [...whats.entries()]
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) bytes[next[0]] = await bytesOf(next[1])
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return bytes
}

async function bytesOf(what: What): Promise<number> {
  await using child = start(new URL('bytes-of.ts', import.meta.url), what)
  return await child.ask<number>('bytes')
}
