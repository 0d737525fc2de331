// What is said in groups: to caches in front of this one, and by handlers to this one.
import { describe, expect, test } from 'vitest'
import type { Framework } from './framework.ts'
import { HIT, newSite, statusOf, STORED } from './site.ts'

export function groups(framework: Framework): void {
  const { cached, invalidates } = framework

  describe('a response names its groups', () => {
    test('where its route asks for it: what it was computed from, without arguments, on every hit', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film', dependsOn: () => [site.cache.tag('secret')] })
      site.app.on('get', '/films/:id', [cached(site.cache, { groups: true, name: 'page' })], async (x) => {
        x.set('Cache-Groups', '"own"')
        x.send(await getFilm(x.params['id']!))
      })
      site.app.on('get', '/plain/:id', [cached(site.cache)], async (x) => x.send(await getFilm(x.params['id']!)))
      for (const expected of [STORED, HIT]) {
        const reply = await site.ask('/films/ann')
        expect([statusOf(reply), reply.headers['cache-groups']]).toEqual([expected, '"own", "page", "film"'])
      }
      expect((await site.ask('/plain/ann')).headers['cache-groups']).toBeUndefined()
    })

    test('as a function of its route has it, in the fields that it asks for', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film' })
      const page = cached(site.cache, {
        groups: (refs, x) => [...refs.map(({ name }) => name).filter((name) => name === 'film'), `film ${x.params['id']}`],
        groupFields: ['cache-groups', 'surrogate-key', 'cache-tag'],
      })
      site.app.on('get', '/films/:id', [page], async (x) => x.send(await getFilm(x.params['id']!)))
      expect((await site.ask('/films/1')).headers).toMatchObject({
        'cache-groups': '"film", "film 1"',
        'surrogate-key': 'film film%201',
        'cache-tag': 'film, film%201',
      })
    })

    test('or is in the one that every write drops, where that function throws', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, {
        groups() {
          throw new Error('no name')
        },
      })
      site.app.on('get', '/', [page], (x) => x.send('a'))
      expect(await site.ask('/')).toMatchObject({ status: 200, text: 'a', headers: { 'cache-groups': '"#many"' } })
      expect(site.errors).toHaveLength(1)
    })
  })

  describe('a write names the groups that it changed', () => {
    test('where that is asked for, and not where it failed', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film' })
      const layers = [invalidates(getFilm, (x) => [x.params['id']], { groups: true })]
      site.app.on('put', '/films/:id', layers, (x) => (x.set('Cache-Group-Invalidation', '"own"'), x.send('ok')))
      site.app.on('delete', '/films/:id', layers, (x) => (x.status(409), x.send('no')))
      site.app.on('post', '/films/:id', [invalidates(getFilm)], (x) => x.send('ok'))
      const said = async (method: string): Promise<string | undefined> =>
        (await site.ask('/films/ann', { method })).headers['cache-group-invalidation']
      expect([await said('PUT'), await said('DELETE'), await said('POST')]).toEqual(['"own", "film", "#many"', undefined, undefined])
    })

    test('as a function has it; one that throws names those that may be anything', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film' })
      const named = [invalidates(getFilm.ref('1'), undefined, { groups: (refs, x) => [refs.map(String).join(), x.params['id']!] })]
      site.app.on('put', '/:id', named, (x) => x.send('ok'))
      const broken = (): readonly string[] => {
        throw new Error('no name')
      }
      site.app.on('post', '/', [invalidates(getFilm, undefined, { groups: broken })], (x) => x.send('ok'))
      site.app.on('get', '/', [cached(site.cache)], (x) => x.send('a'))
      const put = await site.ask('/1', { method: 'PUT' })
      expect(put.headers['cache-group-invalidation']).toBe('"film(\\"1\\", %E2%80%A6)", "1", "#many"')
      expect((await site.ask('/', { method: 'POST' })).headers['cache-group-invalidation']).toBe('"#many"')
      expect(site.errors).toHaveLength(1)
    })
  })

  // RFC 9875 §3: "A cache that receives a Cache-Group-Invalidation header field on a response to an unsafe request MAY invalidate any stored
  // responses that share groups ... MUST be ignored on responses to requests that have a safe method".
  describe('a handler’s Cache-Group-Invalidation', () => {
    async function clearedBy(method: 'post' | 'get', answer: Readonly<Record<string, string>>, status = 200): Promise<string[]> {
      await using site = newSite(framework)
      const pages: Readonly<Record<string, string>> = { '/a': '"a"', '/ab': '"a", "b";x=1', '/b': '"b"', '/none': 'a', '/case': '"A"' }
      for (const [path, field] of Object.entries(pages))
        site.app.on('get', path, [cached(site.cache)], (x) => (x.set('Cache-Groups', field), x.send(path)))
      site.app.on(method, '/write', [cached(site.cache, { name: 'write' })], (x) => {
        for (const [name, value] of Object.entries(answer)) x.set(name, value)
        x.status(status)
        x.send('ok')
      })
      for (const path of Object.keys(pages)) await site.ask(path)
      await site.ask('/write', { method: method.toUpperCase() })
      const cleared = []
      for (const path of Object.keys(pages)) if (statusOf(await site.ask(path)) === STORED) cleared.push(path)
      return cleared
    }

    test('clears what is in one of its groups, and goes no further', async () => {
      expect(await clearedBy('post', { 'Cache-Group-Invalidation': '"a"' })).toEqual(['/a', '/ab'])
      expect(await clearedBy('post', { 'Cache-Group-Invalidation': '"b";x, "A"' })).toEqual(['/ab', '/b', '/case'])
    })

    test('clears nothing on a safe request, where the write failed, or where it is no list of strings', async () => {
      expect(await clearedBy('get', { 'Cache-Group-Invalidation': '"a"' })).toEqual([])
      expect(await clearedBy('post', { 'Cache-Group-Invalidation': '"a"' }, 500)).toEqual([])
      expect(await clearedBy('post', { 'Cache-Group-Invalidation': 'a' })).toEqual([])
      expect(await clearedBy('post', { 'Cache-Groups': '"a"' })).toEqual([])
    })

    test('is a handler’s: what this package names for other caches clears nothing here', async () => {
      await using site = newSite(framework)
      const getFilm = site.cache.memoize(async (id: string) => id, { name: 'film' })
      site.app.on('get', '/films/:id', [cached(site.cache)], (x) => (x.set('Cache-Groups', '"film"'), x.send('a')))
      const write = [cached(site.cache, { name: 'write' }), invalidates(getFilm, () => ['2'], { groups: true })]
      site.app.on('post', '/write', write, (x) => x.send('ok'))
      await site.ask('/films/1')
      expect((await site.ask('/write', { method: 'POST' })).headers['cache-group-invalidation']).toBe('"film", "#many"')
      expect(statusOf(await site.ask('/films/1'))).toBe(HIT)
    })
  })
}
