import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { freePorts, isFree } from '../support/ports.ts'
import { runs, startProgram, type RunningProgram } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'

const alone = { DATABASE_URL: undefined, REDIS_URL: undefined, CACHE_ALCHEMY_REDIS_URL: undefined }

/** Far longer than it takes where nothing else runs. */
const patiently = { timeout: 20_000 }

let port: number
let demo: RunningProgram

beforeEach(async () => {
  port = await freePorts(4)
})

afterEach(async () => {
  await demo.end('SIGKILL')
})

const url = (door: number, path: string) => `http://127.0.0.1:${port + door}${path}`
const isHit = async (door: number, path: string) => /; ?hit/.test((await fetch(url(door, path))).headers.get('cache-status') ?? '')

function rate(door: number, film: number, stars: number): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(url(door, `/api/films/${film}/ratings`), { method: 'POST', headers, body: JSON.stringify({ stars }) })
}

/** The processes of `pids` that run after a while to end in, and the ports that are still taken. */
async function leftBy(pids: readonly number[]): Promise<number[]> {
  await vi.waitUntil(() => !pids.some(runs), patiently).catch(() => undefined)
  const taken = await Promise.all([0, 1, 2, 3].map(async (door) => ((await isFree(port + door)) ? [] : [port + door])))
  return [...pids.filter(runs), ...taken.flat()]
}

describe('two processes', () => {
  test(
    'have one cache: what one has answered is a hit in the other, and a rating in one is seen in the other',
    { timeout: 120_000 },
    async () => {
      demo = startProgram('demo/two.ts', { ...alone, PORT: String(port) })
      await demo.says('Ctrl-C')

      // Doors 0 and 1 are Express and Koa of the first process, 2 and 3 of the second.
      for (const [writer, reader] of [
        [0, 2],
        [3, 1],
        [2, 3],
      ] as const) {
        const film = 17 + writer
        const its = [`/api/films/${film}`, '/api/genres', '/api/films?sort=rating']
        const others = ['/api/films/1139', '/api/films?genre=Western']
        for (const path of [...its, ...others]) await fetch(url(reader, path))
        for (const path of [...its, ...others]) expect([path, await isHit(reader, path)]).toEqual([path, true])

        expect((await rate(writer, film, 5)).status).toBe(201)

        await vi.waitFor(
          async () => expect(await (await fetch(url(reader, its[0]!))).json()).toMatchObject({ ratings: { mean: 5 } }),
          patiently,
        )
        for (const path of its.slice(1)) expect([path, await isHit(reader, path)]).toEqual([path, false])
        for (const path of others) expect([path, await isHit(reader, path)]).toEqual([path, true])
      }

      // Through the same framework the second process finds what the first has stored, which is soon after the first has answered.
      let film = 2000
      await vi.waitFor(async () => {
        const path = `/api/films/${film++}`
        await fetch(url(0, path))
        expect(await isHit(2, path)).toBe(true)
      }, patiently)
    },
  )

  test('end with Ctrl-C, and so does everything they started', { timeout: 120_000 }, async () => {
    demo = startProgram('demo/two.ts', { ...alone, PORT: String(port) })
    await demo.says('Ctrl-C')
    const children = demo.children()
    expect(children.length).toBeGreaterThanOrEqual(3)
    expect(await demo.end('SIGINT')).toBe(0)
    expect(await leftBy(children)).toEqual([])
  })

  test('end when the process that started them is killed', { timeout: 120_000 }, async () => {
    demo = startProgram('demo/two.ts', { ...alone, PORT: String(port) })
    await demo.says('Ctrl-C')
    const children = demo.children()
    await demo.end('SIGKILL')
    expect(await leftBy(children)).toEqual([])
  })

  test('end when one of them cannot start, and say why', { timeout: 120_000 }, async () => {
    await using redis = await startRedis()
    const taken = createServer().listen(port + 2)
    await once(taken, 'listening')
    demo = startProgram('demo/two.ts', { ...alone, REDIS_URL: redis.url, PORT: String(port) })
    await demo.says(`Port ${port + 2} is taken`)
    await once(demo.process, 'exit')
    expect(demo.process.exitCode).toBe(1)
    taken.close()
    await once(taken, 'close')
    expect(await leftBy([])).toEqual([])
  })

  test('say how to get a Redis where there is none', async () => {
    demo = startProgram('demo/two.ts', { ...alone, PORT: String(port), PATH: '/nowhere' })
    expect(await demo.says('npm run demo:two')).toContain('there is no redis-server here')
  })
})
