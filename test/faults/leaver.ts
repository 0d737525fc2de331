// A process that works, works on under a fault, and closes its cache: then nothing of it may keep the process alive.
import { createCache } from '../../src/index.ts'

const { REDIS_URL = '', CONSISTENCY = '' } = process.env
const cache = createCache({
  redis: REDIS_URL,
  prefix: 'stage',
  consistency: CONSISTENCY as 'eventual' | 'strong',
  commandTimeout: 100,
  onError: () => undefined,
})
const row = cache.memoize(async (key: string) => `row ${key}`, { name: 'row', limit: 10 })

async function work(turn: string): Promise<void> {
  for (let key = 0; key < 20; key++) await row(`${turn} ${key % 5}`)
  await Promise.all([row(turn), row(turn), row(`${turn} more`)])
  // Who does not await a clear is not ended by it either.
  void row.clear('not awaited')
  const cleared = await row.clear(turn).then(
    () => 'confirmed',
    (error: { code: string }) => error.code,
  )
  console.log(`${turn}: ${await row(turn)}, ${cleared}`)
}

// A listener for a signal keeps no process alive, so that until then something else has to.
const waiting = setInterval(() => undefined, 1000)
process.once('SIGUSR2', () => {
  clearInterval(waiting)
  void work('under')
    .then(() => cache.close())
    .then(() => console.log('closed'))
})
await work('before')
console.log('ready')
