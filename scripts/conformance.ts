// Counts what the public suite of HTTP cache tests has published of other caches, and writes the tables of docs/conformance.md.
// CACHE_TESTS=<checkout of http-tests/cache-tests>: counts the results in it anew. UNDICI=<output of undici's worker>: and those of undici.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { published, PUBLISHED, tables } from '../test/conformance/tables.ts'
import type { Published, PublishedCache } from '../test/conformance/tables.ts'

interface Test {
  readonly id: string
  readonly kind?: string
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
}

interface Listed {
  readonly file: string
  readonly name: string
  readonly type: string
  readonly version: string
}

const PAGE = 'docs/conformance.md'

const folder = process.env['CACHE_TESTS']
if (folder !== undefined) writeFileSync(PUBLISHED, `${JSON.stringify(await counted(folder), undefined, 2)}\n`)
writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
execFileSync('npx', ['oxfmt', PAGE, PUBLISHED])

async function counted(suite: string): Promise<Published> {
  const load = async <T>(file: string): Promise<T> => ((await import(pathToFileURL(join(suite, file)).href)) as { default: T }).default
  const tests = (await load<readonly { tests: readonly Test[] }[]>('tests/index.mjs')).flatMap((part) => part.tests)
  const listed = (await load<readonly Listed[]>('results/index.mjs')).filter(({ type }) => type === 'rev-proxy')
  const forProxies = tests.filter((test) => test.browser_only !== true)
  const ids = (isOptimal: boolean): string[] => forProxies.flatMap((test) => (isKind(test, isOptimal) ? [test.id] : []))
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: suite, encoding: 'utf8' }).trim()
  const cache = (entry: Omit<PublishedCache, 'required' | 'optimal'>, passes: (id: string) => boolean): PublishedCache => {
    const passed = (id: string): boolean => passes(id) && (tests.find((test) => test.id === id)?.depends_on ?? []).every(passed)
    return { ...entry, required: ids(false).filter(passed).length, optimal: ids(true).filter(passed).length }
  }
  const caches = listed.map(({ file, name, version }) => {
    const results = JSON.parse(readFileSync(join(suite, 'results', file), 'utf8')) as Record<string, unknown>
    const date = git('log', '-1', '--format=%as', '--', `results/${file}`)
    return cache({ name, version, date }, (id) => results[id] === true)
  })
  const undici = process.env['UNDICI']
  caches.push(
    ...(undici === undefined ? published().caches.filter(({ name }) => name === 'undici') : [cache(undiciIn(undici), passedIn(undici))]),
  )
  return {
    suite: { commit: git('rev-parse', 'HEAD'), date: git('log', '-1', '--format=%as') },
    required: ids(false).length,
    optimal: ids(true).length,
    caches: caches.sort((a, b) => b.required + b.optimal - a.required - a.optimal),
    // What is optimal in the older edition is so in the current one.
    optimalTests: ids(true).sort(),
  }
}

function isKind({ kind = 'required' }: Test, isOptimal: boolean): boolean {
  return kind === (isOptimal ? 'optimal' : 'required')
}

/** What the worker of undici's own test says of each test: a line with its verdict and, last, its name. */
function passedIn(output: string): (id: string) => boolean {
  const passed = new Set<string>()
  for (const [, id] of readFileSync(output, 'utf8').matchAll(/^\S+ (?:pass|yes) - .* \((\S+)\)$/gm)) passed.add(id!)
  return (id) => passed.has(id)
}

function undiciIn(output: string): Omit<PublishedCache, 'required' | 'optimal'> {
  return { name: 'undici', version: process.env['UNDICI_VERSION'] ?? 'unknown', date: dateOf(output) }
}

function dateOf(output: string): string {
  return execFileSync('date', ['-u', '-r', output, '+%F'], { encoding: 'utf8' }).trim()
}

function withTables(page: string): string {
  let written = page
  for (const [name, text] of Object.entries(tables())) {
    const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`)
    if (!between.test(written)) throw new Error(`${PAGE} has no place for the table "${name}".`)
    written = written.replace(between, (_all, begin: string, end: string) => `${begin}\n${text}\n\n${end}`)
  }
  return written
}
