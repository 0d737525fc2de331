// Knows which routes answer one request within each other: what the handler of an inner one reads, the outer one's answer is computed from.

import type { Engine, Load } from '../../src/door.ts'

type Frame = Parameters<Load<unknown>>[0]

/** A run of a route's handler, and what becomes of those inside it. */
interface Run {
  readonly engine: Engine
  readonly frame: Frame
  /** Resolves when all is known that it has read. */
  readonly ended: Promise<void>
  readonly inner: Run[]
}

const running = new WeakMap<object, Run>()

/**
 * Runs a route's handler for a request; `read` is told of each inner run of the same cache, before the outer one is taken for ended. In Express the
 * answer of the outer one is complete a moment before the inner one's.
 */
export async function nested<T>(req: object, own: Pick<Run, 'engine' | 'frame'>, run: () => Promise<T>): Promise<T> {
  const outer = running.get(req)
  let end!: () => void
  const self: Run = { ...own, ended: new Promise((resolve) => (end = resolve)), inner: [] }
  running.set(req, self)
  outer?.inner.push(self)
  try {
    const result = await run()
    for (const { engine, frame, ended } of self.inner) {
      await ended
      if (engine === own.engine) own.frame.add(frame.refs, frame.trustFrom, frame.stale)
    }
    return result
  } finally {
    end()
    if (running.get(req) === self && outer !== undefined) running.set(req, outer)
  }
}
