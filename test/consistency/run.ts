// One run: some processes, some rounds of reads, writes and clears with faults in between, and what the checker says of it.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Build } from './build.ts'
import { check, type Violation } from './checker.ts'
import { now } from './clock.ts'
import { newCrew, type Crew } from './crew.ts'
import { faults, heal, type FaultName, type Field } from './faults.ts'
import type { History } from './history.ts'
import { lagsOf } from './lag.ts'
import { KINDS, type Profile, type WorkerOptions } from './orders.ts'
import { newRandom } from './random.ts'
import { startServers, type Servers, type ServersKind } from './servers.ts'
import { startTruth } from './truth.ts'

export interface Schedule {
  readonly consistency: WorkerOptions['consistency']
  /** @default 'one' */
  readonly servers?: ServersKind
  /** What goes wrong, in any order and as often as time allows. */
  readonly faults: readonly FaultName[]
  readonly rounds: number
  /** Milliseconds of a round in which things go wrong. */
  readonly length?: number
  /** How many of the processes clear. @default all */
  readonly writers?: number
  /** How many times longer than usual each fault lasts. @default 1 */
  readonly longer?: number
  readonly profile?: Partial<Profile>
}

export interface Outcome {
  readonly seed: string
  /** The folder with what each process has recorded. */
  readonly records: string
  readonly schedule: Schedule
  readonly history: History
  readonly violations: readonly Violation[]
  /** How often each fault was injected. */
  readonly injected: ReadonlyMap<FaultName, number>
  /** The part of the calls of each function and route that was answered from what was kept. */
  readonly hits: ReadonlyMap<string, number>
  readonly lags: readonly number[]
}

const MAX_STALENESS = 300
const COMMAND_TIMEOUT = 500
const WORKERS = 3
const COLD_KEYS = 48
const PROFILE: Profile = {
  loops: 4,
  pause: 6,
  load: 4,
  slow: 0.01,
  clears: 0.08,
  colds: 0.04,
  seldom: 0.1,
  expires: 0.05,
  posts: 0.15,
  kinds: KINDS,
}

/** Runs a schedule with the library as it is in a build. */
export async function run(build: Build, schedule: Schedule, seed: string): Promise<Outcome> {
  const records = await mkdtemp(join(tmpdir(), 'cache-alchemy-history-'))
  await using truth = await startTruth()
  await using servers = await startServers(schedule.servers ?? 'one')
  const options = {
    seed,
    truth: truth.port,
    consistency: schedule.consistency,
    maxStaleness: MAX_STALENESS,
    commandTimeout: COMMAND_TIMEOUT,
  }
  await using crew = await newCrew({
    ...options,
    build: build.folder,
    records,
    size: WORKERS,
    target: servers.target,
    redisPort: servers.port,
  })
  const injected = await play(schedule, crew, servers, seed)
  const history = await crew.history()
  return {
    seed,
    records,
    schedule,
    history,
    injected,
    violations: check(history, schedule.consistency === 'strong' ? 0 : MAX_STALENESS),
    hits: hitsOf(crew),
    lags: lagsOf(history, 10 * MAX_STALENESS),
  }
}

async function play(schedule: Schedule, crew: Crew, servers: Servers, seed: string): Promise<ReadonlyMap<FaultName, number>> {
  const injected = new Map<FaultName, number>()
  const random = newRandom(seed)
  const profile = { ...PROFILE, ...schedule.profile }
  const { writers = WORKERS } = schedule
  for (let round = 1; round <= schedule.rounds; round++) {
    const cold = Array.from({ length: COLD_KEYS }, (_, index) => `cold-${round}-${index}`)
    const field: Field = {
      crew,
      servers,
      random,
      maxStaleness: MAX_STALENESS,
      longer: schedule.longer ?? 1,
      cold,
      join: (worker) => worker.tell({ do: 'act', cold, mine: [], profile }),
    }
    await crew.tell({ do: 'read', keys: cold })
    await Promise.all(
      crew.workers.map((worker, place) => {
        const mine = cold.filter((_, index) => index % WORKERS === place)
        return worker.tell({ do: 'act', cold, mine, profile: place < writers ? profile : { ...profile, clears: 0, colds: 0 } })
      }),
    )
    await goWrong(schedule, field, injected)
    await heal(field)
    await crew.tell({ do: 'rest' })
    await crew.tell({ do: 'settle' })
    // Until then, in `eventual`, what was just delivered need not count yet.
    await sleep(schedule.consistency === 'strong' ? 0 : MAX_STALENESS)
    await crew.tell({ do: 'read', keys: cold })
  }
  return injected
}

async function goWrong({ faults: names, length = 1200 }: Schedule, field: Field, injected: Map<FaultName, number>): Promise<void> {
  const end = now() + length
  while (now() < end) {
    await sleep(field.random() * 100)
    if (names.length === 0) continue
    const name = field.random.from(names)
    injected.set(name, (injected.get(name) ?? 0) + 1)
    await faults[name](field)
  }
}

function hitsOf(crew: Crew): ReadonlyMap<string, number> {
  const sums = new Map<string, { hits: number; calls: number }>()
  for (const [name, { hits, misses }] of crew.counts().flatMap((counts) => Object.entries(counts))) {
    const sum = sums.get(name) ?? { hits: 0, calls: 0 }
    sums.set(name, { hits: sum.hits + hits, calls: sum.calls + hits + misses })
  }
  return new Map(Array.from(sums, ([name, { hits, calls }]) => [name, calls === 0 ? 1 : hits / calls]))
}
