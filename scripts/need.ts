// Before the tests: makes sure that the programs named on the command line are there, or says how to get them.
import { need, type ProgramName } from './program.ts'

try {
  for (const name of process.argv.slice(2)) need(name as ProgramName)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
