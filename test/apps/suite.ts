// What holds in an ordinary application, whose middlewares stand outside its cached routes as they say of themselves.
import jwt from 'jsonwebtoken'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import { openCache, type Cache } from '../../src/cache.ts'
import { frontedWith } from '../routes/framework.ts'
import { HIT, newWarnings, refused, statusOf, STORED, STORED_AMONG_OTHERS, type Warnings } from '../routes/site.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { ask, type Reply, type TestServer } from '../support/http.ts'

export const SECRET = 'secret of the tests'
export const WHO: unique symbol = Symbol('who')

/** A page that shows what it reads of its request. */
export interface Page<Subject> {
  readonly options?: RouteOptions<Subject>
  read(subject: Subject): unknown
}

export interface OrdinaryApp<Subject> {
  readonly name: string
  /** Whether it stands behind a front. */
  readonly isFronted: boolean
  /** Pages that read who asks, by the input that is noticed of each. */
  readonly readers: readonly (readonly [input: string, read: Page<Subject>['read']])[]
  /** Whose response it is, by the session. */
  readonly ownerOf: (subject: Subject) => string | undefined
  /** Logs through the request's own logger, and reads what is no one's. */
  readonly plain: Page<Subject>['read']
  /** Serves one page on /page, and on POST /login whoever the bearer token names logs in. */
  open(cache: Cache, page: Page<Subject>, log: (line: string) => void): Promise<TestServer>
}

