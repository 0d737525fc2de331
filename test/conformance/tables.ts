// The results of the public suite as tables: this cache's from the files that its rounds are compared with, others' as they were published.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { notPassed, notPassedOfCurrent } from './not-passed.ts'

/** What is known of others, written by scripts/conformance.ts. */
export interface Published {
  readonly suite: { readonly commit: string; readonly date: string }
  readonly required: number
  readonly optimal: number
  readonly caches: readonly PublishedCache[]
  /** Of both editions: the tests of what is optimal. The others are required. */
  readonly optimalTests: readonly string[]
}

export interface PublishedCache {
  readonly name: string
  readonly version: string
  readonly date: string
  readonly required: number
  readonly optimal: number
}

export const PUBLISHED: string = join(import.meta.dirname, 'published.json')

const EDITIONS = [
  ['results-current.json', 'current edition'],
  ['results.json', 'older edition, npm 0.4.5'],
] as const

/** Results by test: "pass", or why not. */
export function resultsOf(file: (typeof EDITIONS)[number][0]): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as Record<string, string>
}

export function published(): Published {
  return JSON.parse(readFileSync(PUBLISHED, 'utf8')) as Published
}

/** How many tests of each kind a round has passed, of how many: required, then optimal. */
export function sharesOf(results: Readonly<Record<string, string>>, { optimalTests }: Published): string[] {
  return [false, true].map((isOptimal) => {
    const those = Object.keys(results).filter((id) => optimalTests.includes(id) === isOptimal)
    return `${those.filter((id) => results[id] === 'pass').length} of ${those.length}`
  })
}

/** The tables of docs/conformance.md, as Markdown that is not aligned yet. */
export function tables(): { readonly shares: string; readonly others: string; readonly missed: string } {
  const all = published()
  const own = EDITIONS.map(([file, edition]) => [edition, ...sharesOf(resultsOf(file), all)])
  const [required = '', optimal = ''] = own[0]!.slice(1)
  const others = [
    ['**this cache**', '', '', `**${required}**`, `**${optimal}**`],
    ...all.caches.map((cache) => [
      cache.name,
      cache.version,
      cache.date,
      `${cache.required} of ${all.required}`,
      `${cache.optimal} of ${all.optimal}`,
    ]),
  ]
  return {
    shares: table(['edition', 'required', 'optimal'], own),
    others: table(['cache', 'version', 'results of', 'required', 'optimal'], others),
    missed: table(['test', 'kind', 'edition', 'why'], missed(all)),
  }
}

function missed({ optimalTests }: Published): string[][] {
  const reasons: Readonly<Record<string, string>> = { ...notPassed, ...notPassedOfCurrent }
  const failed = EDITIONS.map(([file]) => Object.entries(resultsOf(file)).flatMap(([id, result]) => (result === 'pass' ? [] : [id])))
  const [current = [], older = []] = failed
  return [...new Set([...current, ...older])].sort().map((id) => {
    const edition = !older.includes(id) ? 'current' : current.includes(id) ? 'both' : 'older'
    return [`\`${id}\``, optimalTests.includes(id) ? 'optimal' : 'required', edition, reasons[id] ?? 'no reason is given']
  })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
