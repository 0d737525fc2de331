// The law of the shared log: whatever is asked, cleared, lost and cut at random, no process takes for fresh what was cleared before it asked.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { Ref } from '../../src/ref.ts'
import { callOf, newProcess, newServer, patternOf, type TestProcess, type TestServer } from './process.ts'
import { newProxy, type Proxy } from './proxy.ts'

const KEYS = 12
const ACTORS = 10
const PROCESSES = 4
const LASTS = 1500
// One in which nothing is ever found shows nothing: on a busy machine it goes on until enough was.
const MUST_SEE = ['clear', 'in memory', 'in the store']
const OFTEN = 50
const LASTS_AT_MOST = 15_000
const LOG = '{law:log}'

/** A result, and which version of each key it was computed from. */
interface Kept {
  readonly refs: readonly Ref[]
  readonly versions: readonly number[]
}

interface Node {
  readonly process: TestProcess
  readonly proxy: Proxy
  readonly memory: Map<string, Kept & { checked: number }>
  /** The newest version of each key that this process has cleared for. */
  readonly own: number[]
}

interface Random {
  /** Whether it is so, in this part of all cases. */
  is(part: number): boolean
  below(end: number): number
}

function newRandom(seed: number): Random {
  let state = seed
  const next = (): number => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32
  for (let spent = 0; spent < 10; spent++) next()
  return { is: (part) => next() < part, below: (end) => Math.floor(next() * end) }
}

const nameOf = (key: number): string => ['a', 'b', 'c', 'd'][key % 4]!

/** One history: processes that load, read and clear, over a store that they share. */
class History {
  readonly problems: string[] = []
  readonly counts: Record<string, number> = {}
  readonly #server: TestServer
  readonly #random: Random
  readonly #limit: number
  readonly #mayLose: boolean
  readonly #truth = Array.from({ length: KEYS }, () => 0)
  readonly #acknowledged = Array.from({ length: KEYS }, () => 0)
  readonly #store = new Map<string, Kept & { readonly generation: string; readonly epoch: number }>()
  readonly #generations = new Set<string>()
  #nodes: Node[] = []

  constructor(server: TestServer, seed: number, limit: number, mayLose: boolean) {
    this.#server = server
    this.#random = newRandom(seed)
    this.#limit = limit
    this.#mayLose = mayLose
  }

