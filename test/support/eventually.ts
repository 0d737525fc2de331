// What becomes so by itself, in another process, after some time.
import { setTimeout as pause } from 'node:timers/promises'

/** Asks until there is an answer; an `Error` with what was waited for when there is none in time. What rejects is no answer. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined | false>, ms = 20_000): Promise<T> {
  const end = performance.now() + ms
  let failure: unknown
  while (performance.now() < end) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      failure = error
    }
    await pause(20)
  }
  throw new Error(`Never came within ${ms} ms: ${what}`, { cause: failure })
}
