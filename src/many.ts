// Knows how several calls are answered at once: each by its own entry, and those that miss by one load.

import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import type { Asked } from './definition.ts'
import { show } from './duration.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import { ConfigError } from './errors.ts'
import { Flight } from './flight.ts'
import type { Calls } from './calls.ts'
import { Frame } from './tracking.ts'

type Args = unknown[]

/** Loads several calls: their results, in their order. */
export type LoadMany = (calls: Args[]) => unknown

/** One call of a batch: it needs a load, or it does not for now. */
export interface Place {
  /** The call's own result out of the load of the batch, which adds what it has read to `frame`. */
  load(args: Args, frame: Frame): Promise<unknown>
  /** Says that the call is answered, or waits for another's load. */
  pass(): void
}

export interface BatchOptions {
  readonly engine: Engine
  readonly calls: Calls<unknown>
  readonly loadMany: LoadMany
  /** How many calls there are. */
  readonly count: number
}

/** The entries of calls, in their order. Equal ones are answered once. */
export function answerAll(
  asked: readonly Asked[],
  answer: (asked: Asked, place: Place | undefined) => Promise<Entry<unknown>>,
  newBatch: ((count: number) => Batch) | undefined,
): Promise<Entry<unknown>[]> {
  // Who may leave waits by itself.
  const idOf = (it: Asked): unknown => (it.caller === undefined ? it.call.key : it)
  const distinct = new Map(asked.map((it) => [idOf(it), it]))
  const batch = newBatch?.(distinct.size)
  const answers = new Map<unknown, Promise<Entry<unknown>>>()
  for (const [id, it] of distinct) {
    const place = batch?.place()
    const answering = answer(it, place)
    answers.set(id, place === undefined ? answering : answering.finally(place.pass))
  }
  return Promise.all(asked.map((it) => answers.get(idOf(it))!))
}

/** The calls of one `many`. Its load begins when each of them has said whether it needs it; what needs it later is loaded later. */
export class Batch {
  readonly #options: BatchOptions
  // Which call happens to be the last to know does not show in the context of the load.
  readonly #context: AsyncResource = new AsyncResource('cache-alchemy')
  readonly #reader: Frame | undefined
  #undecided: number
  #gathering: Gathering | undefined

  constructor(options: BatchOptions) {
    this.#options = options
    this.#reader = options.engine.tracker.current()
    this.#undecided = options.count
  }

  /** The place of the next of its calls. */
  place(): Place {
    let isDecided = false
    const decide = (): void => {
      if (!isDecided) this.#undecided--
      isDecided = true
      if (this.#undecided === 0) this.#begin()
    }
    return {
      load: (args, frame) => {
        const loaded = (this.#gathering ??= this.#gather()).add(args, frame)
        decide()
        return loaded
      },
      pass: decide,
    }
  }

  #gather(): Gathering {
    const { engine, calls, loadMany } = this.#options
    const load = async (members: Args[]): Promise<readonly unknown[]> => {
      // Its list is the user's from here on, who may take out of it what is done.
      const { length } = members
      return listOf(await loadMany(members), length, calls.name)
    }
    return new Gathering(new Frame(engine.clock(), this.#reader), (frame, members) =>
      this.#context.runInAsyncScope(() => calls.loadTogether(frame, () => load(members))),
    )
  }

  #begin(): void {
    this.#gathering?.begin()
    this.#gathering = undefined
  }
}

/** The calls that one load is for. */
class Gathering {
  begin!: () => void
  readonly #members: Args[] = []
  readonly #flight: Flight<readonly unknown[]>

  constructor(frame: Frame, load: (frame: Frame, members: Args[]) => Promise<readonly unknown[]>) {
    const begun = new Promise<void>((resolve) => (this.begin = resolve))
    this.#flight = new Flight(frame)
    // It is waited for by its members, each as a load of its own: so one that calls one of them is seen to wait for itself.
    void begun
      .then(() => load(this.#flight.frame, this.#members))
      .then(
        (results) => this.#flight.land(results),
        (error: unknown) => this.#flight.fail(error),
      )
  }

  async add(args: Args, frame: Frame): Promise<unknown> {
    const index = this.#members.push(args) - 1
    try {
      const flight = this.#flight
      const result = (await flight.awaitedBy(frame.innermostFlight, flight.result))[index]
      if (result instanceof Error || types.isNativeError(result)) throw result
      return result
    } finally {
      const { refs, trustFrom, stale, isTentative } = this.#flight.frame
      frame.add(refs, trustFrom, stale)
      if (isTentative) frame.isTentative = true
    }
  }
}

function listOf(results: unknown, count: number, name: string): readonly unknown[] {
  if (Array.isArray(results) && results.length === count) return results as readonly unknown[]
  const got = Array.isArray(results) ? `one of ${results.length}` : show(results)
  throw new ConfigError(`Expected \`loadMany\` of "${name}" to give a list of ${count} results, in the order of its calls, got ${got}.`)
}

/** What `many` is given: a list of argument lists. Throws a `ConfigError`. */
export function checkCalls(calls: unknown, name: string): Args[] {
  // Lists of the caller's own may be changed while they wait, or give another element each time they are asked.
  if (Array.isArray(calls) && calls.every(Array.isArray)) return calls.map((args) => Array.from<unknown>(args))
  const wrong: unknown = Array.isArray(calls) ? calls.find((args) => !Array.isArray(args)) : calls
  throw new ConfigError(
    `Expected many of "${name}" to be given a list of argument lists, such as [["1"], ["2"]], got ${show(wrong)}${Array.isArray(calls) ? ' in it' : ''}.`,
  )
}
