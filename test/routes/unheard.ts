// A write whose client has gone, and whose handler sees that and says nothing more: it may have changed what it changes all the same.
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ASKED_AFTER } from '../../middleware/http/unheard.ts'
import { newGate } from '../support/gate.ts'
import type { Exchange, Framework } from './framework.ts'
import { newSite, type Site } from './site.ts'

export function unheard(framework: Framework): void {
  const { invalidates } = framework

  /** A row that is read through the cache, and written by a handler that ends as `end` says once its client has gone. */
  async function writtenUnheard(end: (x: Exchange) => unknown): Promise<{ site: Site; read: () => Promise<number> }> {
    const site = newSite(framework)
    const [entered, vanished, written] = [newGate(), newGate(), newGate()]
    let row = 1
    const read = site.cache.memoize(async () => row, { name: 'row' })
    site.app.on('put', '/', [invalidates(read)], async (x) => {
      const closed = once(x.res, 'close')
      await entered.wait()
      await closed
      await vanished.wait()
      row = 2
      await end(x)
      void written.wait()
    })
    expect(await read()).toBe(1)
    const client = await site.begin('/', { method: 'PUT' })
    await entered.reached()
    client.destroy()
    entered.open()
    await vanished.reached()
    // Long since seen to have gone: what was read until now is what it was.
    await new Promise(setImmediate)
    expect(await read()).toBe(1)
    vanished.open()
    await written.reached()
    written.open()
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    return { site, read }
  }

  describe('a write whose client has gone is cleared for, though its handler says nothing', () => {
    const looks: Readonly<Record<string, (x: Exchange) => unknown>> = {
      'and has looked at its response': (x) => x.res.destroyed,
      'and has looked at its request': (x) => x.req.destroyed,
      'and has looked whether it may write': (x) => x.res.writable,
    }
    for (const [name, look] of Object.entries(looks)) {
      test(name, async () => {
        const { site, read } = await writtenUnheard(look)
        await using _ = site
        expect(await read()).toBe(2)
      })
    }

    describe('nor looks', () => {
      beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
      afterEach(() => void vi.useRealTimers())

      test('after a while at the latest', async () => {
        const { site, read } = await writtenUnheard(() => {})
        await using _ = site
        vi.advanceTimersByTime(ASKED_AFTER[0]!)
        expect(await read()).toBe(2)
      })
    })
  })

  test('a write whose client has gone, and that fails, clears nothing', async () => {
    const { site, read } = await writtenUnheard((x) => (x.status(409), x.send('no')))
    await using _ = site
    expect(await read()).toBe(1)
  })
}
