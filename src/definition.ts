// Knows how a function and its options become calls.

import { types } from 'node:util'
import { Caller, isSignal, signalsIn, withoutSignals } from './abort.ts'
import { resolveCodec, type Codec } from './codec.ts'
import { asked, atOnce, Declared } from './declared.ts'
import { show, toLifetime, toMilliseconds } from './duration.ts'
import type { Engine } from './engine.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import { flatText } from './flat-key.ts'
import { isolationOf, type Isolation } from './isolate.ts'
import { any, keyUnless, strictText, type KeyText } from './key.ts'
import { isPlain } from './label.ts'
import { Begun, type Call, type Loaded, type Making } from './call.ts'
import { Calls } from './calls.ts'
import type { AnyFunction, MemoizeOptions } from './memoize-options.ts'
import { toBoolean, toLimit, toVersion } from './options.ts'
import { pacingOf } from './pacing.ts'
import { isReadOnce, readOnce } from './read-once.ts'
import { patternRef, type Ref } from './ref.ts'
import type { Place, StoreOption } from './remote.ts'
import type { Frame } from './tracking.ts'

/** What a caller asks for. */
export interface Asked {
  readonly call: Call
  readonly args: unknown[]
  /** Where the arguments have signals, by which it may leave. */
  readonly caller: Caller | undefined
}

/** A function and its resolved options, as calls. */
export class Definition {
  readonly original: AnyFunction
  readonly calls: Calls<unknown>
  readonly engine: Engine
  /** What a caller is given of an entry's value. */
  readonly give: Isolation['give']
  /** Whether all arguments select the result: there is no `key`. */
  readonly isKeyless: boolean
  readonly #isolation: Isolation
  readonly #isFlat: boolean
  readonly #keyText: KeyText
  readonly #options: MemoizeOptions<AnyFunction, unknown>
  readonly #declared: Declared

