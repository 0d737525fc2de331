// Long histories in both modes: under each fault by itself, and under all of them.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { newBuild, type Build } from '../build.ts'
import { expectSound } from '../expectations.ts'
import { faults, type FaultName } from '../faults.ts'
import type { Profile } from '../orders.ts'
import type { Outcome, Schedule } from '../run.ts'
import { seed } from '../seed.ts'
import { figuresOf } from '../verdict.ts'

let build: Build
beforeAll(async () => {
  build = await newBuild()
})
afterAll(() => build[Symbol.asyncDispose]())

const names = Object.keys(faults) as FaultName[]
/** Loads that take longer than entries are trusted. */
const SLOW: Partial<Profile> = { slow: 0.5, loops: 8 }

describe.each(['eventual', 'strong'] as const)('%s', (consistency) => {
  const outcomes: Outcome[] = []
  const holds = async (
    name: string,
    faults: readonly FaultName[],
    rounds: number,
    profile: Partial<Profile> = {},
    schedule: Partial<Schedule> = {},
  ): Promise<void> => {
    outcomes.push(await expectSound(build, `${consistency} ${name}`, { consistency, faults, rounds, profile, ...schedule }))
  }
  afterAll(() => console.log(`${consistency}, SEED=${seed}\n${figuresOf(outcomes)}`))

  // A failover leaves nobody to take over another time.
  test.each(['sentinel', 'cluster'] as const)('of a %s', async (servers) => {
    await holds(servers, ['process stopped', 'process killed', 'log evicted', 'FLUSHALL', 'Redis full'], 3, {}, { servers })
    for (const name of ['failover that loses the tail', 'failover, nobody left who knew the tail'] as const) {
      await holds(`${servers} ${name}`, [name], 1, { colds: 0.3, clears: 0.15 }, { servers, length: 1 })
    }
  })

  test('nothing goes wrong', () => holds('nothing', [], 3))
  test.each(names)('%s', (name) => holds(name, [name], 2))
  test('all of that', () => holds('all', names, 12))
  test.each(['process parted from Redis', 'connections refused', 'answers late'] as const)('%s, loads are slow', (name) =>
    holds(`${name} slowly`, [name], 2, SLOW),
  )
})
