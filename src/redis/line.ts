// Knows one socket to Redis: it connects by itself, again and again, and while it cannot it says so at once.

import { StoreError } from '../errors.ts'

/** What a client of one server and one of a Cluster have in common. */
interface Connectable {
  readonly status: string
  connect(): Promise<void>
  disconnect(reconnect?: boolean): void
  on(event: string, listener: (error: unknown) => void): unknown
  once(event: string, listener: () => void): unknown
}

interface Waiter<Client> {
  resolve(client: Client): void
  reject(error: StoreError): void
}

interface LineOptions {
  /** Milliseconds after which a connection attempt that hangs is given up for the next one. */
  attemptTimeout: number
  /** Connected, or connected again. */
  onReady(): void
  /** Away: told once, until it is ready again. */
  onAway(error: StoreError): void
}

// A client can end by itself only where it could not even begin, as when no Sentinel knows the server.
const BEGIN_AGAIN = 1000
const LONGEST_CLOSE = 100

/** One connection of our own. It takes a client that has not connected yet. */
export class Line<Client extends Connectable> {
  readonly #client: Client
  readonly #options: LineOptions
  readonly #waiting = new Set<Waiter<Client>>()
  #session = 0
  #isReady = false
  #mayWait = true
  #isAway = false
  #isClosed = false
  #failure: unknown
  #timer: NodeJS.Timeout | undefined

  constructor(client: Client, options: LineOptions) {
    this.#client = client
    this.#options = options
    client.on('error', (error: unknown) => (this.#failure = error))
    client.on('connecting', () => this.#after(options.attemptTimeout, () => client.disconnect(true)))
    client.on('ready', () => this.#begin())
    client.on('close', () => this.#lose())
    client.on('end', () => this.#end())
    this.#connect()
  }

  /** Which connection this is: another number after each reconnection. */
  get session(): number {
    return this.#session
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /**
   * The client, connected: at once where it is, since each command asks. Waits for the first attempt at a connection; once one has failed it
   * rejects at once until another succeeds.
   */
  ready(): Client | Promise<Client> {
    if (this.#isReady) return this.#client
    if (!this.#mayWait || this.#isClosed) return Promise.reject(this.#away())
    return new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }))
  }

  /** Nobody waits for the attempt that is under way any more. */
  giveUp(): void {
    this.#mayWait = false
    const error = this.#away()
    for (const waiter of this.#waiting) waiter.reject(error)
    this.#waiting.clear()
  }

  /** Ends the connection `session`, which did not answer, for a new one. False when it had ended already. */
  drop(session: number, cause: unknown): boolean {
    if (session !== this.#session || !this.#isReady) return false
    this.#isReady = false
    this.#failure = cause
    this.giveUp()
    this.#client.disconnect(true)
    return true
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isReady = false
    clearTimeout(this.#timer)
    this.giveUp()
    const client = this.#client
    if (client.status === 'end') return
    const isOpen = client.status !== 'reconnecting' && client.status !== 'wait'
    client.disconnect()
    if (isOpen) await ended(client)
  }

  #connect(): void {
    // What goes wrong arrives as an event.
    this.#client.connect().catch(() => undefined)
  }

  #begin(): void {
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#session++
    this.#isReady = true
    this.#mayWait = true
    this.#isAway = false
    this.#options.onReady()
    for (const waiter of this.#waiting) waiter.resolve(this.#client)
    this.#waiting.clear()
  }

  #lose(): void {
    clearTimeout(this.#timer)
    const wasReady = this.#isReady
    this.#isReady = false
    // The next attempt after a connection broke is worth waiting for: most servers are back at once, and one that is not refuses at once.
    if (!wasReady) this.giveUp()
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#options.onAway(this.#away())
  }

  #end(): void {
    // Where it could not even begin, nothing was closed before.
    this.#lose()
    if (!this.#isClosed) this.#after(BEGIN_AGAIN, () => this.#connect())
  }

  #away(): StoreError {
    return new StoreError(this.#isClosed ? 'The cache was closed.' : 'Redis cannot be reached at the moment.', this.#failure)
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, ms).unref()
  }
}

function ended(client: Connectable): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LONGEST_CLOSE)
    client.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
