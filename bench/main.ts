// Measures this package beside others: all suites, or those that are named. Writes bench/results.json and docs/benchmarks.md.
// `npm run bench`, `npm run bench -- memory redis`, or `npm run bench -- docs` to write the page anew without measuring.
import { start } from './child.ts'
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
  await using child = start(new URL('one.ts', import.meta.url), [name], ['--expose-gc'])
  return await child.ask<Omit<SuiteResult, 'date' | 'commit'>>('run')
}

function summaryOf({ title, tables, targets }: Omit<SuiteResult, 'date' | 'commit'>): string {
  const lines = tables.flatMap((table) => [table.title, ...table.rows.map((row) => `  ${row.map((cell) => cell ?? '-').join(' | ')}`)])
  const reached = targets.map(({ work, bound, aim, unit, reached }) => `${work}: ${bound} ${aim} ${unit}, reached ${reached}`)
  return [title, ...lines, ...reached].join('\n')
}