export function ordinarySuite<Subject>(app: OrdinaryApp<Subject>): void {
  describe(`in an ordinary application of ${app.name}`, () => {
    let cache: Cache
    let clock: Clock
    let warnings: Warnings
    let server: TestServer | undefined
    let lines: string[]
    beforeEach(() => {
      clock = newClock()
      cache = openCache({ redis: false }, clock.now)
      // What a front says has tests of its own.
      warnings = newWarnings(app.isFronted ? 'FRONT' : undefined)
      lines = []
    })
    afterEach(async () => {
      warnings.stop()
      await server?.close()
      server = undefined
      await cache.close()
    })

    // What its layers read keeps its pages behind the front.
    const told = (): readonly string[] => warnings.texts.filter((text) => !(app.isFronted && text.startsWith('A layer around')))
    const open = async (page: Page<Subject>): Promise<void> => {
      const { options = {} } = page
      server = await app.open(cache, app.isFronted ? { ...page, options: frontedWith(options) } : page, (line) => lines.push(line))
    }
    const login = async (who: string): Promise<Record<string, string>> => {
      const reply = await ask(server!.port, '/login', { method: 'POST', headers: { authorization: `Bearer ${who}` } })
      expect(reply.status).toBeLessThan(300)
      return { cookie: cookiesOf(reply), 'x-token': jwt.sign({ sub: who }, SECRET) }
    }
    const page = (headers: Record<string, string> = {}): Promise<Reply> => ask(server!.port, '/page', { headers })

    test('a page that does not read who asks is cached, and outer layers have their own fields on each hit', async () => {
      await open({ read: app.plain })
      const first = await page({ ...(await login('ann')), origin: 'https://a.test' })
      const replies = [first, await page({ ...(await login('bob')), origin: 'https://b.test' }), await page()]
      expect([replies.map(statusOf), told()]).toEqual([[STORED, HIT, HIT], []])
      expect(replies.map((reply) => reply.text)).toEqual([first.text, first.text, first.text])
      const origins = replies.map((reply) => reply.headers['access-control-allow-origin'])
      expect(origins.slice(0, 2)).toEqual(['https://a.test', 'https://b.test'])
      const left = replies.map((reply) => Number(reply.headers['x-ratelimit-remaining']))
      expect(left).toEqual([left[0], left[0]! - 2, left[0]! - 3])
      const ids = replies.map((reply) => reply.headers['x-request-id'])
      expect(new Set(ids).size).toBe(3)
      // Each session has a cookie of its own, and who has none is given none.
      const cookies = replies.map((reply) => reply.headers['set-cookie'])
      expect([new Set(cookies.slice(0, 2)).size, cookies[2]]).toEqual([2, undefined])
      expect(cookies.slice(0, 2)).not.toContain(undefined)
      for (const reply of replies)
        expect(reply.headers).toMatchObject({ 'x-content-type-options': 'nosniff', vary: expect.stringMatching(/Accept-Encoding/) })
    })

    test('hits are compressed and logged as the first answer is', async () => {
      await open({ read: app.plain })
      const zipped = [await page({ 'accept-encoding': 'gzip' }), await page({ 'accept-encoding': 'gzip' })]
      expect(zipped.map(statusOf)).toEqual([STORED, HIT])
      expect(zipped.map((reply) => reply.headers['content-encoding'])).toEqual(['gzip', 'gzip'])
      expect(zipped[1]!.body).toEqual(zipped[0]!.body)
      expect(await page()).toMatchObject({ text: expect.stringContaining('plain') })
      const logged = (what: RegExp): number => lines.filter((line) => what.test(line)).length
      expect([logged(/"GET \/page HTTP\/1\.1" 200/), logged(/"msg":"request completed"/), logged(/"msg":"asked"/)]).toEqual([3, 3, 1])
    })

    test('a page is refreshed behind by a request that is nobody’s, and who is logged in stays so', async () => {
      let runs = 0
      const read = (subject: Subject): string => `${String(app.plain(subject))} ${++runs}`
      await open({ read, options: { ttl: '1s', staleWhileRevalidate: '1h' } })
      const ann = { ...(await login('ann')), 'user-agent': 'ann' }
      const zipped = { ...ann, 'accept-encoding': 'gzip' }
      const first = await page(zipped)
      clock.advance(2_000)
      expect((await page(zipped)).body).toEqual(first.body)
      while (!(await page(ann)).text.endsWith('2')) await new Promise(setImmediate)
      const [again, nobody] = [await page(zipped), await page({ 'user-agent': 'nobody' })]
      expect([again, nobody].map(statusOf)).toEqual([HIT, HIT])
      expect(again.headers).toMatchObject({ 'content-encoding': 'gzip', 'set-cookie': expect.stringContaining('=') })
      expect([nobody.headers['set-cookie'], nobody.headers['content-encoding'], runs, told()]).toEqual([undefined, undefined, 2, []])
      // One line of it in the log, of no browser, and by the address of the request that began it.
      const logged = lines.filter((line) => /127\.0\.0\.1.*"GET \/page HTTP\/1\.1" 200 .* "-" "-"/.test(line))
      expect(logged).toHaveLength(1)
    })

    for (const [input, read] of app.readers) {
      test(`a page that reads ${input} is not, and is each one’s own with a partition`, async () => {
        await open({ read })
        const [ann, bob] = [await login('ann'), await login('bob')]
        const replies = [await page(ann), await page(bob), await page(), await page(ann)]
        expect(replies.map((reply) => reply.text)).toEqual(['read ann', 'read bob', 'read nobody', 'read ann'])
        expect(replies.map(statusOf)).toEqual(Array(4).fill(refused(`unkeyed ${input}`)))
        expect(warnings.texts.filter((text) => text.includes(`"${input}"`))).toEqual([
          expect.stringMatching(/"\w+ GET \/page" read .*not stored.*`partition`.*`ignore: \["/),
        ])
        await server?.close()

        await open({ read, options: { name: 'each one’s', partition: app.ownerOf } })
        const [again, other] = [await login('ann'), await login('bob')]
        const own = [await page(again), await page(other), await page(again), await page(other)]
        expect(own.map((reply) => reply.text)).toEqual(['read ann', 'read bob', 'read ann', 'read bob'])
        expect(own.map(statusOf)).toEqual([STORED_AMONG_OTHERS, STORED_AMONG_OTHERS, HIT, HIT])
        for (const reply of own) expect(reply.headers['cache-control']).toBe('private, no-cache')
      })
    }

    // What such layers usually leave is looked for on a request that has none; of other names it is known once some request has had them.
    for (const [input, read] of app.readers.filter(([input]) => /\.(?:user|auth)$/.test(input))) {
      test(`a page that reads ${input} of nobody is not for somebody`, async () => {
        await open({ read })
        const nobody = await page()
        expect([nobody.text, (await page(await login('ann'))).text]).toEqual(['read nobody', 'read ann'])
      })
    }
  })
}

function cookiesOf(reply: Reply): string {
  const lines = reply.rawHeaders.filter((_value, at, all) => at % 2 === 1 && all[at - 1]!.toLowerCase() === 'set-cookie')
  return lines.map((line) => line.split(';', 1)[0]!).join('; ')
}
