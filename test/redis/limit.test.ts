// One stretch of time for all that a command has to wait for, in turn.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newLimit } from '../../src/redis/limit.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new Promise<never>(() => undefined)
const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)
const timeIsUp = { code: 'TIMEOUT', message: 'Redis did not answer within 100 ms.' }

test('what takes longer is told, and who waits for it', async () => {
  const told: unknown[] = []
  const failing = failureOf(newLimit(100).race(never, (error) => void told.push(error)))
  await vi.advanceTimersByTimeAsync(99)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(2)
  expect(await failing).toMatchObject(timeIsUp)
  expect(told).toMatchObject([timeIsUp])
})

test.each([
  ['given', () => Promise.resolve('it')],
  ['failed', () => Promise.reject(new Error('it'))],
])('what was %s in time is told nothing when the time is up', async (_, work) => {
  const told: unknown[] = []
  const limit = newLimit(100)
  await limit.race(work(), (error) => void told.push(error)).catch(() => undefined)
  await vi.advanceTimersByTimeAsync(200)
  expect(told).toEqual([])
})

test('what follows has what is left, and nothing once the time is up', async () => {
  const limit = newLimit(100, 'Redis', 40)
  const first = limit.race(Promise.resolve('first'), () => undefined)
  await expect(first).resolves.toBe('first')
  const told: unknown[] = []
  const failing = failureOf(limit.race(never, (error) => void told.push(error)))
  await vi.advanceTimersByTimeAsync(59)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(2)
  expect(await failing).toMatchObject(timeIsUp)
  await expect(limit.race(never, (error) => void told.push(error))).rejects.toMatchObject(timeIsUp)
  expect(told).toMatchObject([timeIsUp, timeIsUp])
})

test('that was ended is never up', async () => {
  const told: unknown[] = []
  const limit = newLimit(100)
  void limit.race(never, (error) => void told.push(error))
  limit.end()
  await vi.advanceTimersByTimeAsync(200)
  expect(told).toEqual([])
})
