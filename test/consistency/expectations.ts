// What a test asks of a run: that the library as it is has no violation, and that one which is broken on purpose has.
import { rm } from 'node:fs/promises'
import { expect } from 'vitest'
import { brokenBuild, type Build } from './build.ts'
import type { Mutation } from './mutations.ts'
import { run, type Outcome, type Schedule } from './run.ts'
import { seed, seedOf } from './seed.ts'
import { faultsFound } from './verdict.ts'

// One run is about a second of chance: what shows in none of these is a hole of the checker.
const MOST_RUNS = 4

/** Runs a schedule, and fails where a read was wrong. The records of the processes then stay where they are. */
export async function expectSound(build: Build, name: string, schedule: Schedule): Promise<Outcome> {
  const outcome = await run(build, schedule, seedOf(name))
  const found = faultsFound(outcome)
  if (found.length > 0)
    expect.fail([...found, `To repeat it: SEED=${seed}. What each process recorded is in ${outcome.records}.`].join('\n'))
  await rm(outcome.records, { recursive: true })
  return outcome
}

/** Runs what a mutation breaks until it is found, and fails where it is not. */
export async function expectFound(build: Build, mutation: Mutation): Promise<void> {
  await using broken = await brokenBuild(build, mutation.edits)
  for (let turn = 1; turn <= MOST_RUNS; turn++) {
    const outcome = await run(broken, { ...mutation.schedule, rounds: 1 }, seedOf(`${mutation.name} ${turn}`))
    await rm(outcome.records, { recursive: true })
    if (faultsFound(outcome).length > 0) return
  }
  expect.fail(`The checker did not find out that ${mutation.name}, in ${MOST_RUNS} runs. SEED=${seed}`)
}
