// Knows how a stale response is made anew behind it: a request like the one that found it, but without a client, goes through the whole
// application to its route, whose handler answers it for the load that waits.

import type { IncomingMessage } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { Engine, Load, Loaded } from '../../src/door.ts'
import { CacheError } from '../../src/index.ts'
import { headOfCopy, isCopyable } from './copy.ts'
import { givenUp } from './filled.ts'
import { InjectedConnection, serverOf } from './injected.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { Asked } from './route-calls.ts'
import type { StoredResponse } from './stored-response.ts'
import { socketOf } from './unwatched.ts'
import type { Visit } from './visit.ts'

// So long a copy may be on its way to its route: two that wait for each other in outer layers end here.
const ARRIVAL = 5_000
// So long its handler may take: there is no client that would leave, and others may wait for it.
const ANSWER = 30_000
// For so long a key is remembered of which no copy gave anything, so that its requests run the handler themselves.
const IN_VAIN_FOR = 60_000
const MOST_IN_VAIN = 1_000

const onTheirWay = new WeakMap<object, Refresh>()

/** The refresh that a request is for. Known by its connection alone: nothing that a client sends makes a request one. */
export function refreshOf(req: IncomingMessage): Refresh | undefined {
  return onTheirWay.get(socketOf(req))
}

/** The refreshes of one route. */
export class Refreshes {
  readonly #engine: Engine
  readonly #selecting: readonly string[]
  readonly #inVain: LRUCache<string, true>

  constructor(engine: Engine, { headers }: Pick<ResolvedOptions<never>, 'headers'>) {
    this.#engine = engine
    this.#selecting = headers
    this.#inVain = new LRUCache({ max: MOST_IN_VAIN, ttl: IN_VAIN_FOR, ttlResolution: 0, perf: { now: engine.clock } })
  }

  /** What loads anew behind a response that is stale, by a copy of this request; false where a copy would not do what the request does. */
  behind({ req, target }: Visit<unknown>, asked: Asked): (() => Load<StoredResponse>) | false {
    const { call, fields, selection } = asked
    const selecting = selection === undefined ? this.#selecting : [...this.#selecting, ...selection.fields]
    // Whose response it is, a layer makes of what a copy does not have.
    if (asked.partitioned || this.#inVain.has(call.key) || !isCopyable(fields, selecting)) return false
    const server = serverOf(req)
    if (server === undefined) return false
    return () => {
      const head = headOfCopy({ target, version: req.httpVersion, fields }, selecting)
      return this.#loadBy({ connection: new InjectedConnection(server, req), head, key: call.key })
    }
  }

  // A function of its own, so that what waits for the load does not hold the request.
  #loadBy({ connection, head, key }: Copy): Load<StoredResponse> {
    const onVain = (): void => void this.#inVain.set(key, true)
    return (frame, found) =>
      new Promise((resolve, reject) => {
        const refresh = new Refresh({ route: this, key, frame, found, onVain, resolve, reject })
        // Its outer layers are in no load, and in nothing that the request before it was in.
        this.#engine.tracker.runOutside(() => refresh.send(connection, head))
      })
  }
}

interface Copy {
  readonly connection: InjectedConnection
  readonly head: string | undefined
  readonly key: string
}

interface RefreshOptions {
  readonly route: Refreshes
  readonly key: string
  readonly frame: Parameters<Load<StoredResponse>>[0]
  readonly found: Parameters<Load<StoredResponse>>[1]
  /** Told that it gave nothing that others may have, nor would the next one. */
  onVain(): void
  resolve(loaded: Loaded<StoredResponse>): void
  reject(error: unknown): void
}

/** One load that waits for its copy. */
export class Refresh {
  readonly #options: RefreshOptions
  #connection: InjectedConnection | undefined
  #timer: NodeJS.Timeout | undefined
  #hasArrived = false

  constructor(options: RefreshOptions) {
    this.#options = options
  }

  /** Sends the copy on its way. */
  send(connection: InjectedConnection, head: string | undefined): void {
    const { onVain, resolve } = this.#options
    this.#connection = connection
    onTheirWay.set(connection, this)
    try {
      if (head === undefined) onVain()
      // Too many are on their way, or the server closes.
      if (head === undefined || !connection.open(head)) return resolve(givenUp)
      connection.once('close', () => this.#closed())
      this.#endAfter(ARRIVAL)
    } catch {
      // A listener of the server's cannot do with such a connection.
      onVain()
      resolve(givenUp)
      connection.destroy()
    }
  }

  /** Whether it is this route's. */
  isOf(route: Refreshes): boolean {
    return this.#options.route === route
  }

  /** Whether it waits for this call of the route. */
  isFor(route: Refreshes, key: string): boolean {
    return this.isOf(route) && !this.#hasArrived && this.#options.key === key
  }

  /** The copy is at its handler. `load` runs it; never rejects. */
  async arrive(load: Load<StoredResponse>): Promise<void> {
    const { frame, found, onVain, resolve, reject } = this.#options
    this.#hasArrived = true
    this.#endAfter(ANSWER)
    try {
      const loaded = await load(frame, found)
      // Without a client to hear of it, it is for who watches the cache.
      if (loaded.ending === 'failed') throw new CacheError('LOAD', 'The handler failed.')
      if ((!loaded.share || frame.isTentative) && loaded.ending === undefined) onVain()
      resolve(loaded)
    } catch (error) {
      reject(error)
    }
  }

  #endAfter(patience: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#options.onVain()
      this.#connection?.destroy()
    }, patience).unref()
  }

  #closed(): void {
    clearTimeout(this.#timer)
    if (this.#hasArrived) return
    this.#options.onVain()
    this.#options.resolve(givenUp)
  }
}
