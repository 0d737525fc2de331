// A small site for one test: a cache with a clock of the test's own, and an application that is served once all is mounted.
import { openCache, type Cache } from '../../src/cache.ts'
import type { CacheError, CacheOptions } from '../../src/index.ts'
import { newClock, type Clock } from '../support/clock.ts'
import { ask, begin, type Ask, type Reply } from '../support/http.ts'
import type { App, Framework } from './framework.ts'

export interface Site extends AsyncDisposable {
  readonly cache: Cache
  readonly clock: Clock
  readonly app: App
  /** What `onError` of the cache was told. */
  readonly errors: CacheError[]
  readonly warnings: Warnings
  /** Asks the application, which is served from the first request on. */
  ask(path: string, options?: Ask): Promise<Reply>
  /** Where it is served, for a test that asks in its own way. */
  port(): Promise<number>
  /** Begins a request that the test may break off. */
  begin(path: string, options?: Ask): Promise<ReturnType<typeof begin>>
}

export function newSite(framework: Framework, options: CacheOptions = {}): Site {
  const clock = newClock()
  const errors: CacheError[] = []
  const cache = openCache({ redis: false, commandTimeout: 10_000, onError: (error) => void errors.push(error), ...options }, clock.now)
  const app = framework.newApp(cache)
  // What a front says has tests of its own.
  const warnings = newWarnings(framework.isFronted ? 'FRONT' : undefined)
  let server: ReturnType<App['serve']> | undefined
  const served = (): ReturnType<App['serve']> => (server ??= app.serve())
  return {
    cache,
    clock,
    app,
    errors,
    warnings,
    ask: async (path, how) => ask((await served()).port, path, how),
    port: async () => (await served()).port,
    begin: async (path, how) => begin((await served()).port, path, how),
    async [Symbol.asyncDispose]() {
      warnings.stop()
      await (await server)?.close()
      await cache.close()
    },
  }
}

export interface Warnings {
  /** The warnings of this package since the site was made, which are not printed. */
  readonly texts: readonly string[]
  stop(): void
}

/** Takes the warnings of this package, so that they are not printed. `leftOut`: the code of those that are not shown here either. */
export function newWarnings(leftOut?: string): Warnings {
  const texts: string[] = []
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    const { type, code } = (rest[0] ?? {}) as { type?: string; code?: string }
    if (type !== 'CacheAlchemyWarning') Reflect.apply(emitWarning, process, [warning, ...rest])
    else if (code === undefined || code !== leftOut) texts.push(String(warning))
  }
  return { texts, stop: () => void (process.emitWarning = emitWarning) }
}

/** What the cache did with a request, as its answer says. */
export function statusOf(reply: Reply): string | undefined {
  return reply.headers['cache-status']?.replace(/;ttl=\d+/, '')
}

export const HIT = 'CacheAlchemy;hit'
export const STORED = 'CacheAlchemy;fwd=uri-miss;stored'
/** As `STORED`, where another answer of the same request was too old. */
export const RENEWED = 'CacheAlchemy;fwd=stale;stored'
/** As `STORED`, where more than its URI tells requests apart. */
export const STORED_AMONG_OTHERS = 'CacheAlchemy;fwd=miss;stored'
/** As `STORED`, where that is not known yet when the head leaves. */
export const MISS = 'CacheAlchemy;fwd=uri-miss;detail="streamed"'
export const COLLAPSED = 'CacheAlchemy;fwd=uri-miss;collapsed'

/** The answer of a request that went past the cache, or was not stored. */
export function refused(why: string, fwd = 'uri-miss'): string {
  return `CacheAlchemy;fwd=${fwd};detail="${why}"`
}
