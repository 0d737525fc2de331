import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serve, type Serving } from '../../demo/serve.ts'
import { freePorts } from '../support/ports.ts'
import { startRedis } from '../support/redis.ts'

let serving: Serving
const port = await freePorts(2)

beforeAll(async () => {
  serving = await serve({ port })
})

afterAll(() => serving.close())

describe.each([
  ['Express', port, 1235, 'James Cameron'],
  ['Koa', port + 1, 2508, 'Gore Verbinski'],
])('on %s', (framework, here, film, director) => {
  const get = (path: string) => fetch(`http://127.0.0.1:${here}${path}`)
  const rate = (id: number, body: string) =>
    fetch(`http://127.0.0.1:${here}/api/films/${id}/ratings`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const isHit = async (path: string) => /; ?hit/.test((await get(path)).headers.get('cache-status') ?? '')
  const warm = async (paths: readonly string[]) => {
    for (const path of paths) await get(path)
    for (const path of paths) expect([path, await isHit(path)]).toEqual([path, true])
  }

  test.each([
    `/api/films`,
    `/api/films?genre=Drama&year=1994&sort=rating&page=2`,
    `/api/films/18`,
    `/api/genres`,
    `/api/directors/Clint%20Eastwood`,
  ])('the second GET of %s is a hit with the same body', async (path) => {
    const first = await get(path)
    const second = await get(path)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.headers.get('cache-status')).toMatch(/; ?hit/)
    expect(await second.text()).toBe(await first.text())
  })

  test('after a rating its film, its lists, its genre and its director are fresh, and all else is still a hit', async () => {
    const its = [
      `/api/films/${film}`,
      '/api/films',
      '/api/films?sort=rating',
      '/api/genres',
      `/api/directors/${encodeURIComponent(director)}`,
    ]
    const others = [
      '/api/films/18',
      '/api/films?genre=Western',
      '/api/films?genre=Western&sort=rating',
      '/api/films?page=2',
      '/api/directors/Clint%20Eastwood',
    ]
    await warm([...its, ...others])

    const rated = await rate(film, '{"stars":4}')
    expect([rated.status, await rated.json()]).toEqual([201, expect.objectContaining({ film, stars: 4 })])

    for (const path of its) expect([path, await isHit(path)]).toEqual([path, false])
    for (const path of others) expect([path, await isHit(path)]).toEqual([path, true])
    expect(await (await get(`/api/films/${film}`)).json()).toMatchObject({ ratings: { count: 1, mean: 4 } })
  })

  test('a rating of a film without a genre and a director clears the figures of those without one', async () => {
    await warm(['/api/films/17', '/api/genres', '/api/films/18'])
    await rate(17, '{"stars":2}')
    expect(await isHit('/api/films/17')).toBe(false)
    expect(await isHit('/api/genres')).toBe(false)
    expect(await isHit('/api/films/18')).toBe(true)
  })

  test('a rating on one framework is seen on the other', async () => {
    const path = '/api/films/19'
    const there = `http://127.0.0.1:${port + (here === port ? 1 : 0)}${path}`
    await fetch(there)
    expect((await fetch(there)).headers.get('cache-status')).toMatch(/; ?hit/)
    await rate(19, '{"stars":1}')
    const seen = await fetch(there)
    expect(seen.headers.get('cache-status')).not.toMatch(/; ?hit/)
    expect(await seen.json()).toEqual(await (await get(path)).json())
  })

  test.each([
    ['{"stars":6}', 'Expected a JSON body such as { "stars": 4 }, with a whole number from 1 to 5, got {"stars":6}.'],
    ['{}', 'Expected a JSON body such as { "stars": 4 }, with a whole number from 1 to 5, got {}.'],
    ['stars=4', expect.stringContaining('Expected a JSON body such as { "stars": 4 }')],
    ['', expect.stringContaining('Expected a JSON body such as { "stars": 4 }')],
  ])('a rating of %j is a 400 that says what was expected, and clears nothing', async (body, error) => {
    await warm(['/api/films/20', '/api/genres'])
    const refused = await rate(20, body)
    expect([refused.status, await refused.json()]).toEqual([400, { error }])
    expect(await isHit('/api/films/20')).toBe(true)
    expect(await isHit('/api/genres')).toBe(true)
  })

  test('a film that is not there is a 404, to read and to rate', async () => {
    for (const answer of [await get('/api/films/9999'), await rate(9999, '{"stars":4}')]) {
      expect([answer.status, await answer.json()]).toEqual([404, { error: 'There is no film 9999.' }])
    }
    const nobody = await get('/api/directors/Nobody')
    expect([nobody.status, await nobody.json()]).toEqual([404, { error: 'There is no director named Nobody.' }])
  })

  test.each(['/api/films/seventeen', '/api/films?genre=Opera', '/api/films?year=x', '/api/films?sort=luck', '/api/films?page=-1'])(
    '%s is a 400 that says what was expected, each time',
    async (path) => {
      for (const answer of [await get(path), await get(path)]) {
        expect([answer.status, await answer.json()]).toEqual([400, { error: expect.stringContaining('Expected ') }])
      }
    },
  )

  test('the page is there, with what it needs, and names the doors', async () => {
    const page = await get('/')
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const files = [...(await page.text()).matchAll(/(?:href|src)="([\w-]+\.\w+)"/g)].map(([, name]) => name)
    expect(files).toEqual(['icon.svg', 'style.css', 'app.js'])
    for (const name of files) expect((await get(`/${name}`)).status).toBe(200)
    expect((await get('/../package.json')).status).toBe(404)
    expect(await (await get('/api/doors')).json()).toEqual({
      here: framework,
      doors: [
        { framework: 'Express', port, process: 1 },
        { framework: 'Koa', port: port + 1, process: 1 },
      ],
    })
  })
})

test('a port that is taken is an error that says what to do, and nothing is left open', async () => {
  await expect(serve({ port })).rejects.toThrow(`Port ${port} is taken. Say where else the demo may begin: PORT=4000 npm run demo`)
})

test('demos with databases of their own may share a Redis: none is answered from the database of another', async () => {
  await using redis = await startRedis()
  const [one, other] = [await freePorts(2), await freePorts(2)]
  const demos = [await serve({ port: one, redisUrl: redis.url }), await serve({ port: other, redisUrl: redis.url })]
  const headers = { 'content-type': 'application/json' }
  await fetch(`http://127.0.0.1:${one}/api/films/17/ratings`, { method: 'POST', headers, body: '{"stars":5}' })
  const ratings = await Promise.all([one, other].map(async (here) => (await fetch(`http://127.0.0.1:${here}/api/films/17`)).json()))
  expect(ratings).toMatchObject([{ ratings: { count: 1 } }, { ratings: { count: 0 } }])
  await Promise.all(demos.map((demo) => demo.close()))
})
