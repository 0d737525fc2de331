// However a resource is asked for, it has one entry, which one clear ends and a write to any spelling of it.
import { describe, expect, test } from 'vitest'
import { askRaw } from '../support/raw.ts'
import type { Framework } from './framework.ts'
import { HIT, newSite, refused, statusOf, STORED } from './site.ts'

export function spellings(framework: Framework): void {
  const { cached, invalidates } = framework

  describe('a request target', () => {
    const odd = [
      'http://evil.test/films/1',
      'HTTP://evil.test:80/films/1',
      'http://user:secret@evil.test/films/1',
      'https://evil.test./films/1?x=1',
      '/films/1#evil',
      '/films/1?#evil',
      '/films/1#a?x=1',
    ]
    for (const target of odd) {
      test(`that handlers may read in two ways has its own answer alone: ${target}`, async () => {
        await using site = newSite(framework)
        const page = cached(site.cache)
        site.app.on('get', '/films/:id', [page], (x) => x.send(x.url))
        const port = await site.port()
        // Also as the first one, from which the route learns its path.
        const first = await askRaw(port, `GET ${target} HTTP/1.1\r\nHost: a`)
        expect([first.text, first.headers['cache-status']]).toEqual([target, refused('request target', 'bypass')])
        expect(await site.ask('/films/1')).toMatchObject({ text: '/films/1', headers: { 'cache-status': STORED } })
        expect((await askRaw(port, `GET ${target} HTTP/1.1\r\nHost: a`)).text).toBe(target)
        expect(statusOf(await site.ask('/films/1'))).toBe(HIT)
      })

      test(`that a write has in two ways clears what it is: ${target}`, async () => {
        await using site = newSite(framework)
        const path = target.includes('x=1') && !target.includes('#') ? '/films/1?x=1' : '/films/1'
        site.app.on('get', '/films/:id', [cached(site.cache)], (x) => x.send('a'))
        site.app.on('put', '/films/:id', [invalidates(site.cache.tag('none'))], (x) => x.send('b'))
        await site.ask(path)
        expect((await askRaw(await site.port(), `PUT ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0`)).status).toBe(200)
        expect(statusOf(await site.ask(path))).toBe(STORED)
      })
    }
  })

  describe('every spelling that is a hit', () => {
    const of = (id: string, query: string): readonly string[] => [
      `/films/${id}${query}`,
      `/FILMS/${id}${query}`,
      `/Films/${id}${query}`,
      `/films/${id}/${query}`,
      `/films/${percent(id)}${query}`,
      `/films/${percent(id).toLowerCase()}/${query}`,
      `/films/${id}${query}&&`.replace(/^([^?]*)&&$/, '$1?&'),
      `/films//${id}${query}`,
      `/./films/${id}${query}`,
      `//films/${id}${query}`,
      `/x/../films/${id}${query}`,
      `/%66ilms/${id}${query}`,
      `/films/%2e/${id}${query}`,
      `/films%2F${id}${query}`,
    ]
    const families: Readonly<Record<string, readonly string[]>> = {
      'a plain one': of('ab', ''),
      'with a query': ['/films/ab?x=1&y=2', '/FILMS/ab?y=2&x=1', '/films/%61b/?x=%31&%79=2', '/films/ab?x=1&&y=2&'],
      'with an escaped slash': ['/films/a%2Fb', '/films/a%2fb', '/films/%61%2Fb', '/films/a%2Fb/'],
      'with another alphabet': ['/films/%C3%A9', '/films/%c3%a9', '/FILMS/%C3%a9/'],
      'with a percent sign': ['/films/100%25', '/films/%31%30%30%25', '/films/100%25/'],
      'that is no valid encoding': ['/films/%E0%A4', '/films/%25E0%25A4', '/films/%e0%a4', '/films/%25e0%25a4'],
      'with a matrix of parameters': ['/films/a;b=c', '/films/a%3Bb=c', '/films/a%3bb%3Dc/'],
      'with a style sheet’s name': ['/films/a;.css', '/films/a%3B.css', '/films/a;%2Ecss'],
      'with blanks': ['/films/a%20b', '/films/%61%20%62', '/films/a%20b/'],
    }
    for (const [name, spellings] of Object.entries(families)) {
      test(`is cleared by one clear, and by a write to any of them: ${name}`, async () => {
        await using site = newSite(framework)
        const page = cached(site.cache)
        site.app.on('get', '/films/:id', [page], (x) => x.send(JSON.stringify(x.params['id'])))
        site.app.on('put', '/films/:id', [invalidates(site.cache.tag('none'))], (x) => x.send('b'))
        await site.ask(spellings[0]!)
        const hits: string[] = []
        for (const spelling of spellings) if (statusOf(await site.ask(spelling)) === HIT) hits.push(spelling)
        if (hits.length === 0) return
        const id = JSON.parse((await site.ask(hits[0]!)).text) as string
        for (const by of hits) {
          await site.ask(hits[0]!)
          await page.clear({ params: { id } })
          expect([by, statusOf(await site.ask(by))]).toEqual([by, STORED])
          for (const written of hits) {
            await site.ask(by)
            expect((await site.ask(written, { method: 'PUT' })).status).toBe(200)
            expect([by, written, statusOf(await site.ask(by))]).toEqual([by, written, STORED])
          }
        }
      })
    }
  })
}

/** All of it as escapes. */
function percent(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase()}`).join('')
}
