// Two requests have one key only where their handler sees the same of both.
import { describe, expect, test } from 'vitest'
import type { Framework } from './framework.ts'
import { newSite, statusOf, STORED } from './site.ts'

export function keys(framework: Framework): void {
  const { cached } = framework

  describe('a key', () => {
    // Each list is of requests that a key could take for one another.
    const forged: Readonly<Record<string, readonly string[]>> = {
      'values and lists of them': [
        '/q/a?a=1',
        '/q/a?a=1&a=1',
        '/q/a?a=1&a=2',
        '/q/a?a=2&a=1',
        '/q/a?a=1,2',
        '/q/a?a=%5B%221%22,%222%22%5D',
        '/q/a?a=1%002',
        '/q/a?a=1%1e2',
      ],
      'brackets, and what is written as they are read': [
        '/q/a?b=1',
        '/q/a?a[b]=1',
        '/q/a?a[b][]=1',
        '/q/a?a=%7B%22b%22:%221%22%7D',
        '/q/a?a.b=1',
        '/q/a?a%5Bb=1',
        '/q/a?a]=1',
      ],
      'places in a list, and names that look like them': [
        '/q/a?a[0]=1&a[1]=2',
        '/q/a?a[0]=1',
        '/q/a?a[x]=1',
        '/q/a?a[0][x]=1',
        '/q/a?a[99999]=1&a[b]=2',
      ],
      'empty, absent and literal': [
        '/q/a?a',
        '/q/a',
        '/q/a?a=null',
        '/q/a?a=undefined',
        '/q/a?a=0',
        '/q/a?a=false',
        '/q/a?A',
        '/q/a?a=%22%22',
      ],
      'names that objects inherit': [
        '/q/a',
        '/q/a?constructor=1',
        '/q/a?hasOwnProperty=1',
        '/q/a?toString=1',
        '/q/a?valueOf=1',
        '/q/__proto__',
        '/q/constructor',
        '/q/hasOwnProperty',
      ],
      'separators in a path': [
        '/q/a:b',
        '/q/a%1eb',
        '/q/a%00b',
        '/q/a%2Cb',
        '/q/a%22b',
        '/q/a%22,%22b',
        '/q/a%252Fb',
        '/q/a%2Fb',
        '/q/a%3Fx=1',
        '/q/a;x=1',
        '/q/a;.css',
        '/q/a+b',
        '/q/a%20b',
        '/q/a%252520b',
      ],
      'what is forged of a parameter and of the query': ['/q/a?b=1', '/q/a%3Fb=1', '/q/a%22%7D,%22query%22:%7B%22b%22:%221', '/q/a&b=1'],
      'letters that look alike': ['/q/%C3%A9', '/q/e%CC%81', '/q/%C3%89', '/q/E%CC%81', '/q/%EF%BD%81', '/q/a'],
      'hashes of 32 bits that are the same': ['/q/Aa', '/q/BB', '/q/AaAa', '/q/BBBB', '/q/AaBB'],
      'a parameter behind another': ['/q/a?utm=x', '/q/a?utm=x;callback=evil', '/q/a?utm=x%26callback=evil', '/q/a?utm=x&callback=evil'],
      'numbers of parameters': [`/q/a?${'x&'.repeat(998)}y=1`, `/q/a?${'x&'.repeat(999)}y=1`, `/q/a?${'x&'.repeat(1000)}y=1`, '/q/a?y=1'],
    }
    for (const [name, paths] of Object.entries(forged)) {
      test(`is not that of another, in two orders: ${name}`, async () => {
        for (const order of [paths, paths.toReversed()]) {
          await using site = newSite(framework)
          const page = cached(site.cache)
          site.app.on('get', '/q/:id', [page], (x) => x.send(JSON.stringify([x.params, x.query])))
          // What a handler says that no cache stands before.
          site.app.on('get', '/plain/:id', [], (x) => x.send(JSON.stringify([x.params, x.query])))
          for (const path of [...order, ...order]) {
            const [reply, plain] = [await site.ask(path), await site.ask(path.replace('/q/', '/plain/'))]
            expect([path, reply.status, reply.text]).toEqual([path, 200, plain.text])
          }
        }
      })
    }

    test('is of what the handler sees, where the query is limited', async () => {
      const more = 'x&'.repeat(1000)
      const queries = [
        'page=2',
        'page=2&utm=1',
        `${more}page=2`,
        `page=2&${more}`,
        '[page]=2',
        'page[]=2',
        'page[a]=2',
        '%70age=2',
        'page]=2',
        'PAGE=2',
        'utm=1;page=2',
        'utm=1%26page=2',
        '__proto__[page]=2',
        'page',
        '',
      ]
      for (const order of [queries, queries.toReversed()]) {
        await using site = newSite(framework)
        site.app.on('get', '/', [cached(site.cache, { query: ['page'] })], (x) =>
          x.send(JSON.stringify([x.query['page'] ?? null, x.query['utm'] ?? null, new URL(x.url, 'http://a').searchParams.get('page')])),
        )
        const seen = new Map<string, string>()
        for (const query of [...order, ...order]) {
          const reply = await site.ask(`/?${query}`)
          const isBypassed = reply.headers['cache-status']?.includes('bypass') === true
          // Where it is answered from the store, its first client had it made; and what was no argument nobody saw.
          if (!isBypassed) expect([query, JSON.parse(reply.text)[1]]).toEqual([query, null])
          if (statusOf(reply) === STORED) seen.set(query, reply.text)
        }
        for (const [query, text] of seen) expect([query, (await site.ask(`/?${query}`)).text]).toEqual([query, text])
        expect((await site.ask('/')).text).toBe('[null,null,null]')
        expect((await site.ask('/?page=2')).text).toContain('["2",null,')
      }
    })

    test('is of the request as it came, whatever its handler does to its parameters and its query', async () => {
      await using site = newSite(framework)
      site.app.on('get', '/:id', [cached(site.cache)], (x) => {
        const { token } = x.query
        delete (x.query as Record<string, unknown>)['token']
        ;(x.params as Record<string, string>)['id'] = 'changed'
        x.send(`${x.header('accept-language')} ${String(token)}`)
      })
      const of = async (path: string): Promise<string> => (await site.ask(path, { headers: { 'accept-language': 'de' } })).text
      // The sign of the page is there before somebody else's answer.
      expect([await of('/a'), await of('/a?token=secret')]).toEqual(['de undefined', 'de secret'])
      expect([await of('/a'), await of('/changed'), await of('/a?token=secret')]).toEqual(['de undefined', 'de undefined', 'de secret'])
    })
  })
}
