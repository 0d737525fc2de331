// The public suite of HTTP cache tests: where it is, its origin as a process of its own, and a round of it against one cache.
import { spawn, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePorts } from '../support/ports.ts'

// An older edition than the suite's repository has. Fetched for itself: it drags an old npm along, which nothing here should depend on.
const PACKAGE = 'http-cache-tests@0.4.5'
const INTEGRITY = 'sha512-DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A=='
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/http-cache-tests')
// So many tests at a time: each waits for seconds, and what they measure is in seconds.
const AT_A_TIME = 80

interface Test {
  readonly id: string
  readonly kind?: 'required' | 'optimal' | 'check'
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
}

type Verdict = true | readonly [kind: string, message: string]

interface Runner {
  /** The older edition is given a `fetch` behind the tests. */
  runTests(tests: readonly unknown[], ...options: readonly unknown[]): Promise<void>
  getResults(): Readonly<Record<string, Verdict>>
}

/** What came of a round. */
export interface Round {
  /** By test: "pass", or why not. Tests that only look how a cache behaves (kind "check") are left out. */
  readonly results: Readonly<Record<string, string>>
  readonly required: Share
  readonly optimal: Share
}

export interface Share {
  readonly passed: number
  readonly of: number
}

/** Where the suite is: the checkout that CACHE_TESTS names, else the package. */
function suiteFolder(): string {
  const own = process.env['CACHE_TESTS']
  if (own !== undefined && own !== '') return own
  const folder = join(CACHE, 'package')
  if (!existsSync(folder)) fetchPackage(folder)
  return folder
}

/** Where its client and server are: the current edition has them in a folder of their own. */
function engineFolder(): string {
  const folder = suiteFolder()
  return existsSync(join(folder, 'test-engine')) ? join(folder, 'test-engine') : folder
}

function fetchPackage(folder: string): void {
  // Beside it, then renamed: two test files may fetch it at once.
  const beside = `${CACHE}-${process.pid}`
  mkdirSync(beside, { recursive: true })
  mkdirSync(CACHE, { recursive: true })
  try {
    const packed = execFileSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', beside], { cwd: beside, encoding: 'utf8' })
    const file = join(beside, packed.trim())
    const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
    if (integrity !== INTEGRITY) throw new Error(`${PACKAGE} came with other bytes than expected: ${integrity}`)
    execFileSync('tar', ['-xzf', file, '-C', beside])
    if (!existsSync(folder)) renameSync(join(beside, 'package'), folder)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

/** Starts the suite's origin; gives its port and what ends it. */
export async function startOrigin(): Promise<{ port: number; end: () => void }> {
  const port = await freePorts(1)
  const folder = engineFolder()
  const env = { ...process.env, npm_config_port: String(port), npm_config_protocol: 'http', npm_config_pidfile: '/dev/null' }
  const origin = spawn(process.execPath, [join(folder, 'server/server.mjs')], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(origin.stdout, 'data')
  origin.stdout.resume()
  return { port, end: () => void origin.kill() }
}

/** Runs the suite's tests for a reverse proxy against a cache, and counts them as the suite does. Once a process: it keeps its results. */
export async function runSuite(base: string): Promise<Round> {
  const load = async (file: string): Promise<unknown> => await import(/* @vite-ignore */ pathToFileURL(file).href)
  const { runTests, getResults } = (await load(join(engineFolder(), 'client/runner.mjs'))) as Runner
  const { default: suites } = (await load(join(suiteFolder(), 'tests/index.mjs'))) as {
    default: readonly { readonly tests: readonly Test[] }[]
  }
  const only = process.env['ONLY']?.split(',')
  const chosen = only === undefined ? suites : [{ tests: suites.flatMap((s) => s.tests).filter(({ id }) => only.includes(id)) }]
  const isBrowser = false
  await runTests(chosen, ...(engineFolder() === suiteFolder() ? [fetch] : []), isBrowser, base, AT_A_TIME)
  const tests = new Map(chosen.flatMap((suite) => suite.tests.filter((test) => test.browser_only !== true)).map((test) => [test.id, test]))
  const verdicts = getResults()
  const isPassed = (id: string): boolean => verdicts[id] === true && (tests.get(id)?.depends_on ?? []).every(isPassed)
  const reason = ({ id, depends_on = [] }: Test): string => {
    if (isPassed(id)) return 'pass'
    const missed = depends_on.find((other) => !isPassed(other))
    return missed === undefined ? withoutChance((verdicts[id] as readonly string[]).join(': ')) : `prerequisite not passed: ${missed}`
  }
  const counted = [...tests.values()].filter(({ kind }) => kind !== 'check').sort((a, b) => (a.id < b.id ? -1 : 1))
  const share = (isOptimal: boolean): Share => {
    const those = counted.filter(({ kind }) => (kind === 'optimal') === isOptimal)
    return { passed: those.filter(({ id }) => isPassed(id)).length, of: those.length }
  }
  return { results: Object.fromEntries(counted.map((test) => [test.id, reason(test)])), required: share(false), optimal: share(true) }
}

/** A reason without what is another one in each round or on each machine: times, random names, paths. */
function withoutChance(reason: string): string {
  return reason
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]+/g, '…')
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT/g, '(date)')
    .replaceAll(/ imported from \S+/g, '')
    .replaceAll(/\d{4,}/g, '…')
}
