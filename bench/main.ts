// Measures this package beside others: all suites, or those that are named. Writes bench/results.json and docs/benchmarks.md.
// `npm run bench`, `npm run bench -- memory redis`, or `npm run bench -- docs` to write the page anew without measuring.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { writePage } from './page.ts'
import { readResults, stamp, withSuite, writeResults, type SuiteResult } from './results.ts'
import { suites } from './suites.ts'

const asked = process.argv.slice(2)
const known = Object.keys(suites)
for (const name of asked) {
  if (name !== 'docs' && !known.includes(name)) throw new Error(`There is no suite "${name}". There are ${known.join(', ')}, and docs.`)
}

for (const name of asked.length > 0 ? asked.filter((name) => name !== 'docs') : known) {
  const began = performance.now()
  const measured = await runSuite(name)
  writeResults(withSuite(readResults(), name, { ...measured, ...stamp() }))
  console.log(summaryOf(measured), `\n(${Math.round((performance.now() - began) / 1000)} s)\n`)
}
writePage(readResults())

async function runSuite(name: string): Promise<Omit<SuiteResult, 'date' | 'commit'>> {
  const child = fork(join(import.meta.dirname, 'one.ts'), [name], { execArgv: ['--expose-gc', '--import', 'tsx'] })
  const exited = once(child, 'exit')
  const told = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  await exited
  if (told === undefined) throw new Error(`The suite "${name}" ended without results.`)
  return told[0] as Omit<SuiteResult, 'date' | 'commit'>
}

function summaryOf({ title, tables, targets }: Omit<SuiteResult, 'date' | 'commit'>): string {
  const lines = tables.flatMap((table) => [table.title, ...table.rows.map((row) => `  ${row.map((cell) => cell ?? '-').join(' | ')}`)])
  const reached = targets.map(({ work, bound, aim, unit, reached }) => `${work}: ${bound} ${aim} ${unit}, reached ${reached}`)
  return [title, ...lines, ...reached].join('\n')
}
