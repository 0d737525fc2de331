// Knows how a function is wrapped, so that it is called as before and its results are kept.

import { types } from 'node:util'
import { branded } from './clearable.ts'
import { Definition, notSync } from './definition.ts'
import type { Engine } from './engine.ts'
import { keyOf } from './key.ts'
import type { Call } from './load.ts'
import { checkDefinition, NAMES, SYNC_NAMES, type AnyFunction, type MemoizeOptions, type MemoizeSyncOptions } from './memoize-options.ts'
import { placeOf } from './place.ts'

/** Wraps a function so that its results are kept until their time is up or something they were computed from is cleared. */
export function memoize(engine: Engine, fn: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, NAMES, 'memoize')
  const definition = new Definition(engine, fn, options, placeOf(engine, options.store))
  const { calls } = definition
  const callOf = (self: unknown, args: unknown[]): Call => {
    const keyArgs = definition.keyArgs(self, args)
    return calls.call(keyArgs, keyOf(keyArgs))
  }
  const serve = async (call: Call, self: unknown, args: unknown[]): Promise<unknown> => {
    const served = await calls.serve(call, (frame) => definition.load(self, args, frame))
    if (served.from === 'unshared') throw new TypeError('unreachable: the load of a function shares its value')
    return served.entry.value
  }
  const cached = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    try {
      const keyArgs = definition.keyArgs(this, args)
      const key = keyOf(keyArgs)
      const entry = calls.fresh(key)
      if (entry === undefined) return serve(calls.call(keyArgs, key), this, args)
      if (calls.isDue(entry)) calls.refreshAhead(calls.call(keyArgs, key), (frame) => definition.load(this, args, frame), entry)
      return Promise.resolve(entry.value)
    } catch (error) {
      return Promise.reject(error)
    }
  }
  // `fn.refresh(…)` is called on the cached function, which is nobody's `this`; `fn.refresh.call(object, …)` on the object.
  const selfOf = (self: unknown): unknown => (self === cached ? undefined : self)
  return dress(cached, fn, {
    ...definition.handle(),
    async peek(this: unknown, ...args: unknown[]) {
      return (await calls.peek(callOf(selfOf(this), args)))?.value
    },
    async refresh(this: unknown, ...args: unknown[]) {
      const self = selfOf(this)
      return (await calls.refresh(callOf(self, args), (frame) => definition.load(self, args, frame))).value
    },
  })
}

/** As `memoize`, for a synchronous function, in this process alone. */
export function memoizeSync(engine: Engine, fn: AnyFunction, options: MemoizeSyncOptions<AnyFunction, unknown>): object {
  checkDefinition(fn, options, SYNC_NAMES, 'memoizeSync')
  if (types.isAsyncFunction(fn)) throw notSync(options.name ?? fn.name)
  const definition = new Definition(engine, fn, options, 'memory')
  const { calls } = definition
  const cached = function (this: unknown, ...args: unknown[]): unknown {
    const keyArgs = definition.keyArgs(this, args)
    const key = keyOf(keyArgs)
    const entry = calls.known(key)
    return entry === undefined ? calls.loadSync(calls.call(keyArgs, key), (frame) => definition.loadSync(this, args, frame)) : entry.value
  }
  return dress(cached, fn, {
    ...definition.handle(),
    peek(this: unknown, ...args: unknown[]) {
      const keyArgs = definition.keyArgs(this === cached ? undefined : this, args)
      return calls.peekSync(calls.call(keyArgs, keyOf(keyArgs)))?.value
    },
  })
}

/** Makes a function look like the one it stands for, and gives it its handle. */
export function dress(cached: AnyFunction, fn: AnyFunction, handle: object): object {
  Object.defineProperty(cached, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(cached, 'length', { value: fn.length, configurable: true })
  return branded(Object.assign(cached, handle))
}
