// The workers of a run: each has a place with a network of its own, where another process takes over when it was killed.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { historyOf, joined, type History, type Line } from './history.ts'
import { newNetwork, type Network } from './network.ts'
import type { Answer, Counts, Order, Target, WorkerOptions } from './orders.ts'

export interface CrewOptions extends Omit<WorkerOptions, 'name' | 'redis' | 'record' | 'offset'> {
  /** The folder of a build that has the worker in it. */
  readonly build: string
  /** A folder for the records. */
  readonly records: string
  readonly size: number
  /** Where Redis is for all, or the port that each has a network of its own to. */
  readonly target: Target | undefined
  readonly redisPort: number
}

// Long enough for any wait that the cache may impose: past it, it hangs.
const PATIENCE = 30_000
const HOUR = 3_600_000

/** One place of the crew, and the process that has it now. */
export class Worker {
  readonly network: Network
  readonly #options: CrewOptions
  readonly #place: number
  readonly #processes: string[] = []
  readonly #counts: Map<string, Counts> = new Map()
  #child: ChildProcess | undefined
  #said = ''
  #isStopped = false

  constructor(options: CrewOptions, place: number, network: Network) {
    this.#options = options
    this.#place = place
    this.network = network
  }

  get #name(): string {
    return this.#processes.at(-1)!
  }

  async start(): Promise<void> {
    const name = `${this.#place + 1}.${this.#processes.length + 1}`
    this.#processes.push(name)
    const { build, records, seed, truth, consistency, maxStaleness, commandTimeout } = this.#options
    const options: WorkerOptions = {
      name,
      seed: `${seed} ${name}`,
      redis: this.#options.target ?? { url: `redis://127.0.0.1:${this.network.port}` },
      truth,
      consistency,
      maxStaleness,
      commandTimeout,
      record: join(records, name),
      offset: this.#place % 2 === 0 ? HOUR : -HOUR,
    }
    const child = spawn(process.execPath, [join(build, 'test/consistency/worker.js')], {
      env: { ...process.env, WORKER: JSON.stringify(options) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
    await this.#answer('start')
  }

  /** Tells it to do something, and waits until it has. Resolves also when the process is killed meanwhile. */
  async tell(order: Order): Promise<void> {
    const done = this.#answer(order.do)
    this.#child?.send(order)
    await done
  }

  stop(): void {
    this.#isStopped = true
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#isStopped = false
    this.#child?.kill('SIGCONT')
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    this.#isStopped = false
    if (child === undefined || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async history(): Promise<History> {
    return joined(await Promise.all(this.#processes.map(async (name) => historyOf(name, await linesOf(join(this.#options.records, name))))))
  }

  counts(): Counts[] {
    return Array.from(this.#counts.values())
  }

  #answer(did: Answer['did']): Promise<void> {
    const child = this.#child
    const name = this.#name
    return new Promise((resolve, reject) => {
      if (child === undefined) return resolve()
      const end = (act: () => void): void => {
        clearTimeout(timer)
        child.off('message', hear)
        child.off('exit', exited)
        act()
      }
      const hear = (answer: Answer): void => {
        this.#counts.set(name, answer.counts)
        if (answer.did === did) end(resolve)
      }
      const exited = (): void => {
        const isKilled = this.#child !== child
        end(() => (isKilled ? resolve() : reject(new Error(`Process ${name} ended by itself:\n${this.#said}`))))
      }
      const timer = setTimeout(
        () => end(() => reject(new Error(`Process ${name} did not ${did} in ${PATIENCE} ms.\n${this.#said}`))),
        PATIENCE,
      )
      child.on('message', hear).on('exit', exited)
    })
  }
}

export interface Crew extends AsyncDisposable {
  readonly workers: readonly Worker[]
  tell(order: Order): Promise<void>
  history(): Promise<History>
  counts(): readonly Counts[]
}

export async function newCrew(options: CrewOptions): Promise<Crew> {
  const places = Array.from({ length: options.size }, (_, place) => place)
  const workers = await Promise.all(places.map(async (place) => new Worker(options, place, await newNetwork(options.redisPort))))
  const end = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.kill()))
    await Promise.all(workers.map((worker) => worker.network[Symbol.asyncDispose]()))
  }
  try {
    await Promise.all(workers.map((worker) => worker.start()))
  } catch (error) {
    await end()
    throw error
  }
  return {
    workers,
    tell: async (order) => void (await Promise.all(workers.map((worker) => worker.tell(order)))),
    history: async () => joined(await Promise.all(workers.map((worker) => worker.history()))),
    counts: () => workers.flatMap((worker) => worker.counts()),
    [Symbol.asyncDispose]: end,
  }
}

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8')
  // The last line of a process that was killed may be half a line.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}
