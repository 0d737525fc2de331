// Knows how a function is wrapped, so that it is called as before and its results are kept.

import { types } from 'node:util'
import type { Caller } from './abort.ts'
import { branded } from './clearable.ts'
import { Definition, notSync, type Asked } from './definition.ts'
import type { Engine } from './engine.ts'
import type { Entry } from './entry.ts'
import type { Call, Led, Load, ServeOptions } from './call.ts'
import type { Calls } from './calls.ts'
import { isAsItIs } from './label.ts'
import { answerAll, Batch, checkCalls, type Place } from './many.ts'
import { checkDefinition, NAMES, SYNC_NAMES, type AnyFunction, type MemoizeOptions, type MemoizeSyncOptions } from './memoize-options.ts'
import { placeOf } from './place.ts'
import type { Frame } from './tracking.ts'

/** How a call is answered whose entry was just looked for here. */
const MISSING: ServeOptions = { isMissing: true }

type Run = (args: unknown[], frame: Frame) => unknown

/** Wraps a function so that its results are kept until their time is up or something they were computed from is cleared. */
export function memoize(engine: Engine, fn: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, NAMES, 'memoize')
  const definition = new Definition(engine, fn, options, placeOf(engine, options.store))
  const { calls, give, isKeyless } = definition
  const { loadMany } = options
  const entryOf = (asked: Asked, self: unknown, place?: Place): Promise<Entry<unknown>> => {
    const load = loadOf(asked, self, place && ((args, frame) => place.load(args, frame)))
    const { call, caller } = asked
    return caller === undefined ? entryFrom(calls, call, load, { place }) : entryFor(caller, asked, self, load, place)
  }
  const entryFor = async (caller: Caller, asked: Asked, self: unknown, load: Load<unknown>, place?: Place): Promise<Entry<unknown>> => {
    caller.check()
    const entry = calls.fresh(asked.call.key)
    if (entry !== undefined) return ahead(asked, self, entry)
    return await caller.until(() => entryFrom(calls, asked.call, load, { caller, place }))
  }
  const loadOf = (asked: Pick<Asked, 'args' | 'caller'>, self: unknown, run?: Run): Load<unknown> => {
    return (frame) => definition.load(self, asked.caller?.args ?? asked.args, frame, run)
  }
  /** A fresh entry, perhaps loaded anew behind it. */
  const ahead = (asked: Asked, self: unknown, entry: Entry<unknown>): Entry<unknown> => {
    if (calls.isDue(entry)) calls.refreshAhead(asked.call, loadOf(asked, self), entry)
    return entry
  }
  const valueOf = ({ entry }: Led<unknown>): unknown => give(entry.value)
  const answer = (asked: Asked, self: unknown): Promise<unknown> =>
    asked.caller === undefined
      ? calls.answer(asked.call, loadOf(asked, self), MISSING, valueOf)
      : entryOf(asked, self).then(({ value }) => give(value))
  const hit = (self: unknown, keyArgs: readonly unknown[], args: unknown[], entry: Entry<unknown>): Promise<unknown> => {
    if (calls.isDue(entry)) calls.refreshAhead(calls.call(keyArgs, entry.key), loadOf({ args, caller: undefined }, self), entry)
    return Promise.resolve(give(entry.value))
  }
  /** Answers a call whose entry is not found without its key. */
  const keyed = (self: unknown, keyArgs: readonly unknown[], args: unknown[]): Promise<unknown> => {
    const call = definition.callOfString(keyArgs, args)
    if (call !== undefined) return calls.answer(call, (frame) => definition.load(self, args, frame), MISSING, valueOf)
    const key = definition.keyOf(keyArgs, args)
    const entry = isOnlyByKey(key, keyArgs) ? calls.fresh(key) : undefined
    return entry === undefined ? answer(definition.ask(keyArgs, args, key), self) : hit(self, keyArgs, args, entry)
  }
  const cached = function (this: unknown, first?: unknown): Promise<unknown> {
    try {
      // The commonest hit needs no list of its arguments.
      const isString = isKeyless && typeof first === 'string' && arguments.length === 1
      const entry = isString ? calls.freshOfString(first) : undefined
      if (entry === undefined) return Reflect.apply(listed, this, arguments) as Promise<unknown>
      return calls.isDue(entry) ? hit(this, [first], [first], entry) : Promise.resolve(give(entry.value))
    } catch (error) {
      return Promise.reject(error)
    }
  }
  /** Answers a call that is not one string of which there is a fresh result. */
  const listed = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const keyArgs = definition.keyArgs(this, args)
    const string = definition.chosenString(keyArgs, args)
    const entry = string === undefined ? undefined : calls.freshOfString(string)
    return entry === undefined ? keyed(this, keyArgs, args) : hit(this, keyArgs, args, entry)
  }
  const ask = (self: unknown, args: unknown[]): Asked => definition.ask(definition.keyArgs(self, args), args)
  // `fn.refresh(…)` is called on the cached function, which is nobody's `this`; `fn.refresh.call(object, …)` on the object.
  const selfOf = (self: unknown): unknown => (self === cached ? undefined : self)
  return dress(cached, fn, {
    ...definition.handle(),
    async peek(this: unknown, ...args: unknown[]) {
      const { call, caller } = ask(selfOf(this), args)
      const peek = (): Promise<Entry<unknown> | undefined> => calls.peek(call)
      const entry = await (caller === undefined ? peek() : caller.until(peek))
      return entry === undefined ? undefined : give(entry.value)
    },
    async refresh(this: unknown, ...args: unknown[]) {
      const self = selfOf(this)
      const asked = ask(self, args)
      const { call, caller } = asked
      const refresh = (): Promise<Entry<unknown>> => calls.refresh(call, loadOf(asked, self), { caller })
      return give((await (caller === undefined ? refresh() : caller.until(refresh))).value)
    },
    async many(this: unknown, list: unknown) {
      const self = selfOf(this)
      const asked = checkCalls(list, calls.name).map((args) => ask(self, args))
      const newBatch =
        loadMany && ((count: number) => new Batch({ engine, calls, count, loadMany: (misses) => loadMany.call(self, misses) }))
      const entries = await answerAll(asked, (it, place) => entryOf(it, self, place), newBatch)
      return entries.map(({ value }) => give(value))
    },
  })
}

