// What happens to requests that come while another one's handler runs, and to answers that a clear overtakes.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { newGate, type Gate } from '../support/gate.ts'
import type { Framework } from './framework.ts'
import { COLLAPSED, HIT, newSite, statusOf, STORED, type Site } from './site.ts'

export function waiting(framework: Framework): void {
  const { cached } = framework

  /** Resolves once so many requests wait for the run of the handler that is going on. */
  async function waits(route: { stats(): { coalesced: number } }, count: number): Promise<void> {
    while (route.stats().coalesced < count) await new Promise(setImmediate)
  }

  interface Gated {
    gate: Gate
    runs: number
  }

  function gatedRoute(
    site: Site,
    answer: (runs: number, x: Parameters<Parameters<Site['app']['on']>[3]>[0]) => unknown,
  ): { page: ReturnType<typeof cached>; state: Gated } {
    const page = cached(site.cache, { path: '/' })
    const state: Gated = { gate: newGate(), runs: 0 }
    site.app.on('get', '/', [page], async (x) => {
      const run = ++state.runs
      await state.gate.wait()
      return answer(run, x)
    })
    return { page, state }
  }

  describe('requests that come while the handler runs', () => {
    test('wait for it, and get its answer', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, (run, x) => (x.set('X-Run', String(run)), x.send('a')))
      const leader = site.ask('/')
      await state.gate.reached()
      const others = Array.from({ length: 20 }, () => site.ask('/'))
      await waits(page, 20)
      state.gate.open()
      expect(statusOf(await leader)).toBe(STORED)
      for (const reply of await Promise.all(others)) {
        expect(reply).toMatchObject({ status: 200, text: 'a', headers: { 'x-run': '1', etag: (await leader).headers['etag'] } })
        expect(statusOf(reply)).toBe(COLLAPSED)
      }
      expect(state.runs).toBe(1)
    })

    test('each run it where its answer is not for others, and do not wait the next time', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, (run, x) => (x.set('Set-Cookie', `sid=${run}`), x.send(`${run}`)))
      const leader = site.ask('/')
      await state.gate.reached()
      const others = Array.from({ length: 5 }, () => site.ask('/'))
      await waits(page, 5)
      state.gate.open()
      const texts = (await Promise.all([leader, ...others])).map((reply) => reply.text)
      expect(texts.sort()).toEqual(['1', '2', '3', '4', '5', '6'])
      state.gate = newGate()
      const next = Array.from({ length: 5 }, () => site.ask('/'))
      // All of them run at once: none waits for another.
      await state.gate.reached(5)
      state.gate.open()
      expect((await Promise.all(next)).every((reply) => reply.status === 200)).toBe(true)
    })

    test('each are told of an error by a run of their own', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, () => {
        throw new Error('down')
      })
      const replies = [site.ask('/')]
      await state.gate.reached()
      replies.push(site.ask('/'), site.ask('/'))
      await waits(page, 2)
      state.gate.open()
      expect((await Promise.all(replies)).map((reply) => reply.status)).toEqual([500, 500, 500])
      expect(state.runs).toBe(3)
    })

    test('are not stuck where the client of the first goes away, and one runs it for all', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, (run, x) => x.send(`${run}`))
      const leader = await site.begin('/')
      await state.gate.reached()
      const others = [site.ask('/'), site.ask('/'), site.ask('/')]
      await waits(page, 3)
      leader.destroy()
      await state.gate.reached(2)
      await waits(page, 5)
      state.gate.open()
      expect((await Promise.all(others)).map((reply) => reply.text)).toEqual(['2', '2', '2'])
      expect(state.runs).toBe(2)
    })

    test('are not stuck where its answer breaks off', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, (run, x) => {
        if (run > 1) return x.send('whole')
        const source = new Readable({ read() {} })
        source.push('half')
        source.on('error', () => {})
        x.send(source)
        setImmediate(() => x.res.destroy())
        return undefined
      })
      const leader = site.ask('/').catch((error: unknown) => error)
      await state.gate.reached()
      const other = site.ask('/')
      await waits(page, 1)
      state.gate.open()
      expect(await leader).toBeInstanceOf(Error)
      expect((await other).text).toBe('whole')
      expect((await site.ask('/')).text).toBe('whole')
    })

    test('of a HEAD are not kept waiting by it, nor it by them', async () => {
      await using site = newSite(framework)
      const { state } = gatedRoute(site, (run, x) => x.send(`${run}`))
      const replies = [site.ask('/'), site.ask('/', { method: 'HEAD' })]
      await state.gate.reached(2)
      state.gate.open()
      expect((await Promise.all(replies)).map((reply) => [reply.status, reply.text])).toEqual([
        [200, '1'],
        [200, ''],
      ])
    })
  })

  test('a request whose turn comes when its client has gone does not run the handler', async () => {
    await using site = newSite(framework)
    const getFilm = site.cache.memoize(async () => 'film', { name: 'film' })
    const responses: ServerResponse[] = []
    site.app.outer((x) => responses.push(x.res))
    const page = cached(site.cache, { path: '/' })
    const gate = newGate()
    let runs = 0
    site.app.on('get', '/', [page], async (x) => {
      runs++
      await gate.wait()
      x.send(await getFilm())
    })
    const leader = site.ask('/')
    await gate.reached()
    // Who comes after this may not have what began before it, which shows only when the handler calls it.
    await getFilm.clear()
    const gone = await site.begin('/')
    await waits(page, 1)
    gone.destroy()
    await once(responses[1]!, 'close')
    gate.open()
    expect((await leader).text).toBe('film')
    expect([(await site.ask('/')).text, runs]).toEqual(['film', 2])
  })

  describe('an answer that was begun before a clear', () => {
    test('is not stored', async () => {
      await using site = newSite(framework)
      let row = 'old'
      const getRow = site.cache.memoize(async () => row, { name: 'row' })
      const page = cached(site.cache, { path: '/' })
      const gate = newGate()
      site.app.on('get', '/', [page], async (x) => {
        const seen = await getRow()
        await gate.wait()
        x.send(seen)
      })
      const before = site.ask('/')
      await gate.reached()
      row = 'new'
      await getRow.clear()
      const after = site.ask('/')
      await gate.reached(2)
      gate.open()
      expect([(await before).text, (await after).text]).toEqual(['old', 'new'])
      expect(await site.ask('/')).toMatchObject({ text: 'new' })
      expect(statusOf(await site.ask('/'))).toBe(HIT)
    })

    test('is not stored where what was cleared is the route itself', async () => {
      await using site = newSite(framework)
      const { page, state } = gatedRoute(site, (run, x) => x.send(`${run}`))
      const before = site.ask('/')
      await state.gate.reached()
      await page.clear()
      state.gate.open()
      expect((await before).text).toBe('1')
      expect((await site.ask('/')).text).toBe('2')
    })
  })

  describe('a clear', () => {
    test('of what the handler called clears the responses made of it, and no others', async () => {
      await using site = newSite(framework)
      const films: Record<string, string> = { 1: 'a', 2: 'b' }
      const getFilm = site.cache.memoize(async (id: string) => films[id], { name: 'film' })
      const listFilms = site.cache.memoize(async () => Promise.all(Object.keys(films).map((id) => getFilm(id))), { name: 'films' })
      site.app.on('get', '/films', [cached(site.cache)], async (x) => x.send((await listFilms()).join()))
      site.app.on('get', '/films/:id', [cached(site.cache)], async (x) => x.send((await getFilm(x.params['id']!)) ?? '-'))
      for (const path of ['/films', '/films/1', '/films/2']) await site.ask(path)
      films[1] = 'A'
      await getFilm.clear('1')
      expect((await site.ask('/films')).text).toBe('A,b')
      expect((await site.ask('/films/1')).text).toBe('A')
      expect(statusOf(await site.ask('/films/2'))).toBe(HIT)
    })

    test('of what is declared clears too', async () => {
      await using site = newSite(framework)
      let runs = 0
      const page = cached(site.cache, { dependsOn: (x) => [site.cache.tag(`tenant:${x.params['id']}`)] })
      site.app.on('get', '/:id', [page], (x) => x.send(`${++runs}`))
      for (const path of ['/a', '/b']) await site.ask(path)
      await site.cache.clear(site.cache.tag('tenant:a'))
      expect([statusOf(await site.ask('/a')), statusOf(await site.ask('/b'))]).toEqual([STORED, HIT])
    })
  })

  test('a request whose client has gone while it waited does no harm', async () => {
    await using site = newSite(framework)
    const { state } = gatedRoute(site, (run, x) => x.send(`${run}`))
    const leader = await site.begin('/')
    await state.gate.reached()
    const gone = await site.begin('/')
    await once(gone, 'finish')
    gone.destroy()
    leader.destroy()
    state.gate.open()
    expect((await site.ask('/')).status).toBe(200)
  })
}
