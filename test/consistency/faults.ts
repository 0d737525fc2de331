// What goes wrong in a run: each fault is done, and undone again.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Crew, Worker } from './crew.ts'
import type { Random } from './random.ts'
import type { Servers } from './servers.ts'

/** Where faults happen. */
export interface Field {
  readonly crew: Crew
  readonly servers: Servers
  readonly random: Random
  readonly maxStaleness: number
  /** How many times longer than usual a fault lasts. */
  readonly longer: number
  /** The keys that are cleared at most once in this round. */
  readonly cold: readonly string[]
  /** Lets a process that was just started do as the others do. */
  join(worker: Worker): Promise<void>
}

function one({ crew, random }: Field): Worker {
  return random.from(crew.workers)
}

/** Some time up to four times `maxStaleness`, where faults do not last longer. */
function aWhile({ random, maxStaleness, longer }: Field, least = 0.2): Promise<void> {
  return sleep(longer * maxStaleness * (least + (4 - least) * random()))
}

function onNetwork(begin: (network: Worker['network'], field: Field) => void, least?: number): Fault {
  return async (field) => {
    const { network } = one(field)
    begin(network, field)
    await aWhile(field, least)
    network.heal()
  }
}

export type Fault = (field: Field) => Promise<void>
export type FaultName =
  | 'connections cut'
  | 'connections refused'
  | 'connections of all but one refused'
  | 'connections half-open'
  | 'process parted from Redis'
  | 'messages lost'
  | 'answers late'
  | 'process stopped'
  | 'process killed'
  | 'FLUSHALL'
  | 'log evicted'
  | 'Redis restarted empty'
  | 'Redis stopped'
  | 'Redis full'
  | 'failover that loses the tail'
  | 'failover, nobody left who knew the tail'
  | 'log evicted, nobody left who knew it'
  | 'Redis restarted empty, nobody left who knew it'

export const faults: Readonly<Record<FaultName, Fault>> = {
  'connections cut': async (field) => {
    one(field).network.cut()
    await sleep(30 * field.random())
  },
  'connections refused': onNetwork((network) => network.refuse(), 1.5),
  'connections of all but one refused': async (field) => {
    const others = field.crew.workers.slice(1)
    for (const { network } of others) network.refuse()
    await aWhile(field, 1.5)
    for (const { network } of others) network.heal()
  },
  'connections half-open': onNetwork((network) => network.silence()),
  'process parted from Redis': onNetwork((network) => network.part(), 1.5),
  'messages lost': onNetwork((network) => network.deafen(), 1.5),
  'answers late': onNetwork((network, { maxStaleness }) => network.slow(1.4 * maxStaleness)),
  'process stopped': async (field) => {
    const worker = one(field)
    worker.stop()
    await aWhile(field)
    worker.resume()
  },
  'process killed': async (field) => {
    const worker = one(field)
    await worker.kill()
    await worker.start()
    await field.join(worker)
    await sleep(field.maxStaleness * field.random())
  },
  FLUSHALL: async (field) => {
    await field.servers.flush()
    await aWhile(field)
  },
  'log evicted': async (field) => {
    await field.servers.evict()
    await aWhile(field)
  },
  'Redis restarted empty': async (field) => {
    await field.servers.restart()
    await aWhile(field)
  },
  'Redis stopped': async (field) => {
    await field.servers.pause()
    await aWhile(field)
    field.servers.resume()
  },
  'Redis full': async (field) => {
    await field.servers.fill(true)
    await aWhile(field)
    await field.servers.fill(false)
  },
  'failover that loses the tail': async (field) => {
    await field.servers.replicate()
    await field.servers.loseTouch()
    await aWhile(field)
    await failOver(field)
    await aWhile(field)
  },
  'failover, nobody left who knew the tail': async (field) => {
    await field.servers.replicate()
    await orphaned(
      field,
      () => failOver(field),
      () => field.servers.loseTouch(),
    )
  },
  'log evicted, nobody left who knew it': (field) => orphaned(field, () => field.servers.evict()),
  'Redis restarted empty, nobody left who knew it': (field) => orphaned(field, () => field.servers.restart()),
}

async function failOver({ servers, crew }: Field): Promise<void> {
  await servers.failOver()
  for (const { network } of crew.workers) {
    network.leadTo(servers.port)
    network.cut()
  }
}

/** One process clears while all others are stopped, and is gone before Redis loses what only it knew. Then a new one reads. */
async function orphaned(field: Field, lose: () => Promise<unknown>, begin: () => Promise<void> = async () => undefined): Promise<void> {
  const { crew, maxStaleness, cold } = field
  const writer = one(field)
  const others = crew.workers.filter((worker) => worker !== writer)
  for (const worker of others) {
    worker.stop()
    // What it was told meanwhile it finds no more.
    worker.network.refuse()
  }
  await begin()
  await sleep(maxStaleness)
  await writer.kill()
  await lose()
  await writer.start()
  await sleep(maxStaleness)
  await writer.tell({ do: 'read', keys: cold })
  for (const worker of others) {
    worker.network.heal()
    worker.resume()
  }
  await field.join(writer)
}

/** Undoes what a fault that was broken off may have left. */
export async function heal({ crew, servers }: Pick<Field, 'crew' | 'servers'>): Promise<void> {
  servers.resume()
  for (const worker of crew.workers) {
    worker.resume()
    worker.network.heal()
  }
  await servers.fill(false)
}
