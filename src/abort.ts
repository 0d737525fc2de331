// Knows the signals among arguments: they are no part of a call, they end their caller's wait, and the load once nobody waits.

import { isWrittenPlain } from './key.ts'

/** The signals among arguments, or among the properties of one that is a plain object. */
export function signalsIn(args: readonly unknown[]): AbortSignal[] {
  const signals: AbortSignal[] = []
  for (const arg of args) {
    if (typeof arg !== 'object' || arg === null) continue
    if (arg instanceof AbortSignal) signals.push(arg)
    else if (isWrittenPlain(arg)) signals.push(...Object.values(arg).filter(isSignal))
  }
  return signals
}

/** The arguments without their signals: `instead` in the place of one that is an argument, and no property where one is a property. */
export function withoutSignals(args: readonly unknown[], instead: unknown): readonly unknown[] {
  return args.map((arg) => {
    if (isSignal(arg)) return instead
    return hasSignal(arg) ? Object.fromEntries(Object.entries(arg).filter(([, value]) => !isSignal(value))) : arg
  })
}

function withSignal(args: readonly unknown[], signal: AbortSignal): unknown[] {
  const replaced = (value: unknown): unknown => (isSignal(value) ? signal : value)
  return args.map((arg) =>
    hasSignal(arg) ? Object.fromEntries(Object.entries(arg).map(([name, value]) => [name, replaced(value)])) : replaced(arg),
  )
}

function hasSignal(arg: unknown): arg is object {
  return isWrittenPlain(arg) && Object.values(arg).some(isSignal)
}

export function isSignal(value: unknown): value is AbortSignal {
  return value instanceof AbortSignal
}

/** A caller that may leave: its wait ends when one of its signals aborts. */
export class Caller {
  readonly #args: readonly unknown[]
  readonly #signals: readonly AbortSignal[]
  #load: AbortController | undefined
  #audience: Audience | undefined
  #left: { readonly reason: unknown } | undefined

  constructor(args: readonly unknown[], signals: readonly AbortSignal[]) {
    this.#signals = signals
    this.#args = args
  }

  /** The arguments for the load that it begins, with that load's own signal in the place of those given. */
  get args(): unknown[] {
    return withSignal(this.#args, this.signal)
  }

  /** Aborts when nobody waits for the load any more that it begins. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  // Most calls are answered without a load.
  get #controller(): AbortController {
    return (this.#load ??= new AbortController())
  }

  /** Throws the reason of a signal that has aborted. */
  check(): void {
    for (const signal of this.#signals) signal.throwIfAborted()
  }

  /** What the work gives, or a rejection as soon as a signal aborts; the work is then told by `check` and `audience`. */
  async until<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    let leave!: Leave
    const left = new Promise<never>((_, reject) => {
      leave = (reason) => {
        this.#left ??= { reason }
        reject(reason)
        this.#audience?.leave(reason)
        this.#audience = undefined
      }
    })
    for (const signal of this.#signals) listen(signal, leave)
    try {
      return await Promise.race([work(), left])
    } finally {
      for (const signal of this.#signals) unlisten(signal, leave)
    }
  }

  /** Begins a load, for which others may come to wait. */
  lead(onGone: () => void): Audience {
    return new Audience((reason) => {
      onGone()
      this.#controller.abort(reason)
    })
  }

  join(audience: Audience): void {
    audience.enter()
    if (this.#left === undefined) this.#audience = audience
    else audience.leave(this.#left.reason)
  }
}

type Leave = (reason: unknown) => void

interface Listening {
  readonly leaves: Set<Leave>
  readonly onAbort: () => void
}

// One listener a signal, however many calls it is given to: Node warns of a leak where there are more than ten.
const listening = new WeakMap<AbortSignal, Listening>()

function listen(signal: AbortSignal, leave: Leave): void {
  const there = listening.get(signal)
  if (there !== undefined) return void there.leaves.add(leave)
  const leaves = new Set([leave])
  const onAbort = (): void => leaves.forEach((each) => each(signal.reason))
  listening.set(signal, { leaves, onAbort })
  signal.addEventListener('abort', onAbort, { once: true })
}

function unlisten(signal: AbortSignal, leave: Leave): void {
  const there = listening.get(signal)
  if (there === undefined || !there.leaves.delete(leave) || there.leaves.size > 0) return
  listening.delete(signal)
  signal.removeEventListener('abort', there.onAbort)
}

/** Who waits for a load. */
export class Audience {
  #waiting = 0
  #gone: { readonly reason: unknown } | undefined
  readonly #onGone: (reason: unknown) => void
  readonly #awaiting: Array<() => void> = []

  constructor(onGone: (reason: unknown) => void) {
    this.#onGone = onGone
  }

  /** Whether all who waited have left. */
  get isGone(): boolean {
    return this.#gone !== undefined
  }

  /** Resolves when all who waited have left. */
  gone(): Promise<void> {
    return new Promise((resolve) => (this.isGone ? resolve() : void this.#awaiting.push(resolve)))
  }

  /** Throws the reason for which the last one left. */
  check(): void {
    if (this.#gone !== undefined) throw this.#gone.reason
  }

  enter(): void {
    this.#waiting++
  }

  leave(reason: unknown): void {
    if (--this.#waiting > 0) return
    this.#gone = { reason }
    this.#onGone(reason)
    for (const resolve of this.#awaiting) resolve()
  }
}
