// Connections that are open on one side only: by themselves they would wait for ever, and what was sent into them may have arrived.
import { expect, onTestFinished, test } from 'vitest'
import { openCache } from '../../src/cache.ts'
import { createCache } from '../../src/index.ts'
import { logKeyOf } from '../../src/redis/naming.ts'
import { startRedis } from '../support/redis.ts'
import { ask } from '../support/replication.ts'
import { timed } from '../support/timed.ts'
import { until } from '../redis/process.ts'
import { newProxy } from '../redis/proxy.ts'
import { newNetwork, type Network } from './network.ts'

async function newRedis(): Promise<{ url: string; network: Network; direct: string }> {
  const server = await startRedis()
  const network = await newNetwork(server.port)
  onTestFinished(async () => {
    await network.close()
    await server.stop()
  })
  return { url: `redis://127.0.0.1:${network.port}`, network, direct: server.url }
}

function newActor(redis: string, commandTimeout = 100) {
  const cache = openCache({ redis, commandTimeout, onError: () => undefined }, () => performance.now())
  onTestFinished(() => cache.close())
  return cache
}

const confirmed = (cleared: Promise<void>): Promise<boolean> =>
  cleared.then(
    () => true,
    () => false,
  )

test('an attempt at a connection that hangs is given up for another one', async () => {
  const { url, network } = await newRedis()
  network.be({ does: 'swallow' })
  const cache = newActor(url)
  expect(await confirmed(cache.clear(cache.tag('a')))).toBe(false)
  await until(() => network.accepted >= 2)
  network.be({ does: 'carry' })
  // What it tried before stays dead.
  await until(() => confirmed(cache.clear(cache.tag('a'))))
})

/** How many processes Redis tells of clears. */
const listenersAt = (url: string): Promise<number> =>
  ask({ port: Number(new URL(url).port) }, async (client) => Number((await client.pubsub('NUMSUB', `${logKeyOf('')}@0`))[1]))

/** Two processes with an entry each, and how often each has loaded it. */
async function newPair(url: string, direct: string) {
  const [here, there] = [newActor(url, 2000), newActor(direct, 2000)]
  const rows = { value: 'old' }
  const loads = { here: 0, there: 0 }
  const rowOf = (cache: typeof here, who: 'here' | 'there') =>
    cache.memoize(async () => (loads[who]++, rows.value), { name: 'row', store: 'memory' })
  const pair = { here, there, row: rowOf(here, 'here'), same: rowOf(there, 'there'), rows, loads }
  await until(async () => (await confirmed(here.clear(here.tag('x')))) && (await confirmed(there.clear(there.tag('x')))))
  expect([await pair.row(), await pair.same()]).toEqual(['old', 'old'])
  rows.value = 'new'
  return pair
}

test('a clear whose acknowledgement was lost is known by its message, and what was loaded since stays', async () => {
  const { network, direct } = await newRedis()
  const proxy = await newProxy(network.port)
  const { here, there, row, same, loads } = await newPair(proxy.url, direct)
  // Both listen, and the one whose connection dies has missed nothing before: a gap would have to be asked for.
  await until(async () => (await listenersAt(direct)) === 2)
  await here.clear(here.tag('x'))
  const dead = proxy.asking()
  dead.hold()
  expect(await confirmed(row.clear())).toBe(true)
  await until(async () => (await same()) === 'new')
  expect([await row(), loads]).toEqual(['new', { here: 2, there: 2 }])
  await until(() => proxy.wires().every((wire) => wire !== dead))
  await until(() => confirmed(here.clear(here.tag('x'))))
  await until(() => confirmed(there.clear(there.tag('x'))))
  expect([await row(), await same(), loads]).toEqual(['new', 'new', { here: 2, there: 2 }])
})

test('a clear whose acknowledgement and message were lost is delivered again, which costs one load more and is never stale', async () => {
  const { url, network, direct } = await newRedis()
  const { here, there, row, same, loads } = await newPair(url, direct)
  network.be({ does: 'swallow answers' })
  expect(await confirmed(row.clear())).toBe(false)
  // It has arrived all the same.
  await until(async () => (await same()) === 'new')
  expect([await row(), loads]).toEqual(['new', { here: 2, there: 2 }])
  network.be({ does: 'carry' })
  await until(() => confirmed(here.clear(here.tag('x'))))
  await there.clear(there.tag('x'))
  expect([await row(), await same()]).toEqual(['new', 'new'])
  for (const times of Object.values(loads)) expect(times).toBeLessThanOrEqual(3)
})

test('a cache whose Redis never says anything loads, and closes at once', async () => {
  const { url, network } = await newRedis()
  network.be({ does: 'swallow' })
  const cache = createCache({ redis: url, commandTimeout: 100, onError: () => undefined })
  const read = cache.memoize(async () => 1, { name: 'row' })
  expect(await read()).toBe(1)
  expect((await timed(cache.close()))[0]).toBeLessThan(1000)
})
