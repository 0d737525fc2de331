// What layers inside a route do to an answer while it leaves, when all of it was judged: it is told, and not stored.
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Reply } from '../support/http.ts'
import type { Exchange, Framework } from './framework.ts'
import { HIT, MISS, newSite, refused, statusOf, STORED } from './site.ts'

const CHANGED = refused('changed on its way')

/** Runs `listener` once when the head is about to leave, as the package on-headers does. */
function onHeaders(res: ServerResponse, listener: () => void): void {
  const { writeHead } = res
  let hasFired = false
  res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (!hasFired) {
      hasFired = true
      listener()
    }
    return Reflect.apply(writeHead, this, [this.statusCode, ...args.slice(1)])
  } as typeof writeHead
}

/** Wraps the response's `end`. */
function onEnd(res: ServerResponse, change: (args: unknown[]) => unknown[]): void {
  const { end } = res
  res.end = function (this: ServerResponse, ...args: unknown[]) {
    return Reflect.apply(end, this, change(args))
  } as typeof end
}

const HOOKS: Readonly<Record<string, [why: string, hook: (res: ServerResponse) => void]>> = {
  'that says it is private': [CHANGED, (res) => res.setHeader('Cache-Control', 'private')],
  'that says it is not to be stored': [CHANGED, (res) => res.setHeader('Cache-Control', 'no-store')],
  'that says it varies on who asks': [CHANGED, (res) => res.setHeader('Vary', 'Cookie')],
  'that sets a cookie': [refused('set-cookie'), (res) => res.setHeader('Set-Cookie', 'a=1')],
  'that makes an error of it': [CHANGED, (res) => void (res.statusCode = 503)],
  'that takes a field away': [CHANGED, (res) => res.removeHeader('X-A')],
  'that changes a field': [CHANGED, (res) => res.setHeader('X-A', '2')],
}

