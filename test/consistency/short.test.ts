// A short history in each mode, and whether the checker finds what is broken. The long ones: `npm run test:consistency`.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokenBuild, newBuild, type Build } from './build.ts'
import { expectFound, expectSound } from './expectations.ts'
import { mutations } from './mutations.ts'
import type { Outcome } from './run.ts'
import { seed } from './seed.ts'
import { figuresOf } from './verdict.ts'

let build: Build
const outcomes: Outcome[] = []

beforeAll(async () => {
  build = await newBuild()
})
afterAll(async () => {
  console.log(`SEED=${seed}\n${figuresOf(outcomes)}`)
  await build[Symbol.asyncDispose]()
})

test.each(['eventual', 'strong'] as const)('%s: no read returns what an earlier clear made stale', async (consistency) => {
  const outcome = await expectSound(build, consistency, {
    consistency,
    faults: ['process parted from Redis', 'process killed', 'log evicted'],
    rounds: 1,
    length: 1000,
  })
  outcomes.push(outcome)
  expect(outcome.history.reads.length).toBeGreaterThan(500)
})

const few = ['what other processes cleared is not taken over', 'strong does not ask', 'what could not be confirmed is not kept for later']

test('all that the long tests break is still there to be broken', async () => {
  for (const { edits } of mutations) await (await brokenBuild(build, edits))[Symbol.asyncDispose]()
})

test.each(mutations.filter(({ name }) => few.includes(name)))('the checker finds out when $name', ({ schedule, ...mutation }) =>
  expectFound(build, { ...mutation, schedule: { ...schedule, length: 700 } }),
)
