// Knows all suites, in the order in which they run and are written down.
import type { Suite } from './suite.ts'

/** Loads a suite with what it measures, by its name. */
export const suites: Readonly<Record<string, () => Promise<{ readonly suite: Suite }>>> = {
  memory: () => import('./memory.ts'),
  miss: () => import('./miss.ts'),
  redis: () => import('./redis.ts'),
  clear: () => import('./clear.ts'),
  herd: () => import('./herd.ts'),
  http: () => import('./http.ts'),
  latency: () => import('./latency.ts'),
}
