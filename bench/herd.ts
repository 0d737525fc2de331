// Knows what 10,000 callers of one cold key cost: how often it is loaded, and how long they wait beyond the load.
import { deepStrictEqual } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis } from '../test/support/redis.ts'
import { createCache } from '../dist/src/index.js'
import { clientOf, ownOfParts } from './own.ts'
import { peers } from './peers.ts'
import { median } from './rounds.ts'
import { valueOf, type Source, type Value } from './source.ts'
import { atMost, OWN, rounded, type Row, type Suite } from './suite.ts'

const CALLERS = 10_000
const ROUNDS = 9
const LOAD = 50

const REDIS = `${OWN}, tiered, over Redis`

export const suite: Suite = {
  name: 'herd',
  title: `${CALLERS} callers of one cold key`,
  async run() {
    const { port } = await startRedis()
    const openers: Record<string, Open> = {
      'one promise in a Map': bare,
      [OWN]: ({ load }) => ownOfParts(load),
      [REDIS]: ({ load }) => ownOfParts(load, { cache: createCache({ redis: clientOf(port) }), store: 'tiered' }),
      ...peers,
    }
    const herds = Object.entries(openers).map(([name, open]) => herdOf(name, open))
    for (const herd of herds) await herd.ask('warm')
    for (let round = 0; round < ROUNDS; round++) {
      for (let turn = 0; turn < herds.length; turn++) {
        const herd = herds[(turn + round) % herds.length]!
        herd.rounds.push(await herd.ask(`key-${round}`))
      }
    }
    return {
      tables: [{ title: `A load of ${LOAD} ms`, columns: ['loads', 'ms beyond the load'], rows: herds.map(rowOf) }],
      targets: [OWN, REDIS].flatMap((name) => {
        const [, loads, beyond] = rowOf(herds.find((herd) => herd.name === name)!)
        const callers = `10,000 callers of one cold key${name === OWN ? '' : ', over Redis'}`
        return [atMost(callers, 1, loads as number, 'load'), atMost(`${callers}, beyond the load`, 30, beyond as number, 'ms')]
      }),
    }
  },
}

type Open = (source: Source) => (id: string) => Promise<unknown>

interface Asked {
  readonly loads: number
  /** Milliseconds from the first call to the last answer, beyond what one load took. */
  readonly beyond: number
}

interface Herd {
  readonly name: string
  readonly rounds: Asked[]
  ask(id: string): Promise<Asked>
}

/** All ask before any is answered. Each is to be given what was loaded. */
function herdOf(name: string, open: Open): Herd {
  let loads = 0
  let loadTook = 0
  const load = async (id: string): Promise<Value> => {
    loads++
    const began = performance.now()
    await delay(LOAD)
    loadTook = performance.now() - began
    return valueOf(id)
  }
  const call = open({ loads: 0, load, loadSync: valueOf })
  return {
    name,
    rounds: [],
    async ask(id) {
      loads = 0
      const began = performance.now()
      const answers = await Promise.all(Array.from({ length: CALLERS }, () => call(id)))
      const beyond = performance.now() - began - loadTook
      for (const answer of [answers[0], answers[CALLERS >> 1], answers.at(-1)]) deepStrictEqual(answer, valueOf(id), name)
      return { loads, beyond }
    },
  }
}

function bare({ load }: Source): (id: string) => Promise<unknown> {
  const promises = new Map<string, Promise<unknown>>()
  return async (id) => {
    const running = promises.get(id) ?? load(id)
    promises.set(id, running)
    return await running
  }
}

function rowOf({ name, rounds }: Herd): Row {
  return [name, median(rounds.map(({ loads }) => loads)), rounded(median(rounds.map(({ beyond }) => beyond)))]
}
