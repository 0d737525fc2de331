// What every fault leaves as it is. A new fault is one more entry of `faults`.
import { describe, expect, test } from 'vitest'
import type { CacheError } from '../../src/index.ts'
import { until } from '../redis/process.ts'
import { faults, type Fault } from './fault.ts'
import { within } from '../support/timed.ts'
import { COMMAND_TIMEOUT, newStage, type Actor, type Mode, type Stage } from './stage.ts'

/** More than this a caller cannot be kept waiting by one wait for Redis. */
const PATIENCE = COMMAND_TIMEOUT + 10
const CALLS = 60
// As many as the circuit takes to open, and one a second that finds out.
const MOST_WAITS = 5
// On a machine that is busy Redis may be late for once, whatever it is otherwise.
const TRIES = 5

/** A stage whose two processes have worked for a while: unless the fault was there first. */
async function warmStage(fault: Fault, mode: Mode): Promise<Stage> {
  const stage = await newStage(fault, mode)
  const { rows, here, there } = stage
  rows.set('a', 'old').set('b', 'old')
  if (fault.isFromStart !== true) await until(async () => (await settles(here.row.clear('x'))) && (await settles(there.row.clear('x'))))
  for (const actor of [here, there]) for (const key of ['a', 'b']) await actor.page(key)
  return stage
}

const begin = async (fault: Fault, stage: Stage): Promise<void> => {
  if (fault.isFromStart !== true) await fault.begin(stage)
}

/** Whether a clear is confirmed. What it rejects with otherwise is its contract. */
async function settles(cleared: Promise<void>): Promise<boolean> {
  return await cleared.then(
    () => true,
    (error: CacheError) => {
      expect(error).toMatchObject({ name: 'StoreError', code: 'STORE' })
      return false
    },
  )
}

/** Whether clears are confirmed, of which a busy machine may keep Redis from answering one in time. */
async function comesThrough(actor: Actor): Promise<boolean> {
  for (let times = 0; times < TRIES; times++) if (await settles(actor.row.clear('a'))) return true
  return false
}

/** Whether a call was kept waiting, and by no more than Redis may. */
async function waited(call: () => Promise<unknown>): Promise<boolean> {
  const calling = call()
  const atOnce = await within(COMMAND_TIMEOUT / 2, calling).then(
    () => true,
    () => false,
  )
  await calling
  return !atOnce
}

/** Another process's entry is of use to this one, and a clear is confirmed: Redis is back for it. */
async function recovered(actor: Actor, other: Actor): Promise<void> {
  let tried = 0
  await until(async () => {
    const key = `back ${tried++}`
    await other.row(key)
    await other.row(key)
    await actor.row(key)
    return actor.loads(key) === 0
  })
  await until(() => settles(actor.cache.clear(actor.cache.tag('back'))))
}

export function describeFaults(mode: Mode): void {
  describe.each(faults)('Redis is $name', (fault) => {
    test('a caller gets the right value and waits for Redis no longer than it may; a herd loads once', async () => {
      const stage = await warmStage(fault, mode)
      const { rows, here } = stage
      await begin(fault, stage)
      for (const key of ['a', 'new 1', 'new 2']) {
        rows.set(key, `value of ${key}`)
        here.pass()
        if (key === 'a') void here.row.clear(key).catch(() => undefined)
        const loads = here.loads(key)
        const herd = Array.from({ length: 10 }, () => within(PATIENCE, here.row(key)))
        expect(new Set(await Promise.all(herd))).toEqual(new Set([`value of ${key}`]))
        // In a process that may trust nothing, one that runs and one that has begun after the last caller came.
        expect(here.loads(key) - loads).toBeLessThanOrEqual(mode === 'strong' ? 2 : 1)
      }
      await fault.end(stage)
    })

    test('of many callers one after the other few wait, and it is told, but not again and again', async () => {
      const stage = await warmStage(fault, mode)
      const { here } = stage
      await begin(fault, stage)
      let waits = 0
      for (let call = 0; call < CALLS; call++) if (await waited(() => here.row(`key ${call}`))) waits++
      if (fault.isAnswering !== true) expect(waits).toBeLessThanOrEqual(MOST_WAITS)
      if (fault.clears === 'refused') await until(() => here.errors.length > 0)
      if (fault.comesAgain !== true) expect(here.errors.length).toBeLessThan(CALLS / 4)
      await fault.end(stage)
    })

    test('a clear counts here at once, tells the truth, and is delivered when that is over, however often that happens', async () => {
      const stage = await warmStage(fault, mode)
      const { rows, here, there } = stage
      for (const round of [1, 2]) {
        if (round > 1 || fault.isFromStart !== true) await fault.begin(stage)
        rows.set('a', `round ${round}`)
        const cleared = within(PATIENCE, settles(here.row.clear('a')))
        expect([await here.row('a'), await here.page('a')]).toEqual([`round ${round}`, `page of round ${round}`])
        const isConfirmed = (await cleared) || (fault.clears === 'confirmed' && (await comesThrough(here)))
        if (fault.clears !== 'either') expect(isConfirmed).toBe(fault.clears === 'confirmed')
        if (isConfirmed) {
          if (mode === 'eventual') there.pass()
          expect([await there.row('a'), await there.page('a')]).toEqual([`round ${round}`, `page of round ${round}`])
        }
        await fault.end(stage)
        await until(async () => (await there.page('a')) === `page of round ${round}` && (await there.row('a')) === `round ${round}`)
        await recovered(here, there)
        await recovered(there, here)
      }
      let loads = Infinity
      for (let tries = 0; tries < TRIES && loads > 1; tries++) {
        await recovered(here, there)
        const before = here.loads('a')
        for (let times = 0; times < 5; times++) expect([await here.row('a'), await here.page('b')]).toEqual(['round 2', 'page of old'])
        loads = here.loads('a') - before
      }
      expect(loads).toBeLessThanOrEqual(1)
    })
  })

  // Another process has to be able to clear meanwhile.
  describe.each(faults.filter(({ isOfOne, clears }) => isOfOne === true || clears === 'either'))('Redis is $name', (fault) => {
    test('what another process clears is not served here', async () => {
      const stage = await warmStage(fault, mode)
      const { rows, here, there } = stage
      await begin(fault, stage)
      for (const value of ['one', 'two', 'three']) {
        rows.set('a', value)
        const isConfirmed = fault.isOfOne === true ? await comesThrough(there) : await settles(there.row.clear('a'))
        if (fault.isOfOne === true) expect(isConfirmed).toBe(true)
        if (!isConfirmed) continue
        if (mode === 'eventual') here.pass()
        expect([await within(PATIENCE, here.row('a')), await here.page('a')]).toEqual([value, `page of ${value}`])
      }
      await fault.end(stage)
      await until(async () => (await here.row('a')) === 'three' && (await here.page('a')) === 'page of three')
    })
  })
}