  constructor(engine: Engine, original: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>, place: Place) {
    this.engine = engine
    this.original = original
    this.#options = options
    this.isKeyless = options.key === undefined
    const { ttl, limit, size, strict = true, staleWhileRevalidate = 0, staleIfError = 0 } = options
    const codec = resolveCodec(options.codec)
    this.#isolation = isolationOf({
      isolate: options.isolate,
      codec: options.codec,
      wire: codec === 'reference' ? neverEncoded : codec,
      size: size && ((value) => checkedSize(atOnce(size(value)))),
    })
    this.give = this.#isolation.give
    const { size: sizeOf } = this.#isolation
    this.#isFlat = !toBoolean(strict, 'strict')
    const keyText = this.#isFlat ? flatText : strictText
    this.#keyText = engine.options.disabled ? unlessUnkeyable(keyText) : keyText
    const name = options.name ?? original.name
    this.#declared = new Declared({ engine, name, length: original.length, dependsOn: options.dependsOn, key: options.key })
    this.calls = new Calls(engine, {
      name,
      ttl: ttl === undefined || typeof ttl === 'function' ? engine.options.ttl : toLifetime(ttl, 'ttl'),
      version: toVersion(options.version),
      limit: limit === undefined ? engine.options.limit : toLimit(limit, 'limit'),
      limitInRedis: limit === undefined ? engine.options.limitInRedis : toLimit(limit, 'limit'),
      staleWhileRevalidate: toMilliseconds(staleWhileRevalidate, 'staleWhileRevalidate'),
      staleIfError: toMilliseconds(staleIfError, 'staleIfError'),
      ...pacingOf(options),
      place: codec === 'reference' ? referencePlace(options.store) : place,
      isFlat: this.#isFlat,
      codec: this.#isolation.codec,
      ...(sizeOf !== undefined && { size: (value) => this.#ask('size', () => sizeOf(value)) }),
      declaredFor: (ref) => this.#declared.of(ref),
    })
  }

  keyArgs(self: unknown, args: unknown[]): readonly unknown[] {
    const { key } = this.#options
    if (key === undefined) return args
    const chosen = key.apply(self, args)
    // A list of the user's own may give another element each time it is asked.
    return Array.isArray(chosen) ? Array.from<unknown>(chosen) : [chosen]
  }

  /** The string that `key` has chosen as all there is to a call. */
  chosenString(keyArgs: readonly unknown[], args: readonly unknown[]): string | undefined {
    if (this.isKeyless || keyArgs.length !== 1 || signalsIn(args).length > 0) return undefined
    return typeof keyArgs[0] === 'string' ? keyArgs[0] : undefined
  }

  /** The key of a call; undefined where there is a signal among its arguments. Throws a `KeyError`. */
  keyOf(keyArgs: readonly unknown[], args: readonly unknown[]): string | undefined {
    if (keyArgs !== args && signalsIn(args).length > 0) return undefined
    return keyUnless(keyArgs, this.#keyText, isSignal)
  }

  /** What a caller asks for with these arguments. Throws a `KeyError`. */
  ask(keyArgs: readonly unknown[], args: unknown[], key?: string): Asked {
    const signals = signalsIn(args)
    if (signals.length === 0) return { call: this.#call(keyArgs, key), args, caller: undefined }
    return { call: this.#call(withoutSignals(keyArgs, undefined)), args, caller: new Caller(args, signals) }
  }

  /** The call of a string alone that says all there is to its key: what is not found by that string is not found by its key either. */
  callOfString(keyArgs: readonly unknown[], args: readonly unknown[]): Call | undefined {
    const string = keyArgs.length === 1 ? keyArgs[0] : undefined
    if (typeof string !== 'string' || !isPlain(string) || (keyArgs !== args && signalsIn(args).length > 0)) return undefined
    return this.calls.callOf(string)
  }

  #call(keyArgs: readonly unknown[], key?: string): Call {
    return this.calls.call(keyArgs, key ?? keyUnless(keyArgs, this.#keyText, () => false)!)
  }

  /** Loads inside of the frame that the engine made for it. `run`: in place of the function itself. */
  load(self: unknown, args: unknown[], frame: Frame, run?: (args: unknown[], frame: Frame) => unknown): Begun<unknown> {
    const isTracked = this.#declared.track(args, frame)
    const isOfCall = this.#isOfCall(args, frame)
    const running = run === undefined ? this.original.apply(self, args) : run(args, frame)
    return new Begun(promiseOf(running), new Run(this, args, frame, isTracked, isOfCall))
  }

  /** Whether no caller has changed its arguments while the load waited for its turn: what it gives is of another call then. */
  #isOfCall(args: unknown[], { call }: Frame): boolean {
    const mayChange = this.#options.key === undefined && this.calls.mayWait && args.some((arg) => typeof arg === 'object')
    if (!mayChange || signalsIn(args).length > 0) return true
    try {
      return this.#keyText(args) === call?.key
    } catch {
      return false
    }
  }

  loadSync(self: unknown, args: unknown[], frame: Frame): Loaded<unknown> {
    const isTracked = this.#declared.track(args, frame)
    const value = this.original.apply(self, args)
    // Kept, a promise would keep a failure too, and nothing that its function reads after the first await would be known.
    if (isPromise(value)) throw notSync(this.calls.name)
    return this.loaded(value, args, frame, isTracked)
  }

  /** As `load` where the original gives a promise, as `loadSync` where it does not. */
  loadEither(self: unknown, args: unknown[], frame: Frame): Loaded<unknown> | Promise<Loaded<unknown>> {
    const isTracked = this.#declared.track(args, frame)
    const loaded = (value: unknown): Loaded<unknown> => this.loaded(value, args, frame, isTracked)
    const value = this.original.apply(self, args)
    return isPromise(value) ? Promise.resolve(value).then(loaded) : loaded(value)
  }

  /** What is kept of what the original gave. `isTracked`: whether it is known on what that depends. */
  loaded(value: unknown, args: unknown[], frame: Frame, isTracked: boolean): Loaded<unknown> {
    if (isReadOnce(value)) {
      if (this.calls.isKept) this.engine.report(readOnce(value, this.calls.name))
      // Who waited for it loads by itself.
      return { value: this.#isolation.keepAsIs(value), store: false, share: false }
    }
    const { ttl, shouldCache } = this.#options
    const isWanted =
      isTracked &&
      (shouldCache === undefined || (this.#ask('shouldCache', () => checkedChoice(atOnce(shouldCache(value, ...args))), frame) ?? false))
    if (typeof ttl !== 'function' || !isWanted) return this.#kept(value, isWanted)
    const lifetime = this.#ask('ttl', () => toLifetime(atOnce(ttl(value, ...args)), 'ttl'), frame)
    const loaded = this.#kept(value, lifetime !== undefined)
    return lifetime === undefined ? loaded : { ...loaded, ttl: lifetime }
  }

  /** `frame`: of the load that it is asked for, which reads what this reads. */
  #ask<T>(option: string, ask: () => T, frame?: Frame): T | undefined {
    return asked({ engine: this.engine, name: this.calls.name }, option, frame === undefined ? ask : () => this.calls.within(frame, ask))
  }

  #kept(value: unknown, isWanted: boolean): Loaded<unknown> {
    try {
      return { value: this.#isolation.keep(value), store: isWanted, share: true }
    } catch (error) {
      this.engine.report(error)
      return { value: this.#isolation.keepAsIs(value), store: false, share: true }
    }
  }

  ref(args: readonly unknown[]): Ref {
    if (this.#isFlat && args.length > 0) throw flat(this.calls.name)
    const plain = signalsIn(args).length === 0 ? args : withoutSignals(args, any)
    return patternRef(this.calls.name, plain, this.engine)
  }

  handle(): object {
    const { calls, engine, original } = this
    const ref = (...args: unknown[]): Ref => this.ref(args)
    return {
      cacheName: calls.name,
      original,
      ref,
      clear: (...args: unknown[]) => engine.record('clear', () => [ref(...args)]),
      expire: (...args: unknown[]) => engine.record('expire', () => [ref(...args)]),
      count: async (...args: unknown[]) => calls.count(ref(...args)),
      stats: () => calls.stats(),
    }
  }
}

/** A run of the original. */
class Run implements Making<unknown> {
  readonly #definition: Definition
  readonly #args: unknown[]
  readonly #frame: Frame
  readonly #isTracked: boolean
  readonly #isOfCall: boolean

  constructor(definition: Definition, args: unknown[], frame: Frame, isTracked: boolean, isOfCall: boolean) {
    this.#definition = definition
    this.#args = args
    this.#frame = frame
    this.#isTracked = isTracked
    this.#isOfCall = isOfCall
  }

  loaded(value: unknown): Loaded<unknown> {
    const loaded = this.#definition.loaded(value, this.#args, this.#frame, this.#isTracked)
    return this.#isOfCall ? loaded : { ...loaded, store: false, share: false }
  }
}

/** For a cache that keeps nothing: where arguments have no key, each call has one of its own. */
function unlessUnkeyable(text: KeyText): KeyText {
  let calls = 0
  return (args) => {
    try {
      return text(args)
    } catch {
      return `#${++calls}`
    }
  }
}

function flat(name: string): UnsupportedError {
  return new UnsupportedError(
    `The keys of "${name}" are flat, by \`strict: false\`: no ref names some of its arguments. Clear all of it with clear(), or leave \`strict\` out.`,
  )
}

const neverEncoded: Codec = {
  encode() {
    throw new ConfigError('A value of codec "reference" never leaves its process.')
  },
  decode() {
    throw new ConfigError('A value of codec "reference" never comes from another process.')
  },
}

function referencePlace(store: StoreOption | undefined): Place {
  if (store !== 'redis' && typeof store !== 'object') return 'memory'
  throw new ConfigError('`codec: "reference"` keeps values in this process: use `store: "memory"` with it, or another codec.')
}

export function notSync(name: string): ConfigError {
  return new ConfigError(`"${name}" gives a promise, and memoizeSync keeps values that are there at once: use memoize.`)
}

/** Anything true will do, but for what is always true. */
function checkedChoice(choice: boolean): boolean {
  if (!types.isPromise(choice)) return choice
  throw new ConfigError('Expected `shouldCache` to give true or false, got a promise.')
}

function checkedSize(bytes: number): number {
  if (Number.isFinite(bytes) && bytes >= 0) return bytes
  throw new ConfigError(`Expected \`size\` to give a number of bytes, 0 or more, got ${show(bytes)}.`)
}

/** A promise of what a function gave, which is as a promise of the language is, whatever was made of the one that it gave. */
function promiseOf(given: unknown): Promise<unknown> {
  const promise = Promise.resolve(given)
  return promise.then === Promise.prototype.then ? promise : new Promise((resolve) => resolve(given))
}

function isPromise(value: unknown): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value && typeof value.then === 'function'
}
