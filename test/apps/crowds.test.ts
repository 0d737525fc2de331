// Ten thousand requests that wait for one page at one time.
import { describe, expect, test } from 'vitest'
import { openCache } from '../../src/cache.ts'
import type { Cache } from '../../src/index.ts'
import { frameworks as express } from '../routes/express.ts'
import type { Exchange, SuiteRoute } from '../routes/framework.ts'
import { frameworks as koa } from '../routes/koa.ts'
import { newWarnings } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { crowd, type CrowdReply } from '../support/crowd.ts'
import { newGate, type Gate } from '../support/gate.ts'
import { begin, type TestServer } from '../support/http.ts'
import { startRedis } from '../support/redis.ts'

const SOME = { path: '/', connections: 100, each: 10 }

describe.each([...express, ...koa])('a crowd before one page of $name', (framework) => {
  const MANY = /[53]$/.test(framework.name) ? { ...SOME, each: 100 } : SOME
  const count = MANY.connections * MANY.each

  interface Stage extends AsyncDisposable {
    readonly page: SuiteRoute
    readonly server: TestServer
    readonly runs: () => number
    readonly gate: Gate
  }

  async function stage(cache: Cache, answer: (x: Exchange, run: number) => void): Promise<Stage> {
    const app = framework.newApp()
    const page = framework.cached(cache, { path: '/' })
    const gate = newGate()
    let runs = 0
    app.on('get', '/', [page], async (x) => {
      const run = ++runs
      await gate.wait()
      answer(x, run)
    })
    const server = await app.serve()
    return {
      page,
      server,
      runs: () => runs,
      gate,
      async [Symbol.asyncDispose]() {
        await server.close()
        await cache.close()
      },
    }
  }

  const inProcess = (): Cache => openCache({ redis: false }, newClock().now)
  const waits = async ({ page }: Stage, count: number): Promise<void> => {
    while (page.stats().coalesced < count) await new Promise(setImmediate)
  }
  const texts = (replies: readonly CrowdReply[]): Set<string> => new Set(replies.map((reply) => `${reply.status} ${reply.text}`))

  test(`${count.toLocaleString('en')} that wait at one time cost one run of its handler`, async () => {
    await using at = await stage(inProcess(), (x, run) => x.send(`run ${run}`))
    const replies = crowd(at.server.port, MANY)
    await waits(at, count - 1)
    at.gate.open()
    expect([(await replies).length, texts(await replies), at.runs()]).toEqual([count, new Set(['200 run 1']), 1])
  })

  test('one of them runs it for all where the first goes away', async () => {
    await using at = await stage(inProcess(), (x, run) => x.send(`run ${run}`))
    const leader = begin(at.server.port, '/')
    await at.gate.reached()
    const replies = crowd(at.server.port, MANY)
    await waits(at, count)
    leader.destroy()
    await at.gate.reached(2)
    at.gate.open()
    expect([(await replies).length, texts(await replies), at.runs()]).toEqual([count, new Set(['200 run 2']), 2])
  })

  test.each<[string, (x: Exchange, run: number) => void, number]>([
    [
      'fails',
      () => {
        throw new Error('down')
      },
      500,
    ],
    ['is for its own client', (x, run) => (x.set('Set-Cookie', `run=${run}`), x.send('a')), 200],
  ])('each runs it once, and none is stuck, where its answer %s', async (_what, answer, status) => {
    await using at = await stage(inProcess(), answer)
    const replies = crowd(at.server.port, SOME)
    await waits(at, 999)
    at.gate.open()
    expect([(await replies).map((reply) => reply.status), at.runs()]).toEqual([Array(1_000).fill(status), 1_000])
    const cookies = (await replies).flatMap(({ head }) => /^set-cookie: (.*)$/im.exec(head)?.[1] ?? [])
    expect(new Set(cookies).size).toBe(status === 200 ? 1_000 : 0)
  })

  test('each gets their own where the handler reads who asks', async () => {
    const warnings = newWarnings()
    await using at = await stage(inProcess(), (x) => x.send(`for ${x.header('cookie')}`))
    const replies = crowd(at.server.port, { ...SOME, fieldsOf: (nth) => ({ cookie: `a=${nth}` }) })
    await waits(at, 999)
    at.gate.open()
    expect((await replies).map((reply) => reply.text)).toEqual(Array.from({ length: 1_000 }, (_, nth) => `for a=${nth}`))
    warnings.stop()
  })
})

describe.each([express[1]!, koa[1]!])('a crowd before one page of two caches of $name', (framework) => {
  test('costs one run of its handler in both together', async () => {
    await using redis = await startRedis()
    const gate = newGate()
    let runs = 0
    const open = async (): Promise<{ page: SuiteRoute; server: TestServer; cache: Cache }> => {
      // However long a busy machine keeps both from working, no lease ends meanwhile.
      const cache = openCache({ redis: redis.url, commandTimeout: '20s' }, () => performance.now(), { length: 60_000, bound: 60_000 })
      const app = framework.newApp()
      const page = framework.cached(cache, { path: '/' })
      app.on('get', '/', [page], async (x) => {
        const run = ++runs
        await gate.wait()
        x.send(`run ${run}`)
      })
      return { page, cache, server: await app.serve() }
    }
    const both = [await open(), await open()]
    const replies = Promise.all(both.map(({ server }) => crowd(server.port, SOME)))
    for (const { page } of both) while (page.stats().coalesced < 999) await new Promise(setImmediate)
    gate.open()
    const all = (await replies).flat()
    expect([all.length, new Set(all.map((reply) => `${reply.status} ${reply.text}`)), runs]).toEqual([2_000, new Set(['200 run 1']), 1])
    for (const { server, cache } of both) {
      await server.close()
      await cache.close()
    }
  })
})
