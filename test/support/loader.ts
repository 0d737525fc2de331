// A process that calls one cached function when it is told to, and whose load ends when it is told to. test/one-load.test.ts starts it.
import { Redis } from 'ioredis'
import { createCache } from '../../src/index.ts'

const { REDIS_URL = '', PREFIX = '', CALLS = '1' } = process.env
const cache = createCache({ redis: REDIS_URL, prefix: PREFIX, commandTimeout: 10_000 })
const plain = new Redis(REDIS_URL)
const gate = plain.duplicate()

const read = cache.memoize(
  async (id: string) => {
    await plain.incr(`${PREFIX} loads`)
    console.log('loading')
    await gate.blpop(`${PREFIX} open`, 0)
    return { id, by: process.pid }
  },
  { name: 'row' },
)

await plain.ping()
console.log('ready')
await gate.blpop(`${PREFIX} begin`, 0)
const values = await Promise.all(Array.from({ length: Number(CALLS) }, () => read('42')))
console.log(`got ${Array.from(new Set(values.map(({ by }) => by))).join()}`)
await cache.close()
plain.disconnect()
gate.disconnect()
