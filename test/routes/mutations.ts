// What a write clears, and that its client hears of it only then.
import { describe, expect, test } from 'vitest'
import { engineOf } from '../../src/door.ts'
import { newGate } from '../support/gate.ts'
import type { Framework, Layer } from './framework.ts'
import { HIT, newSite, statusOf, STORED, type Site } from './site.ts'

export function mutations(framework: Framework): void {
  const { cached, invalidates, invalidatesRefs } = framework

  /** Films that are read through the cache and written past it. */
  function filmSite(
    layersOf: (getFilm: ReturnType<typeof getFilmOf>, site: Site) => readonly Layer[],
    write: (id: string) => number = () => 201,
  ): { site: Site; rows: Map<string, number> } {
    const site = newSite(framework)
    const rows = new Map<string, number>()
    const getFilm = getFilmOf(site, rows)
    site.app.on('get', '/films/:id', [cached(site.cache)], async (x) => x.send(`${await getFilm(x.params['id']!)}`))
    site.app.on('post', '/films/:id/ratings', layersOf(getFilm, site), (x) => {
      const id = x.params['id']!
      const status = write(id)
      if (status < 400) rows.set(id, (rows.get(id) ?? 0) + 1)
      x.status(status)
      x.send({ id })
    })
    return { site, rows }
  }

  function getFilmOf(site: Site, rows: Map<string, number>) {
    return site.cache.memoize(async (id: string) => rows.get(id) ?? 0, { name: 'film' })
  }

  async function readBoth(site: Site): Promise<(string | undefined)[]> {
    const replies = [await site.ask('/films/1'), await site.ask('/films/2')]
    return replies.flatMap((reply) => [reply.text, statusOf(reply)])
  }

  describe('a write', () => {
    test('clears the calls that it names, and nothing else', async () => {
      const { site } = filmSite((getFilm) => [invalidates(getFilm, (x) => [x.params['id']])])
      await using _ = site
      await readBoth(site)
      expect(await site.ask('/films/1/ratings', { method: 'POST' })).toMatchObject({ status: 201, text: '{"id":"1"}' })
      expect(await readBoth(site)).toEqual(['1', STORED, '0', HIT])
    })

    test('clears all of what it names without arguments', async () => {
      const { site } = filmSite((getFilm) => [invalidates(getFilm)])
      await using _ = site
      await readBoth(site)
      await site.ask('/films/1/ratings', { method: 'POST' })
      expect(await readBoth(site)).toEqual(['1', STORED, '0', STORED])
    })

    test('clears refs, given or worked out from the request', async () => {
      for (const layersOf of [
        (getFilm: ReturnType<typeof getFilmOf>) => [invalidates(getFilm.ref('1'))],
        (getFilm: ReturnType<typeof getFilmOf>) => [invalidatesRefs((x) => [getFilm.ref(x.params['id']!)])],
      ]) {
        const { site } = filmSite(layersOf)
        await using _ = site
        await readBoth(site)
        await site.ask('/films/1/ratings', { method: 'POST' })
        expect(await readBoth(site)).toEqual(['1', STORED, '0', HIT])
      }
    })

    test('clears a route by its arguments', async () => {
      await using site = newSite(framework)
      let runs = 0
      const page = cached(site.cache, { path: '/films/:id' })
      site.app.on('get', '/films/:id', [page], (x) => x.send(`${++runs}`))
      site.app.on('put', '/ratings/:id', [invalidates(page, (x) => [{ params: { id: x.params['id'] } }])], (x) => x.send('ok'))
      for (const path of ['/films/1?page=1', '/films/1?page=2', '/films/2']) await site.ask(path)
      await site.ask('/ratings/1', { method: 'PUT' })
      expect([
        statusOf(await site.ask('/films/1?page=1')),
        statusOf(await site.ask('/films/1?page=2')),
        statusOf(await site.ask('/films/2')),
      ]).toEqual([STORED, STORED, HIT])
    })

    test('that fails clears nothing', async () => {
      const { site } = filmSite(
        (getFilm) => [invalidates(getFilm)],
        (id) => (id === '1' ? 422 : 500),
      )
      await using _ = site
      await readBoth(site)
      expect((await site.ask('/films/1/ratings', { method: 'POST' })).status).toBe(422)
      expect((await site.ask('/films/2/ratings', { method: 'POST' })).status).toBe(500)
      expect(await readBoth(site)).toEqual(['0', HIT, '0', HIT])
    })

    test('that throws clears nothing', async () => {
      const { site } = filmSite(
        (getFilm) => [invalidates(getFilm)],
        () => {
          throw new Error('down')
        },
      )
      await using _ = site
      await readBoth(site)
      expect((await site.ask('/films/1/ratings', { method: 'POST' })).status).toBe(500)
      expect(await readBoth(site)).toEqual(['0', HIT, '0', HIT])
    })

    test('that redirects has succeeded', async () => {
      const { site } = filmSite(
        (getFilm) => [invalidates(getFilm)],
        () => 303,
      )
      await using _ = site
      await readBoth(site)
      await site.ask('/films/1/ratings', { method: 'POST' })
      expect(await readBoth(site)).toEqual(['1', STORED, '0', STORED])
    })

    test('is not heard of before what it changed is cleared, itself and its URI as one', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      const order: string[] = []
      const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      const engine = engineOf(site.cache)
      const record = engine.record.bind(engine)
      // As slow as a store that takes its time to acknowledge.
      engine.record = async (kind, refsOf) => {
        await gate.wait()
        await record(kind, refsOf)
        order.push(`cleared ${refsOf().map(String).join(' ')}`)
      }
      site.app.on('post', '/', [invalidates(getFilm)], (x) => x.send('ok'))
      const reply = site.ask('/', { method: 'POST' }).finally(() => order.push('heard'))
      await gate.reached()
      await site.ask('/none')
      expect(order).toEqual([])
      gate.open()
      expect((await reply).text).toBe('ok')
      expect(order).toEqual([expect.stringMatching(/^cleared film\(…\) #uri/), 'heard'])
    })

    test('whose clear is not confirmed has happened: its answer leaves, or is a 503 where that is asked for', async () => {
      for (const [how, expected] of [
        [undefined, { status: 200, text: 'ok' }],
        ['serve', { status: 200, text: 'ok' }],
        ['fail', { status: 503 }],
      ] as const) {
        await using site = newSite(framework)
        const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
        site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
        site.app.on(
          'post',
          '/',
          [invalidates(getFilm, undefined, how === undefined ? {} : { onUnconfirmed: how })],
          (x) => (x.set('X-A', '1'), x.send('ok')),
        )
        engineOf(site.cache).record = () => Promise.reject(new Error('not confirmed'))
        const reply = await site.ask('/', { method: 'POST' })
        expect(reply).toMatchObject(expected)
        expect(reply.headers['x-a']).toBe(how === 'fail' ? undefined : '1')
        expect(site.errors).toHaveLength(1)
        Reflect.deleteProperty(engineOf(site.cache), 'record')
      }
    })

    test('is cleared for once more later, where that is asked for', async () => {
      await using site = newSite(framework)
      const again = newGate()
      const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      site.app.on('post', '/', [invalidates(getFilm, undefined, { again: 1 })], (x) => x.send('ok'))
      const engine = engineOf(site.cache)
      const record = engine.record.bind(engine)
      engine.record = async (kind, refsOf) => {
        await record(kind, refsOf)
        void again.wait()
      }
      await site.ask('/', { method: 'POST' })
      await again.reached(2)
    })

    test('clears a function of a cache that has no routes', async () => {
      await using site = newSite(framework)
      await using other = newSite(framework)
      let value = 1
      const getFilm = other.cache.memoize(async () => value, { name: 'elsewhere' })
      site.app.on('post', '/', [invalidates(getFilm)], (x) => x.send('ok'))
      expect(await getFilm()).toBe(1)
      value = 2
      await site.ask('/', { method: 'POST' })
      expect(await getFilm()).toBe(2)
    })

    test('of which is not known what it changed clears all of what it names', async () => {
      const { site } = filmSite((getFilm) => [
        invalidates(getFilm, () => {
          throw new Error('no id')
        }),
      ])
      await using _ = site
      await readBoth(site)
      expect((await site.ask('/films/1/ratings', { method: 'POST' })).status).toBe(201)
      expect(await readBoth(site)).toEqual(['1', STORED, '0', STORED])
      expect(site.errors.map(({ message }) => message)).toEqual(['`argsOf` of invalidates failed: all of its target is cleared.'])
    })

    test('whose function fails has its own URI cleared all the same, and says what failed', async () => {
      for (const [refsOf, words] of [
        [
          () => {
            throw new Error('no id')
          },
          'The function given to invalidates failed: what it would have named is not cleared.',
        ],
        [
          () => ['1'] as never,
          'Expected the function given to invalidates to give a list of refs, such as [getUser.ref(id)], got an array.',
        ],
      ] as const) {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/', [cached(site.cache)], (x) => x.send(`${++runs}`))
        site.app.on('post', '/', [framework.invalidatesRefs(refsOf)], (x) => x.send('ok'))
        site.app.on('put', '/', [framework.invalidatesRefs(refsOf, { onUnconfirmed: 'fail' })], (x) => x.send('ok'))
        await site.ask('/')
        expect((await site.ask('/', { method: 'POST' })).status).toBe(200)
        expect((await site.ask('/')).text).toBe('2')
        expect((await site.ask('/', { method: 'PUT' })).status).toBe(503)
        expect((await site.ask('/')).text).toBe('3')
        expect(site.errors.map(({ message }) => message)).toEqual([words, words])
      }
    })

    test('is cleared for where its client goes away', async () => {
      await using site = newSite(framework)
      const gate = newGate()
      const cleared = newGate()
      const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      site.app.on('post', '/', [invalidates(getFilm)], async (x) => {
        await gate.wait()
        x.send('ok')
      })
      const engine = engineOf(site.cache)
      const record = engine.record.bind(engine)
      engine.record = async (kind, refsOf) => {
        await record(kind, refsOf)
        await cleared.wait()
      }
      const req = await site.begin('/', { method: 'POST' })
      await gate.reached()
      req.destroy()
      gate.open()
      await cleared.reached()
      cleared.open()
    })

    test('passed by a safe request clears nothing', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async () => 1, { name: 'film' })
      site.app.use(invalidates(getFilm))
      site.app.on('get', '/', [cached(site.cache)], async (x) => x.send(`${await getFilm()}`))
      expect([statusOf(await site.ask('/')), statusOf(await site.ask('/'))]).toEqual([STORED, HIT])
    })
  })

  describe('an unsafe request that succeeds', () => {
    test('clears what is stored for its own URI, however that is spelled and whichever route stored it', async () => {
      await using site = newSite(framework)
      let runs = 0
      const page = cached(site.cache)
      site.app.on('get', '/films/:id', [page], (x) => x.send(`${++runs}`))
      site.app.on('get', '/list/:id', [cached(site.cache, { query: ['page'] })], (x) => x.send(`${++runs}`))
      for (const method of ['put', 'delete'] as const) {
        site.app.on(method, '/films/:id', [invalidatesRefs(() => [])], (x) => x.send('ok'))
        site.app.on(method, '/list/:id', [cached(site.cache, { name: `${method} list` })], (x) => x.send('ok'))
      }
      for (const method of ['PUT', 'DELETE']) {
        for (const path of ['/films/a%20b', '/films/2', '/list/1?page=2&utm=x', '/list/2']) await site.ask(path)
        await site.ask('/FILMS/%61%20b/', { method })
        await site.ask('/list/1', { method })
        expect([statusOf(await site.ask('/films/a%20b')), statusOf(await site.ask('/films/2'))]).toEqual([STORED, HIT])
        expect([statusOf(await site.ask('/list/1?page=2&utm=x')), statusOf(await site.ask('/list/2'))]).toEqual([STORED, HIT])
      }
    })

    // RFC 9111 §4.4: "including methods whose safety is unknown". RFC 9110 §15: 2xx and 3xx are no errors.
    test('clears by a method of which nobody knows what it does, with a 2xx or a 3xx and no other status', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/:status', [cached(site.cache)], (x) => x.send('a'))
      site.app.on('purge', '/:status', [cached(site.cache, { name: 'purge' })], (x) => {
        x.status(Number(x.params['status']))
        x.send('ok')
      })
      for (const [status, isCleared] of [
        [200, true],
        [303, true],
        [404, false],
        [500, false],
      ] as const) {
        await site.ask(`/${status}`)
        expect(await site.ask(`/${status}`, { method: 'PURGE' })).toMatchObject({ status })
        expect([status, statusOf(await site.ask(`/${status}`))]).toEqual([status, isCleared ? STORED : HIT])
      }
    })

    // RFC 9111 §4.4
    describe('clears what its answer names', () => {
      async function clearedBy(answer: Readonly<Record<string, string>>, how: { status?: number; headers?: Record<string, string> } = {}) {
        await using site = newSite(framework)
        let runs = 0
        site.app.on('get', '/films/:id', [cached(site.cache)], (x) => x.send(`${++runs}`))
        site.app.on('post', '/ratings', [cached(site.cache, { name: 'ratings' })], (x) => {
          for (const [name, value] of Object.entries(answer)) x.set(name, value)
          x.status(how.status ?? 201)
          x.send('ok')
        })
        const paths = ['/films/1', '/films/1?page=2', '/films/2']
        for (const path of paths) await site.ask(path)
        await site.ask('/ratings', { method: 'POST', headers: { host: 'films.example:8080', ...how.headers } })
        const cleared = []
        for (const path of paths) if (statusOf(await site.ask(path)) === STORED) cleared.push(path)
        return cleared
      }

      test('by Location and by Content-Location, relative or whole', async () => {
        expect(await clearedBy({ Location: '/films/1' })).toEqual(['/films/1'])
        expect(await clearedBy({ Location: './films/1?page=2', 'Content-Location': '/FILMS/%32' })).toEqual(['/films/1?page=2', '/films/2'])
        expect(await clearedBy({ 'Content-Location': 'http://films.example:8080/films/2' }, { status: 200 })).toEqual(['/films/2'])
        expect(await clearedBy({ Location: '/films/1' }, { status: 303 })).toEqual(['/films/1'])
      })

      test('and nothing of another origin, or where it failed', async () => {
        expect(await clearedBy({ Location: 'https://films.example:8080/films/1' })).toEqual([])
        expect(await clearedBy({ Location: 'http://films.example/films/1' })).toEqual([])
        expect(await clearedBy({ Location: '//other.example/films/1', 'Content-Location': 'http://[' })).toEqual([])
        expect(await clearedBy({ Location: '/films/1' }, { status: 409 })).toEqual([])
        // Nobody said that a proxy may be believed.
        const headers = { 'x-forwarded-host': 'other.example', 'x-forwarded-proto': 'https' }
        expect(await clearedBy({ Location: 'https://other.example/films/1' }, { headers })).toEqual([])
      })
    })

    test('runs its handler each time', async () => {
      await using site = newSite(framework)
      let runs = 0
      const page = cached(site.cache, { name: 'page' })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      site.app.on('post', '/', [page], (x) => x.send(`${++runs}`))
      expect([(await site.ask('/', { method: 'POST' })).text, (await site.ask('/', { method: 'POST' })).text]).toEqual(['1', '2'])
    })
  })
}
