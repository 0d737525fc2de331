// Entries older than the window: what was cleared since then is read, once for all who wait, or known to be unknown.
import { describe, expect, test } from 'vitest'
import { callOf, newProcess, patternOf, type ProcessOptions, type TestProcess } from './process.ts'
import { newWorld } from './world.ts'

const world = newWorld()
const { heard, records } = world
const user = (id: string) => callOf('user', id)

/** Ten clears, and a process that comes after them. */
async function tenClears(options: Partial<ProcessOptions> = {}): Promise<{ before: number; writer: TestProcess; late: TestProcess }> {
  const writer = await heard()
  const before = writer.shared.epoch
  for (let id = 0; id < 10; id++) await writer.clear(patternOf('user', `${id}`))
  return { before, writer, late: newProcess({ redis: world.muted, prefix: world.prefix, ...options }) }
}

describe('further back than the window', () => {
  test('records are read for an older entry, and touch nothing that was loaded here', async () => {
    const { before, late } = await tenClears()
    await late.shared.ask()
    const since = late.log.position
    expect(late.shared.windowStart).toBe(late.shared.epoch)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(false)
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.shared.windowStart).toBe(before)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], late.shared.epoch)).toBe(false)
    expect(late.log.clearedSinceEpoch([user('99')], before)).toBe(false)
    expect(late.isCleared(user('3'), since)).toBe(false)
  })

  test('one run in pages serves all who wait', async () => {
    const { before, late } = await tenClears({ page: 3 })
    await late.shared.ask()
    const epochs = (await records()).map(([, epoch]) => epoch)
    const commands = await world.commandsDuring(async () => {
      const reached = [before, ...epochs].map((epoch) => late.shared.reach(epoch))
      expect(new Set(await Promise.all(reached))).toEqual(new Set([true]))
    })
    expect(commands.filter((name) => name === 'evalsha').length).toBeLessThanOrEqual(5)
    for (let id = 0; id < 10; id++) expect(late.log.clearedSinceEpoch([user(`${id}`)], epochs[id]! - 1)).toBe(true)
    for (let id = 0; id < 10; id++) expect(late.log.clearedSinceEpoch([user(`${id}`)], epochs[id]!)).toBe(false)
  })

  test('a record that moved up meanwhile is not lost between the old page and the new ones', async () => {
    const { before, late, writer } = await tenClears()
    await late.shared.ask()
    await writer.clear(patternOf('user', '3'))
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
  })

  test('a record that moved up beyond the page of new ones is not lost either', async () => {
    const { before, late, writer } = await tenClears({ page: 2 })
    await late.shared.ask()
    for (let id = 0; id < 50; id++) await writer.clear(patternOf('post', `${id}`))
    await writer.clear(patternOf('user', '3'))
    expect(await late.shared.reach(before)).toBe(true)
    expect(late.log.clearedSinceEpoch([user('3')], before)).toBe(true)
  })

  test('what lies below the floor is unknown, as is everything while Redis is away', async () => {
    const { before, late } = await tenClears()
    await late.shared.ask()
    expect(await late.shared.reach(before - 1)).toBe(false)
    await late.connection.close()
    expect(await late.shared.reach(before)).toBe(true)
    const other = newProcess({ redis: world.muted, prefix: world.prefix })
    await other.shared.ask()
    await other.connection.close()
    expect(await other.shared.reach(before)).toBe(false)
  })
})