export function departing(framework: Framework): void {
  const { cached } = framework

  test('a line that an outer layer adds to a field of several, while the answer leaves, is in that answer alone', async () => {
    await using site = newSite(framework)
    let asked = 0
    site.app.outer(({ res }) => {
      const own = `own ${++asked}`
      onHeaders(res, () => res.appendHeader('X-Line', own))
    })
    site.app.on('get', '/', [cached(site.cache)], (x) => {
      x.res.setHeader('X-Line', ['a', 'b'])
      x.send('page')
    })
    const answers = [await site.ask('/'), await site.ask('/'), await site.ask('/')]
    const linesOf = ({ rawHeaders }: Reply): string[] => rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === 'x-line')
    // In front it is kept as it left.
    expect(answers.map(linesOf)).toEqual((framework.isFronted ? [1, 1, 1] : [1, 2, 3]).map((n) => ['a', 'b', `own ${n}`]))
    expect(statusOf(answers[2]!)).toBe(HIT)
  })

  describe('an answer that is changed on its way out by a layer inside', () => {
    const bodies: Readonly<Record<string, () => string | object>> = { whole: () => 'a', streamed: () => Readable.from(['a', 'b']) }
    for (const [name, [why, hook]] of Object.entries(HOOKS))
      for (const [kind, body] of Object.entries(bodies)) {
        test(`is not stored, and told once: by a hook of its head ${name}, ${kind}`, async () => {
          await using site = newSite(framework)
          let runs = 0
          site.app.on('get', '/', [cached(site.cache)], (x) => {
            runs++
            x.set('X-A', '1')
            onHeaders(x.res, () => hook(x.res))
            x.send(body())
          })
          const [first, second] = [await site.ask('/'), await site.ask('/')]
          expect([statusOf(first), statusOf(second), runs]).toEqual([why, why, 2])
          expect(site.warnings.texts).toEqual([expect.stringMatching(/inside its cached route.*was not stored/)])
        })
      }

    test('is not given to those who wait for it', async () => {
      await using site = newSite(framework)
      const page = cached(site.cache, { path: '/' })
      let runs = 0
      let open!: () => void
      const opened = new Promise<void>((resolve) => (open = resolve))
      site.app.on('get', '/', [page], async (x) => {
        const run = ++runs
        await opened
        onHeaders(x.res, () => x.res.setHeader('X-For', String(run)))
        x.send(`${run}`)
      })
      const asked = [site.ask('/'), site.ask('/')]
      while (page.stats().coalesced < 1) await new Promise(setImmediate)
      open()
      expect((await Promise.all(asked)).map((reply) => reply.text).sort()).toEqual(['1', '2'])
    })

    test('is the same each time where a layer wraps what ends it', async () => {
      for (const change of [
        (x: Exchange, args: unknown[]) => (x.res.setHeader('Cache-Control', 'private'), args),
        (x: Exchange, [, ...rest]: unknown[]) => (x.res.setHeader('Content-Length', 6), ['forall', ...rest]),
      ]) {
        await using site = newSite(framework)
        site.app.on('get', '/', [cached(site.cache)], (x) => {
          onEnd(x.res, (args) => change(x, args))
          x.set('Cache-Control', 'max-age=60')
          x.send('a')
        })
        const [first, second] = [await site.ask('/'), await site.ask('/')]
        expect([second.text, second.headers['cache-control']]).toEqual([first.text, first.headers['cache-control']])
        if (second.headers['cache-control'] === 'private') expect(statusOf(second)).not.toBe(HIT)
      }
    })

    test('is no answer of a POST that is kept for GETs', async () => {
      await using site = newSite(framework)
      let isHooked = true
      const page = cached(site.cache, { posts: true })
      site.app.on('get', '/', [page], (x) => x.send('got'))
      site.app.on('post', '/', [page], (x) => {
        if (isHooked) onHeaders(x.res, () => x.res.setHeader('X-For', 'ann'))
        x.set('Cache-Control', 'max-age=60')
        x.set('Content-Location', '/')
        x.send('posted')
      })
      await site.ask('/', { method: 'POST' })
      expect((await site.ask('/')).text).toBe('got')
      isHooked = false
      await site.ask('/', { method: 'POST' })
      expect(await site.ask('/')).toMatchObject({ text: 'posted' })
    })
  })

  describe('an answer that passes hooks on its way out is stored', () => {
    test('where those inside change nothing of it', async () => {
      await using site = newSite(framework)
      let fired = 0
      site.app.on('get', '/:kind', [cached(site.cache)], (x) => {
        onHeaders(x.res, () => fired++)
        onEnd(x.res, (args) => args)
        x.send(x.params['kind'] === 'whole' ? 'a' : Readable.from(['a', 'b']))
      })
      for (const [path, said] of [
        ['/whole', STORED],
        ['/streamed', MISS],
      ] as const) {
        const replies = [await site.ask(path), await site.ask(path)]
        expect(replies.map(statusOf)).toEqual([said, HIT])
        expect(replies[1]!.text).toBe(replies[0]!.text)
      }
      expect(fired).toBe(2)
    })

    test('where it is outer layers that change it, beside one inside that changes nothing', async () => {
      await using site = newSite(framework)
      let requests = 0
      site.app.outer((x) => {
        const request = String(++requests)
        onHeaders(x.res, () => x.res.setHeader('X-Request', request))
        onEnd(x.res, (args) => (x.res.headersSent || x.res.setHeader('X-Ended', request), args))
      })
      site.app.on('get', '/', [cached(site.cache)], (x) => {
        onHeaders(x.res, () => {})
        x.send('a')
      })
      expect(await site.ask('/')).toMatchObject({ headers: { 'x-request': '1', 'x-ended': '1' } })
      const hit = await site.ask('/')
      const last = framework.isFronted ? '1' : '2'
      expect([statusOf(hit), hit.headers['x-request'], hit.headers['x-ended']]).toEqual([HIT, last, last])
      expect(site.warnings.texts).toEqual([])
    })

    test('where a route stands around another one', async () => {
      await using site = newSite(framework)
      const [outer, inner] = [cached(site.cache, { path: '/', name: 'outer' }), cached(site.cache, { path: '/', name: 'inner' })]
      let runs = 0
      site.app.on('get', '/', [outer, inner], (x) => (runs++, x.send('a')))
      await site.ask('/')
      expect((await site.ask('/')).headers['cache-status']).toContain(';hit')
      expect(runs).toBe(1)
    })
  })
}
