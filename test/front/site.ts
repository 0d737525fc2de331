// An application behind a front, on a real server: how often it was entered, and what its front answered.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { front } from '../../middleware/http/front.ts'
import { openCache } from '../../src/cache.ts'
import type { CacheOptions } from '../../src/index.ts'
import type { Framework } from '../routes/framework.ts'
import { newWarnings, type Site } from '../routes/site.ts'
import { newClock } from '../support/clock.ts'
import { ask, begin, serve, type TestServer } from '../support/http.ts'

export interface FrontSite extends Site {
  /** How often the application was entered. */
  readonly entered: () => number
  /** The warnings but the one that each front gives when it is made. */
  readonly advice: () => readonly string[]
}

/** `around`: what stands around the application behind its front. */
export function newFrontSite(
  framework: Framework,
  options: CacheOptions = {},
  around: (listener: RequestListener) => RequestListener = (listener) => listener,
): FrontSite {
  const clock = newClock()
  const errors: Site['errors'][number][] = []
  const cache = openCache({ redis: false, commandTimeout: 10_000, onError: (error) => void errors.push(error), ...options }, clock.now)
  const app = framework.newApp()
  const warnings = newWarnings()
  let entered = 0
  let server: Promise<TestServer> | undefined
  const served = (): Promise<TestServer> => (server ??= serveFronted())
  function serveFronted(): Promise<TestServer> {
    const listener = around(app.listener())
    return serve(
      front(cache, (req: IncomingMessage, res: ServerResponse) => {
        entered++
        listener(req, res)
      }),
    )
  }
  return {
    cache,
    clock,
    app,
    errors,
    warnings,
    entered: () => entered,
    advice: () => warnings.texts.filter((text) => !text.startsWith('Hits of routes with `front: true`')),
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

/** Whether of two requests like this one the second is answered without the application, and with the same text. */
export async function isFronted(site: FrontSite, path = '/', how: Parameters<Site['ask']>[1] = {}): Promise<boolean> {
  const first = await site.ask(path, how)
  const before = site.entered()
  const second = await site.ask(path, how)
  if (second.status !== first.status || second.text !== first.text) throw new Error(`"${first.text}" became "${second.text}"`)
  return site.entered() === before
}
