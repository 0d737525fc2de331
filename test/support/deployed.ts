// A process of one version of a program: it calls, clears and counts when it is told to. test/rolling-deploy.test.ts starts it.
import { Redis } from 'ioredis'
import { createCache } from '../../src/index.ts'

const { REDIS_URL = '', PREFIX = '', VERSION = '' } = process.env
const cache = createCache({ redis: REDIS_URL, prefix: PREFIX, commandTimeout: 10_000 })
const plain = new Redis(REDIS_URL)

let loads = 0
const row = cache.memoize(
  async (id: string) => {
    loads++
    // Each version gives its values another shape.
    return { shape: VERSION, seen: `${id} ${(await plain.get(`${PREFIX} row`)) ?? ''}` }
  },
  VERSION === '' ? { name: 'row' } : { name: 'row', version: VERSION },
)
const page = cache.memoize(async (id: string) => `page of ${JSON.stringify(await row(id))}`, { name: 'page', version: `page-${VERSION}` })

const deeds: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
  row,
  page,
  clear: (id) => row.clear(id),
  count: () => row.count(),
  loads: async () => loads,
  flush: () => cache.flush(),
}

console.log('ready')
for (let turn = 1; ; turn++) {
  const [, order = ''] = (await plain.blpop(`${PREFIX} ${process.pid}`, 0)) ?? []
  const [deed = '', id = ''] = order.split(' ')
  console.log(`${turn}: ${JSON.stringify((await deeds[deed]?.(id)) ?? null)}\n${turn} done`)
}
