// What request fields tell apart in front: as their client sent them.
import { describe, expect, test } from 'vitest'
import type { Framework } from '../routes/framework.ts'
import { isFronted, newFrontSite } from './site.ts'

export function fields(framework: Framework): void {
  const { cached } = framework

  describe('a layer that changes the fields of a request', () => {
    test('does so for the route too', async () => {
      await using site = newFrontSite(framework)
      site.app.outer(({ req }) => void (req.headers['x-part'] = req.url!.slice(1, 2)))
      const page = cached(site.cache, { front: true, headers: ['x-part'] })
      site.app.on('get', '/:id', [page], (x) => x.send(`part ${x.header('x-part')}`))
      for (const path of ['/a1', '/b1']) expect(await isFronted(site, path)).toBe(true)
      await page.clear({ headers: { 'x-part': 'a' } })
      const before = site.entered()
      for (const path of ['/a1', '/b1']) await site.ask(path)
      expect(site.entered()).toBe(before + 1)
    })

    test('does so for who asks with what it makes of them', async () => {
      await using site = newFrontSite(framework)
      const others: Readonly<Record<string, string>> = { 'de-AT': 'de', de: 'en' }
      site.app.outer(({ req }) => void (req.headers['accept-language'] = others[req.headers['accept-language']!]))
      site.app.on('get', '/', [cached(site.cache, { front: true })], (x) => x.send(x.header('accept-language')!))
      const ask = async (language: string) => (await site.ask('/', { headers: { 'accept-language': language } })).text
      for (let time = 0; time < 3; time++) expect([await ask('de-AT'), await ask('de')]).toEqual(['de', 'en'])
      // Of the first answer it is not known yet, when it leaves, what selects it.
      expect(site.entered()).toBe(3)
    })
  })

  test('a request with conditions fills the front again, and is told what its client has', async () => {
    await using site = newFrontSite(framework)
    const page = cached(site.cache, { front: true })
    site.app.on('get', '/', [page], (x) => x.send('a'))
    expect(await isFronted(site)).toBe(true)
    const how = { headers: { 'if-none-match': (await site.ask('/')).headers['etag']! } }
    expect((await site.ask('/', how)).status).toBe(304)
    await page.clear()
    const before = site.entered()
    expect([(await site.ask('/', how)).status, (await site.ask('/', how)).status, (await site.ask('/')).text]).toEqual([304, 304, 'a'])
    expect(site.entered()).toBe(before + 1)
  })
}
