// For how long an answer is served, and how old it is said to be, by what it says itself.
import { describe, expect, test } from 'vitest'
import type { Framework } from './framework.ts'
import { HIT, newSite, statusOf } from './site.ts'

type Lines = Readonly<Record<string, string | string[]>>

export function lifetimes(framework: Framework): void {
  const { cached } = framework
  const YEAR = 365 * 24 * 60 * 60
  const at = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString()
  /** The two obsolete forms of RFC 9110 §5.6.7. */
  const rfc850 = (seconds: number): string => {
    const [, day, month, year, time] = /^\w+, (\d+) (\w+) \d\d(\d\d) (\S+)/.exec(at(seconds))!
    return `Sunday, ${day}-${month}-${year} ${time} GMT`
  }
  const asctime = (seconds: number): string => {
    const [, weekday, day, month, year, time] = /^(\w+), (\d+) (\w+) (\d+) (\S+)/.exec(at(seconds))!
    return `${weekday} ${month} ${day!.replace(/^0/, ' ')} ${time} ${year}`
  }

  /** Whether a response with these fields is still served after so many seconds. */
  async function isServedAfter(fields: Lines, seconds: number, options = {}): Promise<boolean> {
    await using site = newSite(framework)
    site.app.on('get', '/', [cached(site.cache, { ttl: '10m', ...options })], (x) => {
      for (const [name, value] of Object.entries(fields)) x.set(name, value)
      x.send('a')
    })
    await site.ask('/')
    site.clock.advance(seconds * 1000)
    return statusOf(await site.ask('/')) === HIT
  }

  // RFC 9111 §4.2.1, §5.2, §5.3. Five seconds of grace on either side, since dates are of a clock that the test does not stop.
  describe('an answer is served for as long as it says', () => {
    const lifetimes: Readonly<Record<string, [seconds: number, fields: () => Lines]>> = {
      'by max-age': [60, () => ({ 'Cache-Control': 'max-age=60' })],
      'by s-maxage before max-age': [30, () => ({ 'Cache-Control': 'max-age=60, s-maxage=30' })],
      'by s-maxage behind max-age': [90, () => ({ 'Cache-Control': 's-maxage=90, max-age=60' })],
      'in upper case, with spaces and empty members': [60, () => ({ 'Cache-Control': ' ,\tMAX-AGE=60 , ,public' })],
      'in quotes': [60, () => ({ 'Cache-Control': 'max-age="60"' })],
      'said twice alike': [60, () => ({ 'Cache-Control': ['max-age=60', 'max-age=60'] })],
      'beside directives that nobody knows': [60, () => ({ 'Cache-Control': 'x="a, no-store", max-age=60, y=1' })],
      'of more seconds than there are': [2 ** 31, () => ({ 'Cache-Control': 'max-age=99999999999999999999' })],
      'by Expires': [60, () => ({ Expires: at(60) })],
      'by Expires as RFC 850 writes it': [60, () => ({ Expires: rfc850(60) })],
      'by Expires as C writes it': [60, () => ({ Expires: asctime(60) })],
      'by Expires in lower case': [60, () => ({ Expires: at(60).toLowerCase() })],
      'by Expires against its Date': [60, () => ({ Date: at(-60), Expires: at(60) })],
      'by max-age before Expires': [60, () => ({ 'Cache-Control': 'max-age=60', Expires: '0' })],
      'by its age': [40, () => ({ 'Cache-Control': 'max-age=60', Age: '20' })],
      'by its Date': [40, () => ({ 'Cache-Control': 'max-age=60', Date: at(-20) })],
      'by the older of both': [20, () => ({ 'Cache-Control': 'max-age=60', Age: '40', Date: at(-20) })],
      'by the first of two ages': [40, () => ({ 'Cache-Control': 'max-age=60', Age: '20, 50' })],
      'by the first line of two ages': [40, () => ({ 'Cache-Control': 'max-age=60', Age: ['20', '50'] })],
      'but by no age that is none': [60, () => ({ 'Cache-Control': 'max-age=60', Age: '-20' })],
      'nor by a Date to come': [60, () => ({ 'Cache-Control': 'max-age=60', Date: at(100) })],
      'or by the ttl where it says nothing': [600, () => ({ 'Cache-Control': 'public', 'Last-Modified': at(-YEAR), Pragma: 'x' })],
    }
    for (const [name, [seconds, fields]] of Object.entries(lifetimes)) {
      test(name, async () => {
        expect(await isServedAfter(fields(), seconds - 5)).toBe(true)
        expect(await isServedAfter(fields(), seconds + 5)).toBe(false)
      })
    }
  })

  // RFC 9111 §4.2.1: "Caches are encouraged to consider responses that have invalid freshness information ... to be stale."
  describe('an answer is not served', () => {
    const stale: Readonly<Record<string, () => Lines>> = {
      'whose max-age is no number': () => ({ 'Cache-Control': 'max-age=a' }),
      'whose max-age is negative': () => ({ 'Cache-Control': 'max-age=-60' }),
      'whose max-age has a fraction': () => ({ 'Cache-Control': 'max-age=60.5' }),
      'whose max-age is in single quotes': () => ({ 'Cache-Control': "max-age='60'" }),
      'whose max-age is apart from its number': () => ({ 'Cache-Control': 'max-age = 60' }),
      'whose two max-ages differ': () => ({ 'Cache-Control': 'max-age=60, max-age=120' }),
      'whose two lines differ': () => ({ 'Cache-Control': ['max-age=60', 'max-age=120'] }),
      'whose s-maxage is 0': () => ({ 'Cache-Control': 'max-age=60, s-maxage=0' }),
      'whose s-maxage is none': () => ({ 'Cache-Control': 'max-age=60, s-maxage=x' }),
      'whose Expires is 0': () => ({ Expires: '0' }),
      'whose Expires is empty': () => ({ Expires: '' }),
      'whose Expires is of another zone': () => ({ Expires: at(60).replace('GMT', 'CET') }),
      'whose Expires is its Date': () => {
        const now = at(0)
        return { Date: now, Expires: now }
      },
      'whose Expires is said twice in two ways': () => ({ Expires: [at(60), at(120)] }),
      'that is as old as it may be': () => ({ 'Cache-Control': 'max-age=60', Age: '60' }),
      'that is older than there are seconds': () => ({ 'Cache-Control': 'max-age=60', Age: '99999999999999999999' }),
    }
    for (const [name, fields] of Object.entries(stale)) {
      test(name, async () => {
        expect(await isServedAfter(fields(), 0)).toBe(false)
      })
    }
  })

  // RFC 9111 §4.2.2
  test('a guess is a tenth of the time since it was changed, a day at most', async () => {
    const heuristic = { ttl: 'heuristic' }
    for (const [changed, seconds] of [
      [1000, 100],
      [10 * YEAR, 24 * 60 * 60],
    ] as const) {
      expect(await isServedAfter({ 'Last-Modified': at(-changed) }, seconds - 5, heuristic)).toBe(true)
      expect(await isServedAfter({ 'Last-Modified': at(-changed) }, seconds + 5, heuristic)).toBe(false)
    }
    expect(await isServedAfter({}, 0, heuristic)).toBe(false)
    expect(await isServedAfter({ 'Last-Modified': at(-1000), 'Cache-Control': 'max-age=0' }, 0, heuristic)).toBe(false)
  })

  // RFC 9111 §4.2.3, §5.1
  describe('the age of a hit', () => {
    const ages: Readonly<Record<string, [age: number, fields: () => Lines]>> = {
      'counts from when it came': [7, () => ({})],
      'counts on from the age that it came with': [17, () => ({ Age: '10' })],
      'counts on from the first of several': [17, () => ({ Age: ['10', '90'] })],
      'counts on from no age that is none': [7, () => ({ Age: '-10' })],
      'nor from one with a fraction': [7, () => ({ Age: '10.5' })],
      'counts from its Date, where that is older': [27, () => ({ Date: at(-20.2), Age: '10' })],
      'counts from no Date to come': [7, () => ({ Date: at(100) })],
    }
    for (const [name, [age, fields]] of Object.entries(ages)) {
      test(name, async () => {
        await using site = newSite(framework)
        site.app.on('get', '/', [cached(site.cache)], (x) => {
          x.set('Cache-Control', 'max-age=60')
          for (const [field, value] of Object.entries(fields())) x.set(field, value)
          x.send('a')
        })
        const first = await site.ask('/')
        site.clock.advance(7_900)
        const hit = await site.ask('/')
        expect([statusOf(hit), Math.abs(Number(hit.headers['age']) - age) <= 1]).toEqual([HIT, true])
        // RFC 9110 §6.6.1: of when it was made.
        expect(hit.headers['date']).toBe(first.headers['date'])
      })
    }
  })
}
