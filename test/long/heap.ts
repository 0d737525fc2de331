// What the heap holds when all that can go is gone.
import { setImmediate } from 'node:timers/promises'
import { expect } from 'vitest'

const MEBIBYTE = 1024 * 1024

/** Bytes of the heap that something still refers to. */
async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('These tests need node --expose-gc: run `npm run test:long`.')
  // What was settled in this turn of the event loop, and its finalizers, go in the next ones.
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

/** Resolves when an object is gone, or fails. */
export async function isCollected(ref: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 20 && ref.deref() !== undefined; round++) await heapUsed()
  return ref.deref() === undefined
}

interface Run {
  /** How often it is done in all. */
  readonly times: number
  /** After how many of them all that may fill up is full. */
  readonly full: number
  /** How many are under way at once. */
  readonly at?: number
  /** How many mebibytes count as none. */
  readonly within?: number
}

/** Does something many times, each with a number of its own, and expects the heap to be what it was when all bounds had been reached. */
export async function expectFlat({ times, full, at = 1, within = 2 }: Run, act: (n: number) => unknown): Promise<void> {
  await repeat(0, full, at, act)
  const before = await heapUsed()
  await repeat(full, times, at, act)
  const grown = (await heapUsed()) - before
  expect(grown / MEBIBYTE, `${times} times left ${grown} bytes more than ${full} times`).toBeLessThan(within)
}

async function repeat(from: number, to: number, at: number, act: (n: number) => unknown): Promise<void> {
  for (let n = from; n < to; n += at) {
    if (at === 1) await act(n)
    else await Promise.all(Array.from({ length: Math.min(at, to - n) }, (_, next) => act(n + next)))
  }
}
