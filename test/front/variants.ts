// Which of several answers of one URL is given in front, and what of it to who has one already.
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Exchange, Framework } from '../routes/framework.ts'
import { HIT, statusOf } from '../routes/site.ts'
import { newFrontSite } from './site.ts'

/** Compresses for who accepts it, outside of all routes, as compressors do. */
function compress({ req, res }: Exchange, next: () => unknown): unknown {
  res.setHeader('Vary', 'Accept-Encoding')
  if (!/gzip/.test(req.headers['accept-encoding']?.toString() ?? '')) return next()
  const { end } = res
  res.end = ((...args: unknown[]) => {
    if (typeof args[0] !== 'string' && !Buffer.isBuffer(args[0])) return Reflect.apply(end, res, args)
    res.setHeader('Content-Encoding', 'gzip')
    res.removeHeader('Content-Length')
    return Reflect.apply(end, res, [gzipSync(args[0])])
  }) as typeof end
  return next()
}

export function variants(framework: Framework): void {
  const { cached } = framework

  describe('of the answers of one URL', () => {
    test('each is given in front to who accepts its coding', async () => {
      await using site = newFrontSite(framework)
      site.app.around(compress)
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('body'))
      const coded = { headers: { 'accept-encoding': 'gzip' } }
      for (let i = 0; i < 3; i++) {
        const plain = await site.ask('/')
        expect([plain.text, plain.headers['content-encoding'], plain.headers['vary']]).toEqual(['body', undefined, 'Accept-Encoding'])
        const zipped = await site.ask('/', coded)
        expect([gunzipSync(zipped.body).toString(), zipped.headers['content-encoding']]).toEqual(['body', 'gzip'])
        expect(zipped.headers['content-length'] ?? String(zipped.body.length)).toBe(String(zipped.body.length))
      }
      expect(site.entered()).toBe(2)
      expect(await site.ask('/', { method: 'HEAD', ...coded })).toMatchObject({ status: 200, headers: { 'content-encoding': 'gzip' } })
      expect(site.entered()).toBe(2)
    })

    test('each is given in front to who sends what its layers and its handler negotiate by', async () => {
      await using site = newFrontSite(framework)
      // One that says no Vary.
      site.app.outer((x) => x.set('X-Language', x.header('accept-language') ?? '-'))
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true, headers: ['x-size'] })], (x) => {
        x.set('Vary', 'X-Theme')
        x.send([x.header('accept'), x.header('x-size'), x.header('x-theme')].join())
      })
      let entered = 0
      const shown = async (headers: Record<string, string>): Promise<string> => {
        const reply = await site.ask('/', { headers })
        return `${reply.headers['x-language']} ${reply.text}`
      }
      for (let i = 0; i < 3; i++) {
        if (i === 2) entered = site.entered()
        for (const [language, accept, size, theme] of ['a b c d', 'a b c e', 'a b f d', 'a g c d', 'h b c d'].map((text) =>
          text.split(' '),
        ))
          expect(await shown({ 'accept-language': language!, accept: accept!, 'x-size': size!, 'x-theme': theme! })).toBe(
            `${language} ${accept},${size},${theme}`,
          )
      }
      expect(site.entered()).toBe(entered)
      expect(await shown({})).toBe('- ,,')
    })

    test('none is given in front where a layer says Vary: * or Cookie', async () => {
      for (const vary of ['*', 'Cookie', 'Authorization']) {
        await using site = newFrontSite(framework)
        site.app.outer((x) => x.set('Vary', vary))
        site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => x.send('a'))
        for (let i = 0; i < 3; i++) await site.ask('/')
        expect([vary, site.entered()]).toEqual([vary, 3])
      }
    })

    test('one is not given to others where a layer takes away the Vary that its route said', async () => {
      await using site = newFrontSite(framework)
      site.app.around(({ res }, next) => {
        const { writeHead } = res
        res.writeHead = (...args: unknown[]) => (res.removeHeader('Vary'), Reflect.apply(writeHead, res, args))
        return next()
      })
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => {
        x.set('Vary', 'X-Size')
        x.send(x.header('x-size') ?? '-')
      })
      for (const size of ['a', 'b', 'a', 'b']) expect((await site.ask('/', { headers: { 'x-size': size } })).text).toBe(size)
    })
  })

  describe('who has the answer already', () => {
    test('is told 304 in front, by its tag and by its date, with the fields of all layers', async () => {
      await using site = newFrontSite(framework)
      site.app.outer((x) => x.set('X-Outer', 'a'))
      site.app.on('get', '/', [cached(site.cache, { path: '/', front: true })], (x) => {
        x.set('Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT')
        x.send('body')
      })
      const { etag } = (await site.ask('/')).headers
      const conditions = [
        { 'if-none-match': etag! },
        { 'if-none-match': '*' },
        { 'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT' },
        { 'if-none-match': `"x", ${etag!.replace('W/', '')}` },
      ]
      for (const headers of conditions) {
        const reply = await site.ask('/', { headers })
        expect(reply).toMatchObject({ status: 304, text: '', headers: { 'x-outer': 'a', etag } })
        expect([reply.headers['content-length'], reply.headers['content-type']]).toEqual([undefined, undefined])
        expect(statusOf(reply)).toBe(HIT)
      }
      for (const headers of [{ 'if-none-match': '"x"' }, { 'if-modified-since': 'Mon, 01 Jan 2023 00:00:00 GMT' }])
        expect(await site.ask('/', { headers })).toMatchObject({ status: 200, text: 'body' })
      expect(site.entered()).toBe(1)
    })

    test('and is told so by the application, fills the front for others too', async () => {
      await using site = newFrontSite(framework)
      const page = cached(site.cache, { path: '/', front: true })
      site.app.on('get', '/', [page], (x) => x.send('body'))
      const { etag } = (await site.ask('/')).headers
      await page.clear()
      expect(await site.ask('/', { headers: { 'if-none-match': etag! } })).toMatchObject({ status: 304, text: '' })
      expect(await site.ask('/')).toMatchObject({ status: 200, text: 'body', headers: { 'content-length': '4', etag } })
      expect(site.entered()).toBe(2)
    })

    test('is told by the application alone where no route has the URL: its conditions come to its handler', async () => {
      await using site = newFrontSite(framework)
      cached(site.cache, { name: 'anywhere', front: true })
      const seen: unknown[] = []
      site.app.on('get', '/', [], (x) => {
        seen.push(x.header('if-none-match'), x.header('if-modified-since'))
        x.set('ETag', '"mine"')
        x.res.statusCode = 200
        x.send('mine')
      })
      for (let i = 0; i < 3; i++) await site.ask('/', { headers: { 'if-none-match': '"a"', 'if-modified-since': 'x' } })
      expect(seen).toEqual(['"a"', 'x', '"a"', 'x', '"a"', 'x'])
    })
  })
}
