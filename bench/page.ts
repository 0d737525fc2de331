// Knows which parts of docs/benchmarks.md are figures, and writes them from the results. The rest of the page is written by hand.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Results, SuiteResult } from './results.ts'
import { OWN, type Table, type Target } from './suite.ts'

const PAGE = join(import.meta.dirname, '..', 'docs', 'benchmarks.md')

export function writePage(results: Results): void {
  writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), results))
  execFileSync('npx', ['oxfmt', PAGE])
}

/** The page with these figures in it, not aligned yet. A suite without a place in it is an error, and so is a place without figures. */
export function pageWith(page: string, results: Results): string {
  const blocks = blocksOf(results)
  const placed = new Set<string>()
  const written = page.replaceAll(/(<!-- (\S+) -->\n)[^]*?(<!-- end -->)/g, (_all, begin: string, name: string, end: string) => {
    placed.add(name)
    return `${begin}\n${blocks.get(name) ?? 'Not measured on this machine.'}\n\n${end}`
  })
  const lost = [...blocks.keys()].filter((name) => !placed.has(name))
  if (lost.length > 0) throw new Error(`docs/benchmarks.md has no <!-- ${lost.join(' -->, <!-- ')} --> … <!-- end -->.`)
  return written
}

function blocksOf(results: Results): Map<string, string> {
  const suites = Object.entries(results.suites)
  return new Map([
    ['machine', machineOf(results)],
    ['versions', versionsOf(results)],
    ['targets', targetsOf(suites.flatMap(([, { targets }]) => targets))],
    ...suites.map(([name, suite]): [string, string] => [name, suiteOf(suite)]),
  ])
}

function machineOf({ machine }: Results): string {
  const { cpu, cores, memory, system, node, redis } = machine
  return `${cpu}, ${cores} cores, ${memory}, ${system}; Node ${node}, Redis ${redis}.`
}

function versionsOf({ versions }: Results): string {
  return `${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.`
}

function targetsOf(targets: readonly Target[]): string {
  const rows = targets.map((target) => {
    const { work, bound, aim, unit, reached } = target
    return [work, `${bound} ${aim} ${unit}`, `${shown(reached)} ${unit}`, isReached(target) ? 'yes' : '**no**']
  })
  return markdown(['work', 'target', 'measured', 'reached'], rows)
}

function isReached({ bound, aim, reached }: Target): boolean {
  return bound === 'at most' ? reached <= aim : reached >= aim
}

function suiteOf({ date, commit, tables }: SuiteResult): string {
  return [`Measured on ${date}, commit ${commit}.`, ...tables.map(tableOf)].join('\n\n')
}

function tableOf({ title, columns, rows }: Table): string {
  const cells = rows.map(([name, ...rest]) => [name.startsWith(OWN) ? `**${name}**` : name, ...rest.map(shown)])
  return `**${title}**\n\n${markdown(['', ...columns], cells)}`
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** A figure with as many digits as it is good for. */
function shown(cell: number | string | null): string {
  if (cell === null) return ''
  if (typeof cell === 'string') return cell
  const decimals = Number.isInteger(cell) || cell >= 100 ? 0 : cell >= 10 ? 1 : 2
  return cell.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}
