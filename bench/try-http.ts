// Measures some of the HTTP comparisons, shorter than `npm run bench` does, and writes nothing down: for who tunes them.
// `tsx bench/try-http.ts <part of a comparison's name> [rounds] [seconds a round] [starts] [parts of the servers' names, with commas]`
import { comparisons, measured } from './http.ts'

const [wanted = '', rounds = 6, seconds = 0.8, starts = 2, only = ''] = process.argv.slice(2)
for (const comparison of comparisons.filter(({ name }) => name.includes(wanted))) {
  const servers = comparison.servers.filter((name, index) => index === 0 || only.split(',').some((part) => name.includes(part)))
  const { table } = await measured({ ...comparison, servers }, { rounds: Number(rounds), seconds: Number(seconds), starts: Number(starts) })
  console.log(`${table.title}: ${table.columns.join(' | ')}`)
  for (const [name, ...cells] of table.rows)
    console.log(`  ${name.padEnd(44)}${cells.map((cell) => `${cell ?? ''}`.padStart(12)).join('')}`)
}
