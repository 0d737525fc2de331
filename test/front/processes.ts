// What holds in front of an application where other processes clear, and while Redis is away. Two caches on one server stand for two processes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Framework } from '../routes/framework.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { change, newWorld, STEPS, WHATS, type What, type World } from './world.ts'

export function processes(framework: Framework): void {
  describe('two processes with a front each', () => {
    let redis: RedisServer
    let prefixes = 0
    beforeAll(async () => void (redis = await startRedis()))
    afterAll(() => redis.stop())

    function newProcesses(options: object = {}): readonly [World, World] {
      const given = { redis: redis.url, prefix: `f${++prefixes}`, ...options }
      return [newWorld(framework, given), newWorld(framework, given)]
    }

    /** Asks until it is answered in front. */
    async function untilFronted(world: World): Promise<void> {
      for (;;) {
        const entered = world.site.entered()
        await world.shown()
        if (world.site.entered() === entered) return
      }
    }

    function isNew(what: What, [film, menu]: readonly [string, string], rows: World['rows']): boolean {
      return (what !== 'film' && what !== 'flush') || film === rows.film
        ? (what !== 'menu' && what !== 'flush') || menu === rows.menu
        : false
    }

    test.each(WHATS)('what one clears of the %s the other gives no more, soon', async (what) => {
      const [one, two] = newProcesses()
      await using _one = one.site
      await using _two = two.site
      await untilFronted(two)
      for (const { rows } of [one, two]) change(rows)
      await one.clear(what)
      await expect.poll(async () => isNew(what, await two.shown(), two.rows)).toBe(true)
      await untilFronted(two)
      expect(isNew(what, await two.shown(), two.rows)).toBe(true)
    })

    test('what Redis has not vouched for as long as is trusted is not given in front', async () => {
      const [one] = newProcesses({ maxStaleness: 1000 })
      await using _one = one.site
      await untilFronted(one)
      redis.pause()
      try {
        const entered = one.site.entered()
        one.site.clock.advance(900)
        await one.shown()
        expect(one.site.entered()).toBe(entered)
        one.site.clock.advance(10_000)
        const asked = one.shown()
        await expect.poll(() => one.site.entered()).toBe(entered + 1)
        redis.resume()
        await asked
      } finally {
        redis.resume()
      }
    })

    test('what a layer has read is trusted no longer than it was when that was', async () => {
      const [one] = newProcesses({ maxStaleness: 1000, commandTimeout: 100 })
      await using _one = one.site
      const { clock } = one.site
      redis.pause()
      try {
        clock.advance(10_000)
        one.at.layered = () => clock.advance(900)
        await one.shown()
        clock.advance(50)
        await one.shown()
        expect(one.site.entered()).toBe(1)
        // Of the route it is trusted for as long again.
        clock.advance(100)
        await one.shown()
        expect(one.site.entered()).toBe(2)
      } finally {
        redis.resume()
      }
    })

    describe('in strong mode', () => {
      test.each(WHATS)('what one has cleared of the %s the other gives to nobody who comes after that', async (what) => {
        const [one, two] = newProcesses({ consistency: 'strong' })
        await using _one = one.site
        await using _two = two.site
        for (let turn = 0; turn < 5; turn++) {
          await untilFronted(two)
          for (const { rows } of [one, two]) change(rows)
          await one.clear(what)
          const found = await two.shown()
          expect(isNew(what, found, two.rows)).toBe(true)
        }
      })

      test('counts each hit once, and says it', async () => {
        const [one] = newProcesses({ consistency: 'strong' })
        await using _one = one.site
        await untilFronted(one)
        const { hits, misses } = one.page.stats()
        const entered = one.site.entered()
        for (let i = 0; i < 3; i++) await one.shown()
        expect([one.page.stats().hits - hits, one.page.stats().misses - misses, one.site.entered() - entered]).toEqual([3, 0, 0])
      })

      test.each(STEPS)('what the other clears while a request is %s is given to nobody after that', async (step) => {
        for (const what of WHATS) {
          const [one, two] = newProcesses({ consistency: 'strong' })
          await using _one = one.site
          await using _two = two.site
          two.at[step] = async () => {
            for (const { rows } of [one, two]) change(rows)
            await one.clear(what)
          }
          await two.shown()
          for (let i = 0; i < 3; i++) {
            const found = await two.shown()
            expect([what, isNew(what, found, two.rows), found]).toEqual([what, true, found])
          }
        }
      })

      test('goes through the application where Redis does not answer, and no request fails', async () => {
        const [one] = newProcesses({ consistency: 'strong', commandTimeout: 200 })
        await using _one = one.site
        await untilFronted(one)
        redis.pause()
        try {
          change(one.rows)
          const entered = one.site.entered()
          const found = await one.shown()
          expect([found[0], found[1], one.site.entered()]).toEqual([one.rows.film, one.rows.menu, entered + 1])
        } finally {
          redis.resume()
        }
      })
    })

    test('with Redis gone goes on, and is in front again when it is back', async () => {
      const own = await startRedis()
      const world = newWorld(framework, { redis: own.url, prefix: 'gone', commandTimeout: 200 })
      try {
        await using _site = world.site
        await untilFronted(world)
        await own.kill()
        world.site.clock.advance(60_000)
        change(world.rows)
        expect(isNew('flush', await world.shown(), world.rows)).toBe(true)
        await own.restart()
        await untilFronted(world)
        expect(isNew('flush', await world.shown(), world.rows)).toBe(true)
      } finally {
        await own.stop()
      }
    })
  })
}