/** Whether a call may have an entry that is found only by its key: it was looked for by the string that is its only argument. */
function isOnlyByKey(key: string | undefined, keyArgs: readonly unknown[]): key is string {
  const string = keyArgs.length === 1 ? keyArgs[0] : undefined
  return key !== undefined && !(typeof string === 'string' && isAsItIs(string, key))
}

/** The entry that a call is answered with. */
export function entryFrom(calls: Calls<unknown>, call: Call, load: Load<unknown>, options: ServeOptions = {}): Promise<Entry<unknown>> {
  return calls.answer(call, load, options, ({ entry }) => entry)
}

/** As `memoize`, for a synchronous function, in this process alone. */
export function memoizeSync(engine: Engine, fn: AnyFunction, options: MemoizeSyncOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, SYNC_NAMES, 'memoizeSync')
  if (types.isAsyncFunction(fn)) throw notSync(options.name ?? fn.name)
  const definition = new Definition(engine, fn, options, 'memory')
  const { calls, give, isKeyless } = definition
  const cached = function (this: unknown, first?: unknown): unknown {
    const isString = isKeyless && typeof first === 'string' && arguments.length === 1
    const entry = isString ? calls.knownOfString(first) : undefined
    return entry === undefined ? Reflect.apply(listed, this, arguments) : give(entry.value)
  }
  /** Answers a call that is not one string of which there is a fresh result. */
  const listed = function (this: unknown, ...args: unknown[]): unknown {
    const keyArgs = definition.keyArgs(this, args)
    const string = definition.chosenString(keyArgs, args)
    const entry = string === undefined ? undefined : calls.knownOfString(string)
    return entry === undefined ? keyed(this, keyArgs, args) : give(entry.value)
  }
  /** Answers a call whose entry is not found without its key. */
  const keyed = (self: unknown, keyArgs: readonly unknown[], args: unknown[]): unknown => {
    const key = definition.keyOf(keyArgs, args)
    const entry = isOnlyByKey(key, keyArgs) ? calls.known(key) : undefined
    return entry === undefined ? answer(definition.ask(keyArgs, args, key), self) : give(entry.value)
  }
  // Nobody else waits for its load, and its signals are the caller's own.
  const answer = ({ call, caller, args }: Asked, self: unknown): unknown => {
    caller?.check()
    const entry = caller === undefined ? undefined : calls.known(call.key)
    return give(entry === undefined ? calls.loadSync(call, (frame) => definition.loadSync(self, args, frame)) : entry.value)
  }
  return dress(cached, fn, {
    ...definition.handle(),
    peek(this: unknown, ...args: unknown[]) {
      const keyArgs = definition.keyArgs(this === cached ? undefined : this, args)
      const entry = calls.peekSync(definition.ask(keyArgs, args).call)
      return entry === undefined ? undefined : give(entry.value)
    },
  })
}

/** Makes a function look like the one it stands for, and gives it its handle. */
export function dress(cached: AnyFunction, fn: AnyFunction, handle: object): object {
  Object.defineProperty(cached, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(cached, 'length', { value: fn.length, configurable: true })
  return branded(Object.assign(cached, handle))
}
