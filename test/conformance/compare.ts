// What a round of the suite has to give, on every framework: the results of the last commit, and a reason for each test that is not passed.
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../src/index.ts'
import type { Cache } from '../../src/index.ts'
import { notPassed } from './not-passed.ts'
import { runSuite, startOrigin } from './suite.ts'
import { published, sharesOf } from './tables.ts'

/** How the cache is mounted before a handler that forwards everything. */
export const OPTIONS = {
  path: '/*path',
  ignore: true,
  ttl: 'heuristic',
  revalidate: true,
  posts: true,
  staleIfError: '1h',
  // The current edition asks for it.
  targets: ['cdn-cache-control'],
} as const

/** Runs the suite against an application: `app` gives it for a cache and the origin's port. */
export function describeConformance(framework: string, app: (cache: Cache, port: number) => RequestListener): void {
  describe(`the public suite of HTTP cache tests, ${framework}`, () => {
    test('gives what it gave when its results were written down', async () => {
      const origin = await startOrigin()
      onTestFinished(origin.end)
      const cache = createCache({ redis: false, limit: -1 })
      onTestFinished(() => cache.close())
      const server = createServer(app(cache, origin.port))
      await new Promise<void>((resolve) => server.listen(0, resolve))
      onTestFinished(() => void server.close().closeAllConnections())
      const { results, required, optimal } = await runSuite(`http://localhost:${(server.address() as AddressInfo).port}`)
      console.log(`${framework}: required ${required.passed} of ${required.of}, optimal ${optimal.passed} of ${optimal.of}`)
      if (process.env['ONLY'] !== undefined) return console.log(results)
      const file = process.env['CACHE_TESTS'] ? 'results-current.json' : 'results.json'
      await expect(`${JSON.stringify(results, undefined, 2)}\n`).toMatchFileSnapshot(file)
      const shares = [required, optimal].map(({ passed, of }) => `${passed} of ${of}`)
      expect(sharesOf(results, published())).toEqual(shares)
      const failed = Object.keys(results).filter((id) => results[id] !== 'pass')
      if (file === 'results.json') expect(Object.keys(notPassed).sort()).toEqual(failed)
    })
  })
}