  async run(): Promise<void> {
    for (let node = 0; node < PROCESSES; node++) this.#nodes.push(await this.#newNode())
    const start = performance.now()
    const isOn = (): boolean => performance.now() - start < (this.#hasSeenEnough ? LASTS : LASTS_AT_MOST) && this.problems.length === 0
    const actors = Array.from({ length: ACTORS }, async () => {
      while (isOn()) await this.#act()
    })
    const trouble = async (): Promise<void> => {
      while (isOn()) await this.#trouble()
    }
    await Promise.all([...actors, trouble()])
  }

  /** Bounds so small that all that happens seldom happens all the time. */
  async #newNode(): Promise<Node> {
    const proxy = await newProxy(this.#server.port)
    const retention = () => (this.#mayLose ? 50 + this.#random.below(100) : 60_000)
    const bounds = { limit: this.#limit, page: 1, records: 4 + this.#random.below(20), retention, leastRetention: 0 }
    const process = newProcess({ redis: proxy.url, prefix: 'law', commandTimeout: 300, ...bounds })
    return { process, proxy, memory: new Map(), own: Array.from({ length: KEYS }, () => 0) }
  }

  async #act(): Promise<void> {
    const random = this.#random
    const node = this.#anyNode()
    const key = random.below(KEYS)
    if (random.is(0.12)) await this.#clear(node, random.is(0.2) ? [key, random.below(KEYS)] : [key])
    else await this.#read(node, random.is(0.5) ? [key] : [key, (key * 5 + 1) % KEYS])
    if (random.is(0.2)) await sleep(random.below(10))
  }

  async #clear({ process, own }: Node, keys: readonly number[]): Promise<void> {
    const written = keys.map((key) => [key, (own[key] = ++this.#truth[key]!)] as const)
    this.#count('clear')
    const refs = keys.map((key) => (this.#random.is(0.15) ? patternOf(nameOf(key)) : patternOf(nameOf(key), `${key}`)))
    const isAcknowledged = await process.clear(...refs).then(
      () => true,
      () => false,
    )
    if (!isAcknowledged) return this.#count('unacknowledged')
    for (const [key, version] of written) this.#acknowledged[key] = Math.max(this.#acknowledged[key]!, version)
  }

  /** Takes what is here, or in the store, where the log vouches for it; else loads. */
  async #read(node: Node, keys: readonly number[]): Promise<void> {
    const { process, memory } = node
    const { log, shared } = process
    const acknowledged = keys.map((key) => this.#acknowledged[key]!)
    const own = keys.map((key) => node.own[key]!)
    const isAnswered = await shared.ask()
    if (shared.generation !== undefined) this.#generations.add(shared.generation)
    const least = keys.map((_, at) => Math.max(own[at]!, isAnswered ? acknowledged[at]! : 0))
    const id = keys.join()
    const here = memory.get(id)
    if (here !== undefined && !log.clearedSince(here.refs, here.checked)) {
      here.checked = log.position
      this.#check('in memory', keys, here, least)
      if (this.#random.is(0.7)) return
    }
    const there = this.#store.get(id)
    const isKnown = there !== undefined && (there.epoch >= shared.windowStart || (await shared.reach(there.epoch)))
    if (!isKnown || there.generation !== shared.generation || log.clearedSinceEpoch(there.refs, there.epoch)) return this.#load(node, keys)
    this.#check('in the store', keys, there, least)
    memory.set(id, { refs: there.refs, versions: there.versions, checked: log.position })
  }

  async #load({ process, memory }: Node, keys: readonly number[]): Promise<void> {
    const { log, shared } = process
    const { generation, epoch } = shared
    const { position } = log
    const versions: number[] = []
    for (const key of keys) {
      versions.push(this.#truth[key]!)
      if (this.#random.is(0.3)) await sleep(this.#random.below(6))
    }
    const refs = keys.map((key) => callOf(nameOf(key), `${key}`))
    if (log.clearedSince(refs, position)) return
    const id = keys.join()
    memory.set(id, { refs, versions, checked: position })
    if (generation === undefined || generation !== shared.generation) return
    if (this.#random.is(0.3)) await sleep(this.#random.below(20))
    this.#store.set(id, { refs, versions, generation, epoch })
  }

  #check(where: string, keys: readonly number[], { versions }: Kept, least: readonly number[]): void {
    this.#count(where)
    for (const [at, key] of keys.entries()) {
      if (versions[at]! < least[at]!) this.problems.push(`${where}: version ${versions[at]} of ${key} after ${least[at]} was cleared`)
    }
  }

  async #trouble(): Promise<void> {
    const random = this.#random
    await sleep(random.below(60))
    const { proxy } = this.#anyNode()
    const kinds: Array<[part: number, cause: () => unknown]> = [
      [0.25, () => proxy.wires().forEach((wire) => random.is(0.6) && wire.cut())],
      [0.2, () => this.#hold(proxy.wires(), random.below(250))],
      [0.1, () => this.#hold(proxy.wires().slice(0, 1), random.below(400))],
      [0.08, () => this.#refuse(proxy, random.below(300))],
      [0.06, () => this.#mayLose && this.#server.plain.del(LOG)],
      [0.08, () => this.#mayLose && this.#loseTail()],
      [0.04, () => this.#server.plain.script('FLUSH')],
      [0.08, () => this.#replaceNode()],
    ]
    let chance = random.below(100) / 100
    for (const [part, cause] of kinds) {
      chance -= part
      if (chance < 0) return void (await cause())
    }
  }

  async #hold(wires: ReturnType<Proxy['wires']>, ms: number): Promise<void> {
    for (const wire of wires) wire.hold()
    await sleep(ms)
    for (const wire of wires) wire.release()
  }

  async #refuse(proxy: Proxy, ms: number): Promise<void> {
    proxy.refuse()
    await sleep(ms)
    proxy.restore()
  }

  /** As after a failover to a replica that lacked it. */
  async #loseTail(): Promise<void> {
    const { plain } = this.#server
    const copy = await plain.dumpBuffer(LOG)
    await sleep(this.#random.below(30))
    const failingOver = plain.multi().del(LOG)
    if (copy !== null) failingOver.restore(LOG, 60_000, copy)
    await failingOver.call('DEBUG', 'CHANGE-REPL-ID').exec()
    this.#count('lost')
  }

  async #replaceNode(): Promise<void> {
    const at = this.#random.below(PROCESSES)
    const gone = this.#nodes[at]!
    this.#nodes[at] = await this.#newNode()
    gone.proxy.refuse()
    await gone.process.close()
  }

  /** How many generations of the log there were. */
  get generations(): number {
    return this.#generations.size
  }

  get #hasSeenEnough(): boolean {
    return MUST_SEE.every((what) => (this.counts[what] ?? 0) > OFTEN)
  }

  #anyNode(): Node {
    return this.#nodes[this.#random.below(this.#nodes.length)]!
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}

async function historyOf(seed: number, limit: number, mayLose: boolean): Promise<History> {
  const server = await newServer(['--enable-debug-command', 'local'])
  onTestFinished(() => server.stop())
  const history = new History(server, seed, limit, mayLose)
  await history.run()
  expect(history.problems).toEqual([])
  for (const what of MUST_SEE) expect(history.counts[what]).toBeGreaterThan(OFTEN)
  return history
}

// With few records the older ones are collapsed, with many they are dropped by their age.
test.each([
  [1, 3],
  [2, 100],
  [3, 100],
])('history %d, of %d records, in which the log is lost at times', async (seed, limit) => {
  await historyOf(seed, limit, true)
})

test.each([4, 5])('history %d, in which it never is, and so never begins anew', async (seed) => {
  expect((await historyOf(seed, 3, false)).generations).toBe(1)
})
